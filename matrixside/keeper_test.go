package matrixside

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
)

var (
	rob   = bridge.Person{Network: "libera", ID: "rob"}
	romeo = bridge.Person{Network: "xmpp", ID: "room@muc.example.net/romeo"}
)

// keep has the Keeper join a room.
func (b *bridged) keep(room bridge.Room) (bridge.Event, bridge.Join) {
	b.t.Helper()
	return b.enter(room, bridge.Keeper, "isthmus", 0)
}

// via delivers what the Keeper is to do for somebody.
func (b *bridged) via(room bridge.Room, by bridge.Person, name string, body bridge.Body) bridge.Event {
	e := bridge.Event{ID: bridge.NewID(), Room: room, By: by, Name: name, Via: bridge.Keeper, Body: body}
	b.side.Deliver(e)
	return e
}

func TestKeeperIsTheBot(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
		room := matrixRoom("#go%example.org")
		join, j := b.keep(room)
		if join.By != bridge.Keeper || join.Name != "isthmus" || j.Role != bridge.RoleParticipant {
			t.Errorf("%+v", join)
		}
		b.hs.ExpectMember(at, b.hs.Bot(), "join")
		if name, _ := b.hs.Profile(b.hs.Bot()); name != "isthmus" {
			t.Errorf("the bot is called %q", name)
		}
		if _, m := expectEvent(b.core, "members", anyOf[bridge.Members]); len(m.Members) != 1 || m.Members[0].Person != onMatrix(bob.ID) {
			t.Errorf("%+v", m)
		}
		bob.Say(at, "hello")
		expectEvent(b.core, "hello", func(e bridge.Event, m bridge.Message) bool { return m.Text == "hello" && e.By == onMatrix(bob.ID) })

		// Others come and go beside it, and it goes with its own.
		b.enter(room, rob, "rob", 0)
		b.ask(room, rob, "rob", bridge.Leave{})
		b.hs.ExpectMember(at, ghostOf(b, rob), "leave")
		b.hs.ExpectMember(at, b.hs.Bot(), "join")
		bob.SetPower(at, b.hs.Bot(), 50)
		if e, r := expectEvent(b.core, "power", anyOf[bridge.RoleChange]); e.By != bridge.Keeper || r.Role != bridge.RoleModerator {
			t.Errorf("%+v", e)
		}
		b.enter(room, alice, "Alice", 0)
		b.ask(room, bridge.Keeper, "", bridge.Leave{})
		b.hs.ExpectMember(at, b.hs.Bot(), "join") // it hears for alice who is typing, as bringBot has it
		b.ask(room, alice, "Alice", bridge.Leave{})
		b.hs.ExpectMember(at, b.hs.Bot(), "leave")
		b.hs.Settle()
		noEvent(b.core, "our own are news", func(e bridge.Event, _ bridge.Leave) bool { return true })
		noEvent(b.core, "our own speak", anyOf[bridge.Message])
		if n := len(b.side.natives.rooms) + len(b.side.natives.kept); n != 0 {
			t.Errorf("%d rooms are kept", n)
		}
	})
}

