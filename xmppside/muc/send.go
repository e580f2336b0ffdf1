package muc

import (
	"isthmus/xmppside/wire"
)

// toAll sends a stanza to every user who can hear, except one: encoded once,
// addressed to each of their resources.
func (r *Room) toAll(kind wire.Kind, except *user, encode func(b []byte) []byte) {
	hears := func(u *user) bool { return u != except && !u.detached }
	listeners := 0
	for _, u := range r.users {
		if hears(u) {
			listeners += len(u.resources)
		}
	}
	if listeners == 0 {
		return
	}
	r.template(kind, encode, func(t wire.Template) {
		r.send(func(b []byte) []byte {
			for _, u := range r.users {
				if hears(u) {
					b = u.addressed(b, t)
				}
			}
			return b
		})
	})
}

// toUser sends a stanza to all of one user's resources.
func (r *Room) toUser(kind wire.Kind, u *user, encode func(b []byte) []byte) {
	r.template(kind, encode, func(t wire.Template) {
		r.send(func(b []byte) []byte { return u.addressed(b, t) })
	})
}

func (u *user) addressed(b []byte, t wire.Template) []byte {
	for _, c := range u.resources {
		b = t.AppendTo(b, c.jid)
	}
	return b
}

// template lends f a stanza that is encoded into memory of the room.
func (r *Room) template(kind wire.Kind, encode func(b []byte) []byte, f func(wire.Template)) {
	r.scratch = encode(r.scratch[:0])
	f(wire.NewTemplate(kind, r.scratch))
	if cap(r.scratch) > keepScratch {
		r.scratch = nil
	}
}

// show tells everybody about an occupant, and the occupant's own clients with
// the code that says so (XEP-0045 §7.2.2: 110).
func (r *Room) show(p presence) {
	r.toAll(wire.Presence, p.of.user, func(b []byte) []byte {
		return r.appendPresence(b, nil, p)
	})
	if u := p.of.user; u != nil {
		r.showSelf(u, p)
	}
}

func (r *Room) showSelf(u *user, p presence) {
	p.self = true
	r.toUser(wire.Presence, u, func(b []byte) []byte {
		return r.appendPresence(b, nil, p)
	})
}

// refuse answers a stanza with an error that the room found.
func (r *Room) refuse(h wire.Header, e wire.StanzaError) {
	e.By = r.jid.String()
	r.send(func(b []byte) []byte {
		b = wire.AppendOpen(b, h.Reply("error"))
		if h.Kind == wire.Presence {
			b = append(b, "<x xmlns='"+nsMUC+"'/>"...) // XEP-0045 §7.2
		}
		b = wire.AppendError(b, e)
		return wire.AppendClose(b, h.Kind)
	})
}

func (r *Room) refuseWith(h wire.Header, c wire.Condition, text string) {
	r.refuse(h, wire.StanzaError{Condition: c, Text: text})
}
