package ircside

import (
	"slices"

	"isthmus/bridge"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
)

// say sends a message to a channel.
func (c *client) say(e bridge.Event, b bridge.Message) {
	if m, ok := c.inRoom(e); ok {
		c.send(e, b, m.ch.name)
		if e.Via == (bridge.Person{}) {
			c.obeySelf(m, b.Text)
		}
	}
}

// inRoom is the membership in the room of e; without one that can be heard
// there, e fails.
func (c *client) inRoom(e bridge.Event) (*membership, bool) {
	m := c.room([]byte(e.Room.ID))
	who := "You are"
	if c.keeper() {
		who = "The bridge is"
	}
	switch {
	case m == nil:
		c.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: who + " not in this room."})
		return nil, false
	case c.phase != phaseUp || !m.joined:
		c.fail(e, bridge.Failure{Kind: bridge.ErrOffline, Text: who + " not connected to " + c.net.name + " at the moment."})
		return nil, false
	}
	return m, true
}

// send sends a message to a channel or nick, in as many lines as it takes.
// Confirm comes when the server has taken them all.
func (c *client) send(e bridge.Event, b bridge.Message, target string) {
	command := commandOf(b)
	words := pieces(b, c.nicksOf(e.Room), c.roomFor(c.sess.Nick(), command, target))
	r, ok := c.speech(e, words, command, target)
	if !ok {
		return
	}
	c.spoke(e)
	if !e.Room.Private() || b.Notice { // RFC 2812 3.3.2: a NOTICE is not answered
		c.requestFor(e, r, nil)
		return
	}
	r.Collect = []string{rplAway}
	c.requestFor(e, r, func(replies []*line.Message) { c.toldAway(e.Room.ID, replies) })
}

// commandOf is the command that says b.
func commandOf(b bridge.Message) string {
	if b.Notice {
		return "NOTICE"
	}
	return "PRIVMSG"
}

// roomFor is roomFor with our user@host, which that of a nick that was made up is like.
func (c *client) roomFor(nick, command, target string) int {
	return roomFor(nick, c.sess.Userhost(), command, target)
}

// speech is the request to say words, as the last of the parameters of as many
// lines. If there is nothing to say, or too much, e has failed.
func (c *client) speech(e bridge.Event, words []string, command string, params ...string) (r session.Request, ok bool) {
	switch {
	case len(words) == 0:
		c.fail(e, bridge.Failure{Kind: bridge.ErrPolicy, Text: "There is no text in this message."})
		return r, false
	case len(words) > maxPieces:
		c.fail(e, bridge.Failure{Kind: bridge.ErrTooLong, Text: "This message is too long for IRC."})
		return r, false
	}
	for _, w := range words {
		r.Lines = append(r.Lines, session.Line{Command: command, Params: append(slices.Clone(params), w)})
	}
	return r, true
}

// nicksOf tells what somebody is called where a message goes, "" where nobody
// there is known to be them.
func (c *client) nicksOf(room bridge.Room) func(bridge.Person) string {
	return func(p bridge.Person) string {
		nick := p.ID
		if p.Network != c.net.name {
			if nick = c.net.nickOf(p); nick == "" {
				return ""
			}
		}
		if m := c.room([]byte(room.ID)); m != nil && !room.Private() {
			if n, ok := m.ch.find(nick); ok {
				return n.nick // as it is written
			}
		}
		return nick
	}
}

// request sends lines and answers e when the server has.
func (c *client) request(e bridge.Event, lines ...session.Line) {
	c.requestFor(e, session.Request{Lines: lines}, nil)
}

// requestFor makes a request and answers e when the server has. If it took the
// lines, then, which may be nil, is given the replies to collect.
func (c *client) requestFor(e bridge.Event, r session.Request, then func([]*line.Message)) {
	err := c.sess.Request(r, func(r session.Result) {
		c.lock()
		defer c.unlock()
		if r.Err != nil {
			c.fail(e, c.failure(r.Err))
			return
		}
		c.confirm(e, r.Native)
		if then != nil {
			then(r.Lines)
		}
	})
	if err != nil {
		c.fail(e, c.failure(err))
	}
}

// changeNick asks for another nick, which holds in all rooms of the network.
// That it was taken is told by our own NICK line.
func (c *client) changeNick(e bridge.Event, b bridge.Rename) {
	if c.phase != phaseUp {
		c.fail(e, bridge.Failure{Kind: bridge.ErrOffline, Text: "You are not connected to " + c.net.name + " at the moment."})
		return
	}
	if !c.picky() {
		b.To = c.nickFor(b.To)
	}
	if b.To == c.sess.Nick() {
		c.confirm(e, "")
		return
	}
	if !isNick(b.To, c.sess.ISupport()) {
		c.fail(e, bridge.Failure{Kind: bridge.ErrBadName, Text: "IRC can't hold such a nick."})
		return
	}
	r := session.Request{Lines: []session.Line{{Command: "NICK", Params: []string{b.To}}}}
	c.requestFor(e, r, func([]*line.Message) { c.wish = b.To }) // also when they connect again
}
