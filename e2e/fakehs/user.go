package fakehs

// User is somebody with a client of their own. Calls that are refused end the
// test; Try… are for those that should be.
type User struct {
	ID    string
	Token string // for a client that speaks the API
	s     *Server
}

// User makes somebody, or finds who was made before.
func (s *Server) User(localpart string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &User{ID: s.ID(localpart), Token: "token-" + localpart, s: s}
	if s.users[u.ID] == nil {
		s.users[u.ID] = &account{id: u.ID, name: localpart}
		s.tokens[u.Token] = u.ID
	}
	return u
}

// RoomOptions are what a new room is like.
type RoomOptions struct {
	Alias      string // localpart
	Name       string
	Topic      string
	Public     bool // anybody may enter, and it is in the directory
	JoinRule   string
	Allow      string // room whose members may enter, of a restricted room
	Visibility string // of history
	Encrypted  bool
	Invite     []string
	Direct     bool
}

// CreateRoom makes a room and returns its id.
func (u *User) CreateRoom(o RoomOptions) (room string) {
	u.s.t.Helper()
	body := map[string]any{"preset": "private_chat", "name": o.Name, "topic": o.Topic, "room_alias_name": o.Alias,
		"invite": o.Invite, "is_direct": o.Direct}
	if o.Public {
		body["preset"], body["visibility"] = "public_chat", "public"
	}
	if o.Direct {
		body["preset"] = "trusted_private_chat"
	}
	state := func(typ string, content map[string]any) {
		before, _ := body["initial_state"].([]any)
		body["initial_state"] = append(before, map[string]any{"type": typ, "state_key": "", "content": content})
	}
	if o.JoinRule != "" {
		rules := map[string]any{"join_rule": o.JoinRule}
		if o.Allow != "" {
			rules["allow"] = []any{map[string]any{"type": "m.room_membership", "room_id": o.Allow}}
		}
		state("m.room.join_rules", rules)
	}
	if o.Visibility != "" {
		state("m.room.history_visibility", map[string]any{"history_visibility": o.Visibility})
	}
	if o.Encrypted {
		state("m.room.encryption", map[string]any{"algorithm": "m.megolm.v1.aes-sha2"})
	}
	answer, err := u.call((*Server).createRoom, body)
	u.must(err)
	return answer["room_id"].(string)
}

// call is a request by a handler of the API.
func (u *User) call(handle func(*Server, *call) (any, error), body map[string]any, params ...string) (map[string]any, error) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	answer, err := handle(u.s, &call{user: u.ID, params: params, body: object(body)})
	if err != nil {
		return nil, err
	}
	return object(answer), nil
}

func (u *User) must(err error) {
	u.s.t.Helper()
	if err != nil {
		u.s.t.Fatalf("%s: %v", u.ID, err)
	}
}

// CreateDirect makes a direct chat and returns its room's id.
func (u *User) CreateDirect(with string) (room string) {
	u.s.t.Helper()
	return u.CreateRoom(RoomOptions{Direct: true, Invite: []string{with}})
}

// TryJoin enters a room by its id or an alias, and returns its id.
func (u *User) TryJoin(name string) (room string, err error) {
	answer, err := u.call((*Server).joinByName, nil, name)
	return str(answer, "room_id"), err
}

// Join is TryJoin that must succeed.
func (u *User) Join(name string) (room string) {
	u.s.t.Helper()
	room, err := u.TryJoin(name)
	u.must(err)
	return room
}

// TryKnock asks to be let in.
func (u *User) TryKnock(name string) error {
	_, err := u.call((*Server).knock, nil, name)
	return err
}

// Leave leaves a room, or declines an invitation.
func (u *User) Leave(room string) { u.s.t.Helper(); u.move(room, u.ID, "leave", "") }

// Invite invites somebody.
func (u *User) Invite(room, user string) { u.s.t.Helper(); u.move(room, user, "invite", "") }

// Kick throws somebody out.
func (u *User) Kick(room, user, reason string) { u.s.t.Helper(); u.move(room, user, "leave", reason) }

// Ban throws somebody out for good.
func (u *User) Ban(room, user, reason string) { u.s.t.Helper(); u.move(room, user, "ban", reason) }

// Unban lifts a ban.
func (u *User) Unban(room, user string) { u.s.t.Helper(); u.move(room, user, "leave", "") }

