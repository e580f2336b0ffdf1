package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"isthmus/xmppside/wire"
)

func TestExchange(t *testing.T) {
	h := start(t, nil)
	h.Send(message("early")) // before there is a connection
	c := h.server.welcome()
	if err := await(t, h.changes); err != nil {
		t.Fatal(err)
	}
	c.until("id='early'/>")
	for _, chunk := range []string{" \n<mess", "age id='1'", "><a>x</", "a></message", "><presence/>"} {
		c.write(chunk)
	}
	if got := await(t, h.stanzas); got != "<message id='1'><a>x</a></message>" {
		t.Error(got)
	}
	if got := await(t, h.stanzas); got != "<presence/>" {
		t.Error(got)
	}
	h.Send(message("late"))
	h.shutdown()
	c.until("id='late'/></stream:stream>")
	c.write("</stream:stream>")
	await(t, h.ended)
	h.Send(func([]byte) []byte {
		t.Error("asked for stanzas after the end")
		return nil
	})
}

func TestRefusals(t *testing.T) {
	h := start(t, nil)
	for _, c := range []struct{ say, want string }{
		{"", "closed the connection"},
		{"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", "is this its component port?"},
		{opening + "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Given token does not match</text></stream:error></stream:stream>",
			"not-authorized: the secret is not the one that the server has for irc.example.org, or the server has no such component: Given token"},
		{opening + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", "add it to the server's configuration"},
		{opening + "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", "another component"},
		{opening + "<stream:error/>", "undefined-condition"},
		{opening + "<message/>", "answered the handshake with <message/>"},
		{opening + "</stream:stream>", "closed the connection"},
	} {
		conn := h.server.accept()
		conn.write(c.say)
		if !strings.Contains(c.say, "</stream") && strings.HasPrefix(c.say, opening) {
			conn.until("</handshake>")
		}
		if c.say == "" || strings.HasSuffix(c.say, "</stream:stream>") {
			conn.Close()
		}
		if err := await(t, h.changes); err == nil || !strings.Contains(err.Error(), c.want) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%.150s: %v", c.say, err)
		}
		conn.Close()
	}
	h.server.welcome()
	if err := await(t, h.changes); err != nil {
		t.Error(err)
	}
}

