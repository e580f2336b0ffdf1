package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// CTCP VERSION, PING and TIME are answered with a NOTICE, others are ignored.
func TestCTCP(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		native.Say(nick, "\x01VERSION\x01")
		native.ExpectFrom(nick, "NOTICE "+native.Nick+" :\x01VERSION .*(?i)isthmus")
		native.Say(nick, "\x01PING 12345\x01")
		native.ExpectFrom(nick, "NOTICE "+native.Nick+" :\x01PING 12345\x01?$")
		native.Say(nick, "\x01TIME\x01")
		native.ExpectFrom(nick, "NOTICE "+native.Nick+" :\x01TIME .+")
		native.Say(nick, "\x01FINGER\x01")
		native.Say(nick, "no more questions")
		alice.Expect(harness.Body("no more questions"))
		alice.Say(s.room, "good")
		native.ExpectFrom(nick, "PRIVMSG .* :good$")
		native.ExpectNone("FINGER")
		alice.ExpectNone(harness.BodyLike("FINGER|VERSION"))
	})
}
