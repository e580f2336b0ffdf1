package wire

import (
	"unicode/utf8"

	"isthmus/xmppside/jid"
)

// special marks the bytes that can't stand in text or attributes as they are:
// markup, control characters, and whatever needs decoding.
var special = func() (t [256]bool) {
	for c := range t {
		t[c] = c < ' ' || c >= 0x7f
	}
	for _, c := range `<>&'"` {
		t[c] = true
	}
	return t
}()

// AppendText appends s as character data. Characters that XML can't hold are
// left out, and bytes that are not UTF-8 become U+FFFD.
func AppendText(b []byte, s string) []byte { return appendEscaped(b, s, false) }

// AppendAttr appends s as the inside of an attribute value, likewise.
func AppendAttr(b []byte, s string) []byte { return appendEscaped(b, s, true) }

func appendEscaped(b []byte, s string, attr bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if !special[c] {
			i++
			continue
		}
		size, with := 1, ""
		switch {
		case c == '<':
			with = "&lt;"
		case c == '>':
			with = "&gt;"
		case c == '&':
			with = "&amp;"
		case c == '\'' && attr:
			with = "&apos;"
		case c == '"' && attr:
			with = "&quot;"
		case c == '\r':
			with = "&#13;"
		case c == '\n' && attr:
			with = "&#10;"
		case c == '\t' && attr:
			with = "&#9;"
		case c == '\'' || c == '"' || c == '\n' || c == '\t' || c == 0x7f:
			i++
			continue
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || size > 1) && legal(r) {
				i += size
				continue
			}
			if r == utf8.RuneError {
				with = "\uFFFD"
			}
		}
		b = append(b, s[from:i]...)
		b = append(b, with...)
		i += size
		from = i
	}
	return append(b, s[from:]...)
}

// AppendElement appends <name>text</name>; name is written as it is.
func AppendElement(b []byte, name, text string) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = AppendText(b, text)
	return append(append(append(b, "</"...), name...), '>')
}

// AppendOpen appends a stanza's start tag. h.Kind must not be Other.
func AppendOpen(b []byte, h Header) []byte {
	return append(appendTag(b, h), '>')
}

// AppendEmpty appends a stanza that has nothing in it.
func AppendEmpty(b []byte, h Header) []byte {
	return append(appendTag(b, h), "/>"...)
}

// AppendClose appends a stanza's end tag.
func AppendClose(b []byte, k Kind) []byte {
	b = append(append(b, "</"...), k.String()...)
	return append(b, '>')
}

func appendTag(b []byte, h Header) []byte {
	b = append(append(b, '<'), h.Kind.String()...)
	b = appendAddress(b, " to='", h.To)
	b = appendAddress(b, " from='", h.From)
	b = AppendField(b, " id='", h.ID)
	b = AppendField(b, " type='", h.Type)
	return AppendField(b, " xml:lang='", h.Lang)
}

func appendAddress(b []byte, name string, j jid.JID) []byte {
	return AppendField(b, name, j.String())
}

// AppendField appends an attribute, unless its value is empty. name is what
// stands before the value, with the space and the quote: " id='".
func AppendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	b = AppendAttr(b, value)
	return append(b, '\'')
}

// Template is a stanza that goes to many: encoded once, only the address is
// put in for each of them.
type Template struct {
	name   int // length of "<message"
	stanza []byte
}

// NewTemplate takes a stanza of kind k that was encoded without a To. It
// keeps the bytes: they must not be changed while the template is in use.
func NewTemplate(k Kind, stanza []byte) Template {
	return Template{1 + len(k.String()), stanza}
}

// AppendTo appends the stanza addressed to to.
func (t Template) AppendTo(b []byte, to jid.JID) []byte {
	b = append(b, t.stanza[:t.name]...)
	b = appendAddress(b, " to='", to)
	return append(b, t.stanza[t.name:]...)
}
