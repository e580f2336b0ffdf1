package matrixside

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
	"isthmus/matrixside/client"
)

// eventually waits for what nothing else tells of.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for range 1000 {
		if check() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func privateRoom(id string, owner bridge.Person) bridge.Room {
	return bridge.Room{Network: "matrix", ID: id, Owner: owner}
}

func TestOneToOne(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		room, ghost := privateRoom("bob%example.org", alice), ghostOf(b, alice)

		first := b.ask(room, alice, "", bridge.Message{Text: "hello"})
		b.confirmed(first)
		e := b.hs.Expect("the message", func(e *fakehs.Event) bool { return e.Sender == ghost && e.Text("body") == "hello" })
		at := e.Room
		b.hs.ExpectMember(at, bob.ID, "invite")
		if name, _ := b.hs.Profile(ghost); name != "alice" {
			t.Errorf("the ghost is called %q", name)
		}
		if direct := b.hs.Content(at, "m.room.member", bob.ID)["is_direct"]; direct != true {
			t.Errorf("is_direct: %v", direct)
		}
		// Bob has not come yet: there is one room all the same.
		b.confirmed(b.ask(room, alice, "", bridge.Message{Text: "are you there?"}))
		b.hs.ExpectMessage(at, ghost, "are you there?")
		bob.Join(at)
		bob.Say(at, "yes")
		got, m := expectEvent(b.core, "an answer", anyOf[bridge.Message])
		if got.Room != room || got.By != onMatrix(bob.ID) || got.Name != "bob" || m.Text != "yes" {
			t.Errorf("%+v", got)
		}
		bob.Send(at, "m.room.encrypted", map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"})
		expectEvent(b.core, "a word about it", anyOf[bridge.Info])
		b.hs.Expect("a word to bob", func(e *fakehs.Event) bool {
			return e.Room == at && e.Sender == ghost && strings.Contains(e.Text("body"), "encrypted")
		})

		// It goes on after a restart, and when bob has left.
		b.stop()
		b.start(nil)
		b.confirmed(b.ask(room, alice, "", bridge.Message{Text: "again"}))
		b.hs.ExpectMessage(at, ghost, "again")
		bob.Leave(at)
		bob.Say(bob.CreateRoom(fakehs.RoomOptions{}), "elsewhere")
		b.hs.Settle()
		eventually(t, "bob's leave", func() bool {
			c := b.side.natives.chats.find(room)
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.gone
		})
		b.confirmed(b.ask(room, alice, "", bridge.Message{Text: "come back"}))
		b.hs.ExpectMember(at, bob.ID, "invite")

		bob.Join(at)
		bob.State(at, "m.room.encryption", "", map[string]any{"algorithm": "m.megolm.v1.aes-sha2"})
		eventually(t, "that to be known", func() bool {
			rooms, err := b.store.MatrixRooms(t.Context())
			return err == nil && len(rooms) == 1 && rooms[0].Data == chatEncrypted
		})
		b.stop()
		b.start(nil)
		if f := b.refused(b.ask(room, alice, "", bridge.Message{Text: "secret"})); f.Kind != bridge.ErrUnsupported {
			t.Errorf("%+v", f)
		}

		if f := b.refused(b.ask(privateRoom("nobody%example.org", alice), alice, "", bridge.Message{Text: "x"})); f.Kind != bridge.ErrNotFound {
			t.Errorf("nobody: %+v", f)
		}
		own := strings.TrimPrefix(ghostOf(b, carol), "@")
		if f := b.refused(b.ask(privateRoom(strings.Replace(own, ":", "%", 1), alice), alice, "", bridge.Message{Text: "x"})); f.Kind != bridge.ErrPolicy ||
			!strings.Contains(f.Text, carol.ID) {
			t.Errorf("a ghost: %+v", f)
		}
	})
}

