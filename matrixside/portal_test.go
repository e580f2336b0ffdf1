package matrixside

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/e2e/fakehs"
	"isthmus/matrixside/client"
	"isthmus/matrixside/inbox"
	"isthmus/matrixside/names"
)

// otherSide is another network, with as much authority as these tests need.
type otherSide struct {
	hub     *bridge.Hub
	network string

	mu      sync.Mutex
	changed chan struct{}
	got     []bridge.Event
	members map[string][]bridge.Member // of its rooms
	refuse  func(bridge.Event) *bridge.Failure
	rows    [][]string        // of its answers
	secret  bool              // its rooms are
	nicks   map[string]string // what people are called who wish for another name
}

func newOtherSide(hub *bridge.Hub, network string) *otherSide {
	return &otherSide{hub: hub, network: network, changed: make(chan struct{}), members: map[string][]bridge.Member{}, nicks: map[string]string{},
		refuse: func(bridge.Event) *bridge.Failure { return nil }}
}

func (o *otherSide) Deliver(e bridge.Event) {
	o.mu.Lock()
	o.got = append(o.got, e)
	close(o.changed)
	o.changed = make(chan struct{})
	failure := o.refuse(e)
	members, nick, rows, secret := slices.Clone(o.members[e.Room.ID]), o.nicks[e.Name], o.rows, o.secret
	o.mu.Unlock()
	if failure != nil && isRequest(e.Body) {
		o.hub.Publish(bridge.Event{Room: e.Room, Ref: e.ID, Body: *failure})
		return
	}
	switch b := e.Body.(type) {
	case bridge.Join:
		if nick == "" {
			nick = e.Name
		}
		o.hub.Publish(bridge.Event{Room: e.Room, Body: bridge.Members{Members: members, Secret: secret}})
		o.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Name: nick, Ref: e.ID, Body: bridge.Join{Role: bridge.RoleParticipant}})
	case bridge.Query:
		o.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Answer{Rows: rows}})
	case bridge.Message:
		o.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Confirm{}})
		if e.Room.Private() && e.Room.ID == "" {
			o.hub.Publish(bridge.Event{Room: e.Room, Body: bridge.Message{Text: "answer to " + b.Text}})
		}
	default:
		if isRequest(e.Body) {
			o.hub.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Confirm{}})
		}
	}
}

func (o *otherSide) set(f func(*otherSide)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(o)
}

// expect waits for something to be delivered.
func (o *otherSide) expect(t *testing.T, what string, fits func(bridge.Event) bool) bridge.Event {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		o.mu.Lock()
		i := slices.IndexFunc(o.got, fits)
		var e bridge.Event
		if i >= 0 {
			e = o.got[i]
			o.got = slices.Delete(o.got, i, i+1)
		}
		changed := o.changed
		o.mu.Unlock()
		if i >= 0 {
			return e
		}
		select {
		case <-changed:
		case <-deadline:
			o.mu.Lock()
			defer o.mu.Unlock()
			t.Fatalf("%s: %s did not come; there is %+v", o.network, what, o.got)
		}
	}
}

func (o *otherSide) expectSaid(t *testing.T, room, text string) bridge.Event {
	t.Helper()
	return o.expect(t, "«"+text+"»", func(e bridge.Event) bool {
		m, ok := e.Body.(bridge.Message)
		return ok && e.Room.ID == room && m.Text == text
	})
}

// native is a fact about somebody of the network.
func (o *otherSide) native(room, nick string, b bridge.Body) {
	o.hub.Publish(bridge.Event{Room: bridge.Room{Network: o.network, ID: room}, By: o.person(nick), Name: nick, Body: b})
}

func (o *otherSide) person(nick string) bridge.Person {
	return bridge.Person{Network: o.network, ID: nick}
}

func (o *otherSide) member(nick string) bridge.Member {
	return bridge.Member{Person: o.person(nick), Name: nick, Role: bridge.RoleParticipant}
}

// world is a homeserver, the bridge with its Matrix side, and two other networks.
type world struct {
	t            *testing.T
	hs           *fakehs.Server
	hub          *bridge.Hub
	side         *Side
	store        *store.Store
	libera, xmpp *otherSide
	stop         func()
}

type recorder struct{}

func (recorder) Record(bridge.Record) {}

func newWorld(t *testing.T, kind fakehs.Kind, change func(*Options)) *world {
	w := &world{t: t, hs: fakehs.Start(t, fakehs.Options{Kind: kind})}
	w.start(filepath.Join(t.TempDir(), "db"), change)
	return w
}

