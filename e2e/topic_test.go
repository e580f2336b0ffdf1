package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// XEP-0045 §8.1: a subject is a message with a subject and no body, from who
// changed it.
func TestTopicBothWays(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		native.Send("TOPIC %s :first things", s.channel)
		alice.Expect(harness.Kind("message/groupchat"), harness.From(s.occupant(native.Nick)), harness.Subject("first things"))

		native.Send("MODE %s +o %s", s.channel, nick)
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.Item("role", "moderator"))
		alice.Send(`<message type="groupchat" id="t1" to="%s"><subject>second things</subject></message>`, s.room)
		native.ExpectFrom(nick, "TOPIC "+s.channel+" :second things$")
		alice.Expect(harness.Kind("message/groupchat"), harness.From(s.occupant(nick)), harness.Subject("second things"))
		native.Send("TOPIC %s :", s.channel)
		alice.Expect(harness.Kind("message/groupchat"), harness.Subject(""))
	})
}

// XEP-0045 §8.1: someone without the privilege gets forbidden (RFC 2812 482).
func TestTopicForbidden(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		native.Send("MODE %s +t", s.channel)
		alice, _ := s.joined("alice")
		alice.Send(`<message type="groupchat" id="t1" to="%s"><subject>mine</subject></message>`, s.room)
		alice.Expect(harness.Kind("message/error"), harness.ID("t1"), harness.Condition("forbidden"))
	})
}
