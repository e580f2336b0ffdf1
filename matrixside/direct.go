package matrixside

import (
	"cmp"
	"context"
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
	// consoleRoom is what the store calls the direct chat of a user with the
	// bot: the consoles of all networks are in it.
	consoleRoom = "~"
	// maxAsked bounds the requests of direct chats that are not answered.
	maxAsked = 16384
	// beginBurst conversations may others begin with one user at once, then
	// one per beginInterval. Beyond that the bot says that there are more.
	beginBurst    = 20
	beginInterval = time.Minute
	// inviteAgain is how long somebody who has left a direct chat, or does not
	// come into it, is left in peace.
	inviteAgain = time.Hour
)

// directs are conversations one to one that Matrix users began with a ghost,
// and the bot's.
type directs struct {
	side *Side

	mu     sync.Mutex
	asked  map[string]*directAsked
	begun  map[id.UserID]*beginner
	making map[pair]*sync.Mutex
	rates  map[id.UserID]*rate.Limiter // of what users say to the bot
}

// directAsked is a request that is under way.
type directAsked struct {
	room bridge.Room
	done func(bridge.Body)
}

// beginner is how often others began a conversation with a user.
type beginner struct {
	pace *rate.Limiter
	told time.Time
}

func newDirects(s *Side) *directs {
	return &directs{side: s, asked: map[string]*directAsked{}, begun: map[id.UserID]*beginner{},
		making: map[pair]*sync.Mutex{}, rates: map[id.UserID]*rate.Limiter{}}
}

// direct is the room in which a ghost, or the bot, and a user talk one to one.
type direct struct {
	all  *directs
	side *Side
	id   id.RoomID
	pair pair
	// room is what the core calls it; without a network for the bot's.
	room bridge.Room

	// ready is closed when what was said before the ghost came is known.
	ready   chan struct{}
	signals *rate.Limiter // of the ghost

	mu      sync.Mutex
	early   map[id.EventID]bool // of that
	shown   shownMessages
	typing  bool
	watched bool
	invited time.Time // the user was invited last
	absent  bool      // the user is not in the room
	sealed  bool      // it is encrypted: nobody hears what is said here
	told    time.Time // that it is
}

func (d *directs) newDirect(room id.RoomID, of pair, name bridge.Room) *direct {
	return &direct{all: d, side: d.side, id: room, pair: of, room: name, ready: make(chan struct{}),
		signals: rate.NewLimiter(signalsPerSecond, signalsBurst)}
}

// isBot reports whether it is the chat with the bot.
func (c *direct) isBot() bool { return c.room.ID == consoleRoom }

// recall takes up a direct chat that was remembered.
func (d *directs) recall(r store.MatrixRoom) {
	c := d.newDirect(id.RoomID(r.ID), pair{id.UserID(r.Ghost), id.UserID(r.User)}, r.Room)
	close(c.ready)
	d.side.places.add(c.id, c, c.room)
}

// ask publishes a request. done is given the answer, once, by whichever
// goroutine brings it.
func (d *directs) ask(e bridge.Event, done func(bridge.Body)) {
	if e.ID == "" {
		e.ID = bridge.NewID()
	}
	d.mu.Lock()
	full := len(d.asked) >= maxAsked
	if !full {
		d.asked[e.ID] = &directAsked{e.Room, done}
	}
	d.mu.Unlock()
	if full {
		done(bridge.Failure{Kind: bridge.ErrTooMany, Text: "The bridge is too busy. Try again in a moment."})
		return
	}
	d.side.core.Publish(e)
}

func (d *directs) answered(ref string, b bridge.Body) {
	d.mu.Lock()
	a := d.asked[ref]
	delete(d.asked, ref)
	d.mu.Unlock()
	if a != nil {
		a.done(b)
	}
}

// lost ends what was asked in a conversation when answers were lost.
func (d *directs) lost(room bridge.Room) {
	d.mu.Lock()
	var ended []*directAsked
	for ref, a := range d.asked {
		if a.room == room {
			ended = append(ended, a)
			delete(d.asked, ref)
		}
	}
	d.mu.Unlock()
	for _, a := range ended {
		a.done(bridge.Failure{Kind: bridge.ErrInternal, Text: "The bridge was overloaded. It is not known what became of this."})
	}
}

