package matrixside

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/names"
)

// directRoom finds or makes the room in which ghost, or the bot, and user talk
// one to one: whoever of them begins, there is one. The ghost must be
// registered. A room that is made here is the caller's: a place has to be
// added for it, and it has to be remembered (pairs.set).
func (s *Side) directRoom(ctx context.Context, ghost, user id.UserID) (room id.RoomID, made bool, err error) {
	if room := s.pairs.room(pair{ghost, user}); room != "" {
		return room, false, nil
	}
	as := ghost
	if ghost == s.options().Names.BotID() {
		as = ""
	}
	err = s.options().Client.Do(ctx, as, func(ctx context.Context, m *mautrix.Client) error {
		r, err := m.CreateRoom(ctx, &mautrix.ReqCreateRoom{
			Visibility: "private", Preset: "trusted_private_chat", IsDirect: true, Invite: []id.UserID{user},
		})
		if err == nil {
			room = r.RoomID
		}
		return err
	})
	return room, err == nil, err
}

// open finds or makes the direct chat of user with somebody called name. One
// that somebody of another network began is used as it is.
func (d *directs) open(ctx context.Context, other bridge.Person, name string, user id.UserID) (*direct, error) {
	ghost, err := d.side.ghosts.ensure(ctx, other, name)
	if err != nil {
		return nil, err
	}
	return d.openAs(ctx, pair{ghost, user}, bridge.Room{Network: bridge.NetworkMatrix, ID: names.PortalID(other.ID, other.Network), Owner: matrixPerson(user)})
}

// openBot finds or makes the direct chat of user with the bot.
func (d *directs) openBot(ctx context.Context, user id.UserID) (*direct, error) {
	bot := d.side.options().Names.BotID()
	return d.openAs(ctx, pair{bot, user}, bridge.Room{Network: bridge.NetworkMatrix, ID: consoleRoom, Owner: matrixPerson(user)})
}

func (d *directs) openAs(ctx context.Context, of pair, name bridge.Room) (*direct, error) {
	turn := d.turn(of)
	turn.Lock()
	defer turn.Unlock()
	room, made, err := d.side.directRoom(ctx, of.ghost, of.user)
	if err != nil {
		return nil, err
	}
	if c, ok := d.side.places.at(room).(*direct); ok {
		return c, nil
	}
	c := d.newDirect(room, of, name)
	close(c.ready)
	if !made { // the other party began it: it stays theirs, and what is said here is sent into it
		return c, nil
	}
	c.invited = time.Now()
	return c, d.keep(ctx, c)
}

// turn is the lock of who makes the room of a pair.
func (d *directs) turn(of pair) *sync.Mutex {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.making) > maxAsked {
		for p, m := range d.making {
			if m.TryLock() {
				m.Unlock()
				delete(d.making, p)
			}
		}
	}
	m := d.making[of]
	if m == nil {
		m = &sync.Mutex{}
		d.making[of] = m
	}
	return m
}

// keep puts a direct chat among the places, and remembers it.
func (d *directs) keep(ctx context.Context, c *direct) error {
	d.side.places.add(c.id, c, c.room)
	return d.side.pairs.set(ctx, d.entry(c))
}

// entry is a direct chat as it is remembered.
func (d *directs) entry(c *direct) store.MatrixRoom {
	return store.MatrixRoom{ID: string(c.id), Ghost: string(c.pair.ghost), Kind: kindDirect, User: string(c.pair.user), Room: c.room}
}

// invited handles the invitation of the bot anywhere, or of a ghost to a
// direct chat. It does not wait.
func (d *directs) invited(e *event.Event, who id.UserID, done func()) {
	room, by := e.RoomID, e.Sender
	if !d.side.portals.begin(func() {
		if d.accept(room, by, who); d.side.ctx.Err() == nil {
			done()
		}
	}) { // it is brought again
		d.side.log.Debug("an invitation that comes too late", "room", room)
	}
}

