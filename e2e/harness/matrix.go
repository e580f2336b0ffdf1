package harness

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Matrix is a user's client, of a library that we didn't write.
type Matrix struct {
	ID     string // "@bob:hs.localhost"
	Token  string
	hs     *Homeserver
	t      T
	driver *Driver
	id     string
	online chan bool
	inbox  *inbox[*MatrixEvent]
	calls  atomic.Int64

	mu      sync.Mutex
	results map[int64]chan driverEvent
}

// MatrixEvent is something that a client was shown. What is no event of a room
// has the form of one: m.typing, m.receipt, m.presence, and "membership" when
// the user's own has changed. A client's own messages come by what sends them.
type MatrixEvent struct {
	ID       string         `json:"event_id"`
	Type     string         `json:"type"`
	Room     string         `json:"room_id"`
	Sender   string         `json:"sender"`
	StateKey *string        `json:"state_key"`
	Content  map[string]any `json:"content"`
	Redacts  string         `json:"redacts"`
	raw      string
}

func (e *MatrixEvent) String() string { return e.raw }

// Text is a string in the content, at a path of keys, "m.relates_to/event_id".
func (e *MatrixEvent) Text(path string) string { return textAt(e.Content, path) }

func textAt(content map[string]any, path string) string {
	keys := strings.Split(path, "/")
	for _, key := range keys[:len(keys)-1] {
		content, _ = content[key].(map[string]any)
	}
	text, _ := content[keys[len(keys)-1]].(string)
	return text
}

// ConnectMatrix makes an account on a homeserver and logs in. The driver must
// be StartMatrixNode's.
func (d *Driver) ConnectMatrix(t T, hs *Homeserver, localpart string) *Matrix {
	t.Helper()
	m := &Matrix{
		ID: hs.ID(localpart), Token: hs.Register(t, localpart), hs: hs, t: t, driver: d,
		online: make(chan bool, 1), inbox: newInbox[*MatrixEvent](), results: map[int64]chan driverEvent{},
	}
	m.id = d.add(m.handle)
	m.tell(driverCommand{Op: "connect", URL: hs.URL, User: m.ID, Token: m.Token})
	t.Cleanup(m.Close)
	select {
	case <-m.online:
	case <-time.After(Patience):
		t.Fatalf("%s can't log in with %s:%s", m.ID, d.Library, m.recent())
	}
	return m
}

func (m *Matrix) handle(event driverEvent) {
	switch event.Event {
	case "online":
		m.online <- true
	case "matrix":
		e := &MatrixEvent{raw: string(event.Data)}
		if err := json.Unmarshal(event.Data, e); err != nil {
			e.Type = "unreadable"
		}
		m.inbox.put(e)
	case "result":
		m.mu.Lock()
		waiting := m.results[event.ID]
		delete(m.results, event.ID)
		m.mu.Unlock()
		if waiting != nil {
			waiting <- event
		}
	case "error":
		m.inbox.put(&MatrixEvent{Type: "error", raw: "(client) " + event.Text})
	case "closed":
		m.inbox.close()
	}
}

func (m *Matrix) tell(c driverCommand) {
	m.t.Helper()
	c.Client = m.id
	if err := m.driver.tell(c); err != nil {
		m.t.Fatalf("harness: %v", err)
	}
}

// Close stops the client. Closing twice does nothing.
func (m *Matrix) Close() {
	_ = m.driver.tell(driverCommand{Client: m.id, Op: "close"}) // the driver may be gone
	m.inbox.take(func(*MatrixEvent) bool { return false }, 2*time.Second)
	m.driver.remove(m.id)
}

// ask has the driver do something and waits for how that ends.
func (m *Matrix) ask(c driverCommand) (json.RawMessage, error) {
	m.t.Helper()
	c.ID = m.calls.Add(1)
	done := make(chan driverEvent, 1)
	m.mu.Lock()
	m.results[c.ID] = done
	m.mu.Unlock()
	m.tell(c)
	select {
	case event := <-done:
		if event.Text != "" {
			return nil, fmt.Errorf("%s: %s", c.Method, event.Text)
		}
		return event.Data, nil
	case <-time.After(3 * Patience):
		return nil, fmt.Errorf("%s: no answer", c.Method)
	}
}

