package matrixside

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/names"
)

// Bounds of the people on Matrix whose presence is asked for.
const (
	maxWatches       = 65536
	maxWatchesPerOne = 500
)

// chats are the conversations with Matrix users one to one that people of
// other networks own: the room of the core's that is called user%server.
type chats struct {
	natives *natives

	mu      sync.Mutex
	byRoom  map[bridge.Room]*chat
	watched map[id.UserID]map[bridge.Room]bool
	watches map[bridge.Person]int
}

func newChats(n *natives) *chats {
	return &chats{natives: n, byRoom: map[bridge.Room]*chat{},
		watched: map[id.UserID]map[bridge.Room]bool{}, watches: map[bridge.Person]int{}}
}

// recall takes up a conversation that was remembered.
func (c *chats) recall(r store.MatrixRoom) {
	made := newChat(c.natives.side, r.Room, pair{id.UserID(r.Ghost), id.UserID(r.User)}, id.RoomID(r.ID))
	made.encrypted = r.Data == chatEncrypted
	c.natives.side.places.add(made.id, made, r.Room)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byRoom[r.Room] = made
}

func (c *chats) find(room bridge.Room) *chat {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byRoom[room]
}

// drop lets go of a conversation whose room is no use any more. The next
// message makes a new one.
func (c *chats) drop(gone *chat) {
	c.mu.Lock()
	if c.byRoom[gone.room] == gone {
		delete(c.byRoom, gone.room)
	}
	c.mu.Unlock()
	s := c.natives.side
	s.places.removeIf(gone.id, gone)
	if err := s.pairs.forget(s.ctx, gone.pair, gone.id); err != nil {
		s.log.Warn("a conversation is not forgotten", "room", gone.id, "error", err)
	}
}

func (c *chats) close() {
	c.mu.Lock()
	all := slices.Collect(maps.Values(c.byRoom))
	c.mu.Unlock()
	for _, at := range all {
		at.box.Close()
	}
}

// deliverDirect takes an event for a Matrix user, a room or the homeserver,
// from somebody of another network alone.
func (n *natives) deliverDirect(e bridge.Event) {
	if e.Room.ID == "" {
		n.console(e)
		return
	}
	at, ok := names.ParseRoom(e.Room.ID)
	switch {
	case !ok:
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "Matrix can't have anybody of this name."})
	case at.Kind == names.KindUser && n.side.options().Names.IsOurs(at.User):
		n.side.fail(e, n.ownGhost(at.User))
	case at.Kind == names.KindUser:
		n.chats.deliver(e, at.User)
	default:
		n.aboutRoom(e, at)
	}
}

// ownGhost is what somebody is told who writes to a ghost of ours: that would
// come out where it went in.
func (n *natives) ownGhost(user id.UserID) bridge.Failure {
	who, ok := n.side.ghosts.person(user)
	switch {
	case !ok, who == bridge.Keeper:
		return bridge.Failure{Kind: bridge.ErrPolicy, Text: "This is a name that the bridge itself uses on Matrix."}
	case who.Network == bridge.NetworkXMPP:
		return bridge.Failure{Kind: bridge.ErrPolicy, Text: "This is the bridge's own name for " + who.ID + ". Write there directly."}
	}
	return bridge.Failure{Kind: bridge.ErrPolicy, Text: "This is the bridge's own name for " + who.ID + " on " + who.Network + ". Write there directly."}
}

// deliver carries out what somebody wants of a Matrix user.
func (c *chats) deliver(e bridge.Event, user id.UserID) {
	s := c.natives.side
	switch b := e.Body.(type) {
	case bridge.Message:
		c.say(e, user, b)
	case bridge.Typing:
		if at := c.find(e.Room); at != nil {
			s.tellTyping(at.id, at.pair.ghost, b.On, at.outgoing)
		}
	case bridge.Read:
		if at := c.find(e.Room); at != nil {
			s.tellRead(e.Room, at.id, at.pair.ghost, b.Message, at.outgoing)
		}
	case bridge.Presence:
		s.ghosts.follow(e.Room.Owner, b)
	case bridge.Profile:
		s.ghosts.setPicture(e.Room.Owner, b.Avatar)
	case bridge.Watch:
		c.watch(e, user, b.On)
	case bridge.Query:
		c.query(e, user, b)
	case bridge.Invite:
		c.invite(e, user, b)
	case bridge.Join, bridge.Rename, bridge.Topic, bridge.RoleChange, bridge.Expel, bridge.Pardon:
		s.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "That is only possible in a room."})
	case bridge.Leave, bridge.RoomInfo, bridge.Moved, bridge.Confirm, bridge.Failure, bridge.Answer, bridge.Info,
		bridge.Members, bridge.Session, bridge.Attachment, bridge.Lost:
		// Facts of other rooms, and a conversation has no end.
	default:
		panic("matrixside: unknown kind of event delivered")
	}
}

