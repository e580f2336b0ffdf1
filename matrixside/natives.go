package matrixside

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/client"
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
	left  []store.MatrixRoom // ghosts who were somewhere before the restart
	calls *rate.Limiter      // invitations that are carried on
	// cased are room ids that were heard of, by themselves in lower case: people
	// type them into addresses that have no other.
	cased map[string]id.RoomID
	// presences is how available Matrix users were when they were heard of last.
	presences map[id.UserID]bridge.Presence

	chats *chats
}

func newNatives(s *Side) *natives {
	n := &natives{side: s, rooms: map[bridge.Room]*native{}, calls: rate.NewLimiter(10, 100),
		presences: map[id.UserID]bridge.Presence{}, cased: map[string]id.RoomID{}}
	n.chats = newChats(n)
	return n
}

// recall takes up what was remembered.
func (n *natives) recall(r store.MatrixRoom) {
	if r.Kind == kindDirect {
		n.chats.recall(r)
		return
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

// remember keeps who is where over a restart.
func (n *natives) remember(at *native, room id.RoomID, ghost id.UserID, rule event.JoinRule) {
	err := n.side.options().Rooms.SetMatrixRoom(n.side.ctx, store.MatrixRoom{
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
	if j, ok := e.Body.(bridge.Join); ok {
		if f := n.join(e, j); f != nil {
			n.side.fail(e, *f)
		}
		return
	}
	if at := n.find(e.Room); at != nil {
		at.deliver(e)
		return
	}
	n.side.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "You are not in this room."})
}

// join lets somebody of ours into a room. It returns why not; the Join that
// the core waits for comes from the room's mailbox otherwise.
func (n *natives) join(e bridge.Event, j bridge.Join) *bridge.Failure {
	room, ok := names.ParseRoom(e.Room.ID)
	if !ok || room.Kind != names.KindAlias && room.Kind != names.KindRoomID {
		return &bridge.Failure{Kind: bridge.ErrNotFound, Text: "Matrix can't have a room of this name."}
	}
	at, via, f := n.resolve(room)
	if f != nil {
		return f
	}
	ghost, err := n.ghost(e)
	if err != nil {
		return failed(err)
	}
	// The room gets its place before the ghost is in, so that nothing of what
	// happens from then on is missed.
	there, f := n.place(e.Room, at)
	if f != nil {
		return f
	}
	at = there.roomID() // where the others are, if the address leads elsewhere by now
	ctx, cancel := context.WithTimeout(n.side.ctx, joinPatience)
	defer cancel()
	if f := n.letIn(ctx, ghost, there, at, via); f != nil {
		n.unused(there)
		return f
	}
	if name := n.side.ghosts.profileName(ctx, e.By); name != e.Name && e.Name != "" {
		if err := n.side.ghosts.call(ctx, ghost, at, e.Name); err != nil {
			n.side.log.Info("a ghost keeps the name of its profile", "room", e.Room, "ghost", ghost, "error", err)
		}
	}
	there.box.Post(func() { there.enter(e, ghost, min(j.Wanted, mostHistory)) })
	return nil
}

// ghost registers who wants to come in.
func (n *natives) ghost(e bridge.Event) (id.UserID, error) {
	ctx, cancel := context.WithTimeout(n.side.ctx, outage)
	defer cancel()
	return n.side.ghosts.ensure(ctx, e.By, e.Name)
}

// failed is why something did not work, for whoever asked.
func failed(err error) *bridge.Failure {
	f := client.Failure(err)
	return &f
}

// resolve finds a room by its name, and servers that are in it.
func (n *natives) resolve(room names.Room) (at id.RoomID, via []string, f *bridge.Failure) {
	if room.Kind == names.KindRoomID {
		at = n.spelled(room.ID)
		return at, viaOf(at), nil
	}
	if n.side.options().Names.IsOurAlias(room.Alias) {
		portal, _ := n.side.options().Names.Portal(room.Alias)
		return "", nil, ownPortal(portal)
	}
	err := n.side.do(n.side.ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		answer, err := m.ResolveAlias(ctx, room.Alias)
		if err == nil {
			at, via = answer.RoomID, answer.Servers
			n.heardOf(at)
		}
		return err
	})
	if err != nil {
		f = failed(err)
		if f.Kind == bridge.ErrNotFound {
			f.Text = "There is no room called " + string(room.Alias) + " on Matrix."
		}
		return "", nil, f
	}
	return at, via[:min(len(via), 5)], nil
}

// maxCased bounds the room ids that are found also in lower case.
const maxCased = 65536

// heardOf notes the spelling of a room's id.
func (n *natives) heardOf(room id.RoomID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.cased) < maxCased {
		n.cased[strings.ToLower(string(room))] = room
	}
}

