package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// An IRC server that hangs, with its connections open, is found out by its
// silence: who is in the room is told and stays, what they say is refused, and
// when it wakes up they are in the channel again (RFC 2812 §3.7.2).
func TestIRCServerHangs(t *testing.T) {
	alone(t, []string{"prosody+inspircd", "ejabberd+ngircd"}, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/ping", "500ms")
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		s.irc.Freeze(s.T)
		alice.Expect(harness.Kind("message/groupchat"), harness.From(s.room), harness.BodyLike(`(?i)connection to net lost`))
		id := alice.Say(s.room, "into the void")
		alice.Expect(harness.Kind("message/error"), harness.ID(id), harness.TextLike("error/text", `\w`))

		s.irc.Thaw(s.T)
		native.ExpectFrom(nick, "QUIT")
		native.Expect(`^:` + nick + `\S*!\S+ JOIN :?` + s.channel)
		alice.Expect(harness.BodyLike("(?i)connected to net again"))
	})
}
