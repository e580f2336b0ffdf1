package text

import (
	"strings"
	"unicode/utf8"
)

// The format codes of IRC (modern.ircdocs.horse/formatting).
const (
	codeBold      = 0x02
	codeColour    = 0x03 // and up to two digits, a comma, up to two digits
	codeHexColour = 0x04 // and six hex digits, a comma, six hex digits
	codeReset     = 0x0f
	codeMono      = 0x11
	codeReverse   = 0x16
	codeItalic    = 0x1d
	codeStrike    = 0x1e
	codeUnderline = 0x1f
)

// Strip is s without format codes and control characters; a tab is a space.
// What it returns is plain text.
func Strip(s string) string {
	clean := 0
	for clean < len(s) && s[clean] >= 0x20 && s[clean] < 0x7f {
		clean++
	}
	if clean == len(s) {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	out.WriteString(s[:clean])
	for i := clean; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == codeColour || r == codeHexColour:
			size = colourCode(s[i:])
		case r == '\t':
			out.WriteByte(' ')
		case isControl(r): // the other codes, too, are one character alone
		default:
			out.WriteRune(r)
		}
		i += size
	}
	return out.String()
}

// colourCode is how many bytes the code that s begins with takes, with its
// colours.
func colourCode(s string) int {
	if s[0] == codeHexColour {
		return 1 + colours(s[1:], 6, isHex)
	}
	return 1 + colours(s[1:], 2, isDigit)
}

// colours is how many bytes the colours at the beginning of s take: a
// foreground, and a background only behind a foreground and a comma.
func colours(s string, most int, ok func(byte) bool) int {
	n := colour(s, most, ok)
	if n > 0 && n < len(s) && s[n] == ',' {
		if m := colour(s[n+1:], most, ok); m > 0 {
			return n + 1 + m
		}
	}
	return n
}

// colour is how many bytes one colour takes. A hex colour is whole or none.
func colour(s string, most int, ok func(byte) bool) int {
	n := 0
	for n < most && n < len(s) && ok(s[n]) {
		n++
	}
	if most == 6 && n < 6 {
		return 0
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
