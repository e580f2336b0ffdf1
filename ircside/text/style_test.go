package text

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"isthmus/bridge"
)

func TestStyled(t *testing.T) {
	span := func(start, end int, style bridge.SpanStyle) bridge.Span {
		return bridge.Span{Start: start, End: end, Style: style}
	}
	for _, c := range []struct {
		in, want string
		spans    []bridge.Span
	}{
		{"plain", "plain", nil},
		{"\x0304red\x03\x16x", "redx", nil},
		{"\x02bold\x02 \x1ditalic\x0f x", "bold italic x", []bridge.Span{span(0, 4, bridge.StyleBold), span(5, 11, bridge.StyleItalic)}},
		{"a\x02b\x1dc\x02d", "abcd", []bridge.Span{span(1, 3, bridge.StyleBold), span(2, 3, bridge.StyleItalic), span(3, 4, bridge.StyleItalic)}},
		{"\x11é\x11\x1eb\x1e\x1fc", "ébc", []bridge.Span{span(0, 2, bridge.StyleCode), span(2, 3, bridge.StyleStrike), span(3, 4, bridge.StyleUnderline)}},
		{"\x02\x034,12a\x0f\tb\x02\x02", "a b", []bridge.Span{span(0, 1, bridge.StyleBold)}},
	} {
		got, spans := Styled(c.in)
		if got != c.want || !reflect.DeepEqual(spans, c.spans) {
			t.Errorf("%q: got %q %v", c.in, got, spans)
		}
	}
}

func TestRender(t *testing.T) {
	rob := bridge.Person{Network: "net", ID: "rob"}
	name := func(p bridge.Person) string {
		if p == rob {
			return "rob"
		}
		return ""
	}
	for _, c := range []struct {
		text  string
		spans []bridge.Span
		want  []string
	}{
		{"a b\n\n \nc", nil, []string{"a b", "c"}},
		{"a bold b", []bridge.Span{{Start: 2, End: 6}}, []string{"a \x02bold\x02 b"}},
		{"ab\ncd", []bridge.Span{{Start: 1, End: 4}, {Start: 1, End: 4, Style: bridge.StyleItalic}}, []string{"a\x02\x1db\x0f", "\x02\x1dc\x0fd"}},
		{"ab", []bridge.Span{{End: 2}, {Start: 1, End: 2, Style: bridge.StyleItalic}}, []string{"\x02a\x1db\x0f"}},
		{"x\na\nb\ny", []bridge.Span{{Start: 2, End: 5, Style: bridge.StyleQuote}}, []string{"x", "> a", "> b", "y"}},
		{"a\n\nb", []bridge.Span{{End: 4, Style: bridge.StyleQuote}, {Start: 3, End: 4, Style: bridge.StyleQuote}}, []string{"> a", "> > b"}},
		{"f {\n\tg\n}", []bridge.Span{{End: 8, Style: bridge.StylePre}}, []string{"\x11f {\x11", "\x11\tg\x11", "\x11}\x11"}},
		{"s", []bridge.Span{{End: 1, Style: bridge.StyleSpoiler}}, []string{"s"}},
		{"here x", []bridge.Span{{End: 4, Style: bridge.StyleLink, Value: "https://a/"}, {End: 2}}, []string{"\x02he\x02re <https://a/> x"}},
		{"https://a/ a@b", []bridge.Span{{End: 10, Style: bridge.StyleLink, Value: "https://a/"}, {Start: 11, End: 14, Style: bridge.StyleLink, Value: "mailto:a@b"}}, []string{"https://a/ a@b"}},
		{"Rob: hi", []bridge.Span{{End: 3, Style: bridge.StyleMention, Person: rob}}, []string{"rob: hi"}},
		{"Bob: hi", []bridge.Span{{End: 3, Style: bridge.StyleMention, Person: bridge.Person{Network: "net", ID: "bob"}}}, []string{"Bob: hi"}},
		{"a\x02b\x03c\x00", []bridge.Span{{End: 4}}, []string{"\x02ab\x02c "}},
	} {
		var got []string
		for _, l := range Render(c.text, c.spans, name) {
			got = append(got, strings.Join(l.Split(1000), ""))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q %v:\n got %q\nwant %q", c.text, c.spans, got, c.want)
		}
	}
}

