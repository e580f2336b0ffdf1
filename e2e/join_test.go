package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// XEP-0045 §7.2.2: the order of events after a join is: in-room presence from
// other occupants, in-room presence from the joining entity itself (110), room
// history, the room subject.
func TestJoinOrder(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		op, voiced := s.native("op"), s.native("voiced")
		op.Send("TOPIC %s :welcome <here>", s.channel)
		op.Send("MODE %s +v %s", s.channel, voiced.Nick)
		voiced.Expect(` MODE ` + s.channel + ` \+v `)

		alice, nick := s.user("alice"), s.nick("alice")
		room := alice.Join(s.room, nick)
		op.ExpectFrom(nick, "JOIN :?"+s.channel)

		if len(room.Occupants) != 2 {
			s.Errorf("occupants: %v", room.Occupants)
		}
		self, subject := len(room.Order)-2, len(room.Order)-1
		if room.Order[self] != room.Self || room.Order[subject] != room.Subject {
			s.Errorf("not in the specified order: %v", room.Order)
		}
		check(s, room.Self, harness.From(s.occupant(nick)), harness.Code("110"), harness.NoCode("201"), harness.Item("role", "participant"))
		check(s, room.Occupants[op.Nick], harness.Item("role", "moderator"))
		check(s, room.Occupants[voiced.Nick], harness.Item("role", "participant"))
		check(s, room.Subject, harness.Subject("welcome <here>"))
	})
}

// XEP-0045 §10.1.1: if the room did not exist, it is created, and the presence
// of its first occupant has status 201. §7.2.15: the subject is sent even when
// there is none.
func TestJoinNewChannel(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		alice := s.user("alice")
		room := alice.Join(s.room, s.nick("alice"))
		check(s, room.Self, harness.Code("201"), harness.Item("role", "moderator"))
		check(s, room.Subject, harness.Subject(""))
	})
}

// Another client library joins by its own XEP-0045 code, and is shown the same.
func TestJoinBySlixmpp(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		nick := s.nick("bob")
		bob := slixmpp().Connect(s.T, s.xmpp, s.host, "bob", "slix")
		bob.Send("<presence/>")
		bob.JoinByPlugin(s.room, nick)
		room := bob.ExpectJoined(s.room)
		check(s, room.Occupants[native.Nick], harness.Item("role", "moderator"))
		native.ExpectFrom(nick, "JOIN :?"+s.channel)
		bob.Say(s.room, "from slixmpp")
		native.ExpectFrom(nick, "PRIVMSG "+s.channel+" :from slixmpp$")
		native.Say(s.channel, "to slixmpp")
		bob.Expect(harness.From(s.occupant(native.Nick)), harness.Body("to slixmpp"))
	})
}

// Somebody who enters later is announced to who is there.
func TestOthersJoin(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		alice, nick := s.joined("alice")
		native := s.native("native")
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(native.Nick)), harness.NoCode("110"))
		bob, bobNick := s.joined("bob")
		native.ExpectFrom(bobNick, "JOIN :?"+s.channel)
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(bobNick)))
		bob.Say(s.room, "hello both")
		alice.Expect(harness.From(s.occupant(bobNick)), harness.Body("hello both"))
		native.ExpectFrom(bobNick, "PRIVMSG .*hello both")
		alice.ExpectNone(harness.From(s.occupant(bobNick)), harness.Kind("presence/"))
		_ = nick
	})
}

// Channels that a localpart can't hold as they are (XEP-0106).
func TestEscapedChannel(t *testing.T) {
	on(t, once, func(s *scenario) {
		s.channel += "&'/<x>"
		s.room = s.at(`#c` + s.channel[2:len(s.channel)-6] + `\26\27\2f\3cx\3e`)
		native := s.native("native")
		alice, nick := s.joined("alice")
		native.ExpectFrom(nick, "JOIN ")
		alice.Say(s.room, "odd place")
		native.ExpectFrom(nick, "PRIVMSG .* :odd place$")
		native.Say(s.channel, "odd indeed")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("odd indeed"))
	})
}

// A domain may be bound to one network: "#chan@domain".
func TestBoundDomain(t *testing.T) {
	configured(t, once, func(s *scenario) {
		s.gateway.Config.Set("xmpp/domains", []any{harness.Config{"name": s.gateway.Domain, "network": network}})
		s.room = s.channel + "@" + s.gateway.Domain
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Say(s.room, "no percent")
		native.ExpectFrom(nick, "PRIVMSG .* :no percent$")
		alice.Chat(native.Nick+"@"+s.gateway.Domain, "psst")
		native.ExpectFrom(nick, "PRIVMSG "+native.Nick+" :psst$")
	})
}

// check fails unless all is true of a stanza.
func check(s *scenario, e *harness.Element, all ...harness.Match) {
	s.Helper()
	if e == nil {
		s.Fatalf("there is no stanza of which is true: %s", harness.Describe(all))
	}
	if missing := harness.Missing(e, all); len(missing) > 0 {
		s.Errorf("not true: %s\n  of %s", harness.Describe(missing), e)
	}
}