// spelled is the room that is meant by an id, which has lost its upper case if
// it has none.
func (n *natives) spelled(room id.RoomID) id.RoomID {
	if strings.ToLower(string(room)) != string(room) {
		return room
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.cased[string(room)]; ok {
		return known
	}
	return room
}

// viaOf is where to ask for a room of which only the id is known.
func viaOf(room id.RoomID) []string {
	if _, server, ok := strings.Cut(string(room), ":"); ok {
		return []string{server}
	}
	return nil
}

// ownPortal is what somebody is told who would enter a channel of another
// network by the room that we made for it on Matrix.
func ownPortal(portal string) *bridge.Failure {
	name, network, ok := names.SplitPortal(portal)
	if !ok {
		return &bridge.Failure{Kind: bridge.ErrPolicy, Text: "This is a room of the bridge itself. Join what it stands for."}
	}
	where := name
	if network != bridge.NetworkXMPP {
		where = name + "%" + network
	}
	return &bridge.Failure{Kind: bridge.ErrPolicy, Text: "This is the bridge's own room for " + where + ". Join that directly."}
}

// place is the room of that id, made if it is new. It fails where the room is
// known under another name, or is something else.
func (n *natives) place(room bridge.Room, at id.RoomID) (*native, *bridge.Failure) {
	n.mu.Lock()
	there := n.rooms[room]
	if there == nil {
		there = newNative(n.side, room, at)
		n.rooms[room] = there
	}
	n.mu.Unlock()
	if was := there.roomID(); was != at {
		n.side.log.Info("an address leads to another room than those are in who came by it", "room", room, "was", was, "now", at)
		return there, nil
	}
	taken := n.side.places.add(at, there, room)
	if taken == nil {
		return there, nil
	}
	n.unused(there)
	if other, ok := taken.(*native); ok {
		return nil, &bridge.Failure{Kind: bridge.ErrMoved, Text: other.room.ID}
	}
	if portal, ok := n.side.places.name(at); ok {
		return nil, ownPortal(portal.ID)
	}
	return nil, ownPortal("")
}

// revive takes up a room again that was let go of between a join and its end.
func (n *natives) revive(at *native) {
	at.mu.Lock()
	was := at.closed
	at.closed = false
	id := at.id
	at.mu.Unlock()
	if was {
		n.side.places.add(id, at, at.room)
		n.mu.Lock()
		n.rooms[at.room] = at
		n.mu.Unlock()
	}
}

// unused lets go of a room that was made for a join that came to nothing.
func (n *natives) unused(at *native) {
	at.mu.Lock()
	idle := len(at.ours) == 0 && !at.open
	at.mu.Unlock()
	if idle {
		n.side.places.removeIf(at.roomID(), at)
		n.mu.Lock()
		if n.rooms[at.room] == at {
			delete(n.rooms, at.room)
		}
		n.mu.Unlock()
	}
}

// letIn has a ghost join, or says why the homeserver refuses. Where a room
// wants to be asked, it is.
func (n *natives) letIn(ctx context.Context, ghost id.UserID, there *native, at id.RoomID, via []string) *bridge.Failure {
	c := n.side.options().Client
	reason := "Through the bridge"
	n.remember(there, at, ghost, event.JoinRulePublic)
	err := c.Do(ctx, ghost, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.JoinRoom(ctx, string(at), &mautrix.ReqJoinRoom{Via: via, Reason: reason})
		return err
	})
	if err == nil {
		return nil
	}
	n.forget(n.side.ctx, at, ghost)
	f := client.Failure(err)
	if f.Kind != bridge.ErrMembersOnly {
		return &f
	}
	// Whether a room can be asked is known to the homeserver alone as long as
	// nobody of ours is in it.
	asked := c.Once(ctx, ghost, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.KnockRoom(ctx, string(at), &mautrix.ReqKnockRoom{Via: via, Reason: reason})
		return err
	})
	switch {
	case asked == nil:
		f.Text = "This room is for members. You have asked to be let in, and will be invited if they agree."
	case strings.Contains(f.Text, "join rule"), strings.Contains(f.Text, "not invited"):
		f.Text = "You need an invitation to enter this room." // in words for people
	}
	return &f
}

