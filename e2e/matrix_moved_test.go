package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// An upgraded room is followed: who is in it is taken along and told so, and
// the same address leads there.
func TestMatrixUpgrade(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		var upgraded struct {
			Room string `json:"replacement_room"`
		}
		s.bob.Call(&upgraded, "upgradeRoom", s.id, "10")
		s.bob.ExpectMembership(upgraded.Room, s.ghost, true)
		s.alice.Expect(harness.From(s.jid), harness.BodyLike("(?i)upgraded"))
		s.bob.Say(upgraded.Room, "new carpets")
		s.alice.Expect(harness.From(s.in("bob")), harness.Body("new carpets"))
		s.alice.Say(s.jid, "and curtains")
		s.bob.Expect(harness.InRoom(upgraded.Room), harness.Sender(s.ghost), harness.Said("m.text", "and curtains"))
		carol := s.user("carol")
		carol.Join(s.jid, "carol")
		s.bob.ExpectMembership(upgraded.Room, s.scenario.ghost("carol"), true)
	})
}
