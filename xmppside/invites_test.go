package xmppside

import (
	"strings"
	"testing"

	"isthmus/bridge"
)

const (
	invitingBob = "bob%server.org@matrix.example.org"
	bobsRoom    = "#go%server.org@matrix.example.org"
)

var withInviter = bridge.Room{Network: "xmpp", ID: invitingBob, Owner: aliceHome}

// Somebody on another network asks a user into a room of theirs.
func TestInvited(t *testing.T) {
	s := newService(t, withMatrix)
	theBob := bridge.Person{Network: "matrix", ID: "@bob:server.org"}
	s.Deliver(bridge.Event{ID: "i", Room: withInviter, By: theBob, Body: bridge.Invite{Person: aliceHome, Room: "#go%server.org", Reason: "Come & see"}})
	s.hear("<message to='alice@example.org' from='" + bobsRoom + "' id='i'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='" + invitingBob + "'><reason>Come &amp; see</reason></invite></x>" +
		"<x xmlns='jabber:x:conference' jid='" + bobsRoom + "' reason='Come &amp; see'/></message>")
	s.Deliver(bridge.Event{ID: "i", Room: withInviter, By: theBob, Body: bridge.Invite{Room: "!AbC"}})
	s.hear(`from='!\u{41}b\u{43}@matrix.example.org'`, "<invite from='"+invitingBob+"'></invite>")
	s.Deliver(bridge.Event{ID: "i", Room: withInviter, By: theBob, Body: bridge.Invite{Room: "#" + strings.Repeat("☃", 200)}})
	s.hear("<body>You are invited to #☃", "which has no address here.")
	// She turns it down, in a room that nobody is in.
	s.say("<message from='alice@example.org/phone' to='" + bobsRoom + "' id='d'><x xmlns='http://jabber.org/protocol/muc#user'><decline to='" + invitingBob + "'/></x></message>")
	if e := s.asked(); e.Room != (bridge.Room{Network: "xmpp", ID: bobsRoom}) || e.By != aliceHome || e.Body != (bridge.Leave{Cause: bridge.CauseDecline}) {
		t.Errorf("%+v", e)
	}
	s.fence()
}

// A user asks somebody on another network into a room, directly (XEP-0249).
func TestInviteDirectly(t *testing.T) {
	s := newService(t, func(o *Options) {
		withMatrix(o)
		o.MessageBurst = 100
	})
	invite := func(room, more string) {
		s.say("<message from='alice@example.org/phone' to='" + invitingBob + "' id='i'><x xmlns='jabber:x:conference' jid='" + room + "' reason='Come'/>" + more + "</message>")
	}
	invite(bobsRoom, "<body>Come</body>")
	e := s.asked()
	want := bridge.Invite{Person: bridge.Person{Network: "matrix", ID: "@bob:server.org"}, Reason: "Come"}
	if e.Room != (bridge.Room{Network: "xmpp", ID: bobsRoom}) || e.By != aliceHome || e.Body != want {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "You are not in this room."})
	s.hear("to='alice@example.org/phone' from='"+invitingBob+"' id='i' type='error'", "<not-acceptable ", "You are not in this room.")
	invite(bobsRoom, "")
	s.reply(s.asked(), bridge.Confirm{})
	invite("go@muc.example.org", "")
	e = s.asked()
	if m, ok := e.Body.(bridge.Message); e.Room != withInviter || !ok || m.Text != "alice@example.org invites you into the room go@muc.example.org of XMPP. Come" {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Confirm{})
	invite("go@muc.example.org", "<body>You must see this!</body>")
	if e := s.asked(); e.Body.(bridge.Message).Text != "You must see this!" {
		t.Errorf("%+v", e)
	}
	s.say("<message from='go@muc.example.org' to='" + invitingBob + "' id='i'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='alice@example.org/phone'/></x></message>")
	if e := s.asked(); e.Room.Owner.ID != "go@muc.example.org" || e.Body.(bridge.Message).Text != "alice@example.org invites you into the room go@muc.example.org of XMPP." {
		t.Errorf("%+v", e)
	}
	invite("@", "")
	s.hear("type='error'", "<jid-malformed ")
	invite("muc.example.org", "")
	s.hear("type='error'", "<jid-malformed ")
	s.fence()
}

func TestHelpOfMatrix(t *testing.T) {
	s := newService(t, withMatrix)
	ask := func(to string) {
		s.say("<message from='alice@example.org/phone' to='" + to + "' id='1' type='chat'><body>what?</body></message>")
	}
	ask("gw.example.org")
	s.hear("IRC and Matrix", "#channel%network@gw.example.org", "#room%server.org@matrix.example.org", "user%server.org@matrix.example.org")
	ask("matrix.example.org")
	s.hear("from='matrix.example.org'", "gateway to Matrix", "#room%server.org@matrix.example.org")
	ask("matrix@gw.example.org")
	s.hear("from='matrix@gw.example.org'", "#room%server.org%matrix@gw.example.org")
	s.fence()
}

