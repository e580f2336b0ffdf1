package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// acceptRows is how many events one statement takes.
const acceptRows = 32

// InboxEvent is an event as the homeserver brought it.
type InboxEvent struct {
	Seq  int64  // made by the store: growing in the order that events were accepted in
	ID   string // of the event, without NUL, in UTF-8
	Body string // its JSON, without NUL, in UTF-8
}

// Inbox is what the homeserver of Matrix brought and has not been carried on yet.
type Inbox interface {
	// Accept remembers events, in their order, and returns for each the Seq
	// that it has now, or 0 if it was here before: since it was first
	// accepted, a week ago or a million events. All or none are accepted.
	Accept(ctx context.Context, events []InboxEvent) (fresh []int64, err error)
	// Done tells that events have been carried on: nothing but that they have
	// been here is remembered of them.
	Done(ctx context.Context, seqs []int64) error
	// Waiting returns events that are not done, oldest first: limit of them
	// at most, those behind the one with the Seq after.
	Waiting(ctx context.Context, after int64, limit int) ([]InboxEvent, error)
	// Mark returns what SetMark set last by that name, "" for nothing.
	Mark(ctx context.Context, name string) (string, error)
	SetMark(ctx context.Context, name, value string) error
}

var _ Inbox = (*Store)(nil)

// Accept implements Inbox.
func (s *Store) Accept(ctx context.Context, events []InboxEvent) (fresh []int64, err error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) ([]int64, error) {
		var last int64
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM matrix_inbox`).Scan(&last); err != nil {
			return nil, err
		}
		next := max(last+1, time.Now().UnixMicro())
		fresh := make([]int64, len(events))
		at := make(map[int64]int, len(events)) // seq -> index in events
		for begin := 0; begin < len(events); begin += acceptRows {
			rows := events[begin:min(begin+acceptRows, len(events))]
			args := make([]any, 0, 3*len(rows))
			for i, e := range rows {
				at[next] = begin + i
				args = append(args, next, e.ID, e.Body)
				next++
			}
			if err := accept(ctx, tx, args, func(seq int64) { fresh[at[seq]] = seq }); err != nil {
				return nil, err
			}
		}
		return fresh, nil
	})
}

// accept inserts rows and tells which of them were new.
func accept(ctx context.Context, tx *sql.Tx, args []any, isFresh func(seq int64)) error {
	var b strings.Builder
	b.WriteString("INSERT INTO matrix_inbox (seq, event_id, body) VALUES ")
	for i := 0; i < len(args); i += 3 {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "($%d, $%d, $%d)", i+1, i+2, i+3)
	}
	b.WriteString(" ON CONFLICT (event_id) DO NOTHING RETURNING seq")
	rows, err := tx.QueryContext(ctx, b.String(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return err
		}
		isFresh(seq)
	}
	return rows.Err()
}

// Done implements Inbox.
func (s *Store) Done(ctx context.Context, seqs []int64) error {
	_, err := ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (struct{}, error) {
		update, err := tx.PrepareContext(ctx, `UPDATE matrix_inbox SET body = NULL WHERE seq = $1`)
		if err != nil {
			return struct{}{}, err
		}
		defer update.Close()
		for _, seq := range seqs {
			if _, err := update.ExecContext(ctx, seq); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// Waiting implements Inbox.
func (s *Store) Waiting(ctx context.Context, after int64, limit int) ([]InboxEvent, error) {
	return list(ctx, s, scanEvent, `SELECT seq, event_id, body FROM matrix_inbox
		WHERE body IS NOT NULL AND seq > $1 ORDER BY seq LIMIT $2`, after, limit)
}

func scanEvent(rows *sql.Rows) (e InboxEvent, err error) {
	err = rows.Scan(&e.Seq, &e.ID, &e.Body)
	return e, err
}

// It is remembered so long, and of so many, that an event has been here.
// Homeservers send one again within hours.
const (
	inboxAge   = 7 * 24 * time.Hour
	inboxCount = 1 << 20
)

// pruneInbox forgets events that have been carried on, all but the keep newest
// of those younger than age. It is the writer's.
func (s *Store) pruneInbox(age time.Duration, keep int64) {
	cut := time.Now().Add(-age).UnixMicro()
	var last int64
	err := s.db.QueryRowContext(s.ctx, `SELECT seq FROM matrix_inbox ORDER BY seq DESC LIMIT 1 OFFSET $1`, keep-1).Scan(&last)
	if err == nil {
		cut = max(cut, last)
	} else if err != sql.ErrNoRows {
		s.opts.Log.Warn("store: can't forget old events of Matrix", "error", err)
	}
	for {
		done, err := s.db.ExecContext(s.ctx, `DELETE FROM matrix_inbox WHERE seq IN
			(SELECT seq FROM matrix_inbox WHERE seq < $1 AND body IS NULL ORDER BY seq LIMIT $2)`, cut, pruneRows)
		if err != nil {
			s.opts.Log.Warn("store: can't forget old events of Matrix", "error", err)
			return
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return
		}
		s.drain()
	}
}

// Mark implements Inbox.
func (s *Store) Mark(ctx context.Context, name string) (string, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (value string, err error) {
		err = tx.QueryRowContext(ctx, `SELECT value FROM matrix_marks WHERE name = $1`, name).Scan(&value)
		if err == sql.ErrNoRows {
			return "", nil
		}
		return value, err
	})
}

// SetMark implements Inbox.
func (s *Store) SetMark(ctx context.Context, name, value string) error {
	return s.exec(ctx, `INSERT INTO matrix_marks (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}
