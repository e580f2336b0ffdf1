package e2e

import "testing"

// The XMPP server is killed, and with it everybody's sessions, while nobody
// speaks: when it is back, who was in the room leaves it, and IRC.
func TestGhosts(t *testing.T) {
	alone(t, []string{"prosody+inspircd", "ejabberd+ngircd"}, nil, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		s.xmpp.Kill()
		alice.Close()
		s.xmpp.Start(s.T)
		native.ExpectFrom(nick, "(PART|QUIT)")
	})
}
