package xmppside

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
)

var (
	robHome     = bridge.Person{Network: "libera", ID: "rob"}
	bobHome     = bridge.Person{Network: "matrix", ID: "@bob:server.org"}
	bobAndAlice = bridge.Room{Network: "xmpp", ID: "bob%server.org%matrix@gw.example.org", Owner: aliceHome}
)

// signal is a message without words of alice's to rob.
func (s *service) signal(content string) {
	s.t.Helper()
	s.say("<message from='alice@example.org/phone' to='" + rob + "' type='chat'>" + content + "</message>")
}

func state(name string) string { return "<" + name + " xmlns='" + nsChatStates + "'/>" }

func displayed(id string) string {
	return "<displayed xmlns='" + nsMarkers + "' id='" + id + "'/>"
}

// told checks that the core is told one thing of the conversation with rob.
func (s *service) told(want bridge.Body) {
	s.t.Helper()
	if e := s.asked(); e.Room != withRob || e.By != aliceHome || !reflect.DeepEqual(e.Body, want) {
		s.t.Errorf("%+v, not %+v", e, want)
	}
}

// What the owner of a conversation types and reads.
func TestChatSignalsOut(t *testing.T) {
	s := newService(t, func(o *Options) { o.MessageBurst = 100 })
	s.signal(state("composing")) // a window was opened: nothing was said yet
	s.signal(displayed("x"))
	s.fence()
	s.Deliver(bridge.Event{ID: "r1", Room: withRob, By: robHome, Body: bridge.Message{Text: "hi"}})
	s.hear("id='r1'")
	s.signal(state("composing"))
	s.told(bridge.Typing{On: true})
	s.signal(state("composing"))
	s.signal(state("gone"))
	s.told(bridge.Typing{})
	s.signal(state("inactive"))
	s.signal(displayed("r1"))
	s.told(bridge.Read{Message: "r1"})
	s.signal(displayed("r1"))
	s.signal(displayed("unknown"))
	s.signal("<received xmlns='" + nsReceipts + "' id='r1'/>")
	s.fence()
	// A message ends the typing, whatever the client says.
	s.signal(state("composing"))
	s.told(bridge.Typing{On: true})
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='a.1' type='chat'><body>yes</body></message>")
	s.told(bridge.Typing{})
	e := s.asked()
	s.signal(displayed("a.1")) // XEP-0333: "Clients MAY mark a sent or received message"
	s.told(bridge.Read{Message: e.ID})
	// A part of a message stands for the whole of it.
	s.Deliver(bridge.Event{ID: "r2", Room: withRob, By: robHome, Body: bridge.Message{Text: "see", Files: []bridge.File{{URL: "https://x.example/a"}}}})
	s.hear("id='r2'", "<body>see</body>")
	s.hear("id='r2.2'", "<body>https://x.example/a</body>", "<x xmlns='jabber:x:oob'>", "<file-sharing ")
	s.signal(displayed("r2.2"))
	s.told(bridge.Read{Message: "r2"})
	s.signal(state("composing") + displayed("r1"))
	s.told(bridge.Typing{On: true})
	s.told(bridge.Read{Message: "r1"})
}

// What the other party types and reads.
func TestChatSignalsIn(t *testing.T) {
	s := newService(t, nil)
	in := func(by bridge.Person, b bridge.Body) {
		s.Deliver(bridge.Event{ID: "e", Room: withRob, By: by, Body: b})
	}
	in(robHome, bridge.Typing{On: true})
	in(robHome, bridge.Read{Message: "x"})
	s.fence() // nothing was said yet
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='a1' type='chat'><body>hi</body></message>")
	first := s.asked()
	in(robHome, bridge.Typing{On: true})
	s.hear("<message to='alice@example.org' from='"+rob+"'", " type='chat'>", state("composing")+"<no-store xmlns='urn:xmpp:hints'/></message>")
	in(robHome, bridge.Typing{On: true})
	in(robHome, bridge.Typing{})
	s.hear(state("paused"))
	in(robHome, bridge.Typing{On: true})
	s.hear(state("composing"))
	s.Deliver(bridge.Event{ID: "r1", Room: withRob, By: robHome, Body: bridge.Message{Text: "hello"}})
	s.hear("<body>hello</body>")
	in(robHome, bridge.Typing{})                // that goes without saying
	in(robHome, bridge.Read{Message: first.ID}) // the client knows it by its own id
	s.hear(displayed("a1"))
	in(robHome, bridge.Read{Message: "r1"}) // his own: all before it is read, which is no news
	in(robHome, bridge.Read{Message: "unknown"})
	in(aliceHome, bridge.Read{Message: "r1"}) // herself, elsewhere
	in(aliceHome, bridge.Typing{On: true})
	s.fence()
}

// A receipt (XEP-0184) comes when the other network has the message.
func TestReceipt(t *testing.T) {
	s := newService(t, nil)
	ask := func(id string) {
		s.say("<message from='alice@example.org/phone' to='" + rob + "' id='" + id + "' type='chat'><body>hi</body><request xmlns='" + nsReceipts + "'/></message>")
	}
	ask("a1")
	e := s.asked()
	s.fence()
	s.reply(e, bridge.Confirm{})
	s.hear("<message to='alice@example.org/phone' from='"+rob+"'", " type='chat'><received xmlns='urn:xmpp:receipts' id='a1'/></message>")
	ask("a2")
	s.reply(s.asked(), bridge.Failure{Kind: bridge.ErrNotFound})
	s.hear("id='a2' type='error'")
	s.say("<message from='alice@example.org/phone' to='" + rob + "' type='chat'><body>hi</body><request xmlns='" + nsReceipts + "'/></message>")
	s.reply(s.asked(), bridge.Confirm{})
	s.fence() // there is no id to name
}