func TestKeeperAtTheDoor(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		bot := b.hs.Bot()
		try := func(room string) bridge.Failure {
			t.Helper()
			return b.refused(b.ask(matrixRoom(room), bridge.Keeper, "isthmus", bridge.Join{}))
		}
		if f := try("#nowhere%example.org"); f.Kind != bridge.ErrNotFound {
			t.Errorf("nowhere: %+v", f)
		}
		banned := bob.CreateRoom(fakehs.RoomOptions{Alias: "banned", Public: true})
		bob.Ban(banned, bot, "no")
		if f := try("#banned%example.org"); f.Kind != bridge.ErrBanned || !strings.Contains(f.Text, bot) {
			t.Errorf("banned: %+v", f)
		}
		secret := bob.CreateRoom(fakehs.RoomOptions{Alias: "secret", Public: true, Encrypted: true})
		if f := try("#secret%example.org"); f.Kind != bridge.ErrUnsupported || !strings.Contains(f.Text, "encrypted") {
			t.Errorf("encrypted: %+v", f)
		}
		b.hs.ExpectMember(secret, bot, "leave")
		entered := len(b.hs.Requests("POST", "/join/"))
		if f := try("#secret%example.org"); f.Kind != bridge.ErrUnsupported || len(b.hs.Requests("POST", "/join/")) != entered {
			t.Errorf("encrypted, again: %+v", f)
		}

		// An invitation after the attempt makes the next one succeed, and asks for it.
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "private"})
		room := matrixRoom("#private%example.org")
		if f := try(room.ID); f.Kind != bridge.ErrMembersOnly || !strings.Contains(f.Text, "invite the bridge's bot, "+bot) {
			t.Errorf("private: %+v", f)
		}
		bob.Invite(at, bot)
		if e, call := expectEvent(b.core, "the invitation", anyOf[bridge.Invite]); e.Room != room || call.Person != bridge.Keeper || e.By != onMatrix(bob.ID) {
			t.Errorf("%+v", e)
		}
		b.keep(room)
		b.hs.ExpectMember(at, bot, "join")

		// Thrown out, it stays out until it is asked in again.
		bob.Kick(at, bot, "enough")
		if e, l := expectEvent(b.core, "the kick", anyOf[bridge.Leave]); e.By != bridge.Keeper || l != (bridge.Leave{Cause: bridge.CauseKick, Reason: "enough", Actor: "bob"}) {
			t.Errorf("%+v", e)
		}
		if f := try(room.ID); f.Kind != bridge.ErrMembersOnly {
			t.Errorf("%+v", f)
		}
		bob.Invite(at, bot)
		expectEvent(b.core, "the invitation", anyOf[bridge.Invite])
		b.keep(room)
		b.ask(room, bridge.Keeper, "", bridge.Leave{})
		b.hs.ExpectMember(at, bot, "leave")
	})
}

// TestKeeperAfterInvitation: a bot that was invited before it was known what
// for has begun a chat, which makes room for the Keeper.
func TestKeeperAfterInvitation(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob, dora := b.hs.User("bob"), b.hs.User("dora")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "mine", Invite: []string{b.hs.Bot()}})
	b.hs.Expect("a greeting", func(e *fakehs.Event) bool { return e.Room == at && e.Text("body") == botGreeting })
	room := matrixRoom("#mine%example.org")
	b.keep(room)
	bob.Say(at, "help")
	expectEvent(b.core, "what is no command any more", func(e bridge.Event, m bridge.Message) bool { return e.Room == room && m.Text == "help" })

	// In a room of many it waits a moment for what it is there for, and goes.
	many := bob.CreateRoom(fakehs.RoomOptions{Alias: "many", Public: true})
	dora.Join(many)
	bob.Invite(many, b.hs.Bot())
	b.hs.ExpectMember(many, b.hs.Bot(), "join")
	b.keep(matrixRoom("#many%example.org"))
	other := bob.CreateRoom(fakehs.RoomOptions{Alias: "other", Public: true})
	dora.Join(other)
	bob.Invite(other, b.hs.Bot())
	b.hs.ExpectMember(other, b.hs.Bot(), "leave")
	b.hs.ExpectMember(many, b.hs.Bot(), "join")
}

// TestGuestsArePutIn: people of the other rooms of a mapping are invited by
// the bot, as far as it may; XMPP users who come by themselves aren't.
func TestGuestsArePutIn(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		bot := b.hs.Bot()
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "private", Invite: []string{bot}})
		bob.SetPower(at, bot, 0)
		levels := b.hs.Content(at, "m.room.power_levels", "")
		levels["invite"] = 50
		bob.State(at, "m.room.power_levels", "", levels)
		room := matrixRoom("#private%example.org")
		b.keep(room)
		if f := b.refused(b.ask(room, rob, "rob", bridge.Join{})); f.Kind != bridge.ErrMembersOnly || f.Text != "The bridge's bot, "+bot+", needs power level 50 in the room for that, and has 0." {
			t.Errorf("%+v", f)
		}
		bob.SetPower(at, bot, 50)
		expectEvent(b.core, "power", anyOf[bridge.RoleChange])
		for _, who := range []bridge.Person{rob, romeo} {
			b.enter(room, who, who.ID, 0)
			b.hs.ExpectMember(at, ghostOf(b, who), "join")
		}
		if f := b.refused(b.ask(room, alice, "alice", bridge.Join{})); f.Kind != bridge.ErrMembersOnly {
			t.Errorf("%+v", f)
		}
		if f := b.refused(b.ask(room, onMatrix(bob.ID), "bob", bridge.Join{})); f.Kind != bridge.ErrUnsupported {
			t.Errorf("%+v", f)
		}
		b.ask(room, rob, "rob", bridge.Leave{})
		b.hs.ExpectMember(at, ghostOf(b, rob), "leave") // it can come again
		b.enter(room, rob, "rob", 0)
	})
}

