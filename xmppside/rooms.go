package xmppside

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/muc"
	"isthmus/xmppside/wire"
)

// surroundings is what hosted rooms need of the side.
type surroundings struct {
	core    bridge.Publisher
	domains func() address.Domains
	sender  func(domain string) muc.Sender
	// person tells who of another network has an address of the gateway's.
	person func(j jid.JID) (bridge.Person, bool)
	// address is the bare JID by which somebody is reached on XMPP.
	address func(p bridge.Person) (jid.JID, error)
	// ask publishes a request outside of the rooms; done is given the answer.
	ask func(e bridge.Event, done func(bridge.Body))
	// picture asks for that of an occupant of another room on XMPP.
	picture func(at jid.JID, answer func(bridge.Body))
	// chats are the private conversations: what is said in them to the
	// occupant of a room is answered there.
	chats chats
	// leftOut counts what is beyond the bounds of muc.Options.LeftOut.
	leftOut *atomic.Int64
	key     []byte // makes the occupant ids; see muc.Options
	log     *slog.Logger
}

// chats are what rooms have to do with private conversations.
type chats interface {
	// said takes a note; see direct.said.
	said(conversation bridge.Room, at jid.JID, ours, theirs string)
	types(conversation bridge.Room, on bool)
	reads(conversation bridge.Room, named string)
}

// rooms are the hosted rooms that somebody is in, or waits to be let into.
// Rooms turn what their users wish into events, and events into what their
// users see; what is said in them is not for rooms to decide.
type rooms struct {
	surroundings

	mu    sync.Mutex
	byJID map[jid.JID]*hosted
	byID  map[string]*hosted // by bridge.Room.ID
}

// hosted is one room: what it is called by the clients and by the core.
type hosted struct {
	rooms   *rooms
	room    *muc.Room
	id      string // bridge.Room.ID
	address address.Address
}

var _ muc.Owner = (*hosted)(nil)

func newRooms(s *Side) *rooms {
	set := s.set.Load()
	return roomsIn(surroundings{
		core:    s.core,
		domains: func() address.Domains { return s.set.Load().domains },
		sender:  func(domain string) muc.Sender { return outlet{s, domain} },
		person:  func(j jid.JID) (bridge.Person, bool) { return s.set.Load().personAt(j) },
		address: func(p bridge.Person) (jid.JID, error) { return s.set.Load().personJID(p) },
		ask:     s.ask,
		picture: func(at jid.JID, answer func(bridge.Body)) { s.fetchAvatar(at, "", answer) },
		chats:   s.direct,
		leftOut: &s.Counters.Signals,
		key:     set.Key,
		log:     set.Log,
	})
}

func roomsIn(s surroundings) *rooms {
	return &rooms{surroundings: s, byJID: map[jid.JID]*hosted{}, byID: map[string]*hosted{}}
}

// handle takes a stanza for the channel that a names, at st.To.
func (r *rooms) handle(st *wire.Stanza, a address.Address) {
	for {
		h := r.find(st, a)
		if h.room.Handle(st) {
			r.release(h)
			return
		}
		r.forget(h) // it was closed this moment: look again
	}
}

// find returns the room that st is for. One that nobody is in answers like
// any other, but is only kept if somebody asks to be let in.
func (r *rooms) find(st *wire.Stanza, a address.Address) *hosted {
	bare := st.To.Bare()
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.byJID[bare]; h != nil {
		return h
	}
	id, err := address.RoomID(bare)
	if err != nil {
		panic("xmppside: " + err.Error()) // that a names it says that it is spelled right
	}
	h := &hosted{rooms: r, id: id, address: a}
	h.room = muc.New(bare, muc.Options{
		Owner:     h,
		Sender:    r.sender(bare.Domain()),
		NewID:     bridge.NewID,
		Key:       r.key,
		Name:      roomName(a),
		Type:      conferenceType(a),
		Invites:   func(j jid.JID) bool { _, ok := r.person(j); return ok },
		Addresses: people{r, r.domains().People(a.Domain, a.Network), a.Network},
		Log:       r.log, // the room names itself
		LeftOut:   r.leftOut,
	})
	if _, enters := st.Child(muc.Namespace, "x"); enters && st.Kind == wire.Presence && st.Type == "" {
		r.byJID[bare], r.byID[id] = h, h
	}
	return h
}

// roomName is what a room is called that has no name but its address.
func roomName(a address.Address) string {
	if a.Network == bridge.NetworkMatrix {
		if id, ok := address.MatrixID(a.Name); ok {
			return id
		}
	}
	return a.Name + " on " + a.Network
}

// conferenceType is that of a room's identity (XEP-0030): the registry has one
// for IRC.
func conferenceType(a address.Address) string {
	if a.Network == bridge.NetworkMatrix {
		return "text"
	}
	return "irc"
}

// release lets go of a room that nobody is in any more.
func (r *rooms) release(h *hosted) {
	if h.room.CloseIfEmpty() {
		r.forget(h)
	}
}

func (r *rooms) forget(h *hosted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[h.id] == h {
		delete(r.byID, h.id)
		delete(r.byJID, h.room.JID())
	}
}

// has reports whether somebody is in the room that the core calls so.
func (r *rooms) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id] != nil
}

// all returns every room.
func (r *rooms) all() []*hosted {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.byID))
}

// evict removes those users from each room of whom gone says so.
func (r *rooms) evict(gone func(h *hosted, user jid.JID) bool, reason string) {
	for _, h := range r.all() {
		h.room.Remove(func(user jid.JID) bool { return gone(h, user) }, reason)
		r.release(h)
	}
}

// shutdown tells everybody in every room that the service ends, and why.
func (r *rooms) shutdown(reason string) {
	r.mu.Lock()
	all := r.byID
	r.byID, r.byJID = map[string]*hosted{}, map[jid.JID]*hosted{}
	r.mu.Unlock()
	for _, h := range all {
		h.room.Shutdown(reason)
	}
}

// maxResource is the longest that a resource may be, in bytes (RFC 7622 §3.4).
// A server may end the whole link over a longer one.
const maxResource = 1023

// resource is how a room spells a name, which may be missing. Of names that
// grow too long when spelled, it is the beginning and a digest, so that no two
// are spelled alike.
func resource(name string) string {
	if name == "" {
		return ""
	}
	r := address.Resource(name)
	if len(r) <= maxResource {
		return r
	}
	digest := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%.64s...%x", r, digest[:16]) // so long a spelling is all ASCII
}
