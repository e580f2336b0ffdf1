// Package xmppside is XMPP as a bridge.Side: the component that hosts rooms
// for other networks' channels, carries conversations one to one, and answers
// whatever clients and servers ask of it.
//
//	Side ─ links ── component.Link, one per domain
//	     ├ rooms ── muc.Room, one per channel that somebody is in
//	     ├ direct ─ messages to people and networks
//	     ├ foreign ─ guest.Room, one per room elsewhere that people of other
//	     │          networks are in, and what they say to people on XMPP
//	     ├ roster ─ whose presence is shown to whom
//	     ├ notes ── who has subscribed to it, on the way to the store
//	     └ services disco, caps, version, ping, time, vCards, commands
//
// Stanzas of a domain are handled in order by one goroutine. None of the
// locks here is held during Publish or while something is sent.
package xmppside

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/component"
	"isthmus/xmppside/guest"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Counters count what came in and what was not carried on; each only grows.
type Counters struct {
	Link      component.Counters
	Refused   atomic.Int64 // stanzas of people who may not use the gateway
	TooFast   atomic.Int64 // stanzas over a rate
	Unasked   atomic.Int64 // answers that nobody waits for
	Unsent    atomic.Int64 // sends on a domain that is not served any more
	Addresses atomic.Int64 // stanzas to what is no address here
	Forgotten atomic.Int64 // subscriptions that could not be kept
	Signals   atomic.Int64 // of people's typing and reading, beyond what may be told
	Guests    guest.Counters
}

// Side is all of XMPP.
//
//	xmpp, err := xmppside.New(hub, options)
//	hub.Register(bridge.NetworkXMPP, xmpp)
//	xmpp.Run(ctx) // until the end
type Side struct {
	Counters Counters

	core    bridge.Publisher
	log     *slog.Logger
	set     atomic.Pointer[settings]
	started time.Time

	links   *links
	guests  *guests
	pending *pending
	direct  *direct
	roster  *roster
	notes   *notes
	rooms   *rooms
	foreign *foreign
	tasks   tasks
	// directory has the lists of rooms that somebody reads page by page.
	directory *directory
	// complain keeps what strangers can cause from flooding the log.
	complain rate.Sometimes
}

var _ bridge.Side = (*Side)(nil)

// New makes a side that is connected to nothing yet.
func New(core bridge.Publisher, o Options) (*Side, error) {
	set, err := newSettings(o)
	if err != nil {
		return nil, err
	}
	s := &Side{
		core: core, log: o.Log, started: time.Now(),
		guests: newGuests(), pending: newPending(), tasks: newTasks(), directory: newDirectory(),
		complain: rate.Sometimes{First: 3, Interval: 10 * time.Second},
	}
	s.set.Store(set)
	s.links = newLinks(s)
	s.direct = newDirect(s)
	s.roster = newRoster(s)
	s.notes = newNotes(s)
	s.rooms = newRooms(s)
	s.foreign = newForeign(s)
	return s, nil
}

// hurry is how long the last words may take to queue: nobody waits for a server
// that is not there.
const hurry = 5 * time.Second

// Start has the domains' links there for what is delivered before Run has got so
// far: it is sent when they are up.
func (s *Side) Start() { s.links.start(s.set.Load().Domains) }

// Run connects and stays connected until ctx ends; then it says so in every
// room and to everybody who watches, sends what is waiting, closes the streams
// and returns.
func (s *Side) Run(ctx context.Context) {
	var work sync.WaitGroup
	noting, end := context.WithCancel(context.Background())
	defer func() {
		end()
		work.Wait()
	}()
	work.Go(func() { s.notes.run(noting) })
	s.Start()
	<-ctx.Done()
	defer time.AfterFunc(hurry, s.links.cancel).Stop()
	s.tasks.end()
	s.rooms.shutdown("The gateway is shutting down.")
	s.foreign.shutdown("The gateway is shutting down.")
	s.roster.shutdown()
	s.links.stop()
}

