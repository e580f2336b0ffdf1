package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// The sizes of the workloads of a room on three networks; docs/bench.md describes them.
const (
	roomPeople  = 100
	roomSeconds = 4
	roomTick    = 10 * time.Millisecond
	roomPerTick = 22 // lines of all three networks: 2,200 a second
	roomSingles = 200

	crowdPuppets = 1000
)

// roomLinks is what an administrator writes.
const roomLinks = `
links:
  - name: bench
    rooms:
      - { xmpp: ` + mucJID + ` }
      - { irc: bench, channel: "` + mappedChannel + `", as: relay }
      - { matrix: "` + mappedAlias + ":" + hsName + `" }
`

// crowdLinks has everybody from IRC be themselves in the MUC.
const crowdLinks = `
links:
  - name: bench
    rooms:
      - { xmpp: ` + mucJID + ` }
      - { irc: bench, channel: "` + mappedChannel + `" }
`

// mapped is the workload of a bridge with a room on all three networks.
func mapped(links string, work func(context.Context, *stage, results) error) func(context.Context, *bench, kind, results) error {
	return func(ctx context.Context, b *bench, k kind, r results) error {
		k.mapped = mapping{people: roomPeople, links: links}
		return onMatrix("", work)(ctx, b, k, r)
	}
}

// mappedCrowd has very many people on IRC who become occupants of the MUC when
// they speak, since they would come a few a second otherwise.
func mappedCrowd(ctx context.Context, b *bench, k kind, r results) error {
	k.mapped = mapping{people: crowdPuppets, links: crowdLinks}
	s, done, err := b.raise(ctx, k)
	if err != nil {
		return err
	}
	defer done()
	in, _ := s.bothWays()
	c := in.from.expect(crowdPuppets)
	c.loose = true // who has no puppet yet waits, and nobody else
	in.watch(c)
	began := time.Now()
	cpu, err := s.usage(ctx, func() error { return in.from.speak(crowdPuppets, c) }, &c.tally)
	if err != nil {
		return err
	}
	if n := s.muc.count(); n != crowdPuppets+1 || len(c.names) != crowdPuppets {
		return fmt.Errorf("%d came from the bridge, %d spoke", n, len(c.names))
	}
	r["mapped-crowd"] = measured(c.finished().Sub(began).Seconds(), cpu.Seconds())
	after, err := s.memory(ctx)
	r["mapped-crowd-memory"] = measured(after / 1024)
	return err
}

// mappedRoom has the people of three networks talk in one room: one line after
// another from each network, then as many as they can.
func mappedRoom(ctx context.Context, s *stage, r results) error {
	networks := [3]*speakers{s.ircSpeakers(), s.mucSpeakers(), s.hsSpeakers()}
	if err := s.everybodyIn(ctx, networks); err != nil {
		return err
	}
	full, err := s.memory(ctx)
	if err != nil {
		return err
	}
	r["mapped-rss"] = measured(full / 1024)
	if err := s.roomLatency(ctx, networks, r); err != nil {
		return err
	}
	return s.roomRate(ctx, networks, r)
}

// everybodyIn has everybody say something, since who speaks comes at once, and
// waits until they are occupants of the MUC and members on Matrix.
func (s *stage) everybodyIn(ctx context.Context, networks [3]*speakers) error {
	people := s.kind.mapped.people
	b := expectBetween(networks, people)
	for from, p := range networks {
		for _, c := range b.from(from) {
			c.loose = true // who is on their way in holds up nobody else
		}
		s.watchMapped(b.at(0), b.at(1), b.at(2))
		if err := p.speak(people, b.from(from)...); err != nil {
			return err
		}
	}
	if err := s.all(ctx, b.tallies()...); err != nil {
		return err
	}
	here := func() (inMUC, onMatrix int) { return s.muc.count(), len(s.hs.Members(s.mappedRoom, "join")) }
	if err := s.until(ctx, "everybody everywhere", func() bool {
		inMUC, onMatrix := here()
		return inMUC == 2*people+1 && onMatrix == 3*people+1
	}); err != nil {
		inMUC, onMatrix := here()
		return fmt.Errorf("%w: %d in the MUC, %d on Matrix", err, inMUC, onMatrix)
	}
	return nil
}

