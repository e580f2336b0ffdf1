package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// XEP-0045 §7.2.13: who enters is shown what was said before, with delay
// stamps (XEP-0203), at most as much as they asked for, and not what the room's
// history visibility hides from them.
func TestMatrixHistory(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		bob, alice, carol := s.person("bob"), s.user("alice"), s.user("carol")
		id := bob.PublicRoom("room")
		for _, text := range []string{"one", "two", "three"} {
			bob.Say(id, text)
		}
		jid := s.matrixJID("#room")
		alice.SendJoin(jid, "alice", `<history maxstanzas="2"/>`)
		var shown []string
		for _, e := range alice.ExpectJoined(jid).Order {
			if e.Name == "message" && e.Find("body") != nil {
				check(s, e, harness.Child("delay", "urn:xmpp:delay"), harness.From(jid+"/bob"))
				shown = append(shown, e.TextOf("body"))
			}
		}
		if len(shown) != 2 || shown[0] != "two" || shown[1] != "three" {
			s.Errorf("shown: %q", shown)
		}
		carol.SendJoin(jid, "carol", `<history maxstanzas="0"/>`)
		for _, e := range carol.ExpectJoined(jid).Order {
			if e.Name == "message" && e.Find("body") != nil {
				s.Errorf("asked for none: %s", e)
			}
		}
	})
}

// "joined": nothing from before.
func TestMatrixHistoryHidden(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		id := bob.PublicRoom("room")
		bob.State(id, "m.room.history_visibility", "", map[string]any{"history_visibility": "joined"})
		bob.Say(id, "for us")
		for _, e := range alice.Join(s.matrixJID("#room"), "alice").Order {
			if e.TextOf("body") == "for us" {
				s.Errorf("shown: %s", e)
			}
		}
		bob.Say(id, "for all")
		alice.Expect(harness.Body("for all"))
		alice.ExpectNone(harness.Body("for us"))
	})
}
