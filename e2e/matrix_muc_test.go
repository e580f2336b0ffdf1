package e2e

import (
	"fmt"
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// muc is a room of the XMPP server's own.
type muc struct {
	*scenario
	alice *harness.XMPP
	jid   string
	alias string // on Matrix
}

// newMUC has alice make a room on her server.
func newMUC(s *scenario) *muc {
	s.Helper()
	name := fmt.Sprintf("m%d", s.number)
	m := &muc{scenario: s, alice: s.user("alice"), jid: name + "@" + harness.MUCDomain(s.host)}
	m.alias = s.hs.Alias("xmpp_" + name + "_" + harness.MUCDomain(s.host))
	m.alice.Join(m.jid, "alice")
	m.alice.IQ("set", m.jid, `<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit"/></query>`)
	return m
}

// An alias in our namespace makes a room for a MUC on any XMPP server: the
// Matrix user is an occupant there, its occupants are ghosts.
func TestMatrixInMUC(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		m := newMUC(s)
		bob := s.person("bob")
		room := bob.Join(m.alias)
		shown := m.alice.Expect(harness.Kind("presence/"), harness.Where("of bob", func(e *harness.Element) bool {
			return strings.HasPrefix(e.Attr["from"], m.jid+"/bob")
		}))
		bob.Say(room, "hello muc")
		m.alice.Expect(harness.Kind("message/groupchat"), harness.From(shown.Attr["from"]), harness.Body("hello muc"))
		m.alice.Say(m.jid, "hello matrix")
		heard := bob.Expect(harness.InRoom(room), harness.Said("m.text", "hello matrix"))
		if !strings.HasPrefix(heard.Sender, "@xmpp_") {
			s.Errorf("alice is %s", heard.Sender)
		}
		if name := bob.Members(room)[heard.Sender]; name != "alice" {
			s.Errorf("alice is called %q", name)
		}
		m.alice.Say(m.jid, "once")
		bob.Expect(harness.InRoom(room), harness.Said("m.text", "once"))
		bob.ExpectNone(harness.Said("m.text", "hello matrix"))
		m.alice.ExpectNone(harness.Body("hello muc"))
	})
}

// Two Matrix users are two occupants, and see each other's messages once.
func TestMatrixTwoInMUC(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		m := newMUC(s)
		bob, carol := s.person("bob"), s.person("carol")
		room := bob.Join(m.alias)
		carol.Join(m.alias)
		for _, name := range []string{"bob", "carol"} {
			m.alice.Expect(harness.Kind("presence/"), harness.Where("of "+name, func(e *harness.Element) bool {
				return strings.HasPrefix(e.Attr["from"], m.jid+"/"+name)
			}))
		}
		bob.Say(room, "to both")
		m.alice.Expect(harness.Kind("message/groupchat"), harness.Body("to both"))
		carol.Expect(harness.InRoom(room), harness.Sender(bob.ID), harness.Said("m.text", "to both"))
		carol.Say(room, "and back")
		m.alice.Expect(harness.Kind("message/groupchat"), harness.Body("and back"))
		bob.Expect(harness.InRoom(room), harness.Sender(carol.ID), harness.Said("m.text", "and back"))
		m.alice.ExpectNone(harness.Body("to both"))
	})
}

// XEP-0045 §8.2: the moderator's kick removes them from the room on Matrix, too.
func TestMatrixKickedFromMUC(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		m := newMUC(s)
		bob := s.person("bob")
		room := bob.Join(m.alias)
		shown := m.alice.Expect(harness.Kind("presence/"), harness.Where("of bob", func(e *harness.Element) bool {
			return strings.HasPrefix(e.Attr["from"], m.jid+"/bob")
		}))
		_, nick, _ := strings.Cut(shown.Attr["from"], "/")
		m.alice.IQ("set", m.jid, `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="`+nick+`" role="none"><reason>enough</reason></item></query>`)
		bob.Expect(harness.InRoom(room), harness.OwnMembership("leave"))
		m.alice.Expect(harness.Kind("presence/unavailable"), harness.From(shown.Attr["from"]))
	})
}

// XEP-0045 §8.1: the subject is the topic; who leaves is gone.
func TestMatrixMUCSubject(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		m := newMUC(s)
		bob := s.person("bob")
		room := bob.Join(m.alias)
		shown := m.alice.Expect(harness.Kind("presence/"), harness.Where("of bob", func(e *harness.Element) bool {
			return strings.HasPrefix(e.Attr["from"], m.jid+"/bob")
		}))
		m.alice.Send(`<message type="groupchat" to="%s"><subject>of the day</subject></message>`, m.jid)
		bob.Expect(harness.InRoom(room), harness.EventType("m.room.topic"), harness.ContentText("topic", "of the day"))
		bob.Leave(room)
		m.alice.Expect(harness.Kind("presence/unavailable"), harness.From(shown.Attr["from"]))
	})
}
