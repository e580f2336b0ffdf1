package e2e

import "testing"

// CTCP VERSION, PING and TIME are answered with a NOTICE, others are ignored.
func TestCTCP(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		_, nick := s.joined("alice")
		native.Say(nick, "\x01VERSION\x01")
		native.ExpectFrom(nick, "NOTICE "+native.Nick+" :\x01VERSION .*(?i)isthmus")
		native.Say(nick, "\x01PING 12345\x01")
		native.ExpectFrom(nick, "NOTICE "+native.Nick+" :\x01PING 12345\x01?$")
		native.Say(nick, "\x01TIME\x01")
		native.ExpectFrom(nick, "NOTICE "+native.Nick+" :\x01TIME .+")
		native.Say(nick, "\x01FINGER\x01")
		native.Say(nick, "\x01PING again\x01")
		native.ExpectFrom(nick, "NOTICE "+native.Nick+" :\x01PING again")
		native.ExpectNone("FINGER")
	})
}
