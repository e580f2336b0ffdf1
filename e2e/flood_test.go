package e2e

import (
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// Flood control by token bucket, per network: a burst of lines reaches the
// server whole and in order, no faster than the network is set to stand
// (RFC 2813 §5.8).
func TestFloodControl(t *testing.T) {
	const burst, interval, count = 3, 100 * time.Millisecond, 15
	configured(t, eachIRC, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/flood", harness.Config{"burst": burst, "interval": interval.String()})
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		began := time.Now()
		for i := range count {
			alice.Say(s.room, word("x", i))
		}
		for i := range count {
			if got := native.ExpectFrom(nick, `PRIVMSG \S+ :x(\d+)$`)[1]; got != word("", i) {
				s.Fatalf("IRC got %s, not %d", got, i)
			}
		}
		if took, least := time.Since(began), (count-burst-1)*interval; took < least {
			s.Errorf("%d lines took %v, not %v", count, took, least)
		}
		for i := range count {
			alice.Expect(harness.From(s.occupant(nick)), harness.Body(word("x", i)))
		}
	})
}

// Who writes faster than the gateway allows is told so for each message that
// is over it; the rest arrives.
func TestMessageRate(t *testing.T) {
	const burst = 3
	configured(t, eachXMPP, func(s *scenario) {
		s.gateway.Config.Set("limits/messages", harness.Config{"burst": burst, "interval": "1h"})
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		for i := range burst {
			alice.Say(s.room, word("x", i))
		}
		id := alice.Say(s.room, "one too many")
		alice.Expect(harness.Kind("message/error"), harness.From(s.room), harness.ID(id),
			harness.Condition("policy-violation"), harness.TextLike("error/text", `\w`))
		for i := range burst {
			native.ExpectFrom(nick, "PRIVMSG .* :"+word("x", i)+"$")
		}
		native.Fence()
		native.ExpectNone("one too many")

		// The limit is each user's own.
		bob, bobNick := s.joined("bob")
		bob.Say(s.room, "not mine")
		native.ExpectFrom(bobNick, "PRIVMSG .* :not mine$")
	})
}