// between are the crossings of the next n lines of each network in each other
// one, by from and to.
type between [3][3]*crossing

func expectBetween(networks [3]*speakers, n int) (b between) {
	for from, p := range networks {
		for to := range networks {
			if from != to {
				b[from][to] = p.expect(n)
			}
		}
	}
	return b
}

// from are those of what a network says; at those that it expects.
func (b between) from(network int) []*crossing { return present(b[network][:]) }

func (b between) at(network int) []*crossing {
	return present([]*crossing{b[0][network], b[1][network], b[2][network]})
}

func present(all []*crossing) []*crossing {
	return slices.DeleteFunc(slices.Clone(all), func(c *crossing) bool { return c == nil })
}

func (b between) tallies() (all []*tally) {
	for from := range b {
		for _, c := range b.from(from) {
			all = append(all, &c.tally)
		}
	}
	return all
}

// roomLatency has one line after another said, on one network after the other.
func (s *stage) roomLatency(ctx context.Context, networks [3]*speakers, r results) error {
	var latencies [3][3][]time.Duration
	for i := range 3 * roomSingles {
		from := i % 3
		b := expectBetween(networks, 1)
		s.watchMapped(b.at(0), b.at(1), b.at(2))
		var tallies []*tally
		for _, c := range b.from(from) {
			tallies = append(tallies, &c.tally)
		}
		if _, err := s.single(ctx, func() error { return networks[from].speak(1, b.from(from)...) }, tallies...); err != nil {
			return err
		}
		for to, c := range b[from] {
			if c != nil {
				latencies[from][to] = append(latencies[from][to], c.latencies...)
			}
		}
	}
	p := func(percent int, ways ...[2]int) measure {
		var m measure
		for _, way := range ways {
			m.values = append(m.values, ms(percentile(latencies[way[0]][way[1]], percent)))
		}
		return m
	}
	const irc, muc, hs = 0, 1, 2
	r["mapped-latency"] = p(50, [2]int{irc, muc}, [2]int{muc, irc})
	r["mapped-latency-p99"] = p(99, [2]int{irc, muc}, [2]int{muc, irc})
	r["mapped-matrix-latency"] = p(50, [2]int{irc, hs}, [2]int{muc, hs}, [2]int{hs, irc}, [2]int{hs, muc})
	r["mapped-matrix-p99"] = p(99, [2]int{irc, hs}, [2]int{muc, hs}, [2]int{hs, irc}, [2]int{hs, muc})
	return nil
}

// roomRate has all three networks talk at once for some seconds.
func (s *stage) roomRate(ctx context.Context, networks [3]*speakers, r results) error {
	const ticks = int(roomSeconds * time.Second / roomTick)
	const each = ticks * roomPerTick / 3
	b := expectBetween(networks, each)
	s.watchMapped(b.at(0), b.at(1), b.at(2))
	began := time.Now()
	tick := time.NewTicker(roomTick)
	defer tick.Stop()
	talk := func() error {
		said := 0
		for said < each {
			// What the machine could not keep up with is said late, not left out.
			due := min(each, 1+int(time.Since(began)/roomTick)*roomPerTick/3)
			for ; said < due; said++ {
				for i, p := range networks {
					if err := p.speak(1, b.from(i)...); err != nil {
						return err
					}
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	cpu, err := s.usage(ctx, talk, b.tallies()...)
	if err != nil {
		return err
	}
	var last time.Time
	for _, t := range b.tallies() {
		if at := t.finished(); at.After(last) {
			last = at
		}
	}
	r["mapped-rate"] = measured(float64(3*each) / last.Sub(began).Seconds())
	r["mapped-cpu"] = perThing(cpu, 3*each)
	return nil
}
