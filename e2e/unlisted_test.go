package e2e

import (
	"net"
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// Users may reach networks that aren't listed where unlisted_networks says so,
// but none on a private address, unless private_addresses says so too: of the
// machine that the gateway runs on they see nothing.
func TestUnlistedNetwork(t *testing.T) {
	for _, private := range []bool{false, true} {
		name := map[bool]string{false: "refused", true: "allowed"}[private]
		t.Run(name, func(t *testing.T) {
			configured(t, eachIRC, func(s *scenario) {
				s.gateway.Config.Set("access/unlisted_networks", true)
				s.gateway.Config.Set("access/private_addresses", private)
				// Such a network must prove who it is, to whom the system trusts.
				s.gateway.Env = append(s.gateway.Env, "SSL_CERT_FILE="+s.irc.CA)
				_, port, _ := net.SplitHostPort(s.irc.TLSAddr)
				s.room = s.channel + `%127.0.0.1\3a` + port + "@" + s.gateway.Domain // XEP-0106: no colon in a localpart
			}, func(s *scenario) {
				native := s.native("native")
				if !private {
					alice := s.user("alice")
					alice.SendJoin(s.room, s.nick("alice"), "")
					alice.Expect(harness.Kind("presence/error"), harness.From(s.occupant(s.nick("alice"))),
						harness.Condition("not-allowed"), harness.TextLike("error/text", "private addresses are not allowed"))
					native.Fence()
					native.ExpectNone(s.nick("alice"))
					return
				}
				alice, nick := s.joined("alice")
				alice.Say(s.room, "from afar")
				native.ExpectFrom(nick, "PRIVMSG .* :from afar$")
				alice.Chat(strings.Replace(s.room, s.channel, native.Nick, 1), "psst")
				native.ExpectFrom(nick, "PRIVMSG "+native.Nick+" :psst$")
			})
		})
	}
}
