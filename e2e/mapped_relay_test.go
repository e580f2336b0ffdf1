package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// relayed is a MUC and a channel that a link joins, with the relay on IRC.
type relayed struct {
	*scenario
	alice *harness.XMPP // in the MUC
	nick  string        // hers there
	muc   string
	rob   *harness.IRC // operator of the channel
	relay string       // its nick
}

// onRelayed runs a scenario on such a pair.
func onRelayed(t *testing.T, pairs []string, change func(*relayed), run func(*relayed)) {
	t.Helper()
	all := map[*scenario]*relayed{}
	lock := make(chan struct{}, 1)
	configured(t, pairs, func(s *scenario) {
		r := &relayed{scenario: s, alice: s.user("alice"), rob: s.native("rob"), relay: s.nick("relay"), nick: s.nick("alice")}
		r.muc = fmt.Sprintf("r%d@%s", s.number, harness.MUCDomain(s.host))
		r.alice.Join(r.muc, r.nick)
		r.alice.IQ("set", r.muc, `<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit"/></query>`)
		s.gateway.Config.Set("networks/"+network+"/relay/nick", r.relay)
		s.gateway.Config.Set("links", []any{harness.Config{"name": "lounge", "rooms": []harness.Config{
			{"xmpp": r.muc}, {"irc": network, "channel": s.channel}}}})
		if change != nil {
			change(r)
		}
		lock <- struct{}{}
		all[s] = r
		<-lock
	}, func(s *scenario) {
		lock <- struct{}{}
		r := all[s]
		<-lock
		r.rob.ExpectFrom(r.relay, "JOIN :?"+r.channel)
		r.alice.Expect(harness.Kind("presence/"), harness.From(r.muc+"/"+r.rob.Nick))
		run(r)
	})
}

// attributed is what the relay says for somebody, as a pattern.
func attributed(name, words string) string {
	return ` :<\x03\d\d` + name + "\x0f> " + regexp.QuoteMeta(words) + "$"
}

// Both ways, with who said it, on every server; nobody is pinged by their own name.
func TestRelayAttributed(t *testing.T) {
	onRelayed(t, eachIRC, nil, func(r *relayed) {
		r.alice.Say(r.muc, "hello <channel>")
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+attributed(r.nick, "hello <channel>"))
		r.alice.Say(r.muc, "/me waves")
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+" :\\* \x03\\d\\d"+r.nick+"\x0f waves$")
		r.rob.Say(r.channel, "hello muc")
		r.alice.Expect(harness.From(r.muc+"/"+r.rob.Nick), harness.Body("hello muc"))
		r.alice.Say(r.muc, "one\ntwo")
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+attributed(r.nick, "one"))
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+attributed(r.nick, "two"))

		r.rob.Send("MODE %s +m", r.channel)
		r.rob.Expect("MODE " + r.channel + ` :?\+m`)
		r.alice.Say(r.muc, "too quiet")
		r.alice.Expect(harness.Where("told why", func(e *harness.Element) bool { return strings.Contains(e.String(), "Not sent to") }))
		r.rob.Send("MODE %s +v %s", r.channel, r.relay)
		r.rob.Expect(`\+v `)
		r.alice.Say(r.muc, "with a voice")
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+attributed(r.nick, "with a voice"))
		r.rob.ExpectNone("PRIVMSG .*(hello muc|too quiet)")
		r.alice.ExpectNone(harness.From(r.muc+"/"+r.relay), harness.Body("hello <channel>"))

		twin := r.user("bob")
		twin.Join(r.muc, strings.ToUpper(r.rob.Nick))
		twin.Say(r.muc, "I am not rob")
		r.rob.Expect("PRIVMSG " + r.channel + " :.*I am not rob")
		r.rob.ExpectNone("(?i)PRIVMSG .*" + r.rob.Nick)
	})
}

