package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// The same link twice is refused at load, with the lines.
func TestMappedTwiceRefused(t *testing.T) {
	const rooms = "    rooms:\n      - { xmpp: lounge@conference.example.org }\n      - { irc: libera, channel: \"#lounge\" }\n"
	file := filepath.Join(t.TempDir(), "isthmus.yaml")
	text := "xmpp:\n  domains:\n    - name: irc.example.org\nnetworks:\n  libera:\n    addresses: [ircs://irc.libera.chat]\nlinks:\n" +
		"  - name: lounge\n" + rooms + "  - name: again\n" + rooms
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := isthmus(t, "check-config", file)
	if err == nil || !strings.Contains(out, "isthmus.yaml:14:") || !strings.Contains(out, "isthmus.yaml:15:") {
		t.Errorf("%v: %s", err, out)
	}
}

// A bot on IRC repeats what it hears in the MUC, as another bridge between the
// two rooms does: that is carried on a few times at most, and status tells why not.
func TestMappedRepeatingBot(t *testing.T) {
	onThree(t, once, nil, func(m *mapped) {
		m.together()
		bot := m.scenario.native("bot")
		m.enters(bot.Nick)
		const said = 10
		for i := range said {
			m.alice.Say(m.muc, word("line", i))
			m.hears(m.nick("alice"), word("line", i))
			bot.Say(m.channel, "<"+m.nick("alice")+"> "+word("line", i))
		}
		m.once()
		repeated := 0
		for _, text := range bodies(m.alice.Drain()) {
			if strings.HasPrefix(text, "<"+m.nick("alice")+"> line") {
				repeated++
			}
		}
		if repeated > 3 {
			m.Errorf("%d of %d repetitions came back", repeated, said)
		}
		m.answers(bot.Nick, "status")
	})
}

// secondBridge is another Isthmus that maps the same channel and MUC.
func (m *mapped) secondBridge() *harness.Isthmus {
	second := harness.NewIsthmus(m.T, m.xmpp, m.host, map[string]*harness.IRCServer{network: m.irc})
	second.Domain = harness.FarDomain(m.host)
	second.Config.Set("xmpp/domains", []any{harness.Config{"name": second.Domain}})
	second.Config.Set("networks/"+network+"/relay/nick", m.nick("second"))
	second.Config.Set("xmpp/relay/nick", "second")
	second.Config.Set("links", []any{harness.Config{"name": "same", "rooms": m.rooms[:atHS]}})
	return second
}

// quiet reports whether nobody says anything for a second. Whatever goes round
// would go on doing so.
func (m *mapped) quiet() bool {
	m.native.Drain()
	m.alice.Drain()
	time.Sleep(time.Second)
	return len(relayedTexts(m.native.Drain()))+len(bodies(m.alice.Drain())) == 0
}

// Two bridges map the same two rooms: what is said comes twice, as two bridges
// say it, but nothing goes round.
func TestMappedTwoBridges(t *testing.T) {
	onThree(t, once, nil, func(m *mapped) {
		m.together()
		m.secondBridge().Start(m.T)
		m.native.ExpectFrom(m.nick("second"), "JOIN")
		for i := range 10 {
			m.native.Say(m.channel, word("i", i))
			m.alice.Say(m.muc, word("x", i))
			m.hears(m.nick("alice"), word("x", i))
		}
		settle(m.scenario, "an end of the loop", m.quiet)
		m.native.Say(m.channel, "still there?")
		m.sees(m.native.Nick, "still there?")
		settle(m.scenario, "an end of the loop", m.quiet)
		m.answers(m.nick("second"), "status")
	})
}

// The same with puppets on both sides: neither makes puppets of the other's puppets.
func TestMappedTwoBridgesOfPuppets(t *testing.T) {
	onThree(t, once, func(m *mapped) { m.rooms[onIRC].Set("as", "puppets") }, func(m *mapped) {
		m.together()
		m.secondBridge().Start(m.T)
		m.native.ExpectFrom(m.nick("second"), "JOIN")
		for i := range 5 {
			m.native.Say(m.channel, word("a line of the native's, number ", i))
			m.alice.Say(m.muc, word("a line of alice's, number ", i))
			m.sees(m.native.Nick, word("a line of the native's, number ", i))
			m.native.ExpectFrom(m.nick("alice"), word("PRIVMSG .*a line of alice's, number ", i))
		}
		settle(m.scenario, "an end of the loop", m.quiet)
		m.alice.Leave(m.muc, m.nick("alice"), "")
		m.goes(m.nick("alice"))
		if there := m.alice.Join(m.muc, m.nick("alicia")).Occupants; len(there) > 12 {
			m.Errorf("%d are in the MUC", len(there))
		}
		m.answers("puppets? of another bridge", "status")
	})
}

// A room that is reached by two paths, the link and the gateway's own room for
// the channel: who is in it by one is told so when they come by the other.
func TestMappedTwoPaths(t *testing.T) {
	onThree(t, once, nil, func(m *mapped) {
		m.together()
		portal := m.bob.Join(m.channelAlias())
		m.bob.Expect(harness.InRoom(portal), harness.Membership(m.bob.ID, "leave"), harness.ContentLike("reason", "in this room already"))
		carol := m.person(m.nick("carol"))
		carol.Join(m.channelAlias())
		m.native.ExpectFrom(m.nick("carol"), "JOIN")
		m.enters(m.nick("carol"))
		carol.Say(portal, "by the portal")
		m.native.ExpectFrom(m.nick("carol"), "PRIVMSG "+m.channel+" :by the portal$")
		m.sees(m.nick("carol"), "by the portal")
		m.bob.Expect(harness.InRoom(m.id), harness.ContentLike("body", "by the portal$"))
		m.bob.Say(m.id, "by the link")
		m.hears(m.nick("bob"), "by the link")
		m.sees(m.nick("bob"), "by the link")
		carol.Expect(harness.InRoom(portal), harness.ContentLike("body", "by the link$"))
		m.once("by the portal", "by the link")
		carol.ExpectNone(harness.InRoom(portal), harness.ContentLike("body", "by the link$"))
	})
}
