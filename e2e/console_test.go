package e2e

import (
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// A message to network@gateway is a raw line to that server, and what it
// answers comes back there.
func TestConsole(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice := s.user("alice")
		alice.Chat(s.at(""), "WHOIS "+native.Nick)
		alice.Expect(harness.Kind("message/chat"), harness.From(s.at("")), harness.BodyLike(native.Nick+".*the native"))
		alice.Chat(s.at(""), "LUSERS")
		alice.Expect(harness.Kind("message/chat"), harness.From(s.at("")), harness.BodyLike(`(?i)users`))
	})
}

// What isn't understood is answered with help.
func TestConsoleHelp(t *testing.T) {
	on(t, eachIRC, func(s *scenario) {
		alice := s.user("alice")
		alice.Chat(s.at(""), "how do I use this?")
		alice.Expect(harness.From(s.at("")), harness.Where("help", func(e *harness.Element) bool {
			return strings.Contains(strings.ToLower(e.TextOf("body")+e.TextOf("error/text")), "help")
		}))
	})
}

// No text of a user's becomes a second line for the server.
func TestConsoleOneLine(t *testing.T) {
	on(t, once, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		alice.Send(`<message type="chat" to="%s"><body>LUSERS&#13;&#10;QUIT :injected</body></message>`, s.at(""))
		alice.Say(s.room, "not gone")
		native.ExpectFrom(nick, "PRIVMSG .* :not gone$")
		native.ExpectNone("injected")
	})
}