// Where the server has RELAYMSG, and lets the relay, people seem to speak by
// themselves; nothing comes back, or twice.
func TestRelaymsg(t *testing.T) {
	onRelayed(t, []string{"prosody+ergo"}, nil, func(r *relayed) {
		r.alice.Say(r.muc, "not yet")
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+attributed(r.nick, "not yet"))
		r.rob.Send("MODE %s +o %s", r.channel, r.relay)
		r.rob.Expect(`\+o `)
		// Another session of ours is in the channel, too.
		carol, _ := r.joined("carol")
		r.alice.Say(r.muc, "now")
		r.rob.ExpectFrom(r.nick+"/xmpp", "PRIVMSG "+r.channel+" :now$")
		r.alice.Say(r.muc, "/me waves")
		r.rob.ExpectFrom(r.nick+"/xmpp", "PRIVMSG "+r.channel+" :\x01ACTION waves\x01$")
		carol.Expect(harness.Kind("message/groupchat"), harness.Body("now"))
		carol.ExpectNone(harness.Body("now"))
		r.rob.Say(r.channel, "seen")
		r.alice.Expect(harness.From(r.muc+"/"+r.rob.Nick), harness.Body("seen"))
		r.alice.ExpectNone(harness.BodyLike("now|waves"), harness.Where("of another", func(e *harness.Element) bool { return e.Attr["from"] != r.muc+"/"+r.nick }))
		// Operators can silence who it is.
		r.rob.Send("MODE %s +b m:%s/xmpp!*@*", r.channel, r.nick)
		r.rob.Expect(`\+b `)
		r.alice.Say(r.muc, "silenced")
		r.alice.Expect(harness.Where("told why", func(e *harness.Element) bool { return strings.Contains(e.String(), "Not sent to") }))
		r.rob.ExpectNone("silenced")
	})
}

// None of fifty lines at once is lost, though the server takes them slowly.
func TestRelayFlood(t *testing.T) {
	onRelayed(t, once, func(r *relayed) {
		r.gateway.Config.Set("networks/"+network+"/flood", harness.Config{"burst": 5, "interval": "100ms"})
	}, func(r *relayed) {
		for i := range 50 {
			r.alice.Say(r.muc, word("line", i))
		}
		for i := range 50 {
			if !r.rob.ExpectWithin(20*time.Second, "PRIVMSG "+r.channel+attributed(r.nick, word("line", i))) {
				r.Fatalf("line %d is lost", i)
			}
		}
	})
}

// Occupants of the MUC are on IRC by themselves where the link says so: who they
// are can be told, and they change their nick as they do at home.
func TestMUCPuppets(t *testing.T) {
	onRelayed(t, eachIRC, func(r *relayed) {
		r.gateway.Config.Set("networks/"+network+"/mapped", harness.Config{"as": "puppets", "enter": "join"})
	}, func(r *relayed) {
		r.rob.ExpectFrom(r.nick, "JOIN :?"+r.channel)
		r.rob.Send("WHOIS %s", r.nick)
		r.rob.Expect(" 311 .* :" + r.nick + " via Isthmus.*from " + regexp.QuoteMeta(r.muc))
		r.alice.Say(r.muc, "by myself")
		r.rob.ExpectFrom(r.nick, "PRIVMSG "+r.channel+" :by myself$")
		other := r.nick + "x"
		r.alice.Send(`<presence to="%s/%s"/>`, r.muc, other)
		r.rob.ExpectFrom(r.nick, "NICK :?"+other)
		r.alice.Say(r.muc, "it is me")
		r.rob.ExpectFrom(other, "PRIVMSG "+r.channel+" :it is me$")
		r.rob.Send("MODE %s +v %s", r.channel, other)
		r.rob.Expect(`\+v `)
		r.alice.Send(`<presence to="%s/%s"><show>away</show><status>at lunch</status></presence>`, r.muc, other)
		r.alice.Say(r.muc, "brb")
		r.rob.ExpectFrom(other, "PRIVMSG "+r.channel+" :brb$")
		r.alice.Send(`<presence type="unavailable" to="%s/%s"/>`, r.muc, other)
		r.rob.ExpectFrom(other, "(PART|QUIT)")

		// Whatever they are called at home: IRC has something like it.
		bob := r.user("bob")
		bob.Join(r.muc, fmt.Sprintf("Zoë%d of the very long and winding name", r.number))
		zoe := r.rob.Expect(`^(?:@\S+ )?:(Zo[^!]+)\S* JOIN`)[1]
		bob.Say(r.muc, "hello")
		r.rob.ExpectFrom(zoe, "PRIVMSG "+r.channel+" :hello$")
		r.rob.ExpectNone(":" + r.relay + "!.* PRIVMSG")
	})
}

