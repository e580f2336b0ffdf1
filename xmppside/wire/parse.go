package wire

import (
	"slices"
	"strings"

	"isthmus/xmppside/jid"
)

// node is one element of a parsed stanza. Nodes stand in document order, so
// that the subtree of node i is nodes[i:nodes[i].next]. Positions are bytes
// of the stanza's text.
type node struct {
	space, local string
	parent       int32 // -1 for the stanza itself
	next         int32 // first node after the subtree
	start        int32 // the <
	attrs        int32 // after the name
	inner        int32 // after the start tag
	innerEnd     int32 // the end tag's <, or inner if there is none
	end          int32 // after the end tag
	plain        bool  // its text stands as it is: no references, CDATA, CR
}

// binding is a namespace declaration in scope.
type binding struct{ prefix, space string }

// streamBindings are the declarations of a component's stream (XEP-0114 §3);
// stanzas may rely on no other.
var streamBindings = []binding{{"xml", nsXML}, {"", NSComponent}, {"stream", NSStream}}

// maxScope bounds the declarations that hold at one place: each prefix is
// looked for among them.
const maxScope = 256

// parser checks and indexes one stanza at a time. Its slices are reused.
type parser struct {
	limits Limits
	jids   jidCache
	last   repeat

	src     string
	nodes   []node
	scope   []binding
	marks   []int // length of scope before each open element
	attrs   []attr
	header  Header
	to      attr         // of the header
	badAttr *syntaxError // of the header
}

// attr is one attribute of the tag at hand, as it stands.
type attr struct {
	prefix, local, value string
	at                   int // where the value begins
}

// syntaxError says what is wrong with a stanza, and what to answer.
type syntaxError struct {
	condition Condition
	reason    string
}

func (e *syntaxError) Error() string { return e.reason }

func bad(reason string) error { return &syntaxError{ConditionBadRequest, reason} }

func overLimit(reason string) error { return &syntaxError{ConditionPolicyViolation, reason} }

// parse reads one whole element. It keeps nothing of b.
func (p *parser) parse(b []byte) (Stanza, error) {
	if st, again := p.last.stanza(b, p.jids); again {
		return st, nil
	}
	err := p.document(string(b))
	if err == nil && p.badAttr != nil {
		err = p.badAttr
	}
	if err != nil {
		e := err.(*syntaxError)
		return Stanza{}, &BadStanza{Header: p.header, Condition: e.condition, Reason: e.reason}
	}
	nodes := slices.Clone(p.nodes)
	p.last.note(p.src, nodes, p.header, p.to)
	return Stanza{p.header, elementAt(p.src, nodes, 0)}, nil
}

func (p *parser) document(src string) error {
	p.src, p.header, p.to, p.badAttr = src, Header{}, attr{}, nil
	p.nodes, p.marks = p.nodes[:0], p.marks[:0]
	p.scope = append(p.scope[:0], streamBindings...)
	open, pos := int32(-1), 0
	for {
		less := strings.IndexByte(src[pos:], '<')
		if less < 0 {
			return bad("unclosed element")
		}
		if err := p.text(open, src[pos:pos+less]); err != nil {
			return err
		}
		pos += less
		var err error
		switch rest := src[pos:]; {
		case strings.HasPrefix(rest, "</"):
			open, pos, err = p.endTag(open, pos)
		case strings.HasPrefix(rest, "<!"):
			pos, err = p.cdata(open, pos)
		default:
			open, pos, err = p.startTag(open, pos)
		}
		if err != nil {
			return err
		}
		if open < 0 {
			if pos != len(src) {
				return bad("text after the stanza")
			}
			return nil
		}
	}
}

func (p *parser) text(open int32, s string) error {
	if s == "" {
		return nil
	}
	if open < 0 {
		return bad("text before the stanza")
	}
	plain, err := checkText(s)
	if !plain {
		p.nodes[open].plain = false
	}
	return err
}

func (p *parser) cdata(open int32, pos int) (int, error) {
	body, found := strings.CutPrefix(p.src[pos:], "<!"+cdataStart)
	if !found || open < 0 {
		return 0, bad("markup that is not allowed")
	}
	end := strings.Index(body, cdataEnd)
	if end < 0 {
		return 0, bad("unclosed CDATA section")
	}
	p.nodes[open].plain = false
	return len(p.src) - len(body) + end + len(cdataEnd), checkChars(body[:end])
}

func (p *parser) endTag(open int32, pos int) (int32, int, error) {
	gt := strings.IndexByte(p.src[pos:], '>')
	if open < 0 || gt < 0 {
		return 0, 0, bad("end tag without start")
	}
	n := &p.nodes[open]
	name := strings.TrimRight(p.src[pos+2:pos+gt], " \t\r\n")
	if name != p.src[n.start+1:n.attrs] {
		return 0, 0, bad("end tag of another element")
	}
	n.innerEnd = int32(pos)
	return p.close(open, pos+gt+1), pos + gt + 1, nil
}

// close ends the open element and returns its parent.
func (p *parser) close(open int32, end int) int32 {
	n := &p.nodes[open]
	n.end, n.next = int32(end), int32(len(p.nodes))
	last := len(p.marks) - 1
	p.scope, p.marks = p.scope[:p.marks[last]], p.marks[:last]
	return n.parent
}

