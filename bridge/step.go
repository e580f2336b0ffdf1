package bridge

import (
	"maps"
	"slices"
	"strings"
	"time"

	"isthmus/bridge/smallmap"
)

// maxPending bounds the requests of one portal that the authority has not
// answered yet. More are refused with ErrTooMany.
const maxPending = 1024

// state is all that a portal knows. It is changed by step, refuse and resync
// alone, which do nothing but compute: what is to be done they leave in out.
type state struct {
	legs    []*leg
	members smallmap.Map[Person, *member]
	pending map[string]*Event // requests on their way to the authority, by ID
	waiting []Event           // joins that came before the authority's first Members
	topic   *Event            // the last Topic; nil while there is none
	info    *Event            // the last RoomInfo; nil while there is none
	secret  bool
	last    *leg      // in a private conversation: the leg its owner spoke through last
	spoke   time.Time // and when
	newID   func() string

	out *effects // lent while there is work
}

// leg is one room of the conversation.
type leg struct {
	room      Room
	authority bool

	synced    bool // of the authority: its member list is known
	occupants int  // of another leg: people who entered through it; it is shown things while there are any
}

// member is somebody in the room.
type member struct {
	name     string
	status   string
	avatar   string
	home     *leg // the leg they entered through; the authority for its natives
	role     Role
	show     Show
	entered  bool // false for one of ours whom the authority lists but who has not been let in yet
	attached bool // their session is up
	relayed  bool // they have no session: what they say goes by another's
}

// effects is what a step wants done, in order.
type effects struct {
	deliver []Event
	record  []Record
}

// Record ties one of our message ids to the id that a network gave the message.
type Record struct {
	ID     string // Event.ID of the message
	Room   Room
	Native string
}

func newState(legs []leg) *state {
	s := &state{newID: NewID}
	for _, l := range legs {
		s.addLeg(l)
	}
	return s
}

func (s *state) addLeg(l leg) *leg {
	s.legs = append(s.legs, &l)
	return &l
}

// member is who is known by that name, nil for nobody.
func (s *state) member(p Person) *member {
	m, _ := s.members.Get(p)
	return m
}

// idle reports whether nobody would miss the portal.
func (s *state) idle() bool {
	for _, l := range s.legs {
		if l.occupants > 0 {
			return false
		}
	}
	return len(s.pending) == 0 && len(s.waiting) == 0
}

// rest lets go of what only work needs.
func (s *state) rest() {
	s.out = nil
	if len(s.pending) == 0 {
		s.pending = nil
	}
}

func (s *state) leg(room Room) *leg {
	for _, l := range s.legs {
		if l.room == room {
			return l
		}
	}
	panic("bridge: event of " + room.String() + " in a portal that has no such leg")
}

func (s *state) authority() *leg {
	for _, l := range s.legs {
		if l.authority {
			return l
		}
	}
	panic("bridge: portal without authority") // Link.Check saw to it
}

// step takes in one event.
func (s *state) step(e Event) {
	if from := s.leg(e.Room); from.authority {
		s.fact(from, e)
	} else {
		s.request(from, e)
	}
}

// request handles what somebody wishes: it goes to the authority, or back as a Failure.
func (s *state) request(from *leg, e Event) {
	switch b := e.Body.(type) {
	case Join:
		m := s.member(e.By)
		if m != nil && m.entered && m.home != from {
			s.answer(from, e, Failure{ErrConflict, "You are in this room already, by another of its addresses, as " + m.name + "."})
			return
		}
		if m != nil && !m.entered && !s.wishesIn(e.By) {
			s.members.Delete(e.By) // power of an earlier stay, told too late
		}
		if b.Relayed && from.mapped() {
			s.enterRelayed(from, e)
			return
		}
		s.ask(e)
	case Leave:
		s.requestLeave(from, e, b)
	case Message, Rename, RoleChange, Expel, Pardon, Topic, Invite:
		if _, speaks := e.Body.(Message); speaks && from.room.Private() {
			s.last, s.spoke = from, e.At
		}
		if r, renames := e.Body.(Rename); renames && s.relayed(e.By, from) {
			s.renamed(e, r)
			s.answer(from, e, Confirm{})
		} else if s.mayAct(from, e) {
			s.ask(e)
		}
	case Presence:
		if m := s.member(e.By); m != nil && m.home == from {
			s.fact(from, e)
			s.forwardOf(m, e)
		} else if from.room.Private() {
			s.forward(e)
		}
	case Profile:
		if m := s.member(e.By); m != nil && m.home == from {
			s.fact(from, e)
			s.forwardOf(m, e)
		}
	case Typing, Read:
		if m := s.member(e.By); m != nil && m.entered && m.attached && m.home == from {
			s.show(e, from)
			s.forwardOf(m, e)
		} else if from.room.Private() {
			s.forward(e)
		}
	case Watch, Query:
		s.ask(e)
	case Info:
		if from.mapped() {
			s.inform(from, e)
		}
	case Confirm, Failure, Answer:
		// To what was no request: the side could not tell.
	default:
		panic("bridge: a " + e.Body.kind() + " can't be asked for")
	}
}

