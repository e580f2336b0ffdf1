package harness

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// Framework is a native with irc-framework, an IRC client that we didn't write.
type Framework struct {
	Nick   string
	t      T
	driver *Driver
	id     string
	inbox  *inbox[driverEvent]
}

// ConnectIRC registers a client of irc-framework on an IRC server. The driver
// must be StartNode's.
func (d *Driver) ConnectIRC(t T, server *IRCServer, nick string) *Framework {
	t.Helper()
	f := &Framework{Nick: nick, t: t, driver: d, inbox: newInbox[driverEvent]()}
	f.id = d.add(func(e driverEvent) {
		f.inbox.put(e)
		if e.Event == "closed" {
			f.inbox.close()
		}
	})
	host, port, _ := net.SplitHostPort(server.Addr)
	number, _ := strconv.Atoi(port)
	f.tell(driverCommand{Op: "irc", Host: host, Port: number, User: nick})
	t.Cleanup(f.Close)
	f.expect("registered", func(e driverEvent) bool { return e.Event == "online" })
	return f
}

// Close says QUIT.
func (f *Framework) Close() {
	_ = f.driver.tell(driverCommand{Client: f.id, Op: "quit"}) // the driver may be gone
	f.inbox.take(func(driverEvent) bool { return false }, 2*time.Second)
	f.driver.remove(f.id)
}

// Join joins a channel and waits for the list of who is there.
func (f *Framework) Join(channel string) {
	f.t.Helper()
	f.tell(driverCommand{Op: "join", To: channel})
	f.expect("in "+channel, func(e driverEvent) bool { return e.Event == "joined" && e.To == channel })
}

// Say says something to a channel or a nick.
func (f *Framework) Say(to, text string) {
	f.t.Helper()
	f.tell(driverCommand{Op: "say", To: to, Text: text})
}

// ExpectSaid waits until somebody has said this, in a channel or to us; an
// ACTION begins with "/me ".
func (f *Framework) ExpectSaid(from, to, text string) {
	f.t.Helper()
	f.expect(fmt.Sprintf("%s to %s: %s", from, to, text), func(e driverEvent) bool {
		return e.Event == "said" && e.From == from && e.To == to && e.Text == text
	})
}

func (f *Framework) expect(what string, fits func(driverEvent) bool) {
	f.t.Helper()
	if _, ok := f.inbox.take(fits, Patience); !ok {
		f.t.Fatalf("%s never: %s\nlast of what it got: %+v", f.Nick, what, f.inbox.recent())
	}
}

func (f *Framework) tell(c driverCommand) {
	f.t.Helper()
	c.Client = f.id
	if err := f.driver.tell(c); err != nil {
		f.t.Fatalf("harness: %v", err)
	}
}
