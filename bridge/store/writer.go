package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"isthmus/bridge"
)

const (
	// queueBound is how many message ids may wait for the writer, and opsBound
	// how many ops. One commit takes all that there are, but of ids that nobody
	// asks for only batchBound: places come free before a full queue is written.
	queueBound = 2048
	batchBound = 512
	opsBound   = 512
	// gatherTime is how long message ids wait for company while nobody waits
	// for them, unless there are many: a commit costs as much as a dozen of
	// them, and what wakes for it as much again.
	gatherTime = 250 * time.Millisecond
	// pruneInterval is how often old message ids and events are forgotten.
	pruneInterval = time.Hour
)

// op is something that somebody waits for. It runs in a transaction of the
// writer's; done is told after its commit. It may run twice: when a commit with
// others failed, it is tried alone.
type op struct {
	run  func(context.Context, *sql.Tx) error
	done chan<- error // with room for one
}

// ask has f done by the writer and waits for the commit. Records queued
// before are done before.
func ask[T any](ctx context.Context, s *Store, f func(context.Context, *sql.Tx) (T, error)) (T, error) {
	var result, zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	done := make(chan error, 1)
	o := &op{done: done, run: func(ctx context.Context, tx *sql.Tx) (err error) {
		result, err = f(ctx, tx)
		return err
	}}
	select {
	case s.ops <- o:
	case <-ctx.Done():
		return zero, ctx.Err()
	case <-s.closing:
		return zero, ErrClosed
	}
	select {
	case err := <-done:
		if err != nil {
			return zero, err
		}
		return result, nil
	case <-ctx.Done():
		return zero, ctx.Err()
	case <-s.closed:
		return zero, ErrClosed
	}
}

// batch is what one commit takes. Records come before ops, so that nobody
// looks in vain for what was recorded before.
type batch struct {
	records []bridge.Record
	ops     []*op
}

func (b *batch) size() int { return len(b.records) + len(b.ops) }

// write is the goroutine that owns the database.
func (s *Store) write() {
	defer close(s.closed)
	prune := time.NewTicker(pruneInterval)
	defer prune.Stop()
	for {
		var b batch
		select {
		case o := <-s.ops:
			b.ops = append(b.ops, o)
		case <-s.due:
		case <-prune.C:
			s.prune()
			s.pruneInbox(inboxAge, inboxCount)
		case <-s.closing:
			s.drain()
			return
		}
		if s.take(&b); b.size() > 0 {
			s.commit(b)
		}
	}
}

// queued is called when a message id has been queued: the writer is told when
// it has waited long enough for company, or when there are many. Nobody is woken
// for each.
func (s *Store) queued() {
	switch {
	case len(s.records) > queueBound/2:
		s.tell()
	case s.gathering.CompareAndSwap(false, true):
		time.AfterFunc(gatherTime, func() {
			s.gathering.Store(false) // before tell: who comes later sets a timer of their own
			s.tell()
		})
	}
}

// tell has the writer look for records.
func (s *Store) tell() {
	select {
	case s.due <- struct{}{}:
	default:
	}
}

// take adds what is queued: the records last, so that all that were there
// before an op are there for it.
func (s *Store) take(b *batch) {
	for range len(s.ops) {
		b.ops = append(b.ops, <-s.ops)
	}
	n := len(s.records)
	if len(b.ops) == 0 {
		n = min(n, batchBound)
	}
	b.records = slices.Grow(b.records, n)
	for range n {
		b.records = append(b.records, <-s.records)
	}
	if len(s.records) > 0 {
		s.tell()
	}
}

// drain commits all that is queued.
func (s *Store) drain() {
	for {
		var b batch
		if s.take(&b); b.size() == 0 {
			return
		}
		s.commit(b)
	}
}

// commit does a batch in one transaction. When that fails it waits for the
// database to come back, if it was away, and then tries each job alone, so
// that one bad job costs nobody else anything.
func (s *Store) commit(b batch) {
	if err := s.try(b); err == nil {
		return
	} else if s.ctx.Err() == nil {
		s.opts.Log.Warn("store: a commit failed, trying again", "jobs", b.size(), "error", err)
	}
	s.await()
	for _, r := range b.records {
		if err := s.try(batch{records: []bridge.Record{r}}); err != nil {
			s.Counters.Lost.Add(1)
			s.opts.Log.Warn("store: a message id is lost", "room", r.Room, "error", err)
		}
	}
	for _, o := range b.ops {
		if err := s.try(batch{ops: []*op{o}}); err != nil {
			o.done <- err
		}
	}
}

// await returns when the database answers, or when there is no time left.
func (s *Store) await() {
	_, _ = backoff.Retry(s.ctx, func() (struct{}, error) {
		select {
		case <-s.closing:
			return struct{}{}, nil
		default:
		}
		return struct{}{}, s.db.PingContext(s.ctx)
	}, backoff.WithMaxElapsedTime(0))
}

// try does b in one transaction, all of it or nothing.
func (s *Store) try(b batch) error {
	tx, err := s.db.BeginTx(s.ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := s.insert(tx, b.records); err != nil {
		return err
	}
	for _, o := range b.ops {
		if err := o.run(s.ctx, tx); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.stuck.Store(false)
	s.Counters.Commits.Add(1)
	s.Counters.Recorded.Add(int64(len(b.records)))
	for _, o := range b.ops {
		o.done <- nil
	}
	return nil
}
