package mapping

import (
	"slices"
	"time"

	"isthmus/bridge"
)

const (
	// window is how many messages of a room are on their way at once. What is
	// beyond waits here, where order and patience are ours.
	window = 256
	// queueBound is how many messages wait for a room. Who speaks when it is
	// full is told that this was not sent there.
	queueBound = 2000
	// linePatience is how long a message waits for a room that is away.
	linePatience = 10 * time.Minute
	// againFirst is the wait before what did not go is tried again; it doubles.
	againFirst = time.Second
	againTries = 6
)

// line is a message on its way into one room.
type line struct {
	id    string
	seq   uint64 // its place among those of the room
	from  *leg
	who   bridge.Person
	name  string    // in the room it comes from
	at    time.Time // when it was said, which may be long ago
	since time.Time // since when it waits
	said  bridge.Message
	tries int
	again time.Time // not before; zero for at once
}

// heard handles a message in a room: its own, or the copy of one from another
// room that has been taken there.
func (s *state) heard(k *leg, e bridge.Event, m bridge.Message) {
	if l := k.inflight[e.ID]; l != nil {
		delete(k.inflight, e.ID)
		k.delivered++
		return
	}
	if s.seen.has(e.ID) || e.By == (bridge.Person{}) || k.set.Mute {
		return // ours, the network's own word, or of who is not to be heard
	}
	if b, banned := s.bans[e.By]; banned {
		s.counters.Banned.Add(1)
		s.tell(k, e.By, e.ID, "You are banned from the other rooms that are connected to this one ("+b.where()+"). This was not sent there.")
		return
	}
	if s.echoes.repeats(s, k, e, m) {
		s.counters.Repeated.Add(1)
		return
	}
	s.seen.add(e.ID)
	s.counters.Crossed.Add(1)
	s.seq++
	name := e.Name
	if n := k.natives[e.By]; n != nil {
		name = n.name
	}
	m.Native = ""
	for _, o := range s.legs {
		if o == k || o.set.Deaf {
			continue
		}
		l := &line{id: e.ID, seq: s.seq, from: k, who: e.By, name: name, at: e.At, since: s.now, said: m}
		if len(o.queue) >= queueBound {
			s.failed(o, l, "Too much is waiting to be sent there.")
			continue
		}
		o.queue = append(o.queue, l)
	}
}

// pump sends what waits for a room, as far as it can go. Each person's messages
// keep their order; who waits for a session does not hold up the others.
func (s *state) pump(k *leg) {
	if len(k.queue) == 0 {
		return
	}
	if k.keeper.state != joined {
		s.hold(k)
		return
	}
	var held map[bridge.Person]bool
	kept := k.queue[:0]
	for i, l := range k.queue {
		if len(k.inflight) >= window {
			kept = append(kept, k.queue[i:]...)
			break
		}
		if held[l.who] || !s.send(k, l) {
			if held == nil {
				held = map[bridge.Person]bool{}
			}
			held[l.who] = true
			kept = append(kept, l)
			s.wakeBy(l.since.Add(linePatience))
		}
	}
	clear(k.queue[len(kept):])
	if k.queue = kept; len(kept) == 0 && cap(kept) > 64 {
		k.queue = nil
	}
}

// hold is pump for a room that is away. Of one that somebody has to do
// something for first, everybody is told once, and nothing waits.
func (s *state) hold(k *leg) {
	if k.keeper.state != refused {
		s.wakeBy(k.queue[0].since.Add(linePatience))
		return
	}
	if !k.keeper.noticed {
		k.keeper.noticed = true
		s.notice(k, "What is said here does not reach "+place(k)+": "+k.keeper.why)
	}
	k.failed += int64(len(k.queue))
	s.counters.Failed.Add(int64(len(k.queue)))
	k.queue = nil
}

// send says a line, and reports false if it can't be said yet.
func (s *state) send(k *leg, l *line) bool {
	if s.now.Before(l.again) {
		s.wakeBy(l.again)
		return false
	}
	if b, banned := s.bans[l.who]; banned { // since they said it
		s.failed(k, l, "You are banned ("+b.where()+").")
		return true
	}
	e := bridge.Event{ID: l.id, By: l.who, Name: l.name, Via: bridge.Keeper, At: l.at, Body: l.said}
	if k.natives[l.who] == nil {
		s.settleOne(k, l.who, true)
		if g := k.guests[l.who]; g != nil {
			switch g.state {
			case entering, detached, absent:
				return false
			case out:
				s.failed(k, l, g.why)
				return true
			case present:
				if g.asked != "" { // another name: in the order of things
					return false
				}
				e.Via = bridge.Person{}
			}
			e.By, e.Name = g.as, g.name
			g.spoke = s.now
		}
	}
	k.inflight[l.id] = l
	s.ask(k, e)
	return true
}

