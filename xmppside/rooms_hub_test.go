package xmppside

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/muc"
)

// channel is a network with one channel, where everything is granted at once.
type channel struct {
	hub *bridge.Hub
}

func (c channel) Deliver(e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Join:
		member := bridge.Member{Person: e.By, Name: e.Name, Role: bridge.RoleParticipant}
		c.hub.Publish(bridge.Event{Room: e.Room, Body: bridge.Members{Members: []bridge.Member{
			{Person: carl, Name: "carl", Role: bridge.RoleOwner}, member}}})
		c.hub.Publish(bridge.Event{Room: e.Room, By: carl, Name: "carl", Body: bridge.Topic{Text: "about go"}})
		c.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Name: e.Name, Ref: e.ID, Body: bridge.Join{Role: bridge.RoleParticipant}})
	case bridge.Message:
		if b.Text == "no" {
			c.hub.Publish(bridge.Event{Room: e.Room, Ref: e.ID, Body: bridge.Failure{Kind: bridge.ErrNoVoice, Text: "Cannot send"}})
			return
		}
		c.hub.Publish(bridge.Event{Room: e.Room, Ref: e.ID, Body: bridge.Confirm{}})
	case bridge.Rename:
		c.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Body: bridge.Rename{To: b.To, Person: e.By}})
		c.hub.Publish(bridge.Event{Room: e.Room, Ref: e.ID, Body: bridge.Confirm{}})
	case bridge.Expel:
		c.hub.Publish(bridge.Event{Room: e.Room, By: carl, Name: "carl", Body: bridge.Leave{Cause: bridge.CauseKick, Actor: e.Name}})
		c.hub.Publish(bridge.Event{Room: e.Room, Ref: e.ID, Body: bridge.Confirm{}})
	}
}

func (h *hubBorder) Deliver(e bridge.Event) { h.rooms.deliver(e) }

// hubBorder is rooms in front of the real core, and clients behind a server.
type hubBorder struct {
	clients

	mu   sync.Mutex
	sent string
	news chan struct{}
}

func (h *hubBorder) said(bridge.Room, jid.JID, string, string) {}
func (h *hubBorder) types(bridge.Room, bool)                   {}
func (h *hubBorder) reads(bridge.Room, string)                 {}

func (h *hubBorder) Send(f func([]byte) []byte) {
	h.mu.Lock()
	h.sent += string(f(nil))
	h.mu.Unlock()
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// await waits until all of this was sent, in this order, and forgets what
// was sent up to there.
func (h *hubBorder) await(parts ...string) {
	h.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		h.mu.Lock()
		rest, found := h.sent, true
		for _, p := range parts {
			if _, rest, found = strings.Cut(rest, p); !found {
				break
			}
		}
		if found {
			h.sent = rest
		}
		sent := h.sent
		h.mu.Unlock()
		if found {
			return
		}
		select {
		case <-h.news:
		case <-timeout:
			h.t.Fatalf("not sent in this order: %s\n in: %s", parts, sent)
		}
	}
}

// TestThroughTheCore plays two users in one channel, with the core's own
// order of events between them and the network.
func TestThroughTheCore(t *testing.T) {
	hub := bridge.NewHub(nil, slog.New(slog.DiscardHandler))
	h := &hubBorder{clients: clients{t: t}, news: make(chan struct{}, 1)}
	domains := address.Domains{"gw.example": ""}
	h.rooms = roomsIn(surroundings{
		core:    hub,
		domains: func() address.Domains { return domains },
		person:  (&settings{Options: Options{Unlisted: true}, domains: domains}).personAt,
		address: (&settings{Options: Options{Unlisted: true}, domains: domains}).personJID,
		sender:  func(string) muc.Sender { return h },
		chats:   h,
		leftOut: new(atomic.Int64),
		key:     []byte("0123456789abcdef"),
		log:     slog.New(slog.DiscardHandler),
	})
	hub.Register(bridge.NetworkXMPP, h)
	hub.RegisterOthers(channel{hub})
	if err := hub.SetLinks([]bridge.Link{{Name: "gw", Legs: []bridge.LegRule{
		{Network: bridge.NetworkXMPP, Room: "{room}%{network}@gw.example"},
		{Network: "{network}", Room: "{room}", Authority: true},
	}}}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { hub.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()

	enter := func(client, nick string) {
		h.from(fmt.Sprintf("<presence from='%s' to='%s/%s'>%s</presence>", client, roomAt, nick, joinXTag))
	}
	enter(alicePC, "al")
	h.await("from='"+roomAt+"/carl'>", "affiliation='owner'", "from='"+roomAt+"/al'>", "code='110'", "<subject>about go</subject>")

	enter("bob@example.net/x", "bob")
	h.await("to='"+alicePC+"' from='"+roomAt+"/bob'>", "to='bob@example.net/x' from='"+roomAt+"/bob'>", "code='110'", "<subject>about go</subject>")

	h.from("<message from='" + alicePC + "' to='" + roomAt + "' type='groupchat' id='m1'><body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>")
	h.await("to='"+alicePC+"' from='"+roomAt+"/al' id='m1'", "<origin-id", "to='bob@example.net/x' from='"+roomAt+"/al' id='m1'", "<origin-id")
	h.from("<message from='" + alicePC + "' to='" + roomAt + "' type='groupchat' id='m2'><body>no</body></message>")
	h.await("to='"+alicePC+"' from='"+roomAt+"' id='m2' type='error'", "<forbidden", "Cannot send")

	h.from("<presence from='" + alicePC + "' to='" + roomAt + "/alice'/>")
	h.await("to='bob@example.net/x' from='"+roomAt+"/al' type='unavailable'", "code='303'", "from='"+roomAt+"/alice'", "to='"+alicePC+"'", "code='110'")

	h.from("<iq from='" + alicePC + "' to='" + roomAt + "' id='k' type='set'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='carl' role='none'/></query></iq>")
	h.await("from='"+roomAt+"/carl' type='unavailable'", "<actor nick='alice'/>", "code='307'", "id='k' type='result'/>")

	h.from("<presence from='" + alicePC + "' to='" + roomAt + "/alice' type='unavailable'/>")
	h.await("to='bob@example.net/x' from='"+roomAt+"/alice' type='unavailable'", "to='"+alicePC+"'", "code='110'")
	h.from("<presence from='bob@example.net/x' to='" + roomAt + "/bob' type='unavailable'/>")
	h.await("to='bob@example.net/x' from='"+roomAt+"/bob' type='unavailable'", "code='110'")
	if len(h.rooms.byID) != 0 {
		t.Error("an empty room is kept")
	}

	enter(alicePC, "al") // anew
	h.await("to='"+alicePC+"' from='"+roomAt+"/carl'>", "from='"+roomAt+"/al'>", "code='110'", "<subject>about go</subject>")
}
