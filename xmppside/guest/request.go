package guest

import (
	"isthmus/bridge"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Deliver carries out what somebody of ours wishes, by the address as (a full
// JID), and reports false, with nothing done, if the room is closed. Facts of
// other rooms mean nothing here.
func (r *Room) Deliver(e bridge.Event, as jid.JID) bool {
	return r.locked(func() { r.deliver(e, as) }, true)
}

func (r *Room) deliver(e bridge.Event, as jid.JID) {
	if j, ok := e.Body.(bridge.Join); ok {
		r.enter(e, j, as)
		return
	}
	who := e.By
	if e.Room.Private() {
		who = e.Room.Owner
	}
	if e.Via != (bridge.Person{}) {
		who = e.Via
	}
	p := r.puppetOf(who)
	if p == nil {
		r.fail(e, bridge.ErrNotInRoom, orVia(e, "You are not in this room.", "The bridge is not in this room."))
		return
	}
	switch b := e.Body.(type) {
	case bridge.Leave:
		r.leave(p, b)
		return
	case bridge.Presence:
		p.presence = b
		r.showPresence(p)
		return
	case bridge.Profile:
		p.avatar = b.Avatar
		r.showPresence(p)
		return
	case bridge.Rename:
		if p.known && p.becomesOther(e) {
			r.rename(p, e, b)
			return
		}
	}
	if p.state != inside {
		r.fail(e, bridge.ErrOffline, orVia(e, "You can't be heard in this room at the moment. This was not sent.",
			"The bridge is not in this room at the moment. This was not sent."))
		return
	}
	r.request(p, e)
}

// request carries out what only somebody in the room can do.
func (r *Room) request(p *puppet, e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Message:
		switch {
		case e.Room.Private():
			r.whisper(p, e, b)
		case e.Via != bridge.Person{}:
			r.say(p, e, r.attributed(e, b))
		default:
			r.say(p, e, b)
		}
	case bridge.Rename:
		r.rename(p, e, b)
	case bridge.Topic:
		r.setTopic(p, e, b)
	case bridge.RoleChange:
		r.setRole(p, e, b)
	case bridge.Expel:
		r.expel(p, e, b)
	case bridge.Invite:
		r.invite(p, e, b)
	case bridge.Typing:
		r.showTyping(p, e, b)
	case bridge.Pardon:
		r.pardon(p, e, b)
	case bridge.Info:
		r.announce(p, e, b)
	case bridge.Watch, bridge.Query:
		r.fail(e, bridge.ErrUnsupported, "That can't be asked of a room.")
	case bridge.Read:
		r.showRead(p, e, b)
	case bridge.RoomInfo, bridge.Moved, bridge.Confirm, bridge.Failure, bridge.Answer, bridge.Members,
		bridge.Session, bridge.Attachment, bridge.Lost:
		// Facts of other rooms. This one has nobody to tell them to.
	default:
		panic("guest: unknown kind of event delivered")
	}
}

// showPresence sends a puppet's availability to the room (XEP-0045 §7.7). While
// it is not there, its next join does.
func (r *Room) showPresence(p *puppet) {
	if p.state != inside {
		return
	}
	at, err := r.jid.WithResource(p.nick)
	if err != nil {
		return // the room has let it in by that nick
	}
	presence, avatar := p.presence, p.avatar
	r.send(p.jid, func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Presence, To: at, From: p.jid})
		b = r.appendAvailability(b, p.jid, presence, avatar)
		return wire.AppendClose(b, wire.Presence)
	})
}

// say says something in the room. It is said when it comes back (XEP-0045 §7.4).
func (r *Room) say(p *puppet, e bridge.Event, m bridge.Message) {
	parts := format.Parts(m)
	r.opt.Origins.said(e.ID)
	for i, id := range r.await(p, e, len(parts)) {
		r.sendMessage(p, wire.Header{To: r.jid, ID: id, Type: "groupchat"}, parts[i], func(b []byte) []byte {
			b = append(b, "<markable xmlns='"+nsMarkers+"'/>"...)
			b = append(b, "<origin-id xmlns='"+nsStanzaID+"' id='"...)
			b = wire.AppendAttr(b, id)
			return append(b, "'/>"...)
		})
	}
}

