package e2e

import (
	"strings"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// keeper has the gateway's own session be called so that nobody else on the
// shared server is.
func (s *scenario) keeper() string {
	nick := s.nick("keeper")
	s.gateway.Config.Set("networks/"+network+"/relay", harness.Config{"nick": nick})
	return nick
}

// refusedIn has x try to enter the room, and checks why it can't.
func (s *scenario) refusedIn(x *harness.XMPP, nick, why string) {
	s.Helper()
	x.SendJoin(s.room, nick, "")
	x.Expect(harness.Kind("presence/error"), harness.From(s.occupant(nick)), harness.TextLike("error/text", why))
}

// online waits until a nick is on IRC.
func (s *scenario) online(c *harness.IRC, nick string) {
	s.Helper()
	for deadline := time.Now().Add(harness.Patience); ; time.Sleep(50 * time.Millisecond) {
		c.Send("ISON %s", nick)
		if answer := c.Expect(` 303 .*`); strings.Contains(answer[0], nick) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s is not online", nick)
		}
	}
}

// docs/irc-operators.md: "!unbridge", said by an operator, takes everybody out
// at once, and holds over a restart, until an operator who is logged in takes
// it back (on a server that has no accounts: until an operator does).
func TestUnbridge(t *testing.T) {
	configured(t, []string{"prosody+ngircd", "prosody+ergo", "prosody+inspircd"}, func(s *scenario) { s.keeper() }, func(s *scenario) {
		keeper := s.nick("keeper")
		op := s.native("op")
		alice, nick := s.joined("alice")
		bob, bobNick := s.joined("bob")
		voice := s.native("voice")
		voice.Say(s.channel, "!unbridge")
		alice.Say(s.room, "still here")
		op.ExpectFrom(nick, "PRIVMSG .* :still here")

		op.Say(s.channel, "!unbridge")
		for _, n := range []string{nick, bobNick} {
			op.ExpectFrom(n, `PART `+s.channel+` .*`+op.Nick+` said !unbridge`)
		}
		for x, n := range map[*harness.XMPP]string{alice: nick, bob: bobNick} {
			x.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(n)), harness.Code("110"), harness.TextLike("status", op.Nick+" said !unbridge"))
		}
		s.refusedIn(alice, nick, op.Nick+" said !unbridge in "+s.channel)
		op.Expect(`NOTICE ` + op.Nick + ` :` + s.channel + ` is not bridged any more`)

		s.gateway.Stop(s.T)
		s.gateway.Start(s.T)
		joining := s.user("carol")
		s.refusedIn(joining, s.nick("carol"), op.Nick+" said !unbridge in "+s.channel)
		s.online(op, keeper)
		voice.Say(keeper, "!bridge "+s.channel)
		voice.Expect(`NOTICE ` + voice.Nick + ` :Only an operator of ` + s.channel)
		op.Say(keeper, "!bridge "+s.channel)
		if !strings.HasSuffix(s.Name(), "ngircd") {
			op.Expect(`NOTICE ` + op.Nick + ` :Log in to your account first`)
		}
		switch {
		case strings.HasSuffix(s.Name(), "inspircd"): // nobody has an account there
			return
		case strings.HasSuffix(s.Name(), "ergo"):
			op.Say("NickServ", "REGISTER "+accountPassword)
			op.Expect(`(?i)account created|registered`)
			op.Say(keeper, "!bridge "+s.channel)
		}
		op.Expect(`NOTICE ` + op.Nick + ` :Thank you. ` + s.channel + ` may be bridged`)
		joining.Join(s.room, s.nick("carol"))
	})
}

// Where an operator has to agree first, they invite the bridge; it finds out
// that they are one also where the channel is secret.
func TestConsent(t *testing.T) {
	configured(t, []string{"prosody+ngircd", "prosody+ergo"}, func(s *scenario) {
		s.keeper()
		s.gateway.Config.Set("networks/"+network+"/policy", "consent")
	}, func(s *scenario) {
		keeper := s.nick("keeper")
		op, other := s.native("op"), s.native("other")
		op.Send("MODE %s +s", s.channel)
		op.ExpectFrom(op.Nick, `MODE `+s.channel+` :?\+s`)
		alice := s.user("alice")
		s.refusedIn(alice, s.nick("alice"), "No operator of "+s.channel+" has agreed yet")
		s.online(op, keeper)
		if strings.HasSuffix(s.Name(), "ergo") {
			for _, c := range []*harness.IRC{op, other} {
				c.Say("NickServ", "REGISTER "+accountPassword)
				c.Expect(`(?i)account created|registered`)
			}
		}
		other.Send("INVITE %s %s", keeper, s.channel)
		other.Expect(`NOTICE ` + other.Nick + ` :Only an operator of ` + s.channel + ` can let me in`)
		op.ExpectFrom(keeper, "PART "+s.channel)
		op.Send("INVITE %s %s", keeper, s.channel)
		op.Expect(`NOTICE ` + op.Nick + ` :Thank you. ` + s.channel + ` may be bridged`)
		alice.Join(s.room, s.nick("alice"))
		op.Send("WHOIS %s", keeper)
		op.Expect(` 311 .*Isthmus`)
	})
}

// A ban that no kick follows silences; one before a kick, or after somebody has
// gone, is a ban. It is lifted by the same mask.
func TestBanWithoutKick(t *testing.T) {
	on(t, []string{"prosody+ngircd", "prosody+inspircd"}, func(s *scenario) {
		op, native := s.native("op"), s.native("native")
		alice, nick := s.joined("alice")
		for _, who := range []string{native.Nick, nick} {
			op.Send("MODE %s +b %s!*@*", s.channel, who)
			alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(who)), harness.Item("role", "visitor"))
			op.Send("MODE %s -b %s!*@*", s.channel, who)
			alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(who)), harness.Item("role", "participant"))
		}
		op.Send("MODE %s +b %s!*@*", s.channel, native.Nick)
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(native.Nick)), harness.Item("role", "visitor"))
		native.Send("PART %s :I go", s.channel)
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(native.Nick)), harness.Code("301"), harness.Item("affiliation", "outcast"))
	})
}

// Who is banned from the network is out, and is not connected again; when
// several are, nobody else tries for a while.
func TestBannedFromNetwork(t *testing.T) {
	configured(t, once, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/username", s.nick("u")+"{local}")
	}, func(s *scenario) {
		oper := s.native("oper")
		oper.Oper()
		for _, name := range []string{"alice", "bob", "carol"} {
			x, nick := s.joined(name)
			oper.Send("KLINE %s@* 1h :no %s here", s.nick("u")+name, name)
			x.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)), harness.Code("110"))
			oper.ExpectFrom(nick, "QUIT")
		}
		s.gateway.ExpectLog(s.T, "the network refuses our people")
		s.refusedIn(s.user("dave"), s.nick("dave"), "has refused several people of this gateway")
		for _, name := range []string{"alice", "bob", "carol"} {
			oper.Send("KLINE %s@*", s.nick("u")+name)
		}
	})
}
