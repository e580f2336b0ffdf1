// Package format turns Matrix's messages (org.matrix.custom.html) into text
// with spans, and back. Both directions are pure functions.
//
//	from Matrix   Parse: whatever event it is, as far as people should hear of it
//	to Matrix     Render for the text, in as many events as it takes, and
//	              File for each file that is on the homeserver by then
//
// What HTML means is decided by golang.org/x/net/html, and what of it counts
// by a walk over its tree. What is said in formatted_body counts; body is for
// where there is none, or none that can be read.
package format

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

const (
	// maxHTML is the longest formatted_body in bytes that is looked at. An
	// event can't hold a longer one.
	maxHTML = 64 << 10
	// maxURL is the longest link in bytes that is one.
	maxURL = 2048
	// maxName is the longest name of a file in bytes.
	maxName = 200
)

// schemes are those of links that go to other networks (see bridge.Span).
var schemes = map[string]bool{
	"http": true, "https": true, "mailto": true, "xmpp": true, "irc": true, "ircs": true, "matrix": true,
}

// link reads a link, nil for what isn't one that we would give to anybody.
func link(s string) *url.URL {
	if len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || isControl(r) }) || !utf8.ValidString(s) {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || !schemes[u.Scheme] || u.Host == "" && u.Opaque == "" && u.Path == "" {
		return nil
	}
	return u
}

// userOf is whom a link leads to, "" if to nobody: matrix.to URLs and matrix:
// URIs ("Linking to..." of the Matrix specification's appendices). mautrix
// parts ids at any "/", and ours have some.
func userOf(u *url.URL) id.UserID {
	var text string
	switch {
	case u.Scheme == "matrix":
		var ok bool
		if text, ok = strings.CutPrefix(u.Opaque, "u/"); !ok {
			if text, ok = strings.CutPrefix(u.Opaque, "user/"); !ok {
				return ""
			}
		}
		text = "@" + text
	case (u.Scheme == "https" || u.Scheme == "http") && strings.EqualFold(u.Host, "matrix.to"):
		text, _, _ = strings.Cut(strings.TrimPrefix(u.EscapedFragment(), "/"), "?")
	}
	text, err := url.PathUnescape(text)
	if at, colon := strings.IndexByte(text, '@'), strings.IndexByte(text, ':'); err != nil || at != 0 || colon < 2 || colon == len(text)-1 ||
		len(text) > 255 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || isControl(r) }) {
		return ""
	}
	return id.UserID(text)
}

// pill is the link that clients show as a mention of user.
func pill(user id.UserID) string {
	return "https://matrix.to/#/" + url.PathEscape(string(user))
}

// clean is s as the text of a message may be: LF between lines, no other
// control characters but tabs, UTF-8.
func clean(s string) string {
	plain := func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, plain) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r != '\n' && r != '\t' && isControl(r):
			return -1
		}
		return r
	}, s) // which also puts U+FFFD for what is no UTF-8
}

// isControl reports whether r is of C0, DEL or C1.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// trimmed is text without empty lines at its ends, and the spans that go with it.
func trimmed(text string, spans []bridge.Span) (string, []bridge.Span) {
	from := len(text) - len(strings.TrimLeft(text, "\n"))
	text = strings.TrimRight(text[from:], "\n\t ")
	for i := range spans {
		spans[i].Start = max(spans[i].Start-from, 0)
		spans[i].End = min(spans[i].End-from, len(text))
	}
	return text, bridge.Normalize(text, spans)
}