// refused is that a room did not take a request: a message, or moderation.
func (s *state) refused(k *leg, e bridge.Event, f bridge.Failure) {
	l := k.inflight[e.Ref]
	if l == nil {
		s.moderationFailed(k, e.Ref, f)
		return
	}
	delete(k.inflight, e.Ref)
	l.tries++
	if g := k.guests[l.who]; g != nil && f.Kind == bridge.ErrNotInRoom && g.state == present {
		k.be(g, absent)
		g.in = false
		s.want(k, l.who)
	}
	switch f.Kind {
	case bridge.ErrOffline, bridge.ErrTooMany, bridge.ErrTooFast, bridge.ErrNotInRoom:
		if l.tries >= againTries {
			break
		}
		l.again = s.now.Add(againFirst << (l.tries - 1))
		s.wakeBy(l.again)
		at, _ := slices.BinarySearchFunc(k.queue, l.seq, func(q *line, seq uint64) int { return int(int64(q.seq) - int64(seq)) })
		k.queue = slices.Insert(k.queue, at, l)
		return
	}
	s.failed(k, l, f.Text)
}

// expire gives up what has waited for too long.
func (s *state) expire(k *leg) {
	for len(k.queue) > 0 && s.now.Sub(k.queue[0].since) >= linePatience {
		l := k.queue[0]
		k.queue = k.queue[1:]
		s.failed(k, l, "There was no connection for too long.")
	}
	if len(k.queue) > 0 {
		s.wakeBy(k.queue[0].since.Add(linePatience))
	}
}

// failed tells whoever said something that a room did not get it.
func (s *state) failed(k *leg, l *line, why string) {
	k.failed++
	s.counters.Failed.Add(1)
	s.tell(l.from, l.who, l.id, "Not sent to "+place(k)+": "+why)
}

// unanswered is that what a room was asked for may never be answered.
func (s *state) unanswered(k *leg) {
	for _, l := range k.inflight {
		s.failed(k, l, "It is not known whether it was sent.")
	}
	clear(k.inflight)
	for _, a := range k.acts {
		s.audit(k, a.action, a.target, a.name, a.by, a.reason, a.from, "not known")
	}
	clear(k.acts)
}

// signal passes on that somebody is writing, or has read something: to the
// rooms where they have a session, and the gateway users of the others.
func (s *state) signal(k *leg, e bridge.Event) {
	if k.natives[e.By] == nil || k.set.Mute {
		return
	}
	for _, o := range s.legs {
		if g := o.guests[e.By]; g != nil && o != k && o.keeper.state == joined && (g.state == present || g.state == relayed) {
			s.ask(o, bridge.Event{By: g.as, Name: g.name, At: e.At, Body: e.Body})
		}
	}
}

// tellEvery is between two words of the bridge to the same person.
const tellEvery = 10 * time.Second

// telling is what somebody was told last, and what they weren't.
type telling struct {
	at    time.Time
	quiet int // things that they were not told since
}

// toldBound is of how many people it is remembered when they were told something.
const toldBound = 10000

// tell says something to one person in a room, not too often.
func (s *state) tell(k *leg, p bridge.Person, about, text string) {
	t := s.told[p]
	if t == nil {
		if len(s.told) >= toldBound {
			clear(s.told)
		}
		t = new(telling)
		s.told[p] = t
	}
	if s.now.Sub(t.at) < tellEvery {
		t.quiet++
		return
	}
	if t.quiet > 0 {
		text += " (Not told in between: " + count(t.quiet, "thing", "things") + ".)"
	}
	*t = telling{at: s.now}
	s.ask(k, bridge.Event{By: p, Via: bridge.Keeper, Ref: about, Body: bridge.Info{Text: text}})
}

// notice says something to the people of all rooms but one.
func (s *state) notice(but *leg, text string) {
	for _, o := range s.legs {
		if o != but && !o.set.Deaf && o.keeper.state == joined {
			s.ask(o, bridge.Event{Via: bridge.Keeper, Body: bridge.Info{Text: text}})
		}
	}
}

// recentBound is how many messages are known to have crossed.
const recentBound = 4096

// recentIDs are the messages that crossed last. The zero value is ready.
type recentIDs struct {
	ids  []string // a ring
	next int
	set  map[string]struct{}
}

func (r *recentIDs) has(id string) bool { _, ok := r.set[id]; return ok }

func (r *recentIDs) add(id string) {
	if r.set == nil {
		r.set = map[string]struct{}{}
	}
	r.set[id] = struct{}{}
	if len(r.ids) < recentBound {
		r.ids = append(r.ids, id)
		return
	}
	delete(r.set, r.ids[r.next])
	r.ids[r.next] = id
	r.next = (r.next + 1) % recentBound
}
