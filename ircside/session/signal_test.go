package session

import (
	"testing"
	"time"

	"isthmus/ircside/line"
)

// A signal goes at once or not at all, and leaves room for what is said.
func TestSignal(t *testing.T) {
	typing := []line.Tag{{Name: "+typing", Value: "active"}}
	inBubble(t, Config{}, func(w *world) {
		w.welcome("")
		if w.s.Signal(typing, "TAGMSG", "#go") {
			t.Error("to a server without tags")
		}
		w.srv.silent()
	})
	inBubble(t, Config{Flood: Flood{Burst: 4, Interval: time.Minute}}, func(w *world) {
		w.welcome("message-tags")
		for range 2 {
			if !w.s.Signal(typing, "TAGMSG", "#go") {
				t.Error("not sent")
			}
		}
		w.srv.expect("@+typing=active TAGMSG #go", "@+typing=active TAGMSG #go")
		if w.s.Signal(typing, "TAGMSG", "#go") {
			t.Error("sent, though what is said next would have to wait")
		}
		if w.s.Signal(typing, "TAGMSG", "a b", "c") || w.s.Signal([]line.Tag{{Name: "a b"}}, "TAGMSG", "#go") {
			t.Error("sent what is no line")
		}
		w.srv.silent()
		for range 3 { // more than may go now
			_ = w.s.Send("PRIVMSG", "#go", "hi")
		}
		if w.s.Signal(typing, "TAGMSG", "#go") {
			t.Error("sent before what waits")
		}
	})
}
