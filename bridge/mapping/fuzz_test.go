package mapping

import (
	"fmt"
	"testing"
	"time"

	"isthmus/bridge"
)

// FuzzState: whatever rooms tell, in whatever order, a link keeps its books:
// each message that crossed is, for each room that was to get it, delivered,
// failed aloud, waiting or on its way, and what is counted is what there is.
func FuzzState(f *testing.F) {
	f.Add([]byte("a quick brown fox jumps over the lazy dog"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23})
	f.Fuzz(func(t *testing.T, data []byte) {
		z := newFuzzed()
		for len(data) >= 4 {
			z.act(data[0], data[1], data[2], data[3])
			data = data[4:]
			z.check(t)
		}
	})
}

// fuzzed is a link of three rooms, and what it has asked of them.
type fuzzed struct {
	s     *state
	asked []bridge.Event
	ids   int
	heard int64 // messages, times the rooms that were to get them
}

func newFuzzed() *fuzzed {
	z := &fuzzed{s: newState("l")}
	z.s.now = time.Unix(1_000_000, 0)
	z.s.newID = func() string { z.ids++; return fmt.Sprint("i", z.ids) }
	z.s.configure(Link{Name: "l", Rooms: []Room{
		{At: bridge.Room{Network: "xmpp", ID: "muc"}, Puppets: true},
		{At: bridge.Room{Network: "irc", ID: "#c"}, Puppets: true, Lazy: true, Idle: time.Minute, Most: 2, Name: "{name}-{network}"},
		{At: bridge.Room{Network: "matrix", ID: "#r"}, Puppets: true},
	}})
	z.collect()
	return z
}

func (z *fuzzed) collect() {
	z.asked = append(z.asked, z.s.out.ask...)
	if len(z.asked) > 64 {
		z.asked = z.asked[len(z.asked)-64:]
	}
	z.s.out = effects{}
}

func (z *fuzzed) person(b byte) bridge.Person {
	if b%7 == 6 {
		return bridge.Keeper
	}
	return bridge.Person{Network: []string{"xmpp", "irc", "matrix"}[b%3], ID: string('a' + rune(b>>2%6))}
}

func (z *fuzzed) act(what, where, who, how byte) {
	k := z.s.legs[int(where)%len(z.s.legs)]
	p := z.person(who)
	e := bridge.Event{ID: z.s.newID(), Room: k.own, By: p, Name: p.ID, At: z.s.now}
	if len(z.asked) > 0 && how%2 == 0 { // an answer to something that was asked
		a := z.asked[int(how/2)%len(z.asked)]
		e.Room, e.By, e.Name, e.Ref = a.Room, a.By, a.Name, a.ID
	}
	switch what % 16 {
	case 0, 1:
		e.Body = bridge.Join{Relayed: what%32 >= 16}
	case 2:
		e.Body = bridge.Leave{Cause: bridge.Cause(how % 7), Actor: "x"}
	case 3, 4:
		if e.Ref != "" {
			e.ID = e.Ref // as taken
		}
		e.Body = bridge.Message{Text: string(rune('a' + how%26))}
	case 5:
		e.Body = bridge.Rename{To: string('a' + rune(how%6)), Person: z.person(how)}
		if e.By == bridge.Keeper {
			e.Body = bridge.Rename{To: "k", Person: bridge.Keeper}
		}
	case 6:
		e.Body = bridge.Failure{Kind: bridge.ErrorKind(how % 21), Text: "no"}
	case 7:
		e.Body = bridge.Confirm{}
	case 8:
		e.Body = bridge.Attachment{Attached: how%4 < 2}
	case 9:
		e.Body = bridge.Members{Members: []bridge.Member{{Person: p, Name: p.ID}}}
	case 10:
		e.Body = bridge.Topic{Text: string(rune('a' + how%3))}
	case 11:
		e.Body = bridge.RoleChange{Role: bridge.Role(how % 7), Actor: "x"}
	case 12:
		e.Body = bridge.Pardon{Person: p, Actor: "x"}
	case 13:
		e.Body = bridge.Lost{Count: 1}
		if how%8 < 4 {
			e.By, e.Body = bridge.Person{}, bridge.Moved{}
		}
	case 14:
		z.s.now = z.s.now.Add(time.Duration(how) * 10 * time.Second)
		z.s.tick()
		z.collect()
		return
	case 15:
		e.Body = bridge.Presence{Show: bridge.Show(how % 6)}
	}
	before := z.s.counters.Crossed.Load()
	z.s.take(e)
	z.heard += (z.s.counters.Crossed.Load() - before) * int64(len(z.s.legs)-1)
	z.collect()
}

func (z *fuzzed) check(t *testing.T) {
	var delivered, failed, waiting int64
	for _, k := range z.s.legs {
		delivered += k.delivered
		failed += k.failed
		waiting += int64(len(k.queue) + len(k.inflight))
		apart := 0
		names := map[string]int{}
		for p, g := range k.guests {
			if g.apart() {
				apart++
			}
			if g.name != "" {
				names[fold(g.name)]++
			}
			if k.as[g.as] != g {
				t.Fatalf("%v is not known as %v in %v", p, g.as, k.set.At)
			}
		}
		for p, g := range k.as {
			if k.guests[k.personOf(g)] != g {
				t.Fatalf("%v in %v is nobody's", p, k.set.At)
			}
		}
		for _, n := range k.natives {
			if n.name != "" {
				names[fold(n.name)]++
			}
		}
		if apart != k.sessions {
			t.Fatalf("%d sessions are %d in %v", k.sessions, apart, k.set.At)
		}
		for name, n := range k.names {
			if n != names[name] {
				t.Fatalf("%d are called %q in %v, not %d", names[name], name, k.set.At, n)
			}
		}
		if len(k.names) != len(names) {
			t.Fatalf("names in %v: %v, not %v", k.set.At, k.names, names)
		}
	}
	if z.heard != delivered+failed+waiting {
		t.Fatalf("%d were to arrive: %d did, %d failed, %d wait", z.heard, delivered, failed, waiting)
	}
}