// accept has who come into a room where user wants to talk to them alone, or
// says why not.
func (d *directs) accept(room id.RoomID, user, who id.UserID) {
	s := d.side
	ctx, cancel := context.WithTimeout(s.ctx, actPatience)
	defer cancel()
	name, why := d.conversation(user, who)
	as := who
	if who == s.options().Names.BotID() {
		as = ""
	} else if other, ok := s.ghosts.person(who); ok {
		if _, err := s.ghosts.ensure(ctx, other, s.ghosts.callName(other)); err != nil {
			s.log.Warn("matrix: an invited ghost can't be registered", "ghost", who, "error", err)
			return
		}
	}
	if why != "" {
		d.decline(ctx, room, as, why)
		return
	}
	c := d.newDirect(room, pair{who, user}, name)
	if taken := s.places.add(room, c); taken != nil {
		return // there is something in that room already
	}
	defer close(c.ready)
	if theirs, ok := s.places.at(s.pairs.room(c.pair)).(*chat); ok { // the other party had begun one
		s.natives.chats.drop(theirs)
		d.decline(ctx, theirs.id, as, "The conversation goes on in another room.")
	}
	old := d.at(c.pair)
	s.pairs.recall(d.entry(c)) // before they are in: the answer may come at once
	why, sealed, err := d.look(ctx, c, as)
	if s.places.at(room) != c {
		return // it is a mapped room, which the Keeper has come into meanwhile
	}
	if err != nil || why != "" || sealed {
		s.places.removeIf(room, c)
		if s.pairs.recall(store.MatrixRoom{Ghost: string(who), User: string(user)}); old != nil {
			s.pairs.recall(d.entry(old))
		}
	}
	switch {
	case err != nil:
		s.log.Warn("matrix: an invitation could not be accepted", "room", room, "ghost", who, "error", err)
	case why != "" && as == "" && s.natives.claimed(room):
		// The Keeper is to be in it.
	case why != "":
		d.decline(ctx, room, as, why)
	case sealed:
		s.places.add(room, c) // it stays, to tell people
		d.sealed(ctx, c)
	default:
		d.begin(ctx, c, old, as)
	}
}

// drop lets go of a chat with the bot that turns out to be something else.
func (d *directs) drop(c *direct) {
	d.side.places.removeIf(c.id, c)
	if err := d.side.pairs.forget(d.side.ctx, c.pair, c.id); err != nil {
		d.side.log.Warn("a direct chat is not forgotten", "room", c.room, "error", err)
	}
}

// begin begins the conversation in a room that the ghost has come into, in
// place of an old one where there is one.
func (d *directs) begin(ctx context.Context, c, old *direct, as id.UserID) {
	s := d.side
	if old != nil && old.id != c.id {
		s.places.remove(old.id)
		if err := s.options().Rooms.DeleteMatrixRoom(ctx, string(old.id), string(c.pair.ghost)); err != nil {
			s.log.Error("a direct chat is not forgotten", "room", old.room, "error", err)
		}
		d.decline(ctx, old.id, as, "The conversation goes on in another room.")
	}
	if err := d.keep(ctx, c); err != nil {
		s.log.Error("a direct chat is not remembered", "room", c.room, "error", err)
	}
	if c.isBot() {
		c.tell(botGreeting, "")
	}
	c.watch()
	c.catchUp(ctx, as)
}

// watch asks, once in our life, to be told of the other party's presence.
func (c *direct) watch() {
	c.mu.Lock()
	first := !c.watched && !c.isBot()
	c.watched = true
	c.mu.Unlock()
	if first {
		c.all.ask(bridge.Event{Room: c.room, By: c.room.Owner, Body: bridge.Watch{On: true}}, func(bridge.Body) {})
	}
}

// maxEarly is how much of what was said before a ghost came is carried on.
const maxEarly = 20

// catchUp carries on what the user said between the invitation and the ghost's
// coming: homeservers tell us of nothing that happens in rooms where nobody of
// ours is, and clients make a room with its first message.
func (c *direct) catchUp(ctx context.Context, as id.UserID) {
	var said []*event.Event
	err := c.side.options().Client.Do(ctx, as, func(ctx context.Context, m *mautrix.Client) error {
		r, err := m.Messages(ctx, c.id, "", "", mautrix.DirectionBackward, nil, maxEarly)
		if err == nil {
			said = sinceInvited(r.Chunk, c.pair.ghost)
		}
		return err
	})
	if err != nil {
		c.side.log.Info("matrix: what was said before is not known", "room", c.room, "error", err)
		return
	}
	early := map[id.EventID]bool{}
	for _, e := range slices.Backward(said) {
		if e.StateKey != nil || e.Sender != c.pair.user {
			continue
		}
		if e.Content.Parsed == nil && e.Content.ParseRaw(e.Type) != nil {
			continue
		}
		early[e.ID] = true
		c.take(e, func() {})
	}
	c.mu.Lock()
	c.early = early
	c.mu.Unlock()
}

