package mapping

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"isthmus/bridge"
)

// guestState is how somebody of another room is in a room.
type guestState uint8

const (
	absent   guestState = iota // wanted, not asked for yet
	relayed                    // the others see them; the Keeper speaks for them
	entering                   // a session of their own is asked for
	present                    // a session of their own is in
	detached                   // in, but their session is down
	out                        // thrown out: not before they come anew
)

var guestStates = [...]string{"absent", "relayed", "entering", "puppet", "puppet, offline", "out"}

// puppetPause is for how long nobody asks for a session that was refused, or
// killed. It doubles each time, up to puppetPauseMost.
const (
	puppetPause     = 10 * time.Minute
	puppetPauseMost = 24 * time.Hour
)

// joinsBound is how many answers to Joins are waited for, at least.
const joinsBound = 4096

// nameTries is under how many names somebody asks to come in.
const nameTries = 3

// guest is somebody of another room of the link in this one.
type guest struct {
	as     bridge.Person // whom the room knows; another than they are now while a Rename is under way
	state  guestState
	why    string        // they are relayed, or out
	name   string        // in the room
	wish   string        // the name asked for
	told   string        // the name that they know of, and whether
	other  bool          // that is another than they would think
	asked  string        // the Join or Rename that is not answered
	to     bridge.Person // whom that Rename makes them; zero if it is a Join
	in     bool          // they have been let in
	idled  bool          // they had a session, and were silent for long
	tries  int           // names that were taken, of those that come of the one they have
	spoke  time.Time
	pause  time.Time // no session is asked for before
	fails  int       // sessions refused or killed in a row
	show   bridge.Show
	status string
	avatar string // these three as the room was told last
	reason string // why they are to leave
	role   bridge.Role
}

// apart reports whether a guest has, or is getting, a session of their own.
func (g *guest) apart() bool { return g.state >= entering && g.state <= detached }

// cost is that of what others see of a guest.
func (g *guest) cost() int {
	if g.apart() {
		return costSession
	}
	return costRelayed
}

// becoming reports whether the room knows a guest as one Person or another,
// nobody knows which: it has to be answered first.
func (g *guest) becoming() bool {
	return g.asked != "" && g.to != (bridge.Person{}) && g.to != g.as
}

// origin is somebody as they are in the first of the other rooms that they are
// heard from, nil for who is in none.
func (s *state) origin(k *leg, p bridge.Person) (*leg, *native) {
	for _, o := range s.legs {
		if o != k && !o.set.Mute {
			if n := o.natives[p]; n != nil {
				return o, n
			}
		}
	}
	return nil, nil
}

// want notes that somebody may not be in a room as they should be.
func (s *state) want(k *leg, p bridge.Person) {
	if k.natives == nil {
		return
	}
	if k.wanted == nil {
		k.wanted = map[bridge.Person]bool{}
	}
	if !k.wanted[p] {
		k.wanted[p] = true
		k.dirty = append(k.dirty, p)
	}
}

// wantEverywhere is want in all rooms but one.
func (s *state) wantEverywhere(but *leg, p bridge.Person) {
	for _, k := range s.legs {
		if k != but {
			s.want(k, p)
		}
	}
}

// bringAll wants everybody whom the other rooms have in a room.
func (s *state) bringAll(k *leg) {
	for _, o := range s.legs {
		if o != k {
			for _, p := range sorted(o.natives) {
				s.want(k, p)
			}
		}
	}
}

// settle works off who is to be changed in a room, as the budget allows.
func (s *state) settle(k *leg) {
	if k.keeper.state != joined && k.keeper.state != refused {
		return
	}
	for len(k.dirty) > 0 {
		p := k.dirty[0]
		if !s.settleOne(k, p, false) {
			s.wakeBy(k.budget.next())
			return
		}
		k.dirty = k.dirty[1:]
		delete(k.wanted, p)
	}
	k.dirty = nil
}