// TestMappedRoomIsNotPestered: an XMPP user whom a mapping would have in a room
// that wants to be asked asks once, not each time that the mapping tries.
func TestMappedRoomIsNotPestered(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "knock", JoinRule: "knock"})
	room := matrixRoom("#knock%example.org")
	for i := range 2 {
		if f := b.refused(b.ask(room, bridge.Keeper, "isthmus", bridge.Join{})); f.Kind != bridge.ErrMembersOnly || strings.Contains(f.Text, "has asked") != (i == 0) {
			t.Errorf("%+v", f)
		}
	}
	bob.Invite(at, b.hs.Bot())
	expectEvent(b.core, "the invitation", anyOf[bridge.Invite])
	b.keep(room)
	for range 3 {
		if f := b.refused(b.ask(room, alice, "Alice", bridge.Join{})); f.Kind != bridge.ErrMembersOnly {
			t.Errorf("%+v", f)
		}
	}
	if n := len(b.hs.Requests("POST", "/knock/")); n != 2 {
		t.Errorf("knocked %d times", n)
	}
}

func TestGuestBecomesAnother(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "private", Invite: []string{b.hs.Bot()}})
		bob.SetPower(at, b.hs.Bot(), 50)
		room := matrixRoom("#private%example.org")
		b.keep(room)
		b.enter(room, rob, "rob", 0)
		bert := bridge.Person{Network: "libera", ID: "bert"}
		b.confirmed(b.ask(room, rob, "rob", bridge.Rename{To: "bert", Person: bert}))
		if e, r := expectEvent(b.core, "the rename", anyOf[bridge.Rename]); e.By != rob || e.Name != "rob" || r != (bridge.Rename{To: "bert", Person: bert}) {
			t.Errorf("%+v", e)
		}
		b.hs.ExpectMember(at, ghostOf(b, bert), "join")
		b.hs.ExpectMember(at, ghostOf(b, rob), "leave")
		if f := b.refused(b.ask(room, rob, "rob", bridge.Message{Text: "lost"})); f.Kind != bridge.ErrNotInRoom {
			t.Errorf("%+v", f)
		}
		b.confirmed(b.ask(room, bert, "bert", bridge.Message{Text: "it is me"}))
		b.hs.ExpectMessage(at, ghostOf(b, bert), "it is me")

		// In other letters they are the same; as somebody who is there, nobody.
		again := bridge.Person{Network: "libera", ID: "BERT"}
		b.confirmed(b.ask(room, bert, "bert", bridge.Rename{To: "BERT", Person: again}))
		if e, r := expectEvent(b.core, "the rename", anyOf[bridge.Rename]); e.By != bert || r != (bridge.Rename{To: "BERT", Person: again}) {
			t.Errorf("%+v", e)
		}
		b.enter(room, romeo, "romeo", 0)
		if f := b.refused(b.ask(room, again, "BERT", bridge.Rename{To: "romeo", Person: romeo})); f.Kind != bridge.ErrConflict {
			t.Errorf("%+v", f)
		}
		b.confirmed(b.ask(room, again, "BERT", bridge.Message{Text: "still"}))
		bob.Ban(at, ghostOf(b, rob), "before he comes")
		expectEvent(b.core, "the ban of who is not there", func(e bridge.Event, l bridge.Leave) bool { return e.By == rob && l.Cause == bridge.CauseBan })
		if f := b.refused(b.ask(room, again, "BERT", bridge.Rename{To: "rob", Person: rob})); f.Kind != bridge.ErrBanned {
			t.Errorf("%+v", f)
		}
		b.hs.Settle()
		noEvent(b.core, "somebody came or went", func(e bridge.Event, _ bridge.Leave) bool { return true })
		noEvent(b.core, "somebody is called otherwise once more", anyOf[bridge.Rename])
		if n := len(b.side.natives.find(room).ours); n != 3 {
			t.Errorf("%d are in", n)
		}
		for range becomesBurst { // nobody keeps the room busy by changing names
			b.ask(room, again, "BERT", bridge.Rename{To: "rob", Person: rob})
		}
		if f := b.refused(b.ask(room, again, "BERT", bridge.Rename{To: "rob", Person: rob})); f.Kind != bridge.ErrTooFast {
			t.Errorf("%+v", f)
		}
	})
}

