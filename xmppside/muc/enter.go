package muc

import (
	"slices"
	"strings"
	"time"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// joining is a user who waits for the owner to let them in.
type joining struct {
	ref      string
	arrivals []arrival
	info     Info // what they can have found out before
}

// arrival is a client on its way in.
type arrival struct {
	*resource
	header wire.Header // of its presence: whom to tell of a refusal
	wants  wanted
	codes  [4]int // status codes it is owed besides the usual
}

func (r *Room) newArrival(st *wire.Stanza) arrival {
	x, _ := st.Child(nsMUC, "x")
	return arrival{resource: r.newResource(st), header: kept(st.Header), wants: newWanted(x)}
}

// nick is what the client asked to be called.
func (a arrival) nick() string { return a.header.To.Resource() }

// handlePresence takes a client's presence to the room or an occupant.
func (r *Room) handlePresence(st *wire.Stanza) {
	u, c := r.sender(st)
	_, enters := st.Child(nsMUC, "x")
	switch {
	case st.Type == "error":
		r.bounced(st)
	case st.Type == "unavailable":
		r.handleLeave(st, u, c)
	case st.Type != "":
		// Subscriptions and probes: a room has no roster.
	case st.To.IsBare():
		// XEP-0045 §7.2.1: "If the user does not specify a room nickname
		// [...], the service MUST return a <jid-malformed/> error".
		r.refuseWith(st.Header, wire.ConditionJIDMalformed, "A nickname is missing: room@service/nickname.")
	case enters && c != nil:
		r.reenter(st, u, c)
	case enters:
		r.handleJoin(st)
	case c == nil && r.updateArrival(st):
	case c == nil:
		r.kickStranger(st)
	default:
		r.handleUpdate(st, u, c)
	}
}

// kickStranger tells a client that thinks that it is in the room, so that it
// joins anew.
//
// XEP-0045 §7.2.18: "it is RECOMMENDED that a service receiving a <presence>
// without an <x> element from a non-occupant full-JID responds with an explicit
// kick to that client. The kick MUST contain the status codes 110 (occupant's
// presence), 307 (kick), and 333 (kick due to technical problems)."
func (r *Room) kickStranger(st *wire.Stanza) {
	nick := st.To.Resource()
	kick := presence{
		of:   &occupant{nick: nick, id: r.ids.of(Who{Nick: nick, User: st.From.Bare()})},
		gone: true, self: true, reason: "You are not in this room.", codes: [4]int{codeKicked, codeRemoved},
	}
	r.send(func(b []byte) []byte { return r.appendPresence(b, escaped(st.From), kick) })
}

// handleJoin lets in one more client of a user who is in the room already, and
// otherwise asks the owner.
func (r *Room) handleJoin(st *wire.Stanza) {
	a := r.newArrival(st)
	bare := st.From.Bare()
	if u := r.user(bare); u != nil {
		if len(u.resources) >= maxResources {
			r.refuseWith(st.Header, wire.ConditionResourceConstraint, "Too many of your clients are in this room.")
			return
		}
		if !r.mayWelcome(st, u) {
			return
		}
		// XEP-0045 §7.2.8: "if the bare JID of the present occupant matches
		// the bare JID of the user seeking to enter the room, then the
		// service SHOULD allow entry to the user".
		u.resources = append(u.resources, a.resource)
		r.welcome(u, a, nil)
		r.shareAvatar(u, a.resource)
		r.shareAvailability(u, a.jid) // after it, §7.1: to this client too
		return
	}
	if j := r.joining[bare]; j != nil {
		// The same client may ask again before it was answered.
		j.arrivals = slices.DeleteFunc(j.arrivals, func(b arrival) bool { return b.jid == a.jid })
		if len(j.arrivals) >= maxResources {
			r.refuseWith(st.Header, wire.ConditionResourceConstraint, "Too many of your clients are joining this room.")
			return
		}
		j.arrivals = append(j.arrivals, a)
		return
	}
	x, _ := st.Child(nsMUC, "x")
	j := &joining{ref: r.opt.NewID(), arrivals: []arrival{a}, info: r.info}
	r.joining = noted(r.joining, bare, j)
	r.asked = noted(r.asked, j.ref, &asked{header: a.header})
	r.queue = append(r.queue, Request{ID: j.ref, By: st.From, What: Join{
		Nick:     a.nick(),
		Password: strings.Clone(x.ChildText(nsMUC, "password")),
		Wanted:   a.wants.most(),
	}})
}

// updateArrival takes a presence of a client that waits to be let in: that may
// take a while, and meanwhile it may go away, or tell everybody of its avatar.
// It reports false for other clients.
func (r *Room) updateArrival(st *wire.Stanza) bool {
	j := r.joining[st.From.Bare()]
	if j == nil {
		return false
	}
	i := slices.IndexFunc(j.arrivals, func(a arrival) bool { return a.jid == st.From })
	if i < 0 {
		return false
	}
	j.arrivals[i].resource = r.newResource(st)
	return true
}

// mayWelcome refuses one more client, or the same again, if that happens too
// often: each is shown everybody who is here, which may be many thousands.
func (r *Room) mayWelcome(st *wire.Stanza, u *user) bool {
	if now := time.Now(); now.Sub(u.counted) > time.Minute {
		u.counted, u.welcomes = now, 0
	}
	u.welcomes++
	if u.welcomes > maxWelcomes {
		r.refuseWith(st.Header, wire.ConditionResourceConstraint, "You come in too often. Wait a minute.")
		return false
	}
	return true
}

// reenter shows the room anew to a client that asks to join though it is in:
// it has lost track (XEP-0410 §3.2 has clients do so, and XEP-0045 §7.2.1 the
// room show it everything).
func (r *Room) reenter(st *wire.Stanza, u *user, c *resource) {
	if !r.mayWelcome(st, u) {
		return
	}
	a := r.newArrival(st)
	*c = *a.resource
	a.resource = c
	r.welcome(u, a, nil)
	r.shareAvatar(u, c)
	r.shareAvailability(u, c.jid)
}

// Enter tells that m is in the room: somebody new, or a user who has asked to
// be let in. created says that the room itself came into being with that.
// history is what was said before, oldest first: those clients see it that
// have waited for this, not those that a user brings in later. That would be
// for an archive, and a room has none.
func (r *Room) Enter(m Member, created bool, history ...Said) {
	r.locked(func() { r.enter(m, created, history) })
}

func (r *Room) enter(m Member, created bool, history []Said) {
	m.User = m.User.Bare()
	j := r.joining[m.User]
	if m.User.IsZero() || j == nil {
		r.put(m)
		return
	}
	delete(r.joining, m.User)
	r.take(j.ref)
	r.admit(m, j, created, history)
}

// put takes in somebody without a client here, or what is new about somebody.
func (r *Room) put(m Member) {
	o := r.find(m.who())
	switch {
	case o == nil && r.people[m.Nick] != nil:
		// A user has that name; the owner will say what became of it.
		r.opt.Log.Warn("somebody else's nickname: not shown", "room", r.jid, "nick", m.Nick)
	case o == nil:
		r.show(presence{of: r.insert(m)})
	default:
		if !r.rename(o, m.who()) {
			return
		}
		if o.user != nil { // the room knows this better
			m.Show, m.Status = o.show, o.status()
		}
		r.update(o, presence{}, func() {
			o.role, o.affiliation, o.show = m.Role, m.Affiliation, m.Show
			o.setStatus(m.Status)
			o.setAvatar(m.Avatar)
			if !m.User.IsZero() || m.Account != "" {
				o.identify(r, m.who())
			}
		})
	}
}

// admit lets in a user whose join was granted.
func (r *Room) admit(m Member, j *joining, created bool, history []Said) {
	o := r.people[m.Nick]
	if o != nil && o.user != nil {
		// Two of our users can't have one name in a room.
		r.opt.Log.Warn("joined under another user's nickname: refused", "room", r.jid, "nick", m.Nick)
		r.refuseArrivals(j, wire.StanzaError{Condition: wire.ConditionConflict, Text: "Another user has that nickname."})
		r.tell(j.arrivals[0].jid, m.Nick, Leave{})
		return
	}
	known := o != nil // seen before they came in by this door
	if known {
		o.role, o.affiliation = m.Role, m.Affiliation
		o.identify(r, m.who())
	} else {
		m.Show, m.Status, m.Avatar = ShowOnline, "", ""
		o = r.insert(m)
	}
	u := &user{occupant: o, jid: m.User}
	o.user = u
	for i, a := range j.arrivals {
		u.resources = append(u.resources, a.resource)
		if created && i == 0 {
			j.arrivals[i].codes[0] = codeCreated
		}
	}
	_, told := u.refresh()
	if told {
		r.tell(u.best().jid, u.nick, SetPresence{u.show, u.status()})
	}
	for _, a := range j.arrivals {
		r.shareAvatar(u, a.resource)
	}
	// The others; u's own clients are not among the users yet.
	r.toAll(wire.Presence, nil, func(b []byte) []byte { return r.appendPresence(b, nil, presence{of: o}) })
	r.addUser(u)
	for _, a := range j.arrivals {
		r.welcome(u, a, history)
		if r.info != j.info {
			r.tellChanged(a.jid)
		}
	}
}

func (r *Room) refuseJoin(bare jid.JID, ref string, e wire.StanzaError) {
	if j := r.joining[bare]; j != nil && j.ref == ref {
		delete(r.joining, bare)
		r.refuseArrivals(j, e)
	}
}

func (r *Room) refuseArrivals(j *joining, e wire.StanzaError) {
	for _, a := range j.arrivals {
		r.refuse(a.header, e)
	}
}

// welcome shows the room to a client that has just come in.
//
// XEP-0045 §7.1: "1. In-room presence from other occupants, 2. In-room
// presence from the joining entity itself (so-called "self-presence"),
// 3. Room history (if any), 4. The room subject, 5. Live messages, presence
// updates, new user joins, etc."
func (r *Room) welcome(u *user, a arrival, history []Said) {
	if !u.detached {
		r.showPeople(u, a.jid)
	}
	self := presence{of: u.occupant, self: true, codes: a.codes}
	add := func(code int) { self.codes[slices.Index(self.codes[:], 0)] = code }
	if r.opt.Nonanonymous {
		add(codeNonanonymous) // §7.2.3
	}
	if r.opt.Logged {
		add(codeLogged) // §7.2.12
	}
	if u.nick != a.nick() {
		add(codeNickAssigned) // §7.2.2
	}
	r.send(func(b []byte) []byte {
		b = r.appendPresence(b, escaped(a.jid), self)
		if r.info.Avatar != "" {
			b = r.appendRoomAvatar(b, escaped(a.jid))
		}
		if len(history) > 0 {
			return b
		}
		return r.appendSubject(b, a.jid)
	})
	if len(history) > 0 {
		r.showHistory(a, history)
		r.send(func(b []byte) []byte { return r.appendSubject(b, a.jid) })
	}
	if u.detached {
		r.notice(a.jid, "You are not connected at the moment. You will see who is here once you are.")
	}
}

// showPeople sends a client the presences of everybody else, a chunk at a time.
func (r *Room) showPeople(u *user, to jid.JID) {
	todo := make([]*occupant, 0, len(r.people))
	for _, o := range r.people {
		if o != u.occupant {
			todo = append(todo, o)
		}
	}
	address := escaped(to)
	for len(todo) > 0 {
		r.send(func(b []byte) []byte {
			for start := len(b); len(todo) > 0 && len(b)-start < chunk; todo = todo[1:] {
				b = r.appendPresence(b, address, presence{of: todo[0]})
			}
			return b
		})
	}
}
