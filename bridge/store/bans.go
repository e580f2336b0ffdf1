package store

import (
	"context"
	"database/sql"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/mapping"
)

const (
	// maxBans bounds the bans of one link; those beyond do not outlive a restart.
	maxBans = 65536
	// banPatience is how long the database may take over one.
	banPatience = 5 * time.Second
)

var _ mapping.Bans = (*Store)(nil)

// Bans implements mapping.Bans.
func (s *Store) Bans(link string) ([]mapping.Ban, error) {
	ctx, cancel := context.WithTimeout(context.Background(), banPatience)
	defer cancel()
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) ([]mapping.Ban, error) {
		rows, err := tx.QueryContext(ctx, `SELECT person_network, person, name, actor, network, room, reason, at FROM link_bans
			WHERE link = $1 ORDER BY person_network, person`, link)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var all []mapping.Ban
		for rows.Next() {
			var b mapping.Ban
			var at int64
			if err := rows.Scan(&b.Person.Network, &b.Person.ID, &b.Name, &b.By, &b.From.Network, &b.From.ID, &b.Reason, &at); err != nil {
				return nil, err
			}
			b.At = time.Unix(at, 0).UTC()
			all = append(all, b)
		}
		return all, rows.Err()
	})
}

// SetBan implements mapping.Bans. It fails with ErrCrowded where a link has too many.
func (s *Store) SetBan(link string, b mapping.Ban) error {
	return s.changeBans(func(ctx context.Context, tx *sql.Tx) error {
		var others int64
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM link_bans WHERE link = $1`, link).Scan(&others)
		if err == nil && others >= maxBans {
			err = ErrCrowded
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO link_bans (link, person_network, person, name, actor, network, room, reason, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (link, person_network, person) DO UPDATE SET name = excluded.name,
			actor = excluded.actor, network = excluded.network, room = excluded.room, reason = excluded.reason, at = excluded.at`,
			link, b.Person.Network, b.Person.ID, b.Name, b.By, b.From.Network, b.From.ID, b.Reason, b.At.Unix())
		return err
	})
}

// LiftBan implements mapping.Bans.
func (s *Store) LiftBan(link string, who bridge.Person) error {
	return s.changeBans(func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM link_bans WHERE link = $1 AND person_network = $2 AND person = $3`, link, who.Network, who.ID)
		return err
	})
}

func (s *Store) changeBans(f func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), banPatience)
	defer cancel()
	_, err := ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (struct{}, error) { return struct{}{}, f(ctx, tx) })
	return err
}
