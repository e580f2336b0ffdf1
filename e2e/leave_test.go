package e2e

import (
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// XEP-0045 §7.14: who leaves gets an unavailable presence of their own (110);
// the status they gave is the reason of the PART.
func TestLeave(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		bob, _ := s.joined("bob")
		alice.Leave(s.room, nick, "off to lunch")
		native.ExpectFrom(nick, "PART "+s.channel+`.*off to lunch`)
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)), harness.Code("110"))
		bob.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)), harness.TextAt("status", "off to lunch"))
	})
}

// The reasons of a PART and a QUIT are the status of the unavailable presence.
func TestNativeLeaves(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		parting, quitting := s.native("parting"), s.native("quitting")
		alice, _ := s.joined("alice")
		parting.Send("PART %s :so long", s.channel)
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(parting.Nick)), harness.TextLike("status", "so long"))
		quitting.Send("QUIT :and thanks")
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(quitting.Nick)), harness.TextLike("status", "and thanks"))
	})
}

// A user whose last client goes offline leaves the channel.
func TestGoOffline(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Close()
		native.ExpectFrom(nick, "(PART|QUIT)")
	})
}

// The last room to leave closes the IRC connection after a linger.
func TestLinger(t *testing.T) {
	configured(t, eachIRC, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/linger", "300ms")
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Leave(s.room, nick, "")
		native.ExpectFrom(nick, "PART")
		for deadline := time.Now().Add(harness.Patience); ; {
			native.Send("ISON %s", nick)
			if native.Expect(` 303 \S+ :?(.*)$`)[1] == "" {
				return
			}
			if time.Now().After(deadline) {
				s.Fatalf("%s never left the network", nick)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

// Many clients behind one nick: the first joins, the last parts; each is shown
// everything (XEP-0045 §7.2 and the resources behind one nick of its day).
func TestManyResources(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		nick := s.nick("alice")
		desk, phone := s.resource("alice", "desk"), s.resource("alice", "phone")
		desk.Join(s.room, nick)
		native.ExpectFrom(nick, "JOIN")
		room := phone.Join(s.room, nick)
		check(s, room.Occupants[native.Nick], harness.Item("role", "moderator"))
		id := desk.Say(s.room, "from the desk")
		for _, x := range []*harness.XMPP{desk, phone} {
			x.Expect(harness.From(s.occupant(nick)), harness.ID(id), harness.Body("from the desk"))
		}
		native.Say(s.channel, "to both")
		for _, x := range []*harness.XMPP{desk, phone} {
			x.Expect(harness.From(s.occupant(native.Nick)), harness.Body("to both"))
		}
		desk.Leave(s.room, nick, "")
		desk.Expect(harness.Kind("presence/unavailable"), harness.Code("110"))
		phone.Say(s.room, "still here")
		native.ExpectFrom(nick, "PRIVMSG .* :still here$")
		phone.ExpectNone(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)))
		native.ExpectNone(`^\S*:` + nick + `!\S+ (JOIN|PART|QUIT)`)
		phone.Leave(s.room, nick, "")
		native.ExpectFrom(nick, "PART")
	})
}