// settleOne brings one guest to where they should be, and reports false if the
// budget does not allow it now. Who speaks does not wait for it.
func (s *state) settleOne(k *leg, p bridge.Person, speaks bool) bool {
	g := k.guests[p]
	_, n := s.origin(k, p)
	_, banned := s.bans[p]
	if n == nil || banned || k.set.Deaf || k.natives[p] != nil || k.keeper.state == refused {
		return g == nil || g.becoming() || s.dismiss(k, p, g, speaks)
	}
	if g == nil && k.as[p] != nil {
		return true // the room takes somebody else for them, until they are renamed there
	}
	if g == nil {
		g = &guest{as: p}
		k.guests[p], k.as[p] = g, g
	}
	if g.asked != "" || g.state == out {
		return true
	}
	switch own := s.ownSession(k, p, g, n.name, speaks); {
	case own && !g.apart():
		return s.enter(k, n, g, speaks)
	case !own && (g.state == absent || g.apart()):
		if !speaks && !k.budget.take(s.now, g.cost()) {
			return false
		}
		g.wish = s.nameFor(k, p, g, n.name)
		k.call(g, g.wish)
		k.be(g, relayed)
		g.to, g.asked = bridge.Person{}, s.askJoin(k, bridge.Event{By: g.as, Name: g.wish, Body: bridge.Join{Relayed: true}})
		return true // the rest when that is answered
	}
	if g.state == entering {
		return true
	}
	return s.refresh(k, p, g, n, speaks)
}

// ownSession decides whether somebody, called name at home, is to have a session of
// their own.
func (s *state) ownSession(k *leg, p bridge.Person, g *guest, name string, speaks bool) bool {
	switch {
	case !k.set.Puppets:
		g.why = "people of other rooms are relayed here"
	case p.Network == k.set.At.Network:
		g.why = "they are on this network by themselves"
	case s.foreign(name):
		g.why = "they look like a puppet of another bridge"
	case s.now.Before(g.pause): // g.why says it
		s.wakeBy(g.pause)
	case g.apart():
		if k.set.Idle > 0 && s.now.Sub(g.spoke) > k.set.Idle && g.state != entering && !speaks {
			g.why, g.idled = "they have been silent for long", true
			return false
		}
		return true
	case k.set.Most > 0 && k.sessions >= k.set.Most:
		g.why = "there are as many sessions as there may be"
	case (k.set.Lazy || g.idled) && !speaks:
		g.why = "they have not spoken yet, or not for long"
	default:
		return true
	}
	return false
}

// be notes how a guest is in the room.
func (k *leg) be(g *guest, now guestState) {
	if g.apart() {
		k.sessions--
	}
	if g.state = now; g.apart() {
		k.sessions++
	}
}

// askJoin requests that somebody be let in. The answer is known as ours also
// when they are not wanted any more by then.
func (s *state) askJoin(k *leg, e bridge.Event) string {
	if len(k.joins) >= joinsBound || k.joins == nil {
		k.joins = map[string]bool{}
	}
	id := s.ask(k, e)
	k.joins[id] = true
	return id
}

// enter asks for a session of somebody's own.
func (s *state) enter(k *leg, n *native, g *guest, speaks bool) bool {
	if !speaks && !k.budget.take(s.now, costSession) {
		return false
	}
	g.why, g.spoke, g.idled = "", s.now, false
	if k.set.Idle > 0 {
		s.wakeBy(s.now.Add(k.set.Idle + time.Second))
	}
	g.show, g.status, g.avatar = bridge.ShowOnline, "", ""
	g.wish = s.nameFor(k, g.as, g, n.name)
	k.be(g, entering)
	g.to, g.asked = bridge.Person{}, s.askJoin(k, bridge.Event{By: g.as, Name: g.wish, Body: bridge.Join{Password: k.set.Password}})
	return true
}

// refresh tells a room how somebody in it is called, looks and is available.
func (s *state) refresh(k *leg, p bridge.Person, g *guest, n *native, speaks bool) bool {
	name := s.nameFor(k, p, g, n.name)
	changed := n.show != g.show || n.status != g.status || n.avatar != g.avatar
	if (changed || name != g.wish || p != g.as) && !speaks && !k.budget.take(s.now, g.cost()) {
		return false
	}
	if name != g.wish || p != g.as {
		g.wish, g.to = name, p
		g.asked = s.ask(k, bridge.Event{By: g.as, Name: g.name, Body: bridge.Rename{To: name, Person: p}})
		return true // the rest when that is answered
	}
	if g.state == present {
		s.tellName(k, p, g)
	}
	if n.show != g.show || n.status != g.status {
		g.show, g.status = n.show, n.status
		s.ask(k, bridge.Event{By: g.as, Name: g.name, Body: bridge.Presence{Show: n.show, Status: n.status}})
	}
	if n.avatar != g.avatar {
		g.avatar = n.avatar
		s.ask(k, bridge.Event{By: g.as, Name: g.name, Body: bridge.Profile{Avatar: n.avatar}})
	}
	return true
}

