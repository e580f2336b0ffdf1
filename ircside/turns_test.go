package ircside

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
)

// Turns go out at the network's rate, whoever comes and goes.
func TestTurns(t *testing.T) {
	s := New(nil, nil, Options{}, slog.New(slog.DiscardHandler))
	n := newNetwork(s, "net", Network{ConnectBurst: 2, ConnectInterval: time.Minute})
	now := time.Now()
	after := func(want time.Duration) time.Time {
		t.Helper()
		turn := n.takeTurn(now)
		if got := turn.Sub(now); got != want {
			t.Errorf("in %v, want %v", got, want)
		}
		return turn
	}
	after(0)
	after(0)
	first, second, third := after(time.Minute), after(2*time.Minute), after(3*time.Minute)
	for range 1000 { // somebody who joins and leaves
		n.giveBack(second, now)
		second = after(2 * time.Minute)
	}
	n.giveBack(third, now)
	n.giveBack(first, now)
	after(time.Minute)
	after(3 * time.Minute)
	after(4 * time.Minute)
	n.giveBack(second, now)
	now = now.Add(150 * time.Second) // the turn that was given back is past
	if got := n.takeTurn(now).Sub(now); got != 150*time.Second {
		t.Errorf("in %v", got)
	}
}

// Who would have to wait for very long is told so.
func TestCrowded(t *testing.T) {
	s := New(nil, nil, Options{}, slog.New(slog.DiscardHandler))
	n := newNetwork(s, "net", Network{ConnectBurst: 2, ConnectInterval: time.Minute})
	now := time.Now()
	for i := range 13 {
		if wait, too := n.crowded(now); too != (i == 12) {
			t.Errorf("after %d: %v %v", i, wait, too)
		}
		n.takeTurn(now)
	}
	n.giveBack(now.Add(time.Minute), now)
	if _, too := n.crowded(now); too {
		t.Error("a free turn is not seen")
	}
	if _, too := newNetwork(s, "net", Network{}).crowded(now); too {
		t.Error("without a rate")
	}
}

// Who waits for their turn, and goes, leaves it to the next.
func TestTurnGivenBack(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.ConnectBurst, n.ConnectInterval = 1, 300*time.Millisecond
		o.Networks["net"] = n
	})
	begin := time.Now()
	w.deliver("j1", "alice", bridge.Join{})
	w.accept()
	for range 20 {
		w.deliver("j2", "bob", bridge.Join{})
		w.deliver("", "bob", bridge.Leave{})
	}
	w.deliver("j3", "carol", bridge.Join{})
	if p := w.accept(); p.nick != "carol" {
		t.Error(p.nick)
	}
	if took := time.Since(begin); took < 290*time.Millisecond || took > 3*time.Second {
		t.Errorf("after %v", took)
	}
}

// A network that has something against somebody is left in peace by them.
func TestUnwelcome(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.ReconnectFirst, n.ReconnectMost = time.Hour, 24*time.Hour
		o.Networks["net"] = n
	})
	for i := range 2 {
		w.deliver(fmt.Sprint("j", i), "alice", bridge.Join{})
		p := w.connection()
		p.expect("CAP LS")
		p.send("ERROR :Closing link: (alice@host) [K-Lined: spam]")
		_ = p.conn.Close()
		w.want(fmt.Sprintf(`#go | failure "j%d" kind 2: Closing link: (alice@host) [K-Lined: spam]`, i))
	}
	w.deliver("j2", "alice", bridge.Join{})
	w.want(`#go | failure "j2" kind 2: Closing link: (alice@host) [K-Lined: spam] (Not tried again for 2h0m0s.)`)
	w.deliver("j3", "carol", bridge.Join{})
	w.accept().expect("JOIN #go")
	w.side.LoginChanged(jid("alice"), "net") // it may be the account
	w.deliver("j4", "alice", bridge.Join{})
	w.accept().expect("JOIN #go")
}

func TestRefusalsEnd(t *testing.T) {
	s := New(nil, nil, Options{}, slog.New(slog.DiscardHandler))
	n := newNetwork(s, "net", Network{ReconnectFirst: time.Second, ReconnectMost: time.Minute})
	now := time.Now()
	for _, want := range []time.Duration{0, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		n.noteRefusal(jid("alice"), bridge.Failure{}, now)
		if _, ok := n.welcome(jid("alice"), now.Add(want)); !ok {
			t.Errorf("not welcome after %v", want)
		}
		if _, ok := n.welcome(jid("alice"), now.Add(want-1)); ok && want > 0 {
			t.Errorf("welcome before %v", want)
		}
	}
	if n.retireIfIdle(now) {
		t.Error("forgotten with what it has against somebody")
	}
	if !n.retireIfIdle(now.Add(2 * time.Minute)) {
		t.Error("kept for nothing")
	}
	for err, want := range map[*session.Error]bool{{Kind: session.Banned}: true, {Kind: session.NickTaken}: false, {Kind: session.Unreachable}: false} {
		if unwelcome(err) != want {
			t.Error(err)
		}
	}
}

// A JID may be longer than any line of IRC.
func TestLongNames(t *testing.T) {
	w := newWorld(t, nil)
	w.side.Deliver(bridge.Event{ID: "j1", Room: room, By: jid(strings.Repeat("a", 1000)), Name: "al", Body: bridge.Join{}})
	p := w.connection()
	p.expect("CAP LS")
	p.expect("NICK al")
	p.expect("USER " + strings.Repeat("a", maxUsername) + " 0 * " + strings.Repeat("a", maxRealname))
}

// A server that somebody named can't fill the memory with the people it claims
// to have, however many channels they are in.
func TestCrowd(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Unlisted, o.PrivateAddresses = true, true
		o.Others = o.Networks["net"]
	})
	n, _ := w.side.network("somebodys.example.org", true)
	c := newClient(n, jid("alice"))
	var channels []*channel
	for i := range 3 {
		m := &membership{client: c}
		if _, ok := n.enter(bridge.Room{Network: n.name, ID: fmt.Sprintf("#%d", i)}, m); !ok {
			t.Fatal("no room")
		}
		c.rooms = append(c.rooms, m)
		channels = append(channels, m.ch)
		m.ch.attach(m, isupport.Default(), bridge.Event{Body: bridge.Join{}})
	}
	name := 0
	flood := func(ch *channel, lines int) {
		for range lines {
			var l line.Message
			text := ":irc.test 353 alice = " + ch.name + " :"
			for range 40 {
				name++
				text += fmt.Sprintf("n%d ", name)
			}
			if err := line.Parse([]byte(text), &l); err != nil {
				t.Fatal(err)
			}
			ch.feed(c, &l, time.Now(), false)
		}
	}
	flood(channels[0], maxMembers/40-2)
	flood(channels[1], 10)
	if got := n.members.Load(); got != maxMembers {
		t.Errorf("%d members, want %d", got, maxMembers)
	}
	if got := w.side.Counters.Crowded.Load(); got != 8*40 {
		t.Errorf("%d had no place", got)
	}
	for _, m := range c.rooms {
		n.leave(m)
	}
	if got := n.members.Load(); got != 0 {
		t.Errorf("%d members after the last has left", got)
	}
}