// Try calls a method of the library's client and decodes what it returns into
// result, if that is not nil.
func (m *Matrix) Try(result any, method string, args ...any) error {
	m.t.Helper()
	data, err := m.ask(driverCommand{Op: "call", Method: method, Args: args})
	if err != nil || result == nil {
		return err
	}
	return json.Unmarshal(data, result)
}

// Call is Try that must succeed.
func (m *Matrix) Call(result any, method string, args ...any) {
	m.t.Helper()
	if err := m.Try(result, method, args...); err != nil {
		m.t.Fatalf("%s: %v", m.ID, err)
	}
}

type roomAnswer struct {
	Room string `json:"room_id"`
}

type eventAnswer struct {
	ID string `json:"event_id"`
}

// object is JSON's.
type object = map[string]any

// CreateRoom makes a room with these options of createRoom, and returns its id.
func (m *Matrix) CreateRoom(options map[string]any) (room string) {
	m.t.Helper()
	var answer roomAnswer
	m.Call(&answer, "createRoom", options)
	return answer.Room
}

// PublicRoom makes a room that anybody may enter by its alias.
func (m *Matrix) PublicRoom(alias string) (room string) {
	m.t.Helper()
	return m.CreateRoom(object{"preset": "public_chat", "visibility": "public", "room_alias_name": alias, "name": "Room " + alias})
}

// CreateDirect makes a direct chat with somebody, as "start chat" does.
func (m *Matrix) CreateDirect(with string) (room string) {
	m.t.Helper()
	return m.CreateRoom(object{"preset": "trusted_private_chat", "is_direct": true, "invite": []string{with}})
}

// Join enters a room by its id or an alias and returns its id.
func (m *Matrix) Join(name string) (room string) {
	m.t.Helper()
	room, err := m.TryJoin(name)
	if err != nil {
		m.t.Fatalf("%s: %v", m.ID, err)
	}
	return room
}

// TryJoin is Join that may be refused.
func (m *Matrix) TryJoin(name string) (room string, err error) {
	m.t.Helper()
	var answer roomAnswer
	err = m.Try(&answer, "joinRoom", name)
	return answer.Room, err
}

// Send sends an event and returns its id.
func (m *Matrix) Send(room, typ string, content map[string]any) (event string) {
	m.t.Helper()
	var answer eventAnswer
	m.Call(&answer, "sendEvent", room, typ, content)
	return answer.ID
}

// Say sends a text and returns the event's id.
func (m *Matrix) Say(room, text string) (event string) {
	m.t.Helper()
	return m.Send(room, "m.room.message", object{"msgtype": "m.text", "body": text})
}

// SayHTML sends a text with formatting.
func (m *Matrix) SayHTML(room, text, html string) (event string) {
	m.t.Helper()
	return m.Send(room, "m.room.message", object{"msgtype": "m.text", "body": text, "format": "org.matrix.custom.html", "formatted_body": html})
}

// Emote sends a /me.
func (m *Matrix) Emote(room, text string) (event string) {
	m.t.Helper()
	return m.Send(room, "m.room.message", object{"msgtype": "m.emote", "body": text})
}

// State changes a room's state.
func (m *Matrix) State(room, typ, key string, content map[string]any) {
	m.t.Helper()
	m.Call(nil, "sendStateEvent", room, typ, content, key)
}

// SetPower gives somebody a power level in a room.
func (m *Matrix) SetPower(room, user string, level int) {
	m.t.Helper()
	var levels map[string]any
	m.Call(&levels, "getStateEvent", room, "m.room.power_levels", "")
	users, _ := levels["users"].(map[string]any)
	if users == nil {
		users = object{}
	}
	users[user] = level
	levels["users"] = users
	m.State(room, "m.room.power_levels", "", levels)
}

// Leave leaves a room, or declines an invitation.
func (m *Matrix) Leave(room string) { m.t.Helper(); m.Call(nil, "leave", room) }

// Invite invites somebody to a room.
func (m *Matrix) Invite(room, user string) { m.t.Helper(); m.Call(nil, "invite", room, user) }

// Kick removes somebody from a room.
func (m *Matrix) Kick(room, user, reason string) {
	m.t.Helper()
	m.Call(nil, "kick", room, user, reason)
}

