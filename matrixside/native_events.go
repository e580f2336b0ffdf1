package matrixside

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/client"
)

// take turns an event of the room into facts. It is the mailbox's.
func (n *native) take(e *event.Event) {
	n.mu.Lock()
	open, here := n.open, n.id == e.RoomID
	n.mu.Unlock()
	if !here {
		return // it is of the room that this one has taken the place of
	}
	if !open {
		return // what it says is in the state that is yet to be asked for, or nobody is here to see it
	}
	if e.StateKey != nil {
		if !n.late(e) || n.current(e) {
			n.takeState(e)
		}
		return
	}
	if e.Type.Type == event.EventRedaction.Type || e.Type.Type == event.EventReaction.Type {
		// The core has no words for them yet.
		n.side.log.Debug("a redaction or reaction is not carried on", "room", n.room, "event", e.ID)
		return
	}
	n.takeMessage(e)
}

// lateBy is how much older than what has been seen a state event may be before
// it is doubted: servers' clocks differ, and so do the ways of their events.
const lateBy = 5 * time.Second

// late reports whether a state event is older than others that came before it,
// so that it may not be what counts any more: a homeserver that was killed
// brings old events after newer ones.
func (n *native) late(e *event.Event) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := time.UnixMilli(e.Timestamp)
	late := at.Add(lateBy).Before(n.newest)
	if now := time.Now(); at.After(now) { // nobody's clock may make all others late
		at = now
	}
	if at.After(n.newest) {
		n.newest = at
	}
	return late
}

// current puts into a state event what counts by now. It reports false where
// nothing does, or nobody says.
func (n *native) current(e *event.Event) bool {
	var raw json.RawMessage
	at := n.roomID()
	err := n.as(n.anyGhost(), func(ctx context.Context, m *mautrix.Client) error {
		raw = nil
		return ignoreMissing(m.StateEvent(ctx, at, e.Type, e.GetStateKey(), &raw))
	})
	if err != nil || raw == nil {
		n.side.log.Debug("an old event is ignored", "room", n.room, "event", e.ID, "error", err)
		return false
	}
	e.Content = event.Content{VeryRaw: raw}
	_ = e.Content.ParseRaw(e.Type) // what can't be parsed says nothing
	return true
}

// takeState turns a state event into facts.
func (n *native) takeState(e *event.Event) {
	if e.Type.Type == event.StateMember.Type {
		if c, ok := e.Content.Parsed.(*event.MemberEventContent); ok {
			n.takeMember(e, c)
		} else {
			n.side.Counters.Malformed.Add(1)
		}
		return
	}
	if isBridgeInfo(e.Type.Type) && n.stayOf(bridge.Keeper) != nil {
		n.seeBridge(e.Content.VeryRaw)
		return
	}
	if e.GetStateKey() != "" {
		return
	}
	switch c := e.Content.Parsed.(type) {
	case *event.PowerLevelsEventContent:
		n.takePowers(e, c)
	case *event.TopicEventContent:
		n.update(e)
		by, name := n.person(e.Sender)
		n.publish(bridge.Event{By: by, Name: name, At: time.UnixMilli(e.Timestamp), Body: bridge.Topic{Text: n.topic()}})
	case *event.RoomNameEventContent, *event.CanonicalAliasEventContent:
		n.update(e)
		n.tellInfo()
	case *event.RoomAvatarEventContent:
		n.update(e)
		n.tellInfo()
		n.wantRoomPicture()
	case *event.EncryptionEventContent:
		n.update(e)
		n.tellEncrypted(true)
		n.warnNatives(e)
		n.keeperShutOut()
	case *event.TombstoneEventContent:
		n.takeTombstone(e, c)
	case *event.JoinRulesEventContent:
		n.update(e)
		n.ruleChanged(c.JoinRule)
	}
}

// update takes in an event of the room's state.
func (n *native) update(e *event.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state.take(e)
}

func (n *native) topic() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state.topic
}

func (n *native) tellInfo() {
	n.mu.Lock()
	info := n.infoLocked()
	n.mu.Unlock()
	n.publish(bridge.Event{Body: info})
}

// ruleChanged remembers whether ghosts may leave the room and come back, which
// decides what they do after a restart.
func (n *native) ruleChanged(rule event.JoinRule) {
	at := n.roomID()
	for _, s := range n.ghostsInside() {
		n.side.natives.remember(n, at, s.ghost, s.mayLeave(rule))
	}
}

// encryptedSilence is how often people are told that they can't read the room.
const encryptedSilence = 10 * time.Minute

// tellEncrypted tells the people in the room that they can't read it any more.
func (n *native) tellEncrypted(now bool) {
	n.mu.Lock()
	silent := !now && time.Since(n.warned) < encryptedSilence
	if !silent {
		n.warned = time.Now()
	}
	n.mu.Unlock()
	if !silent {
		n.publish(bridge.Event{Body: bridge.Info{
			Text: "This room is encrypted now, which the bridge can't do yet: what is said from now on can't be read here, and what you say is not sent."}})
	}
}

