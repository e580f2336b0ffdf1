package bridge

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sweepInterval is how often portals that nobody needs are put away.
const sweepInterval = time.Minute

// keepAddress is for how long the address is remembered that somebody used last
// in a private conversation.
const keepAddress = 24 * time.Hour

// Recorder keeps which message has which id on which network.
type Recorder interface {
	// Record must not block for long: portals wait for it.
	Record(Record)
}

// Counters counts what the core did; each only grows.
type Counters struct {
	Published atomic.Int64 // events taken in
	Orphans   atomic.Int64 // facts of rooms that nobody is in any more
	Refused   atomic.Int64 // requests that no link has a place for
	Lost      atomic.Int64 // deliveries given up because a leg's queue was full
}

// Hub is the core: it finds or makes the portal of each event by the links,
// and knows the side of each network.
//
//	hub := bridge.NewHub(recorder, log)
//	hub.Register(bridge.NetworkXMPP, xmpp)
//	hub.RegisterOthers(irc)
//	err := hub.SetLinks(links)
//	go hub.Run(ctx)
type Hub struct {
	Counters Counters

	recorder Recorder
	log      *slog.Logger
	sides    map[string]Side // before the first event, then never changed
	others   Side
	tracers  tracers

	mu      sync.RWMutex
	links   []Link
	portals map[Room]*portal // each portal under each of its legs
	closed  bool
}

var _ Publisher = (*Hub)(nil)

// NewHub makes a hub without sides and links.
func NewHub(recorder Recorder, log *slog.Logger) *Hub {
	return &Hub{recorder: recorder, log: log, sides: map[string]Side{}, portals: map[Room]*portal{}}
}

// Register names the side of one network, RegisterOthers that of every other.
// Both are called before the first Publish.
func (h *Hub) Register(network string, s Side) { h.sides[network] = s }

// RegisterOthers names the side of every network that Register did not.
func (h *Hub) RegisterOthers(s Side) { h.others = s }

func (h *Hub) side(network string) Side {
	if s := h.sides[network]; s != nil {
		return s
	}
	return h.others
}

// SetLinks replaces the rules for conversations to come; running ones go on.
// On an error nothing changes. The first link that has a place for a room counts.
func (h *Hub) SetLinks(links []Link) error {
	for _, l := range links {
		if err := l.Check(); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links = links
	return nil
}

// Publish implements Publisher.
func (h *Hub) Publish(e Event) {
	h.Counters.Published.Add(1)
	if e.ID == "" {
		e.ID = NewID()
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	h.tracers.tell(false, e)
	for {
		h.mu.RLock()
		p := h.portals[e.Room]
		h.mu.RUnlock()
		if p == nil {
			if p = h.open(e); p == nil {
				h.refuse(e)
				return
			}
		}
		if p.post(e) {
			return
		}
		// It was swept between the look-up and the post: look again.
		if h.isClosed() {
			return
		}
	}
}

func (h *Hub) isClosed() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.closed
}

// opens reports whether e may begin a conversation: private ones are begun by
// whoever speaks first, shared ones by a join, or by who won't join.
func opens(e Event) bool {
	if e.Room.Private() {
		return true
	}
	if l, leave := e.Body.(Leave); leave {
		return l.Cause == CauseDecline && e.Ref == ""
	}
	if callsKeeper(e) {
		return true
	}
	_, join := e.Body.(Join)
	return join && e.Ref == ""
}

// open finds or makes the portal that e.Room belongs to; nil if it has none.
func (h *Hub) open(e Event) *portal {
	if !opens(e) {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.portals[e.Room]; p != nil || h.closed {
		return p
	}
	for _, link := range h.links {
		legs := link.legs(e.Room)
		// A fact of a room that nobody is in opens nothing.
		if legs == nil || !e.Room.Private() && decides(legs, e.Room) && !callsKeeper(e) {
			continue
		}
		return h.join(legs)
	}
	return nil
}

// decides reports whether room is the one with authority among legs.
func decides(legs []leg, room Room) bool {
	return slices.ContainsFunc(legs, func(l leg) bool { return l.authority && l.room == room })
}

// join makes the portal of legs, or adds those that are new to the portal
// that has the others. Called under the lock.
func (h *Hub) join(legs []leg) *portal {
	var p *portal
	for _, l := range legs {
		if known := h.portals[l.room]; known != nil {
			p = known
		}
	}
	if p == nil {
		p = newPortal(h, legs)
		for _, l := range legs {
			h.portals[l.room] = p
		}
		return p
	}
	for _, l := range legs {
		if h.portals[l.room] == nil {
			h.portals[l.room] = p
			p.addLeg(l)
		}
	}
	return p
}

// refuse sends a request back to its side, and counts a fact that came too late.
func (h *Hub) refuse(e Event) {
	switch e.Body.(type) {
	case Join, Message, Rename, RoleChange, Expel, Pardon, Topic, Invite, Watch, Query:
		if h.side(e.Room.Network) == nil || e.Ref != "" {
			break
		}
		if s := h.sides[e.Room.Network]; s != nil {
			h.Counters.Refused.Add(1)
			failure := Event{ID: e.ID, Room: e.Room, By: e.By, Name: e.Name, Ref: e.ID, At: e.At,
				Body: Failure{ErrNotFound, "There is no such room here."}}
			if e.Room.Network == NetworkMapped {
				go s.Deliver(failure) // it publishes from inside what Deliver waits for
			} else {
				s.Deliver(failure)
			}
			return
		}
	}
	h.Counters.Orphans.Add(1)
	h.log.Debug("event of a room that nobody is in", "room", e.Room, "kind", e.Body.kind())
}

// Run puts away portals that nobody needs, until ctx ends; then it lets every
// portal finish what is queued and returns. Publish does nothing after that.
func (h *Hub) Run(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.sweep()
		case <-ctx.Done():
			h.close()
			return
		}
	}
}

func (h *Hub) sweep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	done := map[*portal]bool{}
	for room, p := range h.portals {
		closed, asked := done[p]
		if !asked {
			closed = p.closeIfIdle(h.misses)
			done[p] = closed
		}
		if closed {
			delete(h.portals, room)
		}
	}
}

// misses reports whether answers in a private conversation would come from
// another address than the one that its owner used last, were it put away.
// The caller holds the lock.
func (h *Hub) misses(s *state) bool {
	if s.last == nil || time.Since(s.spoke) > keepAddress {
		return false
	}
	room := s.authority().room
	for _, link := range h.links {
		if legs := link.legs(room); legs != nil {
			return !slices.ContainsFunc(legs, func(l leg) bool { return l.room == s.last.room })
		}
	}
	return false
}

func (h *Hub) close() {
	h.mu.Lock()
	h.closed = true
	all := map[*portal]bool{}
	for _, p := range h.portals {
		all[p] = true
	}
	h.portals = map[Room]*portal{}
	h.mu.Unlock()
	for p := range all {
		p.close()
	}
}

// Portals tells how many conversations there are.
func (h *Hub) Portals() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	all := map[*portal]bool{}
	for _, p := range h.portals {
		all[p] = true
	}
	return len(all)
}
