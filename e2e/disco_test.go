package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

const (
	discoInfo  = `<query xmlns="http://jabber.org/protocol/disco#info"/>`
	discoItems = `<query xmlns="http://jabber.org/protocol/disco#items"/>`
)

// XEP-0030 and XEP-0045 §6: the gateway, a network and a room say what they are.
func TestDisco(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		s.native("native")
		alice, _ := s.joined("alice")
		gateway := alice.IQ("get", s.gateway.Domain, discoInfo)
		identity(s, gateway, "conference", "gateway")
		feature(s, gateway, "http://jabber.org/protocol/disco#items")
		check(s, alice.IQ("get", s.gateway.Domain, discoItems), item(s.at("")))

		identity(s, alice.IQ("get", s.at(""), discoInfo), "conference", "gateway", "server")
		check(s, alice.IQ("get", s.at(""), discoItems), harness.Kind("iq/result"), item(s.room))

		room := alice.IQ("get", s.room, discoInfo)
		identity(s, room, "conference")
		for _, f := range []string{"http://jabber.org/protocol/muc", "urn:xmpp:sid:0", "urn:xmpp:occupant-id:0", "http://jabber.org/protocol/muc#self-ping-optimization"} {
			feature(s, room, f)
		}
		form := room.Find("query/x")
		if form == nil {
			s.Fatalf("no muc#roominfo (XEP-0045 §6.4): %s", room)
		}
	})
}

func identity(s *scenario, e *harness.Element, categories ...string) {
	s.Helper()
	found := e.Find("query/identity")
	for _, category := range categories {
		if found != nil && found.Attr["category"] == category {
			return
		}
	}
	s.Errorf("no identity of %v: %s", categories, e)
}

func feature(s *scenario, e *harness.Element, name string) {
	s.Helper()
	if query := e.Find("query"); query != nil {
		for _, f := range query.All("feature") {
			if f.Attr["var"] == name {
				return
			}
		}
	}
	s.Errorf("no feature %s: %s", name, e)
}

func item(jid string) harness.Match {
	return harness.Where("item "+jid, func(e *harness.Element) bool {
		query := e.Find("query")
		if query == nil {
			return false
		}
		for _, i := range query.All("item") {
			if i.Attr["jid"] == jid {
				return true
			}
		}
		return false
	})
}

// XEP-0199, XEP-0092: everything of ours answers a ping, the gateway tells its version.
func TestPingAndVersion(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		alice := s.user("alice")
		const ping = `<ping xmlns="urn:xmpp:ping"/>`
		check(s, alice.IQ("get", s.gateway.Domain, ping), harness.Kind("iq/result"))
		check(s, alice.IQ("get", s.at(""), ping), harness.Kind("iq/result"))
		version := alice.IQ("get", s.gateway.Domain, `<query xmlns="jabber:iq:version"/>`)
		check(s, version, harness.Kind("iq/result"), harness.TextLike("query/name", "(?i)isthmus"), harness.TextLike("query/version", `\S`))
		check(s, alice.IQ("get", s.gateway.Domain, `<query xmlns="urn:example:unheard-of"/>`), harness.Condition("service-unavailable"))
	})
}

// XEP-0410 §3.2: a ping to one's own occupant JID succeeds while one is in the
// room; otherwise the error is not-acceptable.
func TestSelfPing(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		const ping = `<ping xmlns="urn:xmpp:ping"/>`
		alice, nick := s.joined("alice")
		check(s, alice.IQ("get", s.occupant(nick), ping), harness.Kind("iq/result"))
		bob := s.user("bob")
		check(s, bob.IQ("get", s.occupant(nick), ping), harness.Condition("not-acceptable"))
		alice.Leave(s.room, nick, "")
		alice.Expect(harness.Kind("presence/unavailable"), harness.Code("110"))
		check(s, alice.IQ("get", s.occupant(nick), ping), harness.Condition("not-acceptable"))
	})
}

// XEP-0115: the presence of a room's self or the gateway may carry caps; what
// it names is what disco#info tells. Unknown rooms answer too.
func TestDiscoOfUnknownRoom(t *testing.T) {
	on(t, once, func(s *scenario) {
		alice := s.user("alice")
		room := alice.IQ("get", s.at("#never-seen"), discoInfo)
		identity(s, room, "conference")
	})
}
