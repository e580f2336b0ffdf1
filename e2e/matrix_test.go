package e2e

import (
	"cmp"
	"os"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// homeserver is the kind of homeserver that the scenarios of Matrix run on.
var homeserver = cmp.Or(os.Getenv("E2E_HOMESERVER"), "dendrite")

// onMatrix is on, with a homeserver of the scenario's own: one is quickly there.
func onMatrix(t *testing.T, pairs []string, run func(*scenario)) {
	t.Helper()
	configured(t, pairs, (*scenario).useMatrix, run)
}

// useMatrix gives a scenario a homeserver.
func (s *scenario) useMatrix() {
	s.Helper()
	s.hs = harness.StartHomeserver(s.T, homeserver)
	s.gateway.UseMatrix(s.hs)
}

// person is a Matrix user with matrix-js-sdk.
func (s *scenario) person(name string) *harness.Matrix {
	s.Helper()
	return matrix().ConnectMatrix(s.T, s.hs, name)
}

// matrixJID is the JID of a Matrix room, by its alias's localpart with "#", or
// of a user by theirs.
func (s *scenario) matrixJID(name string) string {
	return name + "%" + s.hs.Name + "@" + s.gateway.MatrixDomain
}

// ghost is the user id that an XMPP user has on Matrix.
func (s *scenario) ghost(user string) string { return s.hs.ID("xmpp_" + user + "_" + s.host) }

// ircGhost is the user id that somebody on IRC has on Matrix.
func (s *scenario) ircGhost(nick string) string {
	return s.hs.ID("irc_" + network + "_" + strings.ToLower(nick))
}

// crossing is what most scenarios begin with: a public room of bob's on Matrix,
// and alice in it from XMPP.
type crossing struct {
	*scenario
	bob   *harness.Matrix
	alice *harness.XMPP
	id    string // of the room, on Matrix
	jid   string // and on XMPP
	ghost string // alice on Matrix
	shown *harness.Room
}

// onCrossing is onMatrix for those.
func onCrossing(t *testing.T, pairs []string, run func(*crossing)) {
	t.Helper()
	onMatrix(t, pairs, func(s *scenario) { run(cross(s)) })
}

func cross(s *scenario) *crossing {
	s.Helper()
	c := &crossing{scenario: s, bob: s.person("bob"), alice: s.user("alice"), jid: s.matrixJID("#room"), ghost: s.ghost("alice")}
	c.id = c.bob.PublicRoom("room")
	c.shown = c.alice.Join(c.jid, "alice")
	c.bob.Expect(harness.InRoom(c.id), harness.Membership(c.ghost, "join"))
	return c
}

// in is the JID of somebody in the room.
func (c *crossing) in(nick string) string { return c.jid + "/" + nick }

// settle waits for something that takes a moment and that nobody announces.
func settle(s *scenario, what string, done func() bool) {
	s.Helper()
	for deadline := time.Now().Add(harness.Patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("waited in vain: %s", what)
		}
	}
}
