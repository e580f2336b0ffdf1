package matrixside

import (
	"context"
	"maps"
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

const (
	// leaveAfter is how long after the start ghosts still hold the places of
	// people who were in a room before it; leaveEvery is between two who leave
	// then: homeservers take long over a mass of them.
	leaveAfter = 3 * time.Minute
	leaveEvery = 250 * time.Millisecond
	// joinPatience is how long a homeserver may take to let somebody in: a
	// room on another server is fetched from there.
	joinPatience = 2 * time.Minute
)

// natives are the rooms of Matrix that people of other networks are in, and
// their conversations with Matrix users one to one.
type natives struct {
	side *Side

	mu    sync.Mutex
	rooms map[bridge.Room]*native
	left  []store.MatrixRoom        // ghosts who were somewhere before the restart
	kept  map[bridge.Room]id.RoomID // where the core wants the Keeper; see keep
	// sealed are encrypted rooms that were to be mapped.
	sealed map[id.RoomID]bool
	calls  *rate.Limiter // invitations that are carried on
	joins  map[joinKey]*joining
	turns  chan struct{} // has places for those who join
	// cased are room ids that were heard of, by themselves in lower case: people
	// type them into addresses that have no other.
	cased map[string]id.RoomID
	// knocks are the rooms that somebody of ours has knocked at, by what they called them.
	knocks map[id.RoomID]string
	// presences is how available Matrix users were when they were heard of last.
	presences map[id.UserID]bridge.Presence

	chats *chats
}

func newNatives(s *Side) *natives {
	n := &natives{side: s, rooms: map[bridge.Room]*native{}, kept: map[bridge.Room]id.RoomID{}, sealed: map[id.RoomID]bool{}, calls: rate.NewLimiter(10, 100),
		presences: map[id.UserID]bridge.Presence{}, cased: map[string]id.RoomID{}, knocks: map[id.RoomID]string{},
		joins: map[joinKey]*joining{}, turns: make(chan struct{}, joinsAtOnce)}
	n.chats = newChats(n)
	return n
}

// recall takes up what was remembered.
func (n *natives) recall(r store.MatrixRoom) {
	if r.Kind == kindDirect {
		n.chats.recall(r)
		return
	}
	if id.UserID(r.Ghost) == n.side.options().Names.BotID() {
		n.hold(r)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left = append(n.left, r)
}

// run leaves, until ctx ends, the rooms that nobody came back to.
func (n *natives) run(ctx context.Context) {
	wait := time.NewTimer(leaveAfter)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		n.mu.Lock()
		if len(n.left) == 0 {
			n.mu.Unlock()
			return
		}
		next := n.left[0]
		n.left = n.left[1:]
		n.mu.Unlock()
		n.abandon(ctx, next)
		wait.Reset(leaveEvery)
	}
}

// close waits for what is being done in the rooms, which is soon over: no
// request is made any more.
func (n *natives) close() {
	n.mu.Lock()
	rooms := slices.Collect(maps.Values(n.rooms))
	n.mu.Unlock()
	for _, room := range rooms {
		room.box.Close()
	}
	n.chats.close()
}

// bringBot has the bot join a public room where the homeserver tells it alone
// who is typing, has read or is there (Dendrite). Elsewhere, and in rooms that
// it would have to be invited to, it stays out.
func (n *natives) bringBot(room id.RoomID, rule event.JoinRule) {
	if rule != event.JoinRulePublic {
		return
	}
	n.side.signals.send("", func(ctx context.Context, m *mautrix.Client) error {
		if n.side.tellsAll(ctx) {
			return nil
		}
		_, err := m.JoinRoom(ctx, string(room), nil)
		return err
	})
}

// takeBot has the bot leave a room that nobody of ours is in any more.
func (n *natives) takeBot(room id.RoomID) {
	n.side.signals.send("", func(ctx context.Context, m *mautrix.Client) error {
		if n.side.tellsAll(ctx) || n.side.places.at(room) != nil {
			return nil
		}
		_, err := m.LeaveRoom(ctx, room)
		return err
	})
}

// abandon has a ghost leave a room whose person has not come back.
func (n *natives) abandon(ctx context.Context, r store.MatrixRoom) {
	if at, ok := n.side.places.at(id.RoomID(r.ID)).(*native); ok {
		if who, known := n.side.ghosts.person(id.UserID(r.Ghost)); known && at.stayOf(who) != nil {
			return
		}
	}
	if id.UserID(r.Ghost) == n.side.options().Names.BotID() {
		n.unhold(id.RoomID(r.ID))
		if n.keeps(r.Room) {
			return // it is yet to come
		}
	}
	n.side.ghosts.absent(id.UserID(r.Ghost))
	if r.Data != string(event.JoinRulePublic) {
		n.forget(ctx, id.RoomID(r.ID), id.UserID(r.Ghost)) // see native.leave
		return
	}
	err := n.side.options().Client.Do(ctx, id.UserID(r.Ghost), func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.LeaveRoom(ctx, id.RoomID(r.ID), &mautrix.ReqLeave{Reason: "The bridge was restarted."})
		return err
	})
	n.takeBot(id.RoomID(r.ID))
	if err != nil && ctx.Err() == nil {
		n.side.log.Info("a ghost can't leave a room that it was in", "room", r.ID, "ghost", r.Ghost, "error", err)
	}
	if ctx.Err() == nil {
		n.forget(ctx, id.RoomID(r.ID), id.UserID(r.Ghost))
	}
}

