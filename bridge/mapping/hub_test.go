package mapping

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"isthmus/bridge"
)

// network is a side that lets everybody in, and takes every message: what a
// network is at its best.
type network struct {
	name string
	hub  *bridge.Hub
	room bridge.Room

	mu    sync.Mutex
	heard []string // what was said there by people of others, "who: text"
	in    map[bridge.Person]bool
	more  chan struct{}
}

func newNetwork(hub *bridge.Hub, name, room string) *network {
	return &network{name: name, hub: hub, room: bridge.Room{Network: name, ID: room}, in: map[bridge.Person]bool{}, more: make(chan struct{}, 1)}
}

func (n *network) Deliver(e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Join:
		if e.By == bridge.Keeper {
			n.hub.Publish(bridge.Event{Room: e.Room, Body: bridge.Members{}})
		}
		n.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Name: e.Name, Ref: e.ID, Body: bridge.Join{}})
		n.mu.Lock()
		n.in[e.By] = true
		n.mu.Unlock()
	case bridge.Leave:
		n.mu.Lock()
		delete(n.in, e.By)
		n.mu.Unlock()
	case bridge.Message:
		n.mu.Lock()
		n.heard = append(n.heard, e.By.ID+": "+b.Text)
		n.mu.Unlock()
		n.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Confirm{Native: e.ID}})
	case bridge.Rename:
		n.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Name: e.Name, Body: b})
		n.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Confirm{}})
	}
	select {
	case n.more <- struct{}{}:
	default:
	}
}

// until waits for something to be so.
func (n *network) until(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		n.mu.Lock()
		ok := f()
		n.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-n.more:
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s: not so: %s (%d heard, %d in)", n.name, what, len(n.heard), len(n.in))
		}
	}
}

type noRecords struct{}

func (noRecords) Record(bridge.Record) {}

// world is three networks, and one mapping of a room on each.
func world(t testing.TB, rooms func([]*network) []Room) (*bridge.Hub, *Side, []*network) {
	log := slog.New(slog.DiscardHandler)
	hub := bridge.NewHub(noRecords{}, log)
	side := New(hub, Options{Log: log})
	hub.Register(bridge.NetworkMapped, side)
	var all []*network
	for _, name := range []string{"xmpp", "libera", "matrix"} {
		n := newNetwork(hub, name, "#lounge@"+name)
		hub.Register(name, n)
		all = append(all, n)
	}
	links := []Link{{Name: "lounge", Rooms: rooms(all)}}
	if err := hub.SetLinks(Rules(links)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { hub.Run(ctx) })
	work.Go(func() { side.Run(ctx) })
	t.Cleanup(func() { cancel(); work.Wait() })
	side.Set(links)
	for _, n := range all {
		n.until(t, "the Keeper is there", func() bool { return n.in[bridge.Keeper] })
	}
	return hub, side, all
}

func usual(all []*network) []Room {
	return []Room{
		{At: all[0].room, Nick: "isthmus", Puppets: true},
		{At: all[1].room, Nick: "isthmus"},
		{At: all[2].room, Nick: "isthmus", Puppets: true},
	}
}

// TestEverywhereOnceInOrder: what many people of three networks say at the
// same time arrives on the others once, each one's words in their order.
func TestEverywhereOnceInOrder(t *testing.T) {
	const people, lines = 20, 50
	hub, side, all := world(t, usual)
	for _, n := range all {
		for i := range people {
			hub.Publish(bridge.Event{Room: n.room, By: bridge.Person{Network: n.name, ID: fmt.Sprint(n.name, i)}, Name: fmt.Sprint(n.name, i), Body: bridge.Join{}})
		}
	}
	var talking sync.WaitGroup
	for _, n := range all {
		talking.Go(func() {
			for line := range lines {
				for i := range people {
					who := fmt.Sprint(n.name, i)
					hub.Publish(bridge.Event{Room: n.room, By: bridge.Person{Network: n.name, ID: who}, Name: who, Body: bridge.Message{Text: fmt.Sprint(line)}})
				}
			}
		})
	}
	talking.Wait()
	for _, n := range all {
		n.until(t, "everything has come", func() bool { return len(n.heard) >= 2*people*lines })
		n.mu.Lock()
		next := map[string]int{}
		for _, h := range n.heard {
			var who string
			var line int
			if _, err := fmt.Sscanf(h, "%s %d", &who, &line); err != nil {
				t.Fatal(err)
			}
			if next[who] != line {
				t.Errorf("%s: %s%d instead of %d", n.name, who, line, next[who])
			}
			next[who]++
		}
		if len(n.heard) != 2*people*lines {
			t.Errorf("%s: %d messages", n.name, len(n.heard))
		}
		n.mu.Unlock()
	}
	for _, r := range side.Status()[0].Rooms {
		if r.State != "joined" || r.Failed != 0 || r.Natives != people || r.Puppets+r.Relayed != 2*people {
			t.Errorf("%+v", r)
		}
	}
}