// dismiss takes a guest out of a room, at once or as the budget allows.
func (s *state) dismiss(k *leg, p bridge.Person, g *guest, once bool) bool {
	if g.state != out && g.state != absent {
		if !once && !k.budget.take(s.now, g.cost()) {
			return false
		}
		s.ask(k, bridge.Event{By: g.as, Name: g.name, Body: bridge.Leave{Reason: g.reason}})
	}
	s.forget(k, p, g)
	return true
}

// forget drops a guest who is in the room no more.
func (s *state) forget(k *leg, p bridge.Person, g *guest) {
	k.call(g, "")
	k.be(g, absent)
	delete(k.guests, p)
	delete(k.as, g.as)
	s.want(k, p)
	s.want(k, g.as) // who is that now may come in
}

// personOf is who a guest is now.
func (k *leg) personOf(g *guest) bridge.Person {
	if k.guests[g.as] == g {
		return g.as
	}
	for p, other := range k.guests {
		if other == g {
			return p
		}
	}
	return g.as
}

// takeGuest handles what a room tells of somebody whom the link brought there.
func (s *state) takeGuest(k *leg, g *guest, e bridge.Event) {
	p := k.personOf(g)
	switch b := e.Body.(type) {
	case bridge.Join:
		s.guestIn(k, p, g, e, b)
	case bridge.Failure:
		if e.Ref == g.asked && e.Ref != "" {
			s.guestRefused(k, p, g, b)
		} else {
			s.refused(k, e, b)
		}
	case bridge.Leave:
		s.guestOut(k, p, g, e, b)
	case bridge.Rename:
		s.guestRenamed(k, g, b)
		s.want(k, p)
	case bridge.Attachment:
		if g.apart() && b.Attached {
			k.be(g, present)
		} else if g.apart() {
			k.be(g, detached)
		}
	case bridge.Confirm:
		if e.Ref != g.asked || e.Ref == "" {
			s.confirmed(k, e)
		} else if g.as == g.to { // else the Rename itself is still to come
			g.asked = ""
			s.want(k, p)
		}
	case bridge.Message:
		if g.state == present {
			g.fails = 0 // the network bears it
		}
		s.heard(k, e, b)
	case bridge.RoleChange:
		g.role = b.Role
		s.role(k, e, b)
	case bridge.Topic:
		s.topic(k, e, b)
	case bridge.Members:
		s.members(k, b)
	case bridge.Pardon:
		s.pardoned(k, b)
	}
}

// guestIn is that a guest has come in, or is in by themselves from now on.
func (s *state) guestIn(k *leg, p bridge.Person, g *guest, e bridge.Event, j bridge.Join) {
	if e.Ref == "" || e.Ref != g.asked {
		if !j.Relayed && g.state == relayed && !k.joins[e.Ref] {
			s.forget(k, p, g)
			s.arrive(k, e.By, native{name: e.Name, role: j.Role})
		}
		return
	}
	g.asked, g.in = "", true
	if !j.Relayed {
		k.be(g, present)
	}
	k.call(g, e.Name)
	g.role = j.Role
	s.unmute(k, p, g)
	s.want(k, p)
}