// Reload takes other options: links of domains that are as they were stay up.
// Whoever may not be where they are any more is removed from there.
func (s *Side) Reload(o Options) error {
	set, err := newSettings(o)
	if err != nil {
		return err
	}
	s.set.Store(set)
	s.rooms.evict(func(h *hosted, user jid.JID) bool {
		now, err := set.find(h.room.JID())
		return err != nil || now != h.address || !set.access.allows(user)
	}, "The gateway does not serve this, or you, any more.")
	s.roster.evict(func(at, user jid.JID) bool {
		_, err := set.find(at)
		return err != nil || !set.access.allows(user)
	})
	s.foreign.evict(set)
	s.links.change(set.Domains)
	return nil
}

// Deliver implements bridge.Side.
func (s *Side) Deliver(e bridge.Event) {
	switch {
	case s.foreign.concerns(e.Room):
		s.foreign.deliver(e)
	case e.Room.Private():
		s.direct.deliver(e)
	default:
		switch e.Body.(type) {
		case bridge.Confirm, bridge.Failure:
			if s.pending.answered(e) { // asked from outside of the room
				return
			}
		}
		s.rooms.deliver(e)
	}
}

// person is whom the core knows j as.
func person(j jid.JID) bridge.Person {
	return bridge.Person{Network: bridge.NetworkXMPP, ID: j.Bare().String()}
}

// handle takes every stanza that comes in.
func (s *Side) handle(st *wire.Stanza) {
	set := s.set.Load()
	answer := st.Type == "error" || st.Kind == wire.IQ && st.Type == "result"
	if _, ours := set.domains[st.From.Domain()]; ours || st.From.IsZero() {
		s.Counters.Unasked.Add(1) // our own error, come back from our own address
		return
	}
	if s.foreign.handle(st) {
		return
	}
	if refusal, ok := s.admit(set, st); !ok {
		if !answer {
			s.refuse(st.Header, refusal)
		}
		return
	}
	to, err := set.find(st.To)
	if err != nil {
		s.Counters.Addresses.Add(1)
		if !answer && st.Type != "unavailable" {
			s.refuse(st.Header, addressError(err))
		}
		return
	}
	switch {
	case to.Kind == address.Channel:
		s.rooms.handle(st, to)
	case to.Network == bridge.NetworkBridge && st.Kind != wire.IQ:
		if !answer && st.Type != "unavailable" {
			s.refuse(st.Header, wire.StanzaError{Condition: wire.ConditionServiceUnavailable, Text: "This is the bridge itself. Nobody reads what is written to it."})
		}
	case st.Kind == wire.Message:
		s.direct.handle(st, to)
	case st.Kind == wire.Presence:
		s.roster.handle(st, to)
	case answer:
		s.Counters.Unasked.Add(1)
	default:
		s.handleIQ(st, to)
	}
}

func addressError(err error) wire.StanzaError {
	e := wire.StanzaError{Condition: wire.ConditionItemNotFound, Text: "There is no such address here: " + err.Error() + "."}
	if errors.Is(err, address.ErrOtherwise) {
		e.Condition = wire.ConditionJIDMalformed
	}
	return e
}

// send sends stanzas from an address of a domain.
func (s *Side) send(domain string, f func(b []byte) []byte) {
	if l := s.links.get(domain); l != nil {
		l.Send(f)
		return
	}
	s.Counters.Unsent.Add(1)
	s.log.Debug("stanzas given up: the domain is not served any more", "domain", domain)
}

// refuse answers a stanza, which is no answer itself, with an error.
func (s *Side) refuse(h wire.Header, e wire.StanzaError) {
	s.send(h.To.Domain(), func(b []byte) []byte { return wire.AppendErrorReply(b, h, e) })
}

// outlet sends on whichever link a domain has at the time. It is a muc.Sender.
type outlet struct {
	side   *Side
	domain string
}

func (o outlet) Send(f func(b []byte) []byte) { o.side.send(o.domain, f) }