// A server that accepts and says nothing costs no more than the time for that.
func TestSilentHandshake(t *testing.T) {
	h := start(t, func(o *Options) { o.Dial = 50 * time.Millisecond })
	h.server.accept()
	if err := await(t, h.changes); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestRestart(t *testing.T) {
	h := start(t, nil)
	c := h.server.welcome()
	await(t, h.changes)
	c.write("<message id='1'/>")
	await(t, h.stanzas)
	c.Close()
	if err := await(t, h.changes); err == nil {
		t.Error("the loss was not told")
	}
	h.Send(message("while down"))
	c = h.server.welcome()
	c.until("id='while down'/>")
	if err := await(t, h.changes); err != nil {
		t.Error(err)
	}
	c.write("<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
	if err := await(t, h.changes); err == nil || !strings.Contains(err.Error(), "going down") {
		t.Error(err)
	}
	h.server.welcome()
	if err := await(t, h.changes); err != nil || h.Counters.Connected.Load() != 3 {
		t.Error(err)
	}
}

func TestMalformed(t *testing.T) {
	h := start(t, nil)
	c := h.server.welcome()
	c.write("<message from='alice@example.org/phone' id='1'>&nbsp;</message>")
	if got := c.until("</message>"); !strings.Contains(got, "to='alice@example.org/phone' from='irc.example.org' id='1' type='error'><error type='modify'><bad-request ") {
		t.Error(got)
	}
	// RFC 6120 §8.3.1: an error must not be answered with an error.
	c.write("<message from='alice@example.org/phone' id='2' type='error'>&nbsp;</message>")
	c.write("<iq from='alice@example.org/phone' id='3' to='a b@irc.example.org'/>")
	if got := c.until("</iq>"); !strings.Contains(got, "id='3' type='error'><error type='modify'><jid-malformed ") {
		t.Error(got)
	}
	if got := h.Counters.Malformed.Load(); got != 3 {
		t.Errorf("%d counted", got)
	}
	c.write("<presence/>")
	await(t, h.stanzas)
	// What can't be framed ends the connection, and only that.
	c.write("<!DOCTYPE x>")
	await(t, h.changes)
	if err := await(t, h.changes); err == nil {
		t.Error("went on")
	}
	h.server.welcome()
}

func TestQuery(t *testing.T) {
	h := start(t, func(o *Options) { o.Answer = 300 * time.Millisecond })
	results := make(chan string, 1)
	ask := func() {
		h.Query(wire.Header{To: alice}, func(b []byte) []byte { return append(b, "<ping xmlns='urn:xmpp:ping'/>"...) },
			func(st *wire.Stanza, err error) {
				if err == nil {
					results <- "result " + st.From.String()
					return
				}
				results <- err.Error()
			})
	}
	c := h.server.welcome()
	ask()
	id := c.nextID("</iq>")
	c.answer("mallory@example.org/phone", id, "result") // an answer by somebody else is none
	if got := await(t, h.stanzas); !strings.Contains(got, "mallory") {
		t.Error(got)
	}
	c.answer("alice@example.org/phone", id, "result")
	if got := await(t, results); got != "result alice@example.org/phone" {
		t.Error(got)
	}
	ask()
	c.answer("alice@example.org/phone", c.nextID("</iq>"), "error")
	if got := await(t, results); got != "undefined-condition" {
		t.Error(got)
	}
	ask()
	if got := await(t, results); got != ErrTimeout.Error() {
		t.Error(got)
	}
	h.opt.Answer = time.Minute
	ask()
	h.shutdown()
	c.until("</stream:stream>")
	c.Close()
	if got := await(t, results); got != ErrClosed.Error() {
		t.Error(got)
	}
	ask()
	if got := await(t, results); got != ErrClosed.Error() {
		t.Error(got)
	}
}

// A server that stops reading ends the connection in time, and costs no more
// than the socket held and the Send that it broke in.
func TestSlowReader(t *testing.T) {
	h := start(t, func(o *Options) { o.Queue, o.Progress = 64<<10, 100*time.Millisecond })
	h.server.welcome()
	await(t, h.changes)
	const n = 5000
	pad := strings.Repeat("x", 4000)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range n {
			h.Send(func(b []byte) []byte { return fmt.Appendf(b, "<message id='%d'>%s</message>", i, pad) })
		}
	}()
	if err := await(t, h.changes); err == nil {
		t.Fatal("no end")
	}
	select {
	case <-sent:
		t.Fatal("the queue has no bound")
	default:
	}
	c := h.server.welcome()
	var first int
	if _, err := fmt.Sscanf(c.until(">"), "<message id='%d'>", &first); err != nil {
		t.Fatalf("the second connection began within a stanza: %v", err)
	}
	c.until(fmt.Sprintf("<message id='%d'>", first+1))
	go io.Copy(io.Discard, c.r)
	await(t, sent)
}

// A handler that waits for room in the queue must not keep the link from
// coming back, which is what makes room.
func TestHandlerWaitsForReconnect(t *testing.T) {
	var h *harness
	handled := make(chan string, 2)
	release := make(chan struct{})
	h = start(t, func(o *Options) {
		o.Queue = 1
		o.Handler = func(st *wire.Stanza) {
			if st.ID == "1" {
				<-release
				h.Send(message("a"))
				h.Send(message("b"))
			}
			handled <- st.ID
		}
	})
	c := h.server.welcome()
	await(t, h.changes)
	c.write("<message id='1'/>")
	c.Close()
	close(release)
	c = h.server.welcome()
	c.write("<message id='2'/>")
	if got := await(t, handled) + await(t, handled); got != "12" {
		t.Errorf("handled in the order %s", got)
	}
}

func TestKeepAlive(t *testing.T) {
	h := start(t, func(o *Options) { o.KeepAlive = 300 * time.Millisecond })
	c := h.server.welcome()
	await(t, h.changes)
	for range 2 {
		ping := c.until("</iq>")
		if !strings.Contains(ping, "<ping xmlns='urn:xmpp:ping'/>") {
			t.Error(ping)
		}
		c.write(ping) // as a server does: it is addressed to the component
	}
	if err := await(t, h.changes); err == nil || !strings.Contains(err.Error(), "no sign of life") {
		t.Error(err)
	}
	select {
	case got := <-h.stanzas:
		t.Errorf("the link's own ping was handed on: %s", got)
	default:
	}
}

func TestGiveBack(t *testing.T) {
	for _, c := range []struct {
		sent, lost int
		left       string
	}{{0, 0, "aaabbcdd"}, {1, 2, "bbcdd"}, {3, 0, "bbcdd"}, {4, 1, "cdd"}, {6, 0, "dd"}} {
		q := newQueue(100)
		for _, s := range []string{"aaa", "bb", "c"} {
			q.add(func(b []byte) []byte { return append(b, s...) })
		}
		taken := q.take(batch{})
		q.add(func(b []byte) []byte { return append(b, "dd"...) })
		if lost := q.giveBack(taken, c.sent); lost != c.lost {
			t.Errorf("sent %d: lost %d", c.sent, lost)
		}
		// What was given back is as whole as before.
		again := q.take(batch{})
		if string(again.bytes) != c.left || again.ends[len(again.ends)-1] != len(again.bytes) {
			t.Errorf("sent %d: left %q, ends %v", c.sent, again.bytes, again.ends)
		}
	}
}

// A server that is gone for long must not make everybody wait for it.
func TestLongOutage(t *testing.T) {
	gaveUp := make(chan struct{}, 10)
	h := start(t, func(o *Options) {
		o.Queue, o.Patience, o.GaveUp = 10, 50*time.Millisecond, func() { gaveUp <- struct{}{} }
	})
	for outage := range int64(2) {
		c := h.server.welcome()
		if outage > 0 {
			c.until("<message to='alice@example.org/phone' from='irc.example.org' id='found room'/>")
		}
		h.server.Close()
		c.Close()
		for h.Counters.LostSends.Load() <= outage { // it waits for a place, and at last no more
			h.Send(message("in vain"))
		}
		await(t, gaveUp)
		h.Counters.LostBytes.Add(int64(h.queue.giveUp()))
		h.Send(message("found room"))
		h.server.listen(h.server.Addr().String())
	}
	h.server.welcome().until("id='found room'/>")
	if len(gaveUp) != 0 {
		t.Error("given up twice in one outage")
	}
}
