package matrixside

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/names"
)

// kindPortal is the kind of a store.MatrixRoom that is a portal's.
const kindPortal = "portal"

const (
	// tickInterval is how often it is looked who is to be asked in again.
	tickInterval = 5 * time.Second
	// crowdBurst ghosts come and go at once, over all rooms, then one per
	// crowdInterval: a homeserver has other things to do.
	crowdBurst    = 20
	crowdInterval = 50 * time.Millisecond
	// ghostsOnDendrite and ghostsOnSynapse stand in one room where
	// PortalOptions.Ghosts says nothing: what a room's members cost grows on
	// Dendrite with their square.
	ghostsOnDendrite = 100
	ghostsOnSynapse  = 1000
	// returnInterval is between two users who are let in again after a restart.
	returnInterval = 10 * time.Millisecond
)

// portals are the rooms of ours for channels and MUCs of other networks.
type portals struct {
	side   *Side
	pace   *rate.Limiter // of ghosts who come and go
	spaces spaces

	mu       sync.Mutex
	byRoom   map[string]*portal // by what the core calls them
	making   map[string]*making
	users    map[id.UserID]map[*portal]bool // who is in which
	recalled []*portal                      // those of whom it is not known who is in
	retries  map[*portal]bool               // in which somebody is to be asked in again
	stopped  bool
	ending   chan struct{} // closed when run is to end
	work     sync.WaitGroup
}

// making is a portal that is being made; done is closed when it is, or can't be.
type making struct {
	done   chan struct{}
	portal *portal
	err    error
}

func newPortals(s *Side) *portals {
	return &portals{side: s, pace: rate.NewLimiter(rate.Every(crowdInterval), crowdBurst),
		byRoom: map[string]*portal{}, making: map[string]*making{}, users: map[id.UserID]map[*portal]bool{},
		ending: make(chan struct{}), retries: map[*portal]bool{},
		spaces: spaces{side: s, ids: map[string]id.RoomID{}}}
}

// portal is one of them. What is known of it is in state, which one goroutine
// at a time has; what is to be done is done without.
type portal struct {
	all  *portals
	side *Side
	id   id.RoomID
	room bridge.Room
	// network is whose room it stands for.
	network string
	// arrived is closed when it is known who is in the room.
	arrived chan struct{}
	powers  sync.Mutex // while power levels are changed
	// signals are those of its ghosts, incoming those of its users.
	signals, incoming *rate.Limiter

	mu       sync.Mutex
	state    *portalState
	keys     map[id.UserID]string // of the room, as users have given them
	settling bool
}

func newPortal(all *portals, room id.RoomID, name string) *portal {
	there, network, _ := names.SplitPortal(name)
	s := all.side
	p := &portal{all: all, side: s, id: room, room: bridge.Room{Network: bridge.NetworkMatrix, ID: name}, network: network,
		arrived: make(chan struct{}), signals: rate.NewLimiter(signalsPerSecond, signalsBurst), incoming: rate.NewLimiter(signalsPerSecond, signalsBurst),
		keys: map[id.UserID]string{}}
	home := network
	if network == bridge.NetworkXMPP {
		home = "XMPP"
	}
	p.state = &portalState{
		room: p.room, network: network, there: there, home: home, bot: s.options().Names.BotID(),
		admit: p.admit, dropped: func(user id.UserID) { all.drop(user, p) },
		key: func(user id.UserID) string { return p.keys[user] },
		now: time.Now, newID: bridge.NewID, ghostOf: s.ghostOf, isOurs: s.isOurs, personOf: s.ghosts.person, parse: s.said,
		users: map[id.UserID]*portalUser{}, gone: map[id.UserID]since{}, banned: map[id.UserID]bool{}, crowd: newCrowd(ghostsOnDendrite, s.ghosts.entered), asked: map[string]*portalAsked{},
		levels: map[id.UserID]int{}, typing: map[id.UserID]bool{}, name: there,
	}
	return p
}

// ghostOf is who stands for somebody in a portal room, "" if nobody can: Matrix users, and the
// Keeper, who is there as the bot already.
func (s *Side) ghostOf(who bridge.Person) id.UserID {
	if who.Network == bridge.NetworkMatrix || who == bridge.Keeper || who == (bridge.Person{}) {
		return ""
	}
	return s.ghosts.of(who)
}

// isOurs reports whether user is a ghost or the bot.
func (s *Side) isOurs(user id.UserID) bool { return s.options().Names.IsOurs(user) }

// admit is why a user may not come in, "" if they may; then they count as
// being in until they are dropped. Called with the state.
func (p *portal) admit(user id.UserID) string {
	o := p.side.options()
	if !o.allows(user) {
		return "This bridge is not for users of " + user.Homeserver() + "."
	}
	all := p.all
	all.mu.Lock()
	defer all.mu.Unlock()
	in := all.users[user]
	if len(in) >= o.Portals.RoomsPerUser && !in[p] {
		return "You are in as many rooms of the bridge as you may be."
	}
	if in == nil {
		in = map[*portal]bool{}
		all.users[user] = in
	}
	in[p] = true
	return ""
}

// drop forgets that a user is in a portal.
func (all *portals) drop(user id.UserID, p *portal) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if delete(all.users[user], p); len(all.users[user]) == 0 {
		delete(all.users, user)
	}
}

// of returns the portals that a user is in.
func (all *portals) of(user id.UserID) []*portal {
	all.mu.Lock()
	defer all.mu.Unlock()
	var in []*portal
	for p := range all.users[user] {
		in = append(in, p)
	}
	return in
}

