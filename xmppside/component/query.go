package component

import (
	"crypto/rand"
	"errors"
	"strconv"
	"sync"
	"time"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// What a query may end with, beside a wire.StanzaError.
var (
	ErrTimeout = errors.New("no answer in time")
	ErrClosed  = errors.New("the link has ended")
	ErrTooMany = errors.New("too many queries without an answer")
)

// maxQueries bounds the queries that wait for an answer.
const maxQueries = 10_000

// queries are the IQs of our own that wait for an answer. An answer counts
// only from whom it was asked: ids alone can be guessed.
type queries struct {
	link   *Link
	prefix string

	mu     sync.Mutex
	open   map[queryKey]*query
	last   uint64
	closed bool
}

type queryKey struct {
	peer jid.JID
	id   string
}

type query struct {
	done  func(*wire.Stanza, error)
	timer *time.Timer
}

func newQueries(l *Link) *queries {
	return &queries{link: l, prefix: rand.Text()[:12] + "-", open: map[queryKey]*query{}}
}

// Query sends an IQ to h.To from h.From (the domain, if there is none), of
// type h.Type, or "get"; payload appends what is in it. done is called once:
// with the result (its own only until done returns), or with a
// wire.StanzaError, ErrTimeout, ErrTooMany or ErrClosed. It may be called
// before Query returns and, like the Handler, must not wait for other answers.
func (l *Link) Query(h wire.Header, payload func(b []byte) []byte, done func(*wire.Stanza, error)) {
	h.Kind = wire.IQ
	if h.Type == "" {
		h.Type = "get"
	}
	if h.From.IsZero() {
		h.From = l.opt.Domain
	}
	var err error
	if h.ID, err = l.queries.add(h.To, done); err != nil {
		done(nil, err)
		return
	}
	l.Send(func(b []byte) []byte {
		b = wire.AppendOpen(b, h)
		b = payload(b)
		return wire.AppendClose(b, wire.IQ)
	})
}

func (q *queries) add(peer jid.JID, done func(*wire.Stanza, error)) (id string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return "", ErrClosed
	}
	if len(q.open) >= maxQueries {
		return "", ErrTooMany
	}
	q.last++
	key := queryKey{peer, q.prefix + strconv.FormatUint(q.last, 36)}
	q.open[key] = &query{done, time.AfterFunc(q.link.opt.Answer, func() { q.expire(key) })}
	return key.id, nil
}

func (q *queries) take(key queryKey) *query {
	q.mu.Lock()
	defer q.mu.Unlock()
	found := q.open[key]
	if found != nil {
		found.timer.Stop()
		delete(q.open, key)
	}
	return found
}

// answered hands an answer to whoever asked; false means that nobody did.
func (q *queries) answered(st *wire.Stanza) bool {
	if st.Type != "result" && st.Type != "error" {
		return false
	}
	found := q.take(queryKey{st.From, st.ID})
	if found == nil {
		return false
	}
	if st.Type == "error" {
		found.done(nil, st.Err())
	} else {
		found.done(st, nil)
	}
	return true
}

func (q *queries) expire(key queryKey) {
	if found := q.take(key); found != nil {
		q.link.Counters.Unanswered.Add(1)
		found.done(nil, ErrTimeout)
	}
}

// close ends all queries.
func (q *queries) close() {
	q.mu.Lock()
	open := q.open
	q.open, q.closed = map[queryKey]*query{}, true
	q.mu.Unlock()
	for _, left := range open {
		left.timer.Stop()
		left.done(nil, ErrClosed)
	}
}