// start starts the bridge; after stop it can be started again.
func (w *world) start(db string, change func(*Options)) {
	t := w.t
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("ISTHMUS_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	st, err := store.Open(t.Context(), store.Options{Path: db, KeyFile: db + ".key", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.store = st
	w.hub = bridge.NewHub(recorder{}, log)
	w.libera, w.xmpp = newOtherSide(w.hub, "libera"), newOtherSide(w.hub, "xmpp")
	c, err := client.New(client.Options{Homeserver: w.hs.URL, ServerName: w.hs.ServerName, ASToken: w.hs.Registration.ASToken,
		Bot: id.UserID(w.hs.Bot()), Log: log, First: time.Millisecond, Most: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Names: names.Names{Server: w.hs.ServerName, Bot: w.hs.Registration.SenderLocalpart}, Client: c, Log: log,
		Inbox:    inbox.Options{Listen: "127.0.0.1:0", HSToken: w.hs.Registration.HSToken, Store: st, Log: log},
		Messages: st, Rooms: st, Ghosts: st, Logins: st,
		Portals: PortalOptions{Networks: []string{"libera"}, XMPP: true, OwnDomains: []string{"gw.example.org"}},
	}
	if change != nil {
		change(&o)
	}
	w.side, err = New(w.hub, o)
	if err != nil {
		t.Fatal(err)
	}
	w.hub.Register(bridge.NetworkMatrix, w.side)
	w.hub.Register(bridge.NetworkXMPP, w.xmpp)
	w.hub.RegisterOthers(w.libera)
	link := func(name, room, network, id string) bridge.Link {
		return bridge.Link{Name: name, Legs: []bridge.LegRule{
			{Network: bridge.NetworkMatrix, Room: room}, {Network: network, Room: id, Authority: true}}}
	}
	if err := w.hub.SetLinks([]bridge.Link{link("xmpp", "~{room}%xmpp", "xmpp", "{room}"),
		link("irc", "~{room}%{network}", "{network}", "{room}"), link("console", "~%{network}", "{network}", "")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.hub.Run(ctx) })
	running.Go(func() {
		if err := w.side.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-w.side.inbox.Listening():
	case <-time.After(10 * time.Second):
		t.Fatal("it does not listen")
	}
	w.hs.SetURL("http://" + w.side.inbox.Addr().String())
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			running.Wait()
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(w.stop)
}

func (w *world) expectNotice(room, sender, part string) *fakehs.Event {
	w.t.Helper()
	return w.hs.Expect("a notice with «"+part+"»", func(e *fakehs.Event) bool {
		return (room == "" || e.Room == room) && e.Sender == sender && e.Type == "m.room.message" && e.Text("msgtype") == "m.notice" &&
			strings.Contains(e.Text("body"), part)
	})
}

const goAlias = "irc_libera_#go"

// onEach runs a test on each kind of homeserver.
func onEach(t *testing.T, test func(t *testing.T, kind fakehs.Kind)) {
	for name, kind := range map[string]fakehs.Kind{"synapse": fakehs.Synapse, "dendrite": fakehs.Dendrite} {
		t.Run(name, func(t *testing.T) { test(t, kind) })
	}
}

func TestPortal(t *testing.T) {
	onEach(t, func(t *testing.T, kind fakehs.Kind) {
		w := newWorld(t, kind, nil)
		w.libera.set(func(o *otherSide) {
			o.members["#go"] = []bridge.Member{o.member("rob"), o.member("ken")}
			o.nicks["bob"] = "bob_"
		})
		bob := w.hs.User("bob")
		room := bob.Join(w.hs.Alias(goAlias))
		join := w.libera.expect(t, "a join", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Join); return ok })
		if join.By.ID != bob.ID || join.Name != "bob" || join.Room.ID != "#go" || join.Room.Network != "libera" {
			t.Errorf("%+v", join)
		}
		w.expectNotice(room, w.hs.Bot(), "you are called bob_")
		for _, ghost := range []string{"rob", "ken"} {
			w.hs.ExpectMember(room, w.hs.ID("irc_libera_"+ghost), "join")
		}
		bob.Say(room, "hello")
		said := w.libera.expectSaid(t, "#go", "hello")
		if said.By.ID != bob.ID {
			t.Errorf("%+v", said)
		}
		w.libera.native("#go", "rob", bridge.Message{Text: "hello bob_"})
		w.hs.ExpectMessage(room, w.hs.ID("irc_libera_rob"), "hello bob_")

		w.libera.native("#go", "sue", bridge.Join{})
		w.hs.ExpectMember(room, w.hs.ID("irc_libera_sue"), "join")
		w.libera.native("#go", "sue", bridge.Leave{Cause: bridge.CauseQuit, Reason: "bye"})
		w.hs.ExpectMember(room, w.hs.ID("irc_libera_sue"), "leave")
		w.libera.native("#go", "rob", bridge.Topic{Text: "Go!"})
		w.hs.Until("the topic", func() bool { return w.hs.Content(room, "m.room.topic", "")["topic"] == "Go!" })
		w.libera.native("#go", "rob", bridge.RoleChange{Role: bridge.RoleModerator})
		w.hs.Until("power", func() bool {
			users, _ := w.hs.Content(room, "m.room.power_levels", "")["users"].(map[string]any)
			return users[w.hs.ID("irc_libera_rob")] == float64(roleLevels[bridge.RoleModerator])
		})

		// What the room says of itself.
		if v := w.hs.Content(room, "m.room.history_visibility", "")["history_visibility"]; v != "joined" {
			t.Errorf("history is visible to %v", v)
		}
		bob.Leave(room)
		w.libera.expect(t, "a leave", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Leave); return ok })
		for _, text := range w.hs.Messages(room, w.hs.Bot()) {
			if strings.Contains(text, "not") {
				t.Errorf("the bot says %q", text)
			}
		}
	})
}

