package ircside

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

const patience = 10 * time.Second

// core takes what is published, for a test to look at one by one.
type core struct {
	t      *testing.T
	events chan bridge.Event
}

func (c *core) Publish(e bridge.Event) { c.events <- e }

// want checks the next events, whatever their room.
func (c *core) want(events ...string) {
	c.t.Helper()
	for _, want := range events {
		select {
		case e := <-c.events:
			if got := e.Room.ID + " | " + show(e); got != want {
				c.t.Fatalf("published %q, want %q", got, want)
			}
		case <-time.After(patience):
			c.t.Fatalf("nothing published, want %q", want)
		}
	}
}

// nothing checks that no event is there.
func (c *core) nothing() {
	c.t.Helper()
	select {
	case e := <-c.events:
		c.t.Fatalf("published %s | %s", e.Room.ID, show(e))
	default:
	}
}

type noLogins struct{}

func (noLogins) Login(context.Context, bridge.Person, string) (Login, error) { return Login{}, nil }

// world is a side with one network, "net", whose server is the test.
type world struct {
	*core
	side     *Side
	listener net.Listener
	opts     Options
	stop     func()
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	set := Network{
		Addresses: []session.Address{{Host: host, Port: port}},
		Nick:      "{nick}", Username: "{local}", Realname: "{jid}", Encoding: charmap.Windows1252,
		Flood:          session.Flood{Interval: -1},
		ReconnectFirst: time.Millisecond, ReconnectMost: 2 * time.Millisecond, Linger: time.Millisecond,
	}
	opts := Options{Networks: map[string]Network{"net": set}, Version: "Isthmus test"}
	if change != nil {
		change(&opts)
	}
	w := &world{core: &core{t, make(chan bridge.Event, 1000)}, listener: l, opts: opts}
	w.side = New(w.core, noLogins{}, opts, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.side.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Run did not end")
		}
	}
	t.Cleanup(func() {
		_ = l.Close()
		w.stop()
		if n := w.side.Counters.Sessions.Load(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
	return w
}

var room = bridge.Room{Network: "net", ID: "#go"}

func jid(name string) bridge.Person {
	return bridge.Person{Network: bridge.NetworkXMPP, ID: name + "@x"}
}

func direct(name, nick string) bridge.Room {
	return bridge.Room{Network: "net", ID: nick, Owner: jid(name)}
}

// deliver is somebody's wish, in #go.
func (w *world) deliver(id, who string, body bridge.Body) {
	w.side.Deliver(bridge.Event{ID: id, Room: room, By: jid(who), Name: who, Body: body})
}

func (w *world) private(id, who, nick string, body bridge.Body) {
	w.side.Deliver(bridge.Event{ID: id, Room: direct(who, nick), By: jid(who), Name: who, Body: body})
}

// peer is the server's end of a connection.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	nick string
}

// connection takes the next connection.
func (w *world) connection() *peer {
	w.t.Helper()
	_ = w.listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := w.listener.Accept()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return &peer{t: w.t, conn: conn, in: bufio.NewReader(conn)}
}

// accept takes the next connection and registers it, without capabilities.
func (w *world) accept(tokens ...string) *peer {
	w.t.Helper()
	p := w.connection()
	p.expect("CAP LS 302")
	p.nick = strings.Fields(p.expect("NICK "))[1]
	p.expect("USER ")
	p.send("CAP * LS :")
	p.expect("CAP END")
	p.send(":irc.test 001 %s :Welcome %s!u@host", p.nick, p.nick)
	if len(tokens) == 0 {
		tokens = []string{inspircd}
	}
	p.send(":irc.test 005 %s %s :are supported", p.nick, tokens[0])
	p.send(":irc.test 422 %s :no MOTD", p.nick)
	return p
}

func (p *peer) send(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.conn, format+"\r\n", args...); err != nil {
		p.t.Fatal(err)
	}
}

// expect reads up to a line with the prefix; PINGs before it are answered,
// other lines are a mistake.
func (p *peer) expect(prefix string) string {
	p.t.Helper()
	for {
		l := p.read()
		if strings.HasPrefix(l, prefix) {
			return l
		}
		if token, ok := strings.CutPrefix(l, "PING "); ok {
			p.send(":irc.test PONG irc.test %s", token)
			continue
		}
		if strings.HasPrefix(l, "MODE #") && strings.Count(l, " ") == 1 { // the observer's question: few tests are about its answer
			continue
		}
		p.t.Fatalf("%s sent %q, want %q", p.nick, l, prefix)
	}
}

func (p *peer) read() string {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	l, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s: %v", p.nick, err)
	}
	return strings.TrimRight(l, "\r\n")
}

// pong answers the next line, which must be the barrier of a request.
func (p *peer) pong() {
	p.t.Helper()
	token := strings.TrimPrefix(p.expect("PING "), "PING ")
	p.send(":irc.test PONG irc.test %s", token)
}

// unanswered reads the barrier of a request, and is a fence beside it.
func (p *peer) unanswered() {
	p.t.Helper()
	if l := p.read(); !strings.HasPrefix(l, "PING ") {
		p.t.Fatalf("%s sent %q, want a barrier", p.nick, l)
	}
	p.send("PING :fence")
	if l := p.read(); l != "PONG fence" {
		p.t.Fatalf("%s sent %q", p.nick, l)
	}
}

// fence returns when the client has handled all that was sent.
func (p *peer) fence() {
	p.t.Helper()
	p.send("PING :fence")
	p.expect("PONG fence")
}

// joined lets the client into #go with the given members.
func (p *peer) joined(names string) {
	p.t.Helper()
	p.expect("JOIN #go")
	p.joinedAs(names)
}

// joinedAs answers a JOIN that was read already.
func (p *peer) joinedAs(names string) {
	p.t.Helper()
	p.send(":%s!u@host JOIN #go", p.nick)
	p.send(":irc.test 353 %s = #go :%s", p.nick, names)
	p.send(":irc.test 366 %s #go :End", p.nick)
	p.pong()
}
