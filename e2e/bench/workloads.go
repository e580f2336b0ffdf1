package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// The sizes of the workloads; docs/bench.md describes them.
const (
	crowd      = 200 // users in the channel of the fan-out
	pacedLines = 200
	burstLines = 400

	bigNatives = 5000
	bigUsers   = 50
	splitSize  = 500
	bigRuns    = 3

	senders     = 200
	linesEach   = 8
	singleLines = 600

	mostUsers    = 3000
	joinsAtOnce  = 200
	smallNatives = 3

	starts     = 5
	smallCrowd = 50
)

// results are the measures of one bridge so far.
type results map[string]measure

// measure is what one row says of one bridge.
type measure struct {
	values []float64
	err    error
}

func measured(values ...float64) measure { return measure{values: values} }

// workload is a run of one bridge from its start on, which measures some of the rows.
type workload struct {
	rows []string
	run  func(ctx context.Context, b *bench, k kind, r results) error
	with []string // what else than Isthmus does such work
}

var (
	withBiboumi      = []string{"biboumi"}
	withMatterbridge = []string{"matterbridge"}
)

var workloads = []workload{
	{[]string{"start", "rss"}, startAndRest, withBiboumi},
	{[]string{"join-cpu", "fanout-cpu", "fanout-rate", "fanout-latency"}, fanout, withBiboumi},
	{[]string{"bigjoin-cpu", "bigjoin-memory", "split-cpu"}, bigChannel, withBiboumi},
	{[]string{"send-cpu", "send-latency"}, sending, withBiboumi},
	{[]string{"connect-cpu", "idle-memory"}, connecting, withBiboumi},
	{[]string{"matrix-fanout-cpu", "matrix-fanout-latency"}, onMatrix("", matrixFanout), nil},
	{[]string{"matrix-send-cpu", "matrix-latency"}, onMatrix("", matrixSending), nil},
	{[]string{"matrix-irc-cpu", "matrix-irc-latency"}, onMatrix("", matrixFromIRC), nil},
	{[]string{"matrix-crowd-time", "matrix-crowd-memory"}, matrixCrowd, nil},
	{[]string{"matrix-ghosts"}, onMatrix("", matrixGhosts), nil},
	{[]string{"matrix-visitors"}, onMatrix("", matrixVisitors), nil},
	{[]string{"matrix-rss"}, onMatrix("", matrixMUC), nil},
	{[]string{"mapped-latency", "mapped-latency-p99", "mapped-matrix-latency", "mapped-matrix-p99", "mapped-rate", "mapped-cpu", "mapped-rss"},
		mapped(roomLinks, mappedRoom), nil},
	{[]string{"mapped-crowd", "mapped-crowd-memory"}, mappedCrowd, nil},
	{[]string{"relay-in-cpu", "relay-out-cpu", "relay-latency", "relay-rss"}, relaying, withMatterbridge},
	{[]string{"relay-flood", "relay-flood-time"}, flooding, withMatterbridge},
}

// startAndRest starts the bridge several times with the same data, then
// measures it at rest and with a few users.
func startAndRest(ctx context.Context, b *bench, k kind, r results) error {
	dir, err := b.dir(k)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var s *stage
	var took []time.Duration
	for i := range starts + 1 {
		if s != nil {
			s.close()
		}
		if s, err = raise(ctx, k, dir, b.caps); err != nil {
			return err
		}
		if i > 0 { // the first one makes the database
			took = append(took, s.xmpp.Handshake().Sub(s.proc.started))
		}
	}
	defer s.close()
	r["start"] = measured(median(took).Seconds())

	idle, err := s.memory(ctx)
	if err != nil {
		return err
	}
	users := upTo(0, smallCrowd)
	seen := newPresences("", len(users)*len(users), users, firstUser+smallCrowd)
	s.watch(seen, nil)
	act := func() error { return s.join(users, func(int) string { return "#small" }) }
	if _, err := s.usage(ctx, act, &seen.tally); err != nil {
		return err
	}
	full, err := s.memory(ctx)
	r["rss"] = measured(idle/1024, full/1024)
	return err
}

