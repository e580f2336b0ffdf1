package ircside

import (
	"cmp"
	"errors"
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
	if e.Via != (bridge.Person{}) { // they ask for it in the words of another network
		b.Role = nearestRole(c.sess.ISupport(), b.Role)
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

// expel kicks somebody, and before that bans them if that is wished. Who has
// gone can still be banned.
func (c *client) expel(e bridge.Event, b bridge.Expel) {
	m, ok := c.inRoom(e)
	if !ok {
		return
	}
	s := m.ch.seek(b.Target, b.Person)
	switch {
	case !s.here && (!b.Ban || !s.known && s.person.Network != c.net.name):
		c.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: cmp.Or(b.Target, b.Person.ID) + " is not in this room."})
	case !b.Ban:
		c.kick(e, b, m.ch, s)
	case s.userhost != "" || s.person.Network == c.net.name:
		c.ban(e, b, m.ch, s)
	default: // what others see of them only their own session knows
		other := c.net.byNick(s.nick)
		c.after = append(c.after, func() {
			if other != nil {
				s.userhost = other.userhost()
			}
			c.lock()
			defer c.unlock()
			if m, ok := c.inRoom(e); ok {
				c.ban(e, b, m.ch, s)
			}
		})
	}
}

// ban bans somebody, and kicks them if they are in the room.
func (c *client) ban(e bridge.Event, b bridge.Expel, ch *channel, s sought) {
	mask := ch.maskOf(c.sess.ISupport(), s)
	lines := []session.Line{{Command: "MODE", Params: []string{ch.name, "+b", mask}}}
	if s.here {
		lines = append(lines, c.kickLine(b, ch, s))
	}
	nick := c.sess.Nick()
	c.listed(e, lines, func() { ch.banned(mask, nick, s.person) })
}

func (c *client) kick(e bridge.Event, b bridge.Expel, ch *channel, s sought) {
	c.request(e, c.kickLine(b, ch, s))
}

func (c *client) kickLine(b bridge.Expel, ch *channel, s sought) session.Line {
	kick := session.Line{Command: "KICK", Params: []string{ch.name, s.nick}}
	if reason := reasonOf(b.Reason, c.sess.ISupport().KickLen); reason != "" {
		kick.Params = append(kick.Params, reason)
	}
	return kick
}

// maxPardons bounds the entries that one Pardon takes off the list.
const maxPardons = 8

// pardon lifts the bans that were noted for somebody or, where none was, those
// on the server's list that fit them.
func (c *client) pardon(e bridge.Event, b bridge.Pardon) {
	m, ok := c.inRoom(e)
	if !ok {
		return
	}
	if masks := m.ch.bansOf(b.Person); len(masks) > 0 {
		c.unban(e, m.ch, masks)
		return
	}
	s := m.ch.seek("", b.Person)
	table := c.sess.ISupport()
	ask := session.Request{
		Lines:   []session.Line{{Command: "MODE", Params: []string{m.ch.name, "+b"}}},
		Collect: []string{"367", "368"}, End: []string{"368"}, // RPL_BANLIST, RPL_ENDOFBANLIST
	}
	err := c.sess.Request(ask, func(r session.Result) {
		c.lock()
		defer c.unlock()
		if r.Err != nil {
			c.fail(e, c.failure(r.Err))
			return
		}
		var masks []string
		for _, l := range r.Lines {
			if l.Command == "367" && len(l.Params) > 2 && (s.known || s.person.Network == c.net.name) && parseBan(table, c.net.decode(l.Params[2])).fits(table, s.identity) {
				masks = append(masks, l.Param(2))
			}
		}
		if len(masks) == 0 {
			c.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "No ban of " + b.Person.ID + " is known."})
			return
		}
		c.unban(e, m.ch, masks)
	})
	if err != nil {
		c.fail(e, c.failure(err))
	}
}

func (c *client) unban(e bridge.Event, ch *channel, masks []string) {
	var lines []session.Line
	for _, mask := range masks[:min(len(masks), maxPardons)] {
		lines = append(lines, session.Line{Command: "MODE", Params: []string{ch.name, "-b", mask}})
	}
	c.listed(e, lines, func() {})
}

// listed sends changes of the list of bans and answers e. An entry that is
// there already, or not any more, is as good as one that was set or taken off.
func (c *client) listed(e bridge.Event, lines []session.Line, then func()) {
	err := c.sess.Request(session.Request{Lines: lines}, func(r session.Result) {
		c.lock()
		defer c.unlock()
		var reply *session.ReplyError
		if errors.As(r.Err, &reply) && (reply.Numeric == 697 || reply.Numeric == 698) { // ERR_LISTMODEALREADYSET, ERR_LISTMODENOTSET
			r.Err = nil
		}
		if r.Err != nil {
			c.fail(e, c.failure(r.Err))
			return
		}
		then()
		c.confirm(e, "")
	})
	if err != nil {
		c.fail(e, c.failure(err))
	}
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
