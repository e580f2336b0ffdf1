package muc

import (
	"slices"
	"strings"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Cause says why somebody left.
type Cause uint8

// The causes of a departure.
const (
	Left     Cause = iota // by themselves, from the room or the network
	Kicked                // by a moderator
	Banned                // for good
	Removed               // by the service, for technical reasons
	Shutdown              // the service goes down
)

// causeCodes are the status codes that tell (XEP-0045 §7.14, §8.2, §9.1).
var causeCodes = [...]int{Left: 0, Kicked: codeKicked, Banned: codeBanned, Removed: codeRemoved, Shutdown: codeShutdown}

// Departure is how somebody left.
type Departure struct {
	Cause  Cause
	Reason string
	Actor  string // nickname of who kicked or banned them
}

// handleLeave lets a client out, at once: nobody can be held.
func (r *Room) handleLeave(st *wire.Stanza, u *user, c *resource) {
	reason := strings.Clone(cut(st.ChildText(wire.NSComponent, "status"), maxStatus))
	if c != nil {
		r.leave(u, c, presence{reason: reason})
		return
	}
	bare := st.From.Bare()
	j := r.joining[bare]
	if j == nil {
		return
	}
	j.arrivals = slices.DeleteFunc(j.arrivals, func(a arrival) bool { return a.jid == st.From })
	if len(j.arrivals) == 0 {
		delete(r.joining, bare)
		r.take(j.ref)
		r.tell(st.From, "", Leave{Reason: reason})
	}
}

// leave takes a client out of the room, and its user with the last one.
func (r *Room) leave(u *user, c *resource, how presence) {
	how.of, how.gone = u.occupant, true
	if len(u.resources) > 1 {
		// For the others the user is still there.
		how.self = true
		r.send(func(b []byte) []byte { return r.appendPresence(b, escaped(c.jid), how) })
		u.resources = slices.Delete(u.resources, u.indexOf(c.jid), u.indexOf(c.jid)+1)
		r.dropRelayed(c.jid)
		r.stopTyping(u, c.jid)
		r.shareAvailability(u, c.jid)
		return
	}
	// XEP-0045 §7.14: "The service MUST then send presence stanzas of type
	// "unavailable" from the departing occupant's room JID to the departing
	// occupant's full JIDs, including a status code of "110" [...] and to
	// the full JIDs of the remaining occupants."
	r.show(how)
	r.remove(u.occupant)
	r.tell(c.jid, u.nick, Leave{Reason: how.reason})
}

// Leave tells that somebody has gone or was made to go.
func (r *Room) Leave(w Who, d Departure) {
	r.locked(func() {
		if o := r.find(w); o != nil {
			r.depart(o, d)
		}
	})
}

func (r *Room) depart(o *occupant, d Departure) {
	if o.user != nil && d.Cause == Left {
		// Their client is here and did not ask for it.
		d.Cause = Removed
	}
	r.show(presence{
		of: o, gone: true, reason: d.Reason, actor: d.Actor,
		outcast: d.Cause == Banned, codes: [4]int{causeCodes[d.Cause]},
	})
	r.remove(o)
}

// Remove takes out the users of whom gone says so, and refuses those of them
// who wait to be let in. Clients and owner are told.
func (r *Room) Remove(gone func(user jid.JID) bool, reason string) {
	r.locked(func() {
		for _, u := range slices.Clone(r.users) {
			if gone(u.jid) {
				by := u.resources[0].jid
				r.depart(u.occupant, Departure{Cause: Removed, Reason: reason})
				r.tell(by, u.nick, Leave{Reason: reason})
			}
		}
		for bare, j := range r.joining {
			if gone(bare) {
				r.take(j.ref)
				by := j.arrivals[0].jid
				r.refuseJoin(bare, j.ref, wire.StanzaError{Condition: wire.ConditionNotAllowed, Text: reason})
				r.tell(by, "", Leave{Reason: reason})
			}
		}
	})
}

// Shutdown tells all users that the service goes down, and closes the room.
func (r *Room) Shutdown(reason string) {
	r.locked(func() {
		r.closed = true
		for _, u := range r.users {
			r.showSelf(u, presence{of: u.occupant, gone: true, reason: reason, codes: [4]int{codeShutdown}})
		}
		for _, j := range r.joining {
			r.refuseArrivals(j, wire.StanzaError{Type: "wait", Condition: wire.ConditionServiceUnavailable, Text: reason})
		}
	})
}
