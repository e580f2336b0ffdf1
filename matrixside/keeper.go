package matrixside

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// The Keeper is the bot: it is in rooms of Matrix that are mapped as anybody of
// ours is, invites the others where that is needed, and speaks for those who
// have no ghost there.

// callGrace is how long after the start an invitation of the bot to a room of
// many isn't turned down: the core may yet want the Keeper in there.
const callGrace = 10 * time.Second

// botName is what the bot is called: what its profile says, if somebody has
// chosen that, otherwise wished. Who has the bot's turn calls it.
func (g *ghosts) botName(ctx context.Context, bot *ghost, wished string) (string, error) {
	if bot.name != "" {
		return bot.name, nil
	}
	var profile *mautrix.RespUserProfile
	err := g.side.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) (err error) {
		profile, err = m.GetProfile(ctx, bot.user)
		return ignoreMissing(err)
	})
	if err != nil || profile == nil {
		return wished, err
	}
	if !profile.AvatarURL.IsEmpty() {
		g.mu.Lock()
		bot.setMore(func(e *extra) { e.uri = profile.AvatarURL.CUString() })
		g.mu.Unlock()
	}
	if profile.DisplayName == "" || profile.DisplayName == bot.user.Localpart() { // nobody's choice
		return wished, nil
	}
	bot.name = profile.DisplayName
	return bot.name, nil
}

// keep notes that the core wants the Keeper in a room, or no more. at is the
// room that it is in, or needs an invitation to; "" for what is not known.
func (n *natives) keep(room bridge.Room, at id.RoomID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at == "" {
		at = n.kept[room]
	}
	n.kept[room] = at
}

func (n *natives) unkeep(room bridge.Room) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.kept, room)
}

// keeps reports whether the core wants the Keeper in a room.
func (n *natives) keeps(room bridge.Room) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, kept := n.kept[room]
	return kept
}

// awaited is what the core calls a room that the Keeper can't be in for want of
// an invitation, or is in.
func (n *natives) awaited(at id.RoomID) (room bridge.Room, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for room, id := range n.kept {
		if id == at {
			return room, true
		}
	}
	return bridge.Room{}, false
}

// occupied gives a room its place, unless it has another, which is returned. A
// chat with the bot gives way where the Keeper comes: it was invited before it was
// known what for.
func (n *natives) occupied(at id.RoomID, there *native, keeper bool, names ...bridge.Room) place {
	taken := n.side.places.add(at, there, names...)
	switch was := taken.(type) {
	case *direct:
		if keeper && was.isBot() {
			n.side.directs.drop(was)
			taken = n.side.places.add(at, there, names...)
		}
	case *heldRoom:
		there.mu.Lock() // what comes from now on waits behind what has
		defer there.mu.Unlock()
		if n.side.places.swap(at, was, there, names...) {
			there.held, there.back, taken = append(there.held, was.take()...), true, nil
		}
	}
	return taken
}

// claimed reports whether the Keeper is in a room, or is to be. Shortly after
// the start it waits for who may say so.
func (n *natives) claimed(at id.RoomID) bool {
	wait := time.NewTimer(time.Until(n.side.began.Add(callGrace)))
	defer wait.Stop()
	for {
		_, wanted := n.awaited(at)
		_, there := n.side.places.at(at).(*native)
		if wanted || there {
			return true
		}
		select {
		case <-wait.C:
			return false
		case <-time.After(callGrace / 20):
		case <-n.side.ctx.Done():
			return true // it comes again
		}
	}
}

// keeperCalled handles an invitation of the bot to a room that the Keeper was
// refused, and reports whether it is one: the core is told, so that it asks
// for the Keeper to be let in again. Then that accepts it.
func (n *natives) keeperCalled(e *event.Event) bool {
	room, ok := n.awaited(e.RoomID)
	if !ok {
		return false
	}
	n.side.core.Publish(bridge.Event{
		Room: room, By: n.side.ghosts.behind(e.Sender), Name: nameless(e.Sender), At: time.UnixMilli(e.Timestamp),
		Body: bridge.Invite{Person: bridge.Keeper, Reason: cleanText(e.Content.AsMember().Reason)},
	})
	return true
}