func TestSignals(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
		room, ghost := matrixRoom("#go%example.org"), ghostOf(b, alice)
		if kind == fakehs.Dendrite { // the bot must be there to be told
			if err := b.side.options().Client.Register(t.Context(), b.side.options().Names.BotID()); err != nil {
				t.Fatal(err)
			}
		}
		b.enter(room, alice, "Alice", 0)
		if kind == fakehs.Dendrite {
			b.hs.ExpectMember(at, b.hs.Bot(), "join")
		}
		b.hs.Until("alice to be there", func() bool { return b.hs.Presence(ghost).State == "online" })
		// What is said first tells that the bridge hears the room by now.
		heard := func() bool {
			b.core.mu.Lock()
			defer b.core.mu.Unlock()
			return slices.ContainsFunc(b.core.events, func(e bridge.Event) bool { _, ok := e.Body.(bridge.Typing); return ok })
		}
		for i := 0; !heard() && i < 50; i++ {
			bob.Typing(at, i%2 == 0)
			time.Sleep(20 * time.Millisecond)
		}
		bob.Typing(at, false)
		expectEvent(b.core, "no more typing", func(e bridge.Event, x bridge.Typing) bool { return !x.On && e.By == onMatrix(bob.ID) })
		asked := b.ask(room, alice, "Alice", bridge.Message{Text: "read this"})
		native := b.confirmed(asked).Native
		bob.Read(at, native, true)
		bob.Read(at, native, false)
		e, read := expectEvent(b.core, "a receipt", anyOf[bridge.Read])
		if e.By != onMatrix(bob.ID) || read.Message != asked.ID {
			t.Errorf("%+v", e)
		}
		bob.SetPresence("unavailable", "at lunch")
		e, p := expectEvent(b.core, "presence", anyOf[bridge.Presence])
		if e.By != onMatrix(bob.ID) || e.Room != room || p != (bridge.Presence{Show: bridge.ShowAway, Status: "at lunch"}) {
			t.Errorf("%+v", e)
		}

		// The other way.
		b.ask(room, alice, "Alice", bridge.Typing{On: true})
		b.hs.Until("alice to type", func() bool { return slices.Contains(b.hs.TypingIn(at), ghost) })
		b.ask(room, alice, "Alice", bridge.Typing{})
		b.hs.Until("alice to stop", func() bool { return !slices.Contains(b.hs.TypingIn(at), ghost) })
		said := bob.Say(at, "and you this")
		e, _ = expectEvent(b.core, "bob", anyOf[bridge.Message])
		b.ask(room, alice, "Alice", bridge.Read{Message: e.ID})
		b.hs.Until("alice to have read", func() bool { return b.hs.ReadBy(at, ghost) == said })
		b.ask(room, alice, "Alice", bridge.Presence{Show: bridge.ShowDND, Status: "busy"})
		b.hs.Until("alice to be busy", func() bool {
			return b.hs.Presence(ghost) == fakehs.Presence{State: "unavailable", Status: "busy"}
		})
		for range 1000 { // a budget
			b.ask(room, alice, "Alice", bridge.Typing{On: true})
		}
		if b.side.Counters.Signals.Load() < 900 {
			t.Errorf("%d signals were left out", b.side.Counters.Signals.Load())
		}
		b.ask(room, alice, "Alice", bridge.Leave{})
		b.hs.Until("alice to be gone", func() bool { return b.hs.Presence(ghost).State == "offline" })
		if kind == fakehs.Dendrite {
			b.hs.ExpectMember(at, b.hs.Bot(), "leave")
		}
	})
}

func TestWatch(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	bob.SetPresence("online", "here")
	room := privateRoom("bob%example.org", alice)
	b.confirmed(b.ask(room, alice, "", bridge.Watch{On: true}))
	expectEvent(b.core, "bob's presence", func(e bridge.Event, p bridge.Presence) bool { return e.Room == room && p.Status == "here" })
	b.confirmed(b.ask(room, alice, "", bridge.Watch{}))
	if n := len(b.side.natives.chats.watched) + len(b.side.natives.chats.watches); n != 0 {
		t.Errorf("%d are watched", n)
	}
}

