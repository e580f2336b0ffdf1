package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// upTo is the numbers from 0 on.
func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// The homeserver is killed under traffic, and is back a few seconds later: all
// that it took, and all that XMPP was shown, has arrived, once and in order.
func TestHomeserverKilledMatrix(t *testing.T) {
	onCrossing(t, eachXMPP, func(s *crossing) {
		for i := range traffic {
			s.bob.Say(s.id, word("m", i))
			s.alice.Say(s.jid, word("x", i))
		}
		s.alice.Expect(harness.From(s.in("alice")), harness.Body(word("x", acknowledged)))
		s.hs.Kill()
		for i := range traffic {
			s.alice.Say(s.jid, word("x", traffic+i))
		}
		time.Sleep(time.Second) // a while in which nobody is there
		revive(s.scenario, s.bob, s.id)
		s.alice.Say(s.jid, "the end of alice")
		settleMatrix(s, "the end of alice")
		s.bob.Say(s.id, "the end of bob")
		s.alice.Expect(harness.From(s.in("bob")), harness.Body("the end of bob"))
		s.alice.Expect(harness.From(s.in("alice")), harness.Body("the end of alice"))
		shown := bodies(s.alice.Drain())
		eachOnce(s.scenario, "XMPP", numbers(shown, "m"), upTo(traffic))
		eachOnce(s.scenario, "Matrix", numbers(roomTexts(s.scenario, s.bob, s.id, s.ghost), "x"), append(numbers(shown, "x"), upTo(2*traffic)...))
	})
}

