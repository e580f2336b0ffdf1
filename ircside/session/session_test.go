package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus/ircside/line"
)

// TestInspIRCd follows a real registration with InspIRCd 3.
func TestInspIRCd(t *testing.T) {
	inBubble(t, Config{Password: "sesame", Username: "al", Realname: "alice@example.org"}, func(w *world) {
		w.srv.expect("CAP LS 302", "PASS sesame", "NICK alice", "USER al 0 * alice@example.org")
		w.srv.send(":irc.test NOTICE * :*** Looking up your hostname...",
			":irc.test CAP 596AAAAAA LS * :account-notify away-notify cap-notify",
			":irc.test CAP 596AAAAAA LS :multi-prefix sts=port=6697 tls userhost-in-names")
		w.srv.expect("CAP REQ :multi-prefix userhost-in-names account-notify away-notify", "CAP END")
		w.srv.send(":irc.test CAP 596AAAAAA ACK :multi-prefix userhost-in-names account-notify away-notify ",
			"PING :y[Bq2gBlxJ")
		w.srv.expect("PONG y[Bq2gBlxJ")
		w.srv.send(":irc.test 001 alice :Welcome to the Test IRC Network alice!~al@127.0.0.1",
			":irc.test 005 alice AWAYLEN=200 CASEMAPPING=ascii NICKLEN=30 :are supported by this server",
			":irc.test 375 alice :irc.test message of the day",
			":irc.test 376 alice :End of message of the day.",
			":irc.test 396 alice hidden.example :is now your displayed host")
		w.srv.expect("PING ready")
		heard := w.h.heard()
		if w.h.ready != 1 || len(heard) != 6 {
			t.Errorf("ready %d times, heard %q", w.h.ready, heard)
		}
		if got := w.s.Userhost(); got != "~al@hidden.example" {
			t.Errorf("userhost %q", got)
		}
		if !w.s.has(capAwayNotify|capMultiPrefix) || w.s.has(capEchoMessage) {
			t.Error("caps are not as acknowledged")
		}
		if w.s.ISupport().NickLen != 30 {
			t.Errorf("NICKLEN %d", w.s.ISupport().NickLen)
		}
		w.srv.send(":irc.test PONG irc.test :ready")
		w.wantHeard()
	})
}

// TestNoCAP is a server that does not know CAP at all, and has no MOTD.
func TestNoCAP(t *testing.T) {
	for name, answer := range map[string]string{"421": ":old.test 421 * CAP :Unknown command", "silence": ":old.test NOTICE AUTH :hi"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(w *world) {
				w.hello()
				w.srv.send(answer, ":old.test 001 alice :Welcome alice")
				w.srv.expect("PING ready")
				w.srv.send(":old.test PONG old.test ready")
				w.h.heard()
				if w.h.ready != 1 {
					t.Error("not ready")
				}
			})
		})
	}
}

// TestCapsRefused is a server that takes the list only one by one.
func TestCapsRefused(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.hello()
		w.srv.send(":irc.test CAP * LS :multi-prefix setname")
		w.srv.expect("CAP REQ :multi-prefix setname", "CAP END")
		w.srv.send(":irc.test CAP * NAK :multi-prefix setname")
		w.srv.expect("CAP REQ multi-prefix", "CAP REQ setname")
		w.srv.send(":irc.test CAP * ACK multi-prefix", ":irc.test CAP * NAK setname")
		w.srv.silent()
		if !w.s.has(capMultiPrefix) || w.s.has(capSetName) {
			t.Error("caps are not as acknowledged")
		}
	})
}

func TestCapNotify(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("away-notify batch")
		w.srv.send(":irc.test CAP alice DEL :away-notify")
		w.h.heard()
		if w.s.has(capAwayNotify) {
			t.Error("away-notify is still there")
		}
		w.srv.send(":irc.test CAP alice NEW :away-notify draft/unknown sasl=PLAIN batch")
		w.srv.expect("CAP REQ away-notify")
		w.srv.send(":irc.test CAP alice ACK :away-notify")
		w.h.heard()
		if !w.s.has(capAwayNotify) {
			t.Error("away-notify is not back")
		}
	})
}

func TestNickInUse(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.hello()
		w.srv.send(":irc.test 433 * alice :Nickname is already in use.")
		w.srv.expect("NICK alice_")
		w.srv.send(":irc.test 437 * alice_ :temporarily unavailable")
		w.srv.expect("NICK alice__")
		w.srv.send(":irc.test 001 alice__ :Welcome", ":irc.test 422 alice__ :no MOTD")
		w.h.heard()
		if w.s.Nick() != "alice__" {
			t.Errorf("nick %q", w.s.Nick())
		}
	})
}