func TestPictures(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	picture := func(size int) (data []byte, hash string) {
		var out bytes.Buffer
		if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, size, size))); err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum(out.Bytes())
		return out.Bytes(), hex.EncodeToString(sum[:])
	}
	data, hash := picture(64)
	uri := bob.Upload("image/png", "bob.png", data)
	bob.SetAvatar(uri)
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	bob.State(at, "m.room.avatar", "", map[string]any{"url": uri})
	room, ghost := matrixRoom("#go%example.org"), ghostOf(b, alice)
	b.enter(room, alice, "Alice", 0)
	if e, p := expectEvent(b.core, "bob's picture", anyOf[bridge.Profile]); e.By != onMatrix(bob.ID) || p.Avatar != hash {
		t.Errorf("%+v", e)
	}
	expectEvent(b.core, "the room's picture", func(_ bridge.Event, i bridge.RoomInfo) bool { return i.Avatar == hash })
	for _, of := range []bridge.Room{privateRoom("bob%example.org", alice), privateRoom("#go%example.org", alice)} {
		asked := b.ask(of, alice, "", bridge.Query{What: bridge.QueryAvatar})
		_, a := expectEvent(b.core, "a picture", answers[bridge.Answer](asked))
		if want := []string{"image/png", base64.StdEncoding.EncodeToString(data)}; len(a.Rows) != 1 || !slices.Equal(a.Rows[0], want) {
			t.Errorf("%v: %q", of, a.Rows)
		}
	}
	contact := privateRoom("bob%example.org", carol)
	b.ask(contact, carol, "", bridge.Watch{On: true})
	expectEvent(b.core, "bob's picture, for who has him as a contact", func(e bridge.Event, p bridge.Profile) bool { return e.Room == contact && p.Avatar == hash })
	bob.SetAvatar("")
	expectEvent(b.core, "no picture", func(_ bridge.Event, p bridge.Profile) bool { return p.Avatar == "" })

	// Ours: the core is asked for it once, and the name in the room stays.
	b.confirmed(b.ask(room, alice, "Alice", bridge.Rename{To: "Alicia"}))
	expectEvent(b.core, "the rename", anyOf[bridge.Rename])
	data, hash = picture(9)
	b.ask(room, alice, "Alicia", bridge.Profile{Avatar: hash})
	b.ask(room, alice, "Alicia", bridge.Profile{Avatar: hash})
	e, _ := expectEvent(b.core, "a question for alice's picture", anyOf[bridge.Query])
	if want := privateRoom("~"+alice.ID+"%xmpp", onMatrix(b.hs.Bot())); e.Room != want || e.By != want.Owner {
		t.Errorf("%+v", e)
	}
	b.side.Deliver(bridge.Event{ID: e.ID, Room: e.Room, By: e.By, Ref: e.ID,
		Body: bridge.Answer{Rows: [][]string{{"image/png", base64.StdEncoding.EncodeToString(data)}}}})
	b.hs.Until("alice's picture", func() bool {
		_, uri := b.hs.Profile(ghost)
		if uri == "" {
			return false
		}
		_, _, got := b.hs.Media(uri)
		return bytes.Equal(got, data)
	})
	b.hs.Until("her name in the room again", func() bool {
		c := b.hs.Content(at, "m.room.member", ghost)
		return c["displayname"] == "Alicia" && c["avatar_url"] != nil
	})
	noEvent(b.core, "the picture is asked for twice", anyOf[bridge.Query])
	b.ask(room, alice, "Alicia", bridge.Profile{})
	b.hs.Until("her name in the room, soon after", func() bool {
		c := b.hs.Content(at, "m.room.member", ghost)
		_, uri := b.hs.Profile(ghost)
		return c["displayname"] == "Alicia" && uri == ""
	})
	noEvent(b.core, "her name is another for a moment", anyOf[bridge.Rename])
}

// Who has no account on Matrix yet gets their picture, and is as available as
// they said, when they have one.
func TestGhostLooksBeforeItIsThere(t *testing.T) {
	b := startBridged(t, fakehs.Options{Kind: fakehs.Dendrite}, nil)
	ghosts, data := b.side.ghosts, []byte("a picture")
	sum := sha1.Sum(data)
	ghosts.setPicture(alice, hex.EncodeToString(sum[:]))
	ghosts.setPresence(alice, bridge.Presence{Show: bridge.ShowAway, Status: "at lunch"})
	noEvent(b.core, "a question for a picture of nobody", anyOf[bridge.Query])
	if _, err := ghosts.ensure(t.Context(), alice, "Alice"); err != nil {
		t.Fatal(err)
	}
	e, _ := expectEvent(b.core, "a question for alice's picture", anyOf[bridge.Query])
	b.side.Deliver(bridge.Event{ID: e.ID, Room: e.Room, By: e.By, Ref: e.ID,
		Body: bridge.Answer{Rows: [][]string{{"image/png", base64.StdEncoding.EncodeToString(data)}}}})
	b.hs.Until("alice's picture", func() bool { _, uri := b.hs.Profile(ghostOf(b, alice)); return uri != "" })
	b.hs.Until("alice's presence", func() bool { return b.hs.Presence(ghostOf(b, alice)).State == "unavailable" })
	ghosts.setPresence(alice, bridge.Presence{}) // no status any more
	b.hs.Until("that she is back", func() bool { return b.hs.Presence(ghostOf(b, alice)) == fakehs.Presence{State: "online"} })

	// Who leaves the last room is offline, unless their network says otherwise.
	contact := privateRoom("bob%example.org", alice)
	b.ask(contact, alice, "", bridge.Presence{Show: bridge.ShowDND})
	ghosts.restless(alice)
	b.hs.Until("that she is busy", func() bool { return b.hs.Presence(ghostOf(b, alice)).State == "unavailable" })
	b.ask(contact, alice, "", bridge.Presence{Show: bridge.ShowOffline})
	b.hs.Until("that she has gone", func() bool { return b.hs.Presence(ghostOf(b, alice)).State == "offline" })
}

