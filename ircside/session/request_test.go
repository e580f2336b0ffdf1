package session

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"isthmus/ircside/line"
)

// wantResults fences with the server, then compares what a request came to:
// "ok", "ok <msgid>", "<code> <text>" or the name of the error.
func (w *world) wantResults(results *[]Result, want ...string) {
	w.Helper()
	w.h.heard()
	var got []string
	for _, r := range *results {
		var refused *ReplyError
		switch {
		case r.Err == nil && r.Native != "":
			got = append(got, "ok "+r.Native)
		case r.Err == nil:
			got = append(got, "ok")
		case errors.As(r.Err, &refused):
			got = append(got, refused.Error())
		default:
			got = append(got, r.Err.Error())
		}
	}
	if !slices.Equal(got, want) {
		w.Errorf("results %q, want %q", got, want)
	}
}

// TestBarrier pipelines requests to a server without labels (ngIRCd), which
// refuses some of them while lines of others come between.
func TestBarrier(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 10, Interval: time.Second}}, func(w *world) {
		w.welcome("")
		first := w.request(privmsg("#go", "one"))
		second := w.request(privmsg("#go", "two"))
		join := w.request(Line{Command: "JOIN", Params: []string{"#secret,#other", "key"}})
		nick := w.request(Line{Command: "NICK", Params: []string{"bob"}})
		w.srv.expect("PRIVMSG #go one", "PING :b2", "PRIVMSG #go two", "PING :b4",
			"JOIN #secret,#other key", "PING :b6", "NICK bob", "PING :b8")
		w.wantResults(first)
		w.srv.send(":bob!b@h PRIVMSG #go :between", ":irc.test PONG irc.test :b2")
		w.wantHeard("PRIVMSG #go between")
		w.wantResults(first, "ok")
		w.srv.send(":irc.test 404 alice #GO :Cannot send to channel",
			":irc.test 401 alice someone :No such nick", // of a line nobody asked about
			":irc.test PONG irc.test :b4",
			":irc.test 475 alice #secret :Cannot join channel (+k)",
			":alice!~al@host JOIN #other",
			":irc.test 353 alice = #other :@alice",
			":irc.test 433 alice bob :early, and not for JOIN",
			":irc.test PONG irc.test b6")
		w.wantHeard("401 alice someone No such nick", "JOIN #other", "353 alice = #other @alice",
			"433 alice bob early, and not for JOIN")
		w.wantResults(second, "404 Cannot send to channel")
		w.wantResults(join, "475 Cannot join channel (+k)")
		w.srv.send(":irc.test 433 alice bob :Nickname already in use", ":irc.test PONG irc.test :b8")
		w.wantResults(nick, "433 Nickname already in use")
		w.wantHeard()
		if w.s.pending != nil || w.s.waiting.Load() != 0 {
			t.Error("requests are left over")
		}
	})
}

// TestBarrierLost is a server that swallows a PONG: the next one tells too.
func TestBarrierLost(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("")
		first, second := w.request(privmsg("#go", "one")), w.request(privmsg("#go", "two"))
		w.srv.send(":irc.test PONG irc.test :b99", ":irc.test PONG irc.test :bogus!", ":irc.test PONG :b4")
		w.wantResults(first, "ok")
		w.wantResults(second, "ok")
	})
}

// TestErrorsWithoutName are those that name neither command nor target.
func TestErrorsWithoutName(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{":irc.test 481 alice :Permission denied", "481 Permission denied"},
		{":irc.test 417 alice :Input line was too long", "417 Input line was too long"},
		{":irc.test 421 alice PRIVMSG :Unknown command", "421 Unknown command"},
		{":irc.test 461 alice privmsg :Not enough parameters", "461 Not enough parameters"},
		{":irc.test 263 alice PRIVMSG :Please wait", "263 Please wait"},
		{":irc.test 716 alice bob :has +g", "716 has +g"},
		{"FAIL PRIVMSG NO_VOICE bob :Log in first", "NO_VOICE Log in first"},
		{"FAIL * SLOW_DOWN :Too fast", "SLOW_DOWN Too fast"},
		{"FAIL JOIN OTHER :not ours", "ok"},
		{":irc.test 421 alice WHO :not ours", "ok"},
		{":irc.test 422 alice :no MOTD is no error", "ok"},
		{":irc.test 301 alice bob :away is no error", "ok"},
	} {
		inBubble(t, Config{}, func(w *world) {
			w.welcome("")
			r := w.request(privmsg("Bob", "hi"))
			w.srv.send(c.line, ":irc.test PONG irc.test :b2")
			w.wantResults(r, c.want)
		})
	}
}

