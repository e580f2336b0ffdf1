// Package guest is the client's side of multi-user chat (XEP-0045): the people
// of the bridge as occupants of rooms on other people's servers.
//
// A [Room] holds one such room and those of ours who are in it, its puppets.
// What the core delivers becomes what a client would send, in the puppet's own
// name; what the room's server sends becomes facts. The room decides: a
// message is confirmed when it comes back from there, a role when the server
// says that it is changed.
//
//	bridge.Event ──► Room.Deliver ──► stanzas from the puppet's address
//	stanzas to a puppet ──► Room.Handle ──► facts for the core
//
// Every puppet is sent everything. One of them, the oldest, observes: what it
// hears of natives is told to the core, and of our own people their power. All
// else that happens to a puppet (it is in, has another name, is thrown out,
// can't be heard) it tells itself, since only what it was sent is sure. The
// observer marks the nicks of our own on its list, and the marks move with
// them, so that a line of ours is known in its order and told once. When it
// goes, the oldest of the others takes over the list as it stands; after a gap
// it has the room send the list anew (a second join does that).
//
// A room says nothing when it loses somebody: puppets that have heard nothing
// for a while ask (XEP-0410), and come back with growing waits. Who is thrown
// out stays out.
//
// Left to others: which rooms there are, how many somebody may be in, which
// address somebody has, and what a message looks like (package format).
package guest

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Sender is the way to the XMPP server. Neither call is made under a lock of
// the room.
type Sender interface {
	// Send calls f once with the buffer of what goes out of a domain of ours; f
	// appends whole stanzas to it. Send may wait while too much is waiting there.
	Send(domain string, f func(b []byte) []byte)
	// Query sends an IQ from h.From and calls done once, with the result or
	// an error, perhaps before it returns; see component.Link.Query.
	Query(h wire.Header, payload func(b []byte) []byte, done func(*wire.Stanza, error))
}

// Counters count what rooms did; each only grows, but Puppets.
type Counters struct {
	Puppets   atomic.Int64 // those of ours who are in a room, or on the way there
	Rejoins   atomic.Int64 // attempts to come back into a room
	Crowded   atomic.Int64 // occupants for whom a room's list had no place
	Flooded   atomic.Int64 // private messages beyond what anybody can read
	Signals   atomic.Int64 // chat states and markers left out, for a room has had enough
	Ignored   atomic.Int64 // stanzas of rooms that mean nothing here
	Timeouts  atomic.Int64 // requests that a room did not answer
	Surprises atomic.Int64 // rooms that came into being by our join, and were left
	Echoes    atomic.Int64 // messages of others that were our own, come back by another path
}

// Options are what a Room is made with. All but RelayTemplate, Closed and Log are needed.
type Options struct {
	Core     bridge.Publisher
	Sender   Sender
	Counters *Counters
	// Person is who has an address of the gateway's, or one on XMPP.
	Person func(at jid.JID) (bridge.Person, bool)
	// Caps appends what an address of ours can do (XEP-0115).
	Caps func(b []byte, from jid.JID) []byte
	// Address is the bare JID by which somebody is reached on XMPP.
	Address func(p bridge.Person) (jid.JID, error)
	// Origins knows what was said by us, in whichever room.
	Origins *Origins
	// RelayTemplate is what stands before words that are said in somebody's
	// place, with {name} for who that is; "" is the constant. nil: always so.
	RelayTemplate func() string
	// Closed is told that nobody is in the room any more, and that it takes
	// nothing: a new one must be made. It must not block.
	Closed func(r *Room)
	Log    *slog.Logger
}

// Bounds of what is kept of one room.
const (
	maxOccupants = 50_000
	maxNick      = 256     // bytes; who has a longer one isn't shown
	maxPuppets   = 5_000   // of ours in one room
	maxSent      = 1024    // requests that wait for the room
	maxText      = 400     // bytes of a status that are kept
	maxReason    = 1024    // bytes of reasons, topics' authors and the like
	maxTopic     = 8 << 10 // bytes
	maxEffects   = 1024    // facts and stanzas that wait for whoever carries them out
	maxHeld      = 1024    // facts that wait for the list of occupants, other than joins

	whisperRate  = 50 // private messages to all puppets in a room, per second
	whisperBurst = 200

	signalRate  = 5 // chat states and markers to a room, per second: each goes to everybody in it
	signalBurst = 25
)

// Room is one room on somebody else's server. Its methods may be called by any
// goroutine; what is sent and told keeps the order of the calls. They may wait
// while the core or the link is overloaded.
type Room struct {
	opt  Options
	room bridge.Room
	jid  jid.JID
	log  *slog.Logger

	mu       sync.Mutex
	closed   bool
	puppets  map[jid.JID]*puppet // by full JID
	byPerson map[bridge.Person]*puppet
	formerly map[bridge.Person]*puppet // who goes on as somebody else, by who they were
	order    []*puppet                 // in the order in which they came
	sent     map[string]*sent
	timer    *time.Timer
	wake     time.Time // when the timer goes off; zero for never

	observation
	door
	bans
	verdicts
	whispers *rate.Limiter // private messages in
	signals  *rate.Limiter // chat states and markers out
	spoken   spoken

	effects []func()   // what is to be done once the lock is given back, in order
	acting  bool       // somebody does it
	place   *sync.Cond // broadcast when some of it is done
}

