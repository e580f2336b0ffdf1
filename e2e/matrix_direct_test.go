package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// user%server@gateway is that person on Matrix: they are invited into a direct
// chat, and their answers come from there.
func TestMatrixDirectFromXMPP(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		alice.Chat(s.matrixJID("bob"), "out of the blue")
		invitation := bob.Expect(harness.OwnMembership("invite"), harness.Sender(s.ghost("alice")))
		if direct, _ := invitation.Content["is_direct"].(bool); !direct {
			s.Errorf("not a direct chat: %s", invitation)
		}
		room := bob.Join(invitation.Room)
		bob.Expect(harness.InRoom(room), harness.Sender(s.ghost("alice")), harness.Said("m.text", "out of the blue"))
		bob.Say(room, "who are you?")
		alice.Expect(harness.Kind("message/chat"), harness.From(s.matrixJID("bob")), harness.Body("who are you?"))
		alice.Chat(s.matrixJID("bob"), "alice")
		bob.Expect(harness.InRoom(room), harness.Sender(s.ghost("alice")), harness.Said("m.text", "alice"))
	})
}

// Nobody there: the sender is told (RFC 6121 §8.5.1).
func TestMatrixDirectToNobody(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		alice := s.user("alice")
		id := alice.Chat(s.matrixJID("nobody"), "anybody there?")
		alice.Expect(harness.Kind("message/error"), harness.From(s.matrixJID("nobody")), harness.ID(id), harness.Condition("item-not-found"))
	})
}

// Inviting a ghost to a direct chat starts a conversation with that JID.
func TestMatrixDirectToXMPP(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		room := bob.CreateDirect(s.ghost("alice"))
		bob.Expect(harness.InRoom(room), harness.Membership(s.ghost("alice"), "join"))
		bob.Say(room, "hello alice")
		alice.Expect(harness.Kind("message/chat"), harness.From(s.matrixJID("bob")), harness.Body("hello alice"))
		alice.Chat(s.matrixJID("bob"), "hello bob")
		bob.Expect(harness.InRoom(room), harness.Sender(s.ghost("alice")), harness.Said("m.text", "hello bob"))
	})
}

// The same with somebody on IRC, who sees a nick.
func TestMatrixDirectToIRC(t *testing.T) {
	onMatrix(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		room := bob.CreateDirect(s.ircGhost(native.Nick))
		bob.Expect(harness.InRoom(room), harness.Membership(s.ircGhost(native.Nick), "join"))
		bob.Say(room, "hello irc")
		nick := native.Expect(`^(?:@\S+ )?:([^!]+)\S* PRIVMSG ` + native.Nick + ` :hello irc$`)[1]
		native.Say(nick, "hello matrix")
		bob.Expect(harness.InRoom(room), harness.Sender(s.ircGhost(native.Nick)), harness.Said("m.text", "hello matrix"))
	})
}