// warnNatives tells the people on Matrix that some in the room can't read it
// any more. A failure leaves it at what those are told.
func (n *native) warnNatives(e *event.Event) {
	ghost := n.anyGhost()
	_, err := send(n.side.ctx, n.side.do, n.roomID(), ghost, &event.MessageEventContent{MsgType: event.MsgNotice,
		Body: "This room is encrypted now, which the bridge can't do yet: those who are here from other networks can't read what is said, and can't answer."},
		client.TransactionID(string(e.ID), ghost, 0))
	if err != nil {
		n.side.log.Info("nobody on Matrix is told that the bridge can't read a room", "room", n.room, "error", err)
	}
}

// takeMessage carries on what somebody said.
func (n *native) takeMessage(e *event.Event) {
	n.mu.Lock()
	known := n.recent.has(e.ID)
	if !known {
		n.recent.add(e.ID)
	}
	n.mu.Unlock()
	switch {
	case n.side.isOurs(e.Sender):
		n.awaitOwn(e.ID) // its Confirm shows it
		return
	case known:
		return // it was in the history already
	}
	if e.Type.Type == event.EventEncrypted.Type {
		n.tellEncrypted(false)
		return
	}
	said, ok := n.side.said(e)
	if !ok {
		n.side.log.Debug("an event is nothing for people", "room", n.room, "event", e.ID, "type", e.Type.Type)
		return
	}
	n.appear(e.Sender)
	by, name := n.person(e.Sender)
	n.typed(e.Sender)
	n.publish(bridge.Event{By: by, Name: name, At: time.UnixMilli(e.Timestamp), Body: said})
}

// appear shows somebody who has spoken and is not among those that the room
// shows: they are asked for, since nothing is known of them.
func (n *native) appear(user id.UserID) {
	n.mu.Lock()
	known := n.members.get(user) != nil
	full := n.partial && n.members.size() >= 2*n.side.options().MembersMost
	at := n.id
	n.mu.Unlock()
	if known || full {
		return
	}
	var c event.MemberEventContent
	err := n.as(n.anyGhost(), func(ctx context.Context, m *mautrix.Client) error {
		c = event.MemberEventContent{}
		return m.StateEvent(ctx, at, event.StateMember, string(user), &c)
	})
	if err != nil || c.Membership != event.MembershipJoin {
		return // they have gone meanwhile, and this is told late
	}
	n.arrives(user, &c)
}

// arrives shows somebody of Matrix who was not shown until now.
func (n *native) arrives(user id.UserID, c *event.MemberEventContent) {
	n.mu.Lock()
	m, _ := n.members.set(user, c.Displayname, string(c.AvatarURL))
	fact := bridge.Event{
		By: bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)}, Name: m.name,
		Body: bridge.Join{Role: n.state.power.role(user)},
	}
	n.mu.Unlock()
	n.publish(fact)
	n.wantPicture(user, string(c.AvatarURL))
}

// takeMember carries on who came, went or looks different. What it means comes
// from who is known to be in the room: homeserver may not say how it was
// before, and may tell things late.
func (n *native) takeMember(e *event.Event, c *event.MemberEventContent) {
	user := id.UserID(e.GetStateKey())
	if len(c.AvatarURL) > maxURI {
		c.AvatarURL = ""
	}
	was := n.noteBan(e, user, c.Membership)
	if n.side.isOurs(user) {
		n.takeGhost(e, user, c, was)
		return
	}
	switch c.Membership {
	case event.MembershipJoin:
		n.mu.Lock()
		known := n.members.get(user) != nil
		n.mu.Unlock()
		if known {
			n.looks(user, c)
		} else if n.counts(1) {
			n.arrives(user, c)
		}
	case event.MembershipLeave, event.MembershipBan:
		n.mu.Lock()
		gone := n.members.remove(user)
		delete(n.typing, user)
		n.mu.Unlock()
		if gone == nil { // not one of those whom we know, or they were invited only
			n.takeBan(e, user, c, was)
			return
		}
		n.counts(-1)
		n.publish(bridge.Event{
			By: bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)}, Name: gone.name,
			At: time.UnixMilli(e.Timestamp), Body: n.leaving(e, c),
		})
	}
}

// counts notes that there is one more member, or one less, and reports whether
// everybody who comes is shown.
func (n *native) counts(more int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.joined = max(0, n.joined+more)
	o := n.side.options()
	if o.MembersBeyond != MembersAll && n.joined > o.MembersMost {
		n.partial = true
	}
	return !n.partial
}

// leaving is why somebody is not in the room any more.
func (n *native) leaving(e *event.Event, c *event.MemberEventContent) bridge.Leave {
	leave := bridge.Leave{Reason: cleanText(c.Reason)}
	if string(e.Sender) == e.GetStateKey() {
		return leave
	}
	leave.Cause = bridge.CauseKick
	if c.Membership == event.MembershipBan {
		leave.Cause = bridge.CauseBan
	}
	_, leave.Actor = n.person(e.Sender)
	return leave
}