// fanout has one crowd join a channel at once, then hear lines of a native:
// one at a time, then all in one go.
func fanout(ctx context.Context, b *bench, k kind, r results) error {
	s, done, err := b.raise(ctx, k)
	if err != nil {
		return err
	}
	defer done()
	users := upTo(0, crowd)
	seen := newPresences("", crowd*crowd, users, firstUser+crowd)
	s.watch(seen, nil)
	cpu, err := s.usage(ctx, func() error { return s.join(users, func(int) string { return "#fan" }) }, &seen.tally)
	if err != nil {
		return err
	}
	r["join-cpu"] = perThing(cpu, crowd*crowd)

	if err := s.paced(ctx, users, r); err != nil {
		return err
	}
	burst := newLines("burst ", users, burstLines)
	s.watch(burst, nil)
	texts := make([]string, burstLines)
	for i := range texts {
		texts[i] = fmt.Sprintf("burst %d", i)
	}
	start := time.Now()
	if _, err := s.usage(ctx, func() error { s.irc.Say("n0", "#fan", texts...); return nil }, &burst.tally); err != nil {
		return err
	}
	r["fanout-rate"] = measured(burstLines * crowd / burst.finished().Sub(start).Seconds())
	return nil
}

// paced has a native say lines that come 5 ms after everybody has the last.
func (s *stage) paced(ctx context.Context, users []int, r results) error {
	var total time.Duration
	var latencies []time.Duration
	for i := range pacedLines {
		before, err := s.proc.cpu()
		if err != nil {
			return err
		}
		line := newLines(fmt.Sprintf("paced %d.", i), users, 1)
		s.watch(line, nil)
		line.sending()
		s.irc.Say("n0", "#fan", line.prefix+"0")
		err = errors.Join(s.wait(ctx, line.done, patience), pause(ctx, 5*time.Millisecond), line.verdict())
		if err != nil {
			return err
		}
		after, err := s.proc.cpu()
		if err != nil {
			return err
		}
		total += after - before
		latencies = append(latencies, line.latencies...)
	}
	r["fanout-cpu"] = perThing(total, pacedLines*crowd)
	r["fanout-latency"] = measured(ms(median(latencies)))
	return nil
}

// bigChannel runs bigChannelOnce several times and takes the medians: what
// memory a process holds on to differs by megabytes from run to run.
func bigChannel(ctx context.Context, b *bench, k kind, r results) error {
	values := make(map[string][][]float64) // by row, then by number of the row
	for range bigRuns {
		once := make(results)
		if err := bigChannelOnce(ctx, b, k, once); err != nil {
			return err
		}
		for row, m := range once {
			if values[row] == nil {
				values[row] = make([][]float64, len(m.values))
			}
			for i, v := range m.values {
				values[row][i] = append(values[row][i], v)
			}
		}
	}
	for row, numbers := range values {
		var m measure
		for _, v := range numbers {
			m.values = append(m.values, median(v))
		}
		r[row] = m
	}
	return nil
}

// bigChannelOnce has users join a channel with many natives, and some of those
// leave by a netsplit.
func bigChannelOnce(ctx context.Context, b *bench, k kind, r results) error {
	s, done, err := b.raise(ctx, k)
	if err != nil {
		return err
	}
	defer done()
	nicks := natives(bigNatives)
	s.irc.AddNatives("#big", nicks)
	inBig := func(int) string { return "#big" }
	before, err := s.memory(ctx)
	if err != nil {
		return err
	}
	var total time.Duration
	// One after another: those who are there see the new one, who sees everybody.
	joined := func(from, to int) error {
		for u := from; u < to; u++ {
			seen := newPresences("", u+bigNatives+u+1, upTo(0, u+1), firstUser+u+1)
			s.watch(seen, nil)
			cpu, err := s.usage(ctx, func() error { return s.join([]int{u}, inBig) }, &seen.tally)
			if err != nil {
				return err
			}
			total += cpu
		}
		return nil
	}
	if err := joined(0, 2); err != nil {
		return err
	}
	two, err := s.memory(ctx)
	if err != nil {
		return err
	}
	if err := joined(2, bigUsers); err != nil {
		return err
	}
	r["bigjoin-cpu"] = perThing(total, bigUsers*(bigNatives+bigUsers))
	all, err := s.memory(ctx)
	if err != nil {
		return err
	}
	r["bigjoin-memory"] = measured((all-two)/(bigUsers-2), (all-before)/bigUsers)
	users := upTo(0, bigUsers)
	seen := newPresences("unavailable", splitSize*bigUsers, users, firstUser+bigUsers)
	s.watch(seen, nil)
	cpu, err := s.usage(ctx, func() error { s.irc.Split("#big", nicks[:splitSize]); return nil }, &seen.tally)
	if err != nil {
		return err
	}
	r["split-cpu"] = perThing(cpu, splitSize*bigUsers)
	return nil
}

