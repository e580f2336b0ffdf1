package matrixside

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/client"
	"isthmus/matrixside/names"
)

// decline turns an invitation down: the ghost refuses it. Who is in the room
// already has none to refuse.
func (n *natives) decline(e bridge.Event, l bridge.Leave) {
	room, ok := names.ParseRoom(e.Room.ID)
	if there := n.find(e.Room); !ok || there != nil && there.stayOf(e.By) != nil {
		return
	}
	at, _, f := n.resolve(room)
	if f != nil {
		n.side.log.Info("an invitation can't be turned down", "room", e.Room, "error", f.Text)
		return
	}
	n.refuse(at, e.By, l.Reason)
}

// refuse has a ghost refuse an invitation, which may have come before there was
// such a ghost.
func (n *natives) refuse(room id.RoomID, who bridge.Person, reason string) {
	n.side.signals.send(n.side.ghosts.of(who), func(ctx context.Context, m *mautrix.Client) error {
		if _, err := n.side.ghosts.ensure(ctx, who, ""); err != nil {
			return err
		}
		_, err := m.LeaveRoom(ctx, room, &mautrix.ReqLeave{Reason: reason})
		return err
	})
}

// joinsAtOnce is how many of ours are on their way into rooms at once: a
// homeserver takes long over a mass of them.
const joinsAtOnce = 8

// joinKey is somebody on their way into a room.
type joinKey struct {
	room bridge.Room
	who  bridge.Person
}

// joining is a way into a room. It takes its time, in which the room goes on.
type joining struct {
	over   chan struct{} // closed when they are in, or can't be
	called atomic.Bool   // off: they have left again meanwhile
}

// begin lets somebody of ours into a room, in passing. How that went comes as
// a Join or a Failure.
func (n *natives) begin(e bridge.Event, j bridge.Join) {
	if e.By == bridge.Keeper {
		n.keep(e.Room, "")
	}
	key, way := joinKey{e.Room, e.By}, &joining{over: make(chan struct{})}
	n.mu.Lock()
	before := n.joins[key]
	n.joins[key] = way
	n.mu.Unlock()
	end := func(f *bridge.Failure) {
		if f != nil {
			n.side.fail(e, *f)
		}
		n.mu.Lock()
		if n.joins[key] == way {
			delete(n.joins, key)
		}
		there := n.rooms[e.Room]
		n.mu.Unlock()
		if there != nil {
			there.mu.Lock()
			delete(there.admitted, e.By)
			there.mu.Unlock()
		}
		close(way.over)
	}
	if !n.side.spawn(func() {
		if before != nil { // they came, went and come again
			<-before.over
		}
		if f := n.crowded(e); f != nil {
			end(f)
			return
		}
		if e.By != bridge.Keeper { // who waits for no ghosts
			select {
			case n.turns <- struct{}{}:
				defer func() { <-n.turns }()
			case <-n.side.ctx.Done():
				end(&endingFailure)
				return
			}
		}
		if f := n.join(e, j, way, end); f != nil {
			end(f)
		}
	}) {
		end(&endingFailure)
	}
}

var endingFailure = bridge.Failure{Kind: bridge.ErrOffline, Text: "The gateway is shutting down."}

// callOff is for who leaves a room that they may be on their way into.
func (n *natives) callOff(e bridge.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if way := n.joins[joinKey{e.Room, e.By}]; way != nil {
		way.called.Store(true)
	}
}