// recall takes up a room that was remembered.
func (all *portals) recall(r store.MatrixRoom) {
	switch r.Kind {
	case kindSpace:
		all.spaces.recall(r)
	case kindPortal:
		p := newPortal(all, id.RoomID(r.ID), r.Room.ID)
		all.mu.Lock()
		all.byRoom[r.Room.ID] = p
		all.recalled = append(all.recalled, p)
		all.mu.Unlock()
		all.side.places.add(p.id, p, p.room)
	}
}

// run finds out who is in the rooms that were remembered, and has users let in
// again; then it does what is to be done from time to time, until ctx ends.
func (all *portals) run(ctx context.Context) {
	defer all.stop()
	all.mu.Lock()
	recalled := all.recalled // others are made meanwhile, by whom it is found out
	all.recalled = nil
	all.mu.Unlock()
	for _, p := range recalled {
		if all.arrive(ctx, p, true) != nil {
			return
		}
	}
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all.tick()
	}
}

// tick has those asked in again for whom it is time.
func (all *portals) tick() {
	all.mu.Lock()
	waiting := slices.Collect(maps.Keys(all.retries))
	clear(all.retries)
	all.mu.Unlock()
	for _, p := range waiting {
		more := false
		p.run(func(s *portalState) { more = s.tick() })
		if more {
			all.retry(p)
		}
	}
}

// retry has tick look after a portal.
func (all *portals) retry(p *portal) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.retries[p] = true
}

// arrive finds out who is in a room. The error is ctx's: a room that the bot
// can't be in any more is forgotten.
func (all *portals) arrive(ctx context.Context, p *portal, again bool) error {
	var users map[id.UserID]mautrix.JoinedMember
	c := all.side.options().Client
	err := c.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		members, err := m.JoinedMembers(ctx, p.id)
		if err == nil {
			users = members.Joined
		}
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		all.side.log.Warn("matrix: a portal room that can't be entered any more is forgotten", "room", p.room, "id", p.id, "error", err)
		all.forget(ctx, p)
		// Or else the alias would go on leading there. Where that fails, it does.
		_ = c.Once(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.DeleteAlias(ctx, all.side.options().Names.Alias(p.room.ID))
			return err
		})
	}
	most := all.side.options().Portals.Ghosts
	if most == 0 {
		most = ghostsOnDendrite
		if software, _, err := c.Software(ctx); err == nil && software == "Synapse" {
			most = ghostsOnSynapse
		}
	}
	p.run(func(s *portalState) {
		s.crowd.most = most
		s.arrive(users, again)
	})
	close(p.arrived)
	pause := time.Duration(len(users)) * returnInterval
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(pause, 5*time.Second)):
		return nil
	}
}

// forget lets a portal go whose room is no more.
func (all *portals) forget(ctx context.Context, p *portal) {
	all.mu.Lock()
	if all.byRoom[p.room.ID] == p {
		delete(all.byRoom, p.room.ID)
	}
	delete(all.retries, p)
	for user, in := range all.users {
		if delete(in, p); len(in) == 0 {
			delete(all.users, user)
		}
	}
	all.mu.Unlock()
	all.side.places.remove(p.id)
	if err := all.side.options().Rooms.DeleteMatrixRoom(ctx, string(p.id), ""); err != nil {
		all.side.log.Error("a room could not be forgotten", "room", p.room, "error", err)
	}
}

// begin runs f on a goroutine that run waits for, unless it is too late.
func (all *portals) begin(f func()) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.stopped {
		return false
	}
	all.work.Go(f)
	return true
}

func (all *portals) stop() {
	close(all.ending)
	all.mu.Lock()
	all.stopped = true
	all.mu.Unlock()
	all.work.Wait()
}

// named is the portal that the core calls so, nil for none.
func (all *portals) named(room string) *portal {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.byRoom[room]
}

// deliver takes an event for a portal room.
func (all *portals) deliver(e bridge.Event) {
	p := all.named(e.Room.ID)
	if p == nil {
		all.side.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "There is no such room on Matrix any more."})
		return
	}
	if isAsking(e.Body) {
		all.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "This can't be asked of a room of the bridge."})
		return
	}
	if _, leaves := e.Body.(bridge.Leave); leaves && all.side.ending.Load() {
		return // all do, and come back with us
	}
	p.run(func(s *portalState) { s.deliver(e) })
}

// isAsking reports whether only a room with authority can do what is asked.
func isAsking(b bridge.Body) bool {
	switch b.(type) {
	case bridge.Expel, bridge.Pardon, bridge.Watch, bridge.Query, bridge.Invite:
		return true
	}
	return false
}

// run lets f change the state, and does what is to be done then.
func (p *portal) run(f func(*portalState)) {
	p.mu.Lock()
	f(p.state)
	acts := p.state.take()
	p.mu.Unlock()
	for _, a := range acts {
		p.act(a)
	}
}

// handle implements place.
func (p *portal) handle(e *event.Event, done func()) {
	select {
	case <-p.arrived:
	case <-p.all.ending:
		return // it is brought again
	}
	p.run(func(s *portalState) { s.handle(e, done) })
}

// ephemeral implements place.
func (p *portal) ephemeral(e *event.Event) {
	if !p.incoming.Allow() {
		p.side.Counters.Signals.Add(1)
		return
	}
	p.run(func(s *portalState) { s.ephemeral(e) })
}

// setKey notes the room's key as a user has given it.
func (p *portal) setKey(user id.UserID, key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.keys, user); key != "" && len(p.keys) < 1000 {
		p.keys[user] = key
	}
}

// serve answers what is not for an application service: media and look-ups.
func (all *portals) serve(media http.Handler) http.Handler {
	return &lookups{side: all.side, more: media}
}
