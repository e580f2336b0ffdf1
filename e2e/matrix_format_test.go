package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

const nsXHTML = "http://jabber.org/protocol/xhtml-im"

// org.matrix.custom.html arrives as text that reads well (XEP-0393) and as
// XHTML-IM (XEP-0071); styling arrives as HTML.
func TestMatrixFormatting(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.SayHTML(s.id, "very **bold** and `code`", `very <strong>bold</strong> and <code>code</code>`)
		m := s.alice.Expect(harness.From(s.in("bob")), harness.BodyLike("^very \\*bold\\* and `code`$"))
		html := m.In(nsXHTML)
		if html == nil || html.Find("body/strong") == nil && html.Find("body/span") == nil {
			s.Errorf("no XHTML-IM with bold in it: %s", m)
		}
		s.alice.Say(s.jid, "quite *bold* and _slanted_")
		s.bob.Expect(harness.Sender(s.ghost), harness.ContentLike("formatted_body", `quite <(strong|b)>bold</(strong|b)> and <(em|i)>slanted</(em|i)>`))
	})
}

// What a homeserver lets through isn't what a client may be shown: links of
// other schemes and unknown elements are only their text.
func TestMatrixHostileHTML(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.SayHTML(s.id, "click", `<script>alert(1)</script><a href="javascript:alert(1)" onclick="x()">click</a>`)
		m := s.alice.Expect(harness.From(s.in("bob")), harness.BodyLike("click"))
		s.alice.ExpectNone(harness.BodyLike("javascript|onclick"))
		if html := m.In(nsXHTML); html != nil && html.Find("body/a") != nil {
			s.Errorf("a link of javascript: %s", m)
		}
	})
}

// m.emote is XEP-0245's "/me "; m.notice is shown.
func TestMatrixEmoteAndNotice(t *testing.T) {
	onCrossing(t, eachXMPP, func(s *crossing) {
		s.bob.Emote(s.id, "waves")
		s.alice.Expect(harness.From(s.in("bob")), harness.Body("/me waves"))
		s.alice.Say(s.jid, "/me waves back")
		s.bob.Expect(harness.Sender(s.ghost), harness.Said("m.emote", "waves back"))
		s.bob.Send(s.id, "m.room.message", map[string]any{"msgtype": "m.notice", "body": "mind the gap"})
		s.alice.Expect(harness.From(s.in("bob")), harness.BodyLike("mind the gap"))
	})
}

// A name of somebody in the room becomes a pill, and a pill their nick.
func TestMatrixMention(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.SayHTML(s.id, "@xmpp: look", `<a href="https://matrix.to/#/`+s.ghost+`">whoever</a>: look`)
		s.alice.Expect(harness.From(s.in("bob")), harness.Body("alice: look"))
		s.alice.Say(s.jid, "bob: I do")
		s.bob.Expect(harness.Sender(s.ghost), harness.ContentLike("formatted_body", `<a href="https://matrix\.to/#/(@|%40)bob(:|%3A)`+s.hs.Name))
	})
}

// An event of a type that nobody knows arrives as its fallback text.
func TestMatrixUnknownType(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.Send(s.id, "org.example.poll", map[string]any{"body": "Tea or coffee?", "msgtype": "org.example.poll"})
		s.alice.Expect(harness.From(s.in("bob")), harness.BodyLike("Tea or coffee"))
	})
}
