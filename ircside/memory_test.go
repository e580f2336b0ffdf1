//go:build !race

package ircside

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"isthmus/bridge"
)

// tinyServer is enough of an IRC server for many sessions: it lets everybody
// into the channel that they ask for, with the given members.
func tinyServer(conn net.Conn, names []string) {
	defer conn.Close()
	in := bufio.NewScanner(conn)
	out := bufio.NewWriter(conn)
	nick := ""
	for in.Scan() {
		f := strings.Fields(in.Text())
		switch f[0] {
		case "CAP":
			if f[1] == "LS" {
				fmt.Fprint(out, "CAP * LS :\r\n")
			}
		case "NICK":
			nick = f[1]
		case "USER":
			fmt.Fprintf(out, ":irc.test 001 %s :Welcome %s!u@h\r\n:irc.test 005 %s %s :are\r\n:irc.test 422 %s :no\r\n", nick, nick, nick, inspircd, nick)
		case "JOIN":
			fmt.Fprintf(out, ":%s!u@h JOIN %s\r\n:irc.test 353 %s = %s :%s\r\n", nick, f[1], nick, f[1], nick)
			for _, l := range names {
				fmt.Fprintf(out, ":irc.test 353 %s = %s :%s\r\n", nick, f[1], l)
			}
			fmt.Fprintf(out, ":irc.test 366 %s %s :End\r\n", nick, f[1])
		case "PING":
			fmt.Fprintf(out, ":irc.test PONG irc.test %s\r\n", f[1])
		case "QUIT":
			fmt.Fprint(out, "ERROR :bye\r\n")
			out.Flush()
			return
		}
		if out.Flush() != nil {
			return
		}
	}
}

// measure lets many people join, each their own channel or one for all, and
// tells what a session costs in memory here and on its connection's stacks.
func measure(t *testing.T, sessions, members int, own bool) (perSession float64) {
	var servers sync.WaitGroup
	t.Cleanup(servers.Wait) // the last thing, when the sessions are closed
	w := newWorld(t, nil)
	var names []string
	for i := 0; i < members; i += 25 {
		var l strings.Builder
		for j := range min(25, members-i) {
			fmt.Fprintf(&l, "member%05d ", i+j)
		}
		names = append(names, l.String())
	}
	servers.Go(func() {
		for {
			conn, err := w.listener.Accept()
			if err != nil {
				return
			}
			servers.Go(func() { tinyServer(conn, names) })
		}
	})
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapInuse + s.StackInuse
	}
	join := func(i int) {
		r := room
		if own {
			r.ID = fmt.Sprintf("#room%d", i)
		}
		name := fmt.Sprintf("user%d", i)
		w.side.Deliver(bridge.Event{ID: name, Room: r, By: jid(name), Name: name, Body: bridge.Join{}})
		for {
			select {
			case e := <-w.events:
				if f, failed := e.Body.(bridge.Failure); failed {
					t.Fatal(f)
				}
				if e.Ref == name {
					return
				}
			case <-time.After(patience):
				t.Fatalf("%s did not get in", name)
			}
		}
	}
	join(0)
	before := used()
	for i := 1; i <= sessions; i++ {
		join(i)
	}
	return float64(used()-before) / float64(sessions)
}

// The numbers include what the test's own server needs, about 10 KiB for each
// connection: two buffers of 4 KiB and a goroutine.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	const server = 12 << 10
	if got := measure(t, 500, 3, true) - server; got > 16<<10 {
		t.Errorf("%.1f KiB for an idle session in a channel of its own", got/1024)
	} else {
		t.Logf("%.1f KiB for an idle session in a channel of its own", got/1024)
	}
	if got := measure(t, 100, 5000, false) - server; got > 24<<10 {
		t.Errorf("%.1f KiB for a further session in a channel of 5,000", got/1024)
	} else {
		t.Logf("%.1f KiB for a further session in a channel of 5,000", got/1024)
	}
}
