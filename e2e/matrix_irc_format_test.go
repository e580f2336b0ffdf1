package e2e

import (
	"regexp"
	"testing"

	"isthmus/e2e/harness"
)

// What is said with formatting, whom it speaks to and who is typing crosses
// between a channel and its room on Matrix.
func TestMatrixChannelFormatting(t *testing.T) {
	onMatrix(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		room := bob.Join(s.portalAlias())
		nick := native.Expect(`^:(bob[^!]*)\S* JOIN :?` + s.channel)[1]
		ghost := s.ircGhost(native.Nick)
		bob.ExpectMembership(room, ghost, true)

		bob.SayHTML(room, "**bold** and `code`", "<strong>bold</strong> and <code>code</code>, <a href=\"https://example.org/\">here</a>")
		native.ExpectFrom(nick, "PRIVMSG "+s.channel+" :\x02bold\x02 and \x11code\x11, here <https://example.org/>$")
		bob.SayHTML(room, "Native: hi", `<a href="https://matrix.to/#/`+ghost+`">Somebody</a>: hi`)
		native.ExpectFrom(nick, "PRIVMSG "+s.channel+" :"+native.Nick+": hi$")
		bob.SayHTML(room, "> this\n\nno", "<blockquote><p>this</p></blockquote><p>no</p>")
		native.ExpectFrom(nick, "PRIVMSG "+s.channel+" :> this$")
		native.ExpectFrom(nick, "PRIVMSG "+s.channel+" :?no$")

		native.Say(s.channel, "\x02bold\x02 \x0304red\x03 \x1dit")
		bob.Expect(harness.InRoom(room), harness.Sender(ghost), harness.ContentLike("formatted_body", "^<strong>bold</strong> red <em>it</em>$"))
		native.Say(s.channel, nick+": hello")
		bob.Expect(harness.InRoom(room), harness.Sender(ghost), harness.ContentLike("formatted_body", `<a href="https://matrix\.to/#/@bob:`+s.hs.Name+`">[^<]*</a>: hello$`))
	})
}

// Typing is +typing of IRCv3, to those who have message-tags.
func TestMatrixChannelTyping(t *testing.T) {
	onMatrix(t, []string{"prosody+ergo"}, func(s *scenario) {
		native := s.native("native")
		native.Send("CAP REQ :message-tags")
		native.Expect("CAP .* ACK .*message-tags")
		bob := s.person("bob")
		room := bob.Join(s.portalAlias())
		nick := native.Expect(`:(bob[^!]*)\S* JOIN :?` + s.channel)[1]
		ghost := s.ircGhost(native.Nick)
		bob.ExpectMembership(room, ghost, true)
		bob.Typing(room, true)
		native.Expect(`^@\S*\+typing=active\S* :` + regexp.QuoteMeta(nick) + `!\S* TAGMSG ` + s.channel)
		native.Send("@+typing=active TAGMSG %s", s.channel)
		bob.Expect(harness.EventType("m.typing"), harness.InRoom(room), harness.Sender(ghost))
	})
}
