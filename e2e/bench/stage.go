package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"isthmus/e2e/bench/fakeirc"
	"isthmus/e2e/bench/fakexmpp"
	"isthmus/e2e/fakehs"
)

// How long things may take before a row has failed, and how long the bridge
// is left alone after a row: what it does then still counts, and a stanza
// too many has time to come.
const (
	patience     = 90 * time.Second
	startLimit   = 20 * time.Second
	settle       = 100 * time.Millisecond
	memorySettle = 3 * time.Second
)

// watcher sees every stanza from the bridge.
type watcher interface{ see(*fakexmpp.Stanza) }

// stage is one bridge between the two fakes.
type stage struct {
	kind kind
	xmpp *fakexmpp.Server
	irc  *fakeirc.Server
	hs   *fakehs.Server // nil but in the rows of Matrix
	proc *process
	log  string

	mu       sync.Mutex
	watching watcher
	hearing  func(fakeirc.Message)
	noticing func(*fakehs.Event)
	pushing  func([]*fakehs.Event)
	muc      *muc // nil but where there is one

	mappedRoom string // on Matrix
}

// raise starts the fakes, and the bridge with its data in dir, and waits for
// the handshake.
func raise(ctx context.Context, k kind, dir string, caps bool) (_ *stage, err error) {
	s := &stage{kind: k, log: filepath.Join(dir, "log")}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.xmpp, err = fakexmpp.Listen(secret, s.see); err != nil {
		return nil, err
	}
	if s.irc, err = fakeirc.Listen(caps, s.hear); err != nil {
		return nil, err
	}
	if k.mapped.people > 0 {
		s.furnish()
	}
	argv, err := k.prepare(ctx, k, dir, s.xmpp.Port(), s.irc.Port())
	if err != nil {
		return nil, err
	}
	if k.matrix {
		if err := s.addHomeserver(dir, argv[len(argv)-1]); err != nil {
			return nil, err
		}
	}
	if k.matrix && k.mapped.people > 0 {
		s.furnishMatrix()
	}
	if s.proc, err = startProcess(s.log, argv...); err != nil {
		return nil, err
	}
	if err := s.wait(ctx, s.xmpp.Ready(), startLimit); err != nil {
		return nil, err
	}
	if k.matrix {
		err = s.until(ctx, "a ping of the homeserver", func() bool { return len(s.hs.Requests("POST", "/ping")) > 0 })
	}
	if k.mapped.people > 0 && err == nil {
		err = s.until(ctx, "the bridge in the mapped rooms", s.mapped)
	}
	return s, err
}

func (s *stage) close() {
	if s.proc != nil {
		s.proc.stop()
	}
	if s.xmpp != nil {
		s.xmpp.Close()
	}
	if s.irc != nil {
		s.irc.Close()
	}
	if s.hs != nil {
		s.hs.Close()
	}
}

func (s *stage) see(stanza *fakexmpp.Stanza) {
	s.mu.Lock()
	w, m := s.watching, s.muc
	s.mu.Unlock()
	if m != nil && m.see(stanza) {
		return
	}
	if w != nil {
		w.see(stanza)
	}
}

func (s *stage) hear(m fakeirc.Message) {
	s.mu.Lock()
	hear := s.hearing
	s.mu.Unlock()
	if hear != nil {
		hear(m)
	}
}

// watch sets who sees the stanzas and who hears the IRC messages from now on.
func (s *stage) watch(w watcher, hear func(fakeirc.Message)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching, s.hearing = w, hear
}

// wait waits for done, the end of the bridge, or the limit.
func (s *stage) wait(ctx context.Context, done <-chan struct{}, limit time.Duration) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-done:
		return nil
	case <-timeout.C:
		return fmt.Errorf("%s: nothing more after %s%s", s.kind.name, limit, s.logTail())
	case <-s.proc.ended:
		return fmt.Errorf("%s ended by itself%s", s.kind.name, s.logTail())
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stage) logTail() string {
	b, err := os.ReadFile(s.log)
	if err != nil || len(b) == 0 {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return ": " + string(bytes.Join(lines[max(0, len(lines)-3):], []byte(" | ")))
}

// usage measures one piece of work: act starts it, the tallies end it. The
// CPU time is all that the bridge used until it was quiet again.
func (s *stage) usage(ctx context.Context, act func() error, tallies ...*tally) (cpu time.Duration, err error) {
	before, err := s.proc.cpu()
	if err != nil {
		return 0, err
	}
	if err := act(); err != nil {
		return 0, err
	}
	var late error
	for _, t := range tallies {
		late = errors.Join(late, s.wait(ctx, t.done, patience))
	}
	if err := pause(ctx, settle); err != nil {
		return 0, err
	}
	for _, t := range tallies {
		if err := t.verdict(); err != nil {
			return 0, errors.Join(err, late, s.xmpp.Err())
		}
	}
	after, err := s.proc.cpu()
	return after - before, err
}

// memory is the resident memory of the bridge after a while of rest, in KiB.
func (s *stage) memory(ctx context.Context) (float64, error) {
	if err := pause(ctx, memorySettle); err != nil {
		return 0, err
	}
	return s.proc.rss()
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// room is the JID of a channel through the bridge.
func (s *stage) room(channel string) string { return channel + "%" + s.kind.network + "@" + gateway }

// join makes users join the channels that channel names for them, all at once.
func (s *stage) join(users []int, channel func(user int) string) error {
	var b []byte
	for _, u := range users {
		b = fmt.Appendf(b, "<presence from='%s' to='%s/u%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
			jid(u), s.room(channel(u)), u)
	}
	return s.xmpp.Send(b)
}

// say appends a groupchat message of a user to b.
func (s *stage) say(b []byte, user int, channel, id, text string) []byte {
	return fmt.Appendf(b, "<message type='groupchat' from='%s' to='%s' id='%s'><body>%s</body></message>",
		jid(user), s.room(channel), id, text)
}
