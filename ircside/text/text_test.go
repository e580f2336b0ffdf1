package text

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ in, want string }{{"caf\xc3\xa9", "café"}, {"caf\xe9 \x80", "café €"}, {"plain", "plain"}} {
		if got := Decode([]byte(c.in), charmap.Windows1252); got != c.want {
			t.Errorf("%q: got %q", c.in, got)
		}
	}
	if got := Decode([]byte("caf\xe9"), nil); got != "caf\uFFFD" {
		t.Errorf("without a fallback: %q", got)
	}
}

func TestSanitize(t *testing.T) {
	if got := Sanitize("a\r\nb\x00c\x01d\x02\te\u0085é"); got != "a  b cd\teé" {
		t.Errorf("%q", got)
	}
}

func TestLines(t *testing.T) {
	if got := Lines("\na\r\n \nb\u2028c\n"); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("%q", got)
	}
}

func TestStrip(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"\x02bold\x02 \x1ditalic\x0f", "bold italic"},
		{"\x034red\x03 \x0304,12x\x03,y \x031,y \x03123", "red x,y ,y 3"},
		{"\x04ff0000red\x04 \x04ff0000,00ff00x \x04ff,1", "red x ff,1"},
		{"\x11m\x16r\x1es\x1fu", "mrsu"},
		{"a\tb\x07\x7f\u009b31m", "a b31m"},
		{"\x031,2x", "x"},
		{"é\x02é", "éé"},
	} {
		if got := Strip(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  []string
	}{
		{"short", 10, []string{"short"}},
		{"", 10, []string{""}},
		{"hello big world", 10, []string{"hello big ", "world"}},
		{"a bcdefghijkl", 10, []string{"a bcdefghi", "jkl"}},
		{"ééééé", 5, []string{"éé", "éé", "é"}},
		{"abce\u0301fg", 5, []string{"abc", "e\u0301fg"}},
		{"ab👩‍👩‍👧cd", 20, []string{"ab👩‍👩‍👧", "cd"}},
		{"ab👩‍👩‍👧cd", 19, []string{"ab", "👩‍👩‍👧c", "d"}},
		{"👩‍👩‍👧", 8, []string{"👩\u200d", "👩\u200d", "👧"}},
	} {
		if got := Split(c.in, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("%q at %d: got %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func TestCTCP(t *testing.T) {
	for _, c := range []struct {
		in, command, args string
		ok                bool
	}{
		{"\x01ACTION waves\x01", "ACTION", "waves", true}, {"\x01version\x01", "VERSION", "", true},
		{"\x01ACTION cut", "ACTION", "cut", true}, {"\x01\x01", "", "", false}, {"\x01", "", "", false}, {"", "", "", false}, {"hi", "", "", false},
		{"\x01PING a b\x01rest", "PING", "a b", true},
	} {
		command, args, ok := ParseCTCP(c.in)
		if command != c.command || args != c.args || ok != c.ok {
			t.Errorf("%q: %q %q %v", c.in, command, args, ok)
		}
	}
	if got := CTCP("PING", "1 2"); got != "\x01PING 1 2\x01" {
		t.Errorf("%q", got)
	}
	if got := CTCP("VERSION", ""); got != "\x01VERSION\x01" {
		t.Errorf("%q", got)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("hello big world é👩‍👩‍👧", 10)
	f.Add(strings.Repeat("e\u0301", 50), 7)
	f.Add("e"+strings.Repeat("\u0301", 300), 20)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		pieces := Split(s, limit)
		if strings.Join(pieces, "") != s {
			t.Fatalf("%q is not %q", pieces, s)
		}
		for _, p := range pieces {
			if len(p) > max(limit, minPiece) || utf8.ValidString(s) && !utf8.ValidString(p) || p == "" && s != "" {
				t.Fatalf("limit %d: piece %q of %q", limit, p, s)
			}
		}
	})
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte("\x02a\x0304,12b\x04ff0000c\xe9"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := Decode(b, charmap.Windows1252)
		ParseCTCP(s)
		for _, out := range []string{Strip(s), strings.ReplaceAll(Sanitize(s), "\t", "")} {
			if !utf8.ValidString(out) || strings.ContainsFunc(out, isControl) {
				t.Fatalf("%q became %q", b, out)
			}
			if Strip(out) != out {
				t.Fatalf("%q is not plain", out)
			}
		}
	})
}
