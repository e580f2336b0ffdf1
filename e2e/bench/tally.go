package main

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"

	"isthmus/e2e/bench/fakeirc"
	"isthmus/e2e/bench/fakexmpp"
)

// tally is what a row expects, and has seen of it: every thing for every
// receiver once. The first thing that is wrong fails it.
type tally struct {
	want int
	done chan struct{} // closed when all came, or something was wrong

	mu    sync.Mutex
	got   int
	last  time.Time // when the last thing that counts came
	wrong error
}

func newTally(want int) tally { return tally{want: want, done: make(chan struct{})} }

// count records one good thing. The caller holds mu.
func (t *tally) count(at time.Time) {
	t.got++
	t.last = at
	if t.got == t.want {
		t.end()
	} else if t.got > t.want {
		t.fail("%d came where %d were expected", t.got, t.want)
	}
}

// fail records that something is wrong. The caller holds mu.
func (t *tally) fail(format string, args ...any) {
	if t.wrong == nil {
		t.wrong = fmt.Errorf(format, args...)
		t.end()
	}
}

func (t *tally) end() {
	select {
	case <-t.done:
	default:
		close(t.done)
	}
}

// verdict is what is wrong, or nil. It is final when the bridge is quiet.
func (t *tally) verdict() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wrong == nil && t.got != t.want {
		return fmt.Errorf("%d of %d came", t.got, t.want)
	}
	return t.wrong
}

// finished is when the last thing came.
func (t *tally) finished() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// refuse fails the tally when s is an error.
func (t *tally) refuse(s *fakexmpp.Stanza) bool {
	if string(s.Type) != "error" {
		return false
	}
	t.fail("an error came: %s", s.Raw)
	return true
}

// presences expects that each of the users sees a set of nicks, each once,
// and on joining its own as such (status 110).
type presences struct {
	tally
	kind string          // the type of the presences: "" or "unavailable"
	seen map[int][]uint8 // by user, then by nick; see nickIndex
}

// newPresences expects total presences in all, for the users given.
func newPresences(kind string, total int, users []int, nicks int) *presences {
	p := &presences{tally: newTally(total), kind: kind, seen: make(map[int][]uint8, len(users))}
	for _, u := range users {
		p.seen[u] = make([]uint8, nicks)
	}
	return p
}

func (p *presences) see(s *fakexmpp.Stanza) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse(s) || string(s.Name) != "presence" || string(s.Type) != p.kind {
		return
	}
	nick := fakexmpp.Resource(s.From)
	if nick == nil {
		return // of the gateway or a contact, not of an occupant
	}
	user, i := userIndex(s.To), nickIndex(nick)
	seen := p.seen[user]
	switch {
	case seen == nil || i < 0 || i >= len(seen):
		p.fail("nobody expects %s", s.Raw)
	case seen[i] > 0:
		p.fail("twice: %s", s.Raw)
	case p.kind == "" && s.Self() != (i == nickOfUser(user)):
		p.fail("status 110 where it doesn't belong, or missing: %s", s.Raw)
	default:
		seen[i] = 1
		p.count(s.At)
	}
}

// lines expects that each receiver sees the same number of numbered lines,
// in order.
type lines struct {
	tally
	prefix    string      // of the lines that count; the number follows
	next      map[int]int // by receiver
	sent      []time.Time // by number, or none
	latencies []time.Duration
}

func newLines(prefix string, receivers []int, each int) *lines {
	l := &lines{tally: newTally(len(receivers) * each), prefix: prefix, next: make(map[int]int, len(receivers))}
	for _, r := range receivers {
		l.next[r] = 0
	}
	return l
}

// sending notes when line number len(sent) is sent.
func (l *lines) sending() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, time.Now())
}

// take counts text for a receiver. The caller holds mu.
func (l *lines) take(receiver int, text []byte, at time.Time) {
	digits, ok := bytes.CutPrefix(text, []byte(l.prefix))
	if !ok {
		return
	}
	n, err := strconv.Atoi(string(digits))
	next, expected := l.next[receiver]
	switch {
	case err != nil || !expected:
		l.fail("nobody expects %q for %d", text, receiver)
	case n != next:
		l.fail("%q came to %d where line %d was due", text, receiver, next)
	default:
		l.next[receiver]++
		if n < len(l.sent) {
			l.latencies = append(l.latencies, at.Sub(l.sent[n]))
		}
		l.count(at)
	}
}

// see takes the groupchat messages to the users.
func (l *lines) see(s *fakexmpp.Stanza) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse(s) || string(s.Type) != "groupchat" {
		return
	}
	if body := s.Body(); body != nil {
		l.take(userIndex(s.To), body, s.At)
	}
}

// hear takes what users said on IRC.
func (l *lines) hear(m fakeirc.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(nickIndex([]byte(m.Nick))-firstUser, []byte(m.Text), m.At)
}
