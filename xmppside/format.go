package xmppside

import (
	"strings"
	"unicode"

	"isthmus/bridge"
)

// parseBody makes what was typed into a message of the core.
func parseBody(body string) bridge.Message {
	m := bridge.Message{Text: plainText(body)}
	// XEP-0245 §3: "/me " at the very beginning.
	m.Text, m.Emote = strings.CutPrefix(m.Text, "/me ")
	return m
}

// renderBody is what a message of the core looks like in a <body/>.
func renderBody(m bridge.Message) string {
	switch {
	case m.Emote:
		return "/me " + m.Text
	case m.Notice:
		return "[notice] " + m.Text
	}
	return m.Text
}

// plainText takes out control characters but for line ends and tabs.
func plainText(s string) string {
	clean := func(r rune) bool { return r == '\n' || r == '\t' || !unicode.IsControl(r) }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	return strings.Map(func(r rune) rune {
		if clean(r) {
			return r
		}
		return -1
	}, s)
}
