// Package muc hosts multi-user chat rooms (XEP-0045) whose people and whose
// rules are somewhere else.
//
// A Room is what XMPP clients see: presences in the order that the
// specification asks for, subjects, private messages, status codes, errors.
// It decides nothing. What an occupant wishes (to enter, to speak, another
// nickname, a subject, somebody's removal) becomes a [Request] to the room's
// [Owner], who sooner or later states the fact by one of the Room's methods, or
// refuses. Only what nobody else can know is told at once: that a client left,
// or is away.
//
//	stanza ──► Room.Handle ──► Owner.Ask(Request)
//	                                  │
//	occupants ◄── Room.Enter, Leave, Say, SetSubject, Refuse ...
//
// People who have clients of their own in the room are its users, several
// resources behind one nickname; everybody else (a native of the other
// network, and those who came in by another door) is just a nickname with a
// role, so that a room of thousands stays small.
//
// The caller needs five lines:
//
//	room := muc.New(jid, muc.Options{Owner: owner, Sender: link, Key: key})
//	room.Handle(&stanza)                             // whatever is addressed to it
//	room.SetMembers(members)                         // the owner knows who is there
//	room.Enter(muc.Member{User: alice, Nick: "al"}, false) // alice's request was granted
//	room.CloseIfEmpty()                              // after each call, to let go of it
//
// Left to others: which rooms there are, access and rate limits, and whatever
// is sent to the service rather than to a room.
package muc

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Owner decides what happens in a room.
type Owner interface {
	// Ask takes a request. It is called without any lock of the room, in the
	// order of what led to the requests, by one goroutine at a time of those
	// that call the room's methods, and may block. The answer names Request.ID.
	Ask(r *Room, q Request)
}

// Sender is the way to the XMPP server. Send calls f once, with the buffer of
// what goes out; f appends whole stanzas to it. It must not call the room.
type Sender interface {
	Send(f func(b []byte) []byte)
}

// Options are what a Room is made with.
type Options struct {
	Owner  Owner
	Sender Sender
	// NewID makes the IDs of requests and of messages of the room's own,
	// unique for the service.
	NewID func() string
	// Key makes the occupant ids (XEP-0421); whoever knows it can tell which
	// user is behind which id. At least 16 bytes, the same after a restart.
	Key []byte
	// Name is shown in service discovery, unless Info has one. Type is what kind
	// of conference it is there; "text".
	Name, Type string
	// Invites reports whether the owner is asked to invite who has that address,
	// instead of the room writing to it; nil for nobody.
	Invites func(j jid.JID) bool
	// Addresses are the occupants' addresses outside of the room; nil if
	// they have none.
	Addresses Addresses
	// Nonanonymous tells everybody the users' real JIDs (status 100).
	Nonanonymous bool
	// Logged warns that what is said is archived publicly (status 170).
	Logged bool
	Log    *slog.Logger
	// LeftOut counts what was told of people's typing and reading beyond the
	// bounds, and so was not passed on; nil for nobody to know.
	LeftOut *atomic.Int64
}

// Bounds of what one room keeps for those who may not be well-meaning.
const (
	maxAsked     = 128       // requests of one user that are not answered yet
	maxExtra     = 2048      // bytes of presence payload that a resource may show
	maxStatus    = 1024      // bytes of <status>
	maxResources = 32        // resources of one user in the room
	maxIQ        = 256 << 10 // bytes of what is asked of, and answered by, another user
	maxList      = 256 << 10 // bytes of a list of people; a server may end the link over a stanza of 512 KiB
	maxWelcomes  = 12        // in a minute, of one user's clients after the first
	maxRelayed   = 256       // IQs between users that are not answered yet
	maxRelayedOf = 32        // of which one user's
	chunk        = 64 << 10  // bytes that are given to the Sender at once
	keepScratch  = 4 << 10   // bytes of memory kept from one stanza to the next
)

// Room is one hosted room. Its methods may be called by any goroutine; what
// is sent keeps the order of the calls.
type Room struct {
	opt  Options
	jid  jid.JID
	from string // the bare JID, escaped for an attribute
	ids  idMaker

	mu       sync.Mutex
	closed   bool
	people   map[string]*occupant // by nickname: everybody
	users    []*user              // those with clients here, oldest first
	byJID    map[jid.JID]*user    // the same, by bare JID; nil while they are few
	asked    map[string]*asked    // by Request.ID: what awaits the owner's answer
	joining  map[jid.JID]*joining // by bare JID: who awaits being let in
	relayed  map[string]relayed   // by the id we gave it: IQs between users
	subject  Subject
	info     Info
	unlisted bool
	clock    uint32      // counts entrances and departures
	detached uint32      // clock at the latest detachment; 0 if nobody is
	gone     []departure // since the first detachment that lasts
	queue    []Request   // for the owner, once the lock is given back
	asking   bool        // somebody hands the queue to the owner
	scratch  []byte      // a stanza that is sent to many
	signals  *signals    // nil until there was one
}

// New makes an empty room. It stays closed to facts about people until somebody asks to join.
func New(room jid.JID, o Options) *Room {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Type == "" {
		o.Type = "text"
	}
	if o.Invites == nil {
		o.Invites = func(jid.JID) bool { return false }
	}
	if o.LeftOut == nil {
		o.LeftOut = new(atomic.Int64)
	}
	if o.Addresses == nil {
		o.Addresses = noAddresses{}
	}
	room = room.Bare()
	return &Room{
		opt:    o,
		jid:    room,
		from:   string(wire.AppendAttr(nil, room.String())),
		ids:    newIDMaker(o.Key, room),
		people: map[string]*occupant{},
	}
}

// JID returns the room's address.
func (r *Room) JID() jid.JID { return r.jid }

// CloseIfEmpty ends the room for good if no client is in it nor waits to be,
// and the owner has been asked all there was, and reports whether the room is
// closed.
func (r *Room) CloseIfEmpty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.users) == 0 && len(r.joining) == 0 && !r.asking {
		r.closed = true
	}
	return r.closed
}

// rest lets go of the lists of what is waited for while nothing is: rooms are
// many, and quiet mostly.
func (r *Room) rest() {
	if len(r.asked) == 0 {
		r.asked = nil
	}
	if len(r.joining) == 0 {
		r.joining = nil
	}
	if len(r.relayed) == 0 {
		r.relayed = nil
	}
}

// noted puts v into a list that is made when it is first needed.
func noted[K comparable, V any](list map[K]V, k K, v V) map[K]V {
	if list == nil {
		list = make(map[K]V)
	}
	list[k] = v
	return list
}

// locked runs f under the lock, unless the room is closed, and then hands the
// requests that it left in the queue to the owner; if somebody else is at that,
// they go on with these, so that none overtakes another. It reports whether f ran.
func (r *Room) locked(f func()) bool {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return false
	}
	f()
	r.rest()
	if r.asking {
		r.mu.Unlock()
		return true
	}
	for len(r.queue) > 0 {
		queue := r.queue
		r.queue, r.asking = nil, true
		r.mu.Unlock()
		for _, q := range queue {
			r.opt.Owner.Ask(r, q)
		}
		r.mu.Lock()
	}
	r.asking = false
	r.mu.Unlock()
	return true
}

// send passes f on to the sender.
func (r *Room) send(f func(b []byte) []byte) { r.opt.Sender.Send(f) }
