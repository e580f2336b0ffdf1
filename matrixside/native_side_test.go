package matrixside

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/e2e/fakehs"
	"isthmus/matrixside/client"
	"isthmus/matrixside/inbox"
	"isthmus/matrixside/names"
)

var (
	alice = bridge.Person{Network: "xmpp", ID: "alice@example.net"}
	carol = bridge.Person{Network: "xmpp", ID: "carol@example.net"}
)

// fakeCore notes what is published.
type fakeCore struct {
	t testing.TB

	mu      sync.Mutex
	events  []bridge.Event
	taken   []bool
	changed chan struct{}
	store   *store.Store // has the ids of messages, as the core would see to it
}

func (c *fakeCore) Publish(e bridge.Event) {
	if e.ID == "" {
		e.ID = bridge.NewID()
	}
	switch b := e.Body.(type) {
	case bridge.Message:
		c.store.Record(bridge.Record{ID: e.ID, Room: e.Room, Native: b.Native})
	case bridge.Confirm:
		if b.Native != "" {
			c.store.Record(bridge.Record{ID: e.Ref, Room: e.Room, Native: b.Native})
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events, c.taken = append(c.events, e), append(c.taken, false)
	close(c.changed)
	c.changed = make(chan struct{})
}

// expect waits for an event with a body of B's kind that fits and that nobody
// has expected yet.
func expectEvent[B bridge.Body](c *fakeCore, what string, fits func(bridge.Event, B) bool) (bridge.Event, B) {
	c.t.Helper()
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	for {
		c.mu.Lock()
		for i, e := range c.events {
			if b, ok := e.Body.(B); ok && !c.taken[i] && fits(e, b) {
				c.taken[i] = true
				c.mu.Unlock()
				return e, b
			}
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			c.t.Fatalf("waited in vain for %s; there is\n%s", what, c.log())
		}
	}
}

// none fails the test if such an event has come that nobody has expected.
func noEvent[B bridge.Body](c *fakeCore, what string, fits func(bridge.Event, B) bool) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range c.events {
		if b, ok := e.Body.(B); ok && !c.taken[i] && fits(e, b) {
			c.t.Fatalf("%s: %+v", what, e)
		}
	}
}

func (c *fakeCore) log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for i, e := range c.events {
		fmt.Fprintf(&b, "%v %v by %v (%s) ref %s: %#v\n", c.taken[i], e.Room, e.By, e.Name, e.Ref, e.Body)
	}
	return b.String()
}

func anyOf[B bridge.Body](bridge.Event, B) bool { return true }

// answers fits what answers an event.
func answers[B bridge.Body](e bridge.Event) func(bridge.Event, B) bool {
	return func(got bridge.Event, _ B) bool { return got.Ref == e.ID }
}

// bridged is a Side between a homeserver and a core that are fakes.
type bridged struct {
	t     testing.TB
	hs    *fakehs.Server
	side  *Side
	core  *fakeCore
	store *store.Store
	stop  func()
}

func startBridged(t *testing.T, hs fakehs.Options, tweak func(*Options)) *bridged {
	b := &bridged{t: t, hs: fakehs.Start(t, hs)}
	b.store = openStore(t)
	b.start(tweak)
	return b
}

