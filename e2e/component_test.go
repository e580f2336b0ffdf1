package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// The link to the XMPP server may be TLS, verified against a CA of one's own.
// Of the servers here ejabberd has that for components.
func TestComponentByTLS(t *testing.T) {
	configured(t, []string{"ejabberd+inspircd"}, func(s *scenario) {
		s.gateway.Config.Set("xmpp/server", "tls://"+s.xmpp.SecureComponent)
		s.gateway.Config.Set("xmpp/ca_file", s.xmpp.CA)
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Say(s.room, "in confidence")
		native.ExpectFrom(nick, "PRIVMSG .* :in confidence$")
		native.Say(s.channel, "both ways")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("both ways"))
	})
}
