package xmppside

import (
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/xmppside/wire"
)

var (
	bob     = bridge.Person{Network: bridge.NetworkMatrix, ID: "@bob:hs.example"}
	goMUC   = bridge.Room{Network: bridge.NetworkXMPP, ID: "go@muc.example"}
	romeo   = bridge.Room{Network: bridge.NetworkXMPP, ID: "romeo@example.net", Owner: bob}
	bobAt   = "bob%hs.example@matrix.example.org"
	bobFull = bobAt + "/isthmus"
)

func newForeignService(t *testing.T) *service {
	return newService(t, func(o *Options) {
		o.Domains = append(o.Domains, Domain{Name: "matrix.example.org", Network: bridge.NetworkMatrix, Server: o.Domains[0].Server, Secret: "s"})
		o.Allow, o.RoomsPerPerson = []string{"example.org"}, 1
	})
}

// failed checks that a request was refused.
func (s *service) failed(id string, kind bridge.ErrorKind) {
	s.t.Helper()
	e := s.asked()
	if f, ok := e.Body.(bridge.Failure); !ok || f.Kind != kind || e.Ref != id {
		s.t.Errorf("%+v is no failure of kind %d", e, kind)
	}
}

func (s *service) joinMUC() {
	s.t.Helper()
	s.Deliver(bridge.Event{ID: "j", Room: goMUC, By: bob, Name: "Bob", Body: bridge.Join{}})
	asked := s.hear("<iq to='go@muc.example' from='"+bobFull+"'", "disco#info")
	s.hear("<presence to='go@muc.example/Bob' from='"+bobFull+"'", "<history maxstanzas='0'/>", "<c xmlns='http://jabber.org/protocol/caps'")
	_, id, _ := strings.Cut(asked, " id='")
	id, _, _ = strings.Cut(id, "'")
	s.say("<iq from='go@muc.example' to='" + bobFull + "' type='result' id='" + id + "'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	s.say("<presence from='go@muc.example/Bob' to='" + bobFull + "'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>")
	s.say("<message from='go@muc.example' to='" + bobFull + "' type='groupchat'><subject/></message>")
	for _, want := range []string{"Members", "Topic", "Join"} {
		if e := s.asked(); e.Room != goMUC {
			s.t.Fatalf("no %s but %+v", want, e)
		} else if j, ok := e.Body.(bridge.Join); ok != (want == "Join") || ok && (e.Ref != "j" || e.Name != "Bob" || e.By != bob) {
			s.t.Fatalf("no %s but %+v %+v", want, e, j)
		}
	}
}

// Somebody of Matrix in a room of a server whose people may not use the gateway.
func TestForeignRoom(t *testing.T) {
	s := newForeignService(t)
	s.joinMUC()
	s.Deliver(bridge.Event{ID: "m", Room: goMUC, By: bob, Body: bridge.Message{Text: "hi"}})
	s.hear("<message to='go@muc.example' from='"+bobFull+"' id='m' type='groupchat'><body>hi</body>", "<origin-id")
	s.say("<message from='go@muc.example/Bob' to='" + bobFull + "' id='m' type='groupchat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' by='go@muc.example' id='77'/></message>")
	if e := s.asked(); e.Ref != "m" || e.Body != (bridge.Confirm{Native: "77"}) {
		t.Errorf("%+v", e)
	}
	s.say("<message from='go@muc.example/romeo' to='" + bobFull + "' id='n' type='groupchat'><body>/me waves</body></message>")
	if e := s.asked(); e.By.ID != "go@muc.example/romeo" || e.Body.(bridge.Message).Text != "waves" {
		t.Errorf("%+v", e)
	}
	// Occupants may ask our people's client, by the room.
	s.say("<iq from='go@muc.example/romeo' to='" + bobFull + "' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
	s.hear("<iq to='go@muc.example/romeo' from='"+bobFull+"'", "id='p' type='result'")
	s.Deliver(bridge.Event{ID: "k", Room: bridge.Room{Network: bridge.NetworkXMPP, ID: "other@muc.example"}, By: bob, Name: "Bob", Body: bridge.Join{}})
	s.failed("k", bridge.ErrTooMany)
	// Whoever may not be there any more, leaves.
	o := s.Side.set.Load().Options
	o.Deny = []string{"muc.example"}
	if err := s.Reload(o); err != nil {
		t.Fatal(err)
	}
	s.hear("<presence to='go@muc.example/Bob' from='"+bobFull+"'", "type='unavailable'")
	if e := s.asked(); e.By != bob || e.Body.(bridge.Leave).Cause != bridge.CausePart {
		t.Errorf("%+v", e)
	}
	s.Deliver(bridge.Event{ID: "l", Room: goMUC, By: bob, Name: "Bob", Body: bridge.Join{}})
	s.failed("l", bridge.ErrPolicy)
	if n := len(s.foreign.all()); n != 0 {
		t.Errorf("%d rooms are left", n)
	}
}

// The link of a domain takes its people's rooms with it, and brings them back.
func TestForeignRoomWithoutLink(t *testing.T) {
	s := newForeignService(t)
	s.joinMUC()
	s.mu.Lock()
	c := s.conns["matrix.example.org"]
	s.mu.Unlock()
	c.Close()
	if e := s.asked(); e.By != bob || e.Body.(bridge.Attachment).Attached {
		t.Errorf("%+v", e)
	}
	s.Deliver(bridge.Event{ID: "m", Room: goMUC, By: bob, Body: bridge.Message{Text: "hi"}})
	s.failed("m", bridge.ErrOffline)
	s.awaitUp()
	s.hear("<iq to='go@muc.example' from='"+bobFull+"'", "disco#info")
	s.hear("<presence to='go@muc.example/Bob' from='" + bobFull + "'")
	s.say("<presence from='go@muc.example/Bob' to='" + bobFull + "'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>")
	s.say("<message from='go@muc.example' to='" + bobFull + "' type='groupchat'><subject/></message>")
	for {
		if a, ok := s.asked().Body.(bridge.Attachment); ok && a.Attached {
			break
		}
	}
}

// What can't be entered, or is not there.
func TestForeignRefused(t *testing.T) {
	s := newForeignService(t)
	for id, kind := range map[string]bridge.ErrorKind{
		"Go@MUC.example": bridge.ErrMoved, "muc.example": bridge.ErrNotFound, "go@muc.example/nick": bridge.ErrNotFound,
		"a b@c@d": bridge.ErrNotFound, "#go%libera@gw.example.org": bridge.ErrPolicy,
	} {
		s.Deliver(bridge.Event{ID: id, Room: bridge.Room{Network: bridge.NetworkXMPP, ID: id}, By: bob, Name: "Bob", Body: bridge.Join{}})
		s.failed(id, kind)
	}
	s.Deliver(bridge.Event{ID: "m", Room: goMUC, By: bob, Body: bridge.Message{Text: "hi"}})
	s.failed("m", bridge.ErrNotInRoom)
	s.Deliver(bridge.Event{ID: "w", Room: bridge.Room{Network: bridge.NetworkXMPP, ID: "go@muc.example/romeo", Owner: bob}, By: bob, Body: bridge.Message{Text: "hi"}})
	s.failed("w", bridge.ErrNotInRoom)
	// A room that still has one of ours from before.
	s.say("<message from='go@muc.example/romeo' to='" + bobFull + "' type='groupchat' id='x'><body>hi</body></message>")
	s.hear("<message to='go@muc.example/romeo' from='"+bobFull+"'", "type='error'", "<recipient-unavailable")
	s.say("<presence from='go@muc.example/Bob' to='" + bobFull + "'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>")
	s.hear("<presence to='go@muc.example/Bob' from='"+bobFull+"'", "type='unavailable'")
}

// Somebody of Matrix writes to somebody on XMPP, who may answer though they may
// not use the gateway otherwise.
func TestForeignTalk(t *testing.T) {
	s := newForeignService(t)
	answer := "<message from='romeo@example.net/x' to='" + bobAt + "' type='chat' id='y'><body>who's there?</body></message>"
	s.say(answer)
	s.hear("to='romeo@example.net/x'", "type='error'", "<not-authorized")
	s.Deliver(bridge.Event{ID: "m", Room: romeo, By: bob, Body: bridge.Message{Text: "hi"}})
	s.hear("<message to='romeo@example.net' from='" + bobAt + "' id='m' type='chat'><body>hi</body><markable xmlns='urn:xmpp:chat-markers:0'/></message>")
	if e := s.asked(); e.Ref != "m" || e.Body != (bridge.Confirm{}) {
		t.Errorf("%+v", e)
	}
	s.say(answer)
	if e := s.asked(); e.Room.ID != bobAt || e.Body.(bridge.Message).Text != "who's there?" {
		t.Errorf("%+v", e)
	}
	s.say("<message from='romeo@example.net' to='" + bobAt + "' type='error' id='m'><error type='cancel'><service-unavailable xmlns='" + wire.NSStanzas + "'/></error></message>")
	if e := s.asked(); e.Room != romeo || !strings.Contains(e.Body.(bridge.Info).Text, "no such account") {
		t.Errorf("%+v", e)
	}
	s.Deliver(bridge.Event{ID: "o", Room: bridge.Room{Network: bridge.NetworkXMPP, ID: "rob%libera@gw.example.org", Owner: bob}, By: bob, Body: bridge.Message{Text: "hi"}})
	s.failed("o", bridge.ErrPolicy)
	s.Deliver(bridge.Event{ID: "p", Room: bridge.Room{Network: bridge.NetworkXMPP, ID: "mallory@evil.example.org", Owner: bob}, By: bob, Body: bridge.Message{Text: "hi"}})
	s.failed("p", bridge.ErrPolicy)
	s.Deliver(bridge.Event{ID: "q", Room: romeo, By: bob, Body: bridge.Query{What: bridge.QueryWho}})
	asked := s.hear("<iq to='romeo@example.net'", "vcard-temp")
	_, id, _ := strings.Cut(asked, " id='")
	id, _, _ = strings.Cut(id, "'")
	s.say("<iq from='romeo@example.net' to='" + bobFull + "' type='result' id='" + id + "'><vCard xmlns='vcard-temp'><FN>Romeo</FN><ADR><CTRY>Italy</CTRY></ADR></vCard></iq>")
	if e := s.asked(); e.Ref != "q" || len(e.Body.(bridge.Answer).Rows) != 2 {
		t.Errorf("%+v", e)
	}
}