// People of the gateway who have no sessions speak through the relay, too, and
// all of them are in the same room.
func TestGatewayRelay(t *testing.T) {
	configured(t, eachIRC, func(s *scenario) {
		s.gateway.Config.Set("networks/"+network+"/gateway", "relay")
		s.gateway.Config.Set("networks/"+network+"/relay/nick", s.nick("relay"))
	}, func(s *scenario) {
		relay := s.nick("relay")
		rob := s.native("rob")
		alice, nick := s.joined("alice")
		rob.ExpectFrom(relay, "JOIN :?"+s.channel)
		alice.Say(s.room, "hello")
		rob.ExpectFrom(relay, "PRIVMSG "+s.channel+attributed(nick, "hello"))
		alice.Expect(harness.From(s.occupant(nick)), harness.Body("hello"))
		carol, other := s.joined("carol")
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(other)))
		carol.Say(s.room, "hi alice")
		alice.Expect(harness.From(s.occupant(other)), harness.Body("hi alice"))
		rob.ExpectFrom(relay, "PRIVMSG "+s.channel+attributed(other, "hi alice"))
		rob.Say(s.channel, "hi both")
		alice.Expect(harness.From(s.occupant(rob.Nick)), harness.Body("hi both"))
		carol.Expect(harness.From(s.occupant(rob.Nick)), harness.Body("hi both"))
		alice.Chat(s.occupant(rob.Nick), "psst")
		alice.Expect(harness.Kind("message/error"), harness.Where("a sentence", func(e *harness.Element) bool { return strings.Contains(e.String(), "speak through a relay") }))

		alice.Send(`<presence type="unavailable" to="%s"/>`, s.occupant(nick))
		carol.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)))
		rob.Send("KICK %s %s :enough", s.channel, relay)
		carol.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(other)), harness.Code("307"))
		rob.ExpectNone("JOIN .*" + other)
	})
}

// Matrix users, too, and with those of XMPP in one room.
func TestGatewayRelayMatrix(t *testing.T) {
	configured(t, once, func(s *scenario) {
		s.useMatrix()
		s.gateway.Config.Set("networks/"+network+"/gateway", "relay")
		s.gateway.Config.Set("networks/"+network+"/relay/nick", s.nick("relay"))
	}, func(s *scenario) {
		relay := s.nick("relay")
		rob := s.native("rob")
		bob := s.person("bob")
		room := bob.Join(s.channelAlias())
		bob.ExpectMembership(room, s.ircGhost(rob.Nick), true)
		bob.Say(room, "hello irc")
		rob.ExpectFrom(relay, "PRIVMSG "+s.channel+attributed("bob", "hello irc"))
		bob.Emote(room, "waves")
		rob.ExpectFrom(relay, "PRIVMSG "+s.channel+" :\\* \x03\\d\\dbob\x0f waves$")
		rob.Say(s.channel, "hello matrix")
		bob.Expect(harness.InRoom(room), harness.Sender(s.ircGhost(rob.Nick)), harness.Said("m.text", "hello matrix"))
		alice, nick := s.joined("alice")
		alice.Say(s.room, "hello both")
		rob.ExpectFrom(relay, "PRIVMSG "+s.channel+attributed(nick, "hello both"))
		bob.Expect(harness.InRoom(room), harness.Said("m.text", "hello both"))
		bob.Say(room, "welcome")
		alice.Expect(harness.From(s.occupant("bob")), harness.Body("welcome"))
		bob.ExpectNone(harness.Sender(s.ircGhost(relay)), harness.EventType("m.room.message"))
	})
}

