package harness

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// IRC is a native: a client that sends and reads raw lines, and answers PING.
type IRC struct {
	Nick   string
	t      T
	conn   net.Conn
	inbox  *inbox[string]
	read   chan struct{} // closed when the reader has ended
	fences atomic.Int64
}

// Dial registers a client without any capability.
func (s *IRCServer) Dial(t T, nick string) *IRC {
	t.Helper()
	return s.DialCap(t, nick, "")
}

// DialCap registers a client with these capabilities, separated by blanks.
func (s *IRCServer) DialCap(t T, nick, caps string) *IRC {
	t.Helper()
	conn, err := dialUntil(s.Addr, time.Now().Add(Patience))
	if err != nil {
		t.Fatalf("irc: %v", err)
	}
	// One deadline for the life of the connection is not what we want.
	if err := conn.SetDeadline(time.Time{}); err != nil {
		t.Fatalf("irc: %v", err)
	}
	c := &IRC{Nick: nick, t: t, conn: conn, inbox: newInbox[string](), read: make(chan struct{})}
	go func() {
		defer close(c.read)
		c.readLines()
	}()
	t.Cleanup(c.Close)
	if caps != "" {
		c.Send("CAP REQ :%s", caps)
		c.Expect(`^\S+ CAP \S+ ACK`)
	}
	c.Send("NICK %s", nick)
	c.Send("USER %s 0 * :%s the native", "native", nick)
	if caps != "" {
		c.Send("CAP END")
	}
	c.Expect(` 001 `)
	return c
}

func (c *IRC) readLines() {
	defer c.inbox.close()
	lines := bufio.NewReaderSize(c.conn, 16<<10)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, "PING"); ok {
			fmt.Fprintf(c.conn, "PONG%s\r\n", rest)
			continue
		}
		c.inbox.put(line)
	}
}

// Close ends the connection without a word. Closing twice does nothing.
func (c *IRC) Close() {
	c.conn.Close()
	<-c.read
}

// Send sends one line.
func (c *IRC) Send(format string, args ...any) {
	c.t.Helper()
	if err := c.conn.SetWriteDeadline(time.Now().Add(Patience)); err != nil {
		c.t.Fatalf("%s: %v", c.Nick, err)
	}
	if _, err := fmt.Fprintf(c.conn, format+"\r\n", args...); err != nil {
		c.t.Fatalf("%s: %v", c.Nick, err)
	}
}

// Say sends a PRIVMSG.
func (c *IRC) Say(target, text string) {
	c.t.Helper()
	c.Send("PRIVMSG %s :%s", target, text)
}

// Join joins a channel and waits for the end of NAMES.
func (c *IRC) Join(channel string) {
	c.t.Helper()
	c.Send("JOIN %s", channel)
	c.Expect(` 366 \S+ ` + regexp.QuoteMeta(channel) + ` `)
}

// Expect waits for a line in which the pattern is found, takes it out of the
// inbox and returns it with its submatches. Other lines stay.
func (c *IRC) Expect(pattern string) []string {
	c.t.Helper()
	re := regexp.MustCompile(pattern)
	line, ok := c.inbox.take(re.MatchString, Patience)
	if !ok {
		c.t.Fatalf("%s never got: %s\nlast of what it got:\n  %s", c.Nick, pattern, strings.Join(c.inbox.recent(), "\n  "))
	}
	return re.FindStringSubmatch(line)
}

// ExpectFrom waits for a line of a nick: command and parameters as a pattern.
func (c *IRC) ExpectFrom(nick, pattern string) []string {
	c.t.Helper()
	return c.Expect(`^(?:@\S+ )?:` + regexp.QuoteMeta(nick) + `(?:!\S+)? ` + pattern)
}

// ExpectWithin is Expect with another patience; false when nothing came.
func (c *IRC) ExpectWithin(patience time.Duration, pattern string) bool {
	_, ok := c.inbox.take(regexp.MustCompile(pattern).MatchString, patience)
	return ok
}

// ExpectNone checks that no such line has come. See Fence.
func (c *IRC) ExpectNone(pattern string) {
	c.t.Helper()
	if line, ok := c.inbox.take(regexp.MustCompile(pattern).MatchString, 0); ok {
		c.t.Fatalf("%s got what it should not: %s", c.Nick, line)
	}
}

// Fence returns when the server has answered a PING: what it sent us before
// has then come.
func (c *IRC) Fence() {
	c.t.Helper()
	token := fmt.Sprintf("fence-%d", c.fences.Add(1))
	c.Send("PING %s", token)
	c.Expect(` PONG .*` + token)
}

// Drain forgets what has come so far and returns it.
func (c *IRC) Drain() []string { return c.inbox.drain() }

// Oper makes the client an operator of the network.
func (c *IRC) Oper() {
	c.t.Helper()
	c.Send("OPER %s %s", operName, operPassword)
	c.Expect(` 381 `)
}
