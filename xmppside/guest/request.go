package guest

import (
	"errors"

	"isthmus/bridge"
	"isthmus/xmppside/component"
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
	p := r.byPerson[who]
	if p == nil {
		r.fail(e, bridge.ErrNotInRoom, "You are not in this room.")
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
	}
	if p.state != inside {
		r.fail(e, bridge.ErrOffline, "You can't be heard in this room at the moment. This was not sent.")
		return
	}
	r.request(p, e)
}

// request carries out what only somebody in the room can do.
func (r *Room) request(p *puppet, e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Message:
		if e.Room.Private() {
			r.whisper(p, e, b)
		} else {
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
	case bridge.Watch, bridge.Query, bridge.Pardon:
		r.fail(e, bridge.ErrUnsupported, "That can't be asked of a room.")
	case bridge.Read:
		r.showRead(p, e, b)
	case bridge.RoomInfo, bridge.Moved, bridge.Confirm, bridge.Failure, bridge.Answer, bridge.Info, bridge.Members,
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

// rename asks for another nick (XEP-0045 §7.6).
func (r *Room) rename(p *puppet, e bridge.Event, b bridge.Rename) {
	to := r.nickFor(b.To)
	at, err := r.jid.WithResource(to)
	switch {
	case to == "" || err != nil:
		r.fail(e, bridge.ErrBadName, "XMPP can't hold such a nick.")
		return
	case to == p.nick:
		r.confirm(e, "")
		return
	case p.renaming.Body != nil:
		r.fail(e, bridge.ErrTooFast, "Your last change of nick is not answered yet.")
		return
	}
	if r.await(p, e, 1) == nil {
		return
	}
	p.renaming, p.to = e, to
	presence, avatar := p.presence, p.avatar
	r.send(p.jid, func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Presence, To: at, From: p.jid, ID: e.ID})
		b = r.appendAvailability(b, p.jid, presence, avatar)
		return wire.AppendClose(b, wire.Presence)
	})
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

// setRole asks for somebody's role or affiliation (XEP-0045 §8.3 to §10.6).
func (r *Room) setRole(p *puppet, e bridge.Event, b bridge.RoleChange) {
	o := r.find(b.Target)
	if o == nil {
		r.fail(e, bridge.ErrNotFound, "There is nobody called "+b.Target+" in this room.")
		return
	}
	if o.power() == b.Role {
		r.confirm(e, "")
		return
	}
	attr, value := o.grant(b.Role)
	r.admin(p, e, o, attr, value, "")
}

// expel asks for somebody's removal (XEP-0045 §8.2), or ban (§9.1).
func (r *Room) expel(p *puppet, e bridge.Event, b bridge.Expel) {
	o := r.find(b.Target)
	if o == nil {
		r.fail(e, bridge.ErrNotFound, "There is nobody called "+b.Target+" in this room.")
		return
	}
	if b.Ban {
		r.admin(p, e, o, "affiliation", "outcast", b.Reason)
	} else {
		r.admin(p, e, o, "role", "none", b.Reason)
	}
}

// find is who has a nick, nil for nobody.
func (r *Room) find(nick string) *occupant {
	if o := r.people[nick]; o != nil && !o.maybe {
		return o
	}
	return nil
}

// admin sends a change of somebody's rights. Affiliations are those of a real
// JID, if p is shown that.
func (r *Room) admin(p *puppet, e bridge.Event, o *occupant, attr, value, reason string) {
	who, name := o.nick, " nick='"
	if attr == "affiliation" && !o.jid.IsZero() {
		who, name = o.jid.String(), " jid='"
	}
	payload := func(b []byte) []byte {
		b = append(b, "<query xmlns='"+nsAdmin+"'><item "+attr+"='"+value+"'"...)
		b = wire.AppendField(b, name, who)
		b = append(b, '>')
		if reason != "" {
			b = wire.AppendElement(b, "reason", cut(reason, maxReason))
		}
		return append(b, "</item></query>"...)
	}
	r.query(wire.Header{To: r.jid, From: p.jid, Type: "set"}, payload, func(_ *wire.Stanza, err error) func() {
		kind, text := refused(err)
		return func() {
			if err == nil {
				r.confirm(e, "")
			} else {
				r.fail(e, kind, text)
			}
		}
	})
}

// refused tells why a question has no answer.
func refused(err error) (bridge.ErrorKind, string) {
	var se wire.StanzaError
	switch {
	case err == nil:
		return bridge.ErrInternal, ""
	case errors.As(err, &se):
		f := denials[se.Condition]
		return f.kind, f.with(se)
	case errors.Is(err, component.ErrTimeout):
		return bridge.ErrTimeout, "The room did not answer. It is not known whether this took effect."
	case errors.Is(err, component.ErrTooMany):
		return bridge.ErrTooMany, "The gateway is too busy. Try again in a moment."
	}
	return bridge.ErrOffline, "The gateway has no connection to the XMPP server."
}

// denials are the refusals of a change of rights (XEP-0045 §8.2, §9.1).
var denials = map[wire.Condition]refusal{
	wire.ConditionForbidden:            {kind: bridge.ErrNoPrivileges, text: "You may not do this here."},
	wire.ConditionNotAllowed:           {kind: bridge.ErrNoPrivileges, text: "You may not do this to them."},
	wire.ConditionConflict:             {kind: bridge.ErrPolicy, text: "That can't be done to oneself, or to the last owner."},
	wire.ConditionItemNotFound:         {kind: bridge.ErrNotFound, text: "There is nobody of that name."},
	wire.ConditionNotAcceptable:        {kind: bridge.ErrNotFound, text: "There is nobody of that name."},
	wire.ConditionJIDMalformed:         {kind: bridge.ErrNotFound, text: "There is nobody of that name."},
	wire.ConditionRemoteServerNotFound: {kind: bridge.ErrOffline, text: "The room's server can't be reached."},
	wire.ConditionRemoteServerTimeout:  {kind: bridge.ErrTimeout, text: "The room's server does not answer."},
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
