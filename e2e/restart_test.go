package e2e

import (
	"fmt"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// The IRC server is killed under traffic: who is in the room stays there and is
// told; when it is back, so are they in the channel, and messages pass again.
// Each message was either carried or refused with an error: none disappeared.
func TestIRCServerKilled(t *testing.T) {
	alone(t, []string{"prosody+inspircd", "ejabberd+ngircd", "prosody+ergo"}, nil, func(s *scenario) {
		s.native("native")
		alice, nick := s.joined("alice")
		var sent []string
		for i := range 40 {
			if i == 20 {
				s.irc.Kill()
			}
			sent = append(sent, alice.Say(s.room, word("m", i)))
		}
		for _, id := range sent {
			alice.Expect(harness.ID(id), harness.Where("shown or refused", func(e *harness.Element) bool {
				return e.Name == "message" && (e.Attr["type"] == "error" || e.Find("body") != nil)
			}))
		}
		alice.Expect(harness.BodyLike(`(?i)connect|lost|closed|down`))

		s.irc.Start(s.T)
		native := s.native("native")
		talkUntil(s, native, alice, nick)
		native.Say(s.channel, "welcome back")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("welcome back"))
	})
}

// talkUntil has alice speak until native hears her: a message before the
// gateway has seen its own JOIN may be refused, but must not be lost in silence.
func talkUntil(s *scenario, native *harness.IRC, alice *harness.XMPP, nick string) {
	s.Helper()
	for i := range 50 {
		text := word("again", i)
		id := alice.Say(s.room, text)
		answer := alice.Expect(harness.ID(id), harness.Where("shown or refused", func(e *harness.Element) bool { return e.Name == "message" }))
		if answer.Attr["type"] != "error" {
			native.ExpectFrom(nick, "PRIVMSG .* :"+text+"$")
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.Fatalf("%s is never heard again", nick)
}

// The XMPP server is killed under traffic: the gateway connects again by
// itself, and users can join again. What it had acknowledged is on IRC.
func TestXMPPServerKilled(t *testing.T) {
	alone(t, []string{"prosody+inspircd", "ejabberd+inspircd"}, nil, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		var acknowledged []string
		for i := range 20 {
			acknowledged = append(acknowledged, word("m", i))
			alice.Say(s.room, word("m", i))
		}
		for _, text := range acknowledged {
			alice.Expect(harness.From(s.occupant(nick)), harness.Body(text))
		}
		for i := range 20 {
			alice.Say(s.room, word("late", i))
		}
		s.xmpp.Kill()
		native.Say(s.channel, "spoken into the void")
		for _, text := range acknowledged {
			native.ExpectFrom(nick, "PRIVMSG .* :"+text+"$")
		}
		alice.Close()

		s.xmpp.Start(s.T)
		alice = s.user("alice")
		var room *harness.Room
		for deadline := time.Now().Add(2 * harness.Patience); room == nil; {
			alice.SendJoin(s.room, nick, "")
			e := alice.Expect(harness.Where("an answer", func(e *harness.Element) bool {
				return e.Name == "presence" && (e.Attr["type"] == "error" || e.In("http://jabber.org/protocol/muc#user") != nil)
			}))
			if e.Attr["type"] != "error" {
				alice.Expect(harness.Subject(""))
				room = &harness.Room{}
			} else if time.Now().After(deadline) {
				s.Fatalf("never let in again: %s", e)
			} else {
				time.Sleep(100 * time.Millisecond)
			}
		}
		talkUntil(s, native, alice, nick)
		native.Say(s.channel, "welcome back")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("welcome back"))
	})
}

// The XMPP server is stopped in good order and comes back while nobody speaks.
func TestXMPPServerRestarted(t *testing.T) {
	alone(t, []string{"ejabberd+ngircd"}, nil, func(s *scenario) {
		for range 2 {
			native := s.irc.Dial(s.T, s.nick(fmt.Sprintf("native%d", time.Now().UnixNano()%1000)))
			native.Join(s.channel)
			s.xmpp.Stop()
			s.xmpp.Start(s.T)
			alice := s.user("alice")
			nick := s.nick("alice")
			for deadline := time.Now().Add(2 * harness.Patience); ; time.Sleep(100 * time.Millisecond) {
				answer := alice.IQ("get", s.gateway.Domain, `<ping xmlns="urn:xmpp:ping"/>`)
				if answer.Attr["type"] == "result" {
					break
				}
				if time.Now().After(deadline) {
					s.Fatalf("the gateway is never back: %s", answer)
				}
			}
			alice.Join(s.room, nick)
			alice.Say(s.room, "on time")
			native.ExpectFrom(nick, "PRIVMSG .* :on time$")
			alice.Close()
			native.ExpectFrom(nick, "(PART|QUIT)")
			native.Close()
		}
	})
}

// Isthmus dies and is started again: users join as before.
func TestGatewayKilled(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		s.gateway.Kill()
		native.ExpectFrom(nick, "QUIT")
		s.gateway.Start(s.T)
		alice.Drain()
		alice.Join(s.room, nick)
		alice.Say(s.room, "back at once")
		native.ExpectFrom(nick, "PRIVMSG .* :back at once$")
	})
}
