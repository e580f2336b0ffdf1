package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// An invitation of a ghost arrives as a MUC invitation (XEP-0045 §7.8.2 or
// XEP-0249), and lets its owner into a closed room.
func TestMatrixInvitesXMPP(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		id := bob.CreateRoom(map[string]any{"preset": "private_chat", "room_alias_name": "closed", "name": "Closed"})
		alice.SendJoin(s.matrixJID("#closed"), "alice", "")
		alice.Expect(harness.Kind("presence/error"), harness.Condition("registration-required"))
		bob.Invite(id, s.ghost("alice"))
		invitation := alice.Expect(harness.Where("an invitation", func(e *harness.Element) bool {
			return e.Name == "message" && (e.Find("x/invite") != nil || e.In("jabber:x:conference") != nil)
		}))
		room := invitation.Attr["from"]
		if direct := invitation.In("jabber:x:conference"); direct != nil {
			room = direct.Attr["jid"]
		}
		alice.Join(room, "alice")
		bob.Expect(harness.InRoom(id), harness.Membership(s.ghost("alice"), "join"))
		bob.Say(id, "welcome")
		alice.Expect(harness.Kind("message/groupchat"), harness.Body("welcome"))
	})
}

// XEP-0045 §7.8.2: an occupant invites a Matrix user by their JID.
func TestXMPPInvitesMatrix(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		carol := s.person("carol")
		s.bob.SetPower(s.id, s.ghost, 50) // a Synapse asks for that in public rooms
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("alice")), harness.Item("role", "moderator"))
		s.alice.Send(`<message to="%s"><x xmlns="http://jabber.org/protocol/muc#user"><invite to="%s"><reason>come</reason></invite></x></message>`, s.jid, s.matrixJID("carol"))
		invitation := carol.Expect(harness.OwnMembership("invite"), harness.InRoom(s.id))
		if invitation.Sender != s.ghost {
			s.Errorf("invited by %s", invitation.Sender)
		}
		carol.Join(s.id)
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("carol")))
	})
}

// "the invitee MAY choose to formally decline" (XEP-0045 §7.8.2): whoever
// invited them sees it.
func TestMatrixInvitationDeclined(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		id := bob.CreateRoom(map[string]any{"preset": "private_chat", "room_alias_name": "closed", "name": "Closed"})
		bob.Invite(id, s.ghost("alice"))
		invitation := alice.Expect(harness.Where("an invitation", func(e *harness.Element) bool { return e.Find("x/invite") != nil }))
		bob.Expect(harness.InRoom(id), harness.Membership(s.ghost("alice"), "invite"))
		alice.Send(`<message to="%s"><x xmlns="http://jabber.org/protocol/muc#user"><decline to="%s"><reason>too late</reason></decline></x></message>`,
			invitation.Attr["from"], harness.Escape(invitation.Find("x/invite").Attr["from"]))
		bob.Expect(harness.InRoom(id), harness.Membership(s.ghost("alice"), "leave"))
	})
}

// A room where one has to knock is knocked at; who is let in then is called
// in as by any invitation.
func TestMatrixKnock(t *testing.T) {
	if homeserver != "synapse" {
		t.Skip("Dendrite has no knocking")
	}
	onMatrix(t, eachXMPP, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		id := bob.CreateRoom(map[string]any{"preset": "private_chat", "room_alias_name": "door", "initial_state": []any{
			map[string]any{"type": "m.room.join_rules", "state_key": "", "content": map[string]any{"join_rule": "knock"}},
		}})
		alice.SendJoin(s.matrixJID("#door"), "alice", "")
		alice.Expect(harness.Kind("presence/error"), harness.TextLike("error/text", "(?i)knock|ask"))
		bob.Expect(harness.InRoom(id), harness.Membership(s.ghost("alice"), "knock"))
		bob.Invite(id, s.ghost("alice"))
		alice.Expect(harness.Where("an invitation", func(e *harness.Element) bool {
			return e.Name == "message" && (e.Find("x/invite") != nil || e.In("jabber:x:conference") != nil)
		}))
		alice.Join(s.matrixJID("#door"), "alice")
		bob.Expect(harness.InRoom(id), harness.Membership(s.ghost("alice"), "join"))
	})
}