func openStore(t testing.TB) *store.Store {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "db"), KeyFile: filepath.Join(dir, "key"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// start runs a Side, once more after stop.
func (b *bridged) start(tweak func(*Options)) {
	t, r := b.t, b.hs.Registration
	t.Helper()
	b.core = &fakeCore{t: t, changed: make(chan struct{}), store: b.store}
	n := names.Names{Server: b.hs.ServerName, Bot: r.SenderLocalpart}
	c, err := client.New(client.Options{Homeserver: b.hs.URL, ServerName: b.hs.ServerName, ASToken: r.ASToken, Bot: n.BotID(),
		First: 10 * time.Millisecond, Most: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	o := Options{
		Names: n, Client: c, Messages: b.store, Rooms: b.store, Ghosts: b.store, Log: log,
		Inbox: inbox.Options{Listen: "127.0.0.1:0", HSToken: r.HSToken, Store: b.store, Log: log},
	}
	if tweak != nil {
		tweak(&o)
	}
	if b.side, err = New(b.core, o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.side.Run(ctx) }()
	<-b.side.inbox.Listening()
	b.hs.SetURL("http://" + b.side.inbox.Addr().String())
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// ask delivers a request, as the core would.
func (b *bridged) ask(room bridge.Room, by bridge.Person, name string, body bridge.Body) bridge.Event {
	e := bridge.Event{ID: bridge.NewID(), Room: room, By: by, Name: name, At: time.Now(), Body: body}
	b.side.Deliver(e)
	return e
}

// enter has somebody join a room, and returns how that went.
func (b *bridged) enter(room bridge.Room, who bridge.Person, name string, wanted int) (bridge.Event, bridge.Join) {
	b.t.Helper()
	asked := b.ask(room, who, name, bridge.Join{Wanted: wanted})
	return expectEvent(b.core, name+" to be in "+room.ID, answers[bridge.Join](asked))
}

func (b *bridged) refused(e bridge.Event) bridge.Failure {
	b.t.Helper()
	_, f := expectEvent(b.core, "a refusal", answers[bridge.Failure](e))
	return f
}

func (b *bridged) confirmed(e bridge.Event) bridge.Confirm {
	b.t.Helper()
	_, c := expectEvent(b.core, "a confirmation", answers[bridge.Confirm](e))
	return c
}

func matrixRoom(id string) bridge.Room { return bridge.Room{Network: "matrix", ID: id} }

func onMatrix(user string) bridge.Person { return bridge.Person{Network: "matrix", ID: user} }

func both(t *testing.T, f func(t *testing.T, kind fakehs.Kind)) {
	t.Run("synapse", func(t *testing.T) { f(t, fakehs.Synapse) })
	t.Run("dendrite", func(t *testing.T) { f(t, fakehs.Dendrite) })
}

func TestRoomIsEntered(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		bob.SetName("Bob")
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Name: "Gophers", Topic: "about Go", Public: true})
		bob.Say(at, "one")
		bob.Emote(at, "waves")
		room := matrixRoom("#go%example.org")

		join, j := b.enter(room, alice, "Alice", 10)
		if join.Name != "Alice" || join.By != alice || j.Role != bridge.RoleParticipant {
			t.Errorf("joined as %q, %v, role %d", join.Name, join.By, j.Role)
		}
		var said []string
		for _, m := range j.History {
			said = append(said, fmt.Sprintf("%s %v %s", m.Name, m.Emote, m.Text))
		}
		if want := []string{"Bob false one", "Bob true waves"}; !slices.Equal(said, want) {
			t.Errorf("history %q, want %q", said, want)
		}
		_, members := expectEvent(b.core, "members", anyOf[bridge.Members])
		want := []bridge.Member{{Person: onMatrix(bob.ID), Name: "Bob", Role: bridge.RoleOwner}}
		if !reflect.DeepEqual(members.Members, want) || members.Secret {
			t.Errorf("members %+v", members)
		}
		_, info := expectEvent(b.core, "how the room presents itself", anyOf[bridge.RoomInfo])
		_, topic := expectEvent(b.core, "topic", anyOf[bridge.Topic])
		if info.Name != "Gophers" || topic.Text != "about Go" {
			t.Errorf("%+v, %+v", info, topic)
		}
		if name, _ := b.hs.Profile(b.hs.ID("xmpp_alice_example.net")); name != "Alice" {
			t.Errorf("the ghost is called %q", name)
		}

		// Talk, both ways, each once.
		bob.Say(at, "hello")
		e, m := expectEvent(b.core, "hello", anyOf[bridge.Message])
		if e.By != onMatrix(bob.ID) || e.Name != "Bob" || m.Text != "hello" || m.Native == "" {
			t.Errorf("%+v", e)
		}
		asked := b.ask(room, alice, "Alice", bridge.Message{Text: "hi"})
		sent := b.hs.ExpectMessage(at, b.hs.ID("xmpp_alice_example.net"), "hi")
		if c := b.confirmed(asked); c.Native != sent.ID {
			t.Errorf("confirmed as %q, want %q", c.Native, sent.ID)
		}
		bob.Say(at, "bye")
		expectEvent(b.core, "bye", func(_ bridge.Event, m bridge.Message) bool { return m.Text == "bye" })
		noEvent(b.core, "a message comes twice", anyOf[bridge.Message])

		// A second one is shown what has been said, once.
		_, j = b.enter(room, carol, "Carol", 2)
		if len(j.History) != 2 || j.History[0].Text != "hi" || j.History[0].By != alice || j.History[0].ID != asked.ID || j.History[1].Text != "bye" {
			t.Errorf("history %+v", j.History)
		}
		noEvent(b.core, "the room is told once more", anyOf[bridge.Members])

		// Whoever leaves is out of a public room.
		b.ask(room, alice, "Alice", bridge.Leave{Reason: "bye"})
		b.hs.ExpectMember(at, b.hs.ID("xmpp_alice_example.net"), "leave")
		if f := b.refused(b.ask(room, alice, "Alice", bridge.Message{Text: "lost"})); f.Kind != bridge.ErrNotInRoom {
			t.Errorf("%+v", f)
		}
		b.ask(room, carol, "Carol", bridge.Leave{})
		if b.side.places.at(id.RoomID(at)) != nil || b.side.natives.find(room) != nil {
			t.Error("the room is kept though nobody is in it")
		}
	})
}

