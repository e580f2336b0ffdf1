package guest

import (
	"errors"

	"isthmus/bridge"
	"isthmus/xmppside/component"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

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
	r.admin(p, e, o.change(attr, value, ""), nil)
}

// expel asks for somebody's removal (XEP-0045 §8.2), or ban (§9.1).
func (r *Room) expel(p *puppet, e bridge.Event, b bridge.Expel) {
	o := r.find(b.Target)
	if o != nil && b.Person != (bridge.Person{}) && r.personOf(o) != b.Person && r.puppetOf(b.Person) == nil {
		if nick, here := r.nickOf(b.Person); !here || nick != b.Target {
			o = nil // that nick is somebody else's by now
		}
	}
	switch {
	case o != nil && b.Ban:
		r.ban(p, e, o.change("affiliation", "outcast", b.Reason), r.personOf(o), o.nick)
	case o != nil:
		r.admin(p, e, o.change("role", "none", b.Reason), nil)
	case !b.Ban || b.Person == (bridge.Person{}):
		r.fail(e, bridge.ErrNotFound, "There is nobody called "+b.Target+" in this room.")
	default:
		real := r.account(b.Person)
		if real.IsZero() {
			r.fail(e, bridge.ErrNotFound, "They are not in this room, which has not shown whose account theirs is.")
			return
		}
		r.ban(p, e, change{attr: "affiliation", value: "outcast", jid: real, reason: b.Reason}, b.Person, b.Target)
	}
}

// ban carries out a ban, and remembers whose it is.
func (r *Room) ban(p *puppet, e bridge.Event, c change, who bridge.Person, name string) {
	r.admin(p, e, c, func(err error) {
		if _, known := r.banned[c.jid]; err == nil && !known {
			r.noteBan(c.jid, who, name)
		}
	})
}

// find is who has a nick, nil for nobody.
func (r *Room) find(nick string) *occupant {
	if o := r.people[nick]; o != nil && !o.maybe {
		return o
	}
	return nil
}

// change is one of somebody's rights. The room is told whose by the account,
// where that is known and affiliations need it, or else by the nick.
type change struct {
	attr, value string // role or affiliation, and which
	nick        string
	jid         jid.JID // bare, or zero
	reason      string
}

// change of o's rights. Affiliations are those of an account.
func (o *occupant) change(attr, value, reason string) change {
	return change{attr, value, o.nick, o.jid, reason}
}

// admin sends a change of somebody's rights. done, if not nil, is called when it
// is carried out, or isn't.
func (r *Room) admin(p *puppet, e bridge.Event, c change, done func(error)) {
	whose, name := c.nick, " nick='"
	if c.nick == "" || c.attr == "affiliation" && !c.jid.IsZero() {
		whose, name = c.jid.String(), " jid='"
	}
	seen := c.nick // by what it shows on whom: an occupant, or else an account
	if seen == "" {
		seen = whose
	}
	r.does(p, seen, c.value)
	payload := func(b []byte) []byte {
		b = append(b, "<query xmlns='"+nsAdmin+"'><item "+c.attr+"='"+c.value+"'"...)
		b = wire.AppendField(b, name, whose)
		b = append(b, '>')
		if c.reason != "" {
			b = wire.AppendElement(b, "reason", cut(c.reason, maxReason))
		}
		return append(b, "</item></query>"...)
	}
	r.query(wire.Header{To: r.jid, From: p.jid, Type: "set"}, payload, func(_ *wire.Stanza, err error) func() {
		kind, text := refused(err)
		if kind == bridge.ErrNoPrivileges {
			text = p.denied(e, text)
		}
		return func() {
			if done != nil {
				done(err)
			}
			if err == nil {
				r.confirm(e, "")
			} else {
				delete(r.doing, seen)
				r.fail(e, kind, text)
			}
		}
	})
}

// denied is what to tell of something that p has not the rights to do, for
// itself or in somebody's place.
func (p *puppet) denied(e bridge.Event, text string) string {
	return orVia(e, text, "The bridge has not the rights to do this. An owner of the room can make it an administrator, as "+p.jid.Bare().String()+".")
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
