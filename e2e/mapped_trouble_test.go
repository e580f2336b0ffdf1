package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"isthmus/e2e/harness"
)

// A channel that the bridge is banned from, or that needs a key or an invitation,
// keeps nobody else from talking; status says what is wrong, and the bridge comes
// when it is asked in, or told the key.
func TestMappedLegRefused(t *testing.T) {
	for name, refusal := range map[string]struct {
		set, status string
		help        func(*mapped)
	}{
		"key": {"+k secret", `(?i)refused.*\n.*\bkey\b`, func(m *mapped) {
			file := filepath.Join(m.TempDir(), "key")
			if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
				m.Fatal(err)
			}
			m.rooms[onIRC].Set("password_file", file)
			m.gateway.Write(m.T)
			m.gateway.Signal(m.T, syscall.SIGHUP)
		}},
		"banned": {"+b *!*@*", `(?i)refused.*\n.*banned`, func(m *mapped) {
			m.native.Send("MODE %s -b *!*@*", m.channel)
			m.native.Send("INVITE %s %s", m.relay, m.channel)
		}},
		"invite": {"+i", `(?i)refused.*\n.*invit`, func(m *mapped) { m.native.Send("INVITE %s %s", m.relay, m.channel) }},
	} {
		t.Run(name, func(t *testing.T) {
			onThree(t, once, func(m *mapped) {
				m.native.Send("MODE %s %s", m.channel, refusal.set)
				m.native.Expect(` MODE ` + m.channel)
			}, func(m *mapped) {
				m.enters(m.nick("bob"))
				m.member(m.nick("alice"))
				m.alice.Say(m.muc, "the others talk")
				m.reads(m.nick("alice"), "the others talk")
				m.alice.Expect(harness.From(m.muc+"/isthmus"), harness.BodyLike("does not reach "+m.channel))
				m.answers(refusal.status, "status")
				refusal.help(m)
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
	onThree(t, once, func(m *mapped) {
		m.rooms = append(m.rooms, harness.Config{"matrix": m.hs.Alias("nowhere")})
	}, func(m *mapped) {
		m.together()
		m.answers(`(?s)nowhere.*refused.*There is no room called`, "status")
		m.alice.Say(m.muc, "hello")
		m.hears(m.nick("alice"), "hello")
		m.reads(m.nick("alice"), "hello")
	})
}

// The nick of the relay is taken: it takes another one, and status tells which.
func TestMappedRelayNickTaken(t *testing.T) {
	onThree(t, eachIRC, func(m *mapped) { m.irc.Dial(m.T, m.relay) }, func(m *mapped) {
		m.enters(m.native.Nick)
		m.member(m.native.Nick)
		m.alice.Say(m.muc, "hello")
		line := m.native.Expect(`^(?:@\S+ )?:([^!]+)!\S+ PRIVMSG ` + m.channel + " :.*hello$")
		if line[1] == m.relay {
			m.Errorf("two of one nick")
		}
		m.answers(line[1], "status")
	})
}

// A MUC that its owner destroys is said to be no more, and the others talk on.
func TestMappedRoomDestroyed(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		check(m.scenario, m.alice.IQ("set", m.muc, `<query xmlns="http://jabber.org/protocol/muc#owner"><destroy><reason>enough</reason></destroy></query>`),
			harness.Kind("iq/result"))
		m.answers(`(?s)`+m.muc+`.*refused.*enough`, "status")
		m.noMember(m.nick("alice"))
		m.bob.Say(m.id, "who is left?")
		m.hears(m.nick("bob"), "who is left?")
		m.native.Say(m.channel, "I am")
		m.reads(m.native.Nick, "I am")
	})
}
