package ircside

import (
	"slices"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

// rename gives somebody another nick and, where their own network knows people
// by their names, the session of who they were to who they are now.
func (c *client) rename(e bridge.Event, b bridge.Rename) {
	if b.Person == (bridge.Person{}) || b.Person == c.who() {
		c.changeNick(e, b)
		return
	}
	nick := c.nickFor(b.To)
	switch {
	case c.becoming != nil:
		c.fail(e, bridge.Failure{Kind: bridge.ErrTooFast, Text: "Another change of the name is under way."})
	case c.net.has(b.Person):
		c.fail(e, bridge.Failure{Kind: bridge.ErrConflict, Text: "They are on " + c.net.name + " already."})
	case c.phase != phaseUp || nick == c.nickNow():
		c.wish = b.To
		c.become(b.Person)
		c.confirm(e, "")
	default:
		c.becoming = &b.Person // our own NICK line, which comes before the answer, sees to it
		err := c.sess.Request(session.Request{Lines: []session.Line{{Command: "NICK", Params: []string{nick}}}}, func(r session.Result) {
			c.lock()
			defer c.unlock()
			c.becoming = nil
			if r.Err != nil {
				c.fail(e, c.failure(r.Err))
				return
			}
			c.wish = b.To // also when they connect again
			c.confirm(e, "")
		})
		if err != nil {
			c.becoming = nil
			c.fail(e, c.failure(err))
		}
	}
}

// become makes the session somebody else's, under whatever nick it has, and
// tells it in its rooms, except those where they are not known yet: there they
// have to ask again.
func (c *client) become(who bridge.Person) {
	c.becoming = nil
	was := c.who()
	if !c.net.rekey(c, who) {
		c.net.log.Warn("a session can't be given to who has one already", "session", was, "to", who)
		return
	}
	for i := len(c.rooms) - 1; i >= 0; i-- {
		m := c.rooms[i]
		if fact := m.ch.remark(m, was, who); fact.Body != nil { // nobody has been told that they are in
			m.asked, m.known = fact.Ref, false
		}
		if !m.known {
			if m.asked != "" {
				c.emit(bridge.Event{Room: m.ch.room, By: was, Ref: m.asked, Body: bridge.Failure{
					Kind: bridge.ErrConflict, Text: "They have another name by now."}})
				m.asked = ""
				c.exit(m, "")
			}
			continue
		}
		from := m.name
		if m.joined {
			m.name = c.nickNow()
			mistaken, _ := m.ch.rename(m, m.name)
			c.events = append(c.events, mistaken...)
		}
		c.emit(bridge.Event{Room: m.ch.room, By: was, Name: from, Body: bridge.Rename{To: m.name, Person: who}})
	}
}

// nickNow is the nick of a session that is up.
func (c *client) nickNow() string {
	if c.sess == nil {
		return ""
	}
	return c.sess.Nick()
}

// became answers a Rename that came too late: the session is theirs already, by
// a Rename in another room.
func (n *network) became(e bridge.Event) bool {
	r, ok := e.Body.(bridge.Rename)
	if !ok || n == nil || r.Person == e.By {
		return false
	}
	c := n.lockClient(r.Person, false)
	if c == nil {
		return false
	}
	defer c.unlock()
	m := c.room([]byte(e.Room.ID))
	if m == nil || !m.known {
		return false
	}
	c.confirm(e, "")
	return true
}

// has reports whether somebody is on the network through us.
func (n *network) has(who bridge.Person) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.clients[who] != nil
}

// rekey makes c somebody else's, who must not be there. c is locked.
func (n *network) rekey(c *client, who bridge.Person) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.clients[who] != nil || n.clients[c.who()] != c {
		return false
	}
	delete(n.clients, c.who())
	n.clients[who] = c
	c.is.Store(&who)
	return true
}

// remark notes that m is somebody else's from now on. A Join of theirs that is
// held back is taken out, and given.
func (ch *channel) remark(m *membership, was, who bridge.Person) (join bridge.Event) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if i := slices.IndexFunc(ch.held, func(h heldFact) bool { return h.m == m }); i >= 0 {
		if _, ok := ch.held[i].fact.Body.(bridge.Join); ok {
			join = ch.unhold(m)
		} else {
			ch.held[i].fact.By = who
		}
	}
	if ch.obs != nil {
		ch.obs.remark(was, who)
	}
	return join
}

// remark puts who they are now in the place of one of ours.
func (o *observer) remark(was, who bridge.Person) {
	for _, list := range []*memberList{&o.members, &o.before} {
		for n := range list.Values() {
			if n.ours == was {
				n.ours = who
			}
		}
	}
	o.bans.renamed(was, who)
}
