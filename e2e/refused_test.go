package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// Every refusal of a JOIN is an error presence, with the server's own words:
// RFC 2812 475, 473, 474, 471; XEP-0045 §7.2.5, §7.2.6, §7.2.7, §7.2.9.
func TestRefusedJoins(t *testing.T) {
	for _, refusal := range []struct{ name, mode, condition, more string }{
		{"password", "+k sesame", "not-authorized", ""},
		{"wrong password", "+k sesame", "not-authorized", "<password>open</password>"},
		{"invited only", "+i", "registration-required", ""},
		{"banned", "+b *!*@*", "forbidden", ""},
		{"full", "+l 1", "service-unavailable", ""},
	} {
		t.Run(refusal.name, func(t *testing.T) {
			on(t, eachIRC, func(s *scenario) {
				op := s.native("op")
				op.Send("MODE %s %s", s.channel, refusal.mode)
				op.Fence()
				alice := s.user("alice")
				alice.SendJoin(s.room, s.nick("alice"), refusal.more)
				alice.Expect(harness.Kind("presence/error"), harness.From(s.occupant(s.nick("alice"))),
					harness.Condition(refusal.condition), harness.TextLike("error/text", `\w`))
			})
		})
	}
}

// XEP-0045 §7.2.6: with the right password one gets in.
func TestPassword(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		op := s.native("op")
		op.Send("MODE %s +k sesame", s.channel)
		op.Fence()
		alice := s.user("alice")
		alice.SendJoin(s.room, s.nick("alice"), "<password>sesame</password>")
		alice.ExpectJoined(s.room)
	})
}

// An INVITE is passed on, and lets the invited in (XEP-0045 §7.8).
func TestInvited(t *testing.T) {
	on(t, once, func(s *scenario) {
		op := s.native("op")
		op.Send("MODE %s +i", s.channel)
		alice := s.user("alice")
		elsewhere := s.at(s.channel + "-hall")
		alice.Join(elsewhere, s.nick("alice"))
		op.Send("INVITE %s %s", s.nick("alice"), s.channel)
		op.Expect(" 341 ")
		op.Fence()
		alice.Join(s.room, s.nick("alice"))
	})
}

// XEP-0045 §7.4: who isn't in the room gets not-acceptable.
func TestNotInRoom(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		alice := s.user("alice")
		id := alice.Say(s.room, "from outside")
		alice.Expect(harness.Kind("message/error"), harness.ID(id), harness.Condition("not-acceptable"))
		native.Fence()
		native.ExpectNone("from outside")
	})
}

// A network that isn't listed is refused, unless users may reach such networks.
func TestUnknownNetwork(t *testing.T) {
	on(t, once, func(s *scenario) {
		alice := s.user("alice")
		for _, jid := range []string{"#c%irc.example.org@" + s.gateway.Domain, "#c%127.0.0.1@" + s.gateway.Domain} {
			alice.SendJoin(jid, "alice", "")
			alice.Expect(harness.Kind("presence/error"), harness.From(jid+"/alice"))
		}
	})
}

// A network that is down is told as such, not waited for in silence.
func TestNetworkDown(t *testing.T) {
	configured(t, once, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/addresses", []string{"irc://127.0.0.1:1"})
	}, func(s *scenario) {
		alice := s.user("alice")
		alice.SendJoin(s.room, "alice", "")
		alice.Expect(harness.Kind("presence/error"), harness.TextLike("error/text", `\w`))
	})
}

// Who isn't on the list of those allowed is refused with a sentence.
func TestAccess(t *testing.T) {
	configured(t, eachXMPP, func(s *scenario) {
		s.gateway.Config.Set("access/deny", []string{"bob@" + s.host})
	}, func(s *scenario) {
		s.joined("alice")
		bob := s.user("bob")
		bob.SendJoin(s.room, s.nick("bob"), "")
		bob.Expect(harness.Kind("presence/error"), harness.TextLike("error/text", `\w`), harness.Where("a refusal", func(e *harness.Element) bool {
			return e.Find("error/not-authorized") != nil || e.Find("error/policy-violation") != nil || e.Find("error/forbidden") != nil
		}))
	})
}

// More rooms than allowed are refused with a sentence.
func TestRoomLimit(t *testing.T) {
	configured(t, once, func(s *scenario) {
		s.gateway.Config.Set("limits/rooms_per_user", 2)
	}, func(s *scenario) {
		alice, nick := s.user("alice"), s.nick("alice")
		alice.Join(s.at(s.channel+"a"), nick)
		alice.Join(s.at(s.channel+"b"), nick)
		alice.SendJoin(s.at(s.channel+"c"), nick, "")
		alice.Expect(harness.Kind("presence/error"), harness.Condition("resource-constraint"), harness.TextLike("error/text", `\w`))
	})
}
