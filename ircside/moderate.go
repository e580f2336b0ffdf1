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
	ch, target, ok := c.target(e, b.Target)
	if !ok {
		return
	}
	add, remove, ok := target.modes.change(c.sess.ISupport(), b.Role)
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
		lines = append(lines, session.Line{Command: "MODE", Params: []string{ch.name, sign + string(change), target.nick}})
	}
	if len(lines) == 0 {
		c.confirm(e, "")
		return
	}
	c.request(e, lines...)
}

// target is the room of e and whoever is called name in it. Without them e has
// failed.
func (c *client) target(e bridge.Event, name string) (*channel, member, bool) {
	m, ok := c.inRoom(e)
	if !ok {
		return nil, member{}, false
	}
	target, ok := m.ch.find(name)
	if !ok {
		c.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: name + " is not in this room."})
	}
	return m.ch, target, ok
}

// expel kicks somebody, and before that bans them if that is wished.
func (c *client) expel(e bridge.Event, b bridge.Expel) {
	ch, target, ok := c.target(e, b.Target)
	if !ok {
		return
	}
	other := c.net.byNick(target.nick)
	switch {
	case !b.Ban:
		c.kick(e, b, ch, target)
	case target.ours == (bridge.Person{}) || other == nil:
		c.kick(e, b, ch, target, banMask(target))
	default: // what others see of them only their own session knows
		c.after = append(c.after, func() {
			mask := target.nick + "!*@*"
			if userhost := other.userhost(); userhost != "" {
				mask = "*!" + userhost // the host alone is that of all of ours
			}
			c.lock()
			defer c.unlock()
			if _, ok := c.inRoom(e); ok {
				c.kick(e, b, ch, target, mask)
			}
		})
	}
}

// kick kicks somebody, after banning masks.
func (c *client) kick(e bridge.Event, b bridge.Expel, ch *channel, target member, masks ...string) {
	var lines []session.Line
	for _, mask := range masks {
		lines = append(lines, session.Line{Command: "MODE", Params: []string{ch.name, "+b", mask}})
	}
	kick := session.Line{Command: "KICK", Params: []string{ch.name, target.nick}}
	if reason := reasonOf(b.Reason, c.sess.ISupport().KickLen); reason != "" {
		kick.Params = append(kick.Params, reason)
	}
	c.request(e, append(lines, kick)...)
}

// invite asks the server to let somebody of the network in (RFC 2812 3.2.7).
// One of ours is invited by the nick that they have there.
func (c *client) invite(e bridge.Event, b bridge.Invite) {
	m, ok := c.inRoom(e)
	if !ok {
		return
	}
	nick := b.Person.ID
	if b.Person.Network != c.net.name {
		nick = c.net.nickOf(b.Person)
	}
	if !isNick(nick, c.sess.ISupport()) {
		c.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "They are not on " + c.net.name + "."})
		return
	}
	c.request(e, session.Line{Command: "INVITE", Params: []string{nick, m.ch.name}})
}

// banMask is the host of a native where it was seen, since a nick is changed in
// no time.
func banMask(n member) string {
	if n.host == "" {
		return n.nick + "!*@*"
	}
	return "*!*@" + n.host
}

// userhost is how others see the session's user and host, "" while that isn't
// known.
func (c *client) userhost() string {
	c.lock()
	defer c.unlock()
	if c.sess == nil {
		return ""
	}
	return c.sess.Userhost()
}
