package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

const nsChatStates = "http://jabber.org/protocol/chatstates"

// Typing is XEP-0085's composing, both ways.
func TestMatrixTyping(t *testing.T) {
	onCrossing(t, eachXMPP, func(s *crossing) {
		s.bob.Typing(s.id, true)
		s.alice.Expect(harness.Kind("message/groupchat"), harness.From(s.in("bob")), harness.Child("composing", nsChatStates))
		s.bob.Typing(s.id, false)
		s.alice.Expect(harness.Kind("message/groupchat"), harness.From(s.in("bob")), harness.Where("an end of it", func(e *harness.Element) bool {
			return e.Find("active") != nil || e.Find("paused") != nil || e.Find("inactive") != nil
		}))
		s.alice.Send(`<message type="groupchat" to="%s"><composing xmlns="%s"/></message>`, s.jid, nsChatStates)
		s.bob.Expect(harness.EventType("m.typing"), harness.InRoom(s.id), harness.Sender(s.ghost))
	})
}

// A read receipt is XEP-0333's displayed, both ways.
func TestMatrixRead(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		id := s.alice.Say(s.jid, "read me")
		s.alice.Expect(harness.ID(id))
		event := s.bob.Expect(harness.Sender(s.ghost), harness.Said("m.text", "read me"))
		s.bob.Read(s.id, event.ID)
		s.alice.Expect(harness.From(s.in("bob")), harness.Child("displayed", "urn:xmpp:chat-markers:0"))
		said := s.bob.Say(s.id, "and me")
		m := s.alice.Expect(harness.From(s.in("bob")), harness.Body("and me"))
		read := m.Attr["id"]
		if stanzaID := m.Find("stanza-id"); stanzaID != nil {
			read = stanzaID.Attr["id"]
		}
		s.alice.Send(`<message type="groupchat" to="%s"><displayed xmlns="urn:xmpp:chat-markers:0" id="%s"/></message>`, s.jid, read)
		s.bob.Expect(harness.EventType("m.receipt"), harness.InRoom(s.id), harness.Sender(s.ghost), harness.ContentText("event", said))
	})
}

// shownAway is how somebody is shown who told that they are away. A Synapse may
// say that they are online with it, as it takes whoever syncs for present.
func shownAway() harness.Match {
	if homeserver == "synapse" {
		return harness.Kind("presence/")
	}
	return harness.TextAt("show", "away")
}

// Presence and status are <show/> and <status/> in the room, both ways.
func TestMatrixPresence(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.SetPresence("unavailable", "at lunch")
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("bob")), shownAway(), harness.TextAt("status", "at lunch"))
		s.alice.Send(`<presence to="%s"><show>away</show><status>in a train</status></presence>`, s.in("alice"))
		s.bob.Expect(harness.EventType("m.presence"), harness.Sender(s.ghost), harness.ContentText("presence", "unavailable"), harness.ContentText("status_msg", "in a train"))
	})
}

// Private receipts are nobody else's business.
func TestMatrixPrivateRead(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.alice.Say(s.jid, "read me in secret")
		event := s.bob.Expect(harness.Sender(s.ghost), harness.Said("m.text", "read me in secret"))
		s.hs.Request(s.T, "POST", "/_matrix/client/v3/rooms/"+s.id+"/receipt/m.read.private/"+event.ID, s.bob.Token, map[string]any{})
		s.bob.Say(s.id, "done")
		s.alice.Expect(harness.From(s.in("bob")), harness.Body("done"))
		s.alice.ExpectNone(harness.From(s.in("bob")), harness.Child("displayed", "urn:xmpp:chat-markers:0"))
	})
}
