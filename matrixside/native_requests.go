package matrixside

import (
	"context"
	"errors"
	"maps"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// errNoMedia is why a file goes as a link where there is nothing to carry it.
var errNoMedia = errors.New("files are not carried across here")

// deliver carries out what one of ours in the room asks for, or what the Keeper
// is to do for somebody.
func (n *native) deliver(e bridge.Event) {
	who := e.By
	if e.Via != (bridge.Person{}) {
		who = e.Via
	}
	s := n.stayOf(who)
	if s == nil {
		if _, gone := e.Body.(bridge.Leave); !gone {
			n.side.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "You are not in this room."})
		}
		return
	}
	switch b := e.Body.(type) {
	case bridge.Message:
		n.say(e, s, b)
	case bridge.Leave:
		n.leave(s, b)
	case bridge.Rename:
		if b.Person != (bridge.Person{}) && b.Person != e.By {
			n.become(e, s, b)
		} else {
			n.rename(e, s, b)
		}
	case bridge.Topic:
		n.setTopic(e, s, b.Text)
	case bridge.RoleChange:
		n.setRole(e, s, b)
	case bridge.Expel:
		n.expel(e, s, b)
	case bridge.Pardon:
		n.pardon(e, s, b)
	case bridge.Invite:
		n.invite(e, s, b)
	case bridge.Info:
		if e.Via != (bridge.Person{}) { // else it is a fact of another room
			n.inform(e, b.Text)
		}
	case bridge.Presence:
		n.side.ghosts.setPresence(e.By, b)
	case bridge.Typing:
		n.side.tellTyping(n.roomID(), s.ghost, b.On, n.outgoing)
	case bridge.Read:
		n.side.tellRead(n.room, n.roomID(), s.ghost, b.Message, n.outgoing)
	case bridge.Profile:
		n.side.ghosts.setPicture(e.By, b.Avatar)
	case bridge.Query, bridge.Watch:
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "That can't be asked of a room."})
	case bridge.RoomInfo, bridge.Moved, bridge.Confirm, bridge.Failure, bridge.Answer, bridge.Members,
		bridge.Session, bridge.Attachment, bridge.Lost:
		// Facts of other rooms. A room of Matrix has nobody to tell them to.
	default:
		panic("matrixside: unknown kind of event delivered")
	}
}

// say sends what somebody of ours says. Their Confirm shows it to everybody
// else of ours.
func (n *native) say(e bridge.Event, s *stay, m bridge.Message) {
	n.mu.Lock()
	encrypted, at := n.state.encrypted, n.id
	n.mu.Unlock()
	if encrypted {
		n.side.fail(e, encryptedRoom)
		return
	}
	n.begins()
	var contents []*event.MessageEventContent
	if e.Via != (bridge.Person{}) {
		contents = n.relayed(n.side.ctx, s.ghost, e, m)
	} else {
		contents = n.side.contents(n.side.ctx, n.room.ID, s.ghost, m, n.called)
	}
	sent, err := put(n.side.ctx, n.side.do, at, s.ghost, e.ID, contents)
	if err != nil {
		n.ends("")
		n.side.fail(e, *failed(err))
		return
	}
	n.mu.Lock()
	n.recent.add(sent)
	n.mu.Unlock()
	n.side.confirm(e, sent)
	n.ends(sent)
}

// called is who somebody is on Matrix, and what they are called in the room.
func (n *native) called(who bridge.Person) (id.UserID, string) {
	user := n.side.ghosts.of(who)
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := n.members.get(user); m != nil {
		if m.display != "" {
			return user, m.display
		}
		return user, m.name
	}
	return user, ""
}

// leave takes somebody out. Their ghost leaves a room that it can enter again
// at any time; elsewhere it stays a member, of whom nobody is shown anything,
// as somebody who is offline does: to leave would be to lose the invitation.
func (n *native) leave(s *stay, b bridge.Leave) {
	n.mu.Lock()
	public, at := n.state.joinRule == event.JoinRulePublic, n.id
	n.mu.Unlock()
	if n.leaves(s.who) == nil {
		return
	}
	n.side.ghosts.restless(s.who)
	if b.Cause == bridge.CauseShutdown || n.side.ending.Load() {
		return // they are remembered: see natives.run
	}
	if !public && !s.called || s.who == bridge.Keeper && !n.keeperLeaves(public) {
		n.side.natives.forget(n.side.ctx, at, s.ghost)
		return
	}
	if n.quit(s.ghost, at, b.Reason) {
		n.mu.Lock()
		n.members.remove(s.ghost)
		n.joined = max(0, n.joined-1)
		n.mu.Unlock()
	}
}

// rename gives somebody another name in the room.
func (n *native) rename(e bridge.Event, s *stay, b bridge.Rename) {
	n.mu.Lock()
	at := n.id
	other := n.members.names[nameKey(cleanName(b.To))]
	before := s.display
	n.mu.Unlock()
	switch {
	case cleanName(b.To) == "":
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrBadName, Text: "That is no name."})
		return
	case other != "" && other != s.ghost:
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrConflict, Text: "Somebody in the room is called so already."})
		return
	}
	// The event of it may be back before the answer is.
	n.mu.Lock()
	s.display = b.To
	n.mu.Unlock()
	if err := n.side.ghosts.call(n.side.ctx, s.ghost, at, b.To); err != nil {
		n.mu.Lock()
		s.display = before
		n.mu.Unlock()
		n.side.fail(e, *failed(err))
		return
	}
	if !n.box.Post(func() {
		n.mu.Lock()
		now, was := n.members.set(s.ghost, b.To, "")
		name := now.name
		n.mu.Unlock()
		n.publish(bridge.Event{By: s.who, Name: was.name, Body: bridge.Rename{To: name, Person: s.who}})
		n.side.confirm(e, "")
	}) {
		n.side.confirm(e, "") // there is nobody left to show it to
	}
}

