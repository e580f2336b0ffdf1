package xmppside

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/xmppside/component"
	"isthmus/xmppside/guest"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// foreign is XMPP for people of other networks: the rooms on other people's
// servers that they are in, and their conversations with people there. Each
// of them is who they are by the gateway's address that stands for them.
type foreign struct {
	side   *Side
	talks  *talks
	origin *guest.Origins
	calls  *rate.Limiter // of the bridge itself into rooms

	mu    sync.Mutex
	rooms map[jid.JID]*guest.Room
}

// guestResource is that of our people in other people's rooms; where two have
// one address, the second's is that with "-2" (see guest.Room).
const guestResource = "isthmus"

// How often the bridge may be asked into rooms, all in all: each time it may try.
const (
	callRate  = 0.2 // per second
	callBurst = 10
)

func newForeign(s *Side) *foreign {
	return &foreign{side: s, talks: newTalks(s), origin: guest.NewOrigins(), calls: rate.NewLimiter(callRate, callBurst), rooms: map[jid.JID]*guest.Room{}}
}

// concerns reports whether a delivery is for a room on somebody else's server,
// or for a conversation of somebody who is not on XMPP themselves.
func (f *foreign) concerns(room bridge.Room) bool {
	if room.Private() {
		return room.Owner.Network != bridge.NetworkXMPP
	}
	if f.side.rooms.has(room.ID) {
		return false
	}
	bare, _, _ := strings.Cut(room.ID[strings.LastIndexByte(room.ID, '@')+1:], "/")
	_, ours := f.side.set.Load().domains[bare]
	return !ours
}

// deliver takes what somebody of another network wishes.
func (f *foreign) deliver(e bridge.Event) {
	who := e.By
	switch {
	case e.Via != bridge.Person{}:
		who = e.Via
	case e.Room.Private():
		who = e.Room.Owner
	}
	switch e.Body.(type) {
	case bridge.RoomInfo, bridge.Moved, bridge.Confirm, bridge.Failure, bridge.Answer, bridge.Members,
		bridge.Session, bridge.Attachment, bridge.Lost:
		return // facts of other rooms: nobody here is to be told of them
	case bridge.Info:
		if e.Via == (bridge.Person{}) {
			return
		}
	}
	as, err := f.addressOf(who)
	if err != nil {
		f.fail(e, bridge.ErrUnsupported, unaddressed(who, err))
		return
	}
	at, err := jid.Parse(e.Room.ID)
	if err != nil {
		f.fail(e, bridge.ErrNotFound, "There can be no such address on XMPP.")
		return
	}
	if at.String() != e.Room.ID {
		f.fail(e, bridge.ErrMoved, at.String())
		return
	}
	_, joins := e.Body.(bridge.Join)
	q, asks := e.Body.(bridge.Query)
	switch {
	case e.Room.Private() && asks && q.What == bridge.QueryAvatar:
		f.side.askAvatar(e)
	case e.Room.Private() && at.IsBare():
		f.talks.deliver(e, as, at)
	case joins:
		f.join(e, as, at)
	default:
		if r := f.room(at); r == nil || !r.Deliver(f.identified(e), as) {
			f.fail(e, bridge.ErrNotInRoom, "You are not in the room "+at.Bare().String()+".")
		}
	}
}

// unaddressed tells why somebody has no address on XMPP.
func unaddressed(who bridge.Person, err error) string {
	switch {
	case who.Network == bridge.NetworkXMPP:
		return "People on XMPP come into rooms on XMPP by themselves."
	case errors.Is(err, errUnserved):
		return "None of this gateway's XMPP domains is for " + who.Network + ": nobody from there has an address on XMPP."
	}
	return "You have no address on XMPP: " + err.Error() + "."
}

// identified puts the account of an occupant of another room, if that room has
// shown it, into a request to remove or to pardon them here.
func (f *foreign) identified(e bridge.Event) bridge.Event {
	switch b := e.Body.(type) {
	case bridge.Expel:
		b.Person = f.account(e.Room, b.Person)
		e.Body = b
	case bridge.Pardon:
		b.Person = f.account(e.Room, b.Person)
		e.Body = b
	}
	return e
}

func (f *foreign) account(here bridge.Room, who bridge.Person) bridge.Person {
	at, err := jid.Parse(who.ID)
	if who.Network != bridge.NetworkXMPP || err != nil || at.IsBare() || at.Bare().String() == here.ID {
		return who
	}
	if r := f.room(at); r != nil {
		if real := r.Account(who); !real.IsZero() {
			return person(real)
		}
	}
	return who
}

