package ircside

import (
	"strings"

	"isthmus/bridge"
	"isthmus/ircside/session"
	"isthmus/ircside/text"
)

// setTopic changes a channel's topic, in one line.
func (c *client) setTopic(e bridge.Event, b bridge.Topic) {
	if m, ok := c.inRoom(e); ok {
		c.request(e, session.Line{Command: "TOPIC", Params: []string{m.ch.name, strings.TrimSpace(text.Sanitize(b.Text))}})
	}
}

// setRole gives or takes power, by as many MODE lines as the server's limit
// of changes in one asks for.
func (c *client) setRole(e bridge.Event, b bridge.RoleChange) {
	m, ok := c.inRoom(e)
	if !ok {
		return
	}
	target, ok := m.ch.find(b.Target)
	if !ok {
		c.fail(e, notThere(b.Target))
		return
	}
	t := c.sess.ISupport()
	add, remove, ok := target.modes.change(t, b.Role)
	if !ok {
		c.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: c.net.name + " has no such role."})
		return
	}
	var lines []session.Line
	for i, change := range add + remove {
		sign := "+"
		if i >= len(add) {
			sign = "-"
		}
		lines = append(lines, session.Line{Command: "MODE", Params: []string{m.ch.name, sign + string(change), target.nick}})
	}
	if len(lines) == 0 {
		c.confirm(e, "")
		return
	}
	c.request(e, lines...)
}

func notThere(name string) bridge.Failure {
	return bridge.Failure{Kind: bridge.ErrNotFound, Text: name + " is not in this room."}
}

// expel kicks somebody, and before that bans them if that is wished: by their
// host where it was seen, since a nick is changed in no time.
func (c *client) expel(e bridge.Event, b bridge.Expel) {
	m, ok := c.inRoom(e)
	if !ok {
		return
	}
	target, ok := m.ch.find(b.Target)
	if !ok {
		c.fail(e, notThere(b.Target))
		return
	}
	var lines []session.Line
	if b.Ban {
		lines = append(lines, session.Line{Command: "MODE", Params: []string{m.ch.name, "+b", banMask(target)}})
	}
	kick := session.Line{Command: "KICK", Params: []string{m.ch.name, target.nick}}
	if reason := reasonOf(b.Reason, c.sess.ISupport().KickLen); reason != "" {
		kick.Params = append(kick.Params, reason)
	}
	c.request(e, append(lines, kick)...)
}

func banMask(n member) string {
	if n.host == "" {
		return n.nick + "!*@*"
	}
	return "*!*@" + n.host
}