// keeperRefused is why the Keeper can't be in a room, with what its people can
// do about that.
func (n *natives) keeperRefused(room bridge.Room, at id.RoomID, f bridge.Failure, asked bool) *bridge.Failure {
	bot := n.side.options().Names.BotID()
	switch f.Kind {
	case bridge.ErrMembersOnly:
		n.keep(room, at)
		f.Text = fmt.Sprintf("The room is for members only: invite the bridge's bot, %s.", bot)
		if asked {
			f.Text = fmt.Sprintf("The bridge's bot, %s, has asked to be let in: somebody in the room has to agree, or to invite it.", bot)
		}
	case bridge.ErrBanned:
		f.Text = fmt.Sprintf("The bridge's bot, %s, is banned from the room: somebody who runs it has to lift that.", bot)
	}
	return &f
}

// mappedEncrypted is what is said of an encrypted room that is to be mapped.
var mappedEncrypted = bridge.Failure{Kind: bridge.ErrUnsupported,
	Text: "The room is encrypted, which the bridge can't read. Encryption can't be switched off: make another room."}

// keeperShutOut has the Keeper leave a room that it can't read any more.
func (n *native) keeperShutOut() {
	at := n.roomID()
	_, name := n.person(n.side.options().Names.BotID())
	n.side.natives.seal(at)
	s := n.leaves(bridge.Keeper)
	if s == nil {
		return
	}
	n.publish(bridge.Event{By: bridge.Keeper, Name: name, Body: bridge.Leave{Reason: mappedEncrypted.Text}})
	n.quit(s.ghost, at, mappedEncrypted.Text)
}

// seal notes that a room is encrypted, which it stays: the Keeper need not come
// in to see that again.
func (n *natives) seal(at id.RoomID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.sealed) >= maxSealed {
		clear(n.sealed)
	}
	n.sealed[at] = true
}

func (n *natives) isSealed(at id.RoomID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sealed[at]
}

// maxSealed bounds the encrypted rooms that are known.
const maxSealed = 1024

// asksIn reports whether people come into the room only if they are invited.
func (n *native) asksIn() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open && n.state.joinRule != event.JoinRulePublic
}

// callIn has the bot invite a ghost into a room that is not open to
// everybody, or says what it lacks. It is for people of the other rooms of a
// mapping: whoever let the bot in has let them in.
func (n *native) callIn(ctx context.Context, ghost id.UserID, at id.RoomID) *bridge.Failure {
	if n.stayOf(bridge.Keeper) == nil {
		return &bridge.Failure{Kind: bridge.ErrMembersOnly, Text: "The room is for members only, and the bridge's bot is not in it to invite others."}
	}
	err := n.side.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.InviteUser(ctx, at, &mautrix.ReqInviteUser{UserID: ghost, Reason: joinReason})
		return err
	})
	if err == nil {
		return nil
	}
	f := failed(err)
	if f.Kind == bridge.ErrNoPrivileges {
		f = &bridge.Failure{Kind: bridge.ErrMembersOnly, Text: n.lacks(needInvite)}
	}
	return f
}

// need is what power something takes in a room.
type need func(*event.PowerLevelsEventContent) int

var (
	needInvite need = (*event.PowerLevelsEventContent).Invite
	needKick   need = (*event.PowerLevelsEventContent).Kick
	needBan    need = (*event.PowerLevelsEventContent).Ban
	needTopic  need = func(l *event.PowerLevelsEventContent) int { return l.GetEventLevel(event.StateTopic) }
	needPowers need = func(l *event.PowerLevelsEventContent) int { return l.GetEventLevel(event.StatePowerLevels) }
)

