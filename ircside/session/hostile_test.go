package session

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus/ircside/line"
)

// TestBatchOfItself is what kills others: a batch whose parent is itself, and
// two that are each other's.
func TestBatchOfItself(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("batch")
		w.srv.send("@batch=x :irc.test BATCH +x netsplit a b",
			"@batch=x :bob!b@h QUIT :a b",
			"@batch=x :irc.test BATCH -x",
			"@batch=p :irc.test BATCH +q chathistory",
			"@batch=q :irc.test BATCH +p chathistory",
			"@batch=q :irc.test BATCH +q again",
			"@batch=p :bob!b@h PRIVMSG #go :hi",
			":irc.test BATCH", ":irc.test BATCH +", ":irc.test BATCH -", ":irc.test BATCH -nothere",
			"@batch=p :irc.test BATCH -q",
			"@batch=p :bob!b@h PRIVMSG #go :p ended with q")
		w.wantHeard("BATCH +x netsplit a b <netsplit", "QUIT a b <netsplit", "BATCH -x <netsplit ended",
			"BATCH +q chathistory <chathistory",
			"BATCH +p chathistory <chathistory <chathistory",
			"PRIVMSG #go hi <chathistory <chathistory",
			"BATCH -q <chathistory ended",
			"PRIVMSG #go p ended with q")
		if n := w.s.cfg.Stats.Batches.Load(); n != 1 || w.s.bat.open != nil {
			t.Errorf("%d batches counted, %d left open", n, len(w.s.bat.open))
		}
	})
}

// TestBatchesWithoutEnd: too many, too deep, none closed.
func TestBatchesWithoutEnd(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("batch")
		for i := range 200 {
			w.srv.send(fmt.Sprintf("@batch=d%d :irc.test BATCH +d%d deep", i-1, i), fmt.Sprintf(":irc.test BATCH +w%d wide", i))
		}
		w.srv.send(":irc.test BATCH +" + strings.Repeat("n", 400) + " long")
		w.h.heard()
		if len(w.s.bat.open) > maxBatches {
			t.Errorf("%d batches open", len(w.s.bat.open))
		}
		for _, b := range w.s.bat.open {
			if b.depth() > maxBatchDepth {
				t.Errorf("depth %d", b.depth())
			}
		}
		if w.s.cfg.Stats.Batches.Load() == 0 {
			t.Error("nothing was counted")
		}
	})
}

// TestLongLines: what no limit allows for is skipped, what comes after is not.
func TestLongLines(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.welcome("message-tags")
		w.srv.send(":a NOTICE alice :"+strings.Repeat("x", 100_000), ":a NOTICE alice :after",
			"@t="+strings.Repeat("y", line.MaxTags-4)+" :a NOTICE alice :longest tags",
			"@t="+strings.Repeat("y", line.MaxTags-3)+" :a NOTICE alice :one more",
			"", "\x00", "::", ":a 1234 b", ":a NOTICE alice :\xff not UTF-8")
		w.wantHeard("NOTICE alice after", "NOTICE alice longest tags", "NOTICE alice \xff not UTF-8")
		if n := w.s.cfg.Stats.LongLines.Load(); n != 1 {
			t.Errorf("%d long lines counted", n)
		}
		if n := w.s.cfg.Stats.BadLines.Load(); n < 3 {
			t.Errorf("%d bad lines counted", n)
		}
		if w.s.in.large != nil {
			t.Error("the large buffer is kept")
		}
	})
}

// TestCapsWithoutEnd is a server that offers capabilities for ever.
func TestCapsWithoutEnd(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.hello()
		for i := range 2000 {
			w.srv.send(fmt.Sprintf(":irc.test CAP * LS * :cap%d=%s sasl=%s", i, strings.Repeat("v", 200), strings.Repeat("M", 200)))
		}
		w.srv.send(":irc.test CAP", ":irc.test CAP *", ":irc.test CAP * LS", ":irc.test CAP * ACK", ":irc.test CAP * NAK :")
		w.wantKind(Timeout, true)
	})
}

// TestOutOfOrder throws everything at a session that is not expecting it.
func TestOutOfOrder(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		w.srv.send("AUTHENTICATE +", ":x 903 * :ok", ":x 904 * :no", ":x 908 * X :", ":x PONG x :b1", ":x PONG", ":x 422 alice :no",
			":x PONG x :ready", ":x 005", ":x 001", ":x CAP * ACK :-batch batch sasl", ":x CAP * ACK :sasl", "ACK", "@label=1 ACK",
			":x 396", ":x 302", ":x 352 a", ":x 900", "NICK", ":alice NICK", "CHGHOST", "PING", ":x 376 alice :done", ":x 433", ":x 376 again :done")
		w.h.heard()
		if w.h.ready != 1 {
			t.Errorf("ready %d times", w.h.ready)
		}
	})
}

