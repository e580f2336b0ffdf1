package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// TLS to IRC, with the certificate verified against the network's own CA.
func TestTLS(t *testing.T) {
	configured(t, eachIRC, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/addresses", []string{"ircs://" + s.irc.TLSAddr})
		s.gateway.Config.Set("networks/"+network+"/ca_file", s.irc.CA)
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Say(s.room, "in confidence")
		native.ExpectFrom(nick, "PRIVMSG .* :in confidence$")
		if s.irc.Kind == "inspircd" { // 671: is using a secure connection
			whoisUntil(s, native, nick, ` 671 `, true)
		}
	})
}

// A certificate that nobody vouches for is refused: no fallback, no silence.
func TestTLSUnverified(t *testing.T) {
	configured(t, once, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/addresses", []string{"ircs://" + s.irc.TLSAddr})
	}, func(s *scenario) {
		native := s.native("native")
		alice := s.user("alice")
		alice.SendJoin(s.room, s.nick("alice"), "")
		alice.Expect(harness.Kind("presence/error"), harness.TextLike("error/text", `(?i)certificate|tls|x509`))
		native.Fence()
		native.ExpectNone(s.nick("alice") + `\S* JOIN`)
	})
}

// Several addresses: when the first can't be reached, the next is taken.
func TestFailover(t *testing.T) {
	configured(t, once, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/addresses", []string{"irc://127.0.0.1:1", "irc://" + s.irc.Addr})
	}, func(s *scenario) {
		native := s.native("native")
		_, nick := s.joined("alice")
		native.ExpectFrom(nick, "JOIN")
	})
}
