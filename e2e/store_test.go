package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// PostgreSQL keeps what the gateway must remember as SQLite does: after a
// restart the users are logged in as they were.
func TestPostgres(t *testing.T) {
	configured(t, []string{"prosody+ergo"}, func(s *scenario) {
		s.gateway.Config.Set("store/path", harness.StartPostgres(s.T))
	}, func(s *scenario) {
		native := s.native("native")
		account := s.account("alice", "")
		alice := s.user("alice")
		fillIn(s, alice, map[string]string{"nick": account, "account": account, "password": accountPassword})
		for range 2 {
			alice.Join(s.room, account)
			whoisUntil(s, native, account, ` 330 \S+ `+account+` `+account, true)
			alice.Say(s.room, "for the record")
			native.ExpectFrom(account, "PRIVMSG .* :for the record$")
			alice.Expect(harness.From(s.occupant(account)), harness.Body("for the record"))

			if _, err := s.gateway.Stop(s.T); err != nil {
				s.Errorf("exit: %v", err)
			}
			native.ExpectFrom(account, "QUIT")
			s.gateway.Start(s.T)
			alice.Drain()
		}
	})
}