func TestWhatHappensInRoom(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob, dora := b.hs.User("bob"), b.hs.User("dora")
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
		room, ghost := matrixRoom("#go%example.org"), b.hs.ID("xmpp_alice_example.net")
		b.enter(room, alice, "Alice", 0)
		b.enter(room, carol, "Carol", 0)

		dora.SetName("Bob") // there is a bob already, whose name differs in case only
		bob.SetName("BOB")
		expectEvent(b.core, "bob's new name", func(e bridge.Event, r bridge.Rename) bool { return e.By == onMatrix(bob.ID) && r.To == "BOB" })
		dora.Join(at)
		e, _ := expectEvent(b.core, "dora", func(e bridge.Event, _ bridge.Join) bool { return e.By == onMatrix(dora.ID) })
		if e.Name != "Bob (@dora:example.org)" {
			t.Errorf("dora is called %q", e.Name)
		}
		dora.SetName("Dora")
		e, r := expectEvent(b.core, "dora's new name", anyOf[bridge.Rename])
		if e.Name != "Bob (@dora:example.org)" || r.To != "Dora" || r.Person != onMatrix(dora.ID) {
			t.Errorf("%+v", e)
		}
		bob.SetTopic(at, "new\x07 topic")
		e, topic := expectEvent(b.core, "the topic", func(_ bridge.Event, x bridge.Topic) bool { return x.Text != "" })
		if e.Name != "BOB" || topic.Text != "new topic" {
			t.Errorf("%+v", e)
		}
		bob.State(at, "m.room.name", "", map[string]any{"name": "Gophers"})
		expectEvent(b.core, "the name", func(_ bridge.Event, i bridge.RoomInfo) bool { return i.Name == "Gophers" })
		bob.SetPower(at, dora.ID, 50)
		e, role := expectEvent(b.core, "dora's power", anyOf[bridge.RoleChange])
		if e.By != onMatrix(dora.ID) || e.Name != "Dora" || role != (bridge.RoleChange{Role: bridge.RoleModerator, Actor: "BOB"}) {
			t.Errorf("%+v", e)
		}
		bob.SetPower(at, ghost, 50)
		e, role = expectEvent(b.core, "alice's power", anyOf[bridge.RoleChange])
		if e.By != alice || role.Role != bridge.RoleModerator {
			t.Errorf("%+v", e)
		}
		bob.Kick(at, dora.ID, "out")
		e, leave := expectEvent(b.core, "dora to go", anyOf[bridge.Leave])
		if e.By != onMatrix(dora.ID) || leave != (bridge.Leave{Cause: bridge.CauseKick, Reason: "out", Actor: "BOB"}) {
			t.Errorf("%+v", e)
		}
		dora.Join(at)
		expectEvent(b.core, "dora again", func(e bridge.Event, _ bridge.Join) bool { return e.By == onMatrix(dora.ID) })
		dora.Leave(at)
		if _, leave = expectEvent(b.core, "dora to leave", anyOf[bridge.Leave]); leave.Cause != bridge.CausePart {
			t.Errorf("%+v", leave)
		}
		bob.Ban(at, b.hs.ID("xmpp_carol_example.net"), "no")
		e, leave = expectEvent(b.core, "carol to be banned", anyOf[bridge.Leave])
		if e.By != carol || e.Name != "Carol" || leave.Cause != bridge.CauseBan || leave.Reason != "no" {
			t.Errorf("%+v", e)
		}
		if f := b.refused(b.ask(room, carol, "Carol", bridge.Join{})); f.Kind != bridge.ErrBanned {
			t.Errorf("%+v", f)
		}
		bob.Redact(at, bob.Say(at, "oops"))
		bob.Send(at, "org.example.dance", map[string]any{"body": "dances"})
		expectEvent(b.core, "oops", func(_ bridge.Event, m bridge.Message) bool { return m.Text == "oops" })
		expectEvent(b.core, "a dance", func(_ bridge.Event, m bridge.Message) bool { return m.Text == "dances" })
		bob.State(at, "m.room.encryption", "", map[string]any{"algorithm": "m.megolm.v1.aes-sha2"})
		expectEvent(b.core, "a word about encryption", anyOf[bridge.Info])
		if f := b.refused(b.ask(room, alice, "Alice", bridge.Message{Text: "secret"})); f.Kind != bridge.ErrUnsupported {
			t.Errorf("%+v", f)
		}
		b.hs.Expect("a word to those on Matrix", func(e *fakehs.Event) bool { return e.Sender == ghost && strings.Contains(e.Text("body"), "encrypted") })
		noEvent(b.core, "somebody of ours left", func(_ bridge.Event, _ bridge.Leave) bool { return true })
	})
}

