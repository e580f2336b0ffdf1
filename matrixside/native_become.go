package matrixside

import (
	"context"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// becomesBurst people take another name at once in a room, of those for whom
// that is another ghost, then one per becomesInterval.
const (
	becomesBurst    = 20
	becomesInterval = time.Second
)

// become is for who is another person under another name, as on IRC and in
// MUCs: the ghost of the new one comes, that of the old one goes, and the room
// is told that somebody is called otherwise.
func (n *native) become(e bridge.Event, s *stay, b bridge.Rename) {
	switch {
	case s.who == bridge.Keeper || e.By != s.who || b.Person.Network == bridge.NetworkMatrix:
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrPolicy, Text: "Nobody can become that person."})
		return
	case cleanName(b.To) == "":
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrBadName, Text: "That is no name."})
		return
	case n.stayOf(b.Person) != nil:
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrConflict, Text: "They are in the room already."})
		return
	}
	ghost, at := n.side.ghosts.of(b.Person), n.roomID()
	if ghost == s.ghost { // the same name, but for upper and lower case
		if err := n.side.ghosts.call(n.side.ctx, ghost, at, b.To); err != nil {
			n.side.fail(e, *failed(err))
			return
		}
	} else {
		if !n.becoming.Allow() {
			n.side.fail(e, bridge.Failure{Kind: bridge.ErrTooFast, Text: "Too many people in the room take another name."})
			return
		}
		if f := n.bring(e, b, at); f != nil {
			n.side.fail(e, *f)
			return
		}
	}
	if !n.box.Post(func() { n.became(e, s, ghost, b) }) {
		n.side.confirm(e, "")
	}
}

// bring has the ghost of who somebody has become come into the room.
func (n *native) bring(e bridge.Event, b bridge.Rename, at id.RoomID) *bridge.Failure {
	ctx, cancel := context.WithTimeout(n.side.ctx, joinPatience)
	defer cancel()
	all := n.side.natives
	ghost, err := n.side.ghosts.ensure(ctx, b.Person, b.To)
	if err != nil {
		return failed(err)
	}
	if f := all.letIn(ctx, bridge.Event{Room: n.room, By: b.Person}, ghost, n, at, viaOf(at)); f != nil {
		return f
	}
	if all.side.ghosts.profileName(ctx, b.Person) != b.To {
		if err := n.side.ghosts.call(ctx, ghost, at, b.To); err != nil {
			n.side.log.Info("a ghost keeps the name of its profile", "room", n.room, "ghost", ghost, "error", err)
		}
	}
	return nil
}

// became notes who somebody is from now on, tells it, and has their old ghost
// go. It is the mailbox's.
func (n *native) became(e bridge.Event, s *stay, ghost id.UserID, b bridge.Rename) {
	n.mu.Lock()
	if n.ours[s.who] != s { // they have gone meanwhile
		at := n.id
		n.mu.Unlock()
		if ghost != s.ghost {
			n.quit(ghost, at, "")
		}
		n.side.confirm(e, "")
		return
	}
	was, before, at, rule := s.who, n.nameLocked(s.ghost), n.id, n.state.joinRule
	now := &stay{who: b.Person, ghost: ghost, display: b.To, called: s.called}
	delete(n.ours, was)
	n.ours[now.who] = now
	if ghost != s.ghost {
		n.members.remove(s.ghost)
	}
	m, _ := n.members.set(ghost, b.To, "")
	to := m.name
	n.mu.Unlock()
	n.side.ghosts.entered(was, -1)
	n.side.ghosts.entered(now.who, 1)
	if ghost != s.ghost {
		n.side.natives.remember(n, at, ghost, now.mayLeave(rule))
		n.side.ghosts.arrived(now.who)
		n.side.ghosts.restless(was)
		n.quit(s.ghost, at, "Is now known as "+b.To) // before anybody can ask for their way back
	}
	n.publish(bridge.Event{By: was, Name: before, Body: bridge.Rename{To: to, Person: now.who}})
	n.side.confirm(e, "")
}

// nameLocked is what a member of the room is called.
func (n *native) nameLocked(user id.UserID) string {
	if m := n.members.get(user); m != nil {
		return m.name
	}
	return nameless(user)
}

// quit has a ghost leave the room for whom nobody of ours is in it any more. If
// it does not, it is tried once more after a restart.
func (n *native) quit(ghost id.UserID, at id.RoomID, reason string) (gone bool) {
	err := n.as(ghost, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.LeaveRoom(ctx, at, &mautrix.ReqLeave{Reason: reason})
		return err
	})
	if err == nil {
		n.side.natives.forget(n.side.ctx, at, ghost)
		return true
	}
	n.side.natives.remember(n, at, ghost, event.JoinRulePublic)
	n.side.log.Info("a ghost has not left", "room", n.room, "ghost", ghost, "error", err)
	return false
}
