package ircside

import (
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/line"
)

// typingInterval is how often we say in one place that somebody is typing, and
// pass on that somebody is (IRCv3 typing: once every 3 s at most).
const typingInterval = 3 * time.Second

// The client-only tag of typing, and what it was called while it was a draft.
const (
	typingTag      = "+typing"
	draftTypingTag = "+draft/typing"
)

// typed is what was last said of somebody's typing in one place.
type typed struct {
	at time.Time // when they were last said to be typing
	on bool
}

// typing tells a channel or nick that somebody types, or has stopped, where the
// server lets it pass and nothing else waits to be sent. Nobody hears of it
// otherwise: it is a signal.
func (c *client) typing(last *typed, target string, on bool) {
	now := time.Now()
	if c.phase != phaseUp || c.sess.ISupport().NoTyping || on && now.Sub(last.at) < typingInterval || !on && !last.on {
		return
	}
	state := "done"
	if on {
		state = "active"
	}
	if !c.sess.Signal([]line.Tag{{Name: typingTag, Value: state}}, "TAGMSG", target) {
		return
	}
	if last.on = on; on {
		last.at = now
	}
}

// typingInRoom is typing in a channel.
func (c *client) typingInRoom(e bridge.Event, b bridge.Typing) {
	if m := c.room([]byte(e.Room.ID)); m != nil && m.joined {
		c.typing(&m.typed, m.ch.name, b.On)
	}
}

// maxTyped bounds the conversations in which somebody is known to have typed.
const maxTyped = 100

// typingTo is typing to a nick.
func (c *client) typingTo(e bridge.Event, b bridge.Typing) {
	if c.phase != phaseUp || !isNick(e.Room.ID, c.sess.ISupport()) {
		return
	}
	if _, is := c.stranger(e.Room.ID); is {
		return
	}
	p := c.extra()
	if p.typed == nil || len(p.typed) > maxTyped {
		p.typed = map[string]typed{}
	}
	last := p.typed[e.Room.ID]
	c.typing(&last, e.Room.ID, b.On)
	p.typed[e.Room.ID] = last
}

// spoke notes that what was being typed is said, which ends the typing.
func (c *client) spoke(e bridge.Event) {
	if !e.Room.Private() {
		if m := c.room([]byte(e.Room.ID)); m != nil {
			m.typed.on = false
		}
	} else if c.private != nil {
		if last, ok := c.private.typed[e.Room.ID]; ok {
			last.on = false
			c.private.typed[e.Room.ID] = last
		}
	}
}

// typingOf reads the tag of typing, false where there is none. Who has paused
// is not typing.
func typingOf(m *line.Message) (on, ok bool) {
	state, ok := m.Tag(typingTag)
	if !ok {
		state, ok = m.Tag(draftTypingTag)
	}
	return state == "active", ok
}

// tagged handles a TAGMSG that is meant for this session, and leaves those to
// a channel to its observer.
func (c *client) tagged(m *line.Message) bool {
	target := m.Params[0]
	if len(target) == 0 || c.mine(m) {
		return true
	}
	if c.table == nil || strings.IndexByte(c.table.ChanTypes, target[0]) >= 0 {
		return false
	}
	on, ok := typingOf(m)
	if !ok || m.FromServer() || strings.IndexByte(c.table.StatusMsg, target[0]) >= 0 || !c.hears("") {
		return true
	}
	nick := c.net.decode(m.Nick())
	c.net.side.core.Publish(bridge.Event{Room: c.direct(nick), By: c.native(nick), Name: nick, At: sentAt(m, time.Now()), Body: bridge.Typing{On: on}})
	return true
}

// tagged is a TAGMSG to the channel: somebody is typing.
func (o *observer) tagged(m *line.Message) {
	on, ok := typingOf(m)
	n := o.member(m.Nick())
	if !ok || !o.synced || !o.native(n) {
		return
	}
	if !on {
		o.stopped(n)
		return
	}
	if last, typing := o.typists[n]; typing && o.now.Sub(last) < typingInterval-time.Second {
		return
	}
	if o.typists == nil {
		o.typists = map[*member]time.Time{}
	}
	o.typists[n] = o.now
	o.emit(n, bridge.Typing{On: true})
}

// stopped tells that n is typing no more, if they were: clients don't say so
// when what was typed is said.
func (o *observer) stopped(n *member) {
	if _, typing := o.typists[n]; typing {
		o.forgetTypist(n)
		o.emit(n, bridge.Typing{})
	}
}

func (o *observer) forgetTypist(n *member) {
	if delete(o.typists, n); len(o.typists) == 0 {
		o.typists = nil
	}
}