// revive starts a homeserver that was killed. At times a killed Dendrite takes
// what is said and shows it to nobody any more, whoever speaks: what a native
// says to it tells. It is started once more then; if that doesn't help, nothing
// can be learned from it.
func revive(s *scenario, native *harness.Matrix, rooms ...string) {
	s.Helper()
	shows := func(probe string) bool {
		for _, room := range rooms {
			native.Say(room, probe)
			deadline := time.Now().Add(harness.Patience)
			for !slices.Contains(roomTexts(s, native, room, native.ID), probe) {
				if time.Now().After(deadline) {
					return false
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
		return true
	}
	s.hs.Start(s.T)
	if shows("still there?") {
		return
	}
	s.Logf("the homeserver shows nothing any more after a kill: once more")
	s.hs.Kill()
	s.hs.Start(s.T)
	if !shows("and now?") {
		s.Skip("NOT TESTED: the homeserver shows nothing any more after a kill, even to its own users")
	}
}

// settleMatrix waits until a room on Matrix has a text of alice's.
func settleMatrix(s *crossing, text string) {
	s.Helper()
	deadline := time.Now().Add(4 * harness.Patience)
	for time.Now().Before(deadline) {
		for _, t := range roomTexts(s.scenario, s.bob, s.id, s.ghost) {
			if t == text {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.Fatalf("%q never reached Matrix", text)
}

// roomTexts are the texts that somebody said in a room, as the homeserver has them.
func roomTexts(s *scenario, who *harness.Matrix, room, sender string) (texts []string) {
	s.Helper()
	for from := ""; ; {
		answer := s.hs.Request(s.T, "GET", "/_matrix/client/v3/rooms/"+room+"/messages?dir=b&limit=500"+from, who.Token, nil)
		chunk, _ := answer["chunk"].([]any)
		for _, e := range chunk {
			e, _ := e.(map[string]any)
			content, _ := e["content"].(map[string]any)
			if text, ok := content["body"].(string); ok && e["sender"] == sender {
				texts = append(texts, text)
			}
		}
		next, _ := answer["end"].(string)
		if len(chunk) == 0 || next == "" || "&from="+next == from {
			slices.Reverse(texts)
			return texts
		}
		from = "&from=" + next
	}
}

// The same with a room that the bridge made for a channel, or for a MUC: what
// was said there while nobody was on Matrix is there afterwards.
func TestHomeserverKilledMatrixPortal(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		native, m, bob := s.native("native"), newMUC(s), s.person("bob")
		channel, room := bob.Join(s.channelAlias()), bob.Join(m.alias)
		native.Expect(`^:bob\S* JOIN `)
		m.alice.Expect(harness.Kind("presence/"), harness.Where("of bob", func(e *harness.Element) bool {
			return strings.HasPrefix(e.Attr["from"], m.jid+"/bob")
		}))
		native.Say(s.channel, "hello matrix")
		bob.Expect(harness.InRoom(channel), harness.Said("m.text", "hello matrix"))
		m.alice.Say(m.jid, "hello matrix")
		alice := bob.Expect(harness.InRoom(room), harness.Said("m.text", "hello matrix")).Sender
		for i := range 2 * traffic {
			if i < traffic {
				bob.Say(channel, word("m", i))
				bob.Say(room, word("m", i))
			} else if i == traffic {
				s.hs.Kill()
			}
			native.Say(s.channel, word("i", i))
			m.alice.Say(m.jid, word("x", i))
		}
		time.Sleep(time.Second) // a while in which nobody is there
		revive(s, bob, channel, room)
		native.Say(s.channel, "the end")
		m.alice.Say(m.jid, "the end")
		for where, from := range map[string]string{channel: s.ircGhost(native.Nick), room: alice} {
			deadline := time.Now().Add(4 * harness.Patience)
			for !slices.Contains(roomTexts(s, bob, where, from), "the end") && time.Now().Before(deadline) {
				time.Sleep(100 * time.Millisecond)
			}
		}
		eachOnce(s, "Matrix, of IRC", numbers(roomTexts(s, bob, channel, s.ircGhost(native.Nick)), "i"), upTo(2*traffic))
		eachOnce(s, "Matrix, of XMPP", numbers(roomTexts(s, bob, room, alice), "x"), upTo(2*traffic))
		bob.Say(channel, "the end")
		bob.Say(room, "the end")
		native.Expect("PRIVMSG .* :the end$")
		m.alice.Expect(harness.Kind("message/groupchat"), harness.Body("the end"), harness.Where("of bob", func(e *harness.Element) bool {
			return e.Attr["from"] != m.jid+"/alice"
		}))
		eachOnce(s, "IRC", numbers(native.Drain(), "m"), upTo(traffic))
		eachOnce(s, "XMPP", numbers(bodies(m.alice.Drain()), "m"), upTo(traffic))
	})
}

// Isthmus is killed under traffic from Matrix to IRC: all that was said there,
// also while it was away, is heard on IRC, in order. Only what was on its way to
// IRC at that moment, and of which nobody can know whether it arrived, may come
// twice.
func TestGatewayKilledMatrixToIRC(t *testing.T) {
	onMatrix(t, []string{"prosody+inspircd", "prosody+ergo"}, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		room := bob.Join(s.channelAlias())
		bob.Say(room, "hello irc")
		native.Expect("PRIVMSG .* :hello irc$")
		for i := range traffic {
			bob.Say(room, word("m", i))
			if i == acknowledged {
				s.gateway.Kill()
			}
			native.Say(s.channel, word("i", i))
		}
		s.gateway.Start(s.T)
		bob.Say(room, "the end")
		if !native.ExpectWithin(4*harness.Patience, "PRIVMSG .* :the end$") {
			s.Fatalf("the end was never heard")
		}
		var first, again []int
		for _, n := range numbers(native.Drain(), "m") {
			if slices.Contains(first, n) {
				again = append(again, n)
			} else {
				first = append(first, n)
			}
		}
		eachOnce(s, "IRC", first, upTo(traffic))
		if len(again) > acknowledged/2 {
			s.Errorf("IRC heard a second time: %v", again)
		}
		native.Say(s.channel, "welcome back")
		bob.Expect(harness.InRoom(room), harness.Said("m.text", "welcome back"))
		eachOnce(s, "Matrix", numbers(roomTexts(s, bob, room, s.ircGhost(native.Nick)), "i"), nil)
	})
}

// Isthmus is killed under traffic between XMPP and Matrix: what alice was
// shown as said has arrived, once; when it is back she enters as before.
func TestGatewayKilledMatrixToXMPP(t *testing.T) {
	onCrossing(t, eachXMPP, func(s *crossing) {
		for i := range traffic {
			s.alice.Say(s.jid, word("x", i))
			s.bob.Say(s.id, word("m", i))
		}
		s.alice.Expect(harness.From(s.in("alice")), harness.Body(word("x", acknowledged)))
		s.gateway.Kill()
		s.alice.Fence(s.alice.Bare) // what the gateway had sent has come
		seen := bodies(s.alice.Drain())
		s.gateway.Start(s.T)
		joinUntil(s.scenario, s.alice, s.jid, "alice")
		s.alice.Say(s.jid, "welcome back")
		settleMatrix(s, "welcome back")
		s.bob.Say(s.id, "thank you")
		s.alice.Expect(harness.From(s.in("bob")), harness.Body("thank you"))
		eachOnce(s.scenario, "Matrix", numbers(roomTexts(s.scenario, s.bob, s.id, s.ghost), "x"), append(numbers(seen, "x"), acknowledged))
		eachOnce(s.scenario, "XMPP", numbers(append(seen, live(s.alice.Drain())...), "m"), nil)
	})
}

// live are the bodies of messages that are no history.
func live(stanzas []*harness.Element) []string {
	var fresh []*harness.Element
	for _, e := range stanzas {
		if e.In("urn:xmpp:delay") == nil {
			fresh = append(fresh, e)
		}
	}
	return bodies(fresh)
}