// XEP-0084, and XEP-0153 in what contacts show.
func TestAvatarOfPerson(t *testing.T) {
	s := newService(t, withMatrix)
	sum := hash([]byte(dot))
	ask := func(node, item string, a bridge.Body) {
		s.get(invitingBob, "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='"+node+"'>"+item+"</items></pubsub>")
		e := s.asked()
		if e.Room != withInviter || e.Body != (bridge.Query{What: bridge.QueryAvatar}) {
			t.Errorf("%+v", e)
		}
		s.reply(e, a)
	}
	found := bridge.Answer{Rows: [][]string{{"image/png", dotBase64}}}
	ask("urn:xmpp:avatar:metadata", "", found)
	s.hear("<items node='urn:xmpp:avatar:metadata'><item id='" + sum + "'><metadata xmlns='urn:xmpp:avatar:metadata'><info id='" + sum + "' type='image/png' bytes='13'/></metadata></item></items></pubsub>")
	ask("urn:xmpp:avatar:data", "<item id='"+sum+"'/>", found)
	s.hear("<item id='" + sum + "'><data xmlns='urn:xmpp:avatar:data'>" + dotBase64 + "</data></item>")
	ask("urn:xmpp:avatar:data", "<item id='another'/>", found)
	s.hear("<item-not-found ")
	ask("urn:xmpp:avatar:data", "", bridge.Failure{Kind: bridge.ErrNotFound})
	s.hear("<item-not-found ")
	s.get(invitingBob, "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:microblog:0'/></pubsub>")
	s.hear("<item-not-found ")
	s.get("matrix.example.org", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'/></pubsub>")
	s.hear("<service-unavailable ")

	s.say("<presence from='alice@example.org/phone' to='" + invitingBob + "'/>")
	s.reply(s.asked(), bridge.Confirm{})
	s.asked()                                                                     // how available she is
	s.Deliver(bridge.Event{Room: withInviter, Body: bridge.Profile{Avatar: sum}}) // offline still
	s.Deliver(bridge.Event{Room: withInviter, Body: bridge.Presence{}})
	s.hear("<presence to='alice@example.org' from='"+invitingBob+"'>", "<x xmlns='vcard-temp:x:update'><photo>"+sum+"</photo></x></presence>")
	s.Deliver(bridge.Event{Room: withInviter, Body: bridge.Profile{Avatar: sum}}) // no news
	s.Deliver(bridge.Event{Room: withInviter, Body: bridge.Profile{}})
	s.hear("<x xmlns='vcard-temp:x:update'><photo/></x></presence>")
	s.Deliver(bridge.Event{Room: withRob, Body: bridge.Profile{Avatar: sum}}) // whom nobody watches
	s.fence()
}

func TestVCardOfPerson(t *testing.T) {
	s := newService(t, withMatrix)
	s.get(invitingBob, "<vCard xmlns='vcard-temp'/>")
	s.reply(s.asked(), bridge.Answer{Rows: [][]string{{"user", "@bob:server.org"}, {"name", "Bob & Co"}, {"avatar", "mxc://server.org/x"}}})
	e := s.asked()
	if e.Room != withInviter || e.Body != (bridge.Query{What: bridge.QueryAvatar}) {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Answer{Rows: [][]string{{"image/png", dotBase64}}})
	s.hear("<FN>Bob &amp; Co</FN><NICKNAME>@bob:server.org</NICKNAME><DESC>user: @bob:server.org</DESC><PHOTO><TYPE>image/png</TYPE><BINVAL>" + dotBase64 + "</BINVAL></PHOTO></vCard>")
}

// Who may not use the gateway may answer, and look at, who has written to them
// within a day.
func TestStrangersMayAnswer(t *testing.T) {
	s := newService(t, func(o *Options) {
		withMatrix(o)
		o.Allow = []string{"example.org"}
	})
	who := bridge.Person{Network: "matrix", ID: "@bob:server.org"}
	stranger := bridge.Room{Network: "xmpp", ID: "juliet@elsewhere.example", Owner: who}
	answer := func() {
		s.say("<message from='juliet@elsewhere.example/x' to='" + invitingBob + "' id='a' type='chat'><body>yes?</body></message>")
	}
	answer()
	s.hear("type='error'", "<not-authorized ")
	s.Deliver(bridge.Event{ID: "m", Room: stranger, By: who, Body: bridge.Message{Text: "hello"}})
	s.hear("to='juliet@elsewhere.example'", "<body>hello</body>")
	s.asked() // it is confirmed
	answer()
	if e := s.asked(); e.Room.ID != invitingBob || e.By.ID != "juliet@elsewhere.example" {
		t.Errorf("%+v", e)
	}
	s.say("<iq from='juliet@elsewhere.example/x' to='" + invitingBob + "' id='v' type='get'><vCard xmlns='vcard-temp'/></iq>")
	if e := s.asked(); e.Body != (bridge.Query{What: bridge.QueryWho}) {
		t.Errorf("%+v", e)
	}
	s.say("<message from='juliet@elsewhere.example/x' to='carol%server.org@matrix.example.org' id='a' type='chat'><body>yes?</body></message>")
	s.hear("type='error'", "<not-authorized ")
	for k, at := range s.foreign.talks.known {
		s.foreign.talks.known[k] = at.Add(-talkTime)
	}
	answer()
	s.hear("type='error'", "<not-authorized ")
}
