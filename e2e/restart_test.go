package e2e

import (
	"fmt"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

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