func TestPortalIsMadeOnce(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	alias := w.hs.Alias(goAlias)
	var wait sync.WaitGroup
	rooms := make([]string, 8)
	for i := range rooms {
		wait.Go(func() { rooms[i] = w.hs.User("bob" + string(rune('a'+i))).Join(alias) })
	}
	wait.Wait()
	if slices.Sort(rooms); rooms[0] != rooms[7] {
		t.Errorf("%q", rooms)
	}
	if made := w.hs.Requests("POST", "/createRoom"); len(made) != 1 {
		t.Errorf("%d rooms were made", len(made))
	}
	for _, not := range []string{"irc_oftc_#go", "irc_libera_go", "xmpp_room_gw.example.org", "irc_libera_"} {
		if _, err := w.hs.User("eve").TryJoin(w.hs.Alias(not)); err == nil {
			t.Errorf("there is a room %s", not)
		}
	}
}

func TestPortalRefused(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	w.libera.set(func(o *otherSide) {
		o.refuse = func(e bridge.Event) *bridge.Failure {
			if j, ok := e.Body.(bridge.Join); ok && j.Password != "sesame" {
				return &bridge.Failure{Kind: bridge.ErrPassword, Text: "Cannot join channel (+k)."}
			}
			return nil
		}
	})
	bob := w.hs.User("bob")
	room := bob.Join(w.hs.Alias(goAlias))
	w.expectNotice(room, w.hs.Bot(), "Cannot join channel (+k)")
	w.hs.ExpectMember(room, bob.ID, "leave")

	chat := bob.CreateDirect(w.hs.Bot())
	w.expectNotice(chat, w.hs.Bot(), "Say help")
	bob.Say(chat, "join libera #go sesame")
	w.expectNotice(chat, w.hs.Bot(), "You are invited to #irc_libera_#go:example.org")
	bob.Join(room)
	w.libera.expect(t, "the join with the key", func(e bridge.Event) bool {
		j, ok := e.Body.(bridge.Join)
		return ok && j.Password == "sesame"
	})
	bob.Say(room, "in")
	w.libera.expectSaid(t, "#go", "in")
	w.hs.Until("the key to be gone", func() bool {
		return !slices.Contains(w.hs.Messages(chat, bob.ID), "join libera #go sesame")
	})
}

func TestPortalFailures(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	w.libera.set(func(o *otherSide) { o.members["#go"] = []bridge.Member{o.member("rob")} })
	bob := w.hs.User("bob")
	room := bob.Join(w.hs.Alias(goAlias))
	rob := w.hs.ID("irc_libera_rob")
	w.hs.ExpectMember(room, rob, "join")
	w.libera.set(func(o *otherSide) {
		o.refuse = func(e bridge.Event) *bridge.Failure {
			return &bridge.Failure{Kind: bridge.ErrNoPrivileges, Text: "You are no operator."}
		}
	})
	said := bob.Say(room, "moderated")
	notice := w.expectNotice(room, w.hs.Bot(), "This was not sent. You are no operator.")
	relates, _ := notice.Content["m.relates_to"].(map[string]any)
	if reply, _ := relates["m.in_reply_to"].(map[string]any); reply["event_id"] != said {
		t.Errorf("it answers %v", relates)
	}
	bob.SetTopic(room, "Mine")
	w.expectNotice(room, w.hs.Bot(), "The topic stays")
	w.hs.Until("the topic to be as it was", func() bool { return w.hs.Content(room, "m.room.topic", "")["topic"] == "" })

	// Power makes it possible to kick a ghost on Matrix, but not on IRC.
	w.libera.hub.Publish(bridge.Event{Room: bridge.Room{Network: "libera", ID: "#go"}, By: matrixPerson(id.UserID(bob.ID)), Name: "bob", Body: bridge.RoleChange{Role: bridge.RoleModerator}})
	w.hs.Until("power", func() bool {
		users, _ := w.hs.Content(room, "m.room.power_levels", "")["users"].(map[string]any)
		return users[bob.ID] == float64(60)
	})
	bob.Ban(room, rob, "away with you")
	w.expectNotice(room, w.hs.Bot(), "rob stays. You are no operator.")
	w.hs.ExpectMember(room, rob, "join")
}