// TestNickCut is a server with short nicks, which refuses the long one.
func TestNickCut(t *testing.T) {
	inBubble(t, Config{Nick: "alice_in_wonderland", Username: "a", Realname: "a"}, func(w *world) {
		w.srv.expect("CAP LS 302", "NICK alice_in_wonderland", "USER a 0 * a")
		w.srv.send(":irc.test 432 * alice_in_wonderland :Erroneous nickname")
		w.srv.expect("NICK alice_in_")
		w.srv.send(":irc.test 433 * alice_in_ :in use")
		w.srv.expect("NICK alice_i__")
	})
}

func TestNickExact(t *testing.T) {
	inBubble(t, Config{ExactNick: true}, func(w *world) {
		w.hello()
		w.srv.send(":irc.test 433 * alice :Nickname is already in use.")
		if err := w.wantKind(NickTaken, false); err.Text != "Nickname is already in use." {
			t.Errorf("text %q", err.Text)
		}
	})
}

// TestNickNever ends: a server that has every nick already.
func TestNickNever(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.hello()
		for range maxNicks {
			w.srv.send(":irc.test 433 * x :in use")
			w.srv.expect("NICK alice*")
		}
		w.srv.send(":irc.test 433 * x :in use")
		w.wantKind(NickTaken, false)
	})
}

// TestUnspeakable is a configuration that no line can hold.
func TestUnspeakable(t *testing.T) {
	for _, cfg := range []Config{{Username: "a b"}, {Password: "x\r\nQUIT"}, {Realname: strings.Repeat("x", 600)}} {
		inBubble(t, cfg, func(w *world) { w.wantKind(BadNick, false) })
	}
}

func TestIdentity(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("")
		for _, step := range []struct{ line, nick, userhost, account string }{
			{":alice!~al@cloak JOIN #go", "alice", "~al@cloak", ""},
			{":alicex!~no@way JOIN #go", "alice", "~al@cloak", ""},
			{":alice!~al@cloak NICK Alice", "Alice", "~al@cloak", ""},
			{":alice!~al@cloak NICK :bob", "Alice", "~al@cloak", ""},
			{":Alice!~al@cloak CHGHOST user new.host", "Alice", "user@new.host", ""},
			{":irc.test 302 Alice :Alice*=+u2@h2 ", "Alice", "u2@h2", ""},
			{":irc.test 352 Alice #go u3 h3 irc.test Alice H :0 real", "Alice", "u3@h3", ""},
			{":irc.test 396 Alice other.host :is now your hidden host", "Alice", "u3@other.host", ""},
			{":irc.test 396 Alice u4@h4 :is now your hidden host", "Alice", "u4@h4", ""},
			{":irc.test 900 Alice Alice!u4@h4 acc :You are now logged in as acc", "Alice", "u4@h4", "acc"},
			{":Alice!u4@h4 ACCOUNT *", "Alice", "u4@h4", ""},
			{":Alice NICK", "Alice", "u4@h4", ""},
		} {
			w.srv.send(step.line)
			w.h.heard()
			if w.s.Nick() != step.nick || w.s.Userhost() != step.userhost || w.s.Account() != step.account {
				t.Errorf("after %q: %q %q %q", step.line, w.s.Nick(), w.s.Userhost(), w.s.Account())
			}
		}
	})
}

func TestClose(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("")
		w.s.Close("so long")
		w.srv.expect("QUIT :so long")
		if err := w.s.Send("JOIN", "#go"); err != ErrClosed {
			t.Errorf("Send after Close: %v", err)
		}
		w.srv.send("ERROR :Closing link: (Quit: so long)")
		if err := w.h.err(); err != nil {
			t.Errorf("closed with %v", err)
		}
	})
}

// TestCloseUnanswered is a server that ignores QUIT.
func TestCloseUnanswered(t *testing.T) {
	inBubble(t, Config{QuitTimeout: 3 * time.Second}, func(w *world) {
		w.welcome("")
		start := time.Now()
		w.s.Close("no\r\nsuch reason")
		w.srv.expect("QUIT")
		if err := w.h.err(); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("closed with %v after %v", err, time.Since(start))
		}
	})
}

func TestCloseWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newRecorder()
		cfg := Config{Nick: "a", Addresses: []Address{{Host: "irc.test", Port: "1"}}}
		cfg.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		s := Open(t.Context(), cfg, h)
		synctest.Wait()
		if err := s.Send("JOIN", "#go"); err != ErrNotReady {
			t.Errorf("Send: %v", err)
		}
		s.Close("never mind")
		if err := h.err(); err != nil {
			t.Errorf("closed with %v", err)
		}
	})
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		cfg := Config{Nick: "a", Addresses: []Address{{Host: "irc.test", Port: "1"}}}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
		h := newRecorder()
		Open(ctx, cfg, h)
		newFake(t, server).expect("CAP LS 302")
		why := errors.New("shutdown")
		cancel(why)
		if err := h.err(); err != why {
			t.Errorf("closed with %v", err)
		}
	})
}

