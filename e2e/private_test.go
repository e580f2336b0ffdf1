package e2e

import (
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// XEP-0045 §7.5: a private message to an occupant reaches that one alone; the
// answer comes from the occupant's JID.
func TestPrivateInRoom(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native, other := s.native("native"), s.native("other")
		alice, nick := s.joined("alice")
		bob, bobNick := s.joined("bob")
		alice.Chat(s.occupant(native.Nick), "between us")
		native.ExpectFrom(nick, "PRIVMSG "+native.Nick+" :between us$")
		native.Say(nick, "sure")
		alice.Expect(harness.Kind("message/chat"), harness.From(s.occupant(native.Nick)), harness.Body("sure"))
		other.Fence()
		other.ExpectNone("between us")

		alice.Chat(s.occupant(bobNick), "and you")
		bob.Expect(harness.Kind("message/chat"), harness.From(s.occupant(nick)), harness.Body("and you"))
		bob.ExpectNone(harness.Body("sure"))
	})
}

// nick%network@gateway is that person, also without a room in common.
func TestPrivateDirect(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice := s.user("alice")
		alice.Chat(s.at(native.Nick), "out of the blue")
		from := native.Expect(`^(?:@\S+ )?:([^!]+)\S* PRIVMSG ` + native.Nick + ` :out of the blue$`)[1]
		native.Say(from, "who are you?")
		alice.Expect(harness.Kind("message/chat"), harness.From(s.at(native.Nick)), harness.Body("who are you?"))
	})
}

// They answer from the JID that the user used last.
func TestPrivateAnswersWhereAsked(t *testing.T) {
	on(t, once, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		for _, jid := range []string{s.occupant(native.Nick), s.at(native.Nick), s.occupant(native.Nick)} {
			alice.Chat(jid, "ask")
			native.ExpectFrom(nick, "PRIVMSG "+native.Nick+" :ask$")
			native.Say(nick, "answer")
			alice.Expect(harness.From(jid), harness.Body("answer"))
		}
	})
}

// RFC 2812 401 (no such nick) comes back to the sender as a stanza error.
func TestPrivateToNobody(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		alice := s.user("alice")
		jid := s.at(s.nick("nobody"))
		id := alice.Chat(jid, "anybody there?")
		alice.Expect(harness.Kind("message/error"), harness.From(jid), harness.ID(id), harness.Condition("item-not-found"))
	})
}

// A user with +g takes messages from who they accepted: the sender is told.
func TestPrivateCallerID(t *testing.T) {
	on(t, once, func(s *scenario) {
		native := s.native("native")
		native.Send("MODE %s +g", native.Nick)
		native.Expect(` MODE .*\+g`)
		alice, _ := s.joined("alice")
		id := alice.Chat(s.occupant(native.Nick), "may I?")
		alice.Expect(harness.Kind("message/error"), harness.ID(id))
	})
}

// RFC 2812 301: who writes somebody who is away is told so, once; to who
// watches them it is their presence.
func TestPrivateToAway(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		native.Send("AWAY :gone fishing")
		native.Fence()
		alice := s.user("alice")
		jid := s.at(native.Nick)
		for _, text := range []string{"one", "two"} {
			alice.Chat(jid, text)
			native.Expect("PRIVMSG " + native.Nick + " :" + text + "$")
			if text == "one" {
				alice.Expect(harness.Kind("message/chat"), harness.From(jid), harness.BodyLike("is away: gone fishing"))
			}
		}
		subscribe(s, alice, jid)
		if alice.ExpectWithin(60*time.Second, harness.Kind("presence/"), harness.From(jid), harness.TextAt("show", "")) == nil {
			s.Fatalf("never online")
		}
		alice.Chat(jid, "three")
		alice.Expect(harness.Kind("presence/"), harness.From(jid), harness.TextAt("show", "away"), harness.TextAt("status", "gone fishing"))
		native.Send("AWAY")
		native.Fence()
		alice.Chat(jid, "four")
		alice.Expect(harness.Kind("presence/"), harness.From(jid), harness.TextAt("show", ""))
		alice.ExpectNone(harness.BodyLike("is away"))
	})
}

// A private NOTICE is shown.
func TestPrivateNotice(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		native.Send("NOTICE %s :by the way", nick)
		alice.Expect(harness.BodyLike("by the way"))
	})
}

// A direct message goes to the bare JID, so that the user's server applies its
// own rules: with carbons every client sees it.
func TestPrivateToAllClients(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		desk, phone := s.resource("alice", "desk"), s.resource("alice", "phone")
		for _, x := range []*harness.XMPP{desk, phone} {
			x.IQ("set", x.Bare, `<enable xmlns="urn:xmpp:carbons:2"/>`)
		}
		desk.Chat(s.at(native.Nick), "hello")
		from := native.Expect(`:([^!]+)\S* PRIVMSG ` + native.Nick + ` :hello$`)[1]
		native.Say(from, "hi to all of you")
		seen := harness.Where("the message or its carbon", func(e *harness.Element) bool {
			return e.TextOf("body") == "hi to all of you" || e.TextOf("received/forwarded/message/body") == "hi to all of you"
		})
		desk.Expect(seen)
		phone.Expect(seen)
	})
}
