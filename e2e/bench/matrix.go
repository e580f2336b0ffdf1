package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"isthmus/e2e/bench/fakexmpp"
	"isthmus/e2e/fakehs"
)

// The sizes of the workloads with Matrix.
const (
	matrixSenders = 100
	matrixLines   = 8 // of each
	matrixIRC     = 400
	matrixSingle  = 200
	matrixHuge    = 20_000
	matrixCrowd   = 1000
	matrixInRoom  = 100
	matrixEach    = 50
)

// matrixServer is the fake homeserver's name, and serverRoom what a room there
// is called on the gateway.
const matrixServer = "example.org"

func serverRoom(alias string) string { return "#" + alias + "%" + matrixServer + "%matrix" }

// fatal is what ends a workload when the fake homeserver can't go on.
type fatal struct{ error }

// witness is the fakehs.T of the bench. Close runs what it was given to clean up.
type witness struct{ cleanups []func() }

func (w *witness) Helper()          {}
func (w *witness) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }
func (w *witness) Fatalf(format string, args ...any) {
	panic(fatal{fmt.Errorf(format, args...)})
}

func (w *witness) close() {
	for _, f := range slices.Backward(w.cleanups) {
		f()
	}
}

// withMatrix raises a bridge that has a homeserver, runs work and ends both.
func (b *bench) withMatrix(ctx context.Context, k kind, work func(*stage) error) (err error) {
	defer func() {
		if failed, ok := recover().(fatal); ok {
			err = failed
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listen := listener.Addr().String()
	listener.Close()
	registration := fakehs.DefaultRegistration(matrixServer)
	registration.URL = "http://" + listen
	w := &witness{}
	defer w.close()
	hs := fakehs.Start(w, fakehs.Options{ServerName: matrixServer, Registration: registration})
	with := k
	with.prepare = func(ctx context.Context, dir string, xmppPort, ircPort int) ([]string, error) {
		argv, err := k.prepare(ctx, dir, xmppPort, ircPort)
		if err != nil {
			return nil, err
		}
		if err := registration.Write(filepath.Join(dir, "registration.yaml")); err != nil {
			return nil, err
		}
		config, err := os.OpenFile(filepath.Join(dir, "isthmus.yaml"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		defer config.Close()
		_, err = fmt.Fprintf(config, "matrix:\n  homeserver: %s\n  server_name: %s\n  registration_file: registration.yaml\n  listen: %s\n",
			hs.URL, matrixServer, listen)
		return argv, err
	}
	s, done, err := b.raise(ctx, with)
	if err != nil {
		return err
	}
	defer done()
	s.hs = hs
	return work(s)
}

// matrixJoined has users enter a room of n0's on Matrix, whom they see there.
func (s *stage) matrixJoined(ctx context.Context, alias string, users []int) (owner *fakehs.User, room string, err error) {
	owner = s.hs.User("n0")
	room = owner.CreateRoom(fakehs.RoomOptions{Alias: alias, Public: true})
	seen := newPresences("", len(users)*(len(users)+1), users, firstUser+users[len(users)-1]+1)
	s.watch(seen, nil)
	_, err = s.usage(ctx, func() error { return s.join(users, func(int) string { return serverRoom(alias) }) }, &seen.tally)
	return owner, room, err
}

// matrixFanout has a Matrix user speak to a crowd on XMPP, one line at a time.
func matrixFanout(ctx context.Context, b *bench, k kind, r results) error {
	return b.withMatrix(ctx, k, func(s *stage) error {
		users := upTo(0, crowd)
		owner, room, err := s.matrixJoined(ctx, "fan", users)
		if err != nil {
			return err
		}
		var total time.Duration
		for i := range pacedLines {
			line := newLines(fmt.Sprintf("paced %d.", i), users, 1)
			s.watch(line, nil)
			before, err := s.proc.cpu()
			if err != nil {
				return err
			}
			owner.Say(room, line.prefix+"0")
			if err := s.wait(ctx, line.done, patience); err != nil {
				return err
			}
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return err
			}
			if err := line.verdict(); err != nil {
				return err
			}
			after, err := s.proc.cpu()
			if err != nil {
				return err
			}
			total += after - before
		}
		r["matrix-fanout-cpu"] = perThing(total, pacedLines*crowd)
		return nil
	})
}

// matrixSending has lines go to Matrix: from XMPP, each user in a room of their
// own, many at once and then one at a time, and from IRC.
func matrixSending(ctx context.Context, b *bench, k kind, r results) error {
	return b.withMatrix(ctx, k, func(s *stage) error {
		users := upTo(0, matrixSenders)
		owner := s.hs.User("n0")
		alias := func(user int) string { return fmt.Sprintf("own%d", user) }
		rooms := make([]string, len(users))
		for u := range users {
			rooms[u] = owner.CreateRoom(fakehs.RoomOptions{Alias: alias(u), Public: true})
		}
		seen := newPresences("", 2*len(users), users, firstUser+len(users))
		s.watch(seen, nil)
		if _, err := s.usage(ctx, func() error { return s.join(users, func(u int) string { return serverRoom(alias(u)) }) }, &seen.tally); err != nil {
			return err
		}
		const prefix = "all at once "
		shown := newLines(prefix, users, matrixLines)
		s.watch(shown, nil)
		var all []byte
		for _, u := range users {
			for n := range matrixLines {
				all = s.say(all, u, serverRoom(alias(u)), fmt.Sprintf("a%d.%d", u, n), fmt.Sprintf("%s%d", prefix, n))
			}
		}
		cpu, err := s.usage(ctx, func() error { return s.xmpp.Send(all) }, &shown.tally)
		if err != nil {
			return err
		}
		for u := range users {
			if got := s.hs.Messages(rooms[u], ""); len(got) != matrixLines {
				return fmt.Errorf("Matrix has %q of user %d", got, u)
			}
		}
		fromXMPP := ms(cpu) / float64(matrixSenders*matrixLines)
		if err := s.matrixLatency(ctx, users, rooms, func(u int) string { return serverRoom(alias(u)) }, r); err != nil {
			return err
		}
		fromIRC, err := s.matrixFromIRC(ctx)
		r["matrix-send-cpu"] = measure{values: []float64{fromXMPP, fromIRC}, err: err}
		return err
	})
}

// matrixLatency has single lines go both ways. The homeserver's own time, a
// fake one's, is in it.
func (s *stage) matrixLatency(ctx context.Context, users []int, rooms []string, room func(int) string, r results) error {
	var there, back []time.Duration
	owner := s.hs.User("n0")
	for i := range matrixSingle {
		u := users[i%len(users)]
		text := fmt.Sprintf("single %d.0", i)
		began := time.Now()
		if err := s.xmpp.Send(s.say(nil, u, room(u), fmt.Sprintf("s%d", i), text)); err != nil {
			return err
		}
		sent := s.hs.Expect(text, func(e *fakehs.Event) bool { return e.Room == rooms[u] && e.Text("body") == text })
		there = append(there, sent.At.Sub(began))

		line := newLines(fmt.Sprintf("back %d.", i), []int{u}, 1)
		s.watch(line, nil)
		line.sending()
		owner.Say(rooms[u], line.prefix+"0")
		if err := s.wait(ctx, line.done, patience); err != nil {
			return err
		}
		if err := line.verdict(); err != nil {
			return err
		}
		back = append(back, line.latencies...)
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	r["matrix-latency"] = measured(ms(median(there)), ms(median(back)))
	return nil
}

// matrixFromIRC has a native speak in a channel that a Matrix user is in, and
// returns the CPU time per line in milliseconds.
func (s *stage) matrixFromIRC(ctx context.Context) (float64, error) {
	s.irc.AddNatives("#lines", natives(3))
	room := s.hs.User("bob").Join(s.hs.Alias("irc_bench_#lines"))
	ghost := s.hs.ID("irc_bench_n0")
	s.hs.ExpectMember(room, ghost, "join")
	before, err := s.proc.cpu()
	if err != nil {
		return 0, err
	}
	texts := make([]string, matrixIRC)
	for i := range texts {
		texts[i] = fmt.Sprintf("from IRC %d", i)
	}
	s.irc.Say("n0", "#lines", texts...)
	s.hs.Until("all lines", func() bool { return len(s.hs.Messages(room, ghost)) >= matrixIRC })
	if err := pause(ctx, settle); err != nil {
		return 0, err
	}
	if got := s.hs.Messages(room, ghost); !slices.Equal(got, texts) {
		return 0, fmt.Errorf("Matrix has %d lines of %d, or another order", len(got), matrixIRC)
	}
	after, err := s.proc.cpu()
	return ms(after-before) / matrixIRC, err
}

// entered waits until a user has the subject of a room, which comes last.
type entered struct {
	user int
	done chan struct{}
}

func (e *entered) see(s *fakexmpp.Stanza) {
	if userIndex(s.To) == e.user && string(s.Name) == "message" && bytes.Contains(s.Raw, []byte("<subject")) {
		select {
		case <-e.done:
		default:
			close(e.done)
		}
	}
}

// matrixBig has a user enter a room of 20,000 members.
func matrixBig(ctx context.Context, b *bench, k kind, r results) error {
	return b.withMatrix(ctx, k, func(s *stage) error {
		if _, _, err := s.matrixJoined(ctx, "small", upTo(0, 2)); err != nil {
			return err
		}
		room := s.hs.User("n0").CreateRoom(fakehs.RoomOptions{Alias: "big", Public: true})
		s.hs.Crowd(room, matrixHuge)
		before, err := s.memory(ctx)
		if err != nil {
			return err
		}
		in := &entered{user: 3, done: make(chan struct{})}
		s.watch(in, nil)
		began := time.Now()
		if err := s.join([]int{3}, func(int) string { return serverRoom("big") }); err != nil {
			return err
		}
		if err := s.wait(ctx, in.done, patience); err != nil {
			return err
		}
		took := time.Since(began)
		after, err := s.memory(ctx)
		r["matrix-big"] = measured(took.Seconds(), (after-before)/1024)
		return err
	})
}

// matrixGhosts has a Matrix user enter channels of 100, until there are 1,000
// ghosts: no room shows more who never spoke.
func matrixGhosts(ctx context.Context, b *bench, k kind, r results) error {
	return b.withMatrix(ctx, k, func(s *stage) error {
		bob := s.hs.User("bob")
		nicks := natives(matrixCrowd + matrixInRoom)
		enter := func(channel string, members []string) error {
			s.irc.AddNatives(channel, members)
			room := bob.Join(s.hs.Alias("irc_bench_" + channel))
			for deadline := time.Now().Add(patience); len(s.hs.Members(room, "join")) < len(members); {
				if time.Now().After(deadline) {
					return fmt.Errorf("%d of %d ghosts came", len(s.hs.Members(room, "join")), len(members))
				}
				if err := pause(ctx, settle); err != nil {
					return err
				}
			}
			return nil
		}
		if err := enter("#first", nicks[matrixCrowd:]); err != nil {
			return err
		}
		before, err := s.memory(ctx)
		if err != nil {
			return err
		}
		for i := range matrixCrowd / matrixInRoom {
			if err := enter(fmt.Sprintf("#crowd%d", i), nicks[i*matrixInRoom:(i+1)*matrixInRoom]); err != nil {
				return err
			}
		}
		after, err := s.memory(ctx)
		r["matrix-ghosts"] = measured((after - before) / 1024)
		return err
	})
}

// matrixRest has people on both sides of a Matrix room.
func matrixRest(ctx context.Context, b *bench, k kind, r results) error {
	return b.withMatrix(ctx, k, func(s *stage) error {
		owner, room, err := s.matrixJoined(ctx, "both", upTo(0, matrixEach))
		if err != nil {
			return err
		}
		for i := range matrixEach {
			s.hs.User(fmt.Sprintf("member%d", i)).Join(room)
		}
		line := newLines("hello ", upTo(0, matrixEach), 10)
		s.watch(line, nil)
		for i := range 10 {
			owner.Say(room, fmt.Sprintf("hello %d", i))
		}
		if err := s.wait(ctx, line.done, patience); err != nil {
			return err
		}
		rss, err := s.memory(ctx)
		r["matrix-rss"] = measured(rss / 1024)
		return err
	})
}
