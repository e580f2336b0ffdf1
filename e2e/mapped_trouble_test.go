package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// A channel that the bridge is banned from, or that needs a key, keeps nobody
// else from talking; status says what is wrong, and it comes when it may.
func TestMappedLegRefused(t *testing.T) {
	for name, refusal := range map[string]struct{ set, unset, status string }{
		"key":    {"+k secret", "-k secret", `(?i)key|password`},
		"banned": {"+b *!*@*", "-b *!*@*", `(?i)banned`},
		"invite": {"+i", "-i", `(?i)invit`},
	} {
		t.Run(name, func(t *testing.T) {
			onMapped(t, once, func(m *mapped) {
				m.native.Send("MODE %s %s", m.channel, refusal.set)
				m.native.Expect(` MODE ` + m.channel)
			}, func(m *mapped) {
				m.enters(m.nick("bob"))
				m.member(m.nick("alice"))
				m.alice.Say(m.muc, "the others talk")
				m.reads(m.nick("alice"), "the others talk")
				m.answers(refusal.status, "status")
				m.native.Send("MODE %s %s", m.channel, refusal.unset)
				m.asked("retry")
				m.native.ExpectFrom(m.relay, "JOIN")
				m.enters(m.native.Nick)
				m.alice.Say(m.muc, "all three")
				m.hears(m.nick("alice"), "all three")
			})
		})
	}
}

// A room that isn't there is said to be, and the others work.
func TestMappedNoSuchRoom(t *testing.T) {
	onMapped(t, once, func(m *mapped) {
		m.rooms = append(m.rooms, harness.Config{"matrix": m.hs.Alias("nowhere")})
	}, func(m *mapped) {
		m.together()
		m.answers(`(?is)nowhere.*(not found|no such|isn't there|doesn't exist)`, "status")
		m.alice.Say(m.muc, "hello")
		m.hears(m.nick("alice"), "hello")
		m.reads(m.nick("alice"), "hello")
	})
}

// The nick of the relay is taken: it takes another one, and status tells which.
func TestMappedRelayNickTaken(t *testing.T) {
	var squatter *harness.IRC
	onMapped(t, eachIRC, func(m *mapped) { squatter = m.irc.Dial(m.T, m.relay) }, func(m *mapped) {
		m.enters(m.native.Nick)
		m.member(m.native.Nick)
		m.alice.Say(m.muc, "hello")
		line := m.native.Expect(`^(?:@\S+ )?:([^!]+)!\S+ PRIVMSG ` + m.channel + " :.*hello$")
		if line[1] == m.relay {
			m.Errorf("two of one nick")
		}
		m.answers(line[1], "status")
		squatter.Close()
	})
}
