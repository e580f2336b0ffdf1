package matrixside

import (
	"context"
	"fmt"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
)

// TestKeeperOutOfReach: mappings are told when the homeserver has been away for
// a while, and when it is back, so that what is said waits.
func TestKeeperOutOfReach(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.keep(room)
	b.enter(room, rob, "rob", 0)
	b.hs.Settle()
	b.hs.Down()
	b.askInVain()
	if e, a := expectEvent(b.core, "the outage", anyOf[bridge.Attachment]); e.By != bridge.Keeper || e.Room != room || a.Attached || a.Text == "" {
		t.Errorf("%+v", e)
	}
	b.hs.Up()
	go func() { // the first answer tells that it is back
		for b.side.away.Load() != 0 && t.Context().Err() == nil {
			_ = b.side.options().Client.Do(t.Context(), "", func(ctx context.Context, m *mautrix.Client) error {
				_, err := m.Whoami(ctx)
				return err
			})
		}
	}()
	if e, a := expectEvent(b.core, "its end", anyOf[bridge.Attachment]); e.By != bridge.Keeper || !a.Attached {
		t.Errorf("%+v", e)
	}
	b.confirmed(b.via(room, romeo, "romeo", bridge.Message{Text: "back"}))
	noEvent(b.core, "it is told twice", anyOf[bridge.Attachment])
}

// TestKeeperMissesNothing: what was said while the bridge was not there is told
// when the Keeper is back, in order and once.
func TestKeeperMissesNothing(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.keep(room)
	bob.Say(at, "before")
	expectEvent(b.core, "before", anyOf[bridge.Message])
	b.stop()
	dora := b.hs.User("dora")
	dora.Join(at)
	for i := range 30 { // more than is looked back at
		bob.Say(at, fmt.Sprint(i))
	}
	b.start(nil)
	eventually(t, "that to wait", func() bool {
		h, ok := b.side.places.at(id.RoomID(at)).(*heldRoom)
		if !ok {
			t.Fatal("the room has no place")
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.events) == 31
	})
	if f := b.refused(b.ask(matrixRoom("#nowhere%example.org"), bridge.Keeper, "isthmus", bridge.Join{})); f.Kind != bridge.ErrNotFound {
		t.Errorf("%+v", f)
	}
	b.keep(room)
	if _, m := expectEvent(b.core, "members", anyOf[bridge.Members]); len(m.Members) != 2 {
		t.Errorf("%+v", m)
	}
	for i := range 30 {
		if _, m := expectEvent(b.core, fmt.Sprint(i), anyOf[bridge.Message]); m.Text != fmt.Sprint(i) {
			t.Fatalf("%q instead of %d", m.Text, i)
		}
	}
	bob.Say(at, "after")
	if _, m := expectEvent(b.core, "after", anyOf[bridge.Message]); m.Text != "after" {
		t.Errorf("%q", m.Text)
	}
	if _, j := b.enter(room, alice, "Alice", 40); len(j.History) != 32 || j.History[0].Text != "before" {
		t.Errorf("%d messages of history: %+v", len(j.History), j.History)
	}
	noEvent(b.core, "dora comes twice", func(e bridge.Event, _ bridge.Join) bool { return e.By == onMatrix(dora.ID) })
	eventually(t, "all to be done", func() bool { return b.side.inbox.Held() == 0 })

	// Of a room that it does not come back into, nothing waits for ever.
	b.stop()
	bob.Ban(at, b.hs.Bot(), "no")
	b.start(nil)
	b.hs.Settle()
	b.refused(b.ask(room, bridge.Keeper, "isthmus", bridge.Join{}))
	eventually(t, "that to be done", func() bool { return b.side.inbox.Held() == 0 })
	if p := b.side.places.at(id.RoomID(at)); p != nil {
		t.Errorf("the room has a place: %T", p)
	}
}
