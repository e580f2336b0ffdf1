package e2e

import (
	"syscall"
	"testing"

	"isthmus/e2e/harness"
)

// A reload adds a room to one link, and another link, takes one away, and
// touches nothing else, while everybody talks.
func TestMappedReload(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		muc := m.newMUC("added", m.nick("alicia"))
		talk := func(from, to int) {
			for i := from; i < to; i++ {
				m.native.Say(m.channel, word("i", i))
				m.alice.Say(m.muc, word("x", i))
				m.bob.Say(m.id, word("m", i))
			}
		}
		apply := func(rooms ...harness.Config) {
			delete(m.gateway.Config, "links")
			m.link("lounge", rooms...)
			m.gateway.Write(m.T)
			m.gateway.Signal(m.T, syscall.SIGHUP)
		}
		talk(0, 6)
		apply(m.rooms[inMUC], m.rooms[onIRC], m.rooms[atHS], harness.Config{"xmpp": muc})
		talk(6, 12)
		m.alice.Expect(harness.Kind("presence/"), harness.From(muc+"/"+m.native.Nick))
		m.native.Say(m.channel, "hello new room")
		m.alice.Expect(harness.From(muc+"/"+m.native.Nick), harness.Body("hello new room"))
		apply(m.rooms[inMUC], m.rooms[onIRC], m.rooms[atHS])
		talk(12, 18)
		m.alice.Expect(harness.Kind("presence/unavailable"), harness.From(muc+"/"+m.native.Nick))
		m.once()
		m.eachHeard(18)
		m.native.ExpectNone(`^:` + m.relay + `\S* (PART|QUIT|JOIN)`)
		m.alice.ExpectNone(harness.Kind("presence/unavailable"), harness.From(m.muc+"/"+m.native.Nick))
		m.alice.ExpectNone(harness.Kind("presence/unavailable"), harness.From(m.muc+"/"+m.nick("bob")))
	})
}

// eachHeard checks that n numbered lines of each network came to each other one,
// once and in order.
func (m *mapped) eachHeard(n int) {
	m.Helper()
	heard, shown := relayedTexts(m.native.Drain()), m.shown(m.alice.Drain())
	eachOnce(m.scenario, "IRC, of XMPP", numbers(heard, "x"), upTo(n))
	eachOnce(m.scenario, "IRC, of Matrix", numbers(heard, "m"), upTo(n))
	eachOnce(m.scenario, "XMPP, of IRC", numbers(shown, "i"), upTo(n))
	eachOnce(m.scenario, "XMPP, of Matrix", numbers(shown, "m"), upTo(n))
	eachOnce(m.scenario, "Matrix, of IRC", numbers(roomTexts(m.scenario, m.bob, m.id, m.called(m.native.Nick)), "i"), upTo(n))
	eachOnce(m.scenario, "Matrix, of XMPP", numbers(roomTexts(m.scenario, m.bob, m.id, m.called(m.nick("alice"))), "x"), upTo(n))
}