// Only who can be told that something was read asks for it.
func TestMarkable(t *testing.T) {
	s := newService(t, nil)
	s.Deliver(bridge.Event{ID: "b1", Room: bobAndAlice, By: bobHome, Body: bridge.Message{Text: "hi"}})
	s.hear("to='alice@example.org' from='"+bobAndAlice.ID+"' id='b1' type='chat'><body>hi</body><markable xmlns='urn:xmpp:chat-markers:0'/></message>", "")
	s.Deliver(bridge.Event{ID: "r1", Room: withRob, By: robHome, Body: bridge.Message{Text: "hi"}})
	if got := s.hear("<body>hi</body>"); strings.Contains(got, "markable") {
		t.Error(got)
	}
}

// Text of a conversation has its formatting, both ways.
func TestDirectFormatting(t *testing.T) {
	s := newService(t, nil)
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='1'><body>so *bold*</body></message>")
	s.told(bridge.Message{Text: "so bold", Spans: []bridge.Span{{Start: 3, End: 7}}})
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='2'><file-sharing xmlns='urn:xmpp:sfs:0'><sources>" +
		"<url-data xmlns='http://jabber.org/protocol/url-data' target='https://x.example/a'/></sources></file-sharing></message>")
	s.told(bridge.Message{Files: []bridge.File{{URL: "https://x.example/a"}}})
	s.say("<message from='alice@example.org/phone' to='libera@gw.example.org' id='3'><body>PRIVMSG #go :*bold*</body></message>")
	if e := s.asked(); !reflect.DeepEqual(e.Body, bridge.Message{Text: "PRIVMSG #go :*bold*"}) {
		t.Errorf("%+v", e)
	}
	s.Deliver(bridge.Event{ID: "a", Room: withRob, By: robHome, Body: bridge.Message{Text: "so bold", Spans: []bridge.Span{{Start: 3, End: 7}}}})
	s.hear("<body>so *bold*</body><html ", "so <strong>bold</strong></body></html>")
	s.Deliver(bridge.Event{ID: "b", Room: console, Body: bridge.Info{Text: "*** Notice *this*"}})
	s.hear("<body>*** Notice *this*</body><unstyled xmlns='urn:xmpp:styling:0'/>")
}

// However much somebody types, it is told within bounds, and counted beyond.
func TestChatSignalsAreBounded(t *testing.T) {
	s := newService(t, nil)
	s.direct.said(withRob, jid.JID{}, "x", "y")
	shown := 0
	for i := range 2 * maxSignals {
		if s.direct.showTyping(withRob, i%2 == 0) != "" {
			shown++
		}
	}
	if left := s.Counters.Signals.Load(); shown > maxSignals+2 || left == 0 {
		t.Errorf("%d shown, %d left out", shown, left)
	}
}

// Of the messages of a conversation, the last are known.
func TestChatLines(t *testing.T) {
	c := chat{}
	if c.named("x") != (line{}) || c.theirs("x") != "" {
		t.Error("nothing was said")
	}
	for i := range maxLines + 3 {
		theirs := ""
		if i%2 == 0 {
			theirs = fmt.Sprint("t", i)
		}
		c.add(line{ours: fmt.Sprint("o", i), theirs: theirs})
	}
	last := maxLines + 2
	for named, want := range map[string]string{"o2": "", "o3": "o3", fmt.Sprint("t", last): fmt.Sprint("o", last), "t4": "o4", "": ""} {
		if got := c.named(named).ours; got != want {
			t.Errorf("%q is %q", named, got)
		}
	}
	for read, want := range map[string]string{"o3": "", "o5": "t4", "o4": "t4", fmt.Sprint("o", last): fmt.Sprint("t", last), "o1": ""} {
		if got := c.theirs(read); got != want {
			t.Errorf("up to %q it is %q", read, got)
		}
	}
}

// What is read of a conversation that the other party has begun is told there.
func TestChatBegunElsewhere(t *testing.T) {
	s := newForeignService(t)
	juliet := bridge.Person{Network: bridge.NetworkXMPP, ID: "juliet@example.org"}
	begun := bridge.Room{Network: bridge.NetworkXMPP, ID: juliet.ID, Owner: bob}
	hers := bridge.Room{Network: bridge.NetworkXMPP, ID: bobAt, Owner: juliet}
	answer := func(content string) {
		s.say("<message from='juliet@example.org/x' to='" + bobAt + "' type='chat' id='y'>" + content + "</message>")
	}
	expect := func(room bridge.Room, want bridge.Body) {
		t.Helper()
		if e := s.asked(); e.Room != room || e.By != juliet || !reflect.DeepEqual(e.Body, want) {
			t.Errorf("%+v, not %+v in %v", e, want, room)
		}
	}
	s.Deliver(bridge.Event{ID: "m", Room: begun, By: bob, Body: bridge.Message{Text: "hi"}})
	s.hear("id='m'", "<markable ")
	s.asked() // the Confirm
	answer(displayed("m"))
	expect(begun, bridge.Read{Message: "m"})
	answer(state("composing"))
	expect(begun, bridge.Typing{On: true})
	answer("<body>hello</body>")
	expect(begun, bridge.Typing{})
	expect(hers, bridge.Message{Text: "hello"})
	answer(state("composing"))
	expect(hers, bridge.Typing{On: true})
}