func TestRequestsInRoom(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob, dora := b.hs.User("bob"), b.hs.User("dora")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	dora.Join(at)
	room, ghost := matrixRoom("#go%example.org"), b.hs.ID("xmpp_alice_example.net")
	b.enter(room, alice, "Alice", 0)

	if f := b.refused(b.ask(room, alice, "Alice", bridge.Topic{Text: "mine"})); f.Kind != bridge.ErrNoPrivileges {
		t.Errorf("%+v", f)
	}
	bob.SetPower(at, ghost, 100)
	expectEvent(b.core, "power", anyOf[bridge.RoleChange])
	b.confirmed(b.ask(room, alice, "Alice", bridge.Topic{Text: "mine"}))
	if e, topic := expectEvent(b.core, "the topic", func(_ bridge.Event, x bridge.Topic) bool { return x.Text == "mine" }); e.By != alice || e.Name != "Alice" {
		t.Errorf("%+v %+v", e, topic)
	}
	b.confirmed(b.ask(room, alice, "Alice", bridge.RoleChange{Target: "dora", Role: bridge.RoleModerator}))
	if e, r := expectEvent(b.core, "dora's power", anyOf[bridge.RoleChange]); e.By != onMatrix(dora.ID) || r.Role != bridge.RoleModerator || r.Actor != "Alice" {
		t.Errorf("%+v", e)
	}
	b.confirmed(b.ask(room, alice, "Alice", bridge.Rename{To: "Alicia"}))
	if e, r := expectEvent(b.core, "the new name", anyOf[bridge.Rename]); e.By != alice || e.Name != "Alice" || r.To != "Alicia" {
		t.Errorf("%+v", e)
	}
	if name := b.hs.Content(at, "m.room.member", ghost)["displayname"]; name != "Alicia" {
		t.Errorf("the ghost is called %v", name)
	}
	if f := b.refused(b.ask(room, alice, "Alicia", bridge.Rename{To: "Dora"})); f.Kind != bridge.ErrConflict {
		t.Errorf("%+v", f)
	}
	b.confirmed(b.ask(room, alice, "Alicia", bridge.Expel{Target: "dora", Ban: true, Reason: "why not"}))
	if e, l := expectEvent(b.core, "dora to go", anyOf[bridge.Leave]); e.By != onMatrix(dora.ID) || l.Cause != bridge.CauseBan || l.Actor != "Alicia" || l.Reason != "why not" {
		t.Errorf("%+v", e)
	}
	if f := b.refused(b.ask(room, alice, "Alicia", bridge.Expel{Target: "nobody"})); f.Kind != bridge.ErrNotFound {
		t.Errorf("%+v", f)
	}
	b.confirmed(b.ask(room, alice, "Alicia", bridge.Invite{Person: onMatrix(b.hs.User("eve").ID)}))
	b.hs.ExpectMember(at, b.hs.ID("eve"), "invite")
	b.confirmed(b.ask(room, alice, "Alicia", bridge.Invite{Person: carol}))
	e, invite := expectEvent(b.core, "carol's invitation", anyOf[bridge.Invite])
	if e.Room.Owner != carol || e.By != alice && e.By.ID != ghost {
		t.Errorf("%+v %+v", e, invite)
	}
}

