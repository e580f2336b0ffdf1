package matrixside

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/actor"
	"isthmus/bridge/store"
	"isthmus/matrixside/client"
)

// chatBound is how many events of one conversation wait. When it is full, the
// inbox waits with this room's.
const chatBound = 256

// chat is the room on the homeserver in which a ghost and a Matrix user talk,
// for somebody of another network who began it.
type chat struct {
	side *Side
	room bridge.Room // what the core calls it
	pair pair
	id   id.RoomID
	box  *actor.Mailbox[func()]

	signals, outgoing *rate.Limiter

	mu        sync.Mutex
	name      string // of the user, as the room has it
	gone      bool   // the user has left
	seen      bool   // it is known whether they have
	encrypted bool
	warned    time.Time
	typing    bool
}

func newChat(s *Side, room bridge.Room, both pair, at id.RoomID) *chat {
	c := &chat{side: s, room: room, pair: both, id: at, name: nameless(both.user),
		signals:  rate.NewLimiter(signalsPerSecond, signalsBurst),
		outgoing: rate.NewLimiter(signalsPerSecond, signalsBurst)}
	c.box = actor.New(chatBound, &nativeTasks, func(batch []func()) {
		for _, do := range batch {
			do()
		}
	})
	return c
}

// chatEncrypted is the store.MatrixRoom.Data of a conversation that is encrypted.
const chatEncrypted = "encrypted"

// remember keeps the conversation over a restart.
func (c *chat) remember(ctx context.Context) {
	r := store.MatrixRoom{ID: string(c.id), Ghost: string(c.pair.ghost), Kind: kindDirect, User: string(c.pair.user), Room: c.room}
	c.mu.Lock()
	if c.encrypted {
		r.Data = chatEncrypted
	}
	c.mu.Unlock()
	if err := c.side.pairs.set(ctx, r); err != nil {
		c.side.log.Warn("a conversation would have another room after a restart", "room", c.id, "error", err)
	}
}

