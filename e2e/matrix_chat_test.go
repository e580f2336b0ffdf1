package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

const (
	nsMarkers  = "urn:xmpp:chat-markers:0"
	nsReceipts = "urn:xmpp:receipts"
)

// naming checks which message an element of a message names.
func naming(element, id string) harness.Match {
	return harness.Where(element+" of "+id, func(e *harness.Element) bool {
		found := e.Find(element)
		return found != nil && found.Attr["id"] == id
	})
}

// One to one: a receipt (XEP-0184) when the homeserver has a message, markers
// (XEP-0333) of what was read, chat states (XEP-0085), formatting, both ways.
func TestMatrixChat(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		jid, ghost := s.matrixJID("bob"), s.ghost("alice")
		chat := func(content string) {
			alice.Send(`<message type="chat" to="%s" id="m1">%s</message>`, jid, content)
		}
		chat(`<body>~hello~</body><request xmlns="` + nsReceipts + `"/>`)
		alice.Expect(harness.Kind("message/chat"), harness.From(jid), harness.Child("received", nsReceipts), naming("received", "m1"))
		room := bob.Join(bob.Expect(harness.OwnMembership("invite"), harness.Sender(ghost)).Room)
		event := bob.Expect(harness.InRoom(room), harness.Sender(ghost), harness.ContentLike("formatted_body", "<(del|s|strike)[^>]*>hello</"))
		if homeserver == "synapse" { // Dendrite tells of it only in rooms that the bot is in
			bob.Read(room, event.ID)
			alice.Expect(harness.Kind("message/chat"), harness.From(jid), harness.Child("displayed", nsMarkers), naming("displayed", "m1"))
			bob.Typing(room, true)
			alice.Expect(harness.Kind("message/chat"), harness.From(jid), harness.Child("composing", nsChatStates))
		}

		said := bob.SayHTML(room, "**hi**", "<b>hi</b>")
		m := alice.Expect(harness.Kind("message/chat"), harness.From(jid), harness.Body("*hi*"), harness.Child("markable", nsMarkers))
		chat(`<displayed xmlns="` + nsMarkers + `" id="` + m.Attr["id"] + `"/>`)
		bob.Expect(harness.EventType("m.receipt"), harness.InRoom(room), harness.Sender(ghost), harness.ContentText("event", said))
		chat(`<composing xmlns="` + nsChatStates + `"/>`)
		bob.Expect(harness.EventType("m.typing"), harness.InRoom(room), harness.Sender(ghost))
	})
}

// The same where the one on Matrix has begun.
func TestMatrixChatBegunThere(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		jid, ghost := s.matrixJID("bob"), s.ghost("alice")
		room := bob.CreateDirect(ghost)
		bob.Expect(harness.InRoom(room), harness.Membership(ghost, "join"))
		said := bob.Say(room, "hello alice")
		m := alice.Expect(harness.Kind("message/chat"), harness.From(jid), harness.Body("hello alice"), harness.Child("markable", nsMarkers))
		alice.Send(`<message type="chat" to="%s"><displayed xmlns="%s" id="%s"/></message>`, jid, nsMarkers, m.Attr["id"])
		bob.Expect(harness.EventType("m.receipt"), harness.InRoom(room), harness.Sender(ghost), harness.ContentText("event", said))
		alice.Send(`<message type="chat" to="%s"><composing xmlns="%s"/></message>`, jid, nsChatStates)
		bob.Expect(harness.EventType("m.typing"), harness.InRoom(room), harness.Sender(ghost))
	})
}