// join lets somebody of ours into a room. It returns why not; otherwise the
// room's mailbox does the rest, and calls end.
func (n *natives) join(e bridge.Event, j bridge.Join, way *joining, end func(*bridge.Failure)) *bridge.Failure {
	room, ok := names.ParseRoom(e.Room.ID)
	if !ok || room.Kind != names.KindAlias && room.Kind != names.KindRoomID {
		return &bridge.Failure{Kind: bridge.ErrNotFound, Text: "Matrix can't have a room of this name."}
	}
	if e.By.Network == bridge.NetworkMatrix {
		return &bridge.Failure{Kind: bridge.ErrUnsupported, Text: "Matrix users can only be in a room by themselves."}
	}
	at, via, f := n.resolve(room)
	if f != nil {
		return f
	}
	if e.By == bridge.Keeper && n.isSealed(at) {
		return &mappedEncrypted
	}
	ghost, err := n.ghost(e)
	if err != nil {
		return failed(err)
	}
	if e.By == bridge.Keeper { // who has one name everywhere
		e.Name = n.side.ghosts.profileName(n.side.ctx, e.By)
	}
	// The room gets its place before the ghost is in, so that nothing of what
	// happens from then on is missed.
	there, f := n.place(e.Room, at, e.By)
	if f != nil {
		return f
	}
	if e.By == bridge.Keeper {
		there.mu.Lock()
		there.keeping = there.ours[bridge.Keeper] == nil
		there.mu.Unlock()
	}
	at = there.roomID() // where the others are, if the address leads elsewhere by now
	ctx, cancel := context.WithTimeout(n.side.ctx, joinPatience)
	defer cancel()
	if f := n.letIn(ctx, e, ghost, there, at, via); f != nil {
		if e.By == bridge.Keeper && !passing(f.Kind) {
			dropped(there.unheld())
		}
		n.unused(there)
		return f
	}
	if name := n.side.ghosts.profileName(ctx, e.By); name != e.Name && e.Name != "" {
		if err := n.side.ghosts.call(ctx, ghost, at, e.Name); err != nil {
			n.side.log.Info("a ghost keeps the name of its profile", "room", e.Room, "ghost", ghost, "error", err)
		}
	}
	if !there.box.Post(func() {
		f := there.enter(e, ghost, min(j.Wanted, mostHistory), way)
		switch {
		case e.By != bridge.Keeper:
		case f == nil:
			there.release()
		case !passing(f.Kind):
			n.unhold(at)
		}
		n.unused(there)
		end(f)
	}) {
		n.unused(there)
		return &endingFailure
	}
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

// place is the room of that id, made if it is new; unused gives it back. It fails where the room is
// known under another name, or is something else.
func (n *natives) place(room bridge.Room, at id.RoomID, who bridge.Person) (*native, *bridge.Failure) {
	n.mu.Lock()
	there := n.rooms[room]
	if there == nil {
		there = newNative(n.side, room, at)
		n.rooms[room] = there
	}
	n.mu.Unlock()
	there.mu.Lock()
	there.coming++
	there.mu.Unlock()
	if was := there.roomID(); was != at {
		n.side.log.Info("an address leads to another room than those are in who came by it", "room", room, "was", was, "now", at)
		return there, nil
	}
	taken := n.occupied(at, there, who == bridge.Keeper, room)
	other, is := taken.(*native)
	if is && who == bridge.Keeper && other.giveWay(room.ID) {
		taken = n.occupied(at, there, true, room)
	}
	if taken == nil {
		return there, nil
	}
	n.unused(there)
	switch {
	case is && who == bridge.Keeper:
		return nil, &bridge.Failure{Kind: bridge.ErrPolicy, Text: "The room is mapped already, as " + other.room.ID + "."}
	case is:
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
		n.occupied(id, at, false, at.room)
		n.mu.Lock()
		n.rooms[at.room] = at
		n.mu.Unlock()
	}
}

// unused is for the end of a join: it lets go of a room that was made for one
// that came to nothing.
func (n *natives) unused(at *native) {
	at.mu.Lock()
	at.coming--
	idle := len(at.ours) == 0 && !at.open && at.coming == 0
	at.mu.Unlock()
	if idle {
		n.side.places.removeIf(at.roomID(), at)
		at.giveBack(at.roomID())
		n.mu.Lock()
		if n.rooms[at.room] == at {
			delete(n.rooms, at.room)
		}
		n.mu.Unlock()
	}
}

// joinReason is what people on Matrix see beside a ghost's coming.
const joinReason = "Through the bridge"

// letIn has a ghost join, or says why the homeserver refuses. Where a room
// wants to be asked, it is.
func (n *natives) letIn(ctx context.Context, e bridge.Event, ghost id.UserID, there *native, at id.RoomID, via []string) *bridge.Failure {
	c := n.side.options().Client
	reason := joinReason
	n.remember(there, at, ghost, event.JoinRulePublic)
	join := func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.JoinRoom(ctx, string(at), &mautrix.ReqJoinRoom{Via: via, Reason: reason})
		return err
	}
	if isGuest(e.By) {
		if err := n.side.portals.pace.Wait(ctx); err != nil {
			return failed(err)
		}
		if there.asksIn() {
			if f := there.callIn(ctx, ghost, at); f != nil {
				n.forget(n.side.ctx, at, ghost)
				return f
			}
		}
	}
	err := c.Do(ctx, ghost, join)
	if err == nil {
		return nil
	}
	n.forget(n.side.ctx, at, ghost)
	f := client.Failure(err)
	if f.Kind == bridge.ErrBanned {
		f.Text = "You are banned from this room." // in words for people
	}
	switch {
	case f.Kind != bridge.ErrMembersOnly && e.By == bridge.Keeper:
		return n.keeperRefused(e.Room, at, f, false)
	case f.Kind != bridge.ErrMembersOnly, isGuest(e.By):
		return &f
	}
	_, again := n.awaited(at) // then it has been tried before, and whoever was asked need not be asked again
	asked := !(e.By == bridge.Keeper && again) && there.mayAsk(e.By) && n.knock(ctx, ghost, there.room, at, via, reason)
	switch {
	case e.By == bridge.Keeper:
		return n.keeperRefused(e.Room, at, f, asked)
	case asked:
		f.Text = "This room is for members. You have asked to be let in, and will be invited if they agree."
	case strings.Contains(f.Text, "join rule"), strings.Contains(f.Text, "not invited"):
		f.Text = "You need an invitation to enter this room." // in words for people
	}
	return &f
}

