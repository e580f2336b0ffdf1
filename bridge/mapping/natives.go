package mapping

import (
	"strconv"
	"strings"
	"time"

	"isthmus/bridge"
)

const (
	// splitPatience is for how long people who were cut off from their network
	// keep their places in the other rooms.
	splitPatience = 5 * time.Minute
	// downPatience is the same for all of a room that we can't see any more.
	downPatience = 10 * time.Minute
	// noticeDelay is how long is waited for more of the same before the other
	// rooms are told of it, downNotice until they are that a room is away.
	noticeDelay = 2 * time.Second
	downNotice  = 30 * time.Second
	// crowd is how many come at once for the other rooms to be told so.
	crowd = 20
)

// absence is what the other rooms are to be told in one line.
type absence struct {
	cut    int // people who were cut off
	came   int // people who came
	reason string
	tell   time.Time // when
	down   time.Time // since when the room is away
}

// members takes in who is in a room: at first, or anew after something was lost.
func (s *state) members(k *leg, list bridge.Members) {
	if k.keeper.state == joining {
		k.absence.down = time.Time{} // the Keeper is about to be in
	}
	here := make(map[bridge.Person]bool, len(list.Members))
	for _, m := range list.Members {
		here[m.Person] = true
		if m.Person == bridge.Keeper {
			k.keeper.name, k.keeper.role = m.Name, m.Role
		} else {
			s.arriveQuietly(k, m.Person, native{name: m.Name, role: m.Role, show: m.Show, status: m.Status, avatar: m.Avatar})
		}
	}
	for _, p := range sorted(k.natives) {
		if !here[p] && k.natives[p].gone.IsZero() {
			s.gone(k, p, "")
		}
	}
}

// arrive is that somebody has come into a room by themselves.
func (s *state) arrive(k *leg, p bridge.Person, n native) {
	if k.natives[p] == nil && k.keeper.state == joined {
		if k.absence.came++; k.absence.tell.IsZero() {
			k.absence.tell = s.now.Add(noticeDelay)
		}
		s.wakeBy(k.absence.tell)
	}
	for _, o := range s.legs { // who comes anew may come in again where they were thrown out
		if g := o.guests[p]; g != nil && o != k && g.state == out {
			o.be(g, absent)
		}
	}
	s.arriveQuietly(k, p, n)
}

func (s *state) arriveQuietly(k *leg, p bridge.Person, n native) {
	known := k.natives[p]
	if known != nil {
		k.rename(known.name, n.name)
	} else {
		k.rename("", n.name)
	}
	k.natives[p] = &n
	if g := k.guests[p]; g != nil && g.state == relayed {
		s.want(k, p) // they are here by themselves now
	}
	s.wantEverywhere(k, p)
}

// depart is that somebody has left a room.
func (s *state) depart(k *leg, e bridge.Event, l bridge.Leave) {
	n := k.natives[e.By]
	if l.Cause == bridge.CauseBan {
		name := e.Name
		if n != nil {
			name = n.name
		}
		s.removed(k, e.By, name, l)
	}
	switch {
	case n == nil:
	case l.Cause == bridge.CauseSplit:
		n.gone = s.now.Add(splitPatience)
		k.absence.cut++
		k.absence.reason = l.Reason
		if k.absence.tell.IsZero() {
			k.absence.tell = s.now.Add(noticeDelay)
		}
		s.wakeBy(k.absence.tell)
	default:
		reason := l.Reason
		if l.Cause != bridge.CausePart && l.Cause != bridge.CauseQuit {
			reason = removal(l, n.name+" was")
		}
		if k.byBridge(l.Actor) {
			reason = l.Reason // for others, who named themselves in it
		} else if l.Cause == bridge.CauseKick {
			s.audit(k, "kick", e.By, n.name, l.Actor, l.Reason, k, "done")
		}
		s.gone(k, e.By, reason)
	}
}

