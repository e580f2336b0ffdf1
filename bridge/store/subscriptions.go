package store

import (
	"context"
	"database/sql"

	"isthmus/bridge"
)

// Bounds of the subscriptions that are kept, since strangers make them. Those
// beyond are counted in Counters.Refused, and not kept.
const (
	maxSubscriptions          = 65536
	maxSubscriptionsPerPerson = 512
)

// Subscriptions implements Subscriptions.
func (s *Store) Subscriptions(ctx context.Context) ([]bridge.Room, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) ([]bridge.Room, error) {
		rows, err := tx.QueryContext(ctx, `SELECT network, room, person_network, person FROM subscriptions
			ORDER BY person_network, person, network, room`)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var all []bridge.Room
		for rows.Next() {
			var r bridge.Room
			if err := rows.Scan(&r.Network, &r.ID, &r.Owner.Network, &r.Owner.ID); err != nil {
				return nil, err
			}
			all = append(all, r)
		}
		return all, rows.Err()
	})
}

// SetSubscriptions implements Subscriptions.
func (s *Store) SetSubscriptions(ctx context.Context, changes map[bridge.Room]bool) error {
	refused, err := ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (refused int64, err error) {
		for conversation, subscribed := range changes {
			if !subscribed {
				err = unsubscribe(ctx, tx, conversation)
			} else if kept, e := subscribe(ctx, tx, conversation); !kept {
				refused, err = refused+1, e
			}
			if err != nil {
				return 0, err
			}
		}
		return refused, nil
	})
	s.Counters.Refused.Add(refused)
	return err
}

// subscribe reports false where there is no place for another one.
func subscribe(ctx context.Context, tx *sql.Tx, c bridge.Room) (kept bool, err error) {
	var all, theirs int64
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*), COUNT(CASE WHEN person_network = $1 AND person = $2 THEN 1 END)
		FROM subscriptions`, c.Owner.Network, c.Owner.ID).Scan(&all, &theirs)
	if err != nil || all >= maxSubscriptions || theirs >= maxSubscriptionsPerPerson {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO subscriptions (person_network, person, network, room)
		VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, c.Owner.Network, c.Owner.ID, c.Network, c.ID)
	return err == nil, err
}

func unsubscribe(ctx context.Context, tx *sql.Tx, c bridge.Room) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM subscriptions
		WHERE person_network = $1 AND person = $2 AND network = $3 AND room = $4`,
		c.Owner.Network, c.Owner.ID, c.Network, c.ID)
	return err
}
