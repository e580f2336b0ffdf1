package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"isthmus/e2e/fakehs"
)

// The sizes of the workloads of Matrix; docs/bench.md describes them.
const (
	matrixSenders = 50
	matrixSingles = 300

	crowdSize = 20_000
	crowdRuns = 3

	ghostRooms = 20
	ghostsEach = 50
)

// matrixRooms makes public rooms of n0, a Matrix user, with these aliases.
func (s *stage) matrixRooms(aliases ...string) []string {
	n0 := s.hs.User("n0")
	rooms := make([]string, len(aliases))
	for i, alias := range aliases {
		rooms[i] = n0.CreateRoom(fakehs.RoomOptions{Alias: alias[1:], Public: true})
	}
	return rooms
}

// matrixFanout has one crowd in a room of Matrix hear a Matrix user's lines.
func matrixFanout(ctx context.Context, s *stage, r results) error {
	rooms, n0, users := s.matrixRooms("#fan"), s.hs.User("n0"), upTo(0, crowd)
	// Everybody sees everybody, and n0.
	seen := newPresences("", crowd*crowd+crowd, users, firstUser+crowd)
	s.watch(seen, nil)
	if _, err := s.usage(ctx, func() error { return s.join(users, func(int) string { return "#fan" }) }, &seen.tally); err != nil {
		return err
	}
	var total time.Duration
	var latencies []time.Duration
	for i := range pacedLines {
		line := newLines(fmt.Sprintf("paced %d.", i), users, 1)
		s.watch(line, nil)
		s.watchMatrix(nil, line.sendingEvent)
		cpu, err := s.single(ctx, func() error { n0.Say(rooms[0], line.prefix+"0"); return nil }, &line.tally)
		if err != nil {
			return err
		}
		total += cpu
		latencies = append(latencies, line.latencies...)
	}
	r["matrix-fanout-cpu"] = perThing(total, pacedLines*crowd)
	r["matrix-fanout-latency"] = measured(ms(median(latencies)))
	return nil
}

// single is usage of one small thing: it looks for 5 ms for what it leaves to do.
func (s *stage) single(ctx context.Context, act func() error, tallies ...*tally) (time.Duration, error) {
	before, err := s.proc.cpu()
	if err != nil {
		return 0, err
	}
	if err := act(); err != nil {
		return 0, err
	}
	if err := errors.Join(s.all(ctx, tallies...), pause(ctx, 5*time.Millisecond)); err != nil {
		return 0, err
	}
	after, err := s.proc.cpu()
	return after - before, err
}

// matrixSending has users speak from XMPP, each in a room of their own on
// Matrix, many lines at once, then one at a time; and be answered.
func matrixSending(ctx context.Context, s *stage, r results) error {
	users := upTo(0, matrixSenders)
	aliases := make([]string, len(users))
	for i, u := range users {
		aliases[i] = ownChannel(u)
	}
	rooms, n0 := s.matrixRooms(aliases...), s.hs.User("n0")
	seen := newPresences("", 2*len(users), users, firstUser+len(users))
	s.watch(seen, nil)
	if _, err := s.usage(ctx, func() error { return s.join(users, ownChannel) }, &seen.tally); err != nil {
		return err
	}
	const prefix = "all at once "
	shown, heard := newLines(prefix, users, linesEach), newLines(prefix, nicksOf(users), linesEach)
	s.watch(shown, nil)
	s.watchMatrix(heard.notice, nil)
	var all []byte
	for n := range linesEach {
		for _, u := range users {
			all = s.say(all, u, ownChannel(u), fmt.Sprintf("a%d.%d", u, n), fmt.Sprintf("%s%d", prefix, n))
		}
	}
	cpu, err := s.usage(ctx, func() error { return s.xmpp.Send(all) }, &shown.tally, &heard.tally)
	if err != nil {
		return err
	}
	atOnce := ms(cpu) / float64(len(users)*linesEach)

	var out, in []time.Duration
	var total time.Duration
	for i := range matrixSingles {
		user := users[i%len(users)]
		one := fmt.Sprintf("single %d.", i)
		shown, heard := newLines(one, []int{user}, 1), newLines(one, nicksOf([]int{user}), 1)
		s.watch(shown, nil)
		s.watchMatrix(heard.notice, nil)
		stanza := s.say(nil, user, ownChannel(user), fmt.Sprintf("s%d", i), one+"0")
		cpu, err := s.single(ctx, func() error { heard.sending(); return s.xmpp.Send(stanza) }, &heard.tally, &shown.tally)
		if err != nil {
			return err
		}
		total += cpu
		out = append(out, heard.latencies...)

		back := newLines(fmt.Sprintf("answer %d.", i), []int{user}, 1)
		s.watch(back, nil)
		s.watchMatrix(nil, back.sendingEvent)
		if _, err := s.single(ctx, func() error { n0.Say(rooms[i%len(rooms)], back.prefix+"0"); return nil }, &back.tally); err != nil {
			return err
		}
		in = append(in, back.latencies...)
	}
	r["matrix-send-cpu"] = measured(atOnce, ms(total)/matrixSingles)
	r["matrix-latency"] = measured(ms(median(in)), ms(median(out)))
	return nil
}

