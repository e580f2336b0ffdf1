package jid

import "strings"

// escapable are the characters that XEP-0106 §3 gives an escape.
const escapable = " \"&'/:<>@\\"

const hexDigits = "0123456789abcdef"

// Escape turns any text into what a localpart may hold of these characters
// (XEP-0106 §4.2): space "&'/:<>@ become a backslash and two hex digits, and
// so does a backslash that would otherwise look like the start of one.
// Spaces at either end can't be carried even so (§3) and are dropped.
func Escape(s string) string {
	s = strings.Trim(s, " ")
	if !strings.ContainsAny(s, escapable) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c == '\\' && !isEscape(s[i:]) || strings.IndexByte(escapable, c) < 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('\\')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

// Unescape undoes Escape (XEP-0106 §4.3). Only the ten escapes are undone, a
// backslash before anything else stands for itself, and so does \20 at either
// end of the localpart, where no escape may be (§3).
func Unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if !isEscape(s[i:]) {
			b.WriteByte(s[i])
			continue
		}
		c := unhex(s[i+1])<<4 | unhex(s[i+2])
		if c == ' ' && (i == 0 || i+3 == len(s)) {
			b.WriteByte('\\')
			continue
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String()
}

// isEscape reports whether s starts with one of the ten escapes. Case does
// not count: a localpart is folded to lower case on its way.
func isEscape(s string) bool {
	if len(s) < 3 || s[0] != '\\' {
		return false
	}
	hi, lo := unhex(s[1]), unhex(s[2])
	return hi < 16 && lo < 16 && strings.IndexByte(escapable, hi<<4|lo) >= 0
}

// unhex returns the value of a hex digit, or 255.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