func (u *User) move(room, user, to, reason string) {
	u.s.t.Helper()
	content := map[string]any{}
	if reason != "" {
		content["reason"] = reason
	}
	u.must(u.with(room, func(r *chat) error {
		_, err := u.s.setMember(r, u.ID, user, to, content)
		return err
	}))
}

// with runs f on a room, with the lock.
func (u *User) with(id string, f func(*chat) error) error {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	r, err := u.s.room(id)
	if err != nil {
		return err
	}
	return f(r)
}

// Try sends an event of any type.
func (u *User) Try(room, typ string, content any) (event string, err error) {
	err = u.with(room, func(r *chat) error {
		e, err := u.s.sendMessage(r, u.ID, typ, object(content))
		if err == nil {
			event = e.ID
		}
		return err
	})
	return event, err
}

// Send is Try that must succeed.
func (u *User) Send(room, typ string, content any) (event string) {
	u.s.t.Helper()
	event, err := u.Try(room, typ, content)
	u.must(err)
	return event
}

// Say sends a text and returns the event's id.
func (u *User) Say(room, text string) (event string) {
	u.s.t.Helper()
	return u.Send(room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
}

// SayHTML sends a text with formatting.
func (u *User) SayHTML(room, text, html string) (event string) {
	u.s.t.Helper()
	return u.Send(room, "m.room.message", map[string]any{
		"msgtype": "m.text", "body": text, "format": "org.matrix.custom.html", "formatted_body": html,
	})
}

// Emote sends a /me.
func (u *User) Emote(room, text string) (event string) {
	u.s.t.Helper()
	return u.Send(room, "m.room.message", map[string]any{"msgtype": "m.emote", "body": text})
}

// TryState changes the state of a room.
func (u *User) TryState(room, typ, key string, content any) error {
	return u.with(room, func(r *chat) error {
		_, err := u.s.sendState(r, u.ID, typ, key, object(content))
		return err
	})
}

// State is TryState that must succeed.
func (u *User) State(room, typ, key string, content any) {
	u.s.t.Helper()
	u.must(u.TryState(room, typ, key, content))
}

// SetTopic sets a room's topic.
func (u *User) SetTopic(room, topic string) {
	u.s.t.Helper()
	u.State(room, "m.room.topic", "", map[string]any{"topic": topic})
}

// SetPower gives somebody a power level.
func (u *User) SetPower(room, user string, level int) {
	u.s.t.Helper()
	u.must(u.with(room, func(r *chat) error {
		levels := object(r.content("m.room.power_levels", ""))
		users := object(levels["users"])
		users[user] = float64(level)
		levels["users"] = users
		_, err := u.s.sendState(r, u.ID, "m.room.power_levels", "", levels)
		return err
	}))
}

// Redact takes an event back.
func (u *User) Redact(room, event string) {
	u.s.t.Helper()
	u.must(u.with(room, func(r *chat) error {
		_, err := u.s.redact(r, u.ID, event, "")
		return err
	}))
}

// Upgrade makes a room that takes another one's place.
func (u *User) Upgrade(room string) (to string) {
	u.s.t.Helper()
	to = u.CreateRoom(RoomOptions{Public: true})
	u.State(room, "m.room.tombstone", "", map[string]any{"body": "moved", "replacement_room": to})
	return to
}

// SetName changes the display name, everywhere.
func (u *User) SetName(name string) { u.profile("displayname", name) }

// SetAvatar changes the picture, everywhere, to one that was uploaded.
func (u *User) SetAvatar(uri string) { u.profile("avatar_url", uri) }

func (u *User) profile(field, value string) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.s.setProfile(u.ID, field, value)
}

// Upload uploads a file and returns its mxc URI.
func (u *User) Upload(typ, name string, data []byte) (uri string) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	return u.s.store(medium{typ, name, data})
}

// Typing tells that the user is, or is no longer, writing.
func (u *User) Typing(room string, on bool) {
	u.s.t.Helper()
	u.must(u.with(room, func(r *chat) error { u.s.setTyping(r, u.ID, on); return nil }))
}

// Read tells how far the user has read; privately if nobody else is to know.
func (u *User) Read(room, event string, private bool) {
	u.s.t.Helper()
	kind := "m.read"
	if private {
		kind = "m.read.private"
	}
	u.must(u.with(room, func(r *chat) error { return u.s.setRead(r, u.ID, kind, event) }))
}

// SetPresence tells how the user is.
func (u *User) SetPresence(state, status string) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.s.setPresence(u.ID, Presence{state, status})
}