// say sends a message to a Matrix user, having made a room for it if they have
// none with each other. Who has not accepted the invitation yet finds it there.
func (c *chats) say(e bridge.Event, user id.UserID, m bridge.Message) {
	s := c.natives.side
	ctx, cancel := context.WithTimeout(s.ctx, outage)
	defer cancel()
	at, ghost, encrypted, err := c.room(ctx, e, user)
	switch {
	case err != nil:
		f := *failed(err)
		if f.Kind == bridge.ErrNotFound {
			f.Text = "There is nobody called " + string(user) + " on Matrix."
		}
		s.fail(e, f)
		return
	case encrypted:
		s.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported,
			Text: "Your conversation with " + string(user) + " is encrypted on Matrix, which the bridge can't do yet. This was not sent."})
		return
	}
	sent, err := s.say(s.ctx, s.do, at, ghost, e.ID, m, s.ghosts.unnamed)
	if err != nil {
		f := failed(err)
		if f.Kind == bridge.ErrNotInRoom || f.Kind == bridge.ErrNoVoice || f.Kind == bridge.ErrNoPrivileges {
			if known := c.find(e.Room); known != nil {
				c.drop(known) // it was left or closed while nobody looked
			}
		}
		s.fail(e, *f)
		return
	}
	s.confirm(e, sent)
}

// room is where an owner's ghost and a user talk, made if need be; the user is
// asked in again if they have left.
func (c *chats) room(ctx context.Context, e bridge.Event, user id.UserID) (at id.RoomID, ghost id.UserID, encrypted bool, err error) {
	s := c.natives.side
	if ghost, err = s.ghosts.ensure(ctx, e.Room.Owner, cmp.Or(cleanName(e.Name), s.ghosts.callName(e.Room.Owner))); err != nil {
		return "", "", false, err
	}
	both := pair{ghost, user}
	if at = s.pairs.room(both); at == "" {
		at, err = c.open(ctx, e.Room, both)
		return at, ghost, false, err
	}
	known := c.find(e.Room)
	if known == nil { // the user began it with our ghost: directs has the room
		return at, ghost, false, nil
	}
	if err := known.look(ctx); err != nil {
		return at, ghost, false, err
	}
	known.mu.Lock()
	gone, encrypted := known.gone, known.encrypted
	known.mu.Unlock()
	if gone {
		err = s.do(ctx, ghost, func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.InviteUser(ctx, at, &mautrix.ReqInviteUser{UserID: user})
			return err
		})
		if err == nil {
			known.mu.Lock()
			known.gone = false
			known.mu.Unlock()
		}
	}
	return at, ghost, encrypted, err
}

// open makes the room of a conversation. Deliver is called by one goroutine
// for each conversation, so that nobody else makes it meanwhile. An answer
// that is lost on its way costs a second room: nothing tells the first one.
func (c *chats) open(ctx context.Context, room bridge.Room, both pair) (at id.RoomID, err error) {
	s := c.natives.side
	err = s.do(ctx, both.ghost, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.GetProfile(ctx, both.user)
		return err
	})
	if err != nil {
		return "", err
	}
	err = s.do(ctx, both.ghost, func(ctx context.Context, m *mautrix.Client) error {
		answer, err := m.CreateRoom(ctx, &mautrix.ReqCreateRoom{
			Preset: "trusted_private_chat", IsDirect: true, Invite: []id.UserID{both.user},
		})
		if err == nil {
			at = answer.RoomID
		}
		return err
	})
	if err != nil {
		return "", err
	}
	made := newChat(s, room, both, at)
	made.seen = true
	s.places.add(at, made, room)
	c.mu.Lock()
	c.byRoom[room] = made
	c.mu.Unlock()
	made.remember(ctx)
	return at, nil
}

// callName is what somebody is called on Matrix of whom only the address is known.
func (g *ghosts) callName(who bridge.Person) string {
	known := g.get(who)
	if known.registered.Load() {
		return "" // they have a name already
	}
	if local, _, ok := strings.Cut(who.ID, "@"); ok && cleanName(local) != "" {
		return cleanName(local)
	}
	return cleanName(who.ID)
}

// invite asks a Matrix user into a room, on behalf of somebody of ours. Into a
// room of Matrix that they are in the homeserver invites; of any other room
// the user is told.
func (c *chats) invite(e bridge.Event, user id.UserID, b bridge.Invite) {
	room := bridge.Room{Network: bridge.NetworkMatrix, ID: b.Room}
	if at := c.natives.find(room); at != nil && at.stayOf(e.Room.Owner) != nil {
		stays := at.stayOf(e.Room.Owner)
		at.answer(e, "", at.as(stays.ghost, func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.InviteUser(ctx, at.roomID(), &mautrix.ReqInviteUser{UserID: user, Reason: b.Reason})
			return err
		}))
		return
	}
	text := "I invite you to " + b.Room + "."
	if b.Reason != "" {
		text += " " + b.Reason
	}
	c.say(e, user, bridge.Message{Text: text})
}

