package fakeirc

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"time"
)

// client is one connection. Its identity is guarded by the server's mutex.
type client struct {
	server *Server
	conn   net.Conn

	nick, user  string
	caps        capability
	negotiating bool // between CAP LS or REQ and CAP END
	registered  bool
	gone        bool
	joined      []*channel

	// The command being run: its label, and its answers so far.
	label   string
	answers []event

	queueMu sync.Mutex
	queued  []byte
	writeMu sync.Mutex // held while writing: keeps the pieces in order
	spare   []byte
}

// mask is nick!user@host.
func (c *client) mask() string { return c.nick + "!" + c.user + "@bridge.bench" }

// queue adds a line to what the next flush writes. The caller holds the
// server's mutex, and act flushes.
func (c *client) queue(e event) {
	c.queueMu.Lock()
	if len(c.queued) == 0 {
		c.server.dirty = append(c.server.dirty, c)
	}
	c.queued = e.append(c.queued, c.caps)
	c.queueMu.Unlock()
}

// flush writes what is queued, in one piece if nobody else is writing.
func (c *client) flush() {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.queueMu.Lock()
	out := c.queued
	c.queued = c.spare[:0]
	c.queueMu.Unlock()
	if len(out) == 0 {
		return
	}
	c.conn.Write(out) //nolint:errcheck // the reader finds out
	c.spare = out
	if cap(out) > 1<<16 {
		c.spare = nil
	}
}

// reply answers the command being run; see finish.
func (c *client) reply(body string) { c.answers = append(c.answers, event{body: body}) }

// numeric answers with a numeric reply.
func (c *client) numeric(code, rest string) {
	nick := c.nick
	if nick == "" {
		nick = "*"
	}
	c.reply(":" + serverName + " " + code + " " + nick + " " + rest)
}

// serve reads commands until the connection ends.
func (c *client) serve() {
	defer c.conn.Close()
	defer c.server.act(func() { c.leave("connection closed") })
	in := bufio.NewReaderSize(c.conn, 4096)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		label, command, params := parse(strings.TrimRight(line, "\r\n"))
		if command == "PRIVMSG" && len(params) == 2 {
			c.server.onMessage(Message{Nick: c.nick, Target: params[0], Text: params[1], At: time.Now()})
		}
		c.server.act(func() {
			c.label = label
			c.run(command, params)
			c.finish()
		})
		if command == "QUIT" {
			return
		}
	}
}

// parse takes a line apart; of the tags only the label counts.
func parse(line string) (label, command string, params []string) {
	if strings.HasPrefix(line, "@") {
		var tags string
		tags, line, _ = strings.Cut(line[1:], " ")
		for tag := range strings.SplitSeq(tags, ";") {
			if value, ok := strings.CutPrefix(tag, "label="); ok {
				label = value
			}
		}
	}
	line, trailing, hasTrailing := strings.Cut(line, " :")
	fields := strings.Fields(line)
	if len(fields) > 0 && strings.HasPrefix(fields[0], ":") {
		fields = fields[1:]
	}
	if hasTrailing {
		fields = append(fields, trailing)
	}
	if len(fields) == 0 {
		return "", "", nil
	}
	return label, strings.ToUpper(fields[0]), fields[1:]
}

// finish sends the answers of a command, labelled if it was: one line
// carries the label itself, several are a batch, none is an ACK
// (IRCv3 labeled-response).
func (c *client) finish() {
	answers := c.answers
	c.answers = nil
	if c.label == "" || c.caps&capLabels == 0 {
		for _, e := range answers {
			c.queue(e)
		}
		return
	}
	switch {
	case len(answers) == 0:
		c.queue(event{body: ":" + serverName + " ACK", label: c.label})
	case len(answers) == 1:
		answers[0].label = c.label
		c.queue(answers[0])
	default:
		ref := c.server.newBatch()
		c.queue(event{body: ":" + serverName + " BATCH +" + ref + " labeled-response", label: c.label})
		for _, e := range answers {
			e.batch = ref
			c.queue(e)
		}
		c.queue(event{body: ":" + serverName + " BATCH -" + ref})
	}
}