func TestLineSplit(t *testing.T) {
	l := Render("one two three", []bridge.Span{{Start: 4, End: 13}}, nil)[0]
	if got := l.Split(10); !slices.Equal(got, []string{"one \x02two \x02", "\x02three\x02"}) {
		t.Errorf("%q", got)
	}
	if got := l.Split(15); !slices.Equal(got, []string{"one \x02two three\x02"}) {
		t.Errorf("%q", got)
	}
}

// looks is how each byte of what pieces say looks.
func looks(pieces ...string) (plain string, as []look) {
	for _, p := range pieces {
		text, spans := Styled(p)
		at := make([]look, len(text))
		for _, s := range spans {
			for i := s.Start; i < s.End; i++ {
				at[i] |= lookOf(s.Style)
			}
		}
		plain, as = plain+text, append(as, at...)
	}
	return plain, as
}

func FuzzRender(f *testing.F) {
	f.Add("hello big\nworld é👩‍👩‍👧", []byte{0, 5, 0, 3, 12, 1, 2, 9, 6}, 12)
	f.Add("abc", []byte{0, 1, 0, 1, 2, 1, 2, 3, 4}, 10)
	f.Add(strings.Repeat("e\u0301", 20), []byte{0, 40, 5, 2, 9, 8, 4, 9, 9}, 11)
	f.Fuzz(func(t *testing.T, text string, layout []byte, limit int) {
		if limit > 1<<20 {
			return
		}
		var spans []bridge.Span
		for ; len(layout) >= 3; layout = layout[3:] {
			spans = append(spans, bridge.Span{Start: int(layout[0]), End: int(layout[1]), Style: bridge.SpanStyle(layout[2] % 10), Value: "https://a/"})
		}
		spans = bridge.Normalize(text, spans)
		for _, l := range Render(text, spans, nil) {
			var plain string
			var as []look
			for _, r := range l.runs {
				r.text = strings.ReplaceAll(r.text, "\t", " ")
				plain, as = plain+r.text, append(as, slices.Repeat([]look{r.look}, len(r.text))...)
			}
			pieces := l.Split(limit)
			for _, p := range pieces {
				if len(p) > max(limit, minCoded) || !utf8.ValidString(p) || strings.ContainsAny(p, "\r\n\x00") || Strip(p) == "" {
					t.Fatalf("limit %d: piece %q of %q", limit, p, pieces)
				}
			}
			if got, gotAs := looks(pieces...); got != plain || !slices.Equal(gotAs, as) {
				t.Fatalf("%q looks like %q %v, not %q %v", pieces, got, gotAs, plain, as)
			}
		}
	})
}

func FuzzStyled(f *testing.F) {
	f.Add("\x02a\x1db\x0304,12c\x0fd\x11\te\x04ff0000f")
	f.Fuzz(func(t *testing.T, s string) {
		plain, spans := Styled(s)
		if plain != Strip(s) {
			t.Fatalf("%q is %q, not %q", s, plain, Strip(s))
		}
		if !reflect.DeepEqual(spans, bridge.Normalize(plain, slices.Clone(spans))) {
			t.Fatalf("%q has %v", s, spans)
		}
		// What is sent on looks as it looked.
		lines := Render(plain, spans, nil)
		if len(lines) != 1 {
			return
		}
		wantPlain, want := looks(s)
		if got, as := looks(lines[0].Split(1 << 20)...); got != wantPlain || !slices.Equal(as, want) {
			t.Fatalf("%q became %q %v, not %q %v", s, got, as, wantPlain, want)
		}
	})
}