// query tells what is known of a Matrix user.
func (c *chats) query(e bridge.Event, user id.UserID, b bridge.Query) {
	s := c.natives.side
	if b.What == bridge.QueryRooms {
		s.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "A person has no rooms to list."})
		return
	}
	var profile mautrix.RespUserProfile
	err := s.do(s.ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		answer, err := m.GetProfile(ctx, user)
		if err == nil {
			profile = *answer
		}
		return err
	})
	if err != nil {
		s.fail(e, *failed(err))
		return
	}
	uri := ""
	if !profile.AvatarURL.IsEmpty() {
		uri = profile.AvatarURL.String()
	}
	if b.What == bridge.QueryAvatar {
		s.answerPicture(e, uri)
		return
	}
	rows := [][]string{{"user", string(user)}}
	if name := cleanName(profile.DisplayName); name != "" {
		rows = append(rows, []string{"name", name})
	}
	if p, known := c.natives.presenceOf(user); known && p.Status != "" {
		rows = append(rows, []string{"status", p.Status})
	}
	if uri != "" {
		rows = append(rows, []string{"avatar", uri})
	}
	s.answer(e, bridge.Answer{Rows: rows})
}

// watch tells somebody from now on, or no more, whether a Matrix user is there.
func (c *chats) watch(e bridge.Event, user id.UserID, on bool) {
	s := c.natives.side
	begins := false
	c.mu.Lock()
	there := c.watched[user][e.Room]
	switch {
	case on && !there && (len(c.watched) >= maxWatches || c.watches[e.Room.Owner] >= maxWatchesPerOne):
		c.mu.Unlock()
		s.fail(e, bridge.Failure{Kind: bridge.ErrTooMany, Text: "You watch as many people as you may."})
		return
	case on && !there:
		begins = true
		if c.watched[user] == nil {
			c.watched[user] = map[bridge.Room]bool{}
		}
		c.watched[user][e.Room] = true
		c.watches[e.Room.Owner]++
	case !on && there:
		if delete(c.watched[user], e.Room); len(c.watched[user]) == 0 {
			delete(c.watched, user)
		}
		if c.watches[e.Room.Owner]--; c.watches[e.Room.Owner] == 0 {
			delete(c.watches, e.Room.Owner)
		}
	}
	c.mu.Unlock()
	s.confirm(e, "")
	if on {
		p, known := c.natives.presenceOf(user)
		if !known {
			p = bridge.Presence{Show: bridge.ShowOffline}
		}
		c.tell(e.Room, user, p)
		if !known {
			c.look(user)
		}
	}
	if begins {
		c.wantPicture(e.Room, user)
	}
}

// wantPicture tells how a Matrix user looks to somebody who watches them.
func (c *chats) wantPicture(room bridge.Room, user id.UserID) {
	s := c.natives.side
	if !s.pictures.box.Offer(func(ctx context.Context) {
		var profile *mautrix.RespUserProfile
		err := s.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) (err error) {
			profile, err = m.GetProfile(ctx, user)
			return err
		})
		if err != nil {
			s.log.Debug("a profile can't be had", "user", user, "error", err)
			return
		}
		s.pictures.want(string(profile.AvatarURL.CUString()), func(hash string) {
			s.core.Publish(bridge.Event{Room: room, By: bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)},
				Name: nameless(user), Body: bridge.Profile{Avatar: hash}})
		})
	}) {
		s.Counters.Pictures.Add(1)
	}
}

// look asks the homeserver for somebody's presence, where nothing has been
// heard of them. It may not tell whoever shares no room with them.
func (c *chats) look(user id.UserID) {
	s := c.natives.side
	s.signals.send("", func(ctx context.Context, m *mautrix.Client) error {
		answer, err := m.GetPresence(ctx, user)
		if err == nil {
			e := &event.Event{Type: event.EphemeralEventPresence, Sender: user}
			e.Content.Parsed = &event.PresenceEventContent{Presence: answer.Presence,
				StatusMessage: answer.StatusMsg, CurrentlyActive: answer.CurrentlyActive}
			c.natives.presence(e)
		}
		return ignoreMissing(err)
	})
}

func (c *chats) tell(room bridge.Room, user id.UserID, p bridge.Presence) {
	c.natives.side.core.Publish(bridge.Event{
		Room: room, By: bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)}, Name: nameless(user), Body: p,
	})
}

// presence tells those who watch somebody.
func (c *chats) presence(user id.UserID, p bridge.Presence) {
	c.mu.Lock()
	var rooms []bridge.Room
	for room := range c.watched[user] {
		rooms = append(rooms, room)
	}
	c.mu.Unlock()
	for _, room := range rooms {
		c.tell(room, user, p)
	}
}