// sinceInvited is what is newer than the last invitation of who. Newest is first.
func sinceInvited(events []*event.Event, who id.UserID) []*event.Event {
	for i, e := range events {
		if e.Type.Type != event.StateMember.Type || e.GetStateKey() != string(who) {
			continue
		}
		if membership, _ := e.Content.Raw["membership"].(string); membership == string(event.MembershipInvite) {
			return events[:i]
		}
	}
	return events
}

// conversation is what the core calls the conversation of user with who, or
// why there can be none.
func (d *directs) conversation(user, who id.UserID) (name bridge.Room, why string) {
	s := d.side
	if !s.options().allows(user) {
		return name, "This bridge is not for users of " + user.Homeserver() + "."
	}
	name = bridge.Room{Network: bridge.NetworkMatrix, ID: consoleRoom, Owner: matrixPerson(user)}
	if who == s.options().Names.BotID() {
		return name, ""
	}
	other, ok := s.ghosts.person(who)
	if !ok {
		return name, "There is nobody of that name."
	}
	name.ID = names.PortalID(other.ID, other.Network)
	return name, s.options().Portals.refuse(name.ID, false)
}

// look enters the room and looks who is in it, and whether it is encrypted.
func (d *directs) look(ctx context.Context, c *direct, as id.UserID) (why string, sealed bool, err error) {
	err = d.side.options().Client.Do(ctx, as, func(ctx context.Context, m *mautrix.Client) error {
		why, sealed = "", false
		if _, err := m.JoinRoomByID(ctx, c.id); err != nil {
			return err
		}
		members, err := m.JoinedMembers(ctx, c.id)
		if err != nil {
			return err
		}
		for user := range members.Joined {
			if user != c.pair.user && user != c.pair.ghost {
				why = "I talk to one person at a time: invite me to a direct chat. Rooms that are to be bridged are named in the bridge's configuration first."
			}
		}
		var encryption event.EncryptionEventContent
		err = m.StateEvent(ctx, c.id, event.StateEncryption, "", &encryption)
		sealed = err == nil && encryption.Algorithm != ""
		if errors.Is(err, mautrix.MNotFound) {
			return nil
		}
		return err
	})
	return why, sealed, err
}

// decline has a ghost, or the bot, leave a room, or not come.
func (d *directs) decline(ctx context.Context, room id.RoomID, as id.UserID, why string) {
	err := d.side.options().Client.Do(ctx, as, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.LeaveRoom(ctx, room, &mautrix.ReqLeave{Reason: why})
		return err
	})
	if err != nil && d.side.ctx.Err() == nil {
		d.side.log.Info("matrix: a room could not be left", "room", room, "as", as, "error", err)
	}
}

// sealed tells somebody that their direct chat is encrypted, which we can't
// read, and asks them into one that is not.
func (d *directs) sealed(ctx context.Context, c *direct) {
	c.mu.Lock()
	c.sealed, c.told = true, time.Now()
	c.mu.Unlock()
	c.tell("This room is encrypted, which the bridge can't read: nothing that you write here arrives. You are invited to a room that is not encrypted.", "")
	if _, err := d.openAs(ctx, c.pair, c.room); err != nil {
		d.side.log.Warn("matrix: no room that is not encrypted", "room", c.room, "error", err)
	}
}

// handle implements place.
func (c *direct) handle(e *event.Event, done func()) {
	select {
	case <-c.ready:
	case <-c.side.portals.ending:
		return // it is brought again
	}
	c.mu.Lock()
	early := c.early[e.ID]
	c.mu.Unlock()
	if early {
		done()
		return
	}
	c.take(e, done)
}