// TestKeeperIsShutOut: a mapped room that becomes encrypted is left.
func TestKeeperIsShutOut(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.keep(room)
	b.enter(room, rob, "rob", 0)
	bob.State(at, "m.room.encryption", "", map[string]any{"algorithm": "m.megolm.v1.aes-sha2"})
	if e, l := expectEvent(b.core, "the Keeper to go", anyOf[bridge.Leave]); e.By != bridge.Keeper || l.Cause != bridge.CausePart || !strings.Contains(l.Reason, "encrypted") {
		t.Errorf("%+v", e)
	}
	b.hs.ExpectMember(at, b.hs.Bot(), "leave")
	if f := b.refused(b.ask(room, bridge.Keeper, "isthmus", bridge.Join{})); f.Kind != bridge.ErrUnsupported {
		t.Errorf("%+v", f)
	}
	if f := b.refused(b.via(room, rob, "rob", bridge.Message{Text: "unread"})); f.Kind != bridge.ErrNotInRoom {
		t.Errorf("%+v", f)
	}
}

// TestKeeperGoesFirst: a room that people are in by another name is theirs by
// the name of the mapping from then on; one that is mapped is not mapped twice.
func TestKeeperGoesFirst(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	at := b.hs.User("bob").CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	byID, room := matrixRoom("!"+strings.Replace(at[1:], ":", "%", 1)), matrixRoom("#go%example.org")
	b.enter(byID, alice, "Alice", 0)
	b.keep(room)
	if e, m := expectEvent(b.core, "the move", anyOf[bridge.Moved]); e.Room != byID || m.To != room.ID {
		t.Errorf("%+v", e)
	}
	b.enter(room, alice, "Alice", 0)
	if f := b.refused(b.ask(byID, bridge.Keeper, "isthmus", bridge.Join{})); f.Kind != bridge.ErrPolicy || !strings.Contains(f.Text, room.ID) {
		t.Errorf("%+v", f)
	}
	if f := b.refused(b.ask(byID, carol, "Carol", bridge.Join{})); f.Kind != bridge.ErrMoved || f.Text != room.ID {
		t.Errorf("%+v", f)
	}
	b.hs.ExpectMember(at, ghostOf(b, alice), "join")
	if n := len(b.side.natives.rooms); n != 1 {
		t.Errorf("%d rooms are kept", n)
	}
}

// TestKeeperFollows: a mapped room that is upgraded goes on, with the bot
// first, who calls the others in where that is needed.
func TestKeeperFollows(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.keep(room)
	b.enter(room, rob, "rob", 0)
	expectEvent(b.core, "members", anyOf[bridge.Members])
	to := bob.CreateRoom(fakehs.RoomOptions{Invite: []string{b.hs.Bot()}})
	bob.SetPower(to, b.hs.Bot(), 50)
	bob.State(at, "m.room.tombstone", "", map[string]any{"body": "moved", "replacement_room": to})
	expectEvent(b.core, "members of the new room", anyOf[bridge.Members])
	b.hs.ExpectMember(to, ghostOf(b, rob), "join")
	bob.Say(to, "here")
	expectEvent(b.core, "talk in the new room", func(e bridge.Event, m bridge.Message) bool { return e.Room == room && m.Text == "here" })
	b.confirmed(b.via(room, romeo, "romeo", bridge.Message{Text: "I see"}))
	b.hs.ExpectMessage(to, b.hs.Bot(), "romeo: I see")
	noEvent(b.core, "somebody is out", func(_ bridge.Event, _ bridge.Leave) bool { return true })

	// By its id, it is another room; the attempt says which.
	old := bob.CreateRoom(fakehs.RoomOptions{Public: true})
	byID := func(r string) bridge.Room { return matrixRoom("!" + strings.Replace(r[1:], ":", "%", 1)) }
	b.keep(byID(old))
	next := bob.Upgrade(old)
	if _, moved := expectEvent(b.core, "the move", anyOf[bridge.Moved]); moved.To != byID(next).ID {
		t.Errorf("%+v", moved)
	}
	if f := b.refused(b.ask(byID(old), bridge.Keeper, "isthmus", bridge.Join{})); f.Kind != bridge.ErrMoved || f.Text != byID(next).ID {
		t.Errorf("%+v", f)
	}
}