// ownChannel is a channel that one user has for themselves and a few natives.
func ownChannel(user int) string { return fmt.Sprintf("#own%d", user) }

// settled has users join their own channels, at most joinsAtOnce at a time.
func settled(ctx context.Context, s *stage, users []int) (time.Duration, error) {
	for _, u := range users {
		s.irc.AddNatives(ownChannel(u), natives(smallNatives))
	}
	var total time.Duration
	for some := range slices.Chunk(users, joinsAtOnce) {
		seen := newPresences("", len(some)*(smallNatives+1), some, firstUser+some[len(some)-1]+1)
		s.watch(seen, nil)
		cpu, err := s.usage(ctx, func() error { return s.join(some, ownChannel) }, &seen.tally)
		if err != nil {
			return 0, err
		}
		total += cpu
	}
	return total, nil
}

// sending has users speak from XMPP, each in a channel of their own: many
// lines at once, then one at a time.
func sending(ctx context.Context, b *bench, k kind, r results) error {
	s, done, err := b.raise(ctx, k)
	if err != nil {
		return err
	}
	defer done()
	users := upTo(0, senders)
	if _, err := settled(ctx, s, users); err != nil {
		return err
	}
	const prefix = "all at once "
	shown, heard := newLines(prefix, users, linesEach), newLines(prefix, users, linesEach)
	s.watch(shown, heard.hear)
	var all []byte
	for _, u := range users {
		for n := range linesEach {
			all = s.say(all, u, ownChannel(u), fmt.Sprintf("a%d.%d", u, n), fmt.Sprintf("%s%d", prefix, n))
		}
	}
	cpu, err := s.usage(ctx, func() error { return s.xmpp.Send(all) }, &shown.tally, &heard.tally)
	if err != nil {
		return err
	}
	r["send-cpu"] = perThing(cpu, senders*linesEach)

	var latencies []time.Duration
	for i := range singleLines {
		user := users[i%len(users)]
		one := fmt.Sprintf("single %d.", i)
		shown, heard := newLines(one, []int{user}, 1), newLines(one, []int{user}, 1)
		s.watch(shown, heard.hear)
		stanza := s.say(nil, user, ownChannel(user), fmt.Sprintf("s%d", i), one+"0")
		heard.sending()
		if err := s.xmpp.Send(stanza); err != nil {
			return err
		}
		for _, t := range []*tally{&heard.tally, &shown.tally} {
			if err := s.wait(ctx, t.done, patience); err != nil {
				return err
			}
			if err := t.verdict(); err != nil {
				return err
			}
		}
		latencies = append(latencies, heard.latencies...)
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	r["send-latency"] = measured(ms(median(latencies)))
	return nil
}

// connecting has many users connect and join a small channel each.
func connecting(ctx context.Context, b *bench, k kind, r results) error {
	s, done, err := b.raise(ctx, k)
	if err != nil {
		return err
	}
	defer done()
	before, err := s.memory(ctx)
	if err != nil {
		return err
	}
	cpu, err := settled(ctx, s, upTo(0, mostUsers))
	if err != nil {
		return err
	}
	r["connect-cpu"] = measured(ms(cpu) / mostUsers)
	after, err := s.memory(ctx)
	r["idle-memory"] = measured((after - before) / mostUsers)
	return err
}

func perThing(cpu time.Duration, things int) measure {
	return measured(float64(cpu.Microseconds()) / float64(things))
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func median[T cmp.Ordered](values []T) T { return percentile(values, 50) }

// percentile is the value below which percent of all lie.
func percentile[T cmp.Ordered](values []T, percent int) (p T) {
	if len(values) == 0 {
		return p
	}
	values = slices.Sorted(slices.Values(values))
	return values[min(len(values)-1, len(values)*percent/100)]
}
