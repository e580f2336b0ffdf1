package bridge

import (
	"reflect"
	"testing"
	"unicode/utf8"
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		text      string
		in, wants []Span
	}{
		{"plain", nil, nil},
		{"a bold b", []Span{{Start: 2, End: 6}}, []Span{{Start: 2, End: 6}}},
		{"nested", []Span{{Start: 1, End: 3, Style: StyleItalic}, {Start: 0, End: 6}}, []Span{{Start: 0, End: 6}, {Start: 1, End: 3, Style: StyleItalic}}},
		{"overlap", []Span{{Start: 0, End: 4}, {Start: 2, End: 7, Style: StyleItalic}},
			[]Span{{Start: 0, End: 4}, {Start: 2, End: 4, Style: StyleItalic}, {Start: 4, End: 7, Style: StyleItalic}}},
		{"é", []Span{{Start: 1, End: 2}, {Start: 0, End: 0}, {Start: 0, End: 3}, {Start: -1, End: 1}}, nil},
	} {
		if got := Normalize(c.text, c.in); !reflect.DeepEqual(got, c.wants) {
			t.Errorf("%q: got %v, want %v", c.text, got, c.wants)
		}
	}
}

// Whatever comes in, what comes out is inside of the text and nests.
func FuzzNormalize(f *testing.F) {
	f.Add("some text", []byte{0, 4, 2, 6, 3, 9})
	f.Add("é☃", []byte{0, 2, 1, 3, 2, 5})
	f.Fuzz(func(t *testing.T, text string, ends []byte) {
		if !utf8.ValidString(text) {
			return
		}
		var in []Span
		for i := 0; i+1 < len(ends); i += 2 {
			in = append(in, Span{Start: int(ends[i]), End: int(ends[i+1]), Style: SpanStyle(i % 10)})
		}
		var open []int
		last := Span{}
		for _, s := range Normalize(text, in) {
			if s.Start < 0 || s.End > len(text) || s.Start >= s.End || s.Start < last.Start || s.Start == last.Start && s.End > last.End && last.End > 0 {
				t.Fatalf("%q: %v after %v", text, s, last)
			}
			for len(open) > 0 && open[len(open)-1] <= s.Start {
				open = open[:len(open)-1]
			}
			if len(open) > 0 && open[len(open)-1] < s.End {
				t.Fatalf("%q: %v overlaps", text, s)
			}
			open, last = append(open, s.End), s
		}
	})
}
