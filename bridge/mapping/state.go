package mapping

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
)

// state is all that a link knows. It does nothing but compute: what is to be
// done it leaves in out, and when it wants to be called again in wake.
type state struct {
	link     Link
	legs     []*leg
	bans     map[bridge.Person]Ban
	seen     recentIDs // messages that have crossed
	echoes   echoes
	told     map[bridge.Person]*telling
	seq      uint64 // of the last message
	counters *Counters

	now   time.Time
	wake  time.Time
	newID func() string
	out   effects
}

// effects are what is to be done, in order.
type effects struct {
	ask     []bridge.Event // published to the core
	audit   []AuditRecord
	bans    []banChange
	log     []logLine
	changed bool // whether a room is joined has changed
}

type banChange struct {
	ban  Ban
	lift bool
}

type logLine struct {
	level slog.Level
	text  string
	args  []any
}

func (o *effects) reset() {
	if cap(o.ask) > 256 { // a burst's memory is not kept
		*o = effects{}
		return
	}
	clear(o.ask)
	*o = effects{ask: o.ask[:0]}
}

// leg is one room of the link.
type leg struct {
	set Room
	own bridge.Room // the mapping's in the room's portal

	keeper     keeper
	names      map[string]int            // how many have a name, folded
	natives    map[bridge.Person]*native // who is in the room but not through this link
	guests     map[bridge.Person]*guest  // people of the other rooms
	as         map[bridge.Person]*guest  // guests by the Person that the room knows
	topic      string
	topicKnown bool
	powerless  bool                   // the bridge may not change what people may do, it has found
	acts       map[string]act         // moderation that is not answered, by id
	muted      map[bridge.Person]bool // guests who may not speak by the bridge's doing

	queue    []*line                // what is to be said, oldest first
	inflight map[string]*line       // said, not confirmed, by id
	budget   bucket                 // of comings and goings
	sessions int                    // guests with sessions of their own
	joins    map[string]bool        // Joins that we asked for
	dirty    []bridge.Person        // guests who are not yet as they should be
	wanted   map[bridge.Person]bool // those in dirty
	absence  absence

	delivered, failed int64
}

// native is somebody who is in a room by themselves: of its own network, or a
// gateway user in a hosted room of it.
type native struct {
	name   string
	show   bridge.Show
	status string
	avatar string
	role   bridge.Role
	gone   time.Time // they were cut off, and may be back soon; else zero
}

func newState(name string) *state {
	return &state{
		link: Link{Name: name}, newID: bridge.NewID,
		bans: map[bridge.Person]Ban{}, told: map[bridge.Person]*telling{},
		counters: new(Counters),
	}
}

// configure makes the link what it is to be. Rooms that stay are left alone
// but for what is otherwise now.
func (s *state) configure(l Link) {
	var legs []*leg
	for _, room := range l.Rooms {
		i := slices.IndexFunc(s.legs, func(k *leg) bool { return k.set.At == room.At })
		if i < 0 {
			legs = append(legs, &leg{
				set: room, own: l.id(room), natives: map[bridge.Person]*native{}, guests: map[bridge.Person]*guest{},
				as: map[bridge.Person]*guest{}, inflight: map[string]*line{},
			})
			continue
		}
		legs = append(legs, s.legs[i])
	}
	s.abandon(func(k *leg) bool { return !slices.Contains(legs, k) })
	s.link, s.legs = l, legs
	for i, k := range legs {
		before := k.set
		k.set = l.Rooms[i]
		s.keep(k, before)
		for _, p := range slices.SortedFunc(maps.Keys(k.guests), cmpPersons) {
			s.want(k, p)
		}
		s.bringAll(k) // whom it did not get before, as what was muted or deaf
	}
	s.settleAll()
}

// dissolve ends the link: everybody whom it brought somewhere leaves.
func (s *state) dissolve() {
	s.abandon(func(*leg) bool { return true })
	s.legs = nil
}

// abandon takes everybody out of the rooms that are not of the link any more,
// once those are told who said what is still to be sent.
func (s *state) abandon(which func(*leg) bool) {
	for _, k := range s.legs {
		if which(k) {
			for _, line := range k.queue {
				s.failed(k, line, "The rooms are not connected any more.")
			}
		}
	}
	for _, k := range s.legs {
		if which(k) {
			s.leave(k)
		}
	}
}

