package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// XEP-0045 §7.6: a change of nick is an unavailable presence from the old
// occupant JID with status 303 and the new nick, then a presence from the new.
func TestChangeNick(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice, old := s.joined("alice")
		bob, _ := s.joined("bob")
		wished := s.nick("alicia")
		alice.Send(`<presence to="%s"/>`, s.occupant(wished))
		native.ExpectFrom(old, "NICK :?"+wished+"$")
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(old)), harness.Code("303"), harness.Code("110"), harness.Item("nick", wished))
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(wished)), harness.Code("110"))
		bob.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(old)), harness.Code("303"), harness.NoCode("110"))
		bob.Expect(harness.Kind("presence/"), harness.From(s.occupant(wished)))
		alice.Say(s.room, "it is me")
		native.ExpectFrom(wished, "PRIVMSG .* :it is me$")
	})
}

// A native's change of nick looks the same.
func TestNativeChangesNick(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice, _ := s.joined("alice")
		wished := s.nick("naturalist")
		native.Send("NICK %s", wished)
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(native.Nick)), harness.Code("303"), harness.Item("nick", wished))
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(wished)))
		native.Say(s.channel, "it is me")
		alice.Expect(harness.From(s.occupant(wished)), harness.Body("it is me"))
	})
}

// XEP-0045 §7.2.8 and §7.6: a nick that is taken is a conflict (RFC 2812 433),
// and who changes to one keeps the nick they have.
func TestNickConflict(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice := s.user("alice")
		alice.SendJoin(s.room, native.Nick, "")
		alice.Expect(harness.Kind("presence/error"), harness.Condition("conflict"))
		nick := s.nick("alice")
		alice.Join(s.room, nick)
		alice.Send(`<presence to="%s"/>`, s.occupant(native.Nick))
		alice.Expect(harness.Kind("presence/error"), harness.Condition("conflict"))
		alice.Say(s.room, "still me")
		native.ExpectFrom(nick, "PRIVMSG .* :still me$")
	})
}

// Two XMPP users can't have one nick either.
func TestNickConflictAmongUs(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		_, nick := s.joined("alice")
		bob := s.user("bob")
		bob.SendJoin(s.room, nick, "")
		bob.Expect(harness.Kind("presence/error"), harness.Condition("conflict"))
	})
}

// A nick that IRC can't hold (RFC 2812 432) is refused.
func TestBadNick(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		alice := s.user("alice")
		alice.SendJoin(s.room, "two words, no!", "")
		alice.Expect(harness.Kind("presence/error"))
		alice.Join(s.room, s.nick("alice"))
	})
}

// XEP-0045 §7.2.2: who is given another nick than they asked for is told the
// one they have (210): here the nick that their account has on the network.
func TestNickAssigned(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		alice, given := s.user("alice"), s.nick("alicia")
		fillIn(s, alice, map[string]string{"nick": given})
		alice.SendJoin(s.room, s.nick("alice"), "")
		room := alice.ExpectJoined(s.room)
		check(s, room.Self, harness.From(s.occupant(given)), harness.Code("110"), harness.Code("210"))
		alice.Say(s.room, "so be it")
		native.ExpectFrom(given, "PRIVMSG .* :so be it$")
	})
}