func TestReplyErrorParams(t *testing.T) {
	var m line.Message
	for raw, want := range map[string][]string{
		":irc.test 441 alice bob #go :They aren't there": {"bob", "#go"},
		"FAIL CHATHISTORY BAD #go x :text":               {"#go", "x"},
		":irc.test 481 alice":                            nil,
		":irc.test 481":                                  nil,
	} {
		if err := line.Parse([]byte(raw), &m); err != nil {
			t.Fatal(err)
		}
		if got := replyError(&m).Params; !slices.Equal(got, want) {
			t.Errorf("%q: params %q, want %q", raw, got, want)
		}
	}
}

// TestEcho is a server with echo-message and without labels (Solanum): the
// echo names the message, the barrier confirms it.
func TestEcho(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("echo-message message-tags")
		r := w.request(privmsg("#go", "one"), privmsg("#go", "two"))
		w.srv.expect("PRIVMSG #go one", "PRIVMSG #go two", "PING :b3")
		w.srv.send("@msgid=m1 :alice!~al@host PRIVMSG #Go :one", "@msgid=m2 :alice!~al@host PRIVMSG #go :two",
			":alice!~al@host PRIVMSG #elsewhere :from another client",
			":irc.test PONG irc.test :b3")
		w.wantHeard("PRIVMSG #elsewhere from another client")
		w.wantResults(r, "ok m2")
	})
}

// TestLabels is a server with labeled-response (Ergo), which may answer in
// any order.
func TestLabels(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 10, Interval: time.Second}}, func(w *world) {
		w.welcome("batch echo-message labeled-response message-tags")
		msg := w.request(privmsg("#go", "one"))
		away := w.request(Line{Command: "AWAY", Params: []string{"lunch"}})
		bad := w.request(privmsg("#no", "x"), privmsg("#go", "y"))
		join := w.request(Line{Command: "JOIN", Params: []string{"#new"}})
		w.srv.expect("@label=1 PRIVMSG #go one", "@label=3 AWAY lunch",
			"@label=5 PRIVMSG #no x", "@label=6 PRIVMSG #go y", "@label=8 JOIN #new")
		w.srv.send(
			"@label=8 :irc.test BATCH +j labeled-response",
			"@batch=j :alice!~al@host JOIN #new",
			"@label=3 :irc.test 306 alice :You have been marked as being away",
			"@batch=j :irc.test BATCH +s netjoin a b",
			"@batch=s :bob!b@h JOIN #new",
			"@batch=j :irc.test BATCH -s",
			":irc.test 404 alice #go :no label, no claim",
			":irc.test BATCH -j",
			"@label=6;msgid=m6 :alice!~al@host PRIVMSG #go :y")
		w.wantHeard("JOIN #new", "306 alice You have been marked as being away",
			"BATCH +s netjoin a b <netjoin", "JOIN #new <netjoin", "BATCH -s <netjoin ended",
			"404 alice #go no label, no claim")
		w.wantResults(join, "ok")
		w.wantResults(away, "ok")
		w.wantResults(bad)
		w.srv.send("@label=5 :irc.test 403 alice #no :No such channel", "@label=1 :irc.test ACK")
		w.wantResults(bad, "403 No such channel")
		w.wantResults(msg, "ok")
		if w.s.bat.open != nil {
			t.Error("batches are left over")
		}
	})
}

// TestCollect asks for the lines of a reply.
func TestCollect(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("")
		var got Result
		err := w.s.Request(Request{Lines: []Line{{Command: "LIST"}}, Collect: []string{"322"}}, func(r Result) { got = r })
		if err != nil {
			t.Fatal(err)
		}
		for range maxReplies + 1 {
			w.srv.send(":irc.test 322 alice #go 3 :all about it")
		}
		w.srv.send(":irc.test 323 alice :End of LIST", ":irc.test PONG irc.test :b2")
		w.wantHeard("323 alice End of LIST")
		if len(got.Lines) != maxReplies || !got.Cut || got.Err != nil || got.Lines[9].Param(1) != "#go" {
			t.Errorf("%d lines, cut %v, %v", len(got.Lines), got.Cut, got.Err)
		}
		if n := w.s.cfg.Stats.Replies.Load(); n != 1 {
			t.Errorf("%d replies counted", n)
		}
	})
}