// addressOf is who somebody of another network is in rooms.
func (f *foreign) addressOf(who bridge.Person) (jid.JID, error) {
	if who.Network == bridge.NetworkXMPP {
		return jid.JID{}, errUnserved
	}
	bare, err := f.side.set.Load().personJID(who)
	if err != nil {
		return jid.JID{}, err
	}
	return bare.WithResource(guestResource)
}

// join takes somebody into a room.
func (f *foreign) join(e bridge.Event, as, at jid.JID) {
	set := f.side.set.Load()
	_, ours := set.domains[at.Domain()]
	switch {
	case at.Local() == "" || !at.IsBare():
		f.fail(e, bridge.ErrNotFound, "The address of a room on XMPP is like room@muc.example.org.")
		return
	case ours:
		f.fail(e, bridge.ErrPolicy, ownRoom)
		return
	case set.access.denies(at):
		f.fail(e, bridge.ErrPolicy, "Rooms of that server can't be entered by this gateway.")
		return
	case set.RoomsPerPerson > 0 && !f.mapped(at) && e.By != bridge.Keeper && f.roomsOf(e.By, at) >= set.RoomsPerPerson:
		f.fail(e, bridge.ErrTooMany, "You are in as many rooms as you may be.")
		return
	}
	for {
		r := f.enterable(e.Room, at)
		if r.Deliver(e, as) {
			return
		}
		f.closed(r) // this moment: make another
	}
}

// mapped reports whether the bridge itself is in a room: there it is the
// administrator, not its people, who decides how many of them come.
func (f *foreign) mapped(at jid.JID) bool {
	r := f.room(at)
	return r != nil && r.Has(bridge.Keeper)
}

// ownRoom answers who would enter a room of this gateway by way of XMPP.
const ownRoom = "This room is this gateway's own, for a room of another network. Use that room's own address."

func (f *foreign) room(at jid.JID) *guest.Room {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rooms[at.Bare()]
}

// enterable is the room at an address, which is made if nobody is in it yet.
func (f *foreign) enterable(room bridge.Room, at jid.JID) *guest.Room {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rooms[at]
	if r == nil {
		r = guest.New(room, at, f.options())
		f.rooms[at] = r
	}
	return r
}

func (f *foreign) options() guest.Options {
	s := f.side
	return guest.Options{
		Core: s.core, Sender: guestSender{s}, Counters: &s.Counters.Guests, Log: s.log, Origins: f.origin,
		RelayTemplate: func() string { return s.set.Load().RelayTemplate },
		Person:        s.personOf,
		Caps:          s.appendCaps,
		Address:       func(p bridge.Person) (jid.JID, error) { return s.set.Load().personJID(p) },
		Closed:        f.closed,
	}
}

// personOf is who has an address: one of the gateway's, or somebody on XMPP.
func (s *Side) personOf(at jid.JID) (bridge.Person, bool) {
	set := s.set.Load()
	if _, ours := set.domains[at.Domain()]; ours {
		return set.personAt(at)
	}
	return person(at), at.Local() != ""
}

// closed forgets a room that nobody is in any more.
func (f *foreign) closed(r *guest.Room) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rooms[r.JID()] == r {
		delete(f.rooms, r.JID())
	}
}

func (f *foreign) all() []*guest.Room {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]*guest.Room, 0, len(f.rooms))
	for _, r := range f.rooms {
		list = append(list, r)
	}
	return list
}

// roomsOf counts the rooms that somebody is in, but for one.
func (f *foreign) roomsOf(who bridge.Person, but jid.JID) (n int) {
	for _, r := range f.all() {
		if r.JID() != but && r.Has(who) {
			n++
		}
	}
	return n
}

// handle takes what a room says to one of ours, and what comes of a message of
// ours to somebody, and reports false for all else. It comes before access
// control: we are there of our own will.
func (f *foreign) handle(st *wire.Stanza) bool {
	if st.Kind != wire.Message && st.Kind != wire.Presence || st.To.Local() == "" {
		return false
	}
	if r := f.room(st.From); r != nil && r.Handle(st) {
		return true
	}
	if st.Kind == wire.Message && st.Type == "error" {
		return f.talks.bounced(st)
	}
	if st.Kind == wire.Message && st.To.Bare() == f.side.set.Load().keeper && f.called(st) {
		return true
	}
	resource := st.To.Resource()
	return (resource == guestResource || strings.HasPrefix(resource, guestResource+"-")) && f.stray(st)
}

