package xmppside

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
)

func TestDirectOut(t *testing.T) {
	s := newService(t, nil)
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='1' type='chat'><body>/me waves\x7f</body></message>")
	e := s.asked()
	if e.Room != withRob || e.By != aliceHome || !reflect.DeepEqual(e.Body, bridge.Message{Text: "waves", Emote: true}) {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Confirm{})
	s.fence()
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='2'><body>hello</body></message>")
	s.reply(s.asked(), bridge.Failure{Kind: bridge.ErrNotFound, Text: "No such nick"})
	s.hear("to='alice@example.org/phone' from='"+rob+"' id='2' type='error'", "<item-not-found ", "No such nick")
	// What an answer refers to is forgotten: another one is nobody's.
	s.Deliver(bridge.Event{Ref: e.ID, Room: withRob, Body: bridge.Failure{}})
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='4' type='headline'><body>news</body></message>")
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='5' type='error'><body>hello</body></message>")
	s.fence()
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='6' type='groupchat'><subject/></message>")
	s.hear("id='6' type='error'", "<not-acceptable ")
}

func TestConsole(t *testing.T) {
	s := newService(t, nil)
	s.say("<message from='alice@example.org/phone' to='libera@gw.example.org' id='1' type='chat'><body>/me whois rob</body></message>")
	if e := s.asked(); e.Room != console || !reflect.DeepEqual(e.Body, bridge.Message{Text: "/me whois rob"}) {
		t.Errorf("%+v", e)
	}
	s.say("<message from='alice@example.org/phone' to='libera.example.org' id='1' type='chat'><body>LUSERS</body></message>")
	if e := s.asked(); e.Room != (bridge.Room{Network: "xmpp", ID: "libera.example.org", Owner: aliceHome}) {
		t.Errorf("%+v", e)
	}
	s.Deliver(bridge.Event{ID: "x", Room: console, Body: bridge.Message{Text: "There are 3 users"}})
	s.hear("to='alice@example.org' from='libera@gw.example.org' id='x' type='chat'", "There are 3 users")
	s.Deliver(bridge.Event{ID: "x", Room: console, Body: bridge.Session{Text: "Connection lost"}})
	s.hear("<message ", "Connection lost")
	s.Deliver(bridge.Event{ID: "x", Room: console, Body: bridge.Lost{Count: 7}})
	s.hear("<message ", "7 things")
}

func TestDirectIn(t *testing.T) {
	s := newService(t, nil)
	native := bridge.Person{Network: "libera", ID: "rob"}
	s.Deliver(bridge.Event{ID: "a", Room: withRob, By: native, Name: "rob", Body: bridge.Message{Text: "hi <you>"}})
	if got := s.hear("<message to='alice@example.org' from='" + rob + "' id='a' type='chat'><body>hi &lt;you&gt;</body>"); strings.Contains(got, "delay") {
		t.Error("marked late: " + got)
	}
	s.Deliver(bridge.Event{ID: "b", Room: withRob, By: native, At: time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC), Body: bridge.Message{Text: "old", Notice: true}})
	s.hear("<body>[notice] old</body><delay xmlns='urn:xmpp:delay' stamp='2024-02-03T04:05:06.000Z'/>")
	s.Deliver(bridge.Event{ID: "c", Room: withRob, By: native, Body: bridge.Message{Text: "waves", Emote: true}})
	s.hear("<body>/me waves</body>")
	s.Deliver(bridge.Event{ID: "d", Room: withRob, By: aliceHome, Body: bridge.Message{Text: "said by another door"}})
	s.fence()
	// After speaking from within a room in which they are no more, too, the
	// answer finds them.
	s.direct.said(withRob, jid.MustParse("#go%libera@gw.example.org/rob"), "x", "y")
	s.Deliver(bridge.Event{ID: "e", Room: withRob, By: native, Body: bridge.Message{Text: "still"}})
	s.hear("to='alice@example.org' from='"+rob+"'", "still")
}

func TestChatsAreBounded(t *testing.T) {
	d := newDirect(nil)
	for i := range maxChats + 10 {
		d.said(bridge.Room{ID: string(rune(i + 0x10000))}, jid.MustParse("a@b/c"), "x", "y")
	}
	if len(d.chats) != maxChats {
		t.Errorf("%d kept", len(d.chats))
	}
}

func TestHelp(t *testing.T) {
	s := newService(t, nil)
	s.say("<message from='alice@example.org/phone' to='gw.example.org' id='1' type='chat'><body>what?</body></message>")
	s.hear("to='alice@example.org/phone' from='gw.example.org'", "#channel%network@gw.example.org")
}

func TestUnknownKindPanics(t *testing.T) {
	s := newService(t, nil)
	defer func() {
		if recover() == nil {
			t.Error("a kind of event that is not known was taken")
		}
	}()
	s.Deliver(bridge.Event{Room: withRob})
}
