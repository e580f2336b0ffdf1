package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// An upgraded room is followed: who is in it learns where it is now (XEP-0045
// §10.9), and the same address leads there.
func TestMatrixUpgrade(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		var upgraded struct {
			Room string `json:"replacement_room"`
		}
		s.bob.Call(&upgraded, "upgradeRoom", s.id, "10")
		gone := s.alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.in("alice")), harness.Code("110"))
		if gone.Find("x/destroy") == nil {
			s.Errorf("not destroyed: %s", gone)
		}
		s.alice.Join(s.jid, "alice")
		s.bob.ExpectMembership(upgraded.Room, s.ghost, true)
		s.alice.Say(s.jid, "new carpets")
		s.bob.Expect(harness.InRoom(upgraded.Room), harness.Sender(s.ghost), harness.Said("m.text", "new carpets"))
	})
}
