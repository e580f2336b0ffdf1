package e2e

import (
	"testing"

	"isthmus/e2e/harness"
)

// The bot answers in a direct chat, and says what it can do.
func TestMatrixBot(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob := s.person("bob")
		bot := s.hs.ID("isthmusbot")
		room := bob.CreateDirect(bot)
		bob.Expect(harness.InRoom(room), harness.Membership(bot, "join"))
		bob.Say(room, "help")
		bob.Expect(harness.InRoom(room), harness.Sender(bot), harness.ContentLike("body", `(?i)help`))
		bob.Say(room, "what?")
		bob.Expect(harness.InRoom(room), harness.Sender(bot), harness.EventType("m.room.message"))
	})
}

// Third-party look-ups find networks, channels and people (application service
// API §5.1.6).
func TestMatrixThirdParty(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		bob := s.person("bob")
		var protocols map[string]any
		bob.Call(&protocols, "getThirdpartyProtocols")
		if protocols["irc"] == nil || protocols["xmpp"] == nil {
			s.Errorf("protocols: %v", protocols)
		}
	})
}
