package matrixside

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/client"
	"isthmus/matrixside/inbox"
	"isthmus/matrixside/names"
)

func TestTry(t *testing.T) {
	url, server, port, as, hs := os.Getenv("TRY_URL"), "localhost", os.Getenv("TRY_PORT"), os.Getenv("TRY_AS"), os.Getenv("TRY_HS")
	if url == "" {
		t.Skip()
	}
	st := openStore(t)
	core := &fakeCore{t: t, changed: make(chan struct{}), store: st}
	n := names.Names{Server: server, Bot: "isthmusbot"}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	c, err := client.New(client.Options{Homeserver: url, ServerName: server, ASToken: as, Bot: n.BotID(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	side, err := New(core, Options{Names: n, Client: c, Messages: st, Rooms: st, Ghosts: st, Log: log,
		Inbox: inbox.Options{Listen: "127.0.0.1:" + port, HSToken: hs, Store: st, Log: log}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Register(t.Context(), n.BotID()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- side.Run(ctx) }()
	defer func() { cancel(); fmt.Println("ended:", <-ended) }()
	b := &bridged{t: t, side: side, core: core, store: st}
	login := func(name string) *mautrix.Client {
		m, _ := mautrix.NewClient(url, "", "")
		_, err := m.Login(ctx, &mautrix.ReqLogin{Type: "m.login.password", Identifier: mautrix.UserIdentifier{Type: "m.id.user", User: name}, Password: "password1", StoreCredentials: true})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	bob, dora := login("bob"), login("dora")
	alias := fmt.Sprintf("go%d", time.Now().UnixNano()%1e9)
	made, err := bob.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "public_chat", RoomAliasName: alias, Name: "Gophers", Topic: "about", Visibility: "public"})
	must(err)
	at := made.RoomID
	bob.SendText(ctx, at, "one")
	room := matrixRoom("#" + alias + "%" + server)
	began := time.Now()
	join, j := b.enter(room, alice, "Alice", 10)
	fmt.Println("joined", time.Since(began), join.Name, j)
	bob.SendText(ctx, at, "hello")
	expectEvent(core, "hello", func(_ bridge.Event, m bridge.Message) bool { return m.Text == "hello" })
	began = time.Now()
	asked := b.ask(room, alice, "Alice", bridge.Message{Text: "hi"})
	native := b.confirmed(asked).Native
	fmt.Println("sent in", time.Since(began))
	b.enter(room, carol, "Carol", 2)
	_, err = dora.JoinRoom(ctx, string(at), nil)
	must(err)
	expectEvent(core, "dora", func(e bridge.Event, _ bridge.Join) bool { return e.By.ID == string(dora.UserID) })
	must(dora.SetDisplayName(ctx, "Dora"))
	expectEvent(core, "Dora", anyOf[bridge.Rename])
	pl := &event.PowerLevelsEventContent{}
	must(bob.StateEvent(ctx, at, event.StatePowerLevels, "", pl))
	pl.SetUserLevel(dora.UserID, 50)
	pl.SetUserLevel(id.UserID(ghostOf(b, alice)), 100)
	_, err = bob.SendStateEvent(ctx, at, event.StatePowerLevels, "", pl)
	must(err)
	expectEvent(core, "power", func(e bridge.Event, _ bridge.RoleChange) bool { return e.By.ID == string(dora.UserID) })
	expectEvent(core, "power", func(e bridge.Event, _ bridge.RoleChange) bool { return e.By == alice })
	b.confirmed(b.ask(room, alice, "Alice", bridge.Topic{Text: "mine"}))
	expectEvent(core, "topic", func(e bridge.Event, x bridge.Topic) bool { return x.Text == "mine" })
	b.confirmed(b.ask(room, alice, "Alice", bridge.Rename{To: "Alicia"}))
	b.confirmed(b.ask(room, alice, "Alicia", bridge.RoleChange{Target: "Dora", Role: bridge.RoleParticipant}))
	expectEvent(core, "power", func(e bridge.Event, _ bridge.RoleChange) bool { return e.By.ID == string(dora.UserID) })
	b.confirmed(b.ask(room, alice, "Alicia", bridge.Expel{Target: "Dora", Reason: "out"}))
	expectEvent(core, "leave", func(e bridge.Event, _ bridge.Leave) bool { return e.By.ID == string(dora.UserID) })
	time.Sleep(2 * time.Second) // the bot comes
	_, err = bob.UserTyping(ctx, at, true, 20*time.Second)
	must(err)
	must(bob.SendReceipt(ctx, at, id.EventID(native), event.ReceiptTypeRead, struct{}{}))
	must(bob.SetPresence(ctx, mautrix.ReqPresence{Presence: "unavailable", StatusMsg: "lunch"}))
	expectEvent(core, "typing", anyOf[bridge.Typing])
	expectEvent(core, "read", anyOf[bridge.Read])
	expectEvent(core, "presence", anyOf[bridge.Presence])
	b.ask(room, alice, "Alicia", bridge.Typing{On: true})
	b.ask(room, alice, "Alicia", bridge.Presence{Show: bridge.ShowAway, Status: "x"})
	// invite into a private room
	priv, err := bob.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "private_chat"})
	must(err)
	byID := matrixRoom(names.OfRoomID(priv.RoomID))
	fmt.Println("not invited:", b.refused(b.ask(byID, alice, "Alice", bridge.Join{})))
	_, err = bob.InviteUser(ctx, priv.RoomID, &mautrix.ReqInviteUser{UserID: id.UserID(ghostOf(b, alice))})
	must(err)
	e, call := expectEvent(core, "invitation", anyOf[bridge.Invite])
	fmt.Println("invited", e.Room, e.By, call)
	b.enter(byID, alice, "Alice", 0)
	_, err = bob.SendStateEvent(ctx, priv.RoomID, event.StateEncryption, "", &event.EncryptionEventContent{Algorithm: "m.megolm.v1.aes-sha2"})
	must(err)
	expectEvent(core, "encryption", anyOf[bridge.Info])
	fmt.Println("encrypted:", b.refused(b.ask(byID, alice, "Alice", bridge.Message{Text: "x"})))
	fmt.Println("restricted:")
	res, err := bob.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "private_chat", InitialState: []*event.Event{{Type: event.StateJoinRules, Content: event.Content{Parsed: &event.JoinRulesEventContent{JoinRule: "restricted", Allow: []event.JoinRuleAllow{{Type: "m.room_membership", RoomID: priv.RoomID}}}}}}})
	must(err)
	fmt.Println("  ", b.refused(b.ask(matrixRoom(names.OfRoomID(res.RoomID)), carol, "Carol", bridge.Join{})))
	kn, err := bob.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "private_chat", InitialState: []*event.Event{{Type: event.StateJoinRules, Content: event.Content{Parsed: &event.JoinRulesEventContent{JoinRule: "knock"}}}}})
	must(err)
	fmt.Println("knock:", b.refused(b.ask(matrixRoom(names.OfRoomID(kn.RoomID)), carol, "Carol", bridge.Join{})))
	fmt.Println("nowhere:", b.refused(b.ask(matrixRoom("#nowhere%localhost"), carol, "Carol", bridge.Join{})))
	// direct
	dm := privateRoom("bob%localhost", alice)
	b.confirmed(b.ask(dm, alice, "", bridge.Message{Text: "psst"}))
	dmRoom := side.natives.chats.find(dm).id
	_, err = bob.JoinRoomByID(ctx, dmRoom)
	must(err)
	bob.SendText(ctx, dmRoom, "what?")
	expectEvent(core, "what?", func(e bridge.Event, m bridge.Message) bool { return e.Room == dm && m.Text == "what?" })
	fmt.Println("nobody:", b.refused(b.ask(privateRoom("nobody17%localhost", alice), alice, "", bridge.Message{Text: "psst"})))
	q := b.ask(bridge.Room{Network: "matrix", Owner: alice}, alice, "", bridge.Query{What: bridge.QueryRooms, Search: alias})
	_, ans := expectEvent(core, "list", answers[bridge.Answer](q))
	fmt.Println("listed:", ans)
	_, err = bob.KickUser(ctx, at, &mautrix.ReqKickUser{UserID: id.UserID(ghostOf(b, carol)), Reason: "no"})
	must(err)
	e, l := expectEvent(core, "carol's leave", func(e bridge.Event, _ bridge.Leave) bool { return e.By == carol })
	fmt.Println("kicked", e.Name, l)
	b.confirmed(b.ask(dm, alice, "", bridge.Watch{On: true}))
	time.Sleep(time.Second)
	b.ask(room, alice, "Alicia", bridge.Leave{})
	fmt.Println(core.log())
}
