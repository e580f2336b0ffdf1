package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// Who can't enter is told why (XEP-0045 §7.2).
func TestMatrixRefused(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		refused := func(jid, condition string) {
			s.Helper()
			alice.SendJoin(jid, "alice", "")
			e := alice.Expect(harness.Kind("presence/error"), harness.Condition(condition))
			if e.TextOf("error/text") == "" {
				s.Errorf("without a word: %s", e)
			}
		}
		refused(s.matrixJID("#nowhere"), "item-not-found")
		bob.CreateRoom(map[string]any{"preset": "private_chat", "room_alias_name": "closed"})
		refused(s.matrixJID("#closed"), "registration-required")
		bob.CreateRoom(map[string]any{"preset": "public_chat", "room_alias_name": "restricted", "initial_state": []any{
			map[string]any{"type": "m.room.join_rules", "state_key": "", "content": map[string]any{
				"join_rule": "restricted", "allow": []any{map[string]any{"type": "m.room_membership", "room_id": bob.PublicRoom("club")}},
			}},
		}})
		refused(s.matrixJID("#restricted"), "registration-required")
	})
}

// An encrypted room is not entered, and the people in it are told why not
// when the bridge is called there.
func TestMatrixEncrypted(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		encryption := []any{map[string]any{"type": "m.room.encryption", "state_key": "", "content": map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}}}
		id := bob.CreateRoom(map[string]any{"preset": "public_chat", "room_alias_name": "secret", "initial_state": encryption})
		alice.SendJoin(s.matrixJID("#secret"), "alice", "")
		alice.Expect(harness.Kind("presence/error"), harness.TextLike("error/text", "(?i)encrypt"))
		bob.ExpectMembership(id, s.ghost("alice"), false)
		room := bob.CreateRoom(map[string]any{"preset": "trusted_private_chat", "is_direct": true, "invite": []string{s.ghost("alice")}, "initial_state": encryption})
		bob.Expect(harness.InRoom(room), harness.ContentLike("body", "(?i)encrypt"))
	})
}

// A room that becomes encrypted is left, and both sides are told.
func TestMatrixBecomesEncrypted(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.State(s.id, "m.room.encryption", "", map[string]any{"algorithm": "m.megolm.v1.aes-sha2"})
		s.alice.Expect(harness.Where("word of it", func(e *harness.Element) bool {
			return harness.Missing(e, []harness.Match{harness.BodyLike("(?i)encrypt")}) == nil || e.Attr["type"] == "unavailable" && harness.Missing(e, []harness.Match{harness.Code("110")}) == nil
		}))
		s.bob.Expect(harness.InRoom(s.id), harness.EventType("m.room.message"), harness.ContentLike("body", "(?i)encrypt"))
	})
}