// take takes in an event of the room.
func (c *direct) take(e *event.Event, done func()) {
	s := c.side
	switch {
	case e.Type == event.StateMember && e.StateKey != nil:
		c.member(id.UserID(*e.StateKey), e)
		done()
	case s.isOurs(e.Sender):
		done() // an echo
	case e.Type == event.StateEncryption && e.StateKey != nil:
		if !s.portals.begin(func() {
			ctx, cancel := context.WithTimeout(s.ctx, actPatience)
			defer cancel()
			if s.pairs.room(c.pair) == c.id {
				_ = s.pairs.forget(ctx, c.pair, c.id)
			}
			c.all.sealed(ctx, c)
			done()
		}) {
			return // it is brought again
		}
	case e.Type == event.EventEncrypted:
		c.encrypted(e)
		done()
	case e.StateKey != nil, e.Type == event.EventRedaction, e.Type == event.EventReaction:
		done()
	case e.Sender != c.pair.user:
		c.tell("This is a conversation with "+string(c.pair.user)+" alone. What others say here goes nowhere.", e.ID)
		done()
	default:
		c.says(e, done)
	}
}

// says takes in what the user says.
func (c *direct) says(e *event.Event, done func()) {
	m, ok := c.side.said(e)
	switch {
	case !ok:
		done()
		return
	case !c.side.options().allows(e.Sender):
		c.tell("This bridge is not for users of "+e.Sender.Homeserver()+".", e.ID)
		done()
		return
	case c.isBot():
		c.command(e, m, done)
		return
	}
	c.watch()
	ours := bridge.NewID()
	c.mu.Lock()
	c.shown.add(ours, e.ID) // to know what it is when it has been read
	c.mu.Unlock()
	c.all.ask(bridge.Event{ID: ours, Room: c.room, By: c.room.Owner, Body: m}, func(b bridge.Body) {
		if f, failed := b.(bridge.Failure); failed {
			c.tell(strings.TrimSpace("This was not sent. "+f.Text), e.ID)
		}
		done()
	})
}

func (c *direct) encrypted(e *event.Event) {
	now := time.Now()
	c.mu.Lock()
	tell := now.Sub(c.told) > tellAgain
	if tell {
		c.told = now
	}
	c.mu.Unlock()
	if tell {
		c.tell("This was encrypted, which the bridge can't read: it did not arrive.", e.ID)
	}
}

// member takes in who comes and goes.
func (c *direct) member(who id.UserID, e *event.Event) {
	s, membership := c.side, e.Content.AsMember().Membership
	gone := membership == event.MembershipLeave || membership == event.MembershipBan
	switch who {
	case c.pair.user:
		c.mu.Lock()
		c.absent = gone
		if gone {
			c.invited = time.Now()
		}
		c.mu.Unlock()
	case c.pair.ghost:
		if !gone || s.isOurs(e.Sender) {
			return
		}
		// They were put out: the next word begins another room.
		s.places.remove(c.id)
		if err := s.pairs.forget(s.ctx, c.pair, c.id); err != nil {
			s.log.Error("a direct chat could not be forgotten", "room", c.room, "error", err)
		}
	}
}

// ephemeral implements place (client-server API, m.typing and m.receipt).
func (c *direct) ephemeral(e *event.Event) {
	if c.isBot() {
		return
	}
	var signals []bridge.Body
	c.mu.Lock()
	switch e.Type {
	case event.EphemeralEventTyping:
		on := false
		for _, user := range e.Content.AsTyping().UserIDs {
			on = on || user == c.pair.user
		}
		if on != c.typing {
			c.typing = on
			signals = append(signals, bridge.Typing{On: on})
		}
	case event.EphemeralEventReceipt:
		for ev, receipts := range *e.Content.AsReceipt() {
			_, read := receipts[event.ReceiptTypeRead][c.pair.user]
			if message := c.shown.message(ev); read && message != "" {
				signals = append(signals, bridge.Read{Message: message})
			}
		}
	}
	c.mu.Unlock()
	for _, b := range signals {
		c.side.core.Publish(bridge.Event{Room: c.room, By: c.room.Owner, Body: b})
	}
}

// LogValue keeps what was said out of logs.
func (c *direct) String() string { return fmt.Sprintf("direct chat %s", c.room) }
