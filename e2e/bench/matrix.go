package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"isthmus/e2e/bench/fakexmpp"
	"isthmus/e2e/fakehs"
)

// hsName is the homeserver's; Matrix users are @n0:hs.test and so on.
const hsName = "hs.test"

// matrixConfig is added to isthmusConfig.
const matrixConfig = `
matrix:
  homeserver: %s
  server_name: %s
  registration_file: registration.yaml
  listen: %s
%s`

// everybody shows all members of a room, however many.
const everybody = "  members: { beyond: all }\n"

// refusal is that of the fake homeserver to do what must succeed.
type refusal struct{ error }

// hsT is the fake homeserver's T: it has no test.
type hsT struct{}

func (hsT) Helper()                           {}
func (hsT) Cleanup(func())                    {} // stage.close closes it
func (hsT) Fatalf(format string, args ...any) { panic(refusal{fmt.Errorf(format, args...)}) }

// onMatrix is the workload of a bridge between all three networks. Rooms that
// its stage names are those of Matrix.
func onMatrix(members string, work func(context.Context, *stage, results) error) func(context.Context, *bench, kind, results) error {
	return func(ctx context.Context, b *bench, k kind, r results) (err error) {
		defer func() {
			switch p := recover().(type) {
			case nil:
			case refusal:
				err = p
			default:
				panic(p)
			}
		}()
		k.network, k.matrix, k.members = hsName+"%matrix", true, members
		s, done, err := b.raise(ctx, k)
		if err != nil {
			return err
		}
		defer done()
		return work(ctx, s, r)
	}
}

// addHomeserver starts one, and tells the bridge of it in its configuration.
func (s *stage) addHomeserver(dir, config string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listen := listener.Addr().String()
	listener.Close()
	registration := fakehs.DefaultRegistration(hsName)
	registration.URL = "http://" + listen
	if err := registration.Write(filepath.Join(dir, "registration.yaml")); err != nil {
		return err
	}
	s.hs = fakehs.Start(hsT{}, fakehs.Options{
		ServerName: hsName, Registration: registration, OnEvent: s.notice, OnPush: s.push, Software: s.kind.mapped.software(),
	})
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	text = fmt.Appendf(text, matrixConfig, s.hs.URL, hsName, listen, s.kind.members)
	return os.WriteFile(config, text, 0o600)
}

func (s *stage) notice(e *fakehs.Event) {
	s.mu.Lock()
	notice := s.noticing
	s.mu.Unlock()
	if notice != nil {
		notice(e)
	}
}

func (s *stage) push(events []*fakehs.Event) {
	s.mu.Lock()
	push := s.pushing
	s.mu.Unlock()
	if push != nil {
		push(events)
	}
}

// watchMatrix sets who sees the events of all rooms as they happen, and as
// they are on their way to the bridge, from now on.
func (s *stage) watchMatrix(notice func(*fakehs.Event), push func([]*fakehs.Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noticing, s.pushing = notice, push
}

// until waits for something that the fakes know.
func (s *stage) until(ctx context.Context, what string, is func() bool) error {
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) {
			return fmt.Errorf("waited in vain for %s%s", what, s.logTail())
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// ghostIndex is the index of the nick, as nickIndex has it, of whom a ghost
// stands for: @xmpp_u7_users.test:hs.test, @irc_bench_n3:hs.test. Or -1.
func ghostIndex(user string) int {
	local, _, _ := strings.Cut(strings.TrimPrefix(user, "@"), ":")
	if name, ok := strings.CutPrefix(local, "irc_bench_"); ok {
		return nickIndex([]byte(name))
	}
	name, ok := strings.CutPrefix(local, "xmpp_")
	if !ok {
		return -1
	}
	name, _, _ = strings.Cut(name, "_")
	return nickIndex([]byte(name))
}

// notice takes what ghosts said on Matrix; receivers are indexes of nicks.
func (l *lines) notice(e *fakehs.Event) {
	if e.Type != "m.room.message" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(ghostIndex(e.Sender), []byte(e.Text("body")), e.At)
}

// sendingEvent is sending for the next line that the homeserver tells the
// bridge of.
func (l *lines) sendingEvent(events []*fakehs.Event) {
	for _, e := range events {
		if e.Type == "m.room.message" && strings.HasPrefix(e.Text("body"), l.prefix) {
			l.sending()
		}
	}
}

// entrance is the way of one user into a room of unknown size: the presence of
// each occupant once, their own, then the subject (XEP-0045 §7.2).
type entrance struct {
	tally
	seen map[string]bool
	self bool
}

// newEntrance expects one subject.
func newEntrance() *entrance { return &entrance{tally: newTally(1), seen: make(map[string]bool)} }

func (e *entrance) see(s *fakexmpp.Stanza) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse(s) {
		return
	}
	from := string(s.From)
	switch {
	case string(s.Name) == "message" && bytes.Contains(s.Raw, []byte("<subject")):
		if !e.self {
			e.fail("the subject came before the user's own presence")
		}
		e.count(s.At)
	case string(s.Name) != "presence" || !strings.Contains(from, "/"):
	case e.seen[from]:
		e.fail("twice: %s", s.Raw)
	case e.self:
		e.fail("after the user's own presence: %s", s.Raw)
	default:
		e.seen[from], e.self = true, s.Self()
	}
}

// all waits for the ends of tallies, and is what is wrong with them.
func (s *stage) all(ctx context.Context, tallies ...*tally) error {
	for _, t := range tallies {
		if err := s.wait(ctx, t.done, patience); err != nil {
			return errors.Join(err, t.verdict())
		}
		if err := t.verdict(); err != nil {
			return err
		}
	}
	return nil
}
