package ircside

import (
	"fmt"
	"testing"
	"time"

	"isthmus/bridge"
)

func TestBrake(t *testing.T) {
	var b brake
	now := testTime
	note := func(who string) bool { return b.note(jid(who), "K-Lined", now) }
	for i, c := range []struct {
		after time.Duration
		who   string
		pull  bool
	}{
		{0, "a", false}, {time.Minute, "a", false}, {time.Minute, "b", false}, // one person counts once
		{brakeWindow + time.Minute, "c", false}, {0, "d", false}, {0, "e", true}, // and only for a while
		{time.Minute, "f", false},                // had their turn already
		{brakeFirst, "g", true}, {0, "h", false}, // the first after it is enough
		{2*brakeFirst + 2*brakeMost, "i", false}, // forgotten
		{0, "j", false}, {0, "k", true},
	} {
		now = now.Add(c.after)
		if got := note(c.who); got != c.pull {
			t.Errorf("%d: %s: %v", i, c.who, got)
		}
	}
	if b.hold != brakeFirst || b.times != 3 {
		t.Errorf("%+v", b)
	}
}

// A ban that hits some of ours may be one of all: nobody else tries for a
// while, but for the Keeper. Who was thrown out is not connected again.
func TestBrakePulled(t *testing.T) {
	w := newWorld(t, nil)
	for i, line := range []string{
		"ERROR :Closing link: (u@host) [K-Lined: spam]",
		":irc.test 465 p1 :You are banned from this server- spam\r\nERROR :Closing Link: host (Connection closed)",
		":oper!o@h KILL p2 :irc.test!oper (spam)",
	} {
		who := fmt.Sprintf("p%d", i)
		w.deliver("j", who, bridge.Join{})
		p := w.accept()
		p.joined(who + " @bob")
		w.want("#go | members bob=4 <"+who+"@x>"+who+"=1 secret false", `#go | topic by "": `, "#go | <"+who+`@x> joins as `+who+` role 1 created false ref "j"`)
		p.send("%s", line)
		_ = p.conn.Close()
		w.want([]string{
			`#go | <p0@x> leaves (kill): Closing link: (u@host) [K-Lined: spam] by ""`,
			`#go | <p1@x> leaves (kill): Closing Link: host (Connection closed) by ""`,
			`#go | <p2@x> leaves (kill): killed: irc.test!oper (spam) by "oper"`,
		}[i])
	}
	w.side.work.Wait()
	if n := w.side.Counters.Braked.Load(); n != 1 {
		t.Errorf("braked %d times", n)
	}
	if s := w.side.Status(); len(s) != 1 || time.Until(s[0].Held) < brakeFirst/2 || s[0].HeldWhy != "killed: irc.test!oper (spam)" {
		t.Errorf("%+v", s)
	}
	w.deliver("j9", "alice", bridge.Join{})
	w.want(`#go | failure "j9" kind 13: net has refused several people of this gateway, so that nobody else tries for 10m0s. It said: killed: irc.test!oper (spam)`)
	w.side.Deliver(bridge.Event{ID: "k", Room: room, By: bridge.Keeper, Name: "isthmus", Body: bridge.Join{}})
	w.accept().expect("JOIN #go")
}