// wishesIn reports whether a Join of somebody is under way.
func (s *state) wishesIn(who Person) bool {
	for _, e := range s.pending {
		if _, join := e.Body.(Join); join && e.By == who {
			return true
		}
	}
	return false
}

// mayAct checks that who asks is in the room and can be heard there.
func (s *state) mayAct(from *leg, e Event) bool {
	if from.room.Private() {
		return true
	}
	speaker := e.By
	if e.Via != (Person{}) && from.mapped() {
		speaker = e.Via
	}
	switch m := s.member(speaker); {
	case m == nil || !m.entered || m.home != from:
		s.answer(from, e, Failure{ErrNotInRoom, "You are not in this room."})
	case !m.attached:
		s.answer(from, e, Failure{ErrOffline, "You are not connected to " + s.authority().room.Network + " at the moment. This was not sent."})
	default:
		return true
	}
	return false
}

// requestLeave lets somebody out at once: nobody can be held. Of who was
// neither in nor wished to be, only that they decline is news.
func (s *state) requestLeave(from *leg, e Event, l Leave) {
	wanted := l.Cause == CauseDecline
	maps.DeleteFunc(s.pending, func(_ string, p *Event) bool {
		_, join := p.Body.(Join)
		mine := join && p.By == e.By && p.Room == from.room
		wanted = wanted || mine
		return mine
	})
	before := len(s.waiting)
	s.waiting = slices.DeleteFunc(s.waiting, func(j Event) bool { return j.By == e.By })
	wanted = wanted || len(s.waiting) < before
	if m := s.member(e.By); m != nil && m.entered && m.home == from {
		s.remove(e.By)
		s.show(e, from)
		wanted = !m.relayed
	}
	if wanted {
		s.forward(e)
	}
	s.forgetIfEmpty()
}

// forgetIfEmpty drops what was known of the room when the last of ours has
// gone: nobody observes it any more, so it would grow old.
func (s *state) forgetIfEmpty() {
	if !s.idle() {
		return
	}
	s.members.Clear()
	s.topic, s.info, s.secret = nil, nil, false
	s.authority().synced = false
}

// ask sends a request to the authority and remembers it until it is answered.
func (s *state) ask(e Event) {
	if len(s.pending) >= maxPending {
		s.answer(s.leg(e.Room), e, Failure{ErrTooMany, "Too much is waiting to be sent there. Try again in a moment."})
		return
	}
	if s.pending == nil {
		s.pending = map[string]*Event{}
	}
	s.pending[e.ID] = &e
	s.forward(e)
}

func (s *state) forward(e Event) {
	e.Room = s.authority().room
	s.out.deliver = append(s.out.deliver, e)
}

// forwardOf is forward of what m does, which only their own session can tell.
func (s *state) forwardOf(m *member, e Event) {
	if !m.relayed {
		s.forward(e)
	}
}

// answer tells the leg to, from which req came, how that went.
func (s *state) answer(to *leg, req Event, how Body) {
	s.out.deliver = append(s.out.deliver, Event{
		ID: req.ID, Room: to.room, By: req.By, Name: req.Name, Ref: req.ID, At: req.At, Body: how,
	})
}

// show delivers a fact to every leg that has somebody to see it, except the
// authority and the leg not.
func (s *state) show(e Event, not *leg) {
	for _, l := range s.legs {
		if _, pardon := e.Body.(Pardon); l.authority || l == not || pardon && !l.mapped() {
			continue
		}
		if l.room.Private() {
			_, seen := e.Body.(Presence) // by each address that is watched
			if s.last != nil && s.last != l && !seen {
				continue
			}
		} else if l.occupants == 0 {
			continue
		}
		e.Room = l.room
		s.out.deliver = append(s.out.deliver, e)
	}
}

