package ircside

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
)

// A server may say anything, with as few parameters as it likes, of anybody.
func TestOddLines(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.Linger = time.Hour
		o.Networks["net"] = n
	})
	p := aliceJoins(w)
	done := make(chan struct{})
	go func() { // whatever comes of it
		defer close(done)
		for range w.events {
		}
	}()
	others := []string{"INVITE", "ACCOUNT", "SETNAME", "CHGHOST", "WALLOPS", "RENAME", "BATCH", "CAP", "AUTHENTICATE",
		"PONG", "FAIL", "ACK", "301", "302", "303", "396", "401", "433", "470", "900", "903"}
	odd(p, others...)
	odd(p, slices.Collect(maps.Keys(routes))...)
	w.stop()
	close(w.events)
	<-done
}

// The same before the session is registered.
func TestOddLinesEarly(t *testing.T) {
	w := newWorld(t, nil)
	w.private("w1", "alice", "bob", bridge.Watch{On: true})
	w.deliver("j1", "alice", bridge.Join{})
	w.want(`bob | confirm "w1" native ""`, "bob | bob show 5 ")
	p := w.connection()
	for range 3 {
		p.read()
	}
	odd(p, slices.Collect(maps.Keys(routes))...)
	p.send("NOTICE AUTH :*** Looking up your hostname")
	p.send(":irc.test 001 alice :Welcome alice!u@host")
	p.send(":irc.test 422 alice :no MOTD")
	p.expect("PING ready")
	p.send(":irc.test PONG irc.test ready")
}

// odd sends lines that no server sends.
func odd(p *peer, commands ...string) {
	p.t.Helper()
	sent, nick := 0, cmp.Or(p.nick, "alice")
	for _, source := range []string{"", ":bob!b@h ", ":irc.test ", ":! ", ":@ ", ":" + nick + "!u@host ", ":" + nick + " "} {
		for _, command := range commands {
			for n := range 8 {
				for _, fill := range []string{"#go", nick, "*", "+o"} {
					line := source + command + strings.Repeat(" "+fill, n)
					for _, last := range []string{"", " :", " :\x01", " :\x01 \x01", " : \xff"} {
						fmt.Fprintf(p.conn, "%s%s\r\n", line, last)
						if sent++; sent%50 == 0 {
							survive(p)
						}
					}
				}
			}
		}
	}
	survive(p)
}

// survive fences, whatever the client has to say meanwhile.
func survive(p *peer) {
	p.t.Helper()
	p.send("PING :fence")
	for p.read() != "PONG fence" {
	}
}

// Somebody who is said very much to gets some of it, and is told so.
func TestFlooded(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	const more = 150
	go func() {
		for i := range heardBurst + more {
			fmt.Fprintf(p.conn, ":n%d!b@h PRIVMSG alice :hi\r\n", i)
		}
		fmt.Fprint(p.conn, "PING :fence\r\n")
	}()
	p.expect("PONG fence")
	said, told := 0, 0
	for len(w.events) > 0 {
		switch (<-w.events).Body.(type) {
		case bridge.Message:
			said++
		case bridge.Info:
			told++
		}
	}
	lost := int(w.side.Counters.Flooded.Load())
	if said < heardBurst || said+lost != heardBurst+more || lost > 0 && told != 1 {
		t.Errorf("%d heard, %d lost, told %d times", said, lost, told)
	}
}

// The same to the keeper, with people whom it speaks for.
func TestOddLinesToKeeper(t *testing.T) {
	w := relayWorld(t)
	p := aliceLodges(w)
	w.keep("k1", bridge.Join{})
	w.want(`#go | <isthmus> joins as isthmus role 1 created false ref "k1"`)
	done := make(chan struct{})
	go func() { // whatever comes of it
		defer close(done)
		for range w.events {
		}
	}()
	for i := range 3 {
		w.via(fmt.Sprint("m", i), "juliet", bridge.Message{Text: "hi"})
		w.deliver(fmt.Sprint("n", i), "alice", bridge.Message{Text: "hi"})
	}
	odd(p, slices.Collect(maps.Keys(routes))...)
	w.stop()
	close(w.events)
	<-done
}