// TestLateEvents: a homeserver that was killed brings old events after newer ones.
func TestLateEvents(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob, dora := b.hs.User("bob"), b.hs.User("dora")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true, Topic: "new"})
	room := matrixRoom("#go%example.org")
	b.enter(room, alice, "Alice", 0)
	expectEvent(b.core, "the topic", anyOf[bridge.Topic])
	n := b.side.natives.find(room)
	late := func(kind event.Type, key string, content any) {
		e := &event.Event{ID: "$late", Type: kind, StateKey: &key, Sender: id.UserID(dora.ID), RoomID: id.RoomID(at),
			Timestamp: time.Now().Add(-time.Hour).UnixMilli()}
		e.Content.Parsed = content
		n.handle(e, func() {})
	}
	dora.Join(at)
	expectEvent(b.core, "dora", func(e bridge.Event, _ bridge.Join) bool { return e.By == onMatrix(dora.ID) })
	late(event.StateMember, dora.ID, &event.MemberEventContent{Membership: event.MembershipLeave})
	late(event.StateMember, b.hs.ID("gone"), &event.MemberEventContent{Membership: event.MembershipJoin})
	late(event.StateTopic, "", &event.TopicEventContent{Topic: "old"})
	_, topic := expectEvent(b.core, "the topic", anyOf[bridge.Topic])
	if topic.Text != "new" {
		t.Errorf("%+v", topic)
	}
	noEvent(b.core, "dora is shown out, who is in", anyOf[bridge.Leave])
	noEvent(b.core, "somebody is shown in, who is out", func(e bridge.Event, _ bridge.Join) bool { return e.By.Network == "matrix" })
}

// TestNowhereToListen: a side that can't listen says so, and ends.
func TestNowhereToListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := openStore(t)
	c, err := client.New(client.Options{Homeserver: "http://127.0.0.1:1", ServerName: "hs"})
	if err != nil {
		t.Fatal(err)
	}
	side, err := New(&fakeCore{t: t, changed: make(chan struct{}), store: s}, Options{
		Names: testNames, Client: c, Messages: s, Rooms: s, Ghosts: s, Log: slog.New(slog.DiscardHandler),
		Inbox: inbox.Options{Listen: taken.Addr().String(), Store: s},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := side.Run(t.Context()); err == nil {
		t.Error("it listens on an address that is taken")
	}
}
