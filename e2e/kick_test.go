package e2e

import (
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

const nsAdmin = "http://jabber.org/protocol/muc#admin"

// XEP-0045 §8.2: the one who was kicked gets an unavailable presence with
// status 307 and 110, the reason and the actor; the others get it too.
func TestKicked(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		op := s.native("op")
		alice, nick := s.joined("alice")
		bob, _ := s.joined("bob")
		op.Send("KICK %s %s :out you go", s.channel, nick)
		kicked := []harness.Match{harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)), harness.Code("307"),
			harness.Item("role", "none"), harness.Reason("out you go"),
			harness.Where("actor", func(e *harness.Element) bool {
				actor := e.Find("x/item/actor")
				return actor != nil && actor.Attr["nick"] == op.Nick
			})}
		alice.Expect(append(kicked, harness.Code("110"))...)
		bob.Expect(append(kicked, harness.NoCode("110"))...)

		// They are out: not-acceptable (§7.4), and may come back.
		id := alice.Say(s.room, "hello?")
		alice.Expect(harness.Kind("message/error"), harness.ID(id), harness.Condition("not-acceptable"))
		alice.Join(s.room, nick)
	})
}

// XEP-0045 §8.2: a moderator kicks by setting the role to none.
func TestKick(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		op, native := s.native("op"), s.native("native")
		alice, nick := s.joined("alice")
		op.Send("MODE %s +o %s", s.channel, nick)
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.Item("role", "moderator"))
		answer := alice.IQ("set", s.room, `<query xmlns="`+nsAdmin+`"><item nick="`+native.Nick+`" role="none"><reason>enough</reason></item></query>`)
		check(s, answer, harness.Kind("iq/result"))
		native.ExpectFrom(nick, "KICK "+s.channel+" "+native.Nick+" :?enough$")
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(native.Nick)), harness.Code("307"), harness.Reason("enough"))
	})
}

// XEP-0045 §8.2: without the privilege the answer is an error (RFC 2812 482).
func TestKickForbidden(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		op := s.native("op")
		alice, _ := s.joined("alice")
		answer := alice.IQ("set", s.room, `<query xmlns="`+nsAdmin+`"><item nick="`+op.Nick+`" role="none"/></query>`)
		check(s, answer, harness.Condition("forbidden"))
	})
}

// XEP-0045 §9.1: to ban is to set the affiliation outcast: on IRC a ban and a
// kick. Who is banned is shown out with status 301.
func TestBan(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		op, native := s.native("op"), s.native("native")
		alice, nick := s.joined("alice")
		op.Send("MODE %s +o %s", s.channel, nick)
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.Item("role", "moderator"))
		answer := alice.IQ("set", s.room, `<query xmlns="`+nsAdmin+`"><item nick="`+native.Nick+`" affiliation="outcast"><reason>for good</reason></item></query>`)
		check(s, answer, harness.Kind("iq/result"))
		op.ExpectFrom(nick, "MODE "+s.channel+` \+b `)
		native.ExpectFrom(nick, "KICK "+s.channel+" "+native.Nick+" :for good$")
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(native.Nick)), harness.Code("301"))
		native.Send("JOIN %s", s.channel)
		native.Expect(" 474 ")
	})
}

// XEP-0045 §9.1: most clients ban by JID, as the presence told it; who has left
// can be banned, too, again and again.
func TestBanByJID(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		op, native := s.native("op"), s.native("native")
		address := s.at(native.Nick)
		alice, nick := s.user("alice"), s.nick("alice")
		alice.SendJoin(s.room, nick, "")
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(native.Nick)), harness.Item("jid", address))
		op.Send("MODE %s +o %s", s.channel, nick)
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.Item("role", "moderator"))
		ban := `<query xmlns="` + nsAdmin + `"><item jid="` + address + `" affiliation="outcast"><reason>for good</reason></item></query>`
		check(s, alice.IQ("set", s.room, ban), harness.Kind("iq/result"))
		op.ExpectFrom(nick, "MODE "+s.channel+` \+b `)
		native.ExpectFrom(nick, "KICK "+s.channel+" "+native.Nick+" :for good$")
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(native.Nick)), harness.Code("301"), harness.Item("jid", address))
		check(s, alice.IQ("set", s.room, ban), harness.Kind("iq/result"))
	})
}

// XEP-0045 §9.1: who is banned gets an unavailable presence with status 301
// and 110, the reason and the actor, and doesn't get in again.
func TestBanned(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		op := s.native("op")
		alice, nick := s.joined("alice")
		bob, bobNick := s.joined("bob")
		op.Send("MODE %s +o %s", s.channel, bobNick)
		bob.Expect(harness.Kind("presence/"), harness.From(s.occupant(bobNick)), harness.Item("role", "moderator"))
		answer := bob.IQ("set", s.room, `<query xmlns="`+nsAdmin+`"><item nick="`+nick+`" affiliation="outcast"><reason>for good</reason></item></query>`)
		check(s, answer, harness.Kind("iq/result"))
		banned := []harness.Match{harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)), harness.Code("301"),
			harness.Item("affiliation", "outcast"), harness.Item("role", "none"), harness.Reason("for good"),
			harness.Where("actor", func(e *harness.Element) bool {
				actor := e.Find("x/item/actor")
				return actor != nil && actor.Attr["nick"] == bobNick
			})}
		alice.Expect(append(banned, harness.Code("110"))...)
		bob.Expect(append(banned, harness.NoCode("110"))...)
		alice.SendJoin(s.room, nick, "")
		alice.Expect(harness.Kind("presence/error"), harness.Condition("forbidden"))
	})
}

// A user whom an operator kills is out, is told why, and may come back, but is
// not brought back. A native who is killed is shown as such.
func TestKilled(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		oper := s.native("oper")
		oper.Oper()
		alice, nick := s.joined("alice")
		bob, _ := s.joined("bob")
		oper.Send("KILL %s :spam", nick)
		bob.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)), harness.TextLike("status", "spam"))
		alice.Expect(harness.Kind("presence/unavailable"), harness.Code("110"), harness.TextLike("status", "spam"))
		native := s.native("native")
		bob.Expect(harness.Kind("presence/"), harness.From(s.occupant(native.Nick)))
		oper.Send("KILL %s :spam", native.Nick)
		bob.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(native.Nick)), harness.Code("333"), harness.TextLike("status", "spam"))
		oper.Send("ISON %s", nick)
		if answer := oper.Expect(` 303 .*`); strings.Contains(answer[0], nick) {
			s.Errorf("brought back: %s", answer[0])
		}
		alice.Join(s.room, nick)
	})
}