// sendMessage sends a message with something more in it. It is written at
// once, as people are called in the room now.
func (r *Room) sendMessage(p *puppet, h wire.Header, m bridge.Message, more func(b []byte) []byte) {
	h.Kind, h.From = wire.Message, p.jid
	b := wire.AppendOpen(make([]byte, 0, format.Size(m)+400), h)
	b = more(format.Append(b, m, names{r}))
	b = wire.AppendClose(b, wire.Message)
	r.send(p.jid, func(out []byte) []byte { return append(out, b...) })
}

// whisper says something to one occupant (XEP-0045 §7.5). Nothing says that it
// has reached them; that it has not, their conversation is told.
func (r *Room) whisper(p *puppet, e bridge.Event, m bridge.Message) {
	at, err := jid.Parse(e.Room.ID)
	if err != nil || at.Bare() != r.jid || at.IsBare() {
		r.fail(e, bridge.ErrNotFound, "There is nobody of that name.")
		return
	}
	parts := format.Parts(m)
	ids := r.await(p, e, len(parts))
	for i, id := range ids {
		r.sendMessage(p, wire.Header{To: at, ID: id, Type: "chat"}, parts[i], func(b []byte) []byte {
			return append(b, "<x xmlns='"+nsUser+"'/>"...)
		})
	}
	if ids != nil {
		r.confirm(e, "")
	}
}

// setTopic sets the room's subject (XEP-0045 §8.1).
func (r *Room) setTopic(p *puppet, e bridge.Event, b bridge.Topic) {
	if r.await(p, e, 1) == nil {
		return
	}
	r.send(p.jid, func(out []byte) []byte {
		out = wire.AppendOpen(out, wire.Header{Kind: wire.Message, To: r.jid, From: p.jid, ID: e.ID, Type: "groupchat"})
		out = wire.AppendElement(out, "subject", b.Text)
		return wire.AppendClose(out, wire.Message)
	})
}

// invite asks the room to ask somebody in (XEP-0045 §7.8.2).
func (r *Room) invite(p *puppet, e bridge.Event, b bridge.Invite) {
	to, err := r.opt.Address(b.Person)
	if err != nil {
		r.fail(e, bridge.ErrUnsupported, "They have no address on XMPP.")
		return
	}
	if r.await(p, e, 1) == nil {
		return
	}
	r.send(p.jid, func(out []byte) []byte {
		out = wire.AppendOpen(out, wire.Header{Kind: wire.Message, To: r.jid, From: p.jid, ID: e.ID})
		out = append(out, "<x xmlns='"+nsUser+"'><invite to='"...)
		out = append(wire.AppendAttr(out, to.Bare().String()), "'>"...)
		if b.Reason != "" {
			out = wire.AppendElement(out, "reason", cut(b.Reason, maxReason))
		}
		out = append(out, "</invite></x>"...)
		return wire.AppendClose(out, wire.Message)
	})
}

// showTyping sends a chat state (XEP-0085 §5.5).
func (r *Room) showTyping(p *puppet, e bridge.Event, b bridge.Typing) {
	to, typ, what := r.jid, "groupchat", "active"
	if b.On {
		what = "composing"
	}
	if e.Room.Private() {
		at, err := jid.Parse(e.Room.ID)
		if err != nil || at.Bare() != r.jid {
			return
		}
		to, typ = at, "chat"
	}
	if b.On && !r.signals.Allow() {
		r.opt.Counters.Signals.Add(1)
		return
	}
	r.send(p.jid, func(out []byte) []byte {
		out = wire.AppendOpen(out, wire.Header{Kind: wire.Message, To: to, From: p.jid, Type: typ})
		out = append(out, "<"+what+" xmlns='"+nsChat+"'/>"...)
		return wire.AppendClose(out, wire.Message)
	})
}