// look finds out whether the user is in the room or invited, after a restart.
func (c *chat) look(ctx context.Context) error {
	c.mu.Lock()
	seen := c.seen
	c.mu.Unlock()
	if seen {
		return nil
	}
	var m event.MemberEventContent
	err := c.side.do(ctx, c.pair.ghost, func(ctx context.Context, cli *mautrix.Client) error {
		m = event.MemberEventContent{}
		return ignoreMissing(cli.StateEvent(ctx, c.id, event.StateMember, string(c.pair.user), &m))
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.gone = true, m.Membership != event.MembershipJoin && m.Membership != event.MembershipInvite
	return nil
}

// handle implements place.
func (c *chat) handle(e *event.Event, done func()) {
	c.box.Post(func() { // after the end it is left for the next start
		c.take(e)
		done()
	})
}

// ephemeral implements place.
func (c *chat) ephemeral(e *event.Event) {
	if !c.box.Offer(func() { c.takeSignal(e) }) {
		c.side.Counters.Signals.Add(1)
	}
}

// publish tells the owner what user did.
func (c *chat) publish(user id.UserID, at time.Time, b bridge.Body) {
	name := nameless(user)
	if user == c.pair.user {
		c.mu.Lock()
		name = c.name
		c.mu.Unlock()
	}
	c.side.core.Publish(bridge.Event{Room: c.room, By: c.side.ghosts.behind(user), Name: name, At: at, Body: b})
}

// take turns an event into a fact.
func (c *chat) take(e *event.Event) {
	switch content := e.Content.Parsed.(type) {
	case *event.MemberEventContent:
		if e.StateKey != nil {
			c.takeMember(e, id.UserID(*e.StateKey), content)
		}
	case *event.EncryptionEventContent:
		c.mu.Lock()
		c.encrypted = true
		c.mu.Unlock()
		c.remember(c.side.ctx)
		c.refuseEncrypted(e)
	case *event.TombstoneEventContent:
		c.side.natives.chats.drop(c)
	default:
		c.takeMessage(e)
	}
}

func (c *chat) takeMessage(e *event.Event) {
	if e.StateKey != nil || c.side.options().Names.IsOurs(e.Sender) {
		return
	}
	if e.Type.Type == event.EventEncrypted.Type {
		c.refuseEncrypted(e)
		return
	}
	said, ok := c.side.said(e)
	if !ok {
		return
	}
	if e.Sender != c.pair.user { // somebody whom they have asked in
		mark := nameless(e.Sender) + ": "
		said.Text = mark + said.Text
		for i := range said.Spans {
			said.Spans[i].Start += len(mark)
			said.Spans[i].End += len(mark)
		}
	}
	c.mu.Lock()
	c.typing = false
	c.mu.Unlock()
	c.publish(e.Sender, time.UnixMilli(e.Timestamp), said)
}

// refuseEncrypted tells both that what is encrypted does not arrive, not more
// often than they can bear.
func (c *chat) refuseEncrypted(e *event.Event) {
	c.mu.Lock()
	silent := time.Since(c.warned) < encryptedSilence
	if !silent {
		c.warned = time.Now()
	}
	c.mu.Unlock()
	if silent {
		return
	}
	c.publish(e.Sender, time.Time{}, bridge.Info{Text: "Something was said to you that is encrypted, which the bridge can't read. " + string(c.pair.user) + " has been told."})
	_, err := send(c.side.ctx, c.side.do, c.id, c.pair.ghost, &event.MessageEventContent{MsgType: event.MsgNotice,
		Body: "The bridge can't read encrypted messages yet: what you say here does not arrive. Please talk to me in a room that is not encrypted."},
		client.TransactionID(string(e.ID), c.pair.ghost, 0))
	if err != nil {
		c.side.log.Info("nobody is told that a conversation is encrypted", "room", c.id, "error", err)
	}
}

func (c *chat) takeMember(e *event.Event, user id.UserID, m *event.MemberEventContent) {
	switch {
	case user == c.pair.user && m.Membership == event.MembershipJoin:
		c.mu.Lock()
		c.gone, c.seen = false, true
		if name := cleanName(m.Displayname); name != "" {
			c.name = name
		}
		c.mu.Unlock()
	case user == c.pair.user && (m.Membership == event.MembershipLeave || m.Membership == event.MembershipBan):
		c.mu.Lock()
		c.gone, c.seen = true, true
		c.mu.Unlock()
	case user == c.pair.ghost && m.Membership == event.MembershipInvite:
		// They have thrown the ghost out and ask it in again.
		if err := c.side.do(c.side.ctx, user, func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.JoinRoomByID(ctx, c.id)
			return err
		}); err != nil {
			c.side.log.Info("a ghost can't come back into a conversation", "room", c.id, "error", err)
		}
	case user == c.pair.ghost && m.Membership != event.MembershipJoin && e.Sender != user:
		c.side.natives.chats.drop(c)
	}
}

func (c *chat) takeSignal(e *event.Event) {
	if !c.signals.Allow() {
		c.side.Counters.Signals.Add(1)
		return
	}
	switch content := e.Content.Parsed.(type) {
	case *event.TypingEventContent:
		on := false
		for _, user := range content.UserIDs {
			on = on || user == c.pair.user
		}
		c.mu.Lock()
		changed := c.typing != on
		c.typing = on
		c.mu.Unlock()
		if changed {
			c.publish(c.pair.user, time.Time{}, bridge.Typing{On: on})
		}
	case *event.ReceiptEventContent:
		for at, by := range *content {
			if _, read := by[event.ReceiptTypeRead][c.pair.user]; !read {
				continue
			}
			message, err := c.side.options().Messages.MessageID(c.side.ctx, c.room, string(at))
			if err == nil && message != "" {
				c.publish(c.pair.user, time.Time{}, bridge.Read{Message: message})
			}
		}
	}
}
