package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// qname reads a name, with or without a prefix, at src[pos:]; at is where it ends.
func qname(src string, pos int) (prefix, local string, at int, err error) {
	first := pos
	for at = pos; at < len(src); at++ {
		c := src[at]
		if c == ':' && prefix == "" && at > pos {
			prefix, first = src[pos:at], at+1
			continue
		}
		if !isName(c, at == first) {
			break
		}
	}
	if at == first {
		return "", "", 0, bad("name that is not allowed")
	}
	return prefix, src[first:at], at, nil
}

// isName reports whether c may be in a name. XML allows more than ASCII, but
// no XMPP extension has ever used that.
func isName(c byte, first bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' ||
		!first && (c >= '0' && c <= '9' || c == '-' || c == '.')
}

// nextAttr reads the attribute that follows at src[at:]. At the end of the
// tag it returns none, and the position of its ">" or "/>".
func nextAttr(src string, at int) (a attr, next int, err error) {
	start := at
	at = skipSpaces(src, at)
	if at < len(src) && src[at] == '>' || strings.HasPrefix(src[at:], "/>") {
		return attr{}, at, nil
	}
	if at == start {
		return attr{}, 0, bad("attributes not separated")
	}
	a.prefix, a.local, at, err = qname(src, at)
	if err != nil {
		return attr{}, 0, err
	}
	at = skipSpaces(src, at)
	if at >= len(src) || src[at] != '=' {
		return attr{}, 0, bad("attribute without value")
	}
	at = skipSpaces(src, at+1)
	if at >= len(src) || src[at] != '"' && src[at] != '\'' {
		return attr{}, 0, bad("attribute value without quotes")
	}
	end := strings.IndexByte(src[at+1:], src[at])
	if end < 0 {
		return attr{}, 0, bad("attribute value without end")
	}
	a.value, a.at = src[at+1:at+1+end], at+1
	return a, at + end + 2, nil
}

// skipSpaces returns the position of the first byte from at that is no white space.
func skipSpaces(s string, at int) int {
	for at < len(s) && isSpace(s[at]) {
		at++
	}
	return at
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// legal reports whether XML 1.0 §2.2 allows r in a document.
func legal(r rune) bool {
	return r >= 0x20 && r <= 0xd7ff || r == '\t' || r == '\n' || r == '\r' ||
		r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}

// checkChars refuses what is not UTF-8 or not allowed in XML.
func checkChars(s string) error {
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !legal(r) {
			return bad("character that is not allowed")
		}
		i += n
	}
	return nil
}

// checkText checks character data; plain says that it stands as it is.
func checkText(s string) (plain bool, err error) {
	if err := checkChars(s); err != nil {
		return false, err
	}
	if strings.Contains(s, cdataEnd) {
		return false, bad("]]> in text")
	}
	plain = strings.IndexByte(s, '\r') < 0
	for rest := s; ; {
		amp := strings.IndexByte(rest, '&')
		if amp < 0 {
			return plain, nil
		}
		plain = false
		_, n := reference(rest[amp:])
		if n == 0 {
			return false, bad("entity that is not allowed")
		}
		rest = rest[amp+n:]
	}
}

// checkValue checks an attribute value.
func checkValue(s string) error {
	if strings.IndexByte(s, '<') >= 0 {
		return bad("< in an attribute value")
	}
	if err := checkChars(s); err != nil {
		return err
	}
	for {
		amp := strings.IndexByte(s, '&')
		if amp < 0 {
			return nil
		}
		_, n := reference(s[amp:])
		if n == 0 {
			return bad("entity that is not allowed")
		}
		s = s[amp+n:]
	}
}

// reference reads the character reference or predefined entity (XML 1.0 §4.1,
// §4.6) that s starts with, and its length: 0 if it is neither.
func reference(s string) (rune, int) {
	end := strings.IndexByte(s[:min(len(s), 16)], ';')
	if end < 2 {
		return 0, 0
	}
	name := s[1:end]
	switch name {
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "amp":
		return '&', end + 1
	case "apos":
		return '\'', end + 1
	case "quot":
		return '"', end + 1
	}
	digits, found := strings.CutPrefix(name, "#")
	if !found {
		return 0, 0
	}
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 31)
	if err != nil || !legal(rune(n)) {
		return 0, 0
	}
	return rune(n), end + 1
}

// appendUnescaped appends checked character data with its references
// replaced and its line ends normalized (XML 1.0 §2.11).
func appendUnescaped(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '&':
			r, n := reference(s[i:])
			b = utf8.AppendRune(b, r)
			i += n - 1
		case '\r':
			b = append(b, '\n')
			if i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
		default:
			b = append(b, c)
		}
	}
	return b
}

// unescapeValue returns what a checked attribute value stands for; white
// space that was written as such is normalized (XML 1.0 §3.3.3).
func unescapeValue(s string) string {
	asWritten := true
	for i := range len(s) {
		if c := s[i]; c == '&' || c < ' ' {
			asWritten = false
			break
		}
	}
	if asWritten {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", " ")
	s = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, s)
	return string(appendUnescaped(nil, s))
}
