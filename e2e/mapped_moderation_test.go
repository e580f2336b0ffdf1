package e2e

import (
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// empower gives the bridge the rights of a moderator in all rooms.
func (m *mapped) empower() {
	m.Helper()
	m.native.Send("MODE %s +o %s", m.channel, m.relay)
	m.bob.SetPower(m.id, m.hs.ID("isthmusbot"), 90)
	keeper := realJID(m.enters("isthmus"))
	check(m.scenario, m.alice.IQ("set", m.muc, admin(`jid="`+keeper+`" affiliation="admin"/>`)), harness.Kind("iq/result"))
	m.alice.Expect(harness.Kind("presence/"), harness.From(m.muc+"/isthmus"), harness.Item("affiliation", "admin"))
}

// bare is jid without its resource.
func bare(jid string) string {
	jid, _, _ = strings.Cut(jid, "/")
	return jid
}

// realJID is the bare JID of the occupant whose presence it is.
func realJID(e *harness.Element) string {
	return bare(e.In("http://jabber.org/protocol/muc#user").Find("item").Attr["jid"])
}

// The topic of one room is that of all.
func TestMappedTopic(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		m.empower()
		m.native.Send("TOPIC %s :of irc", m.channel)
		m.alice.Expect(harness.Kind("message/groupchat"), harness.Subject("of irc"))
		m.bob.Expect(harness.InRoom(m.id), harness.EventType("m.room.topic"), harness.ContentText("topic", "of irc"))
		m.alice.Send(`<message type="groupchat" to="%s"><subject>of xmpp</subject></message>`, m.muc)
		m.native.Expect(` TOPIC ` + m.channel + ` :of xmpp$`)
		m.bob.Expect(harness.InRoom(m.id), harness.EventType("m.room.topic"), harness.ContentText("topic", "of xmpp"))
		m.bob.State(m.id, "m.room.topic", "", map[string]any{"topic": "of matrix"})
		m.native.Expect(` TOPIC ` + m.channel + ` :of matrix$`)
		m.alice.Expect(harness.Kind("message/groupchat"), harness.Subject("of matrix"))
	})
}

// Whoever is kicked in one room is kicked from all, with the reason.
func TestMappedKick(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		m.empower()
		// a native of IRC, by the owner of the MUC
		other := m.scenario.native("other")
		m.enters(other.Nick)
		check(m.scenario, m.alice.IQ("set", m.muc, admin(`nick="`+other.Nick+`" role="none"><reason>enough</reason></item>`)), harness.Kind("iq/result"))
		other.ExpectFrom(m.relay, "KICK "+m.channel+" "+other.Nick+" :.*enough")
		m.noMember(other.Nick)
		// a Matrix user, by the operator of the channel, who sees her as a name of the relay only: from the MUC again
		carol := m.person(m.nick("carol"))
		carol.Join(m.id)
		m.enters(m.nick("carol"))
		check(m.scenario, m.alice.IQ("set", m.muc, admin(`nick="`+m.nick("carol")+`" role="none"><reason>you too</reason></item>`)), harness.Kind("iq/result"))
		carol.Expect(harness.InRoom(m.id), harness.Membership(carol.ID, "leave"), harness.ContentLike("reason", "you too"))
		// an occupant of the MUC, from Matrix
		dave := m.user("dave")
		dave.Join(m.muc, m.nick("dave"))
		m.bob.Kick(m.id, m.member(m.nick("dave")), "out")
		dave.Expect(harness.Kind("presence/unavailable"), harness.From(m.muc+"/"+m.nick("dave")), harness.Code("307"), harness.Code("110"))
	})
}

// Whoever is banned in one room is banned from all, until that is lifted.
func TestMappedBan(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		m.empower()
		dave := m.user("dave")
		dave.Join(m.muc, m.nick("dave"))
		ghost := m.member(m.nick("dave"))
		m.bob.Ban(m.id, ghost, "for good")
		dave.Expect(harness.Kind("presence/unavailable"), harness.From(m.muc+"/"+m.nick("dave")), harness.Code("301"), harness.Code("110"))
		dave.SendJoin(m.muc, m.nick("dave"), "")
		dave.Expect(harness.Kind("presence/error"), harness.Condition("forbidden"))
		m.bob.Call(nil, "unban", m.id, ghost)
		joinUntil(m.scenario, dave, m.muc, m.nick("dave"))
		m.member(m.nick("dave"))

		other := m.scenario.native("other")
		jid := realJID(m.enters(other.Nick))
		check(m.scenario, m.alice.IQ("set", m.muc, admin(`jid="`+jid+`" affiliation="outcast"/>`)), harness.Kind("iq/result"))
		m.native.ExpectFrom(m.relay, `MODE `+m.channel+` \+b `)
		other.Expect("KICK " + m.channel + " " + other.Nick)
		other.Send("JOIN %s", m.channel)
		other.Expect(" 474 ")
	})
}

// Where the bridge has no right to do it, what was done is told, and nobody is lost.
func TestMappedKickWithoutRights(t *testing.T) {
	onThree(t, once, nil, func(m *mapped) {
		m.together()
		other := m.scenario.native("other")
		m.enters(other.Nick)
		check(m.scenario, m.alice.IQ("set", m.muc, admin(`nick="`+other.Nick+`" role="none"><reason>enough</reason></item>`)), harness.Kind("iq/result"))
		m.goes(other.Nick, harness.Code("307"))
		m.alice.Expect(harness.Kind("message/chat"), harness.From(m.muc+"/isthmus"), harness.BodyLike(other.Nick+" can't be removed from "+m.channel))
		other.Fence()
		other.ExpectNone(" KICK ")
	})
}