func (p *parser) startTag(parent int32, pos int) (int32, int, error) {
	if len(p.nodes) >= p.limits.Elements {
		return 0, 0, overLimit("too many elements")
	}
	if len(p.marks) >= p.limits.Depth {
		return 0, 0, overLimit("elements nested too deep")
	}
	prefix, local, at, err := qname(p.src, pos+1)
	if err != nil {
		return 0, 0, err
	}
	n := node{local: local, parent: parent, start: int32(pos), attrs: int32(at), plain: true}
	empty, at, err := p.readAttrs(at)
	if err != nil {
		return 0, 0, err
	}
	p.marks = append(p.marks, len(p.scope))
	if err := p.declare(); err != nil {
		return 0, 0, err
	}
	if n.space, err = p.resolve(prefix); err != nil {
		return 0, 0, err
	}
	if err := p.checkDuplicates(); err != nil {
		return 0, 0, err
	}
	n.inner, n.innerEnd = int32(at), int32(at)
	index := int32(len(p.nodes))
	p.nodes = append(p.nodes, n)
	if parent < 0 {
		p.readHeader(n)
	}
	if empty {
		return p.close(index, at), at, nil
	}
	return index, at, nil
}

// readAttrs reads the rest of a start tag into p.attrs, and tells whether the
// element is empty and where the tag ends.
func (p *parser) readAttrs(at int) (empty bool, end int, err error) {
	p.attrs = p.attrs[:0]
	for {
		a, next, err := nextAttr(p.src, at)
		if err != nil {
			return false, 0, err
		}
		if a.local == "" {
			if p.src[next] == '/' {
				return true, next + 2, nil
			}
			return false, next + 1, nil
		}
		if len(p.attrs) >= p.limits.Attributes {
			return false, 0, overLimit("too many attributes")
		}
		if err := checkValue(a.value); err != nil {
			return false, 0, err
		}
		p.attrs = append(p.attrs, a)
		at = next
	}
}

// declare takes the tag's namespace declarations into scope (Namespaces in
// XML 1.0 §3, §6).
func (p *parser) declare() error {
	for _, a := range p.attrs {
		var prefix string
		switch {
		case a.prefix == "xmlns":
			prefix = a.local
		case a.prefix != "" || a.local != "xmlns":
			continue
		}
		space := unescapeValue(a.value)
		if prefix == "xml" || prefix == "xmlns" || space == nsXML || prefix != "" && space == "" {
			return bad("namespace declaration that is not allowed")
		}
		if len(p.scope) >= maxScope {
			return overLimit("too many namespace declarations")
		}
		p.scope = append(p.scope, binding{prefix, space})
	}
	return nil
}

func (p *parser) resolve(prefix string) (string, error) {
	for i := len(p.scope) - 1; i >= 0; i-- {
		if p.scope[i].prefix == prefix {
			return p.scope[i].space, nil
		}
	}
	return "", bad("namespace prefix that was not declared")
}

// checkDuplicates refuses two attributes of one name, also if that is spelled
// with different prefixes, and prefixes that were not declared.
func (p *parser) checkDuplicates() error {
	for i := range p.attrs {
		a := &p.attrs[i]
		if a.prefix != "" && a.prefix != "xmlns" {
			space, err := p.resolve(a.prefix)
			if err != nil {
				return err
			}
			a.prefix = space
		}
		for _, b := range p.attrs[:i] {
			if b.local == a.local && b.prefix == a.prefix {
				return bad("attribute given twice")
			}
		}
	}
	return nil
}

// readHeader takes the header from the stanza's attributes; those in a
// namespace are somebody else's.
func (p *parser) readHeader(n node) {
	h := &p.header
	h.Kind = kindOf(n.space, n.local)
	for _, a := range p.attrs {
		if a.prefix != "" {
			if a.prefix == nsXML && a.local == "lang" {
				h.Lang = p.short("xml:lang", a.value)
			}
			continue
		}
		switch a.local {
		case "to":
			h.To, p.to = p.address("to", a.value), a
		case "from":
			h.From = p.address("from", a.value)
		case "id":
			h.ID = p.short("id", a.value)
		case "type":
			h.Type = p.short("type", a.value)
		}
	}
}

func (p *parser) address(name, value string) jid.JID {
	j, err := p.jids.parse(unescapeValue(value))
	if err != nil {
		p.badAttr = &syntaxError{ConditionJIDMalformed, name + ": " + err.Error()}
	}
	return j
}

// maxAttr bounds the header's other attributes, in bytes: they are kept while
// an answer is awaited, and sent to everybody in a room.
const maxAttr = 1024

func (p *parser) short(name, value string) string {
	if len(value) > maxAttr {
		p.badAttr = &syntaxError{ConditionPolicyViolation, name + " is too long"}
		return ""
	}
	return unescapeValue(value)
}

// jidCache keeps addresses that were parsed before: a component hears from
// the same people again and again.
type jidCache map[string]jid.JID

const (
	maxCachedJIDs   = 4096
	maxCachedLength = 256 // bytes; longer ones are rare, and somebody's game
)

func (c jidCache) parse(s string) (jid.JID, error) {
	if j, ok := c[s]; ok {
		return j, nil
	}
	s = strings.Clone(s)
	j, err := jid.Parse(s)
	if err != nil {
		return jid.JID{}, err
	}
	if len(s) > maxCachedLength {
		return j, nil
	}
	if len(c) >= maxCachedJIDs {
		clear(c)
	}
	c[s] = j
	return j, nil
}