func (n *natives) forget(ctx context.Context, room id.RoomID, ghost id.UserID) {
	if err := n.side.options().Rooms.DeleteMatrixRoom(ctx, string(room), string(ghost)); err != nil {
		n.side.log.Warn("a room that a ghost has left is not forgotten", "room", room, "ghost", ghost, "error", err)
	}
}

// rememberPatience is how long the store may take over what is remembered.
const rememberPatience = 5 * time.Second

// remember keeps who is where over a restart.
func (n *natives) remember(at *native, room id.RoomID, ghost id.UserID, rule event.JoinRule) {
	// Also when we are ending: a leave that came to nothing is to be made up for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.side.ctx), rememberPatience)
	defer cancel()
	err := n.side.options().Rooms.SetMatrixRoom(ctx, store.MatrixRoom{
		ID: string(room), Ghost: string(ghost), Kind: kindNative, Room: at.room, Data: string(rule),
	})
	if err != nil {
		n.side.log.Warn("a ghost would stay in a room after a restart", "room", at.room, "ghost", ghost, "error", err)
	}
}

// find is the room that the core calls so, nil while nobody of ours is in it.
func (n *natives) find(room bridge.Room) *native {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rooms[room]
}

// drop lets go of a room that the last of ours has left.
func (n *natives) drop(gone *native, at id.RoomID) {
	n.side.places.remove(at)
	gone.giveBack(at)
	n.mu.Lock()
	if n.rooms[gone.room] == gone {
		delete(n.rooms, gone.room)
	}
	n.mu.Unlock()
	gone.mu.Lock()
	public := gone.state.joinRule == event.JoinRulePublic
	gone.mu.Unlock()
	if public {
		n.takeBot(at)
	}
}

// deliver takes an event for a room of Matrix.
func (n *natives) deliver(e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Join:
		n.begin(e, b)
		return
	case bridge.Leave:
		if b.Cause == bridge.CauseDecline {
			n.decline(e, b)
			return
		}
		if e.By == bridge.Keeper {
			n.unkeep(e.Room)
		}
		n.callOff(e)
	}
	if at := n.find(e.Room); at != nil {
		at.deliver(e)
		return
	}
	n.side.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "You are not in this room."})
}

// invited handles the invitation of a ghost to a room that the bridge has
// nothing to do with: its person is told. Joining the room accepts it.
func (n *natives) invited(e *event.Event, ghost id.UserID) {
	who, ok := n.side.ghosts.person(ghost)
	switch {
	case who == bridge.Keeper:
		n.keeperCalled(e)
		return
	case !ok:
		return
	}
	n.heardOf(e.RoomID)
	room, talk := names.OfRoomID(e.RoomID), names.OfUser(e.Sender)
	for _, s := range e.Unsigned.InviteRoomState {
		if s.Type.Type == event.StateCanonicalAlias.Type && (s.Content.Parsed != nil || s.Content.ParseRaw(event.StateCanonicalAlias) == nil) {
			if alias := names.OfAlias(s.Content.AsCanonicalAlias().Alias); alias != "" {
				room = alias
			}
		}
	}
	if room == "" || talk == "" {
		n.side.Counters.Malformed.Add(1)
		return
	}
	if o := n.side.options(); !o.allows(e.Sender) && !o.Names.IsOurs(e.Sender) {
		n.refuse(e.RoomID, who, "This bridge is not for users of "+e.Sender.Homeserver()+".")
		return
	}
	if !n.calls.Allow() {
		n.side.Counters.Signals.Add(1)
		n.side.log.Info("an invitation is not carried on, there are too many", "by", e.Sender, "ghost", ghost)
		return
	}
	n.side.core.Publish(bridge.Event{
		Room: bridge.Room{Network: bridge.NetworkMatrix, ID: talk, Owner: who},
		By:   n.side.ghosts.behind(e.Sender),
		Name: nameless(e.Sender), At: time.UnixMilli(e.Timestamp),
		Body: bridge.Invite{Person: who, Room: room, Reason: cleanText(e.Content.AsMember().Reason)},
	})
}
