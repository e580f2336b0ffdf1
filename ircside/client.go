package ircside

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/session"
)

// phase is how a client is connected.
type phase uint8

const (
	phaseDown    phase = iota // no session, and none is wanted
	phaseWaiting              // for the timer that opens one
	phaseOpening              // a session is open and registering
	phaseUp                   // registered
	phaseClosing              // we said QUIT
)

// client is one person on one network, and the session.Handler of their
// session. It has no goroutine: what the core delivers comes on the core's,
// what the server sends on the session's.
//
// Whoever holds the lock leaves what is to be published, or done to another
// client, in events and after; unlock sees to both once the lock is free.
type client struct {
	net *network
	// is who it is: see who.
	is atomic.Pointer[bridge.Person]

	// Of the session's goroutine alone, from Ready on.
	nick  string
	table *isupport.Table

	watched   atomic.Pointer[[]*channel] // those that this session observes
	roomCount atomic.Int32               // len(rooms), for the limits
	asking    atomic.Int32               // commands whose answers go to the console
	watches   atomic.Int32               // len(private.watches)
	regain    atomic.Pointer[string]     // the nick wished for, which somebody else had; nil for none

	publishing sync.Mutex // taken before mu, and held during Publish

	mu     sync.Mutex
	events []bridge.Event
	after  []func()

	gone  bool // no more a client of its network
	phase phase
	edits int32 // how often they changed their login
	sess  *session.Session
	since time.Time // when it came up
	wish  string    // the nick asked for
	login *Login    // nil until asked
	// becoming is whose session it will be when a NICK of ours has worked.
	becoming *bridge.Person
	timer    *time.Timer
	turn     time.Time                   // when the rate allows the session that waits
	retry    *backoff.ExponentialBackOff // nil while all is well
	rooms    []*membership
	waiting  []bridge.Event // private requests until the session is up
	// awaySent is what the server was last told; "" for not away.
	awaySent string
	private  *private // nil for who only is in channels
	standing bool     // the Keeper, who is there without a room, too
	looking  string   // the channel that it takes a look into
}

// private is what few clients need: for people who talk to others one to one,
// or to the network itself.
type private struct {
	linger   time.Time         // until when the session is kept without rooms
	console  bool              // wants to know of the session
	talks    bool              // has written in the console since the session was last down
	answer   []string          // what the server said to a command, not yet published
	answers  int               // messages that it has led to
	querying bool              // a Query is under way
	watches  map[string]*watch // by nick in small letters
	poll     *time.Timer       // of ISON
	ctcp     *rate.Limiter     // of our answers
	heard    *rate.Limiter     // of what others say to them
	// toldFlood is when they were last told that they miss some of it.
	toldFlood time.Time
	typed     map[string]typed     // of what they write, by nick in small letters
	notices   []notice             // that the Keeper sends when it is there
	wrote     map[string]time.Time // who has written to them, by nick in small letters
	aways     map[string]string    // the away messages that they know of, by nick in small letters
}

func newClient(n *network, who bridge.Person) *client {
	c := &client{net: n}
	c.is.Store(&who)
	return c
}

// who is whose session it is. It changes only where a network knows people by
// their names (see become), and can be asked for without a lock.
func (c *client) who() bridge.Person { return *c.is.Load() }

func (c *client) lock() { c.mu.Lock() }

// unlock frees the lock, then publishes what is to be, and lets go of a
// client that has nothing left to do.
func (c *client) unlock() {
	if c.phase == phaseDown && !c.gone && len(c.rooms) == 0 && !c.watching() {
		c.gone = true
		c.net.remove(c)
	}
	silent, after := len(c.events) == 0, c.after
	c.after = nil
	c.mu.Unlock()
	if !silent {
		c.publish()
	}
	for _, do := range after {
		do()
	}
}

// publish publishes what there is, in its order, whoever else does so too.
func (c *client) publish() {
	c.publishing.Lock()
	defer c.publishing.Unlock()
	c.mu.Lock()
	events := c.events
	c.events = nil
	c.mu.Unlock()
	for _, e := range events {
		c.net.side.core.Publish(e)
	}
}

func (c *client) emit(e bridge.Event) { c.events = append(c.events, e) }

// confirm and fail answer a request of the core's.
func (c *client) confirm(e bridge.Event, native string) {
	c.emit(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Confirm{Native: native}})
}

func (c *client) fail(e bridge.Event, how bridge.Failure) {
	if isRequest(e.Body) {
		c.emit(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: how})
	}
}

