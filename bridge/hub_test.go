package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// fakeSide collects what it gets; answer, if set, reacts to it.
type fakeSide struct {
	mu     sync.Mutex
	got    []Event
	grew   chan struct{}
	answer func(Event)
}

func newFakeSide() *fakeSide { return &fakeSide{grew: make(chan struct{}, 1)} }

func (f *fakeSide) Deliver(e Event) {
	f.mu.Lock()
	f.got = append(f.got, e)
	answer := f.answer
	f.mu.Unlock()
	select {
	case f.grew <- struct{}{}:
	default:
	}
	if answer != nil {
		answer(e)
	}
}

// wait returns all deliveries once there are n.
func (f *fakeSide) wait(t *testing.T, n int) []Event {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		f.mu.Lock()
		got := f.got
		f.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-f.grew:
		case <-deadline:
			t.Fatalf("%d deliveries, want %d: %+v", len(got), n, got)
		}
	}
}

type recorder struct {
	mu  sync.Mutex
	got []Record
}

func (r *recorder) Record(rec Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, rec)
}

// network is an authority that takes everything.
func network(h *Hub, irc *fakeSide) func(Event) {
	return func(e Event) {
		answer := Event{Room: e.Room, By: e.By, Name: e.Name, Ref: e.ID}
		switch e.Body.(type) {
		case Join:
			h.Publish(Event{Room: e.Room, Body: Members{}})
			answer.Body = Join{Role: RoleParticipant}
		case Message:
			answer.Body = Confirm{Native: "n-" + e.ID}
		default:
			return
		}
		h.Publish(answer)
	}
}

