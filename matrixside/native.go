package matrixside

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/actor"
)

const (
	// nativeBound is how many events of one room wait. When it is full, the
	// inbox waits with this room's.
	nativeBound = 1024
	// recentBound is how many messages of a room are known by their event ids,
	// so that whoever comes gets each of them once.
	recentBound = 256
)

// native is a room of Matrix that people of other networks are in. What
// happens there is worked off one by one in its mailbox, whose goroutine alone
// changes the fields below mu; others read them under mu.
type native struct {
	side *Side
	room bridge.Room // what the core calls it
	box  *actor.Mailbox[func()]

	mu      sync.Mutex
	id      id.RoomID // another one when it has been upgraded
	open    bool      // its state is known
	closed  bool      // nobody of ours is in it any more
	coming  int       // how many of ours are on their way in
	state   nativeState
	members *members
	partial bool // not everybody is in members
	joined  int  // how many there are
	ours    map[bridge.Person]*stay
	// admitted are those on their way into a mapped room who have a place there.
	admitted map[bridge.Person]bool
	// bans are the users who are known to be banned; see native_bans.go.
	bans map[id.UserID]bool
	// knocked is when people of a mapping asked to be let in last.
	knocked map[bridge.Person]time.Time
	// bridges are other bridges that say that they have the room.
	bridges map[id.UserID]bool
	// keeping is that the Keeper is on its way in, held what waits for it, back
	// that it was there before a restart.
	keeping bool
	held    []heldEvent
	back    bool

	recent recentEvents
	// What ours say is shown when it is confirmed; see awaitOwn.
	sending   int
	confirmed recentEvents
	told      chan struct{} // closed and replaced when something is confirmed

	typing   map[id.UserID]bool // as it was published
	signals  *rate.Limiter
	outgoing *rate.Limiter
	words    *rate.Limiter // of the bridge itself
	becoming *rate.Limiter // ghosts that take each other's place
	newest   time.Time     // of the events that were seen
	warned   time.Time     // when people were told last that the room is encrypted
}

// nativeState is what a room says of itself.
type nativeState struct {
	power      nativePower
	name       string
	alias      id.RoomAlias
	topic      string
	avatar     id.ContentURIString
	avatarHash string // SHA-1 in hex, as far as it is known
	joinRule   event.JoinRule
	encrypted  bool
	replaced   id.RoomID // the room that it goes on in
}

// stay is one of ours in a room.
type stay struct {
	who      bridge.Person
	ghost    id.UserID
	display  string    // the name that we gave the ghost there
	restored time.Time // when that began to be counted
	restores int
	// called is for the Keeper, and for whom it has called in: they can come
	// into the room again at any time.
	called bool
	cut    bool // of the Keeper: it was told that the homeserver is away
}

// mayLeave is the rule by which a ghost leaves the room, as natives.remember has it.
func (s *stay) mayLeave(rule event.JoinRule) event.JoinRule {
	if s.called {
		return event.JoinRulePublic
	}
	return rule
}

// nativeTasks is what the rooms' mailboxes are lent.
var nativeTasks actor.Pool[func()]

// newNative makes a room that nobody is in yet.
func newNative(s *Side, room bridge.Room, at id.RoomID) *native {
	n := &native{
		side: s, room: room, id: at, members: newMembers(),
		ours: map[bridge.Person]*stay{}, admitted: map[bridge.Person]bool{}, bans: map[id.UserID]bool{}, told: make(chan struct{}), typing: map[id.UserID]bool{},
		signals:  rate.NewLimiter(signalsPerSecond, signalsBurst),
		outgoing: rate.NewLimiter(signalsPerSecond, signalsBurst),
		words:    rate.NewLimiter(rate.Every(wordsInterval), wordsBurst),
		becoming: rate.NewLimiter(rate.Every(becomesInterval), becomesBurst),
	}
	n.box = actor.New(nativeBound, &nativeTasks, func(batch []func()) {
		for _, do := range batch {
			do()
		}
	})
	return n
}

