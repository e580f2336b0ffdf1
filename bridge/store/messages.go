package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"isthmus/bridge"
)

const (
	// maxNativeID bounds a network's id, in bytes; hostile servers make long ones.
	maxNativeID = 1024
	// insertRows is how many rows one statement takes: preparing it costs as
	// much as the rows.
	insertRows = 32
	// pruneRows is how many rows are forgotten in one go, so that others
	// needn't wait.
	pruneRows = 1000
)

// patience is how long Record waits for a place in the queue.
const patience = time.Second

// Record implements bridge.Recorder: it returns when r is queued, and a look-up
// finds it from then on. While the queue is full it waits a second for a slow
// database; from one that is away nobody waits again until it is back: talk
// goes on, and ids are lost, which costs later replies their targets.
func (s *Store) Record(r bridge.Record) {
	if len(r.Native) > maxNativeID || strings.ContainsRune(r.Native, 0) {
		s.Counters.Lost.Add(1)
		s.opts.Log.Debug("store: a network's message id is unusable", "room", r.Room, "bytes", len(r.Native))
		return
	}
	select {
	case s.records <- r:
		s.queued()
		return
	default:
	}
	if !s.stuck.Load() {
		wait := time.NewTimer(patience)
		defer wait.Stop()
		select {
		case s.records <- r:
			s.queued()
			return
		case <-wait.C:
			s.stuck.Store(true)
			s.opts.Log.Error("store: the database takes nothing any more; message ids are lost until it does")
		case <-s.closed:
		}
	}
	s.Counters.Lost.Add(1)
}

// insertSQL returns the statement that inserts n rows. A network's id that is
// known already keeps its first meaning. PostgreSQL wants its parameters
// numbered; SQLite's driver takes a quarter longer with numbers.
func insertSQL(n int, numbered bool) string {
	var b strings.Builder
	b.WriteString("INSERT INTO messages (id, room, native) VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		if numbered {
			fmt.Fprintf(&b, "($%d, $%d, $%d)", 3*i+1, 3*i+2, 3*i+3)
		} else {
			b.WriteString("(?, ?, ?)")
		}
	}
	b.WriteString(" ON CONFLICT DO NOTHING")
	return b.String()
}

// insertStatements returns those for 0 to insertRows rows.
func insertStatements(numbered bool) (texts [insertRows + 1]string) {
	for n := range texts {
		texts[n] = insertSQL(n, numbered)
	}
	return texts
}

func (s *Store) insert(tx *sql.Tx, records []bridge.Record) error {
	args := make([]any, 0, 3*min(len(records), insertRows))
	for len(records) > 0 {
		n := min(len(records), insertRows)
		args = args[:0]
		for _, r := range records[:n] {
			args = append(args, r.ID, s.rooms.number(r.Room), r.Native)
		}
		if _, err := tx.ExecContext(s.ctx, s.insertSQL[n], args...); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// MessageID implements MessageIDs.
func (s *Store) MessageID(ctx context.Context, room bridge.Room, native string) (string, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (id string, err error) {
		err = tx.QueryRowContext(ctx, `SELECT id FROM messages WHERE room = $1 AND native = $2`,
			s.rooms.number(room), native).Scan(&id)
		if err == sql.ErrNoRows {
			return "", nil
		}
		return id, err
	})
}

// NativeIDs implements MessageIDs.
func (s *Store) NativeIDs(ctx context.Context, id string, room bridge.Room) ([]string, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (natives []string, err error) {
		rows, err := tx.QueryContext(ctx, `SELECT native FROM messages WHERE id = $1 AND room = $2`,
			id, s.rooms.number(room))
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var native string
			if err := rows.Scan(&native); err != nil {
				return nil, err
			}
			natives = append(natives, native)
		}
		return natives, rows.Err()
	})
}

// prune forgets message ids by age and count. It is the writer's.
func (s *Store) prune() {
	var cuts []string // ids up to which to forget
	if s.opts.KeepAge > 0 {
		cuts = append(cuts, bridge.FirstID(time.Now().Add(-s.opts.KeepAge)))
	}
	if s.opts.KeepCount > 0 {
		var cut string
		err := s.db.QueryRowContext(s.ctx, `SELECT id FROM messages ORDER BY id DESC LIMIT 1 OFFSET $1`,
			s.opts.KeepCount-1).Scan(&cut)
		if err == nil {
			cuts = append(cuts, cut)
		} else if err != sql.ErrNoRows {
			s.opts.Log.Warn("store: can't forget old message ids", "error", err)
		}
	}
	for _, cut := range cuts {
		s.forget(cut)
	}
}

// forget deletes ids before cut, serving others in between.
func (s *Store) forget(cut string) {
	for {
		done, err := s.db.ExecContext(s.ctx, `DELETE FROM messages WHERE id IN
			(SELECT id FROM messages WHERE id < $1 ORDER BY id LIMIT $2)`, cut, pruneRows)
		if err != nil {
			s.opts.Log.Warn("store: can't forget old message ids", "error", err)
			return
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return
		}
		s.drain()
	}
}
