package e2e

import (
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// XMPP away with a status is an IRC AWAY; available again ends it.
func TestAwayToIRC(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Send(`<presence to="%s"><show>away</show><status>having tea</status></presence>`, s.occupant(nick))
		whoisUntil(s, native, nick, ` 301 \S+ `+nick+` :.*having tea`, true)
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), harness.TextAt("show", "away"), harness.TextAt("status", "having tea"))
		alice.Send(`<presence to="%s"/>`, s.occupant(nick))
		whoisUntil(s, native, nick, ` 301 \S+ `+nick+` `, false)
	})
}

// Only when all resources are away is the user.
func TestAwayOnlyWhenAllAre(t *testing.T) {
	on(t, once, func(s *scenario) {
		native := s.native("native")
		nick := s.nick("alice")
		desk, phone := s.resource("alice", "desk"), s.resource("alice", "phone")
		desk.Join(s.room, nick)
		phone.Join(s.room, nick)
		desk.Send(`<presence to="%s"><show>xa</show><status>gone</status></presence>`, s.occupant(nick))
		desk.Say(s.room, "one is here")
		native.ExpectFrom(nick, "PRIVMSG .* :one is here$")
		native.Send("WHOIS %s", nick)
		native.Expect(` 318 `)
		native.ExpectNone(` 301 `)
		phone.Send(`<presence to="%s"><show>dnd</show><status>busy</status></presence>`, s.occupant(nick))
		whoisUntil(s, native, nick, ` 301 \S+ `+nick+` `, true)
	})
}

// whoisUntil asks until WHOIS shows the line, or doesn't any more.
func whoisUntil(s *scenario, native *harness.IRC, nick, pattern string, shown bool) {
	s.Helper()
	for deadline := time.Now().Add(harness.Patience); ; {
		native.Drain()
		native.Send("WHOIS %s", nick)
		native.Expect(` 318 `)
		if native.ExpectWithin(0, pattern) == shown {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("WHOIS %s: %s shown is not %v", nick, pattern, shown)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// IRC AWAY is <show>away</show> with the text as status (away-notify).
func TestAwayFromIRC(t *testing.T) {
	on(t, []string{"prosody+inspircd", "prosody+ergo", "ejabberd+inspircd"}, func(s *scenario) {
		native := s.native("native")
		alice, _ := s.joined("alice")
		native.Send("AWAY :walking the dog")
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(native.Nick)), harness.TextAt("show", "away"), harness.TextLike("status", "walking the dog|^$"))
		native.Send("AWAY")
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(native.Nick)), harness.TextAt("show", ""))
	})
}

// Who was away before the join is shown so after it (WHO where away-notify is missing).
func TestAwayBeforeJoin(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		native.Send("AWAY :long gone")
		native.Fence()
		alice := s.user("alice")
		room := alice.Join(s.room, s.nick("alice"))
		if room.Occupants[native.Nick].TextOf("show") == "away" {
			return
		}
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(native.Nick)), harness.TextAt("show", "away"))
	})
}

// subscribe asks for presence, and forgets the contact when the scenario ends:
// the next one with this user begins with an empty roster.
func subscribe(s *scenario, x *harness.XMPP, jid string) {
	s.Helper()
	x.Send(`<presence type="subscribe" to="%s"/>`, jid)
	s.Cleanup(func() {
		x.IQ("set", x.Bare, `<query xmlns="jabber:iq:roster"><item jid="`+jid+`" subscription="remove"/></query>`)
	})
}

// RFC 6121 §3.1: a subscription to a network is granted, and shows presence
// while we are connected to it; one to the gateway shows it always.
func TestRosterOfServices(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		alice := s.user("alice")
		for _, jid := range []string{s.gateway.Domain, s.at("")} {
			subscribe(s, alice, jid)
			alice.Expect(harness.Kind("presence/subscribed"), harness.From(jid))
		}
		alice.Expect(harness.Kind("presence/"), harness.From(s.gateway.Domain))
		nick := s.nick("alice")
		alice.Join(s.room, nick)
		alice.Expect(harness.Kind("presence/"), harness.From(s.at("")))
	})
}

// A subscription to a person shows when they are on IRC (MONITOR, or ISON
// where that is missing).
func TestRosterOfPeople(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		alice, _ := s.joined("alice") // the watching needs a connection
		jid := s.at(s.nick("friend"))
		subscribe(s, alice, jid)
		alice.Expect(harness.Kind("presence/subscribed"), harness.From(jid))
		friend := s.irc.Dial(s.T, s.nick("friend"))
		if alice.ExpectWithin(60*time.Second, harness.Kind("presence/"), harness.From(jid)) == nil {
			s.Fatalf("never online")
		}
		friend.Send("QUIT")
		if alice.ExpectWithin(60*time.Second, harness.Kind("presence/unavailable"), harness.From(jid)) == nil {
			s.Fatalf("never offline")
		}
	})
}

// Somebody who was away before they were watched is away, although neither
// MONITOR nor ISON tells it (RFC 2812 4.8 does).
func TestRosterOfPeopleAwayBefore(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		alice, _ := s.joined("alice")
		friend := s.irc.Dial(s.T, s.nick("friend"))
		friend.Send("AWAY :long gone")
		friend.Expect(` 306 `)
		jid := s.at(friend.Nick)
		subscribe(s, alice, jid)
		alice.Expect(harness.Kind("presence/"), harness.From(jid), harness.TextAt("show", "away"))
	})
}

// IRCv3 away-notify and extended-monitor: a watched person's AWAY is their
// presence at once, also (on Ergo) of somebody who is in no room with us.
func TestRosterOfPeopleAway(t *testing.T) {
	on(t, []string{"prosody+inspircd", "prosody+ergo"}, func(s *scenario) {
		alice, _ := s.joined("alice")
		friend := s.irc.Dial(s.T, s.nick("friend"))
		if s.irc.Kind != "ergo" {
			friend.Join(s.channel)
		}
		jid := s.at(friend.Nick)
		subscribe(s, alice, jid)
		alice.Expect(harness.Kind("presence/"), harness.From(jid), harness.TextAt("show", ""))
		friend.Send("AWAY :walking the dog")
		alice.Expect(harness.Kind("presence/"), harness.From(jid), harness.TextAt("show", "away"), harness.TextAt("status", "walking the dog"))
		friend.Send("AWAY")
		alice.Expect(harness.Kind("presence/"), harness.From(jid), harness.TextAt("show", ""))
	})
}