// setTopic changes the topic in the name of somebody; the event of it is the fact.
func (n *native) setTopic(e bridge.Event, s *stay, text string) {
	at := n.roomID()
	var sent id.EventID
	err := n.as(s.ghost, func(ctx context.Context, m *mautrix.Client) error {
		answer, err := m.SendStateEvent(ctx, at, event.StateTopic, "", &event.TopicEventContent{Topic: text})
		if err == nil {
			sent = answer.EventID
		}
		return err
	})
	n.respond(e, s, needTopic, sent, err)
}

func (n *native) answer(e bridge.Event, sent id.EventID, err error) {
	if err != nil {
		n.side.fail(e, *failed(err))
		return
	}
	n.side.confirm(e, sent)
}

// setRole gives somebody the power level that a role needs. All levels of a
// room are one event: what the bridge knows nothing of in it stays as it is.
func (n *native) setRole(e bridge.Event, s *stay, b bridge.RoleChange) {
	target := n.named(b.Target)
	if target == "" {
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "Nobody in the room is called " + b.Target + "."})
		return
	}
	n.mu.Lock()
	level, at := n.state.power.level(b.Role), n.id
	n.mu.Unlock()
	var sent id.EventID
	err := n.as(s.ghost, func(ctx context.Context, m *mautrix.Client) error {
		levels := map[string]any{}
		if err := ignoreMissing(m.StateEvent(ctx, at, event.StatePowerLevels, "", &levels)); err != nil {
			return err
		}
		users, _ := levels["users"].(map[string]any)
		users = maps.Clone(users)
		if users == nil {
			users = map[string]any{}
		}
		users[string(target)] = level
		levels["users"] = users
		answer, err := m.SendStateEvent(ctx, at, event.StatePowerLevels, "", levels)
		if err == nil {
			sent = answer.EventID
		}
		return err
	})
	n.respond(e, s, needPowers, sent, err)
}

// expel removes somebody from the room, by who they are or, where that isn't
// said, by their name.
func (n *native) expel(e bridge.Event, s *stay, b bridge.Expel) {
	target := n.named(b.Target)
	if b.Person != (bridge.Person{}) {
		target = n.side.ghosts.of(b.Person)
	}
	if target == "" {
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "Nobody in the room is called " + b.Target + "."})
		return
	}
	takes := needKick
	if b.Ban {
		takes = needBan
	}
	n.mu.Lock()
	at, there := n.id, n.members.get(target) != nil
	n.mu.Unlock()
	err := n.as(s.ghost, func(ctx context.Context, m *mautrix.Client) (err error) {
		if b.Ban {
			_, err = m.BanUser(ctx, at, &mautrix.ReqBanUser{UserID: target, Reason: b.Reason})
		} else {
			_, err = m.KickUser(ctx, at, &mautrix.ReqKickUser{UserID: target, Reason: b.Reason})
		}
		return err
	})
	if err != nil && there && s.who == bridge.Keeper && failed(err).Kind == bridge.ErrNotFound { // Dendrite doesn't say why
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrNoPrivileges, Text: n.lacks(takes)})
		return
	}
	n.respond(e, s, takes, "", err)
}

// invite calls somebody into the room, of Matrix or of any other network.
func (n *native) invite(e bridge.Event, s *stay, b bridge.Invite) {
	target := n.side.ghosts.of(b.Person)
	if b.Person.Network != bridge.NetworkMatrix {
		ctx, cancel := context.WithTimeout(n.side.ctx, outage)
		_, err := n.side.ghosts.ensure(ctx, b.Person, "")
		cancel()
		if err != nil {
			n.side.fail(e, *failed(err))
			return
		}
	}
	at := n.roomID()
	n.respond(e, s, needInvite, "", n.as(s.ghost, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.InviteUser(ctx, at, &mautrix.ReqInviteUser{UserID: target, Reason: b.Reason})
		return err
	}))
}

// takeTombstone follows a room that goes on elsewhere. Who came by its address
// stays: their ghosts go along, and they see the people there instead. Who
// came by its id is told the new one.
func (n *native) takeTombstone(e *event.Event, c *event.TombstoneEventContent) {
	to := c.ReplacementRoom
	if to == "" {
		n.publish(bridge.Event{Body: bridge.Info{Text: "This room is closed. " + cleanText(c.Body)}})
		return
	}
	if n.room.ID != "" && n.room.ID[0] == '#' && n.follow(to, e.Sender) {
		n.publish(bridge.Event{Body: bridge.Info{Text: "This room was upgraded, and you are in the new one."}})
		return
	}
	name, by := n.room.ID, n.ghostsInside()
	if name[0] == '!' {
		name = newName(to)
	}
	n.publish(bridge.Event{At: time.UnixMilli(e.Timestamp), Body: bridge.Moved{To: name, Reason: cleanText(c.Body)}})
	for _, s := range by {
		n.leaves(s.who)
		n.side.natives.forget(n.side.ctx, n.roomID(), s.ghost)
	}
}