// New makes a room with nobody in it. It lasts from the first Join until
// Options.Closed.
func New(room bridge.Room, at jid.JID, o Options) *Room {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Room{
		opt: o, room: room, jid: at.Bare(), log: o.Log.With("room", room),
		puppets: map[jid.JID]*puppet{}, byPerson: map[bridge.Person]*puppet{}, formerly: map[bridge.Person]*puppet{}, sent: map[string]*sent{},
		observation: observation{people: map[string]*occupant{}},
		whispers:    rate.NewLimiter(whisperRate, whisperBurst),
		signals:     rate.NewLimiter(signalRate, signalBurst),
	}
	r.place = sync.NewCond(&r.mu)
	return r
}

// JID is the room's address.
func (r *Room) JID() jid.JID { return r.jid }

// Watcher is who of ours sees the room for all the others: the full JID by
// which they are there, or zero while nobody is.
func (r *Room) Watcher() jid.JID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watcher == nil || r.watcher.state != inside {
		return jid.JID{}
	}
	return r.watcher.jid
}

// Has reports whether somebody is in the room, or on the way there.
func (r *Room) Has(p bridge.Person) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byPerson[p] != nil
}

// locked runs f under the lock, unless the room is closed, and carries out
// what it led to; if somebody else is at that, they go on with it. It reports
// whether f ran. It waits while much too much is to be carried out, unless the
// caller may be who carries it out.
func (r *Room) locked(f func(), mayWait bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for mayWait && r.acting && len(r.effects) >= maxEffects {
		r.place.Wait()
	}
	if r.closed {
		return false
	}
	f()
	r.openDoor()
	if !r.acting {
		r.act()
	}
	return true
}

// act carries out what is to be done, and closes the room when that was all
// and nobody is in it. The lock is held when it is called and when it returns.
func (r *Room) act() {
	r.acting = true
	for len(r.effects) > 0 {
		effects := r.effects
		r.effects = nil
		r.place.Broadcast()
		r.mu.Unlock()
		for _, do := range effects {
			do()
		}
		r.mu.Lock()
	}
	r.acting = false
	if len(r.puppets) > 0 {
		return
	}
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.opt.Closed != nil {
		r.opt.Closed(r)
	}
}

// do has f called, without the lock, after all that is to be done before it.
func (r *Room) do(f func()) { r.effects = append(r.effects, f) }

// publish tells the core something.
func (r *Room) publish(e bridge.Event) {
	if e.Room == (bridge.Room{}) {
		e.Room = r.room
	}
	r.do(func() { r.opt.Core.Publish(e) })
}

// fail answers a request that did not take effect. Only requests are answered.
func (r *Room) fail(e bridge.Event, kind bridge.ErrorKind, text string) {
	switch e.Body.(type) {
	case bridge.Message, bridge.Join, bridge.Rename, bridge.RoleChange, bridge.Expel, bridge.Pardon, bridge.Topic, bridge.Invite, bridge.Watch, bridge.Query:
		r.publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Failure{Kind: kind, Text: text}})
	}
}

// confirm answers a request that took effect.
func (r *Room) confirm(e bridge.Event, native string) {
	r.publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Confirm{Native: native}})
}

// send sends stanzas from a puppet's address.
func (r *Room) send(from jid.JID, f func(b []byte) []byte) {
	domain := from.Domain()
	r.do(func() { r.opt.Sender.Send(domain, f) })
}

// query asks the room, or somebody in it, in a puppet's name. read takes what
// it needs of the answer, and returns what is to be done under the lock.
func (r *Room) query(h wire.Header, payload func(b []byte) []byte, read func(*wire.Stanza, error) func()) {
	r.do(func() {
		r.opt.Sender.Query(h, payload, func(st *wire.Stanza, err error) {
			then := read(st, err)
			r.locked(then, false)
		})
	})
}

// Handle takes a message or a presence that is addressed to a puppet, and
// reports false if st.To is none of this room.
func (r *Room) Handle(st *wire.Stanza) (taken bool) {
	r.locked(func() {
		p := r.puppets[st.To]
		if p == nil {
			return
		}
		taken = true
		p.heard = time.Now()
		switch st.Kind {
		case wire.Presence:
			r.presence(p, st)
		case wire.Message:
			r.message(p, st)
		default:
			taken = false
		}
	}, true)
	return taken
}

// plan has tick called at a time, if not before.
func (r *Room) plan(at time.Time) {
	if at.IsZero() || !r.wake.IsZero() && !at.Before(r.wake) {
		return
	}
	r.wake = at
	wait := max(time.Until(at), 0)
	if r.timer == nil {
		r.timer = time.AfterFunc(wait, func() { r.locked(r.tick, true) })
	} else {
		r.timer.Reset(wait)
	}
}

// tick does what is due.
func (r *Room) tick() {
	now := time.Now()
	r.wake = time.Time{}
	for _, s := range r.sent {
		if s.due.After(now) {
			r.plan(s.due)
			continue
		}
		r.settle(s)
		r.overdue(s)
	}
	for _, p := range append([]*puppet(nil), r.order...) {
		if r.puppets[p.jid] == p && !p.due.IsZero() && !p.due.After(now) {
			p.due = time.Time{}
			r.puppetDue(p)
		}
		r.plan(p.due)
	}
	switch {
	case r.synced || r.openBy.IsZero():
	case r.openBy.After(now):
		r.plan(r.openBy)
	case r.listed:
		r.open()
	case r.watcher != nil && r.watcher.state == inside:
		r.overdueList()
	}
	r.bansDue(now)
	r.judgeDue(now)
}
