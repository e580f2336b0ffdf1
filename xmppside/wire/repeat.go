package wire

import "bytes"

// repeat recognises a stanza that is the last one again, but for whom it is to: so
// a room tells each of ours who is in it what is said there. Only that much of it
// is looked at anew.
type repeat struct {
	src    string // of the last stanza
	nodes  []node
	header Header
	to     int // where the value of its "to" begins; 0 if it has none
	end    int // and where that ends
}

// note remembers a stanza, with its "to" as it stands, at a position of src.
func (r *repeat) note(src string, nodes []node, h Header, to attr) {
	*r = repeat{src: src, nodes: nodes, header: h, to: to.at, end: to.at + len(to.value)}
}

// stanza is what b says, and false if that takes a closer look. An address that
// was not seen before does.
func (r *repeat) stanza(b []byte, jids jidCache) (Stanza, bool) {
	if r.to == 0 || len(b) <= r.to || string(b[:r.to]) != r.src[:r.to] {
		return Stanza{}, false
	}
	n := bytes.IndexByte(b[r.to:], b[r.to-1])
	if n < 0 || string(b[r.to+n:]) != r.src[r.end:] {
		return Stanza{}, false
	}
	to, known := jids[string(b[r.to:r.to+n])]
	if !known || !literal(b[r.to:r.to+n]) {
		return Stanza{}, false
	}
	if r.header.To = to; n != r.end-r.to {
		r.nodes = moved(r.nodes, r.end, n-(r.end-r.to))
	}
	r.src, r.end = string(b), r.to+n
	return Stanza{r.header, elementAt(r.src, r.nodes, 0)}, true
}

// literal reports whether an attribute's value stands for itself.
func literal(value []byte) bool {
	for _, c := range value {
		if c < ' ' || c == '&' || c == '<' {
			return false
		}
	}
	return true
}

// moved are nodes of a text in which all from a place on stands elsewhere.
func moved(nodes []node, from, by int) []node {
	all := make([]node, len(nodes))
	for i, n := range nodes {
		for _, at := range []*int32{&n.start, &n.attrs, &n.inner, &n.innerEnd, &n.end} {
			if int(*at) >= from {
				*at += int32(by)
			}
		}
		all[i] = n
	}
	return all
}