func startHub(t *testing.T) (h *Hub, xmpp, irc *fakeSide, rec *recorder) {
	rec = &recorder{}
	h = NewHub(rec, slog.New(slog.DiscardHandler))
	xmpp, irc = newFakeSide(), newFakeSide()
	irc.answer = network(h, irc)
	h.Register(NetworkXMPP, xmpp)
	h.RegisterOthers(irc)
	if err := h.SetLinks([]Link{gateway}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return
}

var (
	goMUC = Room{Network: "xmpp", ID: "#go%libera@gw.example"}
	goIRC = Room{Network: "libera", ID: "#go"}
	alice = Person{"xmpp", "alice@example.org"}
)

func TestHubCarriesInOrder(t *testing.T) {
	h, xmpp, _, rec := startHub(t)
	h.Publish(Event{Room: goMUC, By: alice, Name: "Alice", Body: Join{}})
	xmpp.wait(t, 2) // members, join
	const n = 500
	for i := range n {
		h.Publish(Event{Room: goMUC, By: alice, Body: Message{Text: fmt.Sprint(i)}})
	}
	got := xmpp.wait(t, n+2)
	for i, e := range got[2:] {
		if m, ok := e.Body.(Message); !ok || m.Text != fmt.Sprint(i) {
			t.Fatalf("delivery %d is %+v", i, e)
		}
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.got) != n {
		t.Errorf("%d ids recorded, want %d", len(rec.got), n)
	}
}

// batchSide is a side that is told what comes together.
type batchSide struct {
	*fakeSide
	sizes []int // of the batches; the courier's alone
}

func (b *batchSide) DeliverAll(batch []Event) {
	b.sizes = append(b.sizes, len(batch))
	for _, e := range batch {
		b.Deliver(e)
	}
}

func TestHubCarriesBatches(t *testing.T) {
	h, xmpp, irc, _ := startHub(t)
	side := &batchSide{fakeSide: irc}
	h.RegisterOthers(side)
	h.Publish(Event{Room: goMUC, By: alice, Name: "Alice", Body: Join{}})
	xmpp.wait(t, 2) // members, join
	entered, resume := make(chan struct{}, 9), make(chan struct{})
	irc.mu.Lock()
	irc.answer = func(Event) { entered <- struct{}{}; <-resume }
	irc.mu.Unlock()
	h.Publish(Event{Room: goMUC, By: alice, Body: Message{Text: "0"}})
	<-entered
	for i := range 8 {
		h.Publish(Event{Room: goMUC, By: alice, Body: Message{Text: fmt.Sprint(i + 1)}})
	}
	close(resume)
	for i, e := range irc.wait(t, 1+9)[1:] {
		if m, ok := e.Body.(Message); !ok || m.Text != fmt.Sprint(i) {
			t.Fatalf("delivery %d is %+v", i, e)
		}
	}
	h.close()
	if last := side.sizes[len(side.sizes)-1]; last != 8 {
		t.Errorf("batches of %v", side.sizes)
	}
}

func TestHubRefusesWhatNoLinkHas(t *testing.T) {
	h, xmpp, irc, _ := startHub(t)
	for i, b := range []Body{Join{}, Pardon{Person: alice}} {
		h.Publish(Event{ID: "1", Room: Room{Network: "xmpp", ID: "lounge@elsewhere"}, By: alice, Body: b})
		got := xmpp.wait(t, i+1)[i]
		if f, ok := got.Body.(Failure); !ok || f.Kind != ErrNotFound || got.Ref != "1" || got.By != alice {
			t.Errorf("got %+v", got)
		}
	}
	// Facts of a room that nobody is in are counted, and open nothing.
	h.Publish(Event{Room: goIRC, By: Person{"libera", "bob"}, Body: Message{Text: "hello?"}})
	h.Publish(Event{Room: goIRC, By: Person{"libera", "bob"}, Body: Join{}})
	if n := h.Counters.Orphans.Load() + h.Counters.Refused.Load(); n != 4 || h.Portals() != 0 {
		t.Errorf("counted %d, portals %d", n, h.Portals())
	}
	if len(irc.got) != 0 {
		t.Errorf("irc got %+v", irc.got)
	}
}

func TestHubPrivateFromEitherSide(t *testing.T) {
	h, xmpp, _, _ := startHub(t)
	bob := Person{"libera", "bob"}
	h.Publish(Event{Room: Room{Network: "libera", ID: "bob", Owner: alice}, By: bob, Name: "bob", Body: Message{Text: "hi"}})
	got := xmpp.wait(t, 1)
	if want := (Room{"xmpp", "bob%libera@gw.example", alice}); got[0].Room != want {
		t.Errorf("came to %v", got[0].Room)
	}
}

func TestHubSecondDoor(t *testing.T) {
	h, xmpp, _, _ := startHub(t)
	bound := Link{Name: "bound", Legs: []LegRule{
		{Network: "xmpp", Room: "{room}@libera.gw.example"},
		{Network: "libera", Room: "{room}", Authority: true},
	}}
	if err := h.SetLinks([]Link{gateway, bound}); err != nil {
		t.Fatal(err)
	}
	h.Publish(Event{Room: goMUC, By: alice, Name: "Alice", Body: Join{}})
	xmpp.wait(t, 2)
	h.Publish(Event{Room: Room{Network: "xmpp", ID: "#go@libera.gw.example"}, By: Person{"xmpp", "carol@example.org"}, Name: "Carol", Body: Join{}})
	xmpp.wait(t, 5) // members and join to the new door, join to the old one
	if h.Portals() != 1 {
		t.Errorf("%d portals for one channel", h.Portals())
	}
}

// Who turns an invitation down reaches the room though nobody is in it; who
// leaves what they are not in does not.
func TestHubCarriesDeclines(t *testing.T) {
	h, _, irc, _ := startHub(t)
	h.Publish(Event{ID: "1", Room: goMUC, By: alice, Body: Leave{}})
	h.Publish(Event{ID: "2", Room: goMUC, By: alice, Body: Leave{Cause: CauseDecline, Reason: "no"}})
	if got := irc.wait(t, 1); got[0].ID != "2" || got[0].Room != goIRC {
		t.Errorf("%+v", got)
	}
}

// That somebody asks the Keeper in reaches the mapping though nobody is in the room.
func TestHubCallsKeeper(t *testing.T) {
	h, irc, mapped := NewHub(&recorder{}, slog.New(slog.DiscardHandler)), newFakeSide(), newFakeSide()
	h.RegisterOthers(irc)
	h.Register(NetworkMapped, mapped)
	own, room := Room{Network: NetworkMapped, ID: "lounge/1"}, Room{Network: "libera", ID: "#lounge"}
	if err := h.SetLinks([]Link{{Name: "lounge", Legs: []LegRule{
		{Network: own.Network, Room: own.ID}, {Network: room.Network, Room: room.ID, Authority: true},
	}}}); err != nil {
		t.Fatal(err)
	}
	h.Publish(Event{Room: room, By: Person{"libera", "bob"}, Body: Invite{Person: Person{"libera", "ann"}}})
	h.Publish(Event{Room: Room{Network: "libera", ID: "#other"}, By: Person{"libera", "bob"}, Body: Invite{Person: Keeper}})
	h.Publish(Event{Room: room, By: Person{"libera", "bob"}, Body: Invite{Person: Keeper}})
	if got := mapped.wait(t, 1); got[0].Room != own || got[0].Body != (Invite{Person: Keeper}) {
		t.Errorf("%+v", got)
	}
	if n := h.Counters.Orphans.Load() + h.Counters.Refused.Load(); n != 2 {
		t.Errorf("%d went nowhere", n)
	}
}

// TestOverflow: a leg that does not take what it is given loses some of it,
// is told how much, and is shown the room anew; nobody else waits for it.
func TestOverflow(t *testing.T) {
	h, xmpp, _, _ := startHub(t)
	h.Publish(Event{Room: goMUC, By: alice, Name: "Alice", Body: Join{}})
	xmpp.wait(t, 2)
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	xmpp.mu.Lock()
	xmpp.answer = func(Event) { once.Do(func() { close(stuck); <-release }) }
	xmpp.mu.Unlock()
	bob := Person{"libera", "bob"}
	h.Publish(Event{Room: goIRC, By: bob, Body: Message{Text: "first"}})
	<-stuck
	const more = courierBound + 99
	for range more {
		h.Publish(Event{Room: goIRC, By: bob, Body: Message{Text: "x"}})
	}
	for h.Counters.Lost.Load() < more-(courierBound-1) {
		time.Sleep(time.Millisecond) // the portal is still at it
	}
	close(release)
	got := xmpp.wait(t, 2+courierBound+2)
	lost, ok := got[2+courierBound].Body.(Lost)
	if _, members := got[2+courierBound+1].Body.(Members); !ok || !members || lost.Count != more-(courierBound-1) {
		t.Errorf("after the flood came %+v", got[2+courierBound:])
	}
}

func TestSweep(t *testing.T) {
	h, xmpp, _, _ := startHub(t)
	for range 50 {
		h.Publish(Event{Room: goMUC, By: alice, Name: "Alice", Body: Join{}})
		n := len(xmpp.wait(t, 1))
		h.sweep()
		xmpp.wait(t, n)
		h.Publish(Event{Room: goMUC, By: alice, Body: Leave{}})
	}
	deadline := time.Now().Add(10 * time.Second)
	for h.Portals() > 0 {
		if time.Now().After(deadline) {
			t.Fatal("an empty portal stays")
		}
		h.sweep()
	}
}

func TestPublishAfterClose(t *testing.T) {
	h := NewHub(&recorder{}, slog.New(slog.DiscardHandler))
	side := newFakeSide()
	h.RegisterOthers(side)
	if err := h.SetLinks([]Link{gateway}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.Run(ctx)
	h.Publish(Event{Room: goMUC, By: alice, Body: Join{}}) // must return
}

func BenchmarkMessage(b *testing.B) {
	rec := &recorder{}
	h := NewHub(rec, slog.New(slog.DiscardHandler))
	xmpp, irc := newFakeSide(), newFakeSide()
	irc.answer = network(h, irc)
	h.Register(NetworkXMPP, xmpp)
	h.RegisterOthers(irc)
	if err := h.SetLinks([]Link{gateway}); err != nil {
		b.Fatal(err)
	}
	h.Publish(Event{Room: goMUC, By: alice, Name: "Alice", Body: Join{}})
	bob := Person{"libera", "bob"}
	b.ReportAllocs()
	for b.Loop() {
		h.Publish(Event{Room: goIRC, By: bob, Name: "bob", Body: Message{Text: "hello"}})
	}
	h.close()
}