// TestKeeperAfterRestart: the bot that is not wanted any more leaves, the one
// that has yet to come does not.
func TestKeeperAfterRestart(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	var rooms []string
	for i, alias := range []string{"one", "two", "three"} {
		rooms = append(rooms, bob.CreateRoom(fakehs.RoomOptions{Alias: alias}))
		b.refused(b.ask(matrixRoom("#"+alias+"%example.org"), bridge.Keeper, "isthmus", bridge.Join{}))
		bob.Invite(rooms[i], b.hs.Bot())
		b.keep(matrixRoom("#" + alias + "%example.org"))
	}
	b.ask(matrixRoom("#one%example.org"), bridge.Keeper, "", bridge.Leave{Cause: bridge.CauseShutdown})
	b.stop()
	b.start(nil)
	b.keep(matrixRoom("#one%example.org"))
	b.side.natives.keep(matrixRoom("#two%example.org"), "")
	for _, r := range slices.Clone(b.side.natives.left) {
		b.side.natives.abandon(t.Context(), r)
	}
	b.hs.ExpectMember(rooms[2], b.hs.Bot(), "leave")
	for _, at := range rooms[:2] {
		b.hs.ExpectMember(at, b.hs.Bot(), "join")
	}
}

// TestThousandGuests: of a thousand who want to be in a room, as many come as
// the homeserver bears, and the others are refused before it is asked.
func TestThousandGuests(t *testing.T) {
	b := startBridged(t, fakehs.Options{Kind: fakehs.Dendrite}, func(o *Options) { o.Portals.Ghosts = 50 })
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.keep(room)
	before := heap()
	in, out := 0, 0
	waiting := map[string]bool{}
	for i := range 1000 {
		who := bridge.Person{Network: "libera", ID: fmt.Sprintf("user%d", i)}
		waiting[b.ask(room, who, who.ID, bridge.Join{}).ID] = true
	}
	for range 1000 {
		e, body := expectEvent(b.core, "an answer", func(e bridge.Event, _ bridge.Body) bool { return waiting[e.Ref] })
		switch f := body.(type) {
		case bridge.Join:
			in++
		case bridge.Failure:
			if out++; f.Kind != bridge.ErrTooMany {
				t.Fatalf("%+v", f)
			}
		default:
			t.Fatalf("%+v", e)
		}
	}
	if in != 50 || out != 950 {
		t.Errorf("%d are in, %d were refused", in, out)
	}
	if n := len(b.hs.Members(at, "join")); n != 52 {
		t.Errorf("%d are in the room", n)
	}
	if n := len(b.hs.Requests("POST", "/register")); n > 51 {
		t.Errorf("%d ghosts were registered", n)
	}
	t.Logf("%d KiB", (heap()-before)>>10)
	// A place that is free is taken by who comes next.
	there := b.side.natives.find(room)
	for who := range map[bridge.Person]*stay(there.ours) {
		if who != bridge.Keeper {
			b.ask(room, who, who.ID, bridge.Leave{})
			break
		}
	}
	b.enter(room, bridge.Person{Network: "libera", ID: "late"}, "late", 0)
	if f := b.refused(b.ask(room, rob, "rob", bridge.Join{})); f.Kind != bridge.ErrTooMany {
		t.Errorf("%+v", f)
	}
	b.enter(room, alice, "Alice", 0) // by herself
	b.hs.ExpectMember(at, string(id.UserID(ghostOf(b, alice))), "join")
}
