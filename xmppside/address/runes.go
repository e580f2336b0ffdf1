package address

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// opening starts a character written by its code point: \u{2603}.
const opening = `\u{`

// escapeBackslashes keeps a text that happens to look escaped from being
// taken for that: its backslash is written by code point.
func escapeBackslashes(s string) string {
	if !strings.Contains(s, `\u{`) && !strings.Contains(s, `\U{`) {
		return s
	}
	return strings.NewReplacer(`\u{`, `\u{5c}u{`, `\U{`, `\u{5c}U{`).Replace(s)
}

// escapeRunes writes everything but printable ASCII by code point, and spaces
// at the ends.
func escapeRunes(s string) string {
	var b strings.Builder
	trimmed := strings.Trim(s, " ")
	start := len(s) - len(strings.TrimLeft(s, " "))
	for i, r := range s {
		inside := i >= start && i < start+len(trimmed)
		looksEscaped := r == '\\' && isOpening(s[i:])
		if r >= ' ' && r < 0x7f && !looksEscaped && (r != ' ' || inside) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(opening)
		b.WriteString(strconv.FormatInt(int64(r), 16))
		b.WriteByte('}')
	}
	return b.String()
}

// escapeUpper writes upper-case ASCII letters by code point: localparts have none.
func escapeUpper(s string) string {
	if strings.IndexFunc(s, isUpper) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isUpper(r) {
			b.WriteString(opening)
			b.WriteString(strconv.FormatInt(int64(r), 16))
			b.WriteByte('}')
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isUpper(r rune) bool { return r >= 'A' && r <= 'Z' }

func isOpening(s string) bool {
	return len(s) > 2 && s[0] == '\\' && (s[1] == 'u' || s[1] == 'U') && s[2] == '{'
}

// unescapeRunes undoes escapeRunes, escapeUpper and escapeBackslashes.
func unescapeRunes(s string) string {
	if !strings.Contains(s, opening) {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, opening)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		hex, after, closed := strings.Cut(rest, "}")
		n, err := strconv.ParseUint(hex, 16, 31)
		if !closed || err != nil || !utf8.ValidRune(rune(n)) {
			b.WriteString(opening)
			s = rest
			continue
		}
		b.WriteRune(rune(n))
		s = after
	}
}
