package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// XEP-0045 §7.2: who enters a room of Matrix is shown its members, themselves
// last, and the subject; Matrix sees a ghost by the nick that was asked for.
func TestMatrixRoom(t *testing.T) {
	onCrossing(t, eachXMPP, func(s *crossing) {
		check(s.scenario, s.shown.Occupants["bob"], harness.Kind("presence/"))
		if name := s.bob.Members(s.id)[s.ghost]; name != "alice" {
			s.Errorf("the ghost is called %q", name)
		}
		id := s.alice.Say(s.jid, "hello <&> matrix")
		s.bob.Expect(harness.InRoom(s.id), harness.Sender(s.ghost), harness.Said("m.text", "hello <&> matrix"))
		s.alice.Expect(harness.Kind("message/groupchat"), harness.From(s.in("alice")), harness.ID(id), harness.Body("hello <&> matrix"))
		s.bob.Say(s.id, "hello <&> xmpp")
		s.alice.Expect(harness.Kind("message/groupchat"), harness.From(s.in("bob")), harness.Body("hello <&> xmpp"))
		s.alice.Say(s.jid, "once")
		s.bob.Expect(harness.Said("m.text", "once"))
		s.bob.ExpectNone(harness.Said("m.text", "hello <&> matrix"))
		s.alice.Expect(harness.Body("once"))
		s.alice.ExpectNone(harness.Body("hello <&> matrix"))
	})
}

// A room can be entered by its id, whose upper case a JID can't hold, and through the domain of all networks.
func TestMatrixRoomByOtherNames(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		id := bob.PublicRoom("room")
		for i, jid := range []string{`#room%` + s.hs.Name + `%matrix@` + s.gateway.Domain, s.matrixJID(escapeUpper(strings.TrimSuffix(id, ":"+s.hs.Name)))} {
			alice.Join(jid, "alice")
			alice.Say(jid, word("way", i))
			bob.Expect(harness.InRoom(id), harness.Sender(s.ghost("alice")), harness.Said("m.text", word("way", i)))
			alice.Leave(jid, "alice", "")
			alice.Expect(harness.Kind("presence/unavailable"), harness.Code("110"))
			bob.Expect(harness.InRoom(id), harness.Membership(s.ghost("alice"), "leave"))
		}
	})
}

// Two XMPP users in a room of Matrix are two ghosts, and see each other's
// messages once.
func TestMatrixTwoUsers(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		carol := s.user("carol")
		carol.Join(s.jid, "carol")
		s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("carol")))
		s.bob.Expect(harness.InRoom(s.id), harness.Membership(s.scenario.ghost("carol"), "join"))
		carol.Say(s.jid, "hello all")
		s.alice.Expect(harness.From(s.in("carol")), harness.Body("hello all"))
		s.bob.Expect(harness.Sender(s.scenario.ghost("carol")), harness.Said("m.text", "hello all"))
		s.bob.Say(s.id, "hello both")
		for _, x := range []*harness.XMPP{s.alice, carol} {
			x.Expect(harness.From(s.in("bob")), harness.Body("hello both"))
		}
		s.alice.ExpectNone(harness.Body("hello all"))
	})
}

// Many lines in either direction arrive in order, each once.
func TestMatrixManyMessages(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		const count = 40
		for i := range count {
			s.alice.Say(s.jid, word("x", i))
			s.bob.Say(s.id, word("m", i))
		}
		for i := range count {
			if got := s.bob.Expect(harness.Sender(s.ghost), harness.ContentLike("body", `^x\d+$`)).Text("body"); got != word("x", i) {
				s.Fatalf("Matrix got %s, not %d", got, i)
			}
			if got := s.alice.Expect(harness.From(s.in("bob")), harness.BodyLike(`^m\d+$`)).TextOf("body"); got != word("m", i) {
				s.Fatalf("XMPP got %s, not %d", got, i)
			}
		}
	})
}

// escapeUpper is how the gateway writes what XMPP would fold away.
func escapeUpper(text string) string {
	return regexp.MustCompile(`[A-Z]`).ReplaceAllStringFunc(text, func(c string) string { return fmt.Sprintf(`\u{%x}`, c[0]) })
}
