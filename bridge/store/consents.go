package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"isthmus/bridge"
)

// maxConsents bounds the channels whose operators' consent is kept, since any
// number of channels can be made. That somebody wants no bridge is always kept.
const maxConsents = 65536

// ErrCrowded means that what strangers can make has no place any more.
var ErrCrowded = errors.New("there is no place for more of these")

// Consent is what an operator of a channel said last of having the bridge there.
type Consent struct {
	Room          bridge.Room
	Allowed       bool
	Nick, Account string // whose word it is
	At            time.Time
}

// Consents are what channels' operators said of the bridge.
type Consents interface {
	// Consents returns all of them, in the order of their rooms.
	Consents(ctx context.Context) ([]Consent, error)
	// SetConsent replaces what was said of a room before.
	SetConsent(ctx context.Context, c Consent) error
}

var _ Consents = (*Store)(nil)

// Consents implements Consents.
func (s *Store) Consents(ctx context.Context) ([]Consent, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) ([]Consent, error) {
		rows, err := tx.QueryContext(ctx, `SELECT network, room, allowed, nick, account, at FROM consents ORDER BY network, room`)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var all []Consent
		for rows.Next() {
			var c Consent
			var allowed, at int64
			if err := rows.Scan(&c.Room.Network, &c.Room.ID, &allowed, &c.Nick, &c.Account, &at); err != nil {
				return nil, err
			}
			c.Allowed, c.At = allowed != 0, time.Unix(at, 0).UTC()
			all = append(all, c)
		}
		return all, rows.Err()
	})
}

// SetConsent implements Consents.
func (s *Store) SetConsent(ctx context.Context, c Consent) error {
	allowed := 0
	if c.Allowed {
		allowed = 1
	}
	_, err := ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (struct{}, error) {
		var others int64
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM consents WHERE network <> $1 OR room <> $2`, c.Room.Network, c.Room.ID).Scan(&others)
		if err == nil && c.Allowed && others >= maxConsents {
			err = ErrCrowded
		}
		if err != nil {
			return struct{}{}, err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO consents (network, room, allowed, nick, account, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (network, room) DO UPDATE SET allowed = excluded.allowed, nick = excluded.nick, account = excluded.account, at = excluded.at`,
			c.Room.Network, c.Room.ID, allowed, c.Nick, c.Account, c.At.Unix())
		return struct{}{}, err
	})
	return err
}
