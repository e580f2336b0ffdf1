package xmppside

import (
	"fmt"
	"testing"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
)

func TestWatching(t *testing.T) {
	s := newService(t, nil)
	presence := func(typ, to, more string) {
		s.say("<presence from='alice@example.org" + more + "' to='" + to + "' type='" + typ + "'/>")
	}
	presence("subscribe", rob, "")
	e := s.asked()
	if e.Room != withRob || e.Body != (bridge.Watch{On: true}) {
		t.Errorf("%+v", e)
	}
	s.hear("<presence to='alice@example.org' from='" + rob + "' type='subscribed'/>")
	s.hear("type='subscribe'/>")
	s.hear("type='unavailable'>")    // nothing is known yet
	presence("unavailable", rob, "") // Prosody's way to say that it got our request
	s.reply(e, bridge.Confirm{})
	s.Deliver(bridge.Event{Room: withRob, Body: bridge.Presence{Show: bridge.ShowAway, Status: "lunch"}})
	s.hear("<presence to='alice@example.org' from='" + rob + "'><show>away</show><status>lunch</status><c xmlns='http://jabber.org/protocol/caps'")
	s.Deliver(bridge.Event{Room: withRob, Body: bridge.Presence{Show: bridge.ShowAway, Status: "lunch"}}) // no news
	presence("probe", rob, "")
	s.hear("<show>away</show>")
	presence("", rob, "/phone")
	presence("", rob, "/tablet")
	presence("unavailable", rob, "/phone")
	s.fence()
	presence("unavailable", rob, "/tablet")
	if e := s.asked(); e.Body != (bridge.Watch{On: false}) {
		t.Errorf("%+v", e)
	}
	s.Deliver(bridge.Event{Room: withRob, Body: bridge.Presence{}}) // too late
	s.fence()
	// Back again: the server's probe is enough.
	presence("probe", rob, "/phone")
	e = s.asked()
	s.hear("to='alice@example.org/phone'", "type='unavailable'")
	s.Deliver(bridge.Event{Room: withRob, Body: bridge.Presence{}})
	s.hear("to='alice@example.org' from='" + rob + "'><c ")
	s.reply(e, bridge.Failure{Kind: bridge.ErrOffline, Text: "no link"})
	s.hear("type='unavailable'", "no link")
	presence("unsubscribe", rob, "")
	s.hear("type='unsubscribed'/>")
	s.hear("type='unavailable'")
	if e := s.asked(); e.Body != (bridge.Watch{On: false}) {
		t.Errorf("%+v", e)
	}
	if len(s.roster.contacts) != 0 || len(s.roster.perUser) != 0 {
		t.Errorf("left: %v, %v", s.roster.contacts, s.roster.perUser)
	}
}

// Somebody on Matrix is told how available the user is, over all of their clients.
func TestShowingOneself(t *testing.T) {
	s := newService(t, withMatrix)
	const bob = "bob%server.org@matrix.example.org"
	room := bridge.Room{Network: bridge.NetworkXMPP, ID: bob, Owner: alice}
	presence := func(client, typ, content string) {
		s.say("<presence from='alice@example.org/" + client + "' to='" + bob + "'" + typ + ">" + content + "</presence>")
	}
	told := func(want bridge.Presence) {
		t.Helper()
		if e := s.asked(); e.Room != room || e.By != alice || e.Body != want {
			t.Errorf("%+v, not %+v", e, want)
		}
	}
	presence("phone", "", "<show>away</show><status>lunch</status>")
	if e := s.asked(); e.Body != (bridge.Watch{On: true}) {
		t.Errorf("%+v", e)
	}
	away := bridge.Presence{Show: bridge.ShowAway, Status: "lunch"}
	told(away)
	presence("phone", "", "<show>away</show><status>lunch</status>") // no news
	presence("tablet", "", "<show>xa</show>")                        // less available
	presence("tablet", "", "<status>here</status>")
	told(bridge.Presence{Status: "here"})
	presence("tablet", " type='unavailable'", "")
	told(away)
	presence("phone", " type='unavailable'", "")
	told(bridge.Presence{Show: bridge.ShowOffline})
	if e := s.asked(); e.Body != (bridge.Watch{On: false}) {
		t.Errorf("%+v", e)
	}
}

func TestWatchNetwork(t *testing.T) {
	s := newService(t, nil)
	s.say("<presence from='alice@example.org' to='libera@gw.example.org' type='subscribe'/>")
	if e := s.asked(); e.Room != console {
		t.Errorf("%+v", e)
	}
	for range 3 {
		s.hear("<presence")
	}
	s.Deliver(bridge.Event{Room: console, Body: bridge.Session{Up: true, Text: "Connected to Libera"}})
	s.hear("<presence to='alice@example.org' from='libera@gw.example.org'><status>Connected to Libera</status>")
	s.stop()
	s.hear("from='libera@gw.example.org' type='unavailable'", "shutting down")
}

func TestWatchGateway(t *testing.T) {
	s := newService(t, nil)
	s.say("<presence from='alice@example.org' to='gw.example.org' type='subscribe'/>")
	s.hear("type='subscribed'")
	s.hear("type='subscribe'")
	s.hear("<presence to='alice@example.org' from='gw.example.org'><c ")
	s.say("<presence from='alice@example.org/phone' to='gw.example.org' type='probe'/>")
	s.hear("<presence to='alice@example.org/phone' from='gw.example.org'><c ")
	s.say("<presence from='alice@example.org/phone' to='gw.example.org'/>")
	s.say("<presence from='alice@example.org/phone' to='gw.example.org' type='unavailable'/>")
	s.fence()
	s.say("<presence from='alice@example.org/phone' to='" + rob + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	s.hear("type='error'", "<not-allowed ", "This is not a room")
}

func TestContactsAreBounded(t *testing.T) {
	s := &Side{core: discard{}, pending: newPending()}
	r := newRoster(s)
	user := jid.MustParse("alice@example.org")
	for i := range maxContacts + 1 {
		at := jid.MustParse(fmt.Sprintf("nick%d%%libera@gw.example.org", i))
		room, _ := conversation(at, user)
		if got, want := r.watch(room, at, user), i < maxContacts; got != want {
			t.Fatalf("contact %d: %v", i, got)
		}
	}
}

func TestWatchedAreBounded(t *testing.T) {
	s := &Side{core: discard{}, pending: newPending()}
	r := newRoster(s)
	at := jid.MustParse("rob%libera@gw.example.org")
	for i := range maxWatched + 1 {
		user := jid.MustParse(fmt.Sprintf("user%d@evil.example", i))
		room, _ := conversation(at, user)
		if got, want := r.watch(room, at, user), i < maxWatched; got != want {
			t.Fatalf("user %d: %v", i, got)
		}
		clear(s.pending.asked) // answered
	}
}

type discard struct{}

func (discard) Publish(bridge.Event) {}