// lacks says what power the bot needs for something that it was refused.
func (n *native) lacks(for_ need) string {
	bot := n.side.options().Names.BotID()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state.power.levels == nil {
		n.state.power.set(nil)
	}
	have, needed := n.state.power.levels.GetUserLevel(bot), for_(n.state.power.levels)
	if have >= needed {
		return fmt.Sprintf("The bridge's bot, %s, may not do that to somebody who has as much power in the room as it has itself: %d.", bot, have)
	}
	return fmt.Sprintf("The bridge's bot, %s, needs power level %d in the room for that, and has %d.", bot, needed, have)
}

// ghostsMost is how many ghosts the homeserver bears in one room.
func (s *Side) ghostsMost(ctx context.Context) int {
	switch most := s.options().Portals.Ghosts; {
	case most != 0:
		return most
	case s.tellsAll(ctx):
		return ghostsOnSynapse
	}
	return ghostsOnDendrite
}

// isGuest reports whether somebody is in rooms of Matrix by a mapping alone:
// people of IRC and occupants of MUCs. XMPP users may also come by themselves,
// and then are let in as anybody is.
func isGuest(who bridge.Person) bool {
	switch who.Network {
	case bridge.NetworkXMPP:
		return strings.Contains(who.ID, "/")
	case bridge.NetworkBridge, bridge.NetworkMatrix:
		return false
	}
	return true
}

// crowded is why no more ghosts come into a mapped room, nil if there are
// places. With those who may have come by themselves there may be twice as many.
func (n *natives) crowded(e bridge.Event) *bridge.Failure {
	if e.By == bridge.Keeper {
		return nil
	}
	there := n.find(e.Room)
	if there == nil || there.stayOf(bridge.Keeper) == nil || there.stayOf(e.By) != nil {
		return nil
	}
	most := n.side.ghostsMost(n.side.ctx)
	if !isGuest(e.By) {
		most *= 2
	}
	there.mu.Lock()
	defer there.mu.Unlock()
	in := len(there.ours) - 1 + len(there.admitted)
	if in < most {
		there.admitted[e.By] = true
		return nil
	}
	return &bridge.Failure{Kind: bridge.ErrTooMany, Text: fmt.Sprintf("There are %d people of other networks in the room on Matrix, as many as its homeserver bears.", in)}
}

// awayPatience is how long the homeserver may be away before mappings are told.
const awayPatience = 5 * time.Second

// tellAway tells the mappings that the homeserver is away, if it still is in a while.
func (n *natives) tellAway() {
	wait := time.NewTimer(awayPatience)
	defer wait.Stop()
	select {
	case <-wait.C:
		n.tellReach()
	case <-n.side.ctx.Done():
	}
}

// tellReach tells the mappings whether their rooms can be reached, so that what
// is to be said in them waits meanwhile.
func (n *natives) tellReach() {
	n.mu.Lock()
	rooms := slices.Collect(maps.Values(n.rooms))
	n.mu.Unlock()
	for _, room := range rooms {
		room.box.Post(room.tellReach)
	}
}

// tellReach is the mailbox's.
func (n *native) tellReach() {
	there := n.side.away.Load() == 0
	bot := n.side.options().Names.BotID()
	n.mu.Lock()
	s := n.ours[bridge.Keeper]
	news := s != nil && s.cut == there
	if news {
		s.cut = !there
	}
	name := n.nameLocked(bot)
	n.mu.Unlock()
	if !news {
		return
	}
	now := bridge.Attachment{Attached: there}
	if !there {
		now.Text = "The Matrix homeserver can't be reached."
	}
	n.publish(bridge.Event{By: bridge.Keeper, Name: name, Body: now})
}

// keeperLeaves reports whether the bot is to leave a room on Matrix that the
// Keeper leaves: not where it is the only one to be told who is typing, for
// others who stay (see bringBot).
func (n *native) keeperLeaves(public bool) bool {
	n.mu.Lock()
	alone := len(n.ours) == 0
	n.mu.Unlock()
	return alone || !public || n.side.tellsAll(n.side.ctx)
}
