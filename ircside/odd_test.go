package ircside

import (
	"fmt"
	"strings"
	"testing"
	"time"
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
	commands := []string{"INVITE", "ACCOUNT", "SETNAME", "CHGHOST", "WALLOPS", "RENAME", "BATCH", "CAP", "AUTHENTICATE",
		"PONG", "FAIL", "ACK", "301", "302", "303", "396", "401", "433", "470", "900", "903"}
	for command := range routes {
		commands = append(commands, command)
	}
	sent := 0
	for _, source := range []string{"", ":bob!b@h ", ":irc.test ", ":! ", ":@ ", ":alice!u@host ", ":alice "} {
		for _, command := range commands {
			for n := range 8 {
				for _, fill := range []string{"#go", "alice", "*", "+o"} {
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
	w.stop()
	close(w.events)
	<-done
}

// survive fences, whatever the client has to say meanwhile.
func survive(p *peer) {
	p.t.Helper()
	p.send("PING :fence")
	for p.read() != "PONG fence" {
	}
}