// enter lets somebody in whose ghost has joined, or says why not: it is the
// mailbox's.
func (n *native) enter(e bridge.Event, ghost id.UserID, wanted int, way *joining) *bridge.Failure {
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
			return n.turnAway(ghost, *failed(err))
		}
	}
	if f := n.unfit(e.By); f != nil {
		if f == &mappedEncrypted {
			n.side.natives.seal(n.roomID())
		}
		return n.turnAway(ghost, *f)
	}
	n.mu.Lock()
	rule, name := n.state.joinRule, ""
	if m := n.members.get(ghost); m != nil {
		name = m.display
	}
	n.mu.Unlock()
	called := e.By == bridge.Keeper || isGuest(e.By)
	n.side.natives.remember(n, n.roomID(), ghost, (&stay{called: called}).mayLeave(rule))
	if !open {
		n.remind(history)
	}
	join, ok := n.admit(e, ghost, way)
	if !ok {
		why := bridge.Failure{Kind: bridge.ErrGone, Text: "You have left meanwhile."}
		if called || rule == event.JoinRulePublic {
			return n.turnAway(ghost, why)
		}
		n.shut() // the ghost stays a member, as in leave
		return &why
	}
	if !open {
		for _, fact := range n.snapshot() {
			n.side.core.Publish(fact)
		}
	}
	if wanted > 0 {
		join.Body = bridge.Join{Role: join.Body.(bridge.Join).Role, History: n.history(history, wanted)}
	}
	n.publish(join)
	n.side.ghosts.arrived(e.By)
	if s := n.stayOf(e.By); s != nil && name != "" {
		n.restore(s, name) // they were there before, under another name
	}
	if !open {
		n.wantPictures()
		n.side.natives.bringBot(n.roomID(), rule)
	}
	if e.By == bridge.Keeper {
		n.side.natives.keep(n.room, n.roomID())
		n.loadBans()
		n.seeBridges()
	}
	return nil
}

// remind notes what was said last in a room that is open now, so that it isn't
// told as something new. What was said while the Keeper, who is back, was away
// is just that, whenever the homeserver brings it.
func (n *native) remind(history []*event.Event) {
	n.mu.Lock()
	back := n.back
	n.mu.Unlock()
	for _, e := range slices.Backward(history) {
		if back {
			ours, err := n.side.options().Messages.MessageID(n.side.ctx, n.room, string(e.ID))
			if err != nil || ours == "" {
				continue
			}
		}
		n.mu.Lock()
		n.recent.add(e.ID)
		n.mu.Unlock()
	}
}

// unfit is why somebody can't be let into the room, which is known, nil for nothing.
func (n *native) unfit(who bridge.Person) *bridge.Failure {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.state.replaced != "":
		return &bridge.Failure{Kind: bridge.ErrMoved, Text: newName(n.state.replaced)}
	case n.state.encrypted && who == bridge.Keeper:
		return &mappedEncrypted
	case n.state.encrypted:
		return &encryptedRoom
	}
	return nil
}

// encryptedRoom is what is said of rooms that the bridge can't read.
var encryptedRoom = bridge.Failure{Kind: bridge.ErrUnsupported,
	Text: "This room is encrypted, which the bridge can't do yet. What is said there would be unreadable for you, and what you say is not sent."}

// turnAway takes a ghost out again who has just joined, and returns why.
func (n *native) turnAway(ghost id.UserID, why bridge.Failure) *bridge.Failure {
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
	n.shut()
	return &why
}

// shut lets go of the room if nobody of ours is in it.
func (n *native) shut() {
	n.mu.Lock()
	last, at := len(n.ours) == 0, n.id
	n.closed, n.open = n.closed || last, n.open && !last
	n.mu.Unlock()
	if last {
		n.side.natives.drop(n, at)
	}
}

// admit notes that somebody of ours is in, and makes the fact of it, unless
// they have left meanwhile.
func (n *native) admit(e bridge.Event, ghost id.UserID, way *joining) (fact bridge.Event, ok bool) {
	n.mu.Lock()
	if way.called.Load() { // natives.deliver sets it before it looks who is in
		n.mu.Unlock()
		return fact, false
	}
	if n.ours[e.By] == nil {
		n.joined++
	}
	known := n.ours[e.By] != nil
	n.ours[e.By] = &stay{who: e.By, ghost: ghost, display: e.Name, called: e.By == bridge.Keeper || isGuest(e.By)}
	delete(n.admitted, e.By)
	m, _ := n.members.set(ghost, e.Name, "")
	fact = bridge.Event{By: e.By, Name: m.name, Ref: e.ID, Body: bridge.Join{Role: n.state.power.role(ghost)}}
	n.mu.Unlock()
	if !known {
		n.side.ghosts.entered(e.By, 1)
	}
	return fact, true
}