// failure is how a request that ended with err went.
func (c *client) failure(err error) bridge.Failure {
	why := failureOf(err, c.net.decode)
	if why.Text == notConnected && c.keeper() { // whoever reads it never was
		why.Text = "The bridge is not connected to " + c.net.name + " at the moment."
	}
	return why
}

// console is the room in which somebody talks to the network itself.
func (c *client) console() bridge.Room { return bridge.Room{Network: c.net.name, Owner: c.who()} }

// direct is the private conversation with a nick.
func (c *client) direct(nick string) bridge.Room {
	return bridge.Room{Network: c.net.name, ID: lower(nick), Owner: c.who()}
}

// extra is c.private, made when it is first needed.
func (c *client) extra() *private {
	if c.private == nil {
		c.private = &private{}
	}
	return c.private
}

func (c *client) watching() bool {
	return c.standing || c.private != nil && (len(c.private.watches) > 0 || c.private.console)
}

// watch and unwatch note which channels the session observes. They are called
// under the channel's lock.
func (c *client) watch(ch *channel) {
	c.changeWatched(func(list []*channel) []*channel { return append(list, ch) })
}

func (c *client) unwatch(ch *channel) {
	c.changeWatched(func(list []*channel) []*channel { return without(list, ch) })
}

// changeWatched replaces the list as a whole, so that the session's goroutine
// can read it without a lock. An empty list is nil.
func (c *client) changeWatched(change func([]*channel) []*channel) {
	for {
		old := c.watched.Load()
		var list []*channel
		if old != nil {
			list = append(list, *old...)
		}
		list = change(list)
		next := &list
		if len(list) == 0 {
			next = nil
		}
		if c.watched.CompareAndSwap(old, next) {
			return
		}
	}
}

// room finds the membership in a channel by its name as it stands in a line,
// or in a room's ID.
func (c *client) room(name []byte) *membership {
	mapping := isupport.RFC1459
	if c.sess != nil {
		mapping = c.sess.ISupport().CaseMapping
	}
	for _, m := range c.rooms {
		if mapping.Equal(name, m.ch.name) {
			return m
		}
	}
	return nil
}

// enter puts somebody on the way into a room.
func (c *client) enter(room bridge.Room) (*membership, bridge.Room, bool) {
	m := &membership{client: c}
	other, ok := c.net.enter(room, m)
	if !ok {
		return nil, other, false
	}
	c.rooms = append(c.rooms, m)
	c.roomCount.Store(int32(len(c.rooms)))
	return m, room, true
}

// drop takes somebody out of a room for good. The session may linger.
func (c *client) drop(m *membership) {
	c.evictLodgers(m, bridge.Leave{Cause: bridge.CauseKick, Reason: "The relay is not in this room any more."})
	c.detach(m)
	c.net.leave(m)
	c.rooms = without(c.rooms, m)
	c.roomCount.Store(int32(len(c.rooms)))
	c.sendAway()
	c.lingerIfIdle()
}

// detach notes that the session does not hear the room any more, and lets
// somebody else observe it. What the core was not told yet did not happen.
func (c *client) detach(m *membership) {
	m.joined = false
	untold, next := m.ch.detach(m)
	switch untold.Body.(type) {
	case bridge.Join:
		m.asked, m.known = untold.Ref, false
	case bridge.Attachment:
		m.lost = true
	}
	if next != nil {
		c.after = append(c.after, func() { next.client.askNames(next.ch) })
	}
}

// askNames asks for the topic and the member list of a channel that this
// session observes from now on.
func (c *client) askNames(ch *channel) {
	c.lock()
	defer c.unlock()
	if c.phase != phaseUp {
		return
	}
	if err := c.sess.Send("TOPIC", ch.name); err != nil {
		c.net.log.Warn("could not ask for the topic", "room", ch.room.ID, "session", c.who(), "error", err)
	}
	if err := c.sess.Send("NAMES", ch.name); err != nil { // feed asks again in a while
		c.net.log.Warn("could not ask for the member list", "room", ch.room.ID, "session", c.who(), "error", err)
	}
}

// askWho asks who is away in a channel.
func (c *client) askWho(ch *channel) {
	c.lock()
	defer c.unlock()
	if c.phase != phaseUp {
		return
	}
	params := []string{ch.name}
	if c.table.WHOX {
		params = append(params, whoxFields)
	}
	if err := c.sess.SendLater("WHO", params...); err != nil {
		c.net.log.Debug("could not ask who is away", "room", ch.room.ID, "session", c.who(), "error", err)
	}
}