// fact handles what has happened: it changes the state and is shown.
func (s *state) fact(from *leg, e Event) {
	switch b := e.Body.(type) {
	case Message:
		s.record(e.ID, from, b.Native)
		s.show(e, nil)
	case Members:
		s.sync(from, e, b)
	case Join:
		s.joined(from, e, b)
	case Leave:
		s.turnAway(e, b)
		if m := s.member(e.By); m != nil {
			if m.entered {
				s.show(e, nil) // before they go, so that their own leg hears it too
			}
			s.remove(e.By)
		} else if b.Cause == CauseBan { // they had gone before
			s.tellMapped(e)
		}
		s.forgetIfEmpty()
	case Rename:
		s.renamed(e, b)
	case Presence:
		if m := s.member(e.By); m != nil && m.entered {
			m.show, m.status = b.Show, b.Status
			s.show(e, s.homeIfOwn(m))
		} else if from.room.Private() {
			s.show(e, nil)
		}
	case Profile:
		if m := s.member(e.By); m != nil && m.entered {
			m.avatar = b.Avatar
			s.show(e, s.homeIfOwn(m))
		} else if from.room.Private() {
			s.show(e, nil)
		}
	case Typing, Read:
		if m := s.member(e.By); m != nil && m.entered || from.room.Private() {
			s.show(e, nil)
		}
	case RoomInfo:
		info := e
		s.info = &info
		s.show(e, nil)
	case Moved:
		s.moved(e)
	case RoleChange:
		s.roleChanged(e, b)
	case Topic:
		known := s.topic != nil && s.topic.Body == e.Body // an observer tells it when it takes over
		topic := e                                        // the copy alone goes to the heap
		s.topic = &topic
		if !known {
			s.show(e, nil)
		}
	case Attachment:
		if m := s.member(e.By); m != nil && m.entered {
			m.attached = b.Attached
			s.show(e, nil)
			if b.Attached && e.By == Keeper {
				s.snapshot(m.home)
			}
		}
	case Invite:
		if callsKeeper(e) {
			s.tellMapped(e)
		} else {
			s.show(e, nil)
		}
	case Info, Session, Pardon:
		s.show(e, nil)
	case Confirm:
		s.confirmed(from, e, b)
	case Answer, Failure:
		if req, ok := s.pending[e.Ref]; ok {
			delete(s.pending, e.Ref)
			s.answer(s.leg(req.Room), *req, e.Body)
		}
	default:
		panic("bridge: a " + e.Body.kind() + " can't be a fact")
	}
}

// moved empties the room: it is no more.
func (s *state) moved(e Event) {
	s.show(e, nil)
	for _, l := range s.legs {
		l.occupants = 0
	}
	s.members.Clear()
	s.forgetIfEmpty()
}

// turnAway answers the joins of somebody who is out again before they could be
// shown the room.
func (s *state) turnAway(e Event, l Leave) {
	s.waiting = slices.DeleteFunc(s.waiting, func(j Event) bool {
		if j.By != e.By {
			return false
		}
		if req, ok := s.pending[j.Ref]; ok {
			delete(s.pending, j.Ref)
			s.answer(s.leg(req.Room), *req, Failure{ErrPolicy, strings.TrimSpace("You were thrown out of the room. " + l.Reason)})
		}
		return true
	})
}

// homeIfOwn is the leg that told us of m itself and needs no echo.
func (s *state) homeIfOwn(m *member) *leg {
	if m.home.authority {
		return nil
	}
	return m.home
}

// confirmed shows what the authority has taken.
func (s *state) confirmed(from *leg, e Event, c Confirm) {
	req, ok := s.pending[e.Ref]
	if !ok {
		return
	}
	delete(s.pending, e.Ref)
	said, isMessage := req.Body.(Message)
	if !isMessage || from.room.Private() {
		s.answer(s.leg(req.Room), *req, c)
		if isMessage {
			s.record(req.ID, from, c.Native)
		}
		return
	}
	s.record(req.ID, from, c.Native)
	fact := Event{ID: req.ID, By: req.By, Name: req.Name, Ref: req.ID, At: e.At, Body: said}
	if m := s.member(req.By); m != nil {
		fact.Name = m.name
	}
	s.show(fact, nil)
}

