package matrixside

import (
	"context"
	"slices"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/names"
)

// newName is what the core calls the room that takes another one's place, ""
// if it can't have a name.
func newName(to id.RoomID) string { return names.OfRoomID(to) }

// ghostsInside are our people in the room, in the order of their names.
func (n *native) ghostsInside() []*stay {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*stay, 0, len(n.ours))
	for _, s := range n.ours {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *stay) int { return strings.Compare(string(a.ghost), string(b.ghost)) })
	return all
}

// follow moves the room, with our people in it, to the one that takes its
// place. It reports false, with all as it was, where that one can't be entered.
// Whoever alone can't go along is told so, and is out.
func (n *native) follow(to id.RoomID, by id.UserID) bool {
	was, all := n.roomID(), n.ghostsInside()
	if to == was || n.side.natives.occupied(to, n, n.stayOf(bridge.Keeper) != nil) != nil {
		return false
	}
	if i := slices.IndexFunc(all, func(s *stay) bool { return s.who == bridge.Keeper }); i > 0 {
		all[0], all[i] = all[i], all[0] // who may let the others in
	}
	var out []*stay
	var failure bridge.Failure
	first := id.UserID("")
	for _, s := range all {
		n.side.natives.remember(n, to, s.ghost, event.JoinRulePublic)
		if f := n.moveIn(s, to, by); f != nil {
			out, failure = append(out, s), *f
			n.side.natives.forget(n.side.ctx, to, s.ghost)
			if s.who == bridge.Keeper && f.Kind == bridge.ErrMembersOnly {
				n.side.natives.keep(n.room, to) // so that its invitation is known for what it is
			}
		} else if first == "" {
			first = s.ghost
		}
	}
	if first == "" {
		n.side.places.removeIf(to, n)
		return false
	}
	n.mu.Lock()
	n.id = to
	before := n.members
	n.mu.Unlock()
	if err := n.load(first, nil); err != nil {
		n.side.log.Warn("a room that was upgraded can't be seen", "room", n.room, "to", to, "error", err)
		n.mu.Lock()
		n.id = was
		n.mu.Unlock()
		n.side.places.remove(to)
		return false
	}
	n.side.places.move(was, to)
	n.renamed(before)
	n.settle(was, to, all, out, failure)
	return true
}

// moveIn has one of ours join the room that takes the place of theirs. The
// Keeper, who came first, calls those in who are there by a mapping.
func (n *native) moveIn(s *stay, to id.RoomID, by id.UserID) *bridge.Failure {
	join := func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.JoinRoom(ctx, string(to), &mautrix.ReqJoinRoom{Via: []string{by.Homeserver()}, Reason: "The room was upgraded"})
		return err
	}
	err := n.as(s.ghost, join)
	if err == nil {
		return nil
	}
	f := failed(err)
	if f.Kind != bridge.ErrMembersOnly || !isGuest(s.who) || n.callIn(n.side.ctx, s.ghost, to) != nil {
		return f
	}
	if err := n.as(s.ghost, join); err != nil {
		return failed(err)
	}
	return nil
}

// giveWay sends those who are in the room by this name to another name of it, by
// which it is mapped from now on. It reports false where it is mapped by this one.
func (n *native) giveWay(to string) (gone bool) {
	done := make(chan struct{})
	if !n.box.Post(func() {
		defer close(done)
		if n.stayOf(bridge.Keeper) != nil {
			return
		}
		gone = true
		by := n.ghostsInside() // who stay members, and come in again by the other name
		n.publish(bridge.Event{Body: bridge.Moved{To: to, Reason: "This is the room's address from now on."}})
		for _, s := range by {
			n.leaves(s.who)
		}
	}) {
		return false
	}
	select {
	case <-done:
		return gone
	case <-n.side.ctx.Done():
		return false
	}
}

// renamed tells who is called otherwise than before: in the new room there may
// be others of their name.
func (n *native) renamed(before *members) {
	for user, was := range before.table {
		n.mu.Lock()
		now := n.members.get(user)
		n.mu.Unlock()
		if now != nil && now.name != was.name && !n.side.isOurs(user) {
			who := n.side.ghosts.behind(user)
			n.publish(bridge.Event{By: who, Name: was.name, Body: bridge.Rename{To: now.name, Person: who}})
		}
	}
}

// settle tells the core who is where after a room was upgraded.
func (n *native) settle(was, to id.RoomID, all, out []*stay, failure bridge.Failure) {
	for _, s := range all {
		n.side.natives.forget(n.side.ctx, was, s.ghost)
		n.mu.Lock()
		display := s.display
		n.mu.Unlock()
		if slices.Contains(out, s) {
			n.leaves(s.who)
			n.publish(bridge.Event{By: s.who, Name: display, Body: bridge.Leave{Cause: bridge.CauseKick,
				Reason: "The room was upgraded, and the new one does not let you in: " + failure.Text}})
			continue
		}
		n.mu.Lock()
		n.members.set(s.ghost, display, "")
		n.mu.Unlock()
		if err := n.side.ghosts.call(n.side.ctx, s.ghost, to, display); err != nil {
			n.side.log.Info("a ghost keeps the name of its profile", "room", n.room, "ghost", s.ghost, "error", err)
		}
	}
	for _, fact := range n.snapshot() {
		n.side.core.Publish(fact)
	}
	for _, s := range all {
		n.mu.Lock()
		role, in := n.state.power.role(s.ghost), n.ours[s.who] != nil
		m := n.members.get(s.ghost)
		n.mu.Unlock()
		if in && m != nil {
			n.publish(bridge.Event{By: s.who, Name: m.name, Body: bridge.RoleChange{Role: role}})
		}
	}
	n.wantPictures()
}
