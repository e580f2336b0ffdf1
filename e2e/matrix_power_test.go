package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// Power levels are roles (XEP-0045 §5), in both directions.
func TestMatrixPower(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		check(s.scenario, s.shown.Occupants["bob"], harness.Item("role", "moderator"), harness.Item("affiliation", "owner"))
		check(s.scenario, s.shown.Self, harness.Item("role", "participant"))
		s.bob.SetPower(s.id, s.ghost, 50)
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("alice")), harness.Item("role", "moderator"))
		carol := s.person("carol")
		carol.Join(s.id)
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("carol")), harness.Item("role", "participant"))
		s.bob.SetPower(s.id, s.ghost, 100)
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("alice")), harness.Item("affiliation", "owner"))
		s.alice.IQ("set", s.jid, `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="carol" role="moderator"/></query>`)
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("carol")), harness.Item("role", "moderator"))
		s.bob.Expect(harness.InRoom(s.id), harness.EventType("m.room.power_levels"), harness.Sender(s.ghost))
	})
}

// XEP-0045 §8.2 and §9.1: kick and ban from Matrix.
func TestMatrixKicksAndBans(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.Kick(s.id, s.ghost, "enough")
		s.alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.in("alice")), harness.Code("307"), harness.Code("110"), harness.Reason("enough"))
		s.alice.Join(s.jid, "alice")
		s.bob.Ban(s.id, s.ghost, "really")
		s.alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.in("alice")), harness.Code("301"), harness.Code("110"), harness.Reason("really"))
		s.alice.SendJoin(s.jid, "alice", "")
		s.alice.Expect(harness.Kind("presence/error"), harness.Condition("forbidden"))
	})
}

// The same from XMPP, by who has the power; who hasn't is refused.
func TestXMPPKicksOnMatrix(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		carol := s.person("carol")
		carol.Join(s.id)
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("carol")))
		const kick = `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="carol" role="none"><reason>enough</reason></item></query>`
		check(s.scenario, s.alice.IQ("set", s.jid, kick), harness.Kind("iq/error"))
		s.bob.SetPower(s.id, s.ghost, 60)
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("alice")), harness.Item("role", "moderator"))
		check(s.scenario, s.alice.IQ("set", s.jid, kick), harness.Kind("iq/result"))
		s.alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.in("carol")), harness.Code("307"))
		carol.Expect(harness.InRoom(s.id), harness.OwnMembership("leave"))
		kicked := s.bob.Expect(harness.InRoom(s.id), harness.Membership(carol.ID, "leave"))
		if kicked.Sender != s.ghost || kicked.Text("reason") != "enough" {
			s.Errorf("not alice's kick: %s", kicked)
		}
	})
}

// XEP-0045 §8.1: the topic is the subject, both ways.
func TestMatrixTopic(t *testing.T) {
	onCrossing(t, eachXMPP, func(s *crossing) {
		s.bob.State(s.id, "m.room.topic", "", map[string]any{"topic": "of the day"})
		s.alice.Expect(harness.Kind("message/groupchat"), harness.From(s.in("bob")), harness.Subject("of the day"))
		s.alice.Send(`<message type="groupchat" id="t1" to="%s"><subject>mine</subject></message>`, s.jid)
		s.alice.Expect(harness.Kind("message/error"), harness.ID("t1"))
		s.bob.SetPower(s.id, s.ghost, 50)
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("alice")), harness.Item("role", "moderator"))
		s.alice.Send(`<message type="groupchat" id="t2" to="%s"><subject>mine</subject></message>`, s.jid)
		s.bob.Expect(harness.EventType("m.room.topic"), harness.Sender(s.ghost), harness.ContentText("topic", "mine"))
		s.alice.Expect(harness.From(s.in("alice")), harness.Subject("mine"))
	})
}
