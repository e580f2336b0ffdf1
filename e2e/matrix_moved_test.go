package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// An upgraded room is followed: who came by its address is in the new one, and
// hears that.
func TestMatrixUpgrade(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		var upgraded struct {
			Room string `json:"replacement_room"`
		}
		s.bob.Call(&upgraded, "upgradeRoom", s.id, "10")
		s.alice.Expect(harness.Kind("message/groupchat"), harness.From(s.jid), harness.BodyLike("upgraded"))
		s.bob.ExpectMembership(upgraded.Room, s.ghost, true)
		s.alice.Say(s.jid, "new carpets")
		s.bob.Expect(harness.InRoom(upgraded.Room), harness.Sender(s.ghost), harness.Said("m.text", "new carpets"))
		s.bob.Say(upgraded.Room, "and curtains")
		s.alice.Expect(harness.From(s.in("bob")), harness.Body("and curtains"))
	})
}
