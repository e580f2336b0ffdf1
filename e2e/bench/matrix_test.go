package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/bench/fakexmpp"
	"isthmus/e2e/fakehs"
)

func TestGhostIndex(t *testing.T) {
	for user, want := range map[string]int{
		"@xmpp_u7_users.test:hs.test": nickOfUser(7), "@irc_bench_n3xxx:hs.test": 3, "@n3:hs.test": -1, "": -1,
	} {
		if got := ghostIndex(user); got != want {
			t.Errorf("%s is %d, not %d", user, got, want)
		}
	}
}

func TestEntrance(t *testing.T) {
	other := stanza("presence", "", "#c@gw/n0", jid(3), "<presence/>")
	own := stanza("presence", "", "#c@gw/u3", jid(3), "<status code='110'/>")
	subject := stanza("message", "groupchat", "#c@gw", jid(3), "<message><subject/></message>")
	for _, tc := range []struct {
		name string
		seen []*fakexmpp.Stanza
		want string
	}{
		{"all", []*fakexmpp.Stanza{other, own, subject}, ""},
		{"no subject", []*fakexmpp.Stanza{other, own}, "0 of 1"},
		{"twice", []*fakexmpp.Stanza{other, other, own, subject}, "twice"},
		{"late", []*fakexmpp.Stanza{own, other, subject}, "after the user's own"},
		{"not in", []*fakexmpp.Stanza{other, subject}, "before the user's own"},
	} {
		e := newEntrance()
		for _, s := range tc.seen {
			e.see(s)
		}
		check(t, tc.name, e.verdict(), tc.want)
	}
}

func TestGhostsLines(t *testing.T) {
	l := newLines("x ", []int{nickOfUser(7)}, 2)
	for _, text := range []string{"x 0", "x 1", "x 1"} {
		l.notice(&fakehs.Event{Type: "m.room.message", Sender: "@xmpp_u7_users.test:hs.test", Content: map[string]any{"body": text}})
	}
	check(t, "twice", l.verdict(), "where line 2 was due")
}

func TestSpoken(t *testing.T) {
	p := newSpoken([]int{3, 4})
	p.say("@xmpp_a:x", "u3 says 0", time.Now())
	p.say("@xmpp_b:x", "u4 says 0", time.Now())
	p.say("@xmpp_a:x", "u3 says 1", time.Now())
	check(t, "so far", p.verdict(), "3 of 16")
	p.say("@xmpp_a:x", "u4 says 1", time.Now())
	check(t, "another's name", p.verdict(), "said")
}

// Who enters a room is told who is there, themselves last, and the subject.
func TestMUC(t *testing.T) {
	m := &muc{locals: []string{"u0"}, guests: map[string]string{"a@gw/x": "n0"}}
	got := regexp.MustCompile(`<(?:presence|message)[^>]*from='[^']*?(/n\d|/u\d|)' to='b@gw/x'|<(status) code='110'|<(subject)`).
		FindAllStringSubmatch(string(m.enter("b@gw/x", "n1")), -1)
	var order []string
	for _, match := range got {
		order = append(order, strings.Join(match[1:], ""))
	}
	if want := "/u0 /n0 /n1 status  subject"; strings.Join(order, " ") != want {
		t.Errorf("%q, want %q", strings.Join(order, " "), want)
	}
	if conflict := string(m.enter("c@gw/x", "n1")); !strings.Contains(conflict, "conflict") || m.count() != 2 {
		t.Errorf("two of one nick: %s", conflict)
	}
}
