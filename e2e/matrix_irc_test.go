package e2e

import (
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// channelAlias is the alias in our namespace that leads to the scenario's channel.
func (s *scenario) channelAlias() string { return s.hs.Alias("irc_" + network + "_" + s.channel) }

// An alias in our namespace makes a room for a channel of IRC: its people are
// ghosts, the Matrix user has a nick there, and everything crosses once.
func TestMatrixInChannel(t *testing.T) {
	onMatrix(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		room := bob.Join(s.channelAlias())
		bob.ExpectMembership(room, s.ircGhost(native.Nick), true)
		bob.Say(room, "hello irc")
		nick := native.Expect(`^(?:@\S+ )?:([^!]+)\S* PRIVMSG ` + s.channel + ` :hello irc$`)[1]
		if !strings.HasPrefix(nick, "bob") {
			s.Errorf("bob is %s on IRC", nick)
		}
		native.Say(s.channel, "hello matrix")
		bob.Expect(harness.InRoom(room), harness.Sender(s.ircGhost(native.Nick)), harness.Said("m.text", "hello matrix"))
		native.Say(s.channel, "\x01ACTION waves\x01")
		bob.Expect(harness.InRoom(room), harness.Said("m.emote", "waves"))
		bob.Emote(room, "waves back")
		native.ExpectFrom(nick, "PRIVMSG .* :\x01ACTION waves back\x01?$")
		bob.SayHTML(room, "quite bold", "quite <b>bold</b>")
		native.ExpectFrom(nick, "PRIVMSG .* :quite \x02bold[\x02\x0f]$")
		native.Say(s.channel, "very \x1dslanted\x1d")
		bob.Expect(harness.InRoom(room), harness.ContentLike("formatted_body", "very <(em|i)>slanted</(em|i)>"))
		native.ExpectNone("PRIVMSG .*hello irc")
		bob.ExpectNone(harness.Said("m.text", "hello matrix"))
	})
}

// People of IRC come, change their nick and go.
func TestMatrixSeesIRC(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		room := bob.Join(s.channelAlias())
		bob.ExpectMembership(room, s.ircGhost(native.Nick), true)
		other := s.native("other")
		bob.Expect(harness.InRoom(room), harness.Membership(s.ircGhost(other.Nick), "join"))
		other.Send("NICK %s", s.nick("another"))
		bob.ExpectMembership(room, s.ircGhost(s.nick("another")), true)
		bob.ExpectMembership(room, s.ircGhost(other.Nick), false)
		other.Send("PART %s :so long", s.channel)
		bob.ExpectMembership(room, s.ircGhost(s.nick("another")), false)
		native.Send("TOPIC %s :of the day", s.channel)
		bob.Expect(harness.InRoom(room), harness.EventType("m.room.topic"), harness.ContentText("topic", "of the day"))
	})
}

// Who leaves the room leaves the channel; a kick is a kick.
func TestMatrixLeavesChannel(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		room := bob.Join(s.channelAlias())
		nick := native.Expect(`^:(bob[^!]*)\S* JOIN :?` + s.channel)[1]
		bob.Leave(room)
		native.ExpectFrom(nick, "(PART|QUIT)")
		bob.Join(s.channelAlias())
		nick = native.Expect(`^:(bob[^!]*)\S* JOIN :?` + s.channel)[1]
		native.Send("KICK %s %s :enough", s.channel, nick)
		bob.Expect(harness.InRoom(room), harness.Membership(bob.ID, "leave"), harness.ContentLike("reason", "enough"))
	})
}

// All three networks in one conversation.
func TestThreeNetworks(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		bob := s.person("bob")
		room := bob.Join(s.channelAlias())
		bob.ExpectMembership(room, s.ghost("alice"), true)
		bob.Say(room, "from matrix")
		from := alice.Expect(harness.Kind("message/groupchat"), harness.Body("from matrix")).Attr["from"]
		if !strings.HasPrefix(from, s.room+"/bob") {
			s.Errorf("bob is %s on XMPP", from)
		}
		native.Expect("PRIVMSG .* :from matrix$")
		alice.Say(s.room, "from xmpp")
		native.ExpectFrom(nick, "PRIVMSG .* :from xmpp$")
		bob.Expect(harness.InRoom(room), harness.Sender(s.ghost("alice")), harness.Said("m.text", "from xmpp"))
		native.Say(s.channel, "from irc")
		alice.Expect(harness.From(s.occupant(native.Nick)), harness.Body("from irc"))
		bob.Expect(harness.InRoom(room), harness.Sender(s.ircGhost(native.Nick)), harness.Said("m.text", "from irc"))
		alice.ExpectNone(harness.Body("from matrix"))
		bob.ExpectNone(harness.Said("m.text", "from xmpp"))
	})
}

// An alias of no network, or of none that there is, leads nowhere.
func TestMatrixAliasOfNothing(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob := s.person("bob")
		for _, alias := range []string{"irc_nowhere_#go", "irc_" + network + "_", "xmpp_"} {
			if room, err := bob.TryJoin(s.hs.Alias(alias)); err == nil {
				s.Errorf("#%s is %s", alias, room)
			}
		}
	})
}