func nicksOf(users []int) []int {
	nicks := make([]int, len(users))
	for i, u := range users {
		nicks[i] = nickOfUser(u)
	}
	return nicks
}

// matrixFromIRC has natives of IRC speak, each in a channel of their own that a
// Matrix user is in.
func matrixFromIRC(ctx context.Context, s *stage, r results) error {
	m, speakers := s.hs.User("m"), upTo(0, matrixSenders)
	nicks := natives(matrixSenders)
	for _, n := range speakers {
		s.irc.AddNatives(ownChannel(n), nicks[n:n+1])
		room := m.Join(s.hs.Alias("irc_bench_" + ownChannel(n)))
		ghost := s.hs.ID("irc_bench_" + nicks[n])
		if err := s.until(ctx, ghost+" in its room", func() bool {
			return slices.Contains(s.hs.Members(room, "join"), ghost)
		}); err != nil {
			return err
		}
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	heard := newLines("all at once ", speakers, linesEach)
	s.watchMatrix(heard.notice, nil)
	texts := make([]string, linesEach)
	for i := range texts {
		texts[i] = fmt.Sprintf("all at once %d", i)
	}
	cpu, err := s.usage(ctx, func() error {
		for _, n := range speakers {
			s.irc.Say(nicks[n], ownChannel(n), texts...)
		}
		return nil
	}, &heard.tally)
	if err != nil {
		return err
	}
	var total time.Duration
	var latencies []time.Duration
	for i := range matrixSingles {
		n := i % len(speakers)
		heard := newLines(fmt.Sprintf("single %d.", i), []int{n}, 1)
		s.watchMatrix(heard.notice, nil)
		cpu, err := s.single(ctx, func() error {
			heard.sending()
			s.irc.Say(nicks[n], ownChannel(n), heard.prefix+"0")
			return nil
		}, &heard.tally)
		if err != nil {
			return err
		}
		total += cpu
		latencies = append(latencies, heard.latencies...)
	}
	r["matrix-irc-cpu"] = measured(ms(cpu)/float64(len(speakers)*linesEach), ms(total)/matrixSingles)
	r["matrix-irc-latency"] = measured(ms(median(latencies)))
	return nil
}

// matrixCrowd has a user of XMPP enter a room of very many, with either policy.
func matrixCrowd(ctx context.Context, b *bench, k kind, r results) error {
	var cpus, grown []float64
	for _, policy := range []struct {
		members     string
		least, most int // occupants, the user included
	}{{"", 2, 1000}, {everybody, crowdSize + 2, crowdSize + 2}} {
		var c, g []float64
		enter := func(ctx context.Context, s *stage, _ results) error {
			cpu, kib, err := enterCrowd(ctx, s, policy.least, policy.most)
			c, g = append(c, cpu.Seconds()), append(g, kib/1024)
			return err
		}
		for range crowdRuns {
			if err := onMatrix(policy.members, enter)(ctx, b, k, nil); err != nil {
				return err
			}
		}
		cpus, grown = append(cpus, median(c)), append(grown, median(g))
	}
	r["matrix-crowd-time"], r["matrix-crowd-memory"] = measured(cpus...), measured(grown...)
	return nil
}

func enterCrowd(ctx context.Context, s *stage, least, most int) (cpu time.Duration, kib float64, err error) {
	s.hs.Crowd(s.matrixRooms("#big")[0], crowdSize)
	before, err := s.memory(ctx)
	if err != nil {
		return 0, 0, err
	}
	e := newEntrance()
	s.watch(e, nil)
	if cpu, err = s.usage(ctx, func() error { return s.join([]int{0}, func(int) string { return "#big" }) }, &e.tally); err != nil {
		return 0, 0, err
	}
	if n := len(e.seen); n < least || n > most {
		return 0, 0, fmt.Errorf("%d occupants are shown, not %d to %d", n, least, most)
	}
	after, err := s.memory(ctx)
	return cpu, after - before, err
}

// matrixGhosts has a Matrix user enter channels until 1,000 natives have
// ghosts, and another 3,000.
func matrixGhosts(ctx context.Context, s *stage, r results) error {
	m, nicks := s.hs.User("m"), natives((1+4*ghostRooms)*ghostsEach)
	enter := func(i int) error {
		channel, some := ownChannel(i), nicks[i*ghostsEach:(i+1)*ghostsEach]
		s.irc.AddNatives(channel, some)
		room := m.Join(s.hs.Alias("irc_bench_" + channel))
		there := func(ghosts int) func() bool { // and m, and the bot
			return func() bool { return len(s.hs.Members(room, "join")) >= ghosts+2 }
		}
		if err := s.until(ctx, "anybody from "+channel, there(1)); err != nil {
			return err
		}
		for _, nick := range some { // whoever speaks comes at once
			s.irc.Say(nick, channel, "hello")
		}
		return s.until(ctx, "the ghosts of "+channel, there(ghostsEach))
	}
	if err := enter(0); err != nil {
		return err
	}
	entered := 1
	before, err := s.memory(ctx)
	if err != nil {
		return err
	}
	until := func(end int) (mib float64, err error) {
		for i := entered; i < end; i++ {
			if err := enter(i); err != nil {
				return 0, err
			}
		}
		entered = end
		after, err := s.memory(ctx)
		mib, before = (after-before)/1024, after
		return mib, err
	}
	first, err := until(1 + ghostRooms)
	if err != nil {
		return err
	}
	more, err := until(1 + 4*ghostRooms)
	r["matrix-ghosts"] = measured(more/3, first)
	return err
}

// matrixVisitors has many users of XMPP come into a few rooms of Matrix.
func matrixVisitors(ctx context.Context, s *stage, r results) error {
	aliases := make([]string, ghostRooms)
	for i := range aliases {
		aliases[i] = fmt.Sprintf("#visited%d", i)
	}
	s.matrixRooms(aliases...)
	room := func(user int) string { return aliases[user%ghostRooms] }
	enter := func(from, to int) error { // one more for each room in every turn
		for u := from; u < to; u += ghostRooms {
			users, there := upTo(u, u+ghostRooms), u/ghostRooms
			seen := newPresences("", ghostRooms*(2*there+2), upTo(0, u+ghostRooms), firstUser+u+ghostRooms)
			s.watch(seen, nil)
			if _, err := s.usage(ctx, func() error { return s.join(users, room) }, &seen.tally); err != nil {
				return err
			}
		}
		return nil
	}
	if err := enter(0, ghostRooms); err != nil {
		return err
	}
	before, err := s.memory(ctx)
	if err != nil {
		return err
	}
	if err := enter(ghostRooms, ghostRooms*(ghostsEach+1)); err != nil {
		return err
	}
	after, err := s.memory(ctx)
	r["matrix-visitors"] = measured((after - before) / 1024)
	return err
}
