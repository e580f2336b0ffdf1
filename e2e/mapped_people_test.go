package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// Who comes, goes, is away or takes another name does so everywhere.
func TestMappedPeople(t *testing.T) {
	onMapped(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		other := m.scenario.native("other")
		m.enters(other.Nick)
		m.member(other.Nick)
		other.Send("NICK %s", m.nick("another"))
		m.goes(other.Nick, harness.Code("303"))
		m.enters(m.nick("another"))
		m.member(m.nick("another"))
		m.noMember(other.Nick)
		other.Send("AWAY :at lunch")
		m.alice.Expect(harness.Kind("presence/"), harness.From(m.muc+"/"+m.nick("another")), harness.TextAt("show", "away"))
		other.Send("PART %s :so long", m.channel)
		m.goes(m.nick("another"))
		m.noMember(m.nick("another"))

		carol := m.person(m.nick("carol"))
		carol.Join(m.id)
		m.enters(m.nick("carol"))
		carol.SetDisplayName(m.nick("caroline"))
		m.goes(m.nick("carol"), harness.Code("303"))
		m.enters(m.nick("caroline"))
		carol.Leave(m.id)
		m.goes(m.nick("caroline"))

		dave := m.user("dave")
		dave.Join(m.muc, m.nick("dave"))
		m.member(m.nick("dave"))
		dave.Send(`<presence to="%s/%s"/>`, m.muc, m.nick("david"))
		m.member(m.nick("david"))
		m.noMember(m.nick("dave"))
		dave.Leave(m.muc, m.nick("david"), "")
		m.noMember(m.nick("david"))
	})
}

// A name that is taken is not taken from anybody: who comes second is called a
// little differently.
func TestMappedNames(t *testing.T) {
	onMapped(t, eachXMPP, func(m *mapped) {
		m.scenario.native("alice") // as alice is called in the MUC
	}, func(m *mapped) {
		m.together()
		second := m.alice.Expect(harness.Kind("presence/"), harness.Where("of the other alice", func(e *harness.Element) bool {
			from := e.Attr["from"]
			return len(from) > len(m.muc+"/"+m.nick("alice")) && from[:len(m.muc+"/"+m.nick("alice"))] == m.muc+"/"+m.nick("alice")
		}))
		m.native.Say(m.channel, "who is who")
		m.sees(m.native.Nick, "who is who")
		m.alice.ExpectNone(harness.Kind("presence/unavailable"), harness.From(second.Attr["from"]))
	})
}

// A netsplit is one line of notice in the other rooms, and a list that is right
// afterwards.
func TestMappedNetsplit(t *testing.T) {
	aloneMapped(t, once, nil, func(m *mapped) {
		leaf := harness.StartInspIRCdLeaf(m.T, m.irc)
		m.together()
		const many = 30
		for i := range many {
			c := leaf.Dial(m.T, m.nick(word("far", i)+"x"))
			c.Join(m.channel)
			m.enters(c.Nick)
		}
		m.member(m.nick("far29x"))
		m.alice.Drain()
		leaf.Kill()
		for i := range many {
			m.noMember(m.nick(word("far", i) + "x"))
			m.goes(m.nick(word("far", i) + "x"))
		}
		m.native.Say(m.channel, "we are still here")
		m.sees(m.native.Nick, "we are still here")
		notices := 0
		for _, e := range m.alice.Drain() {
			if e.Name == "message" && e.Find("body") != nil {
				notices++
			}
		}
		if notices != 1 {
			m.Errorf("%d lines of notice", notices)
		}
	})
}