// Two IRC networks are one conversation: on the one by a relay, on the other
// each by themselves, whatever their nick becomes.
func TestMappedIRCNetworks(t *testing.T) {
	const other = "other"
	var rob, juliet *harness.IRC
	configured(t, []string{"prosody+ergo"}, func(s *scenario) {
		server := ircKind["inspircd"]()
		rob = s.native("rob")
		juliet = server.Dial(s.T, s.nick("juliet"))
		juliet.Join(s.channel)
		s.gateway.Config.Set("networks/"+other, harness.Config{
			"addresses": []string{"irc://" + server.Addr}, "flood": harness.Config{"burst": 100, "interval": "5ms"},
			"connect_rate": harness.Config{"burst": 100, "interval": "5ms"},
		})
		for _, name := range []string{network, other} {
			s.gateway.Config.Set("networks/"+name+"/relay", harness.Config{"nick": s.nick("relay"), "colour": false})
		}
		s.gateway.Config.Set("links", []any{harness.Config{"name": "two", "rooms": []harness.Config{
			{"irc": network, "channel": s.channel}, {"irc": other, "channel": s.channel, "as": "puppets", "enter": "join"}}}})
	}, func(s *scenario) {
		relay := s.nick("relay")
		juliet.ExpectFrom(rob.Nick, "JOIN :?"+s.channel)
		rob.Say(s.channel, "hello other")
		juliet.ExpectFrom(rob.Nick, "PRIVMSG "+s.channel+" :hello other$")
		juliet.Say(s.channel, "hello net")
		rob.ExpectFrom(relay, "PRIVMSG "+s.channel+" :<"+juliet.Nick+"> hello net$")
		renamed := s.nick("bert")
		rob.Send("NICK %s", renamed)
		juliet.ExpectFrom(rob.Nick, "NICK :?"+renamed)
		rob.Say(s.channel, "still me")
		juliet.ExpectFrom(renamed, "PRIVMSG "+s.channel+" :still me$")
		rob.Say(s.channel, juliet.Nick+": look")
		juliet.ExpectFrom(renamed, "PRIVMSG "+s.channel+" :"+juliet.Nick+": look$")
		rob.Send("AWAY :at lunch")
		juliet.Send("KICK %s %s :enough", s.channel, renamed)
		rob.Expect("(KICK|NOTICE) .*enough")
		rob.ExpectNone("PRIVMSG .*(hello other|still me)")
		juliet.ExpectNone("PRIVMSG .*hello net")
	})
}

// A mapped channel, with users of the gateway who have no sessions either: all
// are heard everywhere, once.
func TestGatewayRelayMapped(t *testing.T) {
	onRelayed(t, once, func(r *relayed) {
		r.gateway.Config.Set("networks/"+network+"/gateway", "relay")
	}, func(r *relayed) {
		bob, nick := r.joined("bob")
		bob.Say(r.room, "hello all")
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+attributed(nick, "hello all"))
		r.alice.Expect(harness.Kind("message/groupchat"), harness.BodyLike("hello all$"))
		bob.Expect(harness.From(r.occupant(nick)), harness.Body("hello all"))
		r.alice.Say(r.muc, "hello bob")
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+attributed(r.nick, "hello bob"))
		bob.Expect(harness.Kind("message/groupchat"), harness.From(r.occupant(r.nick)), harness.Body("hello bob"))
		bob.Send(`<presence type="unavailable" to="%s"/>`, r.occupant(nick))
		bob.Expect(harness.Kind("presence/unavailable"), harness.From(r.occupant(nick)))
		r.alice.Say(r.muc, "still here")
		r.rob.ExpectFrom(r.relay, "PRIVMSG "+r.channel+attributed(r.nick, "still here"))
		r.rob.ExpectNone(":" + r.relay + "!.* PART")
		r.alice.ExpectNone(harness.BodyLike("hello all$"))
	})
}
