package store

import (
	"context"
	"database/sql"
	"fmt"

	"isthmus/bridge"
)

// maxMatrixRooms bounds the rooms of Matrix that are remembered, since
// strangers make them.
const maxMatrixRooms = 262144

// MatrixRoom is a room on the Matrix homeserver that the bridge has something
// to do with over a restart.
type MatrixRoom struct {
	ID    string // the homeserver's
	Ghost string // the user id of who of ours it is kept for; "" where it is one room for all
	Kind  string // matrixside knows them
	User  string // the user id of the other party of a direct chat, else ""
	Room  bridge.Room
	Data  string // whatever its kind needs
}

// MatrixRooms are the rooms that matrixside remembers.
type MatrixRooms interface {
	// MatrixRooms returns all of them, in the order of their kinds and ids.
	MatrixRooms(ctx context.Context) ([]MatrixRoom, error)
	// SetMatrixRoom remembers r, in place of what was known by its ID and
	// Ghost. It fails where too many are remembered.
	SetMatrixRoom(ctx context.Context, r MatrixRoom) error
	// DeleteMatrixRoom forgets one, if it is known.
	DeleteMatrixRoom(ctx context.Context, id, ghost string) error
}

var _ MatrixRooms = (*Store)(nil)

// MatrixRooms implements MatrixRooms.
func (s *Store) MatrixRooms(ctx context.Context) ([]MatrixRoom, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) ([]MatrixRoom, error) {
		rows, err := tx.QueryContext(ctx, `SELECT id, ghost, kind, matrix_user, network, room, owner_network, owner, data
			FROM matrix_rooms ORDER BY kind, id, ghost`)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var all []MatrixRoom
		for rows.Next() {
			var r MatrixRoom
			if err := rows.Scan(&r.ID, &r.Ghost, &r.Kind, &r.User, &r.Room.Network, &r.Room.ID,
				&r.Room.Owner.Network, &r.Room.Owner.ID, &r.Data); err != nil {
				return nil, err
			}
			all = append(all, r)
		}
		return all, rows.Err()
	})
}

// SetMatrixRoom implements MatrixRooms.
func (s *Store) SetMatrixRoom(ctx context.Context, r MatrixRoom) error {
	_, err := ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (struct{}, error) {
		var known int64
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM matrix_rooms`).Scan(&known); err != nil {
			return struct{}{}, err
		}
		if known >= maxMatrixRooms {
			return struct{}{}, fmt.Errorf("%d rooms of Matrix are remembered already", known)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO matrix_rooms
			(id, ghost, kind, matrix_user, network, room, owner_network, owner, data)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (id, ghost) DO UPDATE SET kind = excluded.kind, matrix_user = excluded.matrix_user,
				network = excluded.network, room = excluded.room, owner_network = excluded.owner_network,
				owner = excluded.owner, data = excluded.data`,
			r.ID, r.Ghost, r.Kind, r.User, r.Room.Network, r.Room.ID, r.Room.Owner.Network, r.Room.Owner.ID, r.Data)
		return struct{}{}, err
	})
	return err
}

// DeleteMatrixRoom implements MatrixRooms.
func (s *Store) DeleteMatrixRoom(ctx context.Context, id, ghost string) error {
	_, err := ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (struct{}, error) {
		_, err := tx.ExecContext(ctx, `DELETE FROM matrix_rooms WHERE id = $1 AND ghost = $2`, id, ghost)
		return struct{}{}, err
	})
	return err
}