func TestPortalRestart(t *testing.T) {
	onEach(t, func(t *testing.T, kind fakehs.Kind) {
		db := filepath.Join(t.TempDir(), "db")
		w := &world{t: t, hs: fakehs.Start(t, fakehs.Options{Kind: kind})}
		w.start(db, nil)
		w.libera.set(func(o *otherSide) { o.members["#go"] = []bridge.Member{o.member("rob"), o.member("ken")} })
		bob := w.hs.User("bob")
		room := bob.Join(w.hs.Alias(goAlias))
		for _, ghost := range []string{"rob", "ken"} {
			w.hs.ExpectMember(room, w.hs.ID("irc_libera_"+ghost), "join")
		}
		chat := bob.CreateDirect(w.hs.ID("irc_libera_rob"))
		bob.Say(chat, "in private")
		w.libera.expectSaid(t, "rob", "in private")
		w.side.Ending()
		w.libera.native("#go", "rob", bridge.Leave{Cause: bridge.CauseQuit})
		w.stop()
		w.hs.ExpectMember(room, w.hs.ID("irc_libera_rob"), "join") // not worth to leave
		bob.Say(room, "while it is down")
		bob.Say(chat, "also in private")
		w.start(db, nil)
		w.libera.set(func(o *otherSide) { o.members["#go"] = []bridge.Member{o.member("rob")} })
		w.libera.expectSaid(t, "#go", "while it is down")
		w.libera.expectSaid(t, "rob", "also in private")
		w.hs.ExpectMember(room, w.hs.ID("irc_libera_ken"), "leave")
		w.libera.native("#go", "rob", bridge.Message{Text: "again"})
		w.hs.ExpectMessage(room, w.hs.ID("irc_libera_rob"), "again")
		bob.Say(room, "and again")
		w.libera.expectSaid(t, "#go", "and again")
	})
}

// Nothing is lost and nothing comes twice while the homeserver is in trouble.
func TestPortalTrouble(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	w.libera.set(func(o *otherSide) { o.members["#go"] = []bridge.Member{o.member("rob")} })
	bob := w.hs.User("bob")
	room := bob.Join(w.hs.Alias(goAlias))
	w.hs.ExpectMember(room, w.hs.ID("irc_libera_rob"), "join")
	w.hs.Limit(3, time.Millisecond)
	w.hs.BadGateway(3)
	w.hs.LoseAnswers(3)
	var want []string
	for i := range 20 {
		text := "line " + string(rune('a'+i))
		want = append(want, text)
		w.libera.native("#go", "rob", bridge.Message{Text: text})
	}
	w.hs.ExpectMessage(room, w.hs.ID("irc_libera_rob"), want[19])
	if got := w.hs.Messages(room, w.hs.ID("irc_libera_rob")); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestPortalAway(t *testing.T) {
	w := newWorld(t, fakehs.Dendrite, nil)
	w.libera.set(func(o *otherSide) { o.members["#go"] = []bridge.Member{o.member("rob")} })
	bob := w.hs.User("bob")
	room := bob.Join(w.hs.Alias(goAlias))
	rob := w.hs.ID("irc_libera_rob")
	w.hs.ExpectMember(room, rob, "join")
	w.hs.Down()
	want := []string{"one", "two", "three"}
	for _, text := range want {
		w.libera.native("#go", "rob", bridge.Message{Text: text})
	}
	for w.side.options().Client.Up() {
		time.Sleep(time.Millisecond)
	}
	w.hs.Up()
	w.hs.ExpectMessage(room, rob, "three")
	if got := w.hs.Messages(room, rob); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	bob.Say(room, "back")
	w.libera.expectSaid(t, "#go", "back")
}

func TestPortalIsUpgraded(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	w.libera.set(func(o *otherSide) { o.members["#go"] = []bridge.Member{o.member("rob")} })
	bob := w.hs.User("bob")
	room := bob.Join(w.hs.Alias(goAlias))
	w.hs.ExpectMember(room, w.hs.ID("irc_libera_rob"), "join")
	to := w.hs.User(w.hs.Registration.SenderLocalpart).Upgrade(room)
	w.libera.expect(t, "a leave", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Leave); return ok })
	w.libera.expect(t, "a join", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Join); return ok })
	bob.Join(to)
	w.libera.expect(t, "a join", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Join); return ok })
	bob.Say(to, "in the new room")
	w.libera.expectSaid(t, "#go", "in the new room")
	w.libera.native("#go", "rob", bridge.Message{Text: "here, too"})
	w.hs.ExpectMessage(to, w.hs.ID("irc_libera_rob"), "here, too")
}

