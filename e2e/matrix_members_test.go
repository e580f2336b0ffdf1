package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// XEP-0045 §7.2 and §7.14: members of Matrix come and go in the room.
func TestMatrixMembersComeAndGo(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		carol := s.person("carol")
		carol.Join(s.hs.Alias("room"))
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("carol")), harness.NoCode("110"))
		carol.Leave(s.id)
		s.alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.in("carol")))
	})
}

// A change of display name is XEP-0045 §7.6's of nick, both ways.
func TestMatrixRenames(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.SetDisplayName("Robert")
		s.alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.in("bob")), harness.Code("303"), harness.Item("nick", "Robert"))
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("Robert")))
		s.alice.Send(`<presence to="%s"/>`, s.in("alicia"))
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("alicia")), harness.Code("110"))
		s.bob.Expect(harness.InRoom(s.id), harness.Membership(s.ghost, "join"), harness.ContentText("displayname", "alicia"))
	})
}

// Display names need not be unique on Matrix; nicks are.
func TestMatrixSameNames(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		carol := s.person("carol")
		carol.SetDisplayName("bob")
		carol.Join(s.id)
		carol.Say(s.id, "I am another bob")
		other := s.alice.Expect(harness.Kind("message/groupchat"), harness.Body("I am another bob")).Attr["from"]
		if other == s.in("bob") {
			s.Errorf("two people are %s", other)
		}
	})
}

// XEP-0045 §7.14: who leaves is gone from Matrix, too.
func TestMatrixLeave(t *testing.T) {
	onCrossing(t, eachXMPP, func(s *crossing) {
		s.alice.Leave(s.jid, "alice", "so long")
		s.alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.in("alice")), harness.Code("110"))
		s.bob.Expect(harness.InRoom(s.id), harness.Membership(s.ghost, "leave"))
		s.alice.Join(s.jid, "alice")
		s.bob.Expect(harness.InRoom(s.id), harness.Membership(s.ghost, "join"))
		s.alice.Close() // without a word: her server says it for her
		s.bob.Expect(harness.InRoom(s.id), harness.Membership(s.ghost, "leave"))
	})
}
