// Package ircside is IRC as a bridge.Side: every person of ours who is in an
// IRC channel has a connection of their own to its network.
//
//	Side ─ network ┬ client, one per person: their session, reconnects, rooms
//	               └ channel, one per room: which clients are in it, and the
//	                 observer, the one picture of it that the core is told of
//
// Locks are taken in this order: client, network, channel, nicks. None of them
// is held during Publish, and none but the client's own while its connection is written to.
package ircside

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

// Counters count what was ignored or given up; each only grows.
type Counters struct {
	Malformed  atomic.Int64 // lines with too few parameters
	CTCP       atomic.Int64 // CTCP queries that were not answered
	Flooded    atomic.Int64 // private messages beyond what anybody can read
	Empty      atomic.Int64 // messages without text
	Crowded    atomic.Int64 // members for whom a channel's list had no place
	Forced     atomic.Int64 // channels that a server put somebody in
	Unanswered atomic.Int64 // what operators and others said to us, too often to be answered
	Dropped    atomic.Int64 // requests given up because too many waited for a connection
	Braked     atomic.Int64 // times that a network refused so many that nobody else tried for a while
	Unsaid     atomic.Int64 // notices of the keeper that could not be sent
	Sessions   atomic.Int64 // open ones, the only one that goes down again

	Session session.Stats
}

// Side is all of IRC.
//
//	irc := ircside.New(hub, logins, opts, log)
//	hub.RegisterOthers(irc)
//	irc.Run(ctx) // until the end
type Side struct {
	Counters Counters

	core   bridge.Publisher
	logins Logins
	log    *slog.Logger
	opts   atomic.Pointer[Options]
	ledger *ledger

	ctx    context.Context // of all sessions
	cancel context.CancelFunc
	work   sync.WaitGroup // sessions, and timers that open them

	mu       sync.Mutex
	networks map[string]*network // those in use, or listed
	stopping bool
}

var _ bridge.Side = (*Side)(nil)

// New makes a side that connects nowhere yet.
func New(core bridge.Publisher, logins Logins, opts Options, log *slog.Logger) *Side {
	s := &Side{core: core, logins: logins, log: log, networks: map[string]*network{}}
	s.opts.Store(&opts)
	s.ledger = &ledger{store: opts.Consents, log: log}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Run waits for ctx to end, says QUIT everywhere, and returns when every
// session is gone. What is delivered after that fails.
func (s *Side) Run(ctx context.Context) {
	s.standAll()
	<-ctx.Done()
	s.mu.Lock()
	s.stopping = true
	all := s.allLocked()
	s.mu.Unlock()
	for _, n := range all {
		for _, c := range n.all() {
			c.lock()
			c.close("The gateway is shutting down")
			c.unlock()
		}
	}
	s.work.Wait()
	s.ledger.close()
	s.cancel()
}

// Reload takes other options. Sessions stay as they are, except on networks
// that are no longer served; whatever else changed holds for new ones.
func (s *Side) Reload(opts Options) {
	s.opts.Store(&opts)
	s.mu.Lock()
	all := s.allLocked()
	s.mu.Unlock()
	for _, n := range all {
		set, ok := opts.network(n.name)
		if ok {
			n.configure(set)
			n.unlisted.Store(opts.isUnlisted(n.name))
			n.enforce()
			n.stand()
			continue
		}
		s.forget(n)
		n.retire()
		for _, c := range n.all() {
			c.lock()
			c.evict("This network is not served any more.")
			c.unlock()
		}
	}
	s.standAll()
}

// LoginChanged makes the next session of somebody ask Logins again.
func (s *Side) LoginChanged(who bridge.Person, network string) {
	s.mu.Lock()
	n := s.networks[network]
	s.mu.Unlock()
	if n == nil {
		return
	}
	n.forgive(who)
	if c := n.lockClient(who, false); c != nil {
		c.login = nil
		c.edits++
		c.unlock()
	}
}

// allLocked is every network there is. The caller holds the lock.
func (s *Side) allLocked() []*network {
	all := make([]*network, 0, len(s.networks))
	for _, n := range s.networks {
		all = append(all, n)
	}
	return all
}

func (s *Side) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// begin counts something that Run has to wait for, unless it is too late to
// begin anything.
func (s *Side) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.work.Add(1)
	}
	return !s.stopping
}

// network finds the network of that name, and makes it if it is wanted, nil
// where it isn't in use. served tells whether people may reach it at all.
func (s *Side) network(name string, wanted bool) (n *network, served bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.networks[name]; n != nil {
		return n, true
	}
	opts := s.opts.Load()
	set, served := opts.network(name)
	if served && wanted {
		s.sweep(opts, time.Now())
		n = newNetwork(s, name, set)
		n.unlisted.Store(opts.isUnlisted(name))
		s.networks[name] = n
	}
	return n, served
}

// sweep forgets networks that nobody uses, of those that aren't listed. The
// caller holds the lock.
func (s *Side) sweep(opts *Options, now time.Time) {
	for name, n := range s.networks {
		if opts.isUnlisted(name) && n.retireIfIdle(now) {
			delete(s.networks, name)
		}
	}
}

// forget drops a network that nobody may use any more.
func (s *Side) forget(n *network) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.networks[n.name] == n {
		delete(s.networks, n.name)
	}
}

// usage counts the networks and rooms that somebody uses.
func (s *Side) usage(who bridge.Person) (networks, rooms int) {
	s.mu.Lock()
	all := s.allLocked()
	s.mu.Unlock()
	for _, n := range all {
		if k := n.roomsOf(who); k >= 0 {
			networks++
			rooms += k
		} else if k := n.lodgersOf(who); k > 0 {
			networks++
			rooms += k
		}
	}
	return networks, rooms
}

// fail publishes that a delivered event did not take effect. Only requests
// are answered.
func (s *Side) fail(e bridge.Event, how bridge.Failure) {
	if _, notice := e.Body.(bridge.Info); notice {
		s.unsaid(e, how.Text)
	}
	if isRequest(e.Body) {
		s.core.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: how})
	}
}

func isRequest(b bridge.Body) bool {
	switch b.(type) {
	case bridge.Message, bridge.Join, bridge.Rename, bridge.RoleChange, bridge.Expel, bridge.Pardon, bridge.Topic, bridge.Invite, bridge.Watch, bridge.Query:
		return true
	}
	return false
}