// enter lets somebody in whose ghost has joined: it is the mailbox's.
func (n *native) enter(e bridge.Event, ghost id.UserID, wanted int) {
	n.side.natives.revive(n)
	n.mu.Lock()
	open := n.open
	n.mu.Unlock()
	look := wanted
	if !open {
		look = max(wanted, lookBack)
	}
	var history []*event.Event
	if look > 0 {
		history = n.said(ghost, look)
	}
	if !open {
		if err := n.load(ghost, history); err != nil {
			n.turnAway(e, ghost, *failed(err))
			return
		}
	}
	n.mu.Lock()
	encrypted, rule, replaced := n.state.encrypted, n.state.joinRule, n.state.replaced
	n.mu.Unlock()
	switch {
	case replaced != "":
		n.turnAway(e, ghost, bridge.Failure{Kind: bridge.ErrMoved, Text: newName(replaced)})
		return
	case encrypted:
		n.turnAway(e, ghost, encryptedRoom)
		return
	}
	n.side.natives.remember(n, n.roomID(), ghost, rule)
	if !open {
		n.mu.Lock()
		for i := len(history) - 1; i >= 0; i-- {
			n.recent.add(history[i].ID)
		}
		n.mu.Unlock()
		for _, fact := range n.snapshot() {
			n.side.core.Publish(fact)
		}
	}
	join := n.admit(e, ghost)
	if wanted > 0 {
		join.Body = bridge.Join{Role: join.Body.(bridge.Join).Role, History: n.history(history, wanted)}
	}
	n.publish(join)
	if !open {
		n.wantPictures()
		n.side.natives.bringBot(n.roomID(), rule)
	}
}

// encryptedRoom is what is said of rooms that the bridge can't read.
var encryptedRoom = bridge.Failure{Kind: bridge.ErrUnsupported,
	Text: "This room is encrypted, which the bridge can't do yet. What is said there would be unreadable for you, and what you say is not sent."}

// turnAway takes a ghost out again who has just joined, and says why.
func (n *native) turnAway(e bridge.Event, ghost id.UserID, why bridge.Failure) {
	at := n.roomID()
	err := n.as(ghost, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.LeaveRoom(ctx, at, &mautrix.ReqLeave{Reason: why.Text})
		return err
	})
	if err != nil {
		n.side.log.Info("a ghost stays in a room that it can't be shown", "room", n.room, "ghost", ghost, "error", err)
	} else {
		n.side.natives.forget(n.side.ctx, at, ghost)
	}
	n.mu.Lock()
	last := len(n.ours) == 0
	n.closed, n.open = n.closed || last, n.open && !last
	n.mu.Unlock()
	if last {
		n.side.natives.drop(n, at)
	}
	n.side.fail(bridge.Event{ID: e.ID, Room: n.room, By: e.By, Body: e.Body}, why)
}

// admit notes that somebody of ours is in, and makes the fact of it.
func (n *native) admit(e bridge.Event, ghost id.UserID) bridge.Event {
	n.mu.Lock()
	if n.ours[e.By] == nil {
		n.joined++
	}
	known := n.ours[e.By] != nil
	n.ours[e.By] = &stay{who: e.By, ghost: ghost, display: e.Name}
	m, _ := n.members.set(ghost, e.Name, "")
	fact := bridge.Event{By: e.By, Name: m.name, Ref: e.ID, Body: bridge.Join{Role: n.state.power.role(ghost)}}
	n.mu.Unlock()
	if !known {
		n.side.ghosts.entered(e.By, 1)
	}
	return fact
}

// invited handles the invitation of a ghost to a room that the bridge has
// nothing to do with: its person is told. Joining the room accepts it.
func (n *natives) invited(e *event.Event, ghost id.UserID) {
	who, ok := n.side.ghosts.person(ghost)
	if !ok {
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
		n.side.signals.send(ghost, func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.LeaveRoom(ctx, e.RoomID, &mautrix.ReqLeave{Reason: "This bridge is not for users of " + e.Sender.Homeserver() + "."})
			return err
		})
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
