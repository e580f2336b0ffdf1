package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// IRC prefixes are shown as roles and affiliations, and change with them.
func TestModesShown(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		op := s.native("op")
		alice, nick := s.joined("alice")
		bob, _ := s.joined("bob")
		for _, step := range []struct{ mode, role string }{{"+o", "moderator"}, {"-o", "participant"}, {"+v", "participant"}} {
			bob.Drain()
			op.Send("MODE %s %s %s", s.channel, step.mode, nick)
			if step.mode == "+v" {
				continue // a participant already, unless the channel is moderated
			}
			alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.Code("110"), harness.Item("role", step.role))
			bob.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.NoCode("110"), harness.Item("role", step.role))
		}
	})
}

// Owner and admin of a channel are owner and admin in XMPP.
func TestHigherPrefixes(t *testing.T) {
	on(t, once, func(s *scenario) {
		op := s.native("op")
		op.Oper()
		alice, _ := s.joined("alice")
		for _, step := range []struct{ mode, affiliation string }{{"+q", "owner"}, {"-q+a", "admin"}} {
			nicks := op.Nick
			if len(step.mode) > 2 {
				nicks += " " + op.Nick
			}
			op.Send("SAMODE %s %s %s", s.channel, step.mode, nicks)
			alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(op.Nick)), harness.Item("affiliation", step.affiliation), harness.Item("role", "moderator"))
		}
	})
}

// XEP-0045 §7.4: in a moderated room a visitor's message is refused with
// forbidden (RFC 2812 404); with voice it passes.
func TestModerated(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		op := s.native("op")
		op.Send("MODE %s +m", s.channel)
		alice, nick := s.joined("alice")
		id := alice.Say(s.room, "may I speak?")
		alice.Expect(harness.Kind("message/error"), harness.From(s.room), harness.ID(id), harness.Condition("forbidden"))
		op.Send("MODE %s +v %s", s.channel, nick)
		op.Expect(` MODE .*\+v`)
		op.Fence()
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.Item("role", "participant"))
		alice.Say(s.room, "thank you")
		op.ExpectFrom(nick, "PRIVMSG .* :thank you$")
		op.ExpectNone("may I speak")
	})
}

// XEP-0045 §5.1: who may not speak in a moderated room is a visitor, from the
// beginning, when the mode changes, and until they are given voice.
func TestVisitors(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		op, native := s.native("op"), s.native("native")
		op.Send("MODE %s +m", s.channel)
		op.Fence()
		alice, nick := s.joined("alice")
		bobNick := s.nick("bob")
		shown := func(role string, nicks ...string) {
			s.Helper()
			for _, nick := range nicks {
				alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.Item("role", role))
			}
		}
		shown("visitor", nick, native.Nick)
		s.user("bob").Join(s.room, bobNick)
		shown("visitor", bobNick)
		for _, step := range []struct{ mode, role string }{{"-m", "participant"}, {"+m", "visitor"}} {
			alice.Drain()
			op.Send("MODE %s %s", s.channel, step.mode)
			shown(step.role, nick, native.Nick, bobNick)
		}
		op.Send("MODE %s +v %s", s.channel, nick)
		shown("participant", nick)
		alice.Say(s.room, "thank you")
		native.ExpectFrom(nick, "PRIVMSG .* :thank you$")
	})
}

// XEP-0045 §8.4: a moderator grants voice; §9.6 makes a moderator.
func TestGrantVoiceAndModerator(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		op, native := s.native("op"), s.native("native")
		op.Send("MODE %s +m", s.channel)
		alice, nick := s.joined("alice")
		op.Send("MODE %s +o %s", s.channel, nick)
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.Item("role", "moderator"))
		for _, step := range []struct{ role, mode string }{{"participant", `\+v`}, {"moderator", `\+o`}} {
			answer := alice.IQ("set", s.room, `<query xmlns="`+nsAdmin+`"><item nick="`+native.Nick+`" role="`+step.role+`"/></query>`)
			check(s, answer, harness.Kind("iq/result"))
			op.ExpectFrom(nick, "MODE "+s.channel+" "+step.mode+" :?"+native.Nick)
		}
	})
}