// called takes an invitation of the bridge itself (XEP-0045 §7.8.2, XEP-0249),
// which may be waited for, and reports false for what is none. Of a room that is
// not mapped nobody waits for it.
func (f *foreign) called(st *wire.Stanza) bool {
	room, by, reason, err := invitation(st)
	switch {
	case err == errNoInvitation:
		return false
	case err != nil, f.side.set.Load().access.denies(room), !f.calls.Allow():
		f.side.Counters.Guests.Ignored.Add(1)
		return true
	}
	f.side.log.Info("the bridge is asked into a room", "room", room, "by", by)
	f.side.core.Publish(bridge.Event{
		Room: bridge.Room{Network: bridge.NetworkXMPP, ID: room.String()}, By: person(by),
		Body: bridge.Invite{Person: bridge.Keeper, Reason: reason},
	})
	return true
}

// stray answers a room that believes one of ours to be in it who is not: this
// process was ended without a word, perhaps. It reports false for what comes
// from no room.
func (f *foreign) stray(st *wire.Stanza) bool {
	x, ofOccupant := st.Child(nsMUCUser, "x")
	switch {
	case st.Kind == wire.Message && st.Type == "groupchat":
		// XEP-0045 §18.1.2: rooms remove whom such an error comes from.
		f.side.refuse(st.Header, wire.StanzaError{Condition: wire.ConditionRecipientUnavailable})
	case st.Kind == wire.Presence && ofOccupant && st.Type == "" && isSelf(x):
		f.side.send(st.To.Domain(), func(b []byte) []byte {
			return wire.AppendEmpty(b, wire.Header{Kind: wire.Presence, To: st.From, From: st.To, Type: "unavailable"})
		})
	case st.Kind == wire.Presence && ofOccupant:
	default:
		return false
	}
	f.side.Counters.Guests.Ignored.Add(1)
	return true
}

// isSelf reports whether a presence is the recipient's own (status 110).
func isSelf(x wire.Element) bool {
	return slices.ContainsFunc(slices.Collect(x.Children()), func(c wire.Element) bool {
		return c.Is(nsMUCUser, "status") && c.Attr("code") == "110"
	})
}

// expects reports whether somebody who may not use the gateway by themselves
// is to be answered: an occupant of a room that we are in, or who was written to.
func (f *foreign) expects(set *settings, st *wire.Stanza) bool {
	if set.access.denies(st.From) || st.To.Local() == "" {
		return false
	}
	return f.room(st.From) != nil || st.Kind != wire.Presence && f.talks.knows(st.To.Bare(), st.From.Bare())
}

// up and down are that the link of a domain is there, or is not.
func (f *foreign) up(domain string) {
	for _, r := range f.all() {
		r.Up(domain)
	}
}

func (f *foreign) down(domain string) {
	for _, r := range f.all() {
		r.Down(domain)
	}
}

// evict takes out of rooms who may not be there, by the settings as they are now.
func (f *foreign) evict(set *settings) {
	for _, r := range f.all() {
		_, ours := set.domains[r.JID().Domain()]
		out := ours || set.access.denies(r.JID())
		r.Evict(func(who bridge.Person, as jid.JID) bool {
			// Who has another nick on IRC by now has the address of the old one.
			now, err := f.addressOf(who)
			was, known := set.personAt(as.Bare())
			return out || err != nil || !known || was.Network != who.Network || now.Domain() != as.Domain()
		}, "The gateway does not serve this, or you, any more.")
	}
}

// shutdown leaves all rooms.
func (f *foreign) shutdown(reason string) {
	for _, r := range f.all() {
		r.Shutdown(reason)
	}
}

// fail answers a request that did not take effect. Only requests are answered.
func (f *foreign) fail(e bridge.Event, kind bridge.ErrorKind, text string) {
	if isRequest(e.Body) {
		f.side.core.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Failure{Kind: kind, Text: text}})
	}
}

func isRequest(b bridge.Body) bool {
	switch b.(type) {
	case bridge.Message, bridge.Join, bridge.Rename, bridge.RoleChange, bridge.Expel, bridge.Pardon, bridge.Topic, bridge.Invite, bridge.Watch, bridge.Query:
		return true
	}
	return false
}

// guestSender sends on whichever link a domain has at the time.
type guestSender struct{ side *Side }

var _ guest.Sender = guestSender{}

func (g guestSender) Send(domain string, f func(b []byte) []byte) { g.side.send(domain, f) }

func (g guestSender) Query(h wire.Header, payload func(b []byte) []byte, done func(*wire.Stanza, error)) {
	if l := g.side.links.get(h.From.Domain()); l != nil {
		l.Query(h, payload, done)
		return
	}
	done(nil, component.ErrClosed)
}