// Ban removes somebody from a room for good.
func (m *Matrix) Ban(room, user, reason string) {
	m.t.Helper()
	m.Call(nil, "ban", room, user, reason)
}

// SetDisplayName changes the user's name everywhere.
func (m *Matrix) SetDisplayName(name string) { m.t.Helper(); m.Call(nil, "setDisplayName", name) }

// Typing tells that the user is, or is no longer, writing.
func (m *Matrix) Typing(room string, on bool) {
	m.t.Helper()
	m.Call(nil, "sendTyping", room, on, 20_000)
}

// Read tells that the user has read a room up to an event that they were shown.
func (m *Matrix) Read(room, event string) {
	m.t.Helper()
	if _, err := m.ask(driverCommand{Op: "read", To: room, Text: event}); err != nil {
		m.t.Fatalf("%s: read: %v", m.ID, err)
	}
}

// SetPresence tells how the user is: "online", "unavailable" or "offline".
func (m *Matrix) SetPresence(state, status string) {
	m.t.Helper()
	m.Call(nil, "setPresence", object{"presence": state, "status_msg": status})
}

// Upload uploads a file and returns its mxc URI.
func (m *Matrix) Upload(typ, name string, data []byte) (uri string) {
	m.t.Helper()
	answer, err := m.ask(driverCommand{
		Op: "upload", Text: base64.StdEncoding.EncodeToString(data), Args: []any{object{"type": typ, "name": name}},
	})
	var uploaded struct {
		URI string `json:"content_uri"`
	}
	if err == nil {
		err = json.Unmarshal(answer, &uploaded)
	}
	if err != nil {
		m.t.Fatalf("%s: upload: %v", m.ID, err)
	}
	return uploaded.URI
}

// SendFile uploads a file and sends it to a room as a message of this type
// ("m.image", "m.file").
func (m *Matrix) SendFile(room, msgtype, typ, name string, data []byte) (event string) {
	m.t.Helper()
	return m.Send(room, "m.room.message", object{
		"msgtype": msgtype, "body": name, "url": m.Upload(typ, name, data),
		"info": object{"mimetype": typ, "size": len(data)},
	})
}

// Members are the names of a room's members by their ids, as the homeserver has them.
func (m *Matrix) Members(room string) map[string]string {
	m.t.Helper()
	var answer struct {
		Joined map[string]struct {
			Name string `json:"display_name"`
		} `json:"joined"`
	}
	m.Call(&answer, "getJoinedRoomMembers", room)
	members := map[string]string{}
	for user, member := range answer.Joined {
		members[user] = member.Name
	}
	return members
}

// ExpectMembership waits until a room has, or has no longer, a member.
func (m *Matrix) ExpectMembership(room, user string, joined bool) {
	m.t.Helper()
	var members map[string]string
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		members = m.Members(room)
		if _, is := members[user]; is == joined {
			return
		}
	}
	m.t.Fatalf("%s: %s is never joined=%v; members: %v", room, user, joined, members)
}

// Expect waits for an event that fits all matches and takes it out of the
// inbox. What else has come stays there.
func (m *Matrix) Expect(all ...MatrixMatch) *MatrixEvent {
	m.t.Helper()
	e := m.ExpectWithin(Patience, all...)
	if e == nil {
		m.t.Fatalf("%s never got: %s\nlast of what it got:%s", m.ID, describe(all), m.recent())
	}
	return e
}

// ExpectWithin is Expect with another patience; nil when nothing came.
func (m *Matrix) ExpectWithin(patience time.Duration, all ...MatrixMatch) *MatrixEvent {
	e, _ := m.inbox.take(func(e *MatrixEvent) bool { return fits(e, all) }, patience)
	return e
}

// ExpectNone checks that nothing that fits has come. Wait for something that
// comes later in order first.
func (m *Matrix) ExpectNone(all ...MatrixMatch) {
	m.t.Helper()
	if e := m.ExpectWithin(0, all...); e != nil {
		m.t.Fatalf("%s got what it should not, %s: %s", m.ID, describe(all), e)
	}
}

// Drain forgets what has come so far and returns it.
func (m *Matrix) Drain() []*MatrixEvent { return m.inbox.drain() }

func (m *Matrix) recent() string {
	var b strings.Builder
	for _, e := range m.inbox.recent() {
		b.WriteString("\n  " + e.raw)
	}
	return b.String()
}
