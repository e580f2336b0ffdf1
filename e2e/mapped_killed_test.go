package e2e

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// relayedTexts is what lines of IRC say, without the names of whom a relay speaks for.
func relayedTexts(lines []string) (texts []string) {
	said := regexp.MustCompile(` PRIVMSG \S+ :(?:<\S+> )?(.*)$`)
	for _, line := range lines {
		if m := said.FindStringSubmatch(plain(line)); m != nil {
			texts = append(texts, m[1])
		}
	}
	return texts
}

// shown are the texts in the MUC among stanzas.
func (m *mapped) shown(stanzas []*harness.Element) []string {
	return bodies(slices.DeleteFunc(stanzas, func(e *harness.Element) bool { return bare(e.Attr["from"]) != m.muc }))
}

// spread has everybody say numbered lines.
func (m *mapped) spread(from, to int) {
	m.Helper()
	for i := from; i < to; i++ {
		m.native.Say(m.channel, word("i", i))
		m.alice.Say(m.muc, word("x", i))
		m.bob.Say(m.id, word("m", i))
	}
}

// The homeserver is killed: the others don't notice, and what was said meanwhile is
// there when it is back. What a Dendrite took a moment before it may have forgotten;
// it is asked for no more than 100 events.
func TestMappedHomeserverKilled(t *testing.T) {
	onThree(t, once, nil, func(m *mapped) {
		m.together()
		m.spread(0, acknowledged)
		m.sees(m.nick("bob"), word("m", acknowledged-1))
		m.reads(m.native.Nick, word("i", acknowledged-1))
		m.reads(m.nick("alice"), word("x", acknowledged-1))
		m.hs.Kill()
		for i := acknowledged; i < traffic; i++ {
			m.native.Say(m.channel, word("i", i))
			m.alice.Say(m.muc, word("x", i))
		}
		m.sees(m.native.Nick, word("i", traffic-1))
		m.hears(m.nick("alice"), word("x", traffic-1))
		revive(m.scenario, m.bob, m.id)
		m.native.Say(m.channel, "the end")
		m.alice.Say(m.muc, "the end")
		for name, series := range map[string]string{m.native.Nick: "i", m.nick("alice"): "x"} {
			ghost := m.member(name)
			if m.bob.ExpectWithin(4*harness.Patience, harness.InRoom(m.id), harness.Sender(ghost), harness.Said("m.text", "the end")) == nil {
				m.Fatalf("the end of %s never reached Matrix", name)
			}
			eachOnce(m.scenario, "Matrix, of "+name, numbers(roomTexts(m.scenario, m.bob, m.id, ghost), series), upTo(traffic))
		}
		m.once()
	})
}

// The IRC server is killed under traffic: the others go on talking, and what they
// say is said there when it is back.
func TestMappedIRCServerKilled(t *testing.T) {
	aloneThree(t, []string{"prosody+inspircd", "ejabberd+ngircd"}, func(m *mapped) {
		m.gateway.Config.Set("networks/"+network+"/reconnect", harness.Config{"first": "12s", "most": "12s"}) // natives are first
	}, func(m *mapped) {
		m.together()
		m.spread(0, acknowledged)
		m.hears(m.nick("alice"), word("x", acknowledged-1))
		m.hears(m.nick("bob"), word("m", acknowledged-1))
		eachOnce(m.scenario, "IRC, of XMPP", numbers(relayedTexts(m.native.Drain()), "x"), upTo(acknowledged-1))
		m.irc.Kill()
		for i := range traffic {
			m.alice.Say(m.muc, word("late", i))
			m.bob.Say(m.id, word("later", i))
		}
		m.reads(m.nick("alice"), word("late", traffic-1))
		m.sees(m.nick("bob"), word("later", traffic-1))
		m.irc.Start(m.T)
		m.native = m.scenario.native("native")
		m.native.ExpectFrom(m.relay, "JOIN")
		m.once()
		heard := relayedTexts(m.native.Drain())
		eachOnce(m.scenario, "IRC, of XMPP", numbers(heard, "late"), upTo(traffic))
		eachOnce(m.scenario, "IRC, of Matrix", numbers(heard, "later"), upTo(traffic))
	})
}

// The XMPP server is killed under traffic: IRC and Matrix go on talking, and the
// MUC is entered again.
func TestMappedXMPPServerKilled(t *testing.T) {
	aloneThree(t, []string{"prosody+inspircd"}, nil, func(m *mapped) {
		m.together()
		m.spread(0, acknowledged)
		m.sees(m.native.Nick, word("i", acknowledged-1))
		m.xmpp.Kill()
		for i := range traffic {
			m.native.Say(m.channel, word("late", i))
			m.bob.Say(m.id, word("later", i))
		}
		m.reads(m.native.Nick, word("late", traffic-1))
		m.hears(m.nick("bob"), word("later", traffic-1))
		m.alice.Close()
		m.xmpp.Start(m.T)
		m.alice = m.user("alice")
		m.alice.Join(m.muc, m.nick("alice"))
		m.member(m.nick("alice"))
		m.once()
		shown := bodies(m.alice.Drain()) // the latest, from her history on
		eachOnce(m.scenario, "XMPP, of IRC", numbers(shown, "late"), nil)
		eachOnce(m.scenario, "XMPP, of Matrix", numbers(shown, "later"), nil)
	})
}

// Isthmus is killed under traffic: what was said before was said once, and all
// is as before when it is back.
func TestMappedGatewayKilled(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		m.spread(0, traffic)
		m.hears(m.nick("alice"), word("x", acknowledged))
		m.gateway.Kill()
		m.native.ExpectFrom(m.relay, "QUIT")
		time.Sleep(100 * time.Millisecond)
		m.gateway.Start(m.T)
		m.together()
		m.once()
		heard, shown := relayedTexts(m.native.Drain()), m.shown(m.alice.Drain())
		eachOnce(m.scenario, "IRC, of XMPP", numbers(heard, "x"), nil)
		eachOnce(m.scenario, "XMPP, of IRC", numbers(shown, "i"), nil)
		eachOnce(m.scenario, "Matrix, of IRC", numbers(roomTexts(m.scenario, m.bob, m.id, m.called(m.native.Nick)), "i"), nil)
		eachOnce(m.scenario, "Matrix, of XMPP", numbers(roomTexts(m.scenario, m.bob, m.id, m.called(m.nick("alice"))), "x"), nil)
	})
}

// Stopped in good order it leaves nobody behind.
func TestMappedGatewayStopped(t *testing.T) {
	onThree(t, once, nil, func(m *mapped) {
		m.together()
		m.gateway.Stop(m.T)
		m.native.ExpectFrom(m.relay, "QUIT")
		m.goes(m.native.Nick)
		m.goes(m.nick("bob"), harness.Where("gone", func(*harness.Element) bool { return true }))
		m.native.ExpectNone("PRIVMSG")
	})
}