// TestThousandPuppets: they come within the budget, and speak before their turn if they have to.
func TestThousandPuppets(t *testing.T) {
	hub, side, all := world(t, usual)
	xmpp, irc := all[0], all[1]
	who := func(i int) bridge.Person { return bridge.Person{Network: irc.name, ID: fmt.Sprint("p", i)} }
	for i := range 1000 {
		hub.Publish(bridge.Event{Room: irc.room, By: who(i), Name: who(i).ID, Body: bridge.Join{}})
	}
	xmpp.until(t, "the first are there", func() bool { return len(xmpp.in) >= budgetBurst/costSession })
	for i := range 1000 {
		hub.Publish(bridge.Event{Room: irc.room, By: who(i), Name: who(i).ID, Body: bridge.Message{Text: "hi"}})
	}
	xmpp.until(t, "all have spoken", func() bool { return len(xmpp.heard) == 1000 && len(xmpp.in) == 1001 })
	if got := len(side.Explain("#lounge@xmpp")); got != 1001 {
		t.Errorf("%d are explained", got)
	}
	if got := side.Explain("p7"); len(got) != 3 || got[0].How != "native" || got[2].How != "puppet" {
		t.Errorf("%+v", got)
	}
}

// TestSetAndEnd: a link that goes takes everybody with it, and can come again.
func TestSetAndEnd(t *testing.T) {
	hub, side, all := world(t, usual)
	hub.Publish(bridge.Event{Room: all[1].room, By: bridge.Person{Network: "libera", ID: "bob"}, Name: "bob", Body: bridge.Join{}})
	all[0].until(t, "bob is there", func() bool { return len(all[0].in) == 2 })
	side.Set(nil)
	for _, n := range all {
		n.until(t, "nobody is left", func() bool { return len(n.in) == 0 })
	}
	side.Set([]Link{{Name: "lounge", Rooms: usual(all)}})
	for _, n := range all {
		n.until(t, "the Keeper is back", func() bool { return n.in[bridge.Keeper] })
	}
}

// BenchmarkMessage is one message from a channel to the two other rooms,
// through three portals and the mapping.
func BenchmarkMessage(b *testing.B) {
	hub, _, all := world(b, usual)
	bob := bridge.Person{Network: "libera", ID: "bob"}
	hub.Publish(bridge.Event{Room: all[1].room, By: bob, Name: "bob", Body: bridge.Join{}})
	all[0].until(b, "bob is there", func() bool { return len(all[0].in) == 2 })
	n := 0
	for b.Loop() {
		hub.Publish(bridge.Event{Room: all[1].room, By: bob, Name: "bob", Body: bridge.Message{Text: "hello"}})
		if n++; n%100 == 0 {
			all[0].until(b, "it has come", func() bool { return len(all[0].heard) == n })
		}
	}
}

// What waits for a room to be joined is nothing to be told beside that.
func TestNotes(t *testing.T) {
	k := &leg{dirty: []bridge.Person{{Network: "libera", ID: "bob"}}}
	for state, want := range map[keeperState]int{refused: 0, joined: 2} { // and the bridge may not moderate
		k.keeper.state = state
		if got := newState("link").notes(k); len(got) != want {
			t.Errorf("%v: %q", state, got)
		}
	}
}
