package wire

import (
	"iter"
	"slices"
	"strings"
)

// Element is one element of a parsed stanza. The zero Element is none: its
// methods find nothing.
type Element struct {
	Space, Local string

	src   string
	nodes []node // of the whole stanza
	index int32
}

func elementAt(src string, nodes []node, i int32) Element {
	return Element{nodes[i].space, nodes[i].local, src, nodes, i}
}

// Is reports whether e has that name.
func (e Element) Is(space, local string) bool {
	return e.Local == local && e.Space == space
}

// Children yields the elements directly below e.
func (e Element) Children() iter.Seq[Element] {
	return func(yield func(Element) bool) {
		if e.nodes == nil {
			return
		}
		for i := e.index + 1; i < e.nodes[e.index].next; i = e.nodes[i].next {
			if !yield(elementAt(e.src, e.nodes, i)) {
				return
			}
		}
	}
}

// Child returns the first element of that name directly below e.
func (e Element) Child(space, local string) (Element, bool) {
	if e.nodes == nil {
		return Element{}, false
	}
	for i := e.index + 1; i < e.nodes[e.index].next; i = e.nodes[i].next {
		if e.nodes[i].local == local && e.nodes[i].space == space {
			return elementAt(e.src, e.nodes, i), true
		}
	}
	return Element{}, false
}

// ChildText returns the text of the first such child, or "".
func (e Element) ChildText(space, local string) string {
	c, _ := e.Child(space, local)
	return c.Text()
}

// Text returns the characters directly in e, without those of its children.
func (e Element) Text() string {
	if e.nodes == nil {
		return ""
	}
	n := e.nodes[e.index]
	if n.plain && n.next == e.index+1 {
		return e.src[n.inner:n.innerEnd]
	}
	var b []byte
	pos := n.inner
	for i := e.index + 1; i < n.next; i = e.nodes[i].next {
		b = appendCharData(b, e.src[pos:e.nodes[i].start])
		pos = e.nodes[i].end
	}
	return string(appendCharData(b, e.src[pos:n.innerEnd]))
}

// Mixed yields what is directly in e, in order: characters, with the zero
// Element, and elements, with "".
func (e Element) Mixed() iter.Seq2[string, Element] {
	return func(yield func(string, Element) bool) {
		if e.nodes == nil {
			return
		}
		n := e.nodes[e.index]
		text := func(from, to int32) bool {
			return from == to || yield(string(appendCharData(nil, e.src[from:to])), Element{})
		}
		pos := n.inner
		for i := e.index + 1; i < n.next; i = e.nodes[i].next {
			if !text(pos, e.nodes[i].start) || !yield("", elementAt(e.src, e.nodes, i)) {
				return
			}
			pos = e.nodes[i].end
		}
		text(pos, n.innerEnd)
	}
}

// appendCharData appends text and CDATA sections as what they stand for.
func appendCharData(b []byte, s string) []byte {
	for {
		text, rest, found := strings.Cut(s, "<!"+cdataStart)
		b = appendUnescaped(b, text)
		if !found {
			return b
		}
		section, after, _ := strings.Cut(rest, cdataEnd)
		section = strings.ReplaceAll(section, "\r\n", "\n")
		b = append(b, strings.ReplaceAll(section, "\r", "\n")...)
		s = after
	}
}

// Attr returns the value of the attribute of that name and no namespace, or "".
func (e Element) Attr(name string) string {
	for a := range e.attributes() {
		if a.prefix == "" && a.local == name {
			return unescapeValue(a.value)
		}
	}
	return ""
}

// attributes yields the attributes as they stand, with their prefixes.
func (e Element) attributes() iter.Seq[attr] {
	return func(yield func(attr) bool) {
		if e.nodes == nil {
			return
		}
		at := int(e.nodes[e.index].attrs)
		for {
			a, next, err := nextAttr(e.src, at)
			if err != nil || a.local == "" || !yield(a) {
				return
			}
			at = next
		}
	}
}

// Raw returns e as it was written, to be relayed directly below a stanza of a
// component's stream: with the namespace declarations of its parents, where
// there are any.
func (e Element) Raw() string {
	if e.nodes == nil {
		return ""
	}
	n := e.nodes[e.index]
	missing := e.inherited()
	if missing == nil {
		return e.src[n.start:n.end]
	}
	b := append([]byte(nil), e.src[n.start:n.attrs]...)
	for _, a := range missing {
		b = append(b, " xmlns"...)
		if a.prefix == "xmlns" {
			b = append(append(b, ':'), a.local...)
		}
		b = append(b, "='"...)
		b = AppendAttr(b, unescapeValue(a.value))
		b = append(b, '\'')
	}
	return string(append(b, e.src[n.attrs:n.end]...))
}

// inherited returns the namespace declarations that hold for e but stand on
// its parents.
func (e Element) inherited() []attr {
	var missing []attr
	for p := e.nodes[e.index].parent; p >= 0; p = e.nodes[p].parent {
		for a := range elementAt(e.src, e.nodes, p).attributes() {
			declares := a.prefix == "xmlns" || a.prefix == "" && a.local == "xmlns"
			same := func(b attr) bool { return b.prefix == a.prefix && b.local == a.local }
			if declares && !slices.ContainsFunc(missing, same) {
				missing = append(missing, a)
			}
		}
	}
	for a := range e.attributes() {
		missing = slices.DeleteFunc(missing, func(b attr) bool {
			return b.prefix == a.prefix && b.local == a.local
		})
	}
	if len(missing) == 0 {
		return nil
	}
	return missing
}