func TestPortalPicture(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, func(o *Options) { o.Portals.Spaces = true })
	w.xmpp.set(func(o *otherSide) { o.rows = [][]string{{"image/png", "aGVsbG8="}} })
	bob := w.hs.User("bob")
	room := bob.Join(w.hs.Alias("xmpp_room_muc.example.net"))
	w.xmpp.expect(t, "a join", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Join); return ok })
	w.hub.Publish(bridge.Event{Room: bridge.Room{Network: "xmpp", ID: "room@muc.example.net"}, Body: bridge.RoomInfo{Name: "The Room", Avatar: "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"}})
	w.hs.Until("the name", func() bool { return w.hs.Content(room, "m.room.name", "")["name"] == "The Room" })
	uri := ""
	w.hs.Until("the picture", func() bool {
		uri, _ = w.hs.Content(room, "m.room.avatar", "")["url"].(string)
		return uri != ""
	})
	if typ, _, data := w.hs.Media(uri); typ != "image/png" || string(data) != "hello" {
		t.Errorf("the picture is %s %q", typ, data)
	}
	// It is in its network's space as long as it is not secret.
	space := ""
	w.hs.Until("the space", func() bool {
		var err error
		space, err = bob.TryJoin("#xmpp_:" + w.hs.ServerName)
		return err == nil
	})
	child := func() any { return w.hs.Content(space, "m.space.child", room)["via"] }
	w.hs.Until("the room in it", func() bool { return child() != nil })
	members := func(secret bool) {
		w.hub.Publish(bridge.Event{Room: bridge.Room{Network: "xmpp", ID: "room@muc.example.net"}, Body: bridge.Members{Secret: secret}})
	}
	members(true)
	w.hs.Until("that it is out", func() bool { return child() == nil })
	members(false)
	w.hs.Until("that it is in again", func() bool { return child() != nil })
}

// What is not there yet when it is read is read again.
func TestPortalReadsAgain(t *testing.T) {
	w := newWorld(t, fakehs.Dendrite, nil)
	bob := w.hs.User("bob")
	room := bob.Join(w.hs.Alias(goAlias))
	w.libera.expect(t, "a join", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Join); return ok })
	w.libera.native("#go", "rob", bridge.Join{})
	w.hs.ExpectMember(room, w.hs.ID("irc_libera_rob"), "join")
	w.hs.Add(fakehs.Fault{Method: "GET", Path: "power_levels", Times: 2, Status: 404, Code: "M_NOT_FOUND"})
	w.libera.native("#go", "rob", bridge.RoleChange{Role: bridge.RoleModerator})
	w.hs.Until("power", func() bool {
		users, _ := w.hs.Content(room, "m.room.power_levels", "")["users"].(map[string]any)
		return users[w.hs.ID("irc_libera_rob")] == float64(60)
	})
}

func TestPortalIsPublished(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, func(o *Options) { o.Portals.Published = true })
	bob := w.hs.User("bob")
	listed := func(room string) bool {
		r, err := http.NewRequest("GET", w.hs.URL+"/_matrix/client/v3/publicRooms", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bob.Token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v: %s", res.Status, err, body)
		}
		return strings.Contains(string(body), room)
	}
	becomes := func(room string, is bool) {
		t.Helper()
		for deadline := time.Now().Add(fakehs.Patience); listed(room) != is; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("listed: %v", !is)
			}
		}
	}
	room := bob.Join(w.hs.Alias(goAlias))
	becomes(room, true)
	bob.Leave(room)
	w.libera.expect(t, "a leave", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Leave); return ok })
	w.libera.set(func(o *otherSide) { o.secret = true })
	bob.Join(room)
	becomes(room, false)
	secret := bob.Join(w.hs.Alias("irc_libera_#secret"))
	bob.Say(secret, "secretly")
	w.libera.expectSaid(t, "#secret", "secretly")
	becomes(secret, false)
}