// gone takes somebody out of the list of a room, and so out of the others.
func (s *state) gone(k *leg, p bridge.Person, reason string) {
	n := k.natives[p]
	if n == nil {
		return
	}
	delete(k.natives, p)
	k.rename(n.name, "")
	for _, o := range s.legs {
		if g := o.guests[p]; g != nil && o != k {
			g.reason = reason
		}
	}
	s.wantEverywhere(k, p)
	s.want(k, p) // they may be in another room of this network
	s.reclaim(k, n.name)
}

// rename is that somebody in a room has another name, or is another Person.
func (s *state) rename(k *leg, e bridge.Event, r bridge.Rename) {
	n, to := k.natives[e.By], r.Person
	if to == (bridge.Person{}) {
		to = e.By
	}
	if n == nil {
		return
	}
	old := n.name
	k.rename(old, r.To)
	n.name = r.To
	if to != e.By {
		if other := k.natives[to]; other != nil { // whose leaving we missed
			k.rename(other.name, "")
		}
		if g := k.as[to]; g != nil { // who had that name in another room until now
			s.forget(k, k.personOf(g), g)
		}
		delete(k.natives, e.By)
		k.natives[to] = n
		s.follow(k, e.By, to)
		s.want(k, e.By) // somebody of that name may be in another room of this network
	}
	for _, o := range s.legs {
		if g := o.guests[to]; g != nil && o != k {
			g.tries = 0
		}
	}
	s.wantEverywhere(k, to)
	s.reclaim(k, old)
}

// follow carries over to another Person what is known of somebody.
func (s *state) follow(k *leg, from, to bridge.Person) {
	if b, banned := s.bans[from]; banned { // another nick is no way around it
		b.Person = to
		s.setBan(b)
	}
	if t := s.told[from]; t != nil {
		delete(s.told, from)
		s.told[to] = t
	}
	for _, o := range s.legs {
		g := o.guests[from]
		if g == nil || o == k {
			continue
		}
		if _, elsewhere := s.origin(o, from); elsewhere != nil {
			continue // they are in two rooms
		}
		if other := o.guests[to]; other != nil {
			s.dismiss(o, to, other, true)
		}
		delete(o.guests, from)
		o.guests[to] = g
		for _, l := range o.queue {
			if l.who == from {
				l.who = to
			}
		}
	}
}

// cutOff notes that a room can't be seen any more.
func (s *state) cutOff(k *leg) {
	if k.absence.down.IsZero() {
		k.absence.down = s.now
	}
	s.wakeBy(s.now.Add(downNotice))
}

// absent tells the other rooms in one line of many who came or went, and lets
// those go who did not come back.
func (s *state) absent(k *leg) {
	a := &k.absence
	if !a.tell.IsZero() && !s.now.Before(a.tell) {
		switch {
		case a.cut > 0:
			text := count(a.cut, "person was", "people were") + " cut off from " + place(k)
			if a.reason != "" {
				text += ": " + a.reason
			}
			s.notice(k, text+".")
		case a.came >= crowd:
			s.notice(k, count(a.came, "person has", "people have")+" come into "+place(k)+".")
		}
		*a = absence{down: a.down}
	} else if !a.tell.IsZero() {
		s.wakeBy(a.tell)
	}
	if !a.down.IsZero() {
		s.away(k)
	}
	for p, n := range k.natives {
		switch {
		case n.gone.IsZero():
		case s.now.Before(n.gone):
			s.wakeBy(n.gone)
		default:
			s.gone(k, p, "did not come back")
		}
	}
}

// away tells the other rooms that one can't be seen, and after a while lets
// its people go: soon, where we may not be there.
func (s *state) away(k *leg) {
	switch since := s.now.Sub(k.absence.down); {
	case since < downNotice:
		s.wakeBy(k.absence.down.Add(downNotice))
		return
	case !k.keeper.noticed && len(k.natives) > 0:
		k.keeper.noticed = true
		s.notice(k, strings.TrimSpace("There is no connection to "+place(k)+" at the moment. "+k.keeper.lastWhy))
	}
	if until := k.absence.down.Add(downPatience); k.keeper.state != refused && s.now.Before(until) {
		s.wakeBy(until)
		return
	}
	for _, p := range sorted(k.natives) {
		s.gone(k, p, "not connected any more")
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
