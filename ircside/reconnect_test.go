package ircside

import (
	"fmt"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

func TestReconnect(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	w.deliver("", "alice", bridge.Presence{Show: bridge.ShowAway})
	p.expect("AWAY Away")
	_ = p.conn.Close()
	w.want("#go | <alice@x> attached false: Connection to net lost: connection lost. Trying again.")
	w.deliver("m1", "alice", bridge.Message{Text: "hi"})
	w.want(`#go | failure "m1" kind 14: You are not connected to net at the moment.`)

	p = w.connection()
	p.expect("CAP LS")
	p.expect("NICK alice")
	p.expect("USER alice")
	p.send("ERROR :Closing link: (alice@host) [Throttled]")
	_ = p.conn.Close()

	p = w.connection()
	p.expect("CAP LS")
	p.expect("NICK alice")
	p.expect("USER")
	p.send("CAP * LS :")
	p.expect("CAP END")
	p.send(":irc.test 433 * alice :Nickname is already in use")
	p.nick = p.expect("NICK")[len("NICK "):]
	p.send(":irc.test 001 %s :Welcome %s!u@host", p.nick, p.nick)
	p.send(":irc.test 422 %s :no MOTD", p.nick)
	p.expect("AWAY Away")
	p.joined(p.nick + " bob dave")
	w.want("#go | <alice@x> is alice now "+p.nick,
		"#go | members <alice@x>"+p.nick+"=1 bob=1 dave=1 secret false", `#go | topic by "": `,
		"#go | <alice@x> attached true: Connected to net again.")
}

// Who is banned from the network is out of its rooms, and not connected again.
func TestBannedFromNetwork(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	p.send("ERROR :Closing link: (u@host) [K-Lined: spam]")
	_ = p.conn.Close()
	w.want(`#go | <alice@x> leaves (kill): Closing link: (u@host) [K-Lined: spam] by ""`)
	w.deliver("m1", "alice", bridge.Message{Text: "hi"})
	w.want(`#go | failure "m1" kind 8: You are not in this room.`)
}

func TestRejoinRefused(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	_ = p.conn.Close()
	w.want("#go | <alice@x> attached false: Connection to net lost: connection lost. Trying again.")
	p = w.accept()
	p.expect("JOIN #go")
	p.send(":irc.test 474 alice #go :Cannot join channel (+b)")
	p.pong()
	w.want(`#go | <alice@x> leaves (part): Cannot join channel (+b) by ""`)
	p.expect("QUIT")
}

func TestCannotConnect(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.Addresses = []session.Address{{Host: "127.0.0.1", Port: "1"}}
		o.Networks["net"] = n
	})
	w.deliver("j1", "alice", bridge.Join{})
	w.want(`#go | failure "j1" kind 14: can't connect to 127.0.0.1:1`)
}

func TestSessionsLimit(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.Sessions = 1
		o.Networks["net"] = n
	})
	p := aliceJoins(w)
	w.deliver("j2", "carol", bridge.Join{})
	w.want(`#go | failure "j2" kind 12: No more people of this gateway may connect to net at the moment.`)
	w.deliver("", "alice", bridge.Leave{})
	p.expect("PART")
	p.send(":alice!u@host PART #go")
	p.expect("QUIT")
	_ = p.conn.Close()
	w.side.work.Wait()
	w.deliver("j3", "carol", bridge.Join{})
	w.accept().expect("JOIN #go")
}

