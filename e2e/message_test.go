package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"isthmus/e2e/harness"
)

// XEP-0045 §7.4: the service reflects a message to all occupants, its sender
// included, from the sender's occupant JID and with the id that it had.
func TestMessagesBothWays(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		id := alice.Say(s.room, "hello <&> irc")
		native.ExpectFrom(nick, "PRIVMSG "+s.channel+" :hello <&> irc$")
		alice.Expect(harness.Kind("message/groupchat"), harness.From(s.occupant(nick)), harness.ID(id), harness.Body("hello <&> irc"))

		native.Say(s.channel, "hello <&> xmpp")
		alice.Expect(harness.Kind("message/groupchat"), harness.From(s.occupant(native.Nick)), harness.Body("hello <&> xmpp"))
		alice.ExpectNone(harness.Body("hello <&> irc")) // it came once
	})
}

// CTCP ACTION is XEP-0245's "/me ".
func TestAction(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Say(s.room, "/me waves")
		native.ExpectFrom(nick, "PRIVMSG .* :\x01ACTION waves\x01?$")
		alice.Expect(harness.From(s.occupant(nick)), harness.Body("/me waves"))
		native.Say(s.channel, "\x01ACTION waves back\x01")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("/me waves back"))
	})
}

// A message of several lines becomes several lines of IRC, and comes back whole.
func TestManyLines(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Say(s.room, "one\ntwo\n\nfour")
		for _, line := range []string{"one", "two", "four"} {
			native.ExpectFrom(nick, "PRIVMSG .* :"+line+"$")
		}
		alice.Expect(harness.From(s.occupant(nick)), harness.BodyLike("^one\ntwo\n+four$"))
	})
}

// Lines are cut by bytes at grapheme borders, counted with the real user@host:
// whatever arrives is whole text, and nothing is lost.
func TestLongLines(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		const family = "👩‍👩‍👧"
		text := strings.Repeat("naïve "+family+" ", 120) + "end"
		alice.Say(s.room, text)
		var got strings.Builder
		for !strings.HasSuffix(got.String(), "end") {
			line := native.ExpectFrom(nick, `PRIVMSG \S+ :(.*)$`)[1]
			if !utf8.ValidString(line) || strings.Count(line, "👧") != strings.Count(line, family) {
				s.Fatalf("cut inside a character: %q", line)
			}
			got.WriteString(line)
		}
		blanks := regexp.MustCompile(` +`)
		if blanks.ReplaceAllString(got.String(), "") != blanks.ReplaceAllString(text, "") {
			s.Errorf("sent %q\ngot  %q", text, got.String())
		}
		alice.Expect(harness.From(s.occupant(nick)), harness.Body(text))
	})
}

// Text crosses whole, and what looks different in it: IRC's format codes are
// XEP-0393 and XHTML-IM on XMPP, and the other way. No other control characters
// get into XMPP, no CR, LF or NUL into IRC.
func TestControlCharacters(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		native.Say(s.channel, "\x02bold\x02 \x0304,01red\x03 \x1d\x1funder\x0f end")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("*bold* red _under_ end"))
		alice.Say(s.room, "quite *bold*, `code`")
		native.ExpectFrom(nick, "PRIVMSG .* :quite \x02bold\x02, \x11code\x11$")
		alice.Send(`<message type="groupchat" to="%s"><body>one&#13;QUIT :gone</body></message>`, s.room)
		native.ExpectFrom(nick, "PRIVMSG .* :one")
		alice.Say(s.room, "still here")
		native.ExpectFrom(nick, "PRIVMSG .* :still here$")
	})
}

// Incoming text that is not UTF-8 is decoded by the network's encoding.
func TestNotUTF8(t *testing.T) {
	on(t, []string{"prosody+inspircd", "prosody+ngircd"}, func(s *scenario) {
		native := s.native("native")
		alice, _ := s.joined("alice")
		native.Say(s.channel, "caf\xe9 \x80 5")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("café € 5"))
	})
}

// A NOTICE to the channel is shown.
func TestNotice(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		alice, _ := s.joined("alice")
		native.Send("NOTICE %s :mind the gap", s.channel)
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.BodyLike("mind the gap"))
	})
}

// XEP-0359: every occupant is shown the same stanza-id by the room; the
// sender's origin-id is kept.
func TestStanzaID(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		alice, nick := s.joined("alice")
		bob, _ := s.joined("bob")
		alice.Send(`<message type="groupchat" id="m1" to="%s"><body>counted</body><origin-id xmlns="urn:xmpp:sid:0" id="mine"/></message>`, s.room)
		ids := map[string]bool{}
		for _, x := range []*harness.XMPP{alice, bob} {
			m := x.Expect(harness.From(s.occupant(nick)), harness.Body("counted"),
				harness.Child("stanza-id", "urn:xmpp:sid:0"), harness.Child("origin-id", "urn:xmpp:sid:0"))
			if by := m.Find("stanza-id").Attr["by"]; by != s.room {
				s.Errorf("stanza-id by %q, not the room", by)
			}
			if m.Find("origin-id").Attr["id"] != "mine" {
				s.Errorf("origin-id not kept: %s", m)
			}
			ids[m.Find("stanza-id").Attr["id"]] = true
		}
		if len(ids) != 1 {
			s.Errorf("the same message has stanza-ids %v", ids)
		}
	})
}

// XEP-0421 §4: occupants have an occupant-id, which stays the same as their
// nick changes.
func TestOccupantID(t *testing.T) {
	on(t, once, func(s *scenario) {
		native := s.native("native")
		alice := s.user("alice")
		room := alice.Join(s.room, s.nick("alice"))
		for _, e := range []*harness.Element{room.Self, room.Occupants[native.Nick]} {
			if e.In("urn:xmpp:occupant-id:0") == nil {
				s.Fatalf("no occupant-id: %s", e)
			}
		}
		mine := room.Self.In("urn:xmpp:occupant-id:0").Attr["id"]
		other := s.nick("alicia")
		alice.Send(`<presence to="%s"/>`, s.occupant(other))
		now := alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(other)), harness.Code("110"))
		if got := now.In("urn:xmpp:occupant-id:0").Attr["id"]; got != mine {
			s.Errorf("occupant-id %q became %q", mine, got)
		}
	})
}

// Many lines in either direction arrive in order, each once.
func TestManyMessagesInOrder(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		const count = 50
		for i := range count {
			alice.Say(s.room, word("x", i))
			native.Say(s.channel, word("i", i))
		}
		last := 0
		for i := range count {
			got := native.ExpectFrom(nick, `PRIVMSG \S+ :x(\d+)$`)[1]
			if got != word("", i) {
				s.Fatalf("IRC got %s, not %d", got, i)
			}
			e := alice.Expect(harness.From(s.occupant(native.Nick)), harness.BodyLike(`^i\d+$`))
			if e.TextOf("body") != word("i", last) {
				s.Fatalf("XMPP got %s, not %d", e.TextOf("body"), last)
			}
			last++
		}
		if e := alice.ExpectWithin(100*time.Millisecond, harness.From(s.occupant(native.Nick)), harness.BodyLike("^i")); e != nil {
			s.Errorf("one too many: %s", e)
		}
	})
}
