package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// A MUC for members: the bridge comes when it is invited, and says what those
// say who may not come in. Who is made a member comes by themselves.
func TestMappedMUCForMembers(t *testing.T) {
	onThree(t, eachXMPP, func(m *mapped) {
		check(m.scenario, m.alice.IQ("set", m.muc, `<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit">`+
			`<field var="FORM_TYPE"><value>http://jabber.org/protocol/muc#roomconfig</value></field>`+
			`<field var="muc#roomconfig_persistentroom"><value>1</value></field>`+
			`<field var="muc#roomconfig_membersonly"><value>1</value></field></x></query>`), harness.Kind("iq/result"))
	}, func(m *mapped) {
		m.gateway.ExpectLog(m.T, "Only members may enter")
		keeper := "isthmus%bridge@" + m.gateway.Domain
		m.alice.Send(`<message to="%s"><x xmlns="http://jabber.org/protocol/muc#user"><invite to="%s"/></x></message>`, m.muc, keeper)
		if at := realJID(m.enters("isthmus")); at != keeper {
			m.Errorf("the bridge is there as %s", at)
		}
		m.native.Send("PRIVMSG %s :from outside", m.channel)
		m.alice.Expect(harness.From(m.muc+"/isthmus"), harness.Body("<"+m.native.Nick+"> from outside"))
		m.alice.Say(m.muc, "from inside")
		m.hears(m.nick("alice"), "from inside")
	})
}

// Somebody of IRC changes their nick, and goes: so does their occupant.
func TestMappedMUCNick(t *testing.T) {
	onThree(t, eachXMPP, nil, func(m *mapped) {
		m.together()
		rob := m.scenario.native("rob")
		first := realJID(m.enters(rob.Nick))
		if first != rob.Nick+"%"+network+"@"+m.gateway.Domain {
			m.Errorf("%s is there as %s", rob.Nick, first)
		}
		was, now := rob.Nick, m.nick("bobby")
		rob.Send("NICK %s", now)
		m.alice.Expect(harness.From(m.muc+"/"+was), harness.Code("303"), harness.Item("nick", now))
		rob.Send("PRIVMSG %s :it is me", m.channel)
		m.sees(now, "it is me")
		// Another one takes the old nick.
		other := m.irc.Dial(m.T, was)
		other.Join(m.channel)
		if second := realJID(m.enters(was)); second != first {
			m.Errorf("%s is there as %s", was, second)
		}
		other.Send("PRIVMSG %s :and me", m.channel)
		m.sees(was, "and me")
		rob.Send("QUIT :bye")
		m.alice.Expect(harness.From(m.muc+"/"+now), harness.Kind("presence/unavailable"))
		other.Send("PRIVMSG %s :still here", m.channel)
		m.sees(was, "still here")
	})
}
