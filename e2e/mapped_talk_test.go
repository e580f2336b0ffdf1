package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// Everybody hears everybody, once, under their own name; on IRC one nick speaks
// for the others.
func TestMappedTalk(t *testing.T) {
	onThree(t, []string{"prosody+inspircd", "ejabberd+ngircd", "prosody+ergo"}, nil, func(m *mapped) {
		m.together()
		m.native.Say(m.channel, "from irc")
		m.sees(m.native.Nick, "from irc")
		m.reads(m.native.Nick, "from irc")
		m.alice.Say(m.muc, "from xmpp")
		m.hears(m.nick("alice"), "from xmpp")
		m.reads(m.nick("alice"), "from xmpp")
		m.bob.Say(m.id, "from matrix")
		m.hears(m.nick("bob"), "from matrix")
		m.sees(m.nick("bob"), "from matrix")
		m.once("from irc", "from xmpp", "from matrix")
	})
}

// What looks different in one room does in the others.
func TestMappedFormat(t *testing.T) {
	onThree(t, once, nil, func(m *mapped) {
		m.together()
		m.native.Say(m.channel, "quite \x02bold\x02")
		m.sees(m.native.Nick, "quite *bold*")
		m.bob.Expect(harness.InRoom(m.id), harness.ContentLike("formatted_body", "quite <(b|strong)>bold</(b|strong)>"))
		m.bob.SetDisplayName(m.nick("bob"))
		m.bob.SayHTML(m.id, "very _slanted_", "very <em>slanted</em>")
		m.native.ExpectFrom(m.relay, `PRIVMSG .*very \x1dslanted`)
		m.alice.Expect(harness.From(m.muc+"/"+m.nick("bob")), harness.BodyLike("very _slanted_"))
		m.native.Say(m.channel, "\x01ACTION waves\x01")
		m.sees(m.native.Nick, "/me waves")
		m.bob.Expect(harness.InRoom(m.id), harness.Said("m.emote", "waves"))
		m.alice.Say(m.muc, "/me waves back")
		line := m.native.ExpectFrom(m.relay, "PRIVMSG .* :(.*waves back.*)$")[1]
		if said := plain(line); said != "* "+m.nick("alice")+" waves back" && said != "ACTION "+m.nick("alice")+" waves back" {
			m.Errorf("alice waves as %q", line)
		}
		m.bob.Expect(harness.InRoom(m.id), harness.Said("m.emote", "waves back"))
		m.alice.Say(m.muc, "one\ntwo")
		m.hears(m.nick("alice"), "one")
		m.hears(m.nick("alice"), "two")
		m.reads(m.nick("alice"), "one\ntwo")
	})
}

// Where the channel takes puppets, everybody has a nick of their own there, from
// their first word on.
func TestMappedPuppetsOnIRC(t *testing.T) {
	onThree(t, eachIRC, func(m *mapped) { m.rooms[onIRC].Set("as", "puppets") }, func(m *mapped) {
		m.together()
		m.alice.Say(m.muc, "from xmpp")
		m.native.ExpectFrom(m.nick("alice"), "JOIN")
		m.native.ExpectFrom(m.nick("alice"), "PRIVMSG "+m.channel+" :from xmpp$")
		m.reads(m.nick("alice"), "from xmpp")
		m.bob.Say(m.id, "from matrix")
		m.native.ExpectFrom(m.nick("bob"), "JOIN")
		m.native.ExpectFrom(m.nick("bob"), "PRIVMSG "+m.channel+" :from matrix$")
		m.sees(m.nick("bob"), "from matrix")
		m.native.Say(m.channel, "welcome")
		m.sees(m.native.Nick, "welcome")
		m.reads(m.native.Nick, "welcome")
		m.alice.Leave(m.muc, m.nick("alice"), "so long")
		m.native.ExpectFrom(m.nick("alice"), "(PART|QUIT)")
		m.noMember(m.nick("alice"))
		m.native.ExpectNone("PRIVMSG .*(from xmpp|from matrix)")
	})
}

// in: its people are heard elsewhere, nothing is said there. out: the reverse.
func TestMappedDirection(t *testing.T) {
	onThree(t, once, func(m *mapped) {
		m.rooms[onIRC].Set("direction", "in")
		m.rooms[atHS].Set("direction", "out")
	}, func(m *mapped) {
		m.native.ExpectFrom(m.relay, "JOIN")
		m.enters(m.native.Nick)
		m.member(m.nick("alice"))
		m.bob.Say(m.id, "nobody hears me")
		m.alice.Say(m.muc, "to matrix alone")
		m.reads(m.nick("alice"), "to matrix alone")
		m.native.Say(m.channel, "to both")
		m.sees(m.native.Nick, "to both")
		m.reads(m.native.Nick, "to both")
		m.alice.ExpectNone(harness.Kind("message/groupchat"), harness.Body("nobody hears me"))
		m.native.ExpectNone("PRIVMSG .*(nobody hears me|to matrix alone)")
	})
}

// There are so many puppets at most; who is beyond is relayed.
func TestMappedMostPuppets(t *testing.T) {
	onThree(t, once, func(m *mapped) {
		m.rooms[onIRC].Set("as", "puppets")
		m.rooms[onIRC].Set("puppets", 1)
	}, func(m *mapped) {
		m.together()
		m.alice.Say(m.muc, "I am first")
		m.native.ExpectFrom(m.nick("alice"), "PRIVMSG "+m.channel+" :I am first$")
		m.bob.Say(m.id, "I am second")
		m.hears(m.nick("bob"), "I am second")
		m.answers(`(?s)`+m.nick("bob")+`.*as many`, "explain", m.nick("bob"))
	})
}
