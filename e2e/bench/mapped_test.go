package main

import (
	"testing"
	"time"
)

func TestCrossing(t *testing.T) {
	type line struct{ name, text string }
	for _, tc := range []struct {
		name  string
		heard []line
		want  string
	}{
		{"puppets", []line{{"n0", "n0 says 0"}, {"n1x", "n1x says 1"}}, ""},
		{"a relay", []line{{"relay", "<n0> n0 says 0"}, {"relay", "\x02<\x0304n\u200b1x\x03>\x02 n1x says 1"}}, ""},
		{"notices", []line{{"relay", "hello"}, {"n0", "n0 says 0"}, {"n1x", "n1x says 1"}}, ""},
		{"one missing", []line{{"n0", "n0 says 0"}}, "1 of 2"},
		{"twice", []line{{"n0", "n0 says 0"}, {"n0", "n0 says 0"}}, "twice"},
		{"out of order", []line{{"n1x", "n1x says 1"}, {"n0", "n0 says 0"}}, "after line 1"},
		{"a loop", []line{{"n0", "u0 says 0"}}, "nobody expects"},
		{"another's name", []line{{"n0", "n0 says 0"}, {"n0", "n1x says 1"}}, "as n0 is"},
		{"another's name by a relay", []line{{"relay", "<n1x> n0 says 0"}}, "nobody expects"},
		{"no such line", []line{{"n0", "n0 says 2"}}, "nobody expects"},
	} {
		p := &speakers{names: natives(2), say: func(string, ...string) error { return nil }}
		c := p.expect(2)
		if err := p.speak(2, c); err != nil {
			t.Fatal(err)
		}
		for _, l := range tc.heard {
			heard([]*crossing{c}, "u", l.name, l.text, time.Now())
		}
		check(t, tc.name, c.verdict(), tc.want)
	}
}

func TestBetween(t *testing.T) {
	var networks [3]*speakers
	for i, name := range []string{"n0", "u0", "m0"} {
		networks[i] = &speakers{names: []string{name}}
	}
	b := expectBetween(networks, 1)
	if len(b.tallies()) != 6 || len(b.from(1)) != 2 || len(b.at(1)) != 2 || b.at(1)[0].from != "n" || b.from(1)[0].from != "u" {
		t.Errorf("%v", b)
	}
}

// 1,000 people of a channel become occupants of a MUC when they speak, and are
// heard there once, as themselves.
func TestThousandPuppets(t *testing.T) {
	if testing.Short() {
		t.Skip("left out (-short)")
	}
	t.Chdir("../..")
	b := &bench{base: t.TempDir(), caps: true}
	kinds, err := b.kinds(t.Context(), "isthmus", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := mappedCrowd(t.Context(), b, kinds[0], results{}); err != nil {
		t.Error(err)
	}
}