func TestRequestTimeout(t *testing.T) {
	inBubble(t, Config{RequestTimeout: 10 * time.Second, Flood: Flood{Burst: 1, Interval: time.Minute}}, func(w *world) {
		w.welcome("")
		start := time.Now()
		var at []time.Duration
		for range 2 { // the second waits a minute for flood control, which does not count
			err := w.s.Request(Request{Lines: []Line{privmsg("#go", "x")}}, func(r Result) {
				if r.Err != ErrTimeout {
					t.Errorf("result %v", r.Err)
				}
				at = append(at, time.Since(start))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 7 { // a server that is alive otherwise
			time.Sleep(11 * time.Second)
			w.srv.send(":irc.test NOTICE alice :hello")
		}
		w.h.heard()
		if want := []time.Duration{10 * time.Second, 70 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("timed out after %v, want %v", at, want)
		}
		w.srv.send(":irc.test PONG irc.test :b2") // too late
		w.wantHeard()
	})
}

// TestRequestsAtTheEnd: each is told once, those in the queue too, before Closed.
func TestRequestsAtTheEnd(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 2, Interval: time.Minute}}, func(w *world) {
		w.welcome("")
		sent, queued := w.request(privmsg("#go", "1")), w.request(privmsg("#go", "2"), privmsg("#go", "3"))
		w.srv.expect("PRIVMSG #go 1", "PING :b2", "PRIVMSG #go 2")
		_ = w.srv.conn.Close()
		w.wantKind(Lost, true)
		w.wantResults(sent, ErrClosed.Error())
		w.wantResults(queued, ErrClosed.Error())
		if err := w.s.Request(Request{Lines: []Line{privmsg("#go", "4")}}, nil); err != ErrClosed {
			t.Errorf("Request after the end: %v", err)
		}
	})
}

// TestRequestWhole: a request that does not fit the queue sends nothing.
func TestRequestWhole(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 1, Interval: time.Second}, QueueLines: 2}, func(w *world) {
		w.welcome("")
		three := Request{Lines: []Line{privmsg("#go", "1"), privmsg("#go", "2"), privmsg("#go", "3")}}
		if err := w.s.Request(three, nil); err != ErrQueueFull {
			t.Errorf("Request: %v", err)
		}
		if err := w.s.Request(Request{}, nil); err != line.ErrEmpty {
			t.Errorf("Request of nothing: %v", err)
		}
		w.srv.silent()
	})
}

// TestReentrant sends and asks from inside the handler and from a result.
func TestReentrant(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.h.onLine = func(m *line.Message, _ *Batch) {
			if m.Command == "INVITE" {
				_ = w.s.Request(Request{Lines: []Line{{Command: "JOIN", Params: []string{m.Param(1)}}}}, func(Result) {
					_ = w.s.Send("PRIVMSG", "#go", "here I am")
					w.s.Close("")
				})
			}
		}
		w.welcome("")
		w.srv.send(":bob!b@h INVITE alice #go")
		w.srv.expect("JOIN #go", "PING :b2")
		w.srv.send(":irc.test PONG irc.test :b2")
		w.srv.expect("PRIVMSG #go :here I am", "QUIT :")
	})
}

// TestHold: what is held goes out in one write with the release, and no more
// is held than a buffer takes.
func TestHold(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("")
		w.s.Hold()
		w.s.Hold() // by somebody else too
		w.request(privmsg("#go", "one"))
		w.srv.send("PING :still there")
		w.srv.silent()
		w.s.Release()
		w.srv.silent()
		w.s.Release()
		w.srv.expect("PRIVMSG #go one", "PING :b2", "PONG :still there")

		w.s.Hold()
		long := strings.Repeat("x", outBuffer/2-len("PRIVMSG #go \r\n"))
		w.request(privmsg("#go", long))
		w.srv.expect("PRIVMSG #go "+long, "PING :b4")
		w.s.Release()
	})
}

// The copy of what a RELAYMSG says is no message of somebody else's.
func TestRelaymsg(t *testing.T) {
	for _, caps := range []string{"draft/relaymsg=/~", "draft/relaymsg=/~ message-tags batch labeled-response echo-message"} {
		inBubble(t, Config{}, func(w *world) {
			w.welcome(caps)
			if sign, ok := w.s.Relaymsg(); sign != '/' || !ok {
				t.Errorf("sign %q %v", sign, ok)
			}
			got := w.request(Line{Command: "RELAYMSG", Params: []string{"#go", "rob/xmpp", "hi"}})
			if strings.Contains(caps, "label") {
				w.srv.expect("@label=1 RELAYMSG #go rob/xmpp hi")
				w.srv.send("@label=1;msgid=m1;draft/relaymsg=alice :rob/xmpp!~u@h PRIVMSG #go hi")
			} else {
				w.srv.expect("RELAYMSG #go rob/xmpp hi", "PING :b2")
				w.srv.send("@msgid=m1 :rob/xmpp!~u@h PRIVMSG #GO hi", ":irc.test PONG irc.test :b2")
			}
			w.wantHeard()
			w.wantResults(got, "ok m1")
		})
	}
	inBubble(t, Config{}, func(w *world) {
		w.welcome("message-tags")
		if _, ok := w.s.Relaymsg(); ok {
			t.Error("relaymsg without the capability")
		}
	})
}
