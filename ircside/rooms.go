package ircside

import (
	"errors"
	"strings"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

// maxChannelName bounds what is sent as a channel name, in bytes (RFC 2812 1.3
// has 50, servers go up to 200).
const maxChannelName = 200

// channelTypes is what a channel's name may begin with, before and whatever
// the server says (RFC 2812 1.3).
const channelTypes = "#&+!"

// isChannelName reports whether name can be a channel's.
func isChannelName(name string) bool {
	return len(name) > 1 && len(name) <= maxChannelName && strings.IndexByte(channelTypes, name[0]) >= 0 &&
		!strings.ContainsAny(name, " ,\x00\x07\r\n")
}

// join takes somebody into a channel.
func (c *client) join(e bridge.Event, j bridge.Join) {
	if !isChannelName(e.Room.ID) {
		c.fail(e, bridge.Failure{Kind: bridge.ErrBadName, Text: "The name of an IRC channel begins with # and has no space or comma in it."})
		return
	}
	if why, ok := c.net.letsIn(e.Room.ID); !ok {
		c.fail(e, why)
		return
	}
	m := c.room([]byte(e.Room.ID))
	if m == nil {
		var room bridge.Room
		var ok bool
		if m, room, ok = c.enter(e.Room); !ok {
			c.fail(e, bridge.Failure{Kind: bridge.ErrMoved, Text: room.ID})
			return
		}
	} else if m.ch.room != e.Room {
		c.fail(e, bridge.Failure{Kind: bridge.ErrMoved, Text: m.ch.room.ID})
		return
	}
	if m.asked != "" { // the one before it is not answered yet: this one counts
		c.emit(bridge.Event{Room: m.ch.room, By: c.who(), Ref: m.asked,
			Body: bridge.Failure{Kind: bridge.ErrConflict, Text: "Another attempt to join came after this one."}})
	}
	m.key, m.asked = j.Password, e.ID
	if c.wish == "" || c.phase == phaseDown {
		c.wish = e.Name
	}
	switch {
	case m.joined && m.parts == 0:
		c.emit(c.joinedFact(m))
	case c.phase == phaseUp:
		c.stopTimer()
		c.sendJoin(m)
	case c.picky() && c.exactNick() && nickFrom(c.wish) != c.wish:
		c.refuse(m, bridge.Failure{Kind: bridge.ErrBadName, Text: "IRC can't hold such a nick."})
	default:
		if why, ok := c.connect(); !ok {
			c.refuse(m, why)
		}
	}
}

// sendJoin asks the server to let us into a channel.
func (c *client) sendJoin(m *membership) {
	if why, ok := c.net.letsIn(m.ch.name); !ok { // since it was asked for
		c.notJoined(m, why)
		return
	}
	params := []string{m.ch.name}
	if m.key != "" {
		params = append(params, m.key)
	}
	asked := m.asked
	err := c.sess.Request(session.Request{Lines: []session.Line{{Command: "JOIN", Params: params}}, Spare: true}, func(r session.Result) {
		c.joinAnswered(m, asked, r)
	})
	if err != nil {
		c.notJoined(m, c.failure(err))
	}
}

// joinAnswered is called when the server has said all that it has to say of a
// JOIN. That we are in has shown by then.
func (c *client) joinAnswered(m *membership, asked string, r session.Result) {
	c.lock()
	defer c.unlock()
	switch {
	case errors.Is(r.Err, session.ErrClosed): // Closed sees to it
	case m.joined:
		c.events = append(c.events, m.ch.settle(m)...)
		c.sendAway() // they may be there in this room only
	case m.asked != asked, asked == "" && !m.known: // they left meanwhile, or asked again
	case r.Err != nil:
		c.notJoined(m, c.failure(r.Err))
	default:
		c.notJoined(m, bridge.Failure{Kind: bridge.ErrTimeout, Text: "The IRC server did not let you in, and did not say why."})
	}
}

// notJoined ends an attempt to get into a channel, the first one or, after a
// reconnect, a later one.
func (c *client) notJoined(m *membership, why bridge.Failure) {
	if !c.has(m) {
		return
	}
	if !m.known {
		c.refuse(m, why)
		return
	}
	c.answerJoin(m, why)
	// Nobody has thrown them out: a ban may be one of all of ours.
	how := bridge.Leave{Cause: bridge.CausePart, Reason: why.Text}
	if why.Kind == bridge.ErrBanned && m.ch.bannedAlone(m, c.identity()) {
		how.Cause = bridge.CauseBan
	}
	c.left(m, how)
	c.drop(m)
}

// refuse answers a Join with why it failed; its person never was in the room.
func (c *client) refuse(m *membership, why bridge.Failure) {
	c.answerJoin(m, why)
	c.drop(m)
}

// answerJoin tells the core that a Join, if one is open, failed.
func (c *client) answerJoin(m *membership, why bridge.Failure) {
	if m.asked != "" {
		c.emit(bridge.Event{Room: m.ch.room, By: c.who(), Ref: m.asked, Body: why})
		m.asked = ""
	}
	if c.keeper() {
		c.events = append(c.events, m.ch.turnAway(why)...)
	}
}

// joinedFact answers the open Join of m.
func (c *client) joinedFact(m *membership) bridge.Event {
	fact := bridge.Event{Room: m.ch.room, By: c.who(), Name: c.sess.Nick(), Ref: m.asked,
		Body: bridge.Join{Role: bridge.RoleParticipant}}
	m.asked, m.known, m.lost, m.name = "", true, false, fact.Name
	return fact
}

// leave takes somebody out of a channel, as the core wishes. What the server
// says of it is no news.
func (c *client) leave(e bridge.Event, l bridge.Leave) {
	m := c.room([]byte(e.Room.ID))
	if m == nil {
		return
	}
	if m.wanted = false; m.ch.hasLodgers() { // for whom the keeper stays
		return
	}
	c.exit(m, l.Reason)
}

// exit takes somebody out of a channel. What the core is to hear of it has been
// said.
func (c *client) exit(m *membership, reason string) {
	m.asked, m.known, m.lost = "", false, false
	m.ch.giveUp(m)
	if c.phase != phaseUp {
		c.drop(m)
		if c.phase == phaseWaiting && len(c.rooms) == 0 && len(c.waiting) == 0 {
			c.close("")
		}
		return
	}
	params := []string{m.ch.name}
	if reason := reasonOf(reason, c.sess.ISupport().KickLen); reason != "" {
		params = append(params, reason)
	}
	line := session.Line{Command: "PART", Params: params}
	err := c.sess.Request(session.Request{Lines: []session.Line{line}, Spare: true}, func(session.Result) { c.partAnswered(m) })
	if err != nil {
		// The session is as good as gone, or so far behind that its end is
		// the surest way out of the room.
		c.net.log.Warn("could not leave", "room", m.ch.room.ID, "session", c.who(), "error", err)
		c.drop(m)
		c.close("Too much was waiting to be sent")
		return
	}
	m.parts++
}

// partAnswered is called when the server has said all that it has to say of a
// PART, also that we never were in the channel.
func (c *client) partAnswered(m *membership) {
	c.lock()
	defer c.unlock()
	if m.parts > 0 {
		m.parts--
	}
	c.dropIfLeft(m)
}

// dropIfLeft forgets a room when somebody has left it, and has not thought
// better of it since.
func (c *client) dropIfLeft(m *membership) {
	if m.parts == 0 && m.asked == "" && !m.joined && !m.known && c.has(m) {
		c.drop(m)
	}
}