func TestErrorText(t *testing.T) {
	for text, want := range map[string]struct {
		kind Kind
		temp bool
	}{
		"Closing Link: alice[1.2.3.4] (K-Lined)":                                          {Banned, false},
		"Closing link: (alice@1.2.3.4) [G-lined: no open proxies]":                        {Banned, false},
		"Closing link: (~a@h) [You are banned from this server]":                          {Banned, false},
		"Closing Link: [1.2.3.4] (Too many host connections (local))":                     {Full, true},
		"Closing link: (a@h) [No more connections allowed from your host via this class]": {Full, true},
		"Reconnecting too fast, throttled.":                                               {Throttled, true},
		"Your host is trying to (re)connect too fast -- throttled":                        {Throttled, true},
		"Closing Link: localhost (Bad Password)":                                          {BadPassword, false},
		"Access denied by configuration":                                                  {BadPassword, false},
		"Closing Link: alice[h] (SASL access only)":                                       {BadLogin, false},
		"Closing Link: alice (Killed (oper (spam)))":                                      {Killed, true},
		"Closing link: (alice@h) [Ping timeout: 120 seconds]":                             {Timeout, true},
		"Closing link: (alice@h) [Excess Flood]":                                          {Throttled, true},
		"Server going down":                                                               {Refused, true},
		"Closing Link: gateway.example (Connection closed)":                               {Refused, true},
	} {
		err := closingError(text)
		if err.Kind != want.kind || err.Temporary() != want.temp || err.Text != text {
			t.Errorf("%q: kind %d, temporary %v", text, err.Kind, err.Temporary())
		}
	}
}

// TestRefusalBeforeError is ngIRCd: the numeric says why, the ERROR hardly.
func TestRefusalBeforeError(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.hello()
		w.srv.send(":irc.test 464 alice :Bad server password", "ERROR :Closing connection")
		w.wantKind(BadPassword, false)
	})
}

func TestRegistrationNeverEnds(t *testing.T) {
	inBubble(t, Config{RegisterTimeout: time.Minute}, func(w *world) {
		start := time.Now()
		w.hello()
		for range 59 { // dripping lines does not help
			time.Sleep(time.Second)
			w.srv.send(":irc.test NOTICE * :please wait")
		}
		w.wantKind(Timeout, true)
		if d := time.Since(start); d != time.Minute {
			t.Errorf("took %v", d)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	cfg := Config{PingInterval: 2 * time.Minute, PongTimeout: time.Minute}
	inBubble(t, cfg, func(w *world) {
		w.welcome("")
		start := time.Now()
		w.srv.expect("PING :alive")
		if d := time.Since(start); d < 108*time.Second || d > 132*time.Second {
			t.Errorf("first PING after %v", d)
		}
		time.Sleep(59 * time.Second)
		w.srv.send(":irc.test PONG irc.test :alive")
		w.wantHeard()
		asked := time.Now()
		w.srv.expect("PING :alive")
		if d := time.Since(asked); d < 108*time.Second || d > 132*time.Second {
			t.Errorf("second PING after %v", d)
		}
		w.wantKind(Timeout, true)
	})
}

// TestFlood counts lines against the clock.
func TestFlood(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 3, Interval: 2 * time.Second}, QueueLines: 5}, func(w *world) {
		w.welcome("")
		start := time.Now()
		for i := range 8 {
			if err := w.s.Send("PRIVMSG", "#go", strings.Repeat("x", i+1)); err != nil {
				t.Fatal(i, err)
			}
		}
		ninth := Request{Lines: []Line{privmsg("#go", "one too many")}}
		if err := w.s.Request(ninth, nil); err != ErrQueueFull {
			t.Errorf("ninth line: %v", err)
		}
		ninth.Spare = true
		if err := w.s.Request(ninth, func(Result) {}); err != nil {
			t.Errorf("ninth line in a spare place: %v", err)
		}
		w.srv.send("PING :past the queue")
		w.srv.expect("PRIVMSG #go x", "PRIVMSG #go xx", "PRIVMSG #go xxx", "PONG :past the queue")
		for i := 4; i <= 9; i++ {
			if i < 9 {
				w.srv.expect("PRIVMSG #go " + strings.Repeat("x", i))
			} else {
				w.srv.expect("PRIVMSG #go :one too many", "PING :b2")
			}
			if d, want := time.Since(start), time.Duration(i-3)*2*time.Second; d != want {
				t.Errorf("line %d after %v, want %v", i, d, want)
			}
		}
		w.srv.silent()
		if w.s.draining || w.s.queue != nil {
			t.Error("the queue outlives its lines")
		}
	})
}

