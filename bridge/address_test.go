package bridge

import (
	"testing"
	"time"
)

// Answers come from the address that somebody used last, also after a pause in
// which nothing else needed the conversation.
func TestAddressIsKept(t *testing.T) {
	h, xmpp, irc, _ := startHub(t)
	bound := Link{Name: "bound", Legs: []LegRule{
		{Network: "xmpp", Room: "{room}@libera.example"},
		{Network: "libera", Room: "{room}", Authority: true},
	}}
	if err := h.SetLinks([]Link{gateway, bound}); err != nil {
		t.Fatal(err)
	}
	nick := Room{Network: "libera", ID: "bob", Owner: alice}
	talk := func(id string) (from Room) {
		n, sent := len(xmpp.wait(t, 0)), len(irc.wait(t, 0))
		at := Room{Network: "xmpp", ID: id, Owner: alice}
		h.Publish(Event{Room: at, By: alice, Body: Message{Text: "hi"}})
		irc.wait(t, sent+1)
		h.Publish(Event{Room: nick, By: Person{"libera", "bob"}, Name: "bob", Body: Message{Text: "hi"}})
		xmpp.wait(t, n+2) // the confirmation, the answer
		for range 100 {
			h.sweep()
			time.Sleep(time.Millisecond)
		}
		h.Publish(Event{Room: nick, By: Person{"libera", "bob"}, Name: "bob", Body: Message{Text: "still there?"}})
		return xmpp.wait(t, n+3)[n+2].Room
	}
	for _, id := range []string{"bob@libera.example", "bob%libera@gw.example"} {
		if from := talk(id); from.ID != id {
			t.Errorf("%s was answered from %s", id, from.ID)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for h.Portals() > 0 { // the usual address needs no keeping
		if time.Now().After(deadline) {
			t.Fatal("a conversation that nobody needs stays")
		}
		h.sweep()
	}
}
