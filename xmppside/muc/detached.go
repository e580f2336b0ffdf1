package muc

import (
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// departure is a nickname that somebody who can't hear has seen, and that is
// not there any more.
type departure struct {
	occupant        // as they were
	at       uint32 // Room.clock when they went
}

// Attach tells whether a user can be heard in the room, and hears it. A user
// who is detached stays, but is shown nothing of what others do; once back,
// they are shown who has gone meanwhile and who is there. text says why.
func (r *Room) Attach(w Who, attached bool, text string) {
	r.locked(func() {
		u := r.user(w.User.Bare())
		if u == nil {
			return
		}
		if text != "" {
			r.noticeTo(u, text)
		}
		if u.detached == !attached {
			return
		}
		r.clock++
		if !attached {
			r.stopTyping(u, u.resources[0].jid)
			u.detached, u.detachedAt, r.detached = true, r.clock, r.clock
			return
		}
		u.detached = false
		r.catchUp(u)
		r.forgetDepartures()
	})
}

// catchUp shows a user what has become of the room since they were detached.
func (r *Room) catchUp(u *user) {
	for _, d := range r.gone {
		if d.since < u.detachedAt && d.at > u.detachedAt && r.people[d.nick] == nil {
			departed := presence{of: &d.occupant, gone: true}
			r.toUser(wire.Presence, u, func(b []byte) []byte { return r.appendPresence(b, nil, departed) })
		}
	}
	for _, c := range u.resources {
		r.showPeople(u, c.jid)
	}
	r.toUser(wire.Message, u, func(b []byte) []byte { return r.appendSubject(b, jid.JID{}) })
}

// noteDeparture remembers that a nickname has gone, if that will be news for
// somebody who can't hear it now. Only nicknames that were there at the last
// detachment are: so the list is never longer than what was seen then.
func (r *Room) noteDeparture(o *occupant) {
	if o.since < r.detached {
		r.clock++
		r.gone = append(r.gone, departure{*o, r.clock})
	}
}

// forgetDepartures drops the list when nobody needs it any more.
func (r *Room) forgetDepartures() {
	for _, u := range r.users {
		if u.detached {
			return
		}
	}
	r.gone, r.detached = nil, 0
}
