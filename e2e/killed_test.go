package e2e

import (
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// Whoever is killed under traffic: what was acknowledged, that is, shown to
// its sender, has arrived, and nothing arrives twice or out of order, before
// or after the restart.

// traffic is how many numbered messages go each way before somebody dies, and
// acknowledged how many of ours have been shown by then.
const traffic, acknowledged = 30, 10

// talk sends the traffic and returns the ids of ours.
func talk(s *scenario, alice *harness.XMPP, native *harness.IRC) (ids []string) {
	s.Helper()
	for i := range traffic {
		ids = append(ids, alice.Say(s.room, word("x", i)))
		native.Say(s.channel, word("i", i))
	}
	return ids
}

// numbers is what came of a series, in order.
func numbers(texts []string, series string) (found []int) {
	pattern := regexp.MustCompile("(?:^|:)" + series + `(\d+)$`)
	for _, text := range texts {
		if m := pattern.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[1]) // digits, and few
			found = append(found, n)
		}
	}
	return found
}

// bodies are those of the messages that were shown.
func bodies(stanzas []*harness.Element) (texts []string) {
	for _, e := range stanzas {
		if e.Name == "message" && e.Attr["type"] == "groupchat" {
			texts = append(texts, e.TextOf("body"))
		}
	}
	return texts
}

// eachOnce fails unless the numbers came in order and none of them twice, and
// those that must have come did.
func eachOnce(s *scenario, where string, came []int, must []int) {
	s.Helper()
	if !slices.IsSorted(came) || len(slices.Compact(slices.Clone(came))) != len(came) {
		s.Errorf("%s: out of order, or twice: %v", where, came)
	}
	for _, n := range must {
		if !slices.Contains(came, n) {
			s.Errorf("%s: %d was acknowledged and never came: %v", where, n, came)
		}
	}
}

// The IRC server is killed: who is in the room stays there and is told; when
// it is back, so are they in the channel. Each message is shown or refused.
func TestIRCServerKilled(t *testing.T) {
	alone(t, []string{"prosody+inspircd", "ejabberd+ngircd", "prosody+ergo"}, nil, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		sent := talk(s, alice, native)
		var shown []int
		for i, id := range sent {
			if i == acknowledged {
				s.irc.Kill()
				for late := range traffic {
					sent = append(sent, alice.Say(s.room, word("late", late)))
				}
			}
			answer := alice.Expect(harness.ID(id), harness.Where("shown or refused", func(e *harness.Element) bool { return e.Name == "message" }))
			if i < acknowledged {
				check(s, answer, harness.Kind("message/groupchat"))
				shown = append(shown, i)
			}
		}
		for _, id := range sent[traffic:] {
			alice.Expect(harness.ID(id), harness.Kind("message/error"))
		}
		alice.Expect(harness.BodyLike(`(?i)connection to net lost`))
		eachOnce(s, "IRC", numbers(native.Drain(), "x"), shown)
		eachOnce(s, "XMPP", numbers(bodies(alice.Drain()), "i"), nil)

		s.irc.Start(s.T)
		native = s.native("native")
		talkUntil(s, native, alice, nick)
		native.Say(s.channel, "welcome back")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("welcome back"))
		if again := slices.Concat(numbers(native.Drain(), "(?:x|late)"), numbers(bodies(alice.Drain()), "(?:i|x|late)")); len(again) > 0 {
			s.Errorf("what was answered came after the restart: %v", again)
		}
	})
}

// The XMPP server is killed: the gateway connects again by itself, and users
// can enter again.
func TestXMPPServerKilled(t *testing.T) {
	alone(t, []string{"prosody+inspircd", "ejabberd+inspircd"}, nil, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		sent := talk(s, alice, native)
		alice.Expect(harness.ID(sent[acknowledged]), harness.Body(word("x", acknowledged)))
		s.xmpp.Kill()
		native.Say(s.channel, "spoken into the void")
		alice.Close()
		seen := bodies(alice.Drain())

		s.xmpp.Start(s.T)
		alice = s.user("alice")
		joinUntil(s, alice, s.room, nick)
		talkUntil(s, native, alice, nick)
		native.Say(s.channel, "welcome back")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("welcome back"))
		eachOnce(s, "IRC", numbers(native.Drain(), "x"), append(numbers(seen, "x"), acknowledged))
		seen = append(seen, bodies(alice.Drain())...)
		eachOnce(s, "XMPP", numbers(seen, "i"), nil)
		eachOnce(s, "XMPP", numbers(seen, "x"), nil)
	})
}

// Isthmus is killed: IRC sees its users go, and when it is back they enter as
// before.
func TestGatewayKilled(t *testing.T) {
	on(t, []string{"prosody+inspircd", "ejabberd+ngircd", "prosody+ergo"}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		sent := talk(s, alice, native)
		alice.Expect(harness.ID(sent[acknowledged]), harness.Body(word("x", acknowledged)))
		s.gateway.Kill()
		native.ExpectFrom(nick, "QUIT")
		alice.Fence(alice.Bare) // what the gateway had sent has come
		seen := bodies(alice.Drain())
		heard := native.Drain()
		eachOnce(s, "IRC", numbers(heard, "x"), append(numbers(seen, "x"), acknowledged))

		s.gateway.Start(s.T)
		joinUntil(s, alice, s.room, nick)
		talkUntil(s, native, alice, nick)
		native.Say(s.channel, "welcome back")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("welcome back"))
		seen = append(seen, bodies(alice.Drain())...)
		eachOnce(s, "IRC", numbers(append(heard, native.Drain()...), "x"), nil)
		eachOnce(s, "XMPP", numbers(seen, "i"), nil)
		eachOnce(s, "XMPP", numbers(seen, "x"), nil)
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