// guestRefused is that a guest could not come in, or not be called so.
func (s *state) guestRefused(k *leg, p bridge.Person, g *guest, f bridge.Failure) {
	g.asked = ""
	if g.in && g.state != entering { // it was a Rename
		if f.Kind == bridge.ErrConflict {
			g.tries = min(g.tries+1, nameTries)
		}
		if g.as != p && (f.Kind != bridge.ErrConflict || g.tries >= nameTries) { // it can't go on as who they are now: anew
			g.reason = ""
			s.dismiss(k, p, g, true)
		}
		s.want(k, p)
		return
	}
	switch f.Kind {
	case bridge.ErrConflict, bridge.ErrBadName:
		if relay := g.state == relayed; relay || k.natives[p] != nil { // they are in by themselves
			s.forget(k, p, g)
			if relay && k.natives[g.as] == nil {
				s.arriveQuietly(k, g.as, native{name: g.wish})
			}
			return
		}
		if g.tries++; g.tries < nameTries {
			k.be(g, back(g))
			s.want(k, p)
			return
		}
	case bridge.ErrBanned:
		k.be(g, out)
		g.why = "banned: " + f.Text
		return
	}
	k.be(g, back(g))
	g.why, g.tries = f.Text, 0
	s.pause(g)
	s.log(slog.LevelInfo, "somebody has no session of their own in a mapped room, and is relayed", "room", k.set.At, "person", p, "why", f.Text)
	s.want(k, p)
}

// pause keeps from asking for a session for some time.
func (s *state) pause(g *guest) {
	g.pause = s.now.Add(min(puppetPause<<min(g.fails, 16), puppetPauseMost))
	g.fails++
}

// back is what a guest is who does not get the session that was asked for.
func back(g *guest) guestState {
	if g.in {
		return relayed
	}
	return absent
}

// guestOut is that a guest is out of the room, by nobody's wish here.
func (s *state) guestOut(k *leg, p bridge.Person, g *guest, e bridge.Event, l bridge.Leave) {
	name := g.name
	k.call(g, "")
	g.asked, g.in = "", false
	k.be(g, absent)
	switch {
	case thrownOut(l):
		k.be(g, out)
		g.why = removal(l, "You were")
		s.removed(k, p, name, l)
	case l.Cause == bridge.CauseKill:
		g.why, g.idled = removal(l, name+" was"), true
		s.pause(g)
	default:
		g.pause, g.why = s.now.Add(time.Minute), removal(l, name+" was")
	}
	s.want(k, p)
}

// thrownOut reports whether somebody wanted it so. A kick by nobody is that the
// room did not let them in again: its server was away, say.
func thrownOut(l bridge.Leave) bool {
	return l.Cause == bridge.CauseBan || l.Cause == bridge.CauseKick && l.Actor != ""
}

// guestRenamed is that a room calls a guest otherwise, or knows who they are now.
func (s *state) guestRenamed(k *leg, g *guest, r bridge.Rename) {
	if r.Person != g.as && g.asked != "" && g.to == (bridge.Person{}) {
		return // that was before they left, to come in again
	}
	k.call(g, r.To)
	if r.Person != (bridge.Person{}) && r.Person != g.as {
		if other := k.as[r.Person]; other != nil { // who can't be there any more, then
			p := k.personOf(other)
			s.forget(k, p, other)
			s.want(k, p)
		}
		delete(k.as, g.as)
		s.want(k, g.as)
		g.as = r.Person
		k.as[g.as] = g
	}
	if g.asked != "" && g.to == g.as {
		g.asked = ""
	}
}

// idle lets puppets go whose people have been silent for long, and lets those
// have one again who had to wait for it.
func (s *state) idle(k *leg) {
	for p, g := range k.guests {
		if !g.pause.IsZero() {
			if s.now.Before(g.pause) {
				s.wakeBy(g.pause)
			} else {
				g.pause = time.Time{}
				s.want(k, p)
			}
		}
		if !g.apart() || k.set.Idle <= 0 {
			continue
		}
		if until := g.spoke.Add(k.set.Idle); s.now.After(until) {
			s.want(k, p)
		} else {
			s.wakeBy(until.Add(time.Second))
		}
	}
}

// lost is that what a room told was too much at once. Everybody whom the link
// brought there asks to be let in again, which changes nothing for who is in.
func (s *state) lost(k *leg, b bridge.Lost) {
	s.log(slog.LevelWarn, "too much at once: events of a room were lost", "room", k.set.At, "count", b.Count)
	s.unanswered(k)
	for p, g := range k.guests {
		if g.state != out {
			k.be(g, absent)
			g.asked = ""
			s.want(k, p)
		}
	}
}

// sorted are the keys of a map in an order that is always the same.
func sorted[V any](m map[bridge.Person]V) []bridge.Person {
	return slices.SortedFunc(maps.Keys(m), cmpPersons)
}
