// Package text turns what IRC carries, bytes in any encoding with format
// codes in them, into plain text, and plain text into what fits an IRC line.
//
//	from IRC   Decode, then ParseCTCP, then Strip, or Styled where format counts
//	to IRC     one line at a time: Sanitize, then Split; with format, Render,
//	           then Line.Split
package text

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/encoding"
)

// Decode is b as text: as UTF-8 where it is that, else in the fallback
// encoding. Without one, and for what even that can't hold, U+FFFD stands.
func Decode(b []byte, fallback encoding.Encoding) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if fallback != nil {
		if out, err := fallback.NewDecoder().Bytes(b); err == nil {
			return strings.ToValidUTF8(string(out), "\uFFFD")
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// Sanitize is s as it may stand in an IRC line: CR, LF and NUL are spaces, any
// other control character is left out. A tab stays.
func Sanitize(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\n' || r == 0:
			return ' '
		case r == '\t':
			return r
		case isControl(r):
			return -1
		}
		return r
	}, s)
}

// isControl reports whether r is of C0, DEL or C1.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// lineEnds are the characters that end lines.
const lineEnds = "\n\r\u2028\u2029"

// Lines are the lines of s that say something, whatever ends them.
func Lines(s string) []string {
	var lines []string
	for l := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(lineEnds, r) }) {
		if strings.TrimSpace(l) != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// minPiece is the least limit of Split: the longest UTF-8 sequence.
const minPiece = utf8.UTFMax

// lookahead is how far beyond the limit Split looks to see whether a grapheme
// ends there. One that is longer is cut between its code points.
const lookahead = 128

// Split cuts s into pieces of at most limit bytes (4 at least) which together
// are s. It cuts behind a space where the second half of a piece has one, else
// between graphemes, so that no letter loses its accent and no emoji its colour.
func Split(s string, limit int) []string {
	limit = max(limit, minPiece)
	if len(s) <= limit {
		return []string{s}
	}
	pieces := make([]string, 0, len(s)/limit+1)
	for len(s) > limit {
		n := cut(s, limit)
		pieces = append(pieces, s[:n])
		s = s[n:]
	}
	return append(pieces, s)
}

// cut is where to cut s, which is longer than limit.
func cut(s string, limit int) int {
	window := s[:min(len(s), limit+lookahead)]
	end, space := 0, 0
	for rest, state := window, -1; rest != ""; {
		var grapheme string
		grapheme, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		at := len(window) - len(rest)
		if at > limit {
			break
		}
		end = at
		if grapheme == " " {
			space = at
		}
	}
	switch {
	case space > limit/2:
		return space
	case end > 0:
		return end
	}
	for end = limit; end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]); {
		end--
	}
	return end
}
