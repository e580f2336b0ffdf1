package session

import (
	"slices"
	"testing"

	"isthmus/ircside/line"
)

// TestEnd is a server that goes on with a LIST after it has answered the
// barrier (Solanum), while another request comes and goes.
func TestEnd(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("")
		var got []Result
		list := Request{Lines: []Line{{Command: "LIST"}}, Collect: []string{"322", "323"}, End: []string{"323"}}
		if err := w.s.Request(list, func(r Result) { got = append(got, r) }); err != nil {
			t.Fatal(err)
		}
		said := w.request(privmsg("#go", "one"))
		w.srv.send(":irc.test 322 alice #a 3 :x", ":irc.test PONG irc.test :b2", ":irc.test 322 alice #b 3 :x",
			":irc.test 404 alice #go :No", ":irc.test PONG irc.test :b4")
		w.wantResults(said, "404 No")
		w.srv.send(":irc.test 322 alice #c 3 :x", ":irc.test 323 alice :End")
		w.wantHeard()
		if len(got) != 1 || got[0].Err != nil || len(got[0].Lines) != 4 {
			t.Errorf("got %+v", got)
		}
		if w.s.pending != nil || w.s.waiting.Load() != 0 {
			t.Error("requests are left over")
		}
	})
}

// TestEndRefused is a server that refuses, or is done before the barrier.
func TestEndRefused(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("")
		ask := func(command string) *[]Result {
			results := new([]Result)
			r := Request{Lines: []Line{{Command: command}}, End: []string{"318", "323"}}
			if err := w.s.Request(r, func(r Result) { *results = append(*results, r) }); err != nil {
				t.Fatal(err)
			}
			return results
		}
		list, whois := ask("LIST"), ask("WHOIS")
		w.srv.send(":irc.test 263 alice LIST :Wait", ":irc.test PONG irc.test :b2")
		w.wantResults(list, "263 Wait")
		w.srv.send(":irc.test 318 alice bob :End", ":irc.test PONG irc.test :b4")
		w.wantResults(whois, "ok")
	})
}

// TestAnsweredAfterItsLine is a labelled answer of one line, which shows what
// it led to: the request is done after it.
func TestAnsweredAfterItsLine(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("batch labeled-response message-tags")
		var order []string
		w.h.onLine = func(m *line.Message, _ *Batch) { order = append(order, m.Command) }
		err := w.s.Request(Request{Lines: []Line{{Command: "JOIN", Params: []string{"#go"}}}}, func(Result) { order = append(order, "done") })
		if err != nil {
			t.Fatal(err)
		}
		w.srv.send("@label=1 :alice!~al@host JOIN #go")
		w.h.heard()
		if !slices.Equal(order, []string{"JOIN", "done"}) {
			t.Error(order)
		}
	})
}
