package wire

import (
	"fmt"
	"strings"
	"testing"
)

// checkRepeat has one decoder read all stanzas, each of which must be what it is by itself.
func checkRepeat(t *testing.T, stanzas ...string) {
	t.Helper()
	p := parser{limits: DefaultLimits, jids: jidCache{}}
	for _, s := range stanzas {
		alone, wantErr := Parse([]byte(s))
		got, err := p.parse([]byte(s))
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%q: %v, want %v", s, err, wantErr)
		}
		if got.Header != alone.Header {
			t.Fatalf("%q: %+v, want %+v", s, got.Header, alone.Header)
		}
		if err == nil {
			sameTree(t, got.Element, alone.Element)
		}
	}
}

func sameTree(t *testing.T, a, b Element) {
	t.Helper()
	if a.Raw() != b.Raw() || a.Text() != b.Text() || a.Space != b.Space || a.Local != b.Local {
		t.Fatalf("%q %q, want %q %q", a.Raw(), a.Text(), b.Raw(), b.Text())
	}
	var children []Element
	for c := range b.Children() {
		children = append(children, c)
	}
	i := 0
	for c := range a.Children() {
		if i >= len(children) {
			t.Fatalf("%q has more children than %q", a.Raw(), b.Raw())
		}
		sameTree(t, c, children[i])
		i++
	}
	if i != len(children) {
		t.Fatalf("%q has fewer children than %q", a.Raw(), b.Raw())
	}
}

// to is what a room tells somebody.
func to(whom, body string) string {
	return "<message from='r@m/n' to='" + whom + "' type='groupchat'><body>" + body + "</body><x xmlns='u'><y a='1'/></x></message>"
}

func TestRepeat(t *testing.T) {
	checkRepeat(t, to("a@b/c", "hi"), to("a@b/c", "hi"), to("longer@b/c", "hi"), to("longer@b/c", "hi"), to("a@b/c", "hi"), to("a@b/c", "ho"))
	checkRepeat(t, to("a@b/&amp;amp;", "x"), to("a@b/&amp;", "x"), to("a@b/&amp;amp;", "x"), to("@", "x"), to("", "x"), to("a@b/<", "x"))
	checkRepeat(t, "<message to='a@b'/>", "<message to='a@b'/>", "<message to='a@b'/", "<message/>", "<message to='a@b' to='a@b'/>")
	checkRepeat(t, to("a@b/c", "hi"), strings.Replace(to("a@b/c", "hi"), "to='a@b/c'", "to='a@b/c\" x='", 1), to("a@b/c", "hi")[:40])
}

// A stanza after another one is what it is by itself.
func FuzzRepeat(f *testing.F) {
	f.Add(to("a@b/c", "hi"), to("d@b/c", "hi"))
	f.Add(to("a@b/c", "hi"), to("d@b/&lt;", "hi"))
	f.Add("<message to='a@b'/>", "<message to='c@b'/>")
	f.Fuzz(func(t *testing.T, a, b string) { checkRepeat(t, b, a, b, a, a) })
}

// What a room of many of ours says, to each of them.
func BenchmarkRepeat(b *testing.B) {
	var all strings.Builder
	for i := range 100 {
		all.WriteString(strings.Replace(groupchat, "to='#channel%libera@irc.example.org'", fmt.Sprintf("to='u%d@example.org/x'", i), 1))
	}
	d := NewDecoder(&endless{s: all.String()}, DefaultLimits)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