// presence takes the presence of a Matrix user, for all portals that they are in.
func (d *directs) presence(e *event.Event) {
	p, ok := presenceOf(e.Content.AsPresence())
	if !ok {
		return
	}
	for _, room := range d.side.portals.of(e.Sender) {
		if !room.incoming.Allow() {
			d.side.Counters.Signals.Add(1)
			continue
		}
		room.run(func(s *portalState) { s.presence(e.Sender, p) })
	}
}

// presenceOf is what a presence on Matrix means elsewhere. Who is offline
// there has no client at the moment; they are away, since they stay.
func presenceOf(p *event.PresenceEventContent) (bridge.Presence, bool) {
	status := cleanLine(p.StatusMessage, 500)
	switch p.Presence {
	case event.PresenceOnline:
		return bridge.Presence{Status: status}, true
	case event.PresenceUnavailable:
		return bridge.Presence{Show: bridge.ShowAway, Status: status}, true
	case event.PresenceOffline:
		return bridge.Presence{Show: bridge.ShowXA, Status: status}, true
	case "busy", "org.matrix.msc3026.busy":
		return bridge.Presence{Show: bridge.ShowDND, Status: status}, true
	}
	return bridge.Presence{}, false
}

// deliver takes an event for a direct chat that a Matrix user owns.
func (d *directs) deliver(e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Confirm, bridge.Answer, bridge.Failure:
		d.answered(e.Ref, b)
		return
	case bridge.Lost:
		d.lost(e.Room)
	case bridge.Expel, bridge.Pardon, bridge.Watch, bridge.Query, bridge.Join, bridge.Rename, bridge.RoleChange, bridge.Topic:
		d.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "This can't be asked of a conversation on Matrix."})
		return
	case bridge.Leave, bridge.Members, bridge.Attachment, bridge.RoomInfo, bridge.Moved:
		return // a conversation has no members
	case bridge.Message, bridge.Info, bridge.Session, bridge.Presence, bridge.Profile, bridge.Typing, bridge.Read, bridge.Invite:
	default:
		panic("matrixside: unknown kind of event delivered")
	}
	user := id.UserID(e.Room.Owner.ID)
	name, network, ok := names.SplitPortal(e.Room.ID)
	if !ok || e.Room.Owner.Network != bridge.NetworkMatrix || !d.side.options().allows(user) || d.side.isOurs(user) {
		d.side.log.Debug("event of a conversation that nobody on Matrix has", "room", e.Room)
		return
	}
	if name == "" {
		d.console(user, network, e)
		return
	}
	d.converse(user, bridge.Person{Network: network, ID: name}, e)
}

// converse shows a user what the other party of a conversation does.
func (d *directs) converse(user id.UserID, other bridge.Person, e bridge.Event) {
	s := d.side
	ghost := s.ghostOf(other)
	switch b := e.Body.(type) {
	case bridge.Presence:
		s.ghosts.follow(other, b)
		return
	case bridge.Profile:
		s.ghosts.setPicture(other, b.Avatar)
		return
	case bridge.Typing, bridge.Read:
		if c := d.at(pair{ghost, user}); c != nil && e.By != e.Room.Owner {
			c.signal(e.Body)
		}
		return
	case bridge.Message:
		if e.By == e.Room.Owner {
			return // what they said elsewhere can't be said in their name
		}
	}
	if s.pairs.room(pair{ghost, user}) == "" && !d.mayBegin(user) {
		return
	}
	err := s.persist(func(ctx context.Context) error {
		c, err := d.open(ctx, other, cmp.Or(cleanName(e.Name), s.ghosts.callName(other)), user)
		if err != nil {
			return err
		}
		return c.show(ctx, e)
	})
	if err != nil && s.ctx.Err() == nil {
		s.Counters.GivenUp.Add(1)
		s.log.Warn("matrix: not shown in a direct chat", "room", e.Room, "error", err)
	}
}

// mayBegin reports whether others may begin one more conversation with a
// user, who is told when they may not.
func (d *directs) mayBegin(user id.UserID) bool {
	d.mu.Lock()
	b := d.begun[user]
	if b == nil {
		if len(d.begun) > maxAsked { // forgotten are those who had peace lately
			for u, other := range d.begun {
				if other.pace.Tokens() >= beginBurst {
					delete(d.begun, u)
				}
			}
		}
		b = &beginner{pace: rate.NewLimiter(rate.Every(beginInterval), beginBurst)}
		d.begun[user] = b
	}
	now := time.Now()
	ok := b.pace.AllowN(now, 1)
	tell := !ok && now.Sub(b.told) > beginInterval
	if tell {
		b.told = now
	}
	d.mu.Unlock()
	if !ok {
		d.side.Counters.GivenUp.Add(1)
	}
	if tell {
		d.botSays(user, "So many people begin a conversation with you at once that some of what they say is left out.")
	}
	return ok
}

