package ircside

import (
	"isthmus/bridge"
)

// Deliver implements bridge.Side. It may block for as long as a server does
// not read what one of its sessions writes, which a deadline ends.
func (s *Side) Deliver(e bridge.Event) {
	who := behind(e)
	n, served := s.network(e.Room.Network, false)
	if !served {
		s.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "There is no IRC network called " + e.Room.Network + " here."})
		return
	}
	if s.isStopping() {
		s.fail(e, bridge.Failure{Kind: bridge.ErrOffline, Text: "The gateway is shutting down."})
		return
	}
	if _, join := e.Body.(bridge.Join); join {
		if e.By.Network == e.Room.Network {
			s.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "Who is on " + e.Room.Network + " by themselves joins by themselves."})
			return
		}
		if err := s.ledger.load(); err != nil {
			s.log.Error("what operators of channels said can't be read", "error", err)
			s.fail(e, bridge.Failure{Kind: bridge.ErrOffline, Text: "It can't be found out at the moment whether this channel lets us in."})
			return
		}
	}
	if f, ok := s.admits(n, who, e); !ok {
		s.fail(e, f)
		return
	}
	if n == nil && wants(e) {
		n, _ = s.network(e.Room.Network, true)
	}
	if n != nil && n.lodges(who, e) {
		n.deliverLodger(who, e)
		return
	}
	var c *client
	if n != nil {
		if c = n.lockClient(who, wants(e)); c == nil && n.isDead() { // its last user went this moment
			s.Deliver(e)
			return
		}
	}
	switch {
	case c == nil && n.became(e):
		return
	case c == nil && e.Via != (bridge.Person{}):
		s.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "The bridge is not in this room."})
		return
	case c == nil && e.Room.Private():
		s.fail(e, bridge.Failure{Kind: bridge.ErrOffline, Text: "You are not connected to " + e.Room.Network + "."})
		return
	case c == nil:
		s.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "You are not in this room."})
		return
	}
	defer c.unlock()
	if e.Room.Private() {
		c.deliverPrivate(e)
	} else {
		c.deliver(e)
	}
}

// behind is the person whose session an event goes to.
func behind(e bridge.Event) bridge.Person {
	switch {
	case e.Room.Private():
		return e.Room.Owner
	case e.Via != (bridge.Person{}):
		return e.Via
	}
	return e.By
}

// wants reports whether an event brings somebody to the network who may not
// be there yet.
func wants(e bridge.Event) bool {
	switch b := e.Body.(type) {
	case bridge.Join:
		return true
	case bridge.Message:
		return e.Room.Private()
	case bridge.Watch:
		return e.Room.Private() && b.On
	}
	return false
}

// admits checks the limits that hold for one person over all networks. n is
// nil where nobody uses it yet.
func (s *Side) admits(n *network, who bridge.Person, e bridge.Event) (bridge.Failure, bool) {
	opts := s.opts.Load()
	if !wants(e) || who == bridge.Keeper || opts.NetworksPerPerson == 0 && opts.RoomsPerPerson == 0 {
		return bridge.Failure{}, true
	}
	networks, rooms := s.usage(who)
	if opts.NetworksPerPerson > 0 && networks >= opts.NetworksPerPerson && (n == nil || n.roomsOf(who) < 0) {
		return bridge.Failure{Kind: bridge.ErrTooMany, Text: "You are on as many networks as you may be."}, false
	}
	if _, join := e.Body.(bridge.Join); join && opts.RoomsPerPerson > 0 && rooms >= opts.RoomsPerPerson {
		return bridge.Failure{Kind: bridge.ErrTooMany, Text: "You are in as many rooms as you may be."}, false
	}
	return bridge.Failure{}, true
}

// deliver carries out what is meant for a channel.
func (c *client) deliver(e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Join:
		c.join(e, b)
		if m := c.room([]byte(e.Room.ID)); m != nil {
			m.wanted = true
		}
	case bridge.Leave:
		c.leave(e, b)
	case bridge.Presence:
		c.setPresence(e, b)
	case bridge.Message:
		if e.Via != (bridge.Person{}) {
			c.relay(e, b)
		} else {
			c.say(e, b)
		}
	case bridge.Rename:
		c.rename(e, b)
	case bridge.Topic:
		c.setTopic(e, b)
	case bridge.RoleChange:
		c.setRole(e, b)
	case bridge.Expel:
		c.expel(e, b)
	case bridge.Pardon:
		c.pardon(e, b)
	case bridge.Invite:
		c.invite(e, b)
	case bridge.Query, bridge.Watch:
		c.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "That can't be asked of a channel."})
	case bridge.Typing:
		c.typingInRoom(e, b)
	case bridge.Read, bridge.Profile:
		// IRC has no word for them that a channel's people would see.
	case bridge.Info:
		if c.keeper() {
			c.inform(e, b)
		}
	case bridge.RoomInfo, bridge.Moved, bridge.Confirm, bridge.Failure, bridge.Answer, bridge.Members, bridge.Session, bridge.Attachment, bridge.Lost:
		// Facts of other rooms. A channel has nobody to tell them to.
	default:
		panic("ircside: unknown kind of event delivered")
	}
}

// deliverPrivate carries out what is meant for somebody on the network, or
// for the network itself.
func (c *client) deliverPrivate(e bridge.Event) {
	console := e.Room.ID == ""
	switch b := e.Body.(type) {
	case bridge.Message:
		if console {
			c.command(e, b)
		} else {
			c.tell(e, b)
		}
	case bridge.Rename:
		c.changeNick(e, b)
	case bridge.Watch:
		if console {
			c.watchSession(e, b)
		} else {
			c.watchNick(e, b)
		}
	case bridge.Query:
		c.query(e, b)
	case bridge.Typing:
		if !console {
			c.typingTo(e, b)
		}
	case bridge.Join, bridge.Topic, bridge.RoleChange, bridge.Expel, bridge.Pardon, bridge.Invite:
		c.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "That is only possible in a channel."})
	case bridge.Read, bridge.Profile, bridge.RoomInfo, bridge.Moved,
		bridge.Leave, bridge.Presence, bridge.Confirm, bridge.Failure, bridge.Answer, bridge.Info, bridge.Members, bridge.Session, bridge.Attachment, bridge.Lost:
		// Nothing to do: a conversation has no end, availability is said in
		// rooms, and nobody here is told of facts.
	default:
		panic("ircside: unknown kind of event delivered")
	}
}
