package wire

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var seeds = []string{
	groupchat,
	`<message><body>a<![CDATA[b]]>&#13;</body></message>`,
	`<iq type='get' id="1"><p:q xmlns:p='u' p:a='1' a='&#10; 2'/></iq>`,
	`<presence to='a@b' ><x xmlns="u"><y xmlns=''/></x ></presence >`,
	`<message xmlns:e='u' e:from='a' from='b'/>`,
	`<stream:error/>`,
}

// Whatever the parser takes, encoding/xml takes too, and understands alike.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		st, err := Parse([]byte(s))
		if err != nil {
			return
		}
		x := xml.NewDecoder(strings.NewReader("<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>" + s))
		if _, err := x.Token(); err != nil {
			t.Fatal(err)
		}
		token, err := x.Token()
		root, ok := token.(xml.StartElement)
		if err != nil || !ok {
			t.Fatalf("%q: %v, %v", s, token, err)
		}
		compare(t, st.Element, root, x)
		var out strings.Builder
		out.WriteString(st.Raw())
		if out.String() != s {
			t.Fatalf("raw %q is not %q", out.String(), s)
		}
		for c := range st.Children() {
			again, err := Parse([]byte("<message>" + c.Raw() + "</message>"))
			if err != nil {
				t.Fatalf("raw %q: %v", c.Raw(), err)
			}
			if _, ok := again.Child(c.Space, c.Local); !ok {
				t.Fatalf("raw %q is no %s %s", c.Raw(), c.Space, c.Local)
			}
		}
	})
}

// compare walks both trees side by side to the end of start.
func compare(t *testing.T, e Element, start xml.StartElement, x *xml.Decoder) {
	t.Helper()
	if e.Local != start.Name.Local || e.Space != start.Name.Space {
		t.Fatalf("name %q %q, want %+v", e.Space, e.Local, start.Name)
	}
	for _, a := range start.Attr {
		if a.Name.Space == "" && normal(e.Attr(a.Name.Local)) != normal(a.Value) {
			t.Fatalf("attribute %q: %q, want %q", a.Name.Local, e.Attr(a.Name.Local), a.Value)
		}
	}
	var children []Element
	for c := range e.Children() {
		children = append(children, c)
	}
	text := ""
	for {
		token, err := x.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(children) == 0 {
				t.Fatalf("child %v is missing", token.Name)
			}
			compare(t, children[0], token, x)
			children = children[1:]
		case xml.CharData:
			text += string(token)
		case xml.EndElement:
			// encoding/xml takes a &#13; for a line end, too.
			if len(children) > 0 || strings.ReplaceAll(e.Text(), "\r", "\n") != strings.ReplaceAll(text, "\r", "\n") {
				t.Fatalf("%d children too many, text %q, want %q", len(children), e.Text(), text)
			}
			return
		default:
			t.Fatalf("%T was taken", token)
		}
	}
}

// normal undoes the one difference: encoding/xml does not normalize the white
// space in attribute values.
func normal(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}

// How a stream is split into stanzas does not depend on how it arrives, and
// what went in comes out.
func FuzzFramer(f *testing.F) {
	for _, s := range seeds {
		f.Add(s+" "+s, 100)
	}
	f.Add("<a><b", 3)
	f.Add("<a>"+strings.Repeat("x", 100)+"</a><b/>", 20)
	f.Fuzz(func(t *testing.T, s string, size int) {
		limits := Limits{Size: size&0xff + 1, Depth: 8, Elements: 16, Attributes: 4}
		whole := frames(strings.NewReader(s), limits)
		for _, r := range []io.Reader{iotest.OneByteReader(strings.NewReader(s)), iotest.HalfReader(strings.NewReader(s))} {
			if chunked := frames(r, limits); chunked != whole {
				t.Fatalf("%q in chunks: %s, want %s", s, chunked, whole)
			}
		}
	})
}

func frames(r io.Reader, l Limits) string {
	d := NewDecoder(r, l)
	var out strings.Builder
	for {
		st, err := d.Next()
		var b *BadStanza
		switch {
		case errors.As(err, &b):
			fmt.Fprintf(&out, "%v\n", b)
		case err != nil:
			fmt.Fprintf(&out, "%v\n", err)
			return out.String()
		default:
			fmt.Fprintf(&out, "%s\n", st.Raw())
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("a\x00<&>'\"\xff\r\n\t\uFFFE")
	f.Fuzz(func(t *testing.T, s string) {
		b := append([]byte("<message><a b='"), AppendAttr(nil, s)...)
		b = append(b, "'>"...)
		b = append(AppendText(b, s), "</a></message>"...)
		st, err := Parse(b)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		want := strings.Map(func(r rune) rune {
			if !legal(r) {
				return -1
			}
			return r
		}, s)
		a, _ := st.Child(NSComponent, "a")
		if a.Text() != want || a.Attr("b") != want {
			t.Fatalf("%q came back as %q and %q", want, a.Text(), a.Attr("b"))
		}
	})
}