// What can wait lets everything else pass, and no request is torn apart.
func TestSendLater(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 3, Interval: time.Second}}, func(w *world) {
		w.welcome("")
		_ = w.s.SendLater("MODE", "#a")
		for _, channel := range []string{"#b", "#c"} {
			_ = w.s.SendLater("MODE", channel)
			_ = w.s.SendLater("WHO", channel)
		}
		_ = w.s.Request(Request{Lines: []Line{privmsg("#a", "one"), privmsg("#a", "two")}}, func(Result) {})
		_ = w.s.SendLater("MODE", "#d")
		_ = w.s.Send("AWAY", "gone")
		w.srv.expect("MODE #a", "MODE #b", "WHO #b", "PRIVMSG #a one", "PRIVMSG #a two", "PING :b3", "AWAY gone", "MODE #c", "WHO #c", "MODE #d")
	})
}

func TestSendBadLine(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 1, Interval: time.Hour}}, func(w *world) {
		w.welcome("")
		for range 2 { // direct, then queued
			if err := w.s.Send("PRIVMSG", "#go", "a\r\nQUIT"); err != line.ErrControl {
				t.Errorf("CR LF: %v", err)
			}
			if err := w.s.Send("PRIVMSG", "#go", strings.Repeat("x", 600)); err != line.ErrTooLong {
				t.Errorf("long: %v", err)
			}
			if err := w.s.Request(Request{Lines: []Line{privmsg("#go", "fine"), privmsg("#a b", "x")}}, nil); err != line.ErrParam {
				t.Errorf("request: %v", err)
			}
			w.srv.silent()
			_ = w.s.Send("AWAY")
			w.srv.expectAny("AWAY")
		}
	})
}

// expectAny takes the line if it was sent.
func (f *fake) expectAny(want string) {
	f.t.Helper()
	synctest.Wait()
	select {
	case got := <-f.lines:
		if got != want {
			f.t.Errorf("client sent %q, want %q or nothing", got, want)
		}
	default:
	}
}

// Flows take turns by line, what is of none overtakes them, and the answers
// are found whatever the order was.
func TestFlows(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 1, Interval: time.Second}}, func(w *world) {
		w.welcome("")
		var got []string
		say := func(channel string, words ...string) {
			r := Request{Flow: channel}
			for _, word := range words {
				r.Lines = append(r.Lines, privmsg(channel, word))
			}
			if err := w.s.Request(r, func(r Result) { got = append(got, fmt.Sprint(channel, " ", words[0], " ", r.Err)) }); err != nil {
				t.Fatal(err)
			}
		}
		say("#a", "1")      // b2
		say("#a", "2")      // b4
		say("#a", "3")      // b6
		say("#b", "4")      // b8
		say("#c", "5", "6") // bb
		say("#b", "7")      // bd
		say("#c", "8")      // bf
		_ = w.s.Send("PART", "#x")
		w.srv.expect("PRIVMSG #a 1", "PING :b2", "PART #x", "PRIVMSG #a 2", "PING :b4", "PRIVMSG #b 4", "PING :b8",
			"PRIVMSG #c 5", "PRIVMSG #c 6", "PING :bb", "PRIVMSG #a 3", "PING :b6")
		w.srv.send(":irc.test PONG irc.test :b2", ":irc.test PONG irc.test :bb", ":irc.test 404 alice #a :no", ":irc.test PONG irc.test :b6")
		w.srv.expect("PRIVMSG #b 7", "PING :bd", "PRIVMSG #c 8", "PING :bf")
		want := []string{"#a 1 <nil>", "#a 2 <nil>", "#b 4 <nil>", "#c 5 <nil>", "#a 3 404 no"}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

// More requests than may be on the wire wait for the answers of others.
func TestManyRequests(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Interval: -1}, QueueLines: 1000}, func(w *world) {
		w.welcome("")
		const requests = maxPending + 50
		done := 0
		for range requests {
			if err := w.s.Request(Request{Lines: []Line{privmsg("#a", "x")}}, func(r Result) {
				if done++; r.Err != nil {
					t.Error(r.Err)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range requests {
			if i == maxPending {
				w.srv.silent()
				w.srv.send(":irc.test PONG irc.test :b" + token(2*maxPending))
			}
			w.srv.expect("PRIVMSG #a x", "PING :b"+token(uint64(2*i+2)))
		}
		w.srv.send(":irc.test PONG irc.test :b" + token(2*requests))
		w.wantHeard()
		if done != requests {
			t.Errorf("%d answers", done)
		}
	})
}
