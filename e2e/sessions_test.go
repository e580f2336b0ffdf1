package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// A network takes so many connections of ours: the one too many is refused
// with resource-constraint and a sentence, and let in when there is a place.
func TestSessionLimit(t *testing.T) {
	configured(t, eachXMPP, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/sessions", 1)
		s.gateway.Config.Set("networks/"+network+"/linger", "0s")
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		bob, bobNick := s.user("bob"), s.nick("bob")
		bob.SendJoin(s.room, bobNick, "")
		bob.Expect(harness.Kind("presence/error"), harness.From(s.occupant(bobNick)),
			harness.Condition("resource-constraint"), harness.TextLike("error/text", `\w+ \w+`))

		alice.Leave(s.room, nick, "")
		native.ExpectFrom(nick, "PART")
		joinUntil(s, bob, s.room, bobNick) // until the QUIT is through
	})
}

// A user takes so many networks.
func TestNetworkLimit(t *testing.T) {
	configured(t, once, func(s *scenario) {
		s.gateway.Config.Set("limits/networks_per_user", 1)
		s.gateway.Config.Set("networks/second", harness.Config{"addresses": []string{"irc://" + s.irc.Addr}})
	}, func(s *scenario) {
		alice, nick := s.joined("alice")
		second := s.channel + "%second@" + s.gateway.Domain
		alice.SendJoin(second, nick, "")
		alice.Expect(harness.Kind("presence/error"), harness.From(second+"/"+nick),
			harness.Condition("resource-constraint"), harness.TextLike("error/text", `\w+ \w+`))
	})
}
