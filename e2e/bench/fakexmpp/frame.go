package fakexmpp

import "bytes"

// elementEnd returns the length of the element that b begins with, or 0 when
// b does not hold all of it yet. It counts tags and skips quoted attribute
// values, which is all that the well-formed stream of a bridge under test
// needs and costs a fraction of a real parser.
func elementEnd(b []byte) int {
	depth := 0
	for i := 0; ; {
		open := bytes.IndexByte(b[i:], '<')
		if open < 0 {
			return 0
		}
		i += open + 1
		end := tagEnd(b[i:])
		if end < 0 {
			return 0
		}
		switch {
		case b[i] == '/':
			depth--
		case b[i+end-1] != '/':
			depth++
		}
		i += end + 1
		if depth <= 0 {
			return i
		}
	}
}

// tagEnd returns the index of the '>' that ends the tag b begins inside of,
// or -1.
func tagEnd(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '>':
			return i
		case '\'', '"':
			n := bytes.IndexByte(b[i+1:], b[i])
			if n < 0 {
				return -1
			}
			i += n + 1
		}
	}
	return -1
}

// attrs fills the addressing attributes of s from its start tag.
func (s *Stanza) attrs(tag []byte) {
	for {
		eq := bytes.IndexByte(tag, '=')
		if eq < 0 || eq+1 >= len(tag) {
			return
		}
		name := tag[bytes.LastIndexAny(tag[:eq], " \t\n")+1 : eq]
		quote := tag[eq+1]
		value := tag[eq+2:]
		n := bytes.IndexByte(value, quote)
		if n < 0 {
			return
		}
		switch string(name) {
		case "from":
			s.From = value[:n]
		case "to":
			s.To = value[:n]
		case "type":
			s.Type = value[:n]
		case "id":
			s.ID = value[:n]
		}
		tag = value[n+1:]
	}
}

// parse reads the header of the stanza raw, which is a whole element.
func parse(raw []byte) Stanza {
	s := Stanza{Raw: raw}
	start := bytes.IndexByte(raw, '<') + 1
	tag := raw[start : start+tagEnd(raw[start:])]
	name := tag
	if n := bytes.IndexAny(tag, " \t\n/"); n >= 0 {
		name = tag[:n]
	}
	s.Name = name
	s.attrs(tag[len(name):])
	return s
}

// Body returns what stands in the stanza's first body element, still
// escaped, or nil.
func (s *Stanza) Body() []byte { return s.child("<body") }

// Self reports whether the stanza carries the MUC status 110 (XEP-0045
// §7.2.2): the presence is the user's own.
func (s *Stanza) Self() bool {
	return bytes.Contains(s.Raw, []byte(`code='110'`)) || bytes.Contains(s.Raw, []byte(`code="110"`))
}

func (s *Stanza) child(open string) []byte {
	i := bytes.Index(s.Raw, []byte(open))
	if i < 0 {
		return nil
	}
	rest := s.Raw[i+len(open):]
	start := bytes.IndexByte(rest, '>')
	if start < 0 || start > 0 && rest[start-1] == '/' {
		return nil
	}
	rest = rest[start+1:]
	end := bytes.IndexByte(rest, '<')
	if end < 0 {
		return nil
	}
	return rest[:end]
}

// Resource returns what follows the first slash of jid: the nick, for an
// occupant of a room.
func Resource(jid []byte) []byte {
	i := bytes.IndexByte(jid, '/')
	if i < 0 {
		return nil
	}
	return jid[i+1:]
}
