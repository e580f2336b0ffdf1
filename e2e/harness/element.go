package harness

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Element is a parsed piece of XML.
type Element struct {
	Name     string // local name
	Space    string // namespace
	Attr     map[string]string
	Text     string // character data directly inside, all together
	Children []*Element
	raw      string // of a stanza: as it came
}

// ParseElement reads one element.
func ParseElement(text string) (*Element, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	var stack []*Element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("no whole element in %q", text)
		}
		if err != nil {
			return nil, fmt.Errorf("%w in %q", err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &Element{Name: token.Name.Local, Space: token.Name.Space, Attr: map[string]string{}}
			for _, a := range token.Attr {
				e.Attr[a.Name.Local] = a.Value
			}
			if len(stack) > 0 {
				parent := stack[len(stack)-1]
				parent.Children = append(parent.Children, e)
			}
			stack = append(stack, e)
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(token)
			}
		case xml.EndElement:
			if len(stack) == 1 {
				stack[0].raw = text
				return stack[0], nil
			}
			stack = stack[:len(stack)-1]
		}
	}
}

// Find follows child names ("x/item/reason") to the first element there, or nil.
func (e *Element) Find(path string) *Element {
	for name := range strings.SplitSeq(path, "/") {
		if e = e.child(name); e == nil {
			return nil
		}
	}
	return e
}

func (e *Element) child(name string) *Element {
	for _, c := range e.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// In returns the first child of a namespace, or nil.
func (e *Element) In(space string) *Element {
	for _, c := range e.Children {
		if c.Space == space {
			return c
		}
	}
	return nil
}

// All returns the children of a name.
func (e *Element) All(name string) []*Element {
	var found []*Element
	for _, c := range e.Children {
		if c.Name == name {
			found = append(found, c)
		}
	}
	return found
}

// TextOf is the text of the first element at path, or "".
func (e *Element) TextOf(path string) string {
	if found := e.Find(path); found != nil {
		return found.Text
	}
	return ""
}

// String is the stanza as it came.
func (e *Element) String() string { return e.raw }

// Escape makes text safe inside an XML element or attribute.
func Escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder never fails
	return b.String()
}
