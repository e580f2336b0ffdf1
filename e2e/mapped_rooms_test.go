package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// other is a second IRC network in the scenario.
const other = "other"

// addNetwork makes an IRC server of another kind a second network, and returns
// it and somebody in the channel there.
func (m *mapped) addNetwork(kind string) (second *harness.IRCServer, native *harness.IRC) {
	m.Helper()
	second = ircKind[kind]()
	m.gateway.Config.Set("networks/"+other, harness.Config{
		"addresses": []string{"irc://" + second.Addr}, "flood": harness.Config{"burst": 100, "interval": "5ms"},
		"reconnect": harness.Config{"first": "200ms", "most": "1s"}, "relay": harness.Config{"nick": m.relay},
	})
	native = second.Dial(m.T, m.nick("far"))
	native.Join(m.channel)
	return second, native
}

// Two rooms of each network: everybody hears everybody, once; those of the same
// network in the other room, too.
func TestMappedTwoOfEach(t *testing.T) {
	var far *harness.IRC
	var muc, id string
	onThree(t, []string{"ejabberd+inspircd"}, func(m *mapped) {
		_, far = m.addNetwork("ngircd")
		muc = m.newMUC("second", m.nick("alicia"))
		id = m.bob.PublicRoom(m.nick("second"))
		m.rooms = append(m.rooms, harness.Config{"irc": other, "channel": m.channel}, harness.Config{"xmpp": muc},
			harness.Config{"matrix": m.hs.Alias(m.nick("second"))})
	}, func(m *mapped) {
		m.native.ExpectFrom(m.relay, "JOIN")
		far.ExpectFrom(m.relay, "JOIN")
		for _, room := range []string{m.muc, muc} {
			m.alice.Expect(harness.Kind("presence/"), harness.From(room+"/"+m.native.Nick))
			m.alice.Expect(harness.Kind("presence/"), harness.From(room+"/"+far.Nick))
		}
		m.member(m.native.Nick)
		m.member(far.Nick)
		m.native.Say(m.channel, "from irc")
		m.relayed(far, m.channel, m.relay, m.native.Nick, "from irc")
		for _, room := range []string{m.muc, muc} {
			m.alice.Expect(harness.From(room+"/"+m.native.Nick), harness.Body("from irc"))
		}
		for _, room := range []string{m.id, id} {
			m.bob.Expect(harness.InRoom(room), harness.Said("m.text", "from irc"))
		}
		far.Say(m.channel, "from afar")
		m.hears(far.Nick, "from afar")
		m.sees(far.Nick, "from afar")
		m.reads(far.Nick, "from afar")

		// alice is in both MUCs by two names, bob in both rooms: what they say in one is said in the other.
		m.alice.Say(muc, "from the second")
		m.hears(m.nick("alicia"), "from the second")
		m.relayed(far, m.channel, m.relay, m.nick("alicia"), "from the second")
		m.alice.Expect(harness.Kind("message/groupchat"), harness.BodyLike("from the second$"), harness.Where("in the first", func(e *harness.Element) bool {
			return bare(e.Attr["from"]) == m.muc
		}))
		m.bob.Expect(harness.InRoom(m.id), harness.ContentLike("body", "from the second$"))
		m.bob.Say(id, "from matrix")
		m.hears(m.nick("bob"), "from matrix")
		m.bob.Expect(harness.InRoom(m.id), harness.ContentLike("body", "from matrix$"))
		m.native.Fence()
		m.native.ExpectNone("PRIVMSG .*(from irc|from the second|from matrix)")
		far.ExpectNone("PRIVMSG .*(from afar|from the second|from matrix).*(from afar|from the second|from matrix)")
	})
}

// Users of the gateway are in the conversation like everybody else, by any of
// its rooms. The bridge brings nobody of XMPP into a MUC: it speaks for them there.
func TestMappedGatewayUsers(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		spoken := func(name, text string) {
			m.Helper()
			m.alice.Expect(harness.Kind("message/groupchat"), harness.From(m.muc+"/isthmus"), harness.Body("<"+name+"> "+text))
		}
		dave, nick := m.scenario.joined("dave")
		m.native.ExpectFrom(nick, "JOIN")
		m.member(nick)
		dave.Say(m.room, "from the gateway")
		m.native.ExpectFrom(nick, "PRIVMSG "+m.channel+" :from the gateway$")
		spoken(nick, "from the gateway")
		m.reads(nick, "from the gateway")
		m.alice.Say(m.muc, "welcome")
		m.hears(m.nick("alice"), "welcome")
		dave.Expect(harness.Kind("message/groupchat"), harness.BodyLike("welcome$"))
		m.reads(m.nick("alice"), "welcome")

		carol, room := m.user("carol"), m.matrixJID("#"+m.nick("room"))
		carol.Join(room, m.nick("carol"))
		m.member(m.nick("carol"))
		carol.Say(room, "by another door")
		m.hears(m.nick("carol"), "by another door")
		m.reads(m.nick("carol"), "by another door")
		spoken(m.nick("carol"), "by another door")
		dave.Expect(harness.Kind("message/groupchat"), harness.BodyLike("by another door$"))
		m.once("from the gateway", "by another door")
		dave.ExpectNone(harness.Kind("message/groupchat"), harness.BodyLike("(welcome|by another door)$"))
		m.alice.ExpectNone(harness.Kind("message/groupchat"), harness.From(m.muc+"/isthmus"), harness.BodyLike("(gateway|door)$"))
	})
}
