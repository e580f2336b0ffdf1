package line

import (
	"bytes"
	"strings"
)

// Tag is one tag to be sent.
type Tag struct{ Name, Value string }

// Tag is the value of a tag, with its escapes undone; ok tells an empty value
// from a missing tag. Of several with one name the last counts (message-tags,
// "Rules for naming message tags").
func (m *Message) Tag(name string) (value string, ok bool) {
	var raw []byte
	for rest := m.Tags; len(rest) > 0; {
		var tag []byte
		tag, rest, _ = bytes.Cut(rest, []byte{';'})
		if len(tag) < len(name) || string(tag[:len(name)]) != name {
			continue
		}
		switch {
		case len(tag) == len(name):
			raw, ok = nil, true
		case tag[len(name)] == '=':
			raw, ok = tag[len(name)+1:], true
		}
	}
	return unescape(raw), ok
}

// unescape undoes the escapes of a tag value (message-tags, "Escaping values").
// A lone backslash at the end is dropped, one before any other character too.
func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		if i++; i == len(raw) {
			break
		}
		switch raw[i] {
		case ':':
			out = append(out, ';')
		case 's':
			out = append(out, ' ')
		case 'r':
			out = append(out, '\r')
		case 'n':
			out = append(out, '\n')
		default:
			out = append(out, raw[i])
		}
	}
	return string(out)
}

var escaper = strings.NewReplacer(";", `\:`, " ", `\s`, `\`, `\\`, "\r", `\r`, "\n", `\n`)

// appendTags writes "@name=value;name " behind b, nothing when there are no tags.
func appendTags(b []byte, tags []Tag) ([]byte, error) {
	if len(tags) == 0 {
		return b, nil
	}
	out := append(b, '@')
	for i, t := range tags {
		if t.Name == "" || strings.ContainsAny(t.Name, "\x00\r\n ;=") || strings.IndexByte(t.Value, 0) >= 0 {
			return b, ErrTag
		}
		if i > 0 {
			out = append(out, ';')
		}
		out = append(out, t.Name...)
		if t.Value != "" {
			out = append(out, '=')
			out = append(out, escaper.Replace(t.Value)...)
		}
	}
	return append(out, ' '), nil
}
