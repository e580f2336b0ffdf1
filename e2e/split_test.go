package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// A netsplit is shown as what it is: everybody behind the lost server leaves
// with its reason, and comes back with it.
func TestNetsplit(t *testing.T) {
	alone(t, once, nil, func(s *scenario) {
		leaf := harness.StartInspIRCdLeaf(s.T, s.irc)
		native := s.native("native")
		var far []string
		for _, name := range []string{"far", "farther", "farthest"} {
			c := leaf.Dial(s.T, s.nick(name))
			c.Join(s.channel)
			far = append(far, c.Nick)
		}
		alice, _ := s.joined("alice")
		leaf.Kill()
		for _, nick := range far {
			alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)), harness.TextLike("status", `(?i)split|inspircd\.test`))
		}
		native.Say(s.channel, "we are still here")
		alice.Expect(harness.Body("we are still here"))
		leaf.Start(s.T)
		again := leaf.Dial(s.T, far[0])
		again.Join(s.channel)
		leaf.LinkTo(s.T, "irc.inspircd.test")
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(far[0])))
	})
}