func TestManyMembersOfOneName(t *testing.T) {
	m := newMembers()
	m.set("@a:x", "Bob", "")
	m.set("@b:x", "bob", "")
	m.set("@c:x", "B\u200bob\n", "")
	m.set("@d:x", "Bob (@b:x)", "")
	m.set("@e:x", "", "")
	m.set("@f:x", strings.Repeat("é", 100), "")
	var got []string
	for _, user := range []string{"a", "b", "c", "d", "e", "f"} {
		name := m.get(id.UserID("@" + user + ":x")).name
		if m.named(name) != id.UserID("@"+user+":x") {
			t.Errorf("nobody is called %q", name)
		}
		got = append(got, name)
	}
	want := []string{"Bob", "bob (@b:x)", "Bob (@c:x)", "Bob (@b:x) (@d:x)", "e", strings.Repeat("é", maxName)}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	m.remove("@a:x")
	if now, _ := m.set("@c:x", "Bob", ""); now.name != "Bob" {
		t.Errorf("the name is free, and c is called %q", now.name)
	}
	if fmt.Sprint(m.named("nobody")) != "" || m.size() != 5 {
		t.Errorf("%d are left", m.size())
	}
}

func FuzzMembers(f *testing.F) {
	f.Add("Bob", "bob", "B\u200bob")
	f.Add("", "\x00", "x (@b:x)")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		m := newMembers()
		for i, name := range []string{a, b, c, b, a} {
			m.set(id.UserID(fmt.Sprintf("@%d:x", i)), name, "")
		}
		seen := map[string]bool{}
		for user, at := range m.table {
			if seen[nameKey(at.name)] || m.named(at.name) != user || at.name == "" || strings.ContainsAny(at.name, "\n\r\x00") {
				t.Fatalf("%q is not one name", at.name)
			}
			seen[nameKey(at.name)] = true
		}
	})
}

// TestAnswersComeAfter: nobody sees an answer before what it answers, though
// the homeserver takes its time to tell who sent that.
func TestAnswersComeAfter(t *testing.T) {
	b := &bridged{t: t, hs: fakehs.Start(t, fakehs.Options{}), store: openStore(t)}
	b.start(func(o *Options) {
		slow, err := client.New(client.Options{Homeserver: b.hs.URL, ServerName: b.hs.ServerName, ASToken: b.hs.Registration.ASToken,
			Bot: o.Names.BotID(), First: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		o.Client = slow
	})
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.enter(room, alice, "Alice", 0)
	b.hs.LoseAnswers(1)
	done := make(chan bridge.Event)
	go func() { done <- b.ask(room, alice, "Alice", bridge.Message{Text: "who is there?"}) }()
	b.hs.ExpectMessage(at, ghostOf(b, alice), "who is there?")
	bob.Say(at, "I am")
	expectEvent(b.core, "the answer", anyOf[bridge.Message])
	asked := <-done
	b.core.mu.Lock()
	defer b.core.mu.Unlock()
	confirm := slices.IndexFunc(b.core.events, func(e bridge.Event) bool { return e.Ref == asked.ID })
	answer := slices.IndexFunc(b.core.events, func(e bridge.Event) bool { _, ok := e.Body.(bridge.Message); return ok })
	if confirm < 0 || confirm > answer {
		t.Errorf("confirmed as number %d, answered as number %d", confirm, answer)
	}
}