// handle implements place.
func (n *native) handle(e *event.Event, done func()) {
	n.box.Post(func() { // after the end it is left for the next start
		if n.awaitsKeeper(e, done) {
			return
		}
		n.take(e)
		done()
	})
}

// roomID is what the homeserver calls the room.
func (n *native) roomID() id.RoomID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id
}

// stayOf is how somebody of ours is in the room, nil for nobody.
func (n *native) stayOf(who bridge.Person) *stay {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ours[who]
}

// anyGhost is a ghost in the room, to ask things in the name of; "" for none.
func (n *native) anyGhost() id.UserID {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.ours {
		return s.ghost
	}
	return ""
}

// publish hands a fact of the room to the core.
func (n *native) publish(e bridge.Event) {
	e.Room = n.room
	n.side.core.Publish(e)
}

// as makes a request in the name of a ghost; see Side.do.
func (n *native) as(ghost id.UserID, f func(context.Context, *mautrix.Client) error) error {
	return n.side.do(n.side.ctx, ghost, f)
}

// person is who a member of the room is to the core, and what they are called.
func (n *native) person(user id.UserID) (bridge.Person, string) {
	n.mu.Lock()
	m := n.members.get(user)
	n.mu.Unlock()
	if m != nil {
		return n.side.ghosts.behind(user), m.name
	}
	return n.side.ghosts.behind(user), nameless(user)
}

// nameless is what somebody is called who has no name in a room.
func nameless(user id.UserID) string {
	if name := cleanName(user.Localpart()); name != "" {
		return name
	}
	return string(user)
}

// named is the user whom the room shows by a name, "" for nobody.
func (n *native) named(name string) id.UserID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members.named(name)
}

// leaves takes somebody of ours out. The last one takes the room with them.
func (n *native) leaves(who bridge.Person) *stay {
	n.mu.Lock()
	gone := n.ours[who]
	delete(n.ours, who)
	last := len(n.ours) == 0 && !n.closed
	if last {
		n.closed, n.open = true, false
	}
	at := n.id
	n.mu.Unlock()
	if gone != nil {
		n.side.ghosts.entered(who, -1)
	}
	if last {
		n.side.natives.drop(n, at)
	}
	return gone
}

// ownPatience is how long what others say waits for what was said by ours
// before it, whose Confirm is on its way.
const ownPatience = 2 * time.Second

// begins notes that something of ours is being said, ends how that went: the
// event that the homeserver made of it, or "".
func (n *native) begins() {
	n.mu.Lock()
	n.sending++
	n.mu.Unlock()
}

func (n *native) ends(sent id.EventID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sending--
	if sent != "" {
		n.confirmed.add(sent)
	}
	close(n.told)
	n.told = make(chan struct{})
}

// awaitOwn returns when what ours have said in an event is confirmed: nobody
// shall see the answer before it. The core has one thing at a time said in a
// room, so that it is what is being said now, or was confirmed before.
func (n *native) awaitOwn(e id.EventID) {
	n.mu.Lock()
	over, told := n.sending == 0 || n.confirmed.has(e), n.told
	n.mu.Unlock()
	if over {
		return
	}
	timer := time.NewTimer(ownPatience)
	defer timer.Stop()
	select {
	case <-told:
	case <-timer.C:
	case <-n.side.ctx.Done():
	}
}

// recentEvents are the messages of a room that were carried on last. The zero
// value is ready.
type recentEvents struct {
	ids  []id.EventID // a ring
	next int
}

func (r *recentEvents) add(e id.EventID) {
	if len(r.ids) < recentBound {
		r.ids = append(r.ids, e)
		return
	}
	r.ids[r.next] = e
	r.next = (r.next + 1) % recentBound
}

func (r *recentEvents) has(e id.EventID) bool { return slices.Contains(r.ids, e) }
