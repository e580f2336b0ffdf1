package e2e

import (
	"fmt"
	"testing"

	"isthmus/e2e/harness"
)

// Who comes, goes, is away or takes another name does so everywhere.
func TestMappedPeople(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
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
	onThree(t, eachXMPP, func(m *mapped) {
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

// A netsplit is one line of notice in the other rooms; who was cut off keeps
// their place for a while, and whoever comes back is as before.
func TestMappedNetsplit(t *testing.T) {
	aloneThree(t, once, nil, func(m *mapped) {
		leaf := harness.StartInspIRCdLeaf(m.T, m.irc)
		m.together()
		const many = 15
		far := func(i int) string { return m.nick(word("far", i) + "x") }
		for i := range many {
			leaf.Dial(m.T, far(i)).Join(m.channel)
			m.enters(far(i))
		}
		m.member(far(many - 1))
		m.alice.Drain()
		leaf.Kill()
		m.alice.Expect(harness.Kind("message/groupchat"), harness.From(m.muc+"/isthmus"), harness.BodyLike(fmt.Sprintf("^%d people were cut off", many)))
		m.bob.Expect(harness.InRoom(m.id), harness.ContentText("msgtype", "m.notice"), harness.ContentLike("body", "cut off"))
		leaf.Start(m.T)
		again := leaf.Dial(m.T, far(0))
		again.Join(m.channel)
		leaf.LinkTo(m.T, "irc.inspircd.test")
		m.native.ExpectFrom(far(0), "JOIN")
		again.Say(m.channel, "back again")
		m.sees(far(0), "back again")
		m.reads(far(0), "back again")
		m.once()
		for _, e := range m.alice.Drain() {
			if e.Name == "presence" && e.Attr["type"] == "unavailable" || e.Attr["from"] == m.muc+"/isthmus" {
				m.Errorf("more than one line: %s", e)
			}
		}
	})
}