// leave takes everybody out of one.
func (s *state) leave(k *leg) {
	for _, p := range slices.SortedFunc(maps.Keys(k.guests), cmpPersons) {
		if g := k.guests[p]; g.state != out {
			s.ask(k, bridge.Event{By: g.as, Name: g.name, Body: bridge.Leave{Reason: "The rooms are not connected any more."}})
		}
	}
	s.ask(k, bridge.Event{By: bridge.Keeper, Body: bridge.Leave{Reason: "This bridge does not serve the room any more."}})
	k.natives, k.guests = nil, nil
	for _, other := range s.legs {
		if other != k {
			for p := range other.guests {
				s.want(other, p)
			}
		}
	}
}

// ask requests something in a room.
func (s *state) ask(k *leg, e bridge.Event) string {
	e.Room = k.own
	if e.ID == "" {
		e.ID = s.newID()
	}
	if e.At.IsZero() {
		e.At = s.now
	}
	s.out.ask = append(s.out.ask, e)
	return e.ID
}

func (s *state) log(level slog.Level, text string, args ...any) {
	s.out.log = append(s.out.log, logLine{level, text, args})
}

// wakeBy asks to be called at a time, if not before.
func (s *state) wakeBy(t time.Time) {
	if s.wake.IsZero() || t.Before(s.wake) {
		s.wake = t
	}
}

// legOf is the leg of the mapping's own room, nil if it is not of the link any more.
func (s *state) legOf(own bridge.Room) *leg {
	for _, k := range s.legs {
		if k.own == own {
			return k
		}
	}
	return nil
}

// take handles what a room tells.
func (s *state) take(e bridge.Event) {
	k := s.legOf(e.Room)
	if k == nil {
		return
	}
	if e.By == bridge.Keeper && e.Via == (bridge.Person{}) {
		s.takeKeeper(k, e)
	} else if g := k.as[e.By]; g != nil {
		s.takeGuest(k, g, e)
	} else {
		s.takeNative(k, e)
	}
	switch e.Body.(type) {
	case bridge.Join, bridge.Failure:
		delete(k.joins, e.Ref)
	}
	s.settleAll()
}

// takeNative handles what is not about those whom the link brought there.
func (s *state) takeNative(k *leg, e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Members:
		s.members(k, b)
	case bridge.Join:
		if k.joins[e.Ref] { // nobody wants them there any more, unless somebody is to become them
			if k.guests[e.By] == nil {
				s.ask(k, bridge.Event{By: e.By, Name: e.Name, Body: bridge.Leave{}})
			}
		} else {
			s.arrive(k, e.By, native{name: e.Name, role: b.Role})
		}
	case bridge.Leave:
		s.depart(k, e, b)
	case bridge.Rename:
		s.rename(k, e, b)
	case bridge.Presence:
		if n := k.natives[e.By]; n != nil {
			n.show, n.status = b.Show, b.Status
			s.wantEverywhere(k, e.By)
		}
	case bridge.Profile:
		if n := k.natives[e.By]; n != nil {
			n.avatar = b.Avatar
			s.wantEverywhere(k, e.By)
		}
	case bridge.Message:
		s.heard(k, e, b)
	case bridge.Typing, bridge.Read:
		s.signal(k, e)
	case bridge.Topic:
		s.topic(k, e, b)
	case bridge.RoleChange:
		s.role(k, e, b)
	case bridge.Pardon:
		s.pardoned(k, b)
	case bridge.Failure:
		s.refused(k, e, b)
	case bridge.Confirm, bridge.Attachment:
		// Of moderation that took effect, and of gateway users' own sessions.
		s.confirmed(k, e)
	case bridge.Moved:
		s.moved(k, b)
	case bridge.Lost:
		s.lost(k, b)
	case bridge.Invite:
		if b.Person == bridge.Keeper && k.keeper.state >= waiting {
			s.joinKeeper(k) // it is what was waited for
		}
	case bridge.RoomInfo, bridge.Info, bridge.Session, bridge.Answer:
		// Each room presents itself, and the bridge's word is for it alone.
	default:
		panic("mapping: unknown kind of event delivered")
	}
}

// tick does what is due.
func (s *state) tick() {
	s.wake = time.Time{}
	for _, k := range s.legs {
		s.retryKeeper(k)
		s.expire(k)
		s.absent(k)
		s.idle(k)
	}
	s.settleAll()
}

// settleAll brings every room nearer to what it should be.
func (s *state) settleAll() {
	for _, k := range s.legs {
		s.settle(k)
		s.pump(k)
	}
}

func cmpNames(a, b string) int { return strings.Compare(a, b) }

func cmpPersons(a, b bridge.Person) int {
	if c := strings.Compare(a.Network, b.Network); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}
