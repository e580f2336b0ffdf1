package e2e

import (
	"encoding/json"
	"regexp"
	"testing"

	"isthmus/e2e/harness"
)

// "isthmus status" and "isthmus explain" tell what is joined, who speaks as whom
// and why somebody is not there; --json says it to programs.
func TestMappedStatus(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		status := m.answers(`(?s)joined.*joined.*joined`, "status")
		for _, want := range []string{m.muc, m.channel, m.relay} {
			if !regexp.MustCompile(regexp.QuoteMeta(want)).MatchString(status) {
				m.Errorf("no %s in\n%s", want, status)
			}
		}
		if out := m.asked("status", "--json"); !json.Valid([]byte(out)) {
			m.Errorf("no JSON: %s", out)
		}
		m.answers(`(?i)relay`, "explain", m.nick("alice"))
		m.answers(regexp.QuoteMeta(m.native.Nick), "explain", m.muc)
		if out := m.asked("explain", "--json", m.nick("alice")); !json.Valid([]byte(out)) {
			m.Errorf("no JSON: %s", out)
		}
	})
}

// "isthmus plan" says what a configuration would change, before it does.
func TestMappedPlan(t *testing.T) {
	onThree(t, once, nil, func(m *mapped) {
		m.together()
		m.asked("plan")
		delete(m.gateway.Config, "links")
		m.link("lounge", m.rooms[inMUC], m.rooms[onIRC])
		m.gateway.Write(m.T)
		m.answers(m.nick("room"), "plan")
		m.alice.Say(m.muc, "nothing has changed yet")
		m.hears(m.nick("alice"), "nothing has changed yet")
		m.bob.Expect(harness.InRoom(m.id), harness.Said("m.text", "nothing has changed yet"))
	})
}