func (s *state) record(id string, l *leg, native string) {
	if native != "" {
		s.out.record = append(s.out.record, Record{ID: id, Room: l.room, Native: native})
	}
}

func (s *state) remove(p Person) {
	if m := s.member(p); m != nil {
		if m.entered && !m.home.authority {
			m.home.occupants--
		}
		s.members.Delete(p)
	}
}

// joined takes in a native, or lets in one of ours.
func (s *state) joined(from *leg, e Event, j Join) {
	if e.By.Network == from.room.Network {
		if m := s.member(e.By); m != nil {
			if m.relayed {
				s.comesNatively(m, from, e, j.Role)
			}
			return
		}
		s.members.Set(e.By, &member{name: e.Name, home: from, role: j.Role, entered: true, attached: true})
		s.show(e, nil)
		return
	}
	req, asked := s.pending[e.Ref]
	switch {
	case !asked: // they left meanwhile, or nobody wished it
		return
	case !from.synced:
		s.waiting = append(s.waiting, e)
		return
	}
	delete(s.pending, e.Ref)
	s.enter(s.leg(req.Room), e, j)
}

// enter lets one of ours in through home. The first one there is shown the
// room; so is the Keeper, who may have been away for long while others stayed.
func (s *state) enter(home *leg, e Event, j Join) {
	m := s.member(e.By)
	if m == nil {
		m = &member{role: j.Role}
		s.members.Set(e.By, m)
	}
	if !m.entered {
		if home.occupants == 0 || e.By == Keeper {
			s.snapshot(home)
		}
		home.occupants++
	}
	known := m.entered && m.relayed // others see them already, perhaps under another name
	if known && m.name != e.Name {
		s.calls(m, e)
	}
	m.name, m.home, m.entered, m.attached, m.relayed = e.Name, home, true, true, j.Relayed
	j.Role = m.role
	e.Body = j
	if known {
		e.Room = home.room
		s.out.deliver = append(s.out.deliver, e)
		return
	}
	s.show(e, nil)
}

// snapshot shows a leg who is in the room, and what the topic is.
func (s *state) snapshot(l *leg) {
	s.list(l)
	for _, last := range []*Event{s.info, s.topic} {
		if last != nil {
			e := *last
			e.Room = l.room
			s.out.deliver = append(s.out.deliver, e)
		}
	}
}

// list shows a leg who is in the room.
func (s *state) list(l *leg) {
	list := make([]Member, 0, s.members.Len())
	for p, m := range s.members.All() {
		if m.entered && (!l.mapped() || m.home != l || p == Keeper) { // a mapping knows whom it brought
			list = append(list, Member{p, m.name, m.role, m.show, m.status, m.avatar})
		}
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	s.out.deliver = append(s.out.deliver, Event{ID: s.newID(), Room: l.room, Body: Members{list, s.secret}})
}

func (s *state) renamed(e Event, r Rename) {
	m := s.member(e.By)
	if m == nil {
		return
	}
	s.members.Delete(e.By)
	m.name = r.To
	s.members.Set(r.Person, m)
	if m.entered {
		s.show(e, nil)
	}
}

func (s *state) roleChanged(e Event, r RoleChange) {
	m := s.member(e.By)
	if m == nil {
		if e.By.Network == e.Room.Network {
			return
		}
		// One of ours whose join is still on its way through their own session.
		m = &member{}
		s.members.Set(e.By, m)
	}
	m.role = r.Role
	if m.entered {
		e.Body = r
		s.show(e, nil)
	}
}

// refuse answers a request that could not even be handed to the authority.
func (s *state) refuse(req Event) {
	s.step(Event{Room: s.authority().room, Ref: req.ID, At: req.At,
		Body: Failure{ErrTooMany, "Too much is waiting to be sent there. Try again in a moment."}})
}

// resync shows a leg the whole room again after it lost count deliveries.
func (s *state) resync(room Room, count int) {
	l := s.leg(room)
	s.out.deliver = append(s.out.deliver, Event{ID: s.newID(), Room: room, Body: Lost{count}})
	if l.occupants > 0 {
		s.snapshot(l)
	}
}