// looks carries on that somebody has another name or picture.
func (n *native) looks(user id.UserID, c *event.MemberEventContent) {
	n.mu.Lock()
	now, before := n.members.set(user, c.Displayname, string(c.AvatarURL))
	name := now.name
	n.mu.Unlock()
	who := bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)}
	if name != before.name {
		n.publish(bridge.Event{By: who, Name: before.name, Body: bridge.Rename{To: name, Person: who}})
	}
	if string(c.AvatarURL) != before.avatar {
		if c.AvatarURL == "" {
			n.publish(bridge.Event{By: who, Name: name, Body: bridge.Profile{}})
		} else {
			n.wantPicture(user, string(c.AvatarURL))
		}
	}
}

// takeGhost handles what happens to one of our own: what they do themselves
// was asked for through us, what others do to them is told.
func (n *native) takeGhost(e *event.Event, ghost id.UserID, c *event.MemberEventContent, banned bool) {
	who, ok := n.side.ghosts.person(ghost)
	if !ok {
		return
	}
	stays := n.stayOf(who)
	switch c.Membership {
	case event.MembershipInvite:
		if stays == nil {
			n.side.natives.invited(e, ghost)
		}
	case event.MembershipJoin:
		if stays == nil {
			n.mu.Lock()
			if n.members.get(ghost) == nil {
				n.members.set(ghost, c.Displayname, string(c.AvatarURL))
			}
			n.mu.Unlock()
		} else {
			n.restore(stays, c.Displayname)
		}
	case event.MembershipLeave, event.MembershipBan:
		if e.Sender == ghost {
			if stays == nil {
				n.mu.Lock()
				n.members.remove(ghost)
				n.mu.Unlock()
			}
			return
		}
		if stays == nil {
			n.takeBan(e, ghost, c, banned)
			if n.side.natives.turnedDown(e, ghost) {
				return
			}
		}
		n.expelled(e, c, who, ghost)
	}
}

// expelled tells that one of ours was thrown out, if they were in.
func (n *native) expelled(e *event.Event, c *event.MemberEventContent, who bridge.Person, ghost id.UserID) {
	leave := n.leaving(e, c)
	n.mu.Lock()
	gone := n.members.remove(ghost)
	if gone != nil {
		n.joined = max(0, n.joined-1)
	}
	at := n.id
	n.mu.Unlock()
	n.side.natives.forget(n.side.ctx, at, ghost)
	if n.leaves(who) == nil {
		return
	}
	name := nameless(ghost)
	if gone != nil {
		name = gone.name
	}
	n.publish(bridge.Event{By: who, Name: name, At: time.UnixMilli(e.Timestamp), Body: leave})
}

// A ghost's name in the room is set right so often within restoreEvery at most:
// with each thing in their profile that comes after they did.
const (
	restoreEvery = 10 * time.Second
	restoreMost  = 3
)

// restore gives a ghost its name in the room again: homeservers carry a changed
// profile, with a new picture say, into every room, name and all.
func (n *native) restore(s *stay, called string) {
	n.mu.Lock()
	display, at := s.display, n.id
	if time.Since(s.restored) >= restoreEvery {
		s.restored, s.restores = time.Now(), 0
	}
	right := called == display || display == "" || s.restores >= restoreMost
	if !right {
		s.restores++
	}
	n.mu.Unlock()
	if right {
		return
	}
	if err := n.side.ghosts.call(n.side.ctx, s.ghost, at, display); err != nil {
		n.side.log.Info("a ghost's name in a room was lost", "room", n.room, "ghost", s.ghost, "error", err)
	}
}

// takePowers tells whose role has changed.
func (n *native) takePowers(e *event.Event, c *event.PowerLevelsEventContent) {
	n.mu.Lock()
	before := map[id.UserID]bridge.Role{}
	for user := range n.members.table {
		before[user] = n.state.power.role(user)
	}
	n.state.power.set(c)
	var changed []id.UserID
	for user, role := range before {
		if n.state.power.role(user) != role {
			changed = append(changed, user)
		}
	}
	n.mu.Unlock()
	slices.SortFunc(changed, func(a, b id.UserID) int { return strings.Compare(string(a), string(b)) })
	_, actor := n.person(e.Sender)
	for _, user := range changed {
		who, name := n.person(user)
		if n.side.isOurs(user) && n.stayOf(who) == nil {
			continue // the core would take them for somebody who is coming in
		}
		n.mu.Lock()
		role := n.state.power.role(user)
		n.mu.Unlock()
		n.publish(bridge.Event{By: who, Name: name, At: time.UnixMilli(e.Timestamp), Body: bridge.RoleChange{Role: role, Actor: actor}})
	}
}
