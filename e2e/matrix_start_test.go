package e2e

import (
	"os"
	"regexp"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// The homeserver may be down at the start: IRC works meanwhile, and Matrix does
// when it is there.
func TestMatrixDownAtStart(t *testing.T) {
	onMatrixLaunched(t, func(s *scenario) { s.hs.Kill() }, func(s *scenario) {
		native := s.native("native")
		alice := s.user("alice")
		joinUntil(s, alice, s.room, s.nick("alice"))
		alice.Say(s.room, "without Matrix")
		native.Expect("PRIVMSG .* :without Matrix$")
		s.hs.Start(s.T)
		s.gateway.ExpectLog(s.T, "msg=ready")
		bob := s.person("bob")
		id := bob.PublicRoom("room")
		joinUntil(s, alice, s.matrixJID("#room"), "alice")
		alice.Say(s.matrixJID("#room"), "with Matrix")
		bob.Expect(harness.InRoom(id), harness.Sender(s.ghost("alice")), harness.Said("m.text", "with Matrix"))
	})
}

// Tokens that are not the homeserver's: the log says so in one sentence.
func TestMatrixWrongTokens(t *testing.T) {
	for token, word := range map[string]string{"as_token": "as_token", "hs_token": "hs_token"} {
		t.Run(token, func(t *testing.T) {
			if token == "hs_token" && homeserver == "dendrite" {
				t.Skip("a Dendrite can't be asked to call")
			}
			onMatrixLaunched(t, func(s *scenario) {
				text, err := os.ReadFile(s.hs.Registration)
				if err != nil {
					s.Fatalf("%v", err)
				}
				other := s.TempDir() + "/registration.yaml"
				wrong := regexp.MustCompile(`(?m)^`+token+`: .*$`).ReplaceAll(text, []byte(token+": something-else-altogether"))
				if err := os.WriteFile(other, wrong, 0o600); err != nil {
					s.Fatalf("%v", err)
				}
				s.gateway.Config.Set("matrix/registration_file", other)
			}, func(s *scenario) {
				s.gateway.ExpectLog(s.T, `level=(WARN|ERROR) .*`+word)
			})
		})
	}
}

// onMatrixLaunched is onMatrix, but for the wait until the gateway is ready.
func onMatrixLaunched(t *testing.T, prepare, run func(*scenario)) {
	t.Helper()
	t.Parallel()
	free := lanes["prosody"]()
	host := <-free
	t.Cleanup(func() { free <- host })
	s := newScenario(t, xmppKind["prosody"](), ircKind["inspircd"](), host)
	s.useMatrix()
	prepare(s)
	s.gateway.Launch(t)
	run(s)
}

// SIGTERM ends it within a moment, also in the middle of talk with a homeserver
// that answers no more; what was said before has arrived.
func TestMatrixShutdown(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.alice.Say(s.jid, "last words")
		s.alice.Expect(harness.From(s.in("alice")), harness.Body("last words"))
		s.hs.Freeze(s.T)
		s.alice.Say(s.jid, "into the void")
		took, err := s.gateway.Stop(s.T)
		s.hs.Thaw(s.T)
		if err != nil || took > 10*time.Second {
			s.Errorf("ended after %v: %v", took, err)
		}
		s.bob.Expect(harness.Sender(s.ghost), harness.Said("m.text", "last words"))
		s.alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.in("alice")), harness.Code("332"))
	})
}
