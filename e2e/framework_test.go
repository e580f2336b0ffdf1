package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// Another IRC client, irc-framework, hears and is heard as a person would.
func TestIRCFramework(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := node().ConnectIRC(s.T, s.irc, s.nick("native"))
		native.Join(s.channel)
		alice, nick := s.joined("alice")
		alice.Say(s.room, "hello <&> framework")
		native.ExpectSaid(nick, s.channel, "hello <&> framework")
		alice.Say(s.room, "/me waves")
		native.ExpectSaid(nick, s.channel, "/me waves")
		native.Say(s.channel, "hello <&> xmpp")
		alice.Expect(harness.Kind("message/groupchat"), harness.From(s.occupant(native.Nick)), harness.Body("hello <&> xmpp"))

		alice.Chat(s.occupant(native.Nick), "between us")
		native.ExpectSaid(nick, native.Nick, "between us")
		native.Say(nick, "sure")
		alice.Expect(harness.Kind("message/chat"), harness.From(s.occupant(native.Nick)), harness.Body("sure"))
	})
}
