package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The sizes of the workloads of one relay; docs/bench.md describes them.
const (
	relayPeople  = 20
	relayAtOnce  = 50
	relayRounds  = 20
	relaySingles = 300

	// relayQuiet is after how long without a line nothing more is expected.
	relayQuiet = 5 * time.Second
)

// relayLinks has one nick on IRC speak for the MUC, and one in the MUC for IRC.
const relayLinks = `
links:
  - name: bench
    rooms:
      - { irc: bench, channel: "` + mappedChannel + `", as: relay }
      - { xmpp: ` + mucJID + `, as: relay }
`

// way is one of the two directions through a relay.
type way struct {
	from   *speakers
	watch  func(...*crossing)
	cpu    [2]float64 // µs per line, at once and one at a time
	median time.Duration
}

func (s *stage) bothWays() (in, out *way) {
	in = &way{from: s.ircSpeakers(), watch: func(c ...*crossing) { s.watchMapped(nil, c, nil) }}
	out = &way{from: s.mucSpeakers(), watch: func(c ...*crossing) { s.watchMapped(c, nil, nil) }}
	return in, out
}

// relaying has a channel and a MUC talk through one nick in each: many lines at
// once, then one at a time.
func relaying(ctx context.Context, b *bench, k kind, r results) error {
	k.mapped = mapping{people: relayPeople, links: relayLinks}
	s, done, err := b.raise(ctx, k)
	if err != nil {
		return err
	}
	defer done()
	idle, err := s.memory(ctx)
	if err != nil {
		return err
	}
	in, out := s.bothWays()
	for _, w := range []*way{in, out} {
		if err := s.crowded(ctx, w); err != nil {
			return err
		}
		if err := s.singles(ctx, w); err != nil {
			return err
		}
	}
	full, err := s.memory(ctx)
	if err != nil {
		return err
	}
	r["relay-in-cpu"], r["relay-out-cpu"] = measured(in.cpu[:]...), measured(out.cpu[:]...)
	r["relay-latency"] = measured(ms(in.median), ms(out.median))
	r["relay-rss"] = measured(idle/1024, full/1024)
	return nil
}

// crowded has people say many lines at once, again and again.
func (s *stage) crowded(ctx context.Context, w *way) error {
	var total time.Duration
	for range relayRounds {
		c := w.from.expect(relayAtOnce)
		c.loose = s.kind.name == "matterbridge" // which handles each line on its own
		w.watch(c)
		cpu, err := s.single(ctx, func() error { return w.from.speak(relayAtOnce, c) }, &c.tally)
		if err != nil {
			return err
		}
		total += cpu
	}
	w.cpu[0] = perThing(total, relayRounds*relayAtOnce).values[0]
	return nil
}

// singles has people say one line after another.
func (s *stage) singles(ctx context.Context, w *way) error {
	var total time.Duration
	var latencies []time.Duration
	for range relaySingles {
		c := w.from.expect(1)
		w.watch(c)
		cpu, err := s.single(ctx, func() error { return w.from.speak(1, c) }, &c.tally)
		if err != nil {
			return err
		}
		total += cpu
		latencies = append(latencies, c.latencies...)
	}
	w.cpu[1], w.median = perThing(total, relaySingles).values[0], median(latencies)
	return nil
}

// flooding has the MUC say many lines at once to a bridge whose flood control is
// as it comes.
func flooding(ctx context.Context, b *bench, k kind, r results) error {
	k.mapped = mapping{people: relayPeople, links: relayLinks, flood: true}
	s, done, err := b.raise(ctx, k)
	if err != nil {
		return err
	}
	defer done()
	_, out := s.bothWays()
	c := out.from.expect(relayAtOnce)
	c.loose = true
	out.watch(c)
	began := time.Now()
	if err := out.from.speak(relayAtOnce, c); err != nil {
		return err
	}
	lost, err := s.rest(ctx, c)
	if err != nil {
		return err
	}
	r["relay-flood"] = measured(float64(lost), float64(c.late))
	r["relay-flood-time"] = measured(c.finished().Sub(began).Seconds())
	return nil
}

// rest waits for what is still to come, and tells how much does not.
func (s *stage) rest(ctx context.Context, c *crossing) (lost int, err error) {
	for before := time.Now(); ; {
		err := s.wait(ctx, c.done, relayQuiet)
		c.mu.Lock()
		lost, wrong, last := c.want-c.got, c.wrong, c.last
		c.mu.Unlock()
		switch {
		case wrong != nil:
			return 0, wrong
		case err == nil:
			return 0, nil
		case ctx.Err() != nil || lost == c.want:
			return 0, errors.Join(err, ctx.Err())
		case !last.After(before):
			return lost, nil
		case s.proc.over():
			return 0, fmt.Errorf("%s ended%s", s.kind.name, s.logTail())
		}
		before = last
	}
}