// at is the room of a pair that Matrix began, or we for a user of ours; nil for none.
func (d *directs) at(of pair) *direct {
	c, _ := d.side.places.at(d.side.pairs.room(of)).(*direct)
	return c
}

// show shows something that was said, or is to be known.
func (c *direct) show(ctx context.Context, e bridge.Event) error {
	if err := c.fetch(ctx); err != nil {
		return err
	}
	switch b := e.Body.(type) {
	case bridge.Message:
		first, err := c.side.say(ctx, c.side.options().Client.Do, c.id, c.pair.ghost, e.ID, b, c.side.ghosts.unnamed)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.shown.add(e.ID, first)
		c.mu.Unlock()
		return nil
	case bridge.Info:
		return c.notice(ctx, b.Text, "")
	case bridge.Session:
		return c.notice(ctx, cmp.Or(b.Text, "Your connection has changed."), "")
	case bridge.Lost:
		return c.notice(ctx, plural(b.Count, "message here was", "messages here were")+" lost: the bridge was overloaded.", "")
	case bridge.Invite:
		return c.callInto(ctx, b)
	}
	return nil
}

// callInto passes on that the other party asks the user into a room.
func (c *direct) callInto(ctx context.Context, b bridge.Invite) error {
	_, network, _ := names.SplitPortal(c.room.ID)
	text := "You are invited to " + b.Room + "."
	if b.Reason != "" {
		text += " " + b.Reason
	}
	p, err := c.side.portals.open(ctx, names.PortalID(b.Room, network))
	if err != nil {
		return c.notice(ctx, text, "")
	}
	alias := c.side.options().Names.Alias(p.room.ID)
	if err := c.notice(ctx, text+" Here it is "+string(alias)+".", ""); err != nil {
		return err
	}
	return c.side.invite(ctx, "", p.id, c.pair.user, b.Reason)
}

// invite asks a user into a room in the name of as. That they are in it is fine.
func (s *Side) invite(ctx context.Context, as id.UserID, room id.RoomID, user id.UserID, reason string) error {
	err := s.options().Client.Do(ctx, as, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.InviteUser(ctx, room, &mautrix.ReqInviteUser{UserID: user, Reason: cleanLine(reason, 500)})
		return err
	})
	if isForbidden(err) {
		return nil
	}
	return err
}

// fetch invites the user who has left, now and then.
func (c *direct) fetch(ctx context.Context) error {
	now := time.Now()
	c.mu.Lock()
	call := c.absent && now.Sub(c.invited) > inviteAgain
	if call {
		c.invited = now
	}
	c.mu.Unlock()
	if !call {
		return nil
	}
	return c.side.invite(ctx, c.pair.ghost, c.id, c.pair.user, "")
}

// notice says something in the name of the ghost, or bot, that is in the room.
func (c *direct) notice(ctx context.Context, text string, reply id.EventID) error {
	content := &event.MessageEventContent{MsgType: event.MsgNotice, Body: text, Mentions: &event.Mentions{}}
	if reply != "" {
		content.RelatesTo = (&event.RelatesTo{}).SetReplyTo(reply)
	}
	_, err := send(ctx, c.side.options().Client.Do, c.id, c.pair.ghost, content, client.TransactionID(bridge.NewID(), c.pair.ghost, 0))
	return err
}

// tell is notice for whoever can't wait for how it went.
func (c *direct) tell(text string, reply id.EventID) {
	err := c.side.persist(func(ctx context.Context) error { return c.notice(ctx, text, reply) })
	if err != nil && c.side.ctx.Err() == nil {
		c.side.Counters.GivenUp.Add(1)
		c.side.log.Warn("matrix: a notice was not shown", "room", c.room, "error", err)
	}
}

// signal tells of the other party's typing or reading.
func (c *direct) signal(b bridge.Body) {
	switch b := b.(type) {
	case bridge.Typing:
		c.side.tellTyping(c.id, c.pair.ghost, b.On, c.signals)
	case bridge.Read:
		c.mu.Lock()
		ev := c.shown.event(b.Message)
		c.mu.Unlock()
		if ev != "" {
			c.side.tellReceipt(c.id, c.pair.ghost, ev, c.signals)
		}
	}
}
