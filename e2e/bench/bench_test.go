package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/bench/fakexmpp"
)

func stanza(name, kind, from, to, raw string) *fakexmpp.Stanza {
	return &fakexmpp.Stanza{
		Name: []byte(name), Type: []byte(kind), From: []byte(from), To: []byte(to), Raw: []byte(raw), At: time.Now(),
	}
}

func TestPresences(t *testing.T) {
	other := stanza("presence", "", "#c@gw/n0", jid(3), "<presence/>")
	own := stanza("presence", "", "#c@gw/u3", jid(3), "<status code='110'/>")
	for _, tc := range []struct {
		name string
		seen []*fakexmpp.Stanza
		want string
	}{
		{"all", []*fakexmpp.Stanza{other, own}, ""},
		{"one missing", []*fakexmpp.Stanza{own}, "1 of 2"},
		{"twice", []*fakexmpp.Stanza{other, other}, "twice"},
		{"110 missing", []*fakexmpp.Stanza{stanza("presence", "", "#c@gw/u3", jid(3), "")}, "110"},
		{"another's 110", []*fakexmpp.Stanza{stanza("presence", "", "#c@gw/n0", jid(3), "<status code='110'/>")}, "110"},
		{"a stranger", []*fakexmpp.Stanza{stanza("presence", "", "#c@gw/n0", jid(4), "")}, "nobody expects"},
		{"an error", []*fakexmpp.Stanza{stanza("presence", "error", "#c@gw/u3", jid(3), "")}, "an error"},
		{"one too many", []*fakexmpp.Stanza{other, own, stanza("presence", "", "#c@gw/n1x", jid(3), "")}, "3 came"},
	} {
		p := newPresences("", 2, []int{3}, firstUser+4)
		for _, s := range tc.seen {
			p.see(s)
		}
		check(t, tc.name, p.verdict(), tc.want)
	}
}

func TestLines(t *testing.T) {
	for _, tc := range []struct {
		name   string
		bodies []string
		want   string
	}{
		{"all", []string{"x 0", "hello", "x 1"}, ""},
		{"one missing", []string{"x 0"}, "1 of 2"},
		{"out of order", []string{"x 1", "x 0"}, "line 0 was due"},
		{"twice", []string{"x 0", "x 0"}, "line 1 was due"},
	} {
		l := newLines("x ", []int{7}, 2)
		for _, body := range tc.bodies {
			l.see(stanza("message", "groupchat", "#c@gw/n0", jid(7), "<message><body>"+body+"</body></message>"))
		}
		check(t, tc.name, l.verdict(), tc.want)
	}
}

func check(t *testing.T, name string, err error, want string) {
	t.Helper()
	if got := fmt.Sprint(err); err == nil && want != "" || err != nil && (want == "" || !strings.Contains(got, want)) {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
}

func TestPrintTable(t *testing.T) {
	all := map[string]results{
		"biboumi": {"start": measured(0.2), "fanout-rate": measured(1000)},
		"isthmus": {"start": measured(0.1), "fanout-rate": measured(200000), "rss": {err: errors.New("lost")}},
	}
	var b bytes.Buffer
	if printTable(&b, []string{"start", "fanout-rate", "rss"}, all) {
		t.Error("a failed row went unnoticed")
	}
	for _, want := range []string{"2.0x missed", "200.0x reached", "FAILED", "rss, isthmus: lost", "≤ 0.050 s", "≤ 25 / 30 MiB"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
