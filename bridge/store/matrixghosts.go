package store

import (
	"context"
	"database/sql"

	"isthmus/bridge"
)

// MatrixGhost is an account on the homeserver that stands for somebody.
type MatrixGhost struct {
	UserID      string
	Person      bridge.Person
	DisplayName string // as the homeserver has it
	AvatarSHA1  string // hex; of the picture that AvatarMXC is, "" for none
	AvatarMXC   string
	Registered  bool
}

// MatrixGhosts are the accounts on the homeserver that stand for people of
// other networks.
type MatrixGhosts interface {
	// MatrixGhosts returns all, in the order of their user ids.
	MatrixGhosts(ctx context.Context) ([]MatrixGhost, error)
	// MatrixGhost returns the zero MatrixGhost where none is known.
	MatrixGhost(ctx context.Context, user string) (MatrixGhost, error)
	// SetMatrixGhost replaces what was known under g.UserID.
	SetMatrixGhost(ctx context.Context, g MatrixGhost) error
	DeleteMatrixGhost(ctx context.Context, user string) error
}

var _ MatrixGhosts = (*Store)(nil)

const selectGhosts = `SELECT user_id, person_network, person, displayname, avatar_sha1, avatar_mxc, registered FROM matrix_ghosts `

func scanGhost(rows *sql.Rows) (g MatrixGhost, err error) {
	err = rows.Scan(&g.UserID, &g.Person.Network, &g.Person.ID, &g.DisplayName, &g.AvatarSHA1, &g.AvatarMXC, &g.Registered)
	return g, err
}

// MatrixGhosts implements MatrixGhosts.
func (s *Store) MatrixGhosts(ctx context.Context) ([]MatrixGhost, error) {
	return list(ctx, s, scanGhost, selectGhosts+`ORDER BY user_id`)
}

// MatrixGhost implements MatrixGhosts.
func (s *Store) MatrixGhost(ctx context.Context, user string) (MatrixGhost, error) {
	return first(list(ctx, s, scanGhost, selectGhosts+`WHERE user_id = $1`, user))
}

// SetMatrixGhost implements MatrixGhosts.
func (s *Store) SetMatrixGhost(ctx context.Context, g MatrixGhost) error {
	return s.exec(ctx, `INSERT INTO matrix_ghosts (user_id, person_network, person, displayname, avatar_sha1, avatar_mxc, registered)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (user_id) DO UPDATE SET person_network = excluded.person_network, person = excluded.person,
			displayname = excluded.displayname, avatar_sha1 = excluded.avatar_sha1, avatar_mxc = excluded.avatar_mxc,
			registered = excluded.registered`,
		g.UserID, g.Person.Network, g.Person.ID, g.DisplayName, g.AvatarSHA1, g.AvatarMXC, g.Registered)
}

// DeleteMatrixGhost implements MatrixGhosts.
func (s *Store) DeleteMatrixGhost(ctx context.Context, user string) error {
	return s.exec(ctx, `DELETE FROM matrix_ghosts WHERE user_id = $1`, user)
}

// list asks for rows.
func list[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (all []T, err error) {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			one, err := scan(rows)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		return all, rows.Err()
	})
}

// first is the first of all, or the zero value where there is none.
func first[T any](all []T, err error) (one T, _ error) {
	if err == nil && len(all) > 0 {
		one = all[0]
	}
	return one, err
}

// exec makes one change.
func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	_, err := ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (sql.Result, error) {
		return tx.ExecContext(ctx, query, args...)
	})
	return err
}
