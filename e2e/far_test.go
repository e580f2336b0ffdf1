package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// A client that is gone without a word is found out when what is sent to it
// bounces: that client is removed, its user with the last one
// (XEP-0045 §17.1.2).
func TestClientBounces(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		alice, _ := s.joined("alice")
		far := s.xmpp.DialFar(s.T, s.host)
		nick := s.nick("zoe")
		desk, phone := "zoe@"+far.Domain+"/desk", "zoe@"+far.Domain+"/phone"
		for _, jid := range []string{desk, phone} {
			far.Send(`<presence from="%s" to="%s"><x xmlns="http://jabber.org/protocol/muc"/></presence>`, jid, s.occupant(nick))
			far.Expect(harness.To(jid), harness.Subject(""))
		}
		native.ExpectFrom(nick, "JOIN")

		for i, jid := range []string{phone, desk} {
			text := word("who is here? ", i)
			native.Say(s.channel, text)
			m := far.Expect(harness.To(jid), harness.Body(text))
			far.Send(`<message type="error" id="%s" from="%s" to="%s"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`,
				harness.Escape(m.Attr["id"]), jid, s.occupant(native.Nick))
			if jid == phone { // the desk is there still
				native.Say(s.channel, "one of two")
				far.Expect(harness.To(desk), harness.Body("one of two"))
				native.ExpectNone(nick + `!\S+ (PART|QUIT)`)
			}
		}
		native.ExpectFrom(nick, "(PART|QUIT)")
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)))
	})
}