func TestUnlisted(t *testing.T) {
	for name, want := range map[string]session.Address{
		"irc.example.org":      {Host: "irc.example.org", Port: "6697", TLS: true},
		"irc.example.org:6667": {Host: "irc.example.org", Port: "6667"},
		"irc.example.org:7000": {Host: "irc.example.org", Port: "7000", TLS: true},
		"[::1]:6667":           {Host: "::1", Port: "6667"},
	} {
		if got, ok := unlistedAddress(name); !ok || got != want {
			t.Errorf("%s: %v %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "localhost", "a b.c", "irc..org", "irc.example.org:0", "irc.example.org:99999", "irc.example.org/x", "xmpp",
		"irc.example.org:06667", "::ffff:127.0.0.1", "[0::1]:6667", "fe80::1%eth0", "irc.example.org."} {
		if got, ok := unlistedAddress(name); ok {
			t.Errorf("%q: %v", name, got)
		}
	}
	w := newWorld(t, func(o *Options) { o.Unlisted = true })
	w.side.Deliver(bridge.Event{ID: "x", Room: bridge.Room{Network: "127.0.0.1:6667", ID: "#a"}, By: jid("alice"), Name: "alice", Body: bridge.Join{}})
	w.want(`#a | failure "x" kind 16: connections to private addresses are not allowed`)
	// A name that somebody made up costs nothing.
	for _, body := range []bridge.Body{bridge.Query{}, bridge.Rename{To: "x"}, bridge.Watch{}, bridge.Leave{}} {
		w.side.Deliver(bridge.Event{ID: "x", Room: bridge.Room{Network: "made.up", Owner: jid("alice")}, By: jid("alice"), Body: body})
	}
	w.want(` | failure "x" kind 14: You are not connected to made.up.`, ` | failure "x" kind 14: You are not connected to made.up.`,
		` | failure "x" kind 14: You are not connected to made.up.`)
	w.side.mu.Lock()
	defer w.side.mu.Unlock()
	if n := len(w.side.networks); n != 1 { // the one that a connection was tried to
		t.Errorf("%d networks are kept", n)
	}
	if w.side.sweep(&w.opts, time.Now()); len(w.side.networks) != 0 {
		t.Error("a network that nobody uses is kept")
	}
}

func TestReload(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	w.side.Reload(w.opts)
	p.fence()
	w.nothing()
	w.private("w1", "alice", "bob", bridge.Watch{On: true})
	w.want(`bob | confirm "w1" native ""`, "bob | bob show 5 ")
	p.expect("ISON bob")
	p.send(":irc.test 303 alice :bob")
	p.pong()
	w.want("bob | bob show 0 ")
	p.expect("USERHOST bob")
	p.pong()
	gone := w.opts
	gone.Networks = nil
	w.side.Reload(gone)
	w.want(`#go | <alice@x> leaves (kill): This network is not served any more. by ""`, "bob | bob show 5 ")
	p.expect("QUIT :This network is not served any more.")
}

func TestShutdown(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	go w.stop()
	p.expect("QUIT :The gateway is shutting down")
	_ = p.conn.Close()
	w.stop()
	w.nothing()
}

// A nick that somebody asks for as they enter is theirs or nobody's.
func TestNickAskedFor(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("j1", "two words", bridge.Join{})
	w.want(`#go | failure "j1" kind 7: IRC can't hold such a nick.`)
	w.deliver("j2", "alice", bridge.Join{})
	p := w.connection()
	p.expect("CAP LS")
	p.expect("NICK alice")
	p.expect("USER")
	p.send("CAP * LS :")
	p.expect("CAP END")
	p.send(":irc.test 433 * alice :Nickname is already in use")
	w.want(`#go | failure "j2" kind 6: Nickname is already in use`)
}

// A session that goes between its JOIN and the end of the member list has not
// told the core of the room yet: the Join is still to be answered.
func TestLostBeforeMembers(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{"", "14: connection lost"},
		{":bob!b@h KICK #go alice :out", "16: You were thrown out of the room. out"},
		{":bob!b@h MODE #go +b alice!*@*\r\n:bob!b@h KICK #go alice :out", "2: You were thrown out of the room. out"},
		{":alice!u@host PART #go", "16: You were thrown out of the room."},
	} {
		w := newWorld(t, nil)
		w.deliver("j1", "alice", bridge.Join{})
		p := w.accept()
		p.expect("JOIN #go")
		p.send(":alice!u@host JOIN #go")
		p.send(":irc.test 353 alice = #go :alice @bob")
		p.unanswered()
		if c.lines != "" {
			p.send("%s", c.lines)
		} else {
			_ = p.conn.Close()
		}
		w.want(`#go | failure "j1" kind ` + c.want)
	}
}

// The same after a reconnect: the room's person is told once that they are
// gone, and once that they are back.
func TestLostBeforeMembersAgain(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	_ = p.conn.Close()
	w.want("#go | <alice@x> attached false: Connection to net lost: connection lost. Trying again.")
	p = w.accept()
	p.expect("JOIN #go")
	p.send(":alice!u@host JOIN #go")
	p.unanswered()
	_ = p.conn.Close()
	p = w.accept()
	p.joined("alice @bob")
	w.want("#go | members <alice@x>alice=1 bob=4 secret false", `#go | topic by "": `,
		"#go | <alice@x> attached true: Connected to net again.")
}

// Who leaves before the member list came was not in the room.
func TestLeaveBeforeMembers(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("j1", "alice", bridge.Join{})
	p := w.accept()
	p.expect("JOIN #go")
	p.send(":alice!u@host JOIN #go")
	p.unanswered()
	w.deliver("", "alice", bridge.Leave{})
	p.expect("PART #go")
	p.send(":irc.test 353 alice = #go :alice @bob")
	p.send(":irc.test 366 alice #go :End")
	p.send(":alice!u@host PART #go")
	p.pong()
	p.expect("WHO #go")
	p.expect("QUIT")
	w.want("#go | members <alice@x>alice=1 bob=4 secret false", `#go | topic by "": `)
	w.nothing()
}

// A session that lingers for nobody does not hold up the end.
func TestShutdownAfterLinger(t *testing.T) {
	w := newWorld(t, nil)
	w.private("m1", "alice", "bob", bridge.Message{Text: "hi"})
	p := w.accept()
	p.expect("PRIVMSG bob hi")
	p.pong()
	w.want(`bob | confirm "m1" native ""`)
	_ = p.conn.Close()
	for w.side.Counters.Sessions.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	w.stop()
}

// Who is in very many rooms is back in all of them.
func TestRejoinMany(t *testing.T) {
	const rooms = 150
	w := newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.Flood = session.Flood{Burst: 10, Interval: time.Millisecond}
		o.Networks["net"] = n
	})
	deliver := func(i int, body bridge.Body) {
		room := bridge.Room{Network: "net", ID: fmt.Sprintf("#%d", i)}
		w.side.Deliver(bridge.Event{ID: fmt.Sprint(i), Room: room, By: jid("alice"), Name: "alice", Body: body})
	}
	for i := range rooms {
		deliver(i, bridge.Join{})
	}
	for range 2 {
		p := w.accept()
		for i := range rooms {
			p.expect(fmt.Sprintf("JOIN #%d", i))
			p.send(":alice!u@host JOIN #%d", i)
			p.send(":irc.test 353 alice = #%d :@alice", i)
			p.send(":irc.test 366 alice #%d :End", i)
		}
		for n := 0; n < rooms; {
			switch e := (<-w.events); e.Body.(type) {
			case bridge.Join:
				n++
			case bridge.Attachment:
				if e.Body.(bridge.Attachment).Attached {
					n++
				}
			case bridge.Failure, bridge.Leave:
				t.Fatal(show(e))
			}
		}
		_ = p.conn.Close()
	}
}