// TestPingFlood is a server that pings without reading the answers.
func TestPingFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		cfg := Config{Nick: "alice", Addresses: []Address{{Host: "irc.test", Port: "1"}}, WriteTimeout: time.Hour}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return stuck{client}, nil }
		h := newRecorder()
		s := Open(t.Context(), cfg, h)
		_, _ = server.Write([]byte(":x 001 alice :hi\r\n:x 376 alice :\r\n"))
		synctest.Wait()
		go func() { _ = s.Send("AWAY") }() // is stuck in the write
		synctest.Wait()
		go func() { _, _ = server.Write(bytes.Repeat([]byte("PING :"+strings.Repeat("x", 400)+"\r\n"), 300)) }()
		if err, ok := h.err().(*Error); !ok || err.Kind != Hostile {
			t.Errorf("closed with %v", h.err())
		}
		_ = server.Close()
	})
}

// stuck is a connection that takes the first writes, then no more.
type stuck struct{ net.Conn }

func (c stuck) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("AWAY")) {
		return c.Conn.Write(b) // nobody reads the other end
	}
	return len(b), nil
}

// TestWriteTimeout: a server that does not read is left, and says why first.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		cfg := Config{Nick: "alice", Addresses: []Address{{Host: "irc.test", Port: "1"}}, WriteTimeout: 5 * time.Second}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return stuck{client}, nil }
		h := newRecorder()
		s := Open(t.Context(), cfg, h)
		_, _ = server.Write([]byte(":x 001 alice :hi\r\n:x 376 alice :\r\n"))
		synctest.Wait()
		start := time.Now()
		_ = s.Send("AWAY")
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("Send took %v", d)
		}
		if err := s.Send("AWAY"); err != ErrClosed {
			t.Errorf("Send after the failure: %v", err)
		}
		_, _ = server.Write([]byte("ERROR :Closing Link: (Killed (oper))\r\n"))
		if err, ok := h.err().(*Error); !ok || err.Kind != Killed {
			t.Errorf("closed with %v", h.err())
		}
		_ = server.Close()
	})
}

// FuzzIncoming feeds a session whatever a server might say. It must neither
// crash nor hang, answer each request once, and close once.
func FuzzIncoming(f *testing.F) {
	f.Add([]byte(":x CAP * LS :sasl batch labeled-response\r\n:x CAP * ACK :sasl batch labeled-response\r\nAUTHENTICATE +\r\n:x 903 * :ok\r\n"))
	f.Add([]byte(":x 001 alice :hi\r\n:x 376 alice :\r\n@label=1 :x BATCH +a labeled-response\r\n@batch=a :x 404 alice #go :no\r\n:x BATCH -a\r\n"))
	f.Add([]byte(":x 001 alice :hi\r\n:x 376 alice :\r\n:x 404 alice #go :no\r\n:x PONG x b2\r\n"))
	f.Add([]byte(":x 433 * alice :taken\r\n:x 432 * alice :bad\r\nERROR :Closing Link: banned\r\n"))
	f.Add([]byte("@batch=x BATCH +x a\r\n@batch=x BATCH -x\r\n:x 005 alice PREFIX=(ov)@+ :are\r\nPING :a\r\n"))
	f.Add([]byte(":x CAP a NEW :batch\r\n:x CAP a DEL :batch\r\n:alice!a@b NICK bob\r\n:bob!a@b CHGHOST c d\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		cfg := Config{Nick: "alice", Addresses: []Address{{Host: "irc.test", Port: "1"}}}
		if bytes.Contains(data, []byte("sasl")) {
			cfg.SASL = SASL{Account: "a", Password: "b", AllowPlain: true}
		}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
		h := &asking{recorder: newRecorder()}
		h.s = Open(t.Context(), cfg, h)
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_, _ = new(bytes.Buffer).ReadFrom(server)
		}()
		_, _ = server.Write(data)
		_ = server.Close()
		<-drained
		_ = h.err()
		if h.asked != h.told {
			t.Errorf("%d requests, %d results", h.asked, h.told)
		}
		if len(h.closed) != 1 {
			t.Errorf("closed %d times", len(h.closed))
		}
	})
}

// asking makes a request as soon as it can.
type asking struct {
	*recorder
	s           *Session
	asked, told int
}

func (a *asking) Ready() {
	a.recorder.Ready()
	for range 3 {
		if a.s != nil && a.s.Request(Request{Lines: []Line{privmsg("#go", "x")}}, func(Result) { a.told++ }) == nil {
			a.asked++
		}
	}
}

// TestStuckServer does not read for a while: what waited behind the write goes
// out after it.
func TestStuckServer(t *testing.T) {
	inBubble(t, Config{Flood: Flood{Burst: 1, Interval: time.Second}}, func(w *world) {
		w.welcome("")
		w.s.mu.Lock()
		w.s.writing = true // somebody is in a write
		w.s.out = append(w.s.outLocked(), strings.Repeat("PING :x\r\n", maxUnwritten/9+1)...)
		w.s.mu.Unlock()
		for range 3 {
			w.s.mu.Lock()
			w.s.queueLocked(queued{data: []byte("PRIVMSG #go :late\r\n")})
			w.s.mu.Unlock()
		}
		time.Sleep(10 * time.Second)
		go func() { // now it is taken
			for range w.srv.lines {
			}
		}()
		w.s.mu.Lock()
		w.s.writing = false
		w.s.flushLocked()
		w.s.mu.Unlock()
		time.Sleep(10 * time.Second)
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		if len(w.s.queue) > 0 || w.s.draining {
			t.Errorf("%d lines are stuck", len(w.s.queue))
		}
	})
}
