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
		joinUntil(s, alice, s.room, nick)
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

// RFC 6121 §4.3: who has subscribed sees again how a friend is after Isthmus
// was away, until they unsubscribe.
func TestSubscriptionsOutlastRestart(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		alice, nick := s.joined("alice")
		friend := s.irc.Dial(s.T, s.nick("friend"))
		jid := s.at(friend.Nick)
		online := func() {
			s.Helper()
			if alice.ExpectWithin(60*time.Second, harness.Kind("presence/"), harness.From(jid)) == nil {
				s.Fatalf("never online")
			}
		}
		alice.Send(`<presence type="subscribe" to="%s"/>`, jid)
		alice.Expect(harness.Kind("presence/subscribe"), harness.From(jid))
		alice.Send(`<presence type="subscribed" to="%s"/>`, jid)
		alice.IQ("get", alice.Bare, `<query xmlns="jabber:iq:roster"/>`) // her server has seen that
		online()
		for _, end := range []func(){s.gateway.Kill, func() { s.gateway.Stop(s.T) }} {
			end()
			alice.Drain()
			s.gateway.Start(s.T)
			alice.Expect(harness.Kind("presence/unavailable"), harness.From(jid), harness.TextAt("status", "")) // nobody is connected
			alice.Join(s.room, nick)
			online()
		}
		alice.Drain()
		alice.Send(`<presence type="unsubscribe" to="%s"/>`, jid)
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(jid))
		s.gateway.Stop(s.T)
		alice.Drain()
		s.gateway.Start(s.T)
		alice.Join(s.room, nick)
		friend.Say(nick, "still here")
		alice.Expect(harness.Body("still here"))
		alice.ExpectNone(harness.Kind("presence/"), harness.From(jid))
	})
}

// joinUntil has x enter a room as soon as it is let in.
func joinUntil(s *scenario, x *harness.XMPP, room, nick string) {
	s.Helper()
	for deadline := time.Now().Add(2 * harness.Patience); ; time.Sleep(50 * time.Millisecond) {
		x.SendJoin(room, nick, "")
		answer := x.Expect(harness.Where("an error, or us (110)", func(e *harness.Element) bool {
			return e.Name == "presence" && (e.Attr["type"] == "error" || len(harness.Missing(e, []harness.Match{harness.Code("110")})) == 0)
		}))
		if answer.Attr["type"] != "error" {
			x.Expect(harness.Subject(""))
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s is never let in: %s", x.JID, answer)
		}
	}
}
