package matrixside

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
)

func TestKeeperSpeaks(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		bob.SetName("Bob")
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
		room, bot := matrixRoom("#go%example.org"), b.hs.Bot()
		if f := b.refused(b.via(room, rob, "rob", bridge.Message{Text: "nobody"})); f.Kind != bridge.ErrNotInRoom {
			t.Errorf("%+v", f)
		}
		b.keep(room)
		e := b.via(room, rob, "rob", bridge.Message{Text: "hello Bob", Spans: []bridge.Span{{Start: 6, End: 9, Style: bridge.StyleMention, Person: onMatrix(bob.ID)}}})
		sent := b.hs.ExpectMessage(at, bot, "rob: hello Bob")
		if c := b.confirmed(e); c.Native != sent.ID {
			t.Errorf("confirmed as %q", c.Native)
		}
		profile, _ := sent.Content["com.beeper.per_message_profile"].(map[string]any)
		if profile["displayname"] != "rob" || profile["id"] != ghostOf(b, rob) || profile["has_fallback"] != true {
			t.Errorf("%v", profile)
		}
		if html := sent.Text("formatted_body"); html != `<strong data-mx-profile-fallback>rob: </strong>hello <a href="https://matrix.to/#/@bob:example.org">Bob</a>` {
			t.Errorf("%q", html)
		}
		b.side.Deliver(e) // asked once more, it is said once
		b.confirmed(e)
		b.confirmed(b.via(room, romeo, "romeo", bridge.Message{Text: "waves", Emote: true}))
		if waves := b.hs.ExpectMessage(at, bot, "* romeo waves"); waves.Text("formatted_body") != "* <strong>romeo</strong> waves" || waves.Text("msgtype") != "m.text" {
			t.Errorf("%v", waves.Content)
		}
		eve := b.hs.User("eve") // who is in another mapped room, with a picture
		eve.SetAvatar("mxc://example.org/eve")
		eve.CreateRoom(fakehs.RoomOptions{Alias: "other", Public: true})
		b.keep(matrixRoom("#other%example.org"))
		b.confirmed(b.via(room, onMatrix(eve.ID), "Eve", bridge.Message{Text: "from another room", Notice: true}))
		fromEve := b.hs.ExpectMessage(at, bot, "Eve: from another room")
		if profile, _ := fromEve.Content["com.beeper.per_message_profile"].(map[string]any); fromEve.Text("msgtype") != "m.notice" || profile["avatar_url"] != "mxc://example.org/eve" {
			t.Errorf("%v", fromEve.Content)
		}
		b.confirmed(b.via(room, rob, "rob", bridge.Message{Files: []bridge.File{{URL: "https://example.net/a.png"}}}))
		b.hs.ExpectMessage(at, bot, "rob: https://example.net/a.png")
		if got := b.hs.Messages(at, bot); len(got) != 4 {
			t.Errorf("%q", got)
		}

		// The bridge's own word, to all and to one.
		b.via(room, bridge.Person{}, "", bridge.Info{Text: "3 people were cut off."})
		if e := b.hs.ExpectMessage(at, bot, "3 people were cut off."); e.Text("msgtype") != "m.notice" {
			t.Errorf("%v", e.Content)
		}
		said := bob.Say(at, "hi")
		heard, _ := expectEvent(b.core, "hi", func(_ bridge.Event, m bridge.Message) bool { return m.Text == "hi" })
		word := bridge.Event{ID: bridge.NewID(), Room: room, By: onMatrix(bob.ID), Via: bridge.Keeper, Ref: heard.ID, Body: bridge.Info{Text: "Not sent."}}
		b.side.Deliver(word)
		answer := b.hs.ExpectMessage(at, bot, "Not sent.")
		relates, _ := answer.Content["m.relates_to"].(map[string]any)
		reply, _ := relates["m.in_reply_to"].(map[string]any)
		if reply["event_id"] != said || !strings.Contains(fmt.Sprint(answer.Content["m.mentions"]), bob.ID) {
			t.Errorf("%v", answer.Content)
		}
		word.ID, word.Ref, word.Body = bridge.NewID(), "", bridge.Info{Text: "You are called Bob_ there."}
		b.side.Deliver(word)
		if e := b.hs.ExpectMessage(at, bot, "Bob: You are called Bob_ there."); !strings.Contains(fmt.Sprint(e.Content["m.mentions"]), bob.ID) {
			t.Errorf("%v", e.Content)
		}
		for range 2 * wordsBurst {
			b.via(room, bridge.Person{}, "", bridge.Info{Text: "flood"})
		}
		if n := b.side.Counters.Signals.Load(); n < wordsBurst {
			t.Errorf("%d words were left out", n)
		}
		b.hs.Settle()
		noEvent(b.core, "our own words come back", anyOf[bridge.Message])
	})
}

func TestKeeperModerates(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob, dora := b.hs.User("bob"), b.hs.User("dora")
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
		dora.Join(at)
		room, bot := matrixRoom("#go%example.org"), b.hs.Bot()
		b.keep(room)
		for _, body := range []bridge.Body{
			bridge.Topic{Text: "x"}, bridge.Expel{Target: "dora"}, bridge.Expel{Target: "dora", Ban: true},
		} {
			if f := b.refused(b.via(room, rob, "rob", body)); f.Kind != bridge.ErrNoPrivileges || !strings.Contains(f.Text, bot+", needs power level 50 in the room for that, and has 0.") {
				t.Errorf("%T: %+v", body, f)
			}
		}
		if f := b.refused(b.via(room, rob, "rob", bridge.RoleChange{Target: "dora", Role: bridge.RoleModerator})); f.Kind != bridge.ErrNoPrivileges || !strings.Contains(f.Text, "needs power level 100") {
			t.Errorf("%+v", f)
		}
		bob.SetPower(at, bot, 100)
		expectEvent(b.core, "power", anyOf[bridge.RoleChange])
		b.confirmed(b.via(room, rob, "rob", bridge.Topic{Text: "about Go"}))
		if e, topic := expectEvent(b.core, "the topic", func(_ bridge.Event, x bridge.Topic) bool { return x.Text != "" }); e.By != bridge.Keeper || e.Name != "isthmus" || topic.Text != "about Go" {
			t.Errorf("%+v", e)
		}
		b.confirmed(b.via(room, rob, "rob", bridge.RoleChange{Target: "dora", Role: bridge.RoleModerator}))
		if e, r := expectEvent(b.core, "dora's power", anyOf[bridge.RoleChange]); e.By != onMatrix(dora.ID) || r != (bridge.RoleChange{Role: bridge.RoleModerator, Actor: "isthmus"}) {
			t.Errorf("%+v", e)
		}
		if f := b.refused(b.via(room, rob, "rob", bridge.Expel{Target: "bob"})); f.Kind != bridge.ErrNoPrivileges || !strings.Contains(f.Text, "as much power") {
			t.Errorf("%+v", f)
		}
		if kind == fakehs.Dendrite { // which refuses a ban so
			b.hs.Add(fakehs.Fault{Path: "/ban", Times: 1, Status: 500})
			if f := b.refused(b.via(room, rob, "rob", bridge.Expel{Target: "bob", Person: onMatrix(bob.ID), Ban: true})); f.Kind != bridge.ErrNoPrivileges || !strings.Contains(f.Text, "as much power") {
				t.Errorf("%+v", f)
			}
		}
		b.confirmed(b.via(room, rob, "rob", bridge.Expel{Target: "dora", Person: onMatrix(dora.ID), Reason: "enough"}))
		if e, l := expectEvent(b.core, "dora to go", anyOf[bridge.Leave]); e.By != onMatrix(dora.ID) || l != (bridge.Leave{Cause: bridge.CauseKick, Reason: "enough", Actor: "isthmus"}) {
			t.Errorf("%+v", e)
		}
		// Who is not in the room is banned all the same, and pardoned.
		b.confirmed(b.via(room, rob, "rob", bridge.Expel{Target: "dora", Person: onMatrix(dora.ID), Ban: true, Reason: "really"}))
		b.hs.ExpectMember(at, dora.ID, "ban")
		if e, l := expectEvent(b.core, "dora's ban", anyOf[bridge.Leave]); e.By != onMatrix(dora.ID) || e.Name != "dora" || l.Cause != bridge.CauseBan || l.Reason != "really" {
			t.Errorf("%+v", e)
		}
		b.confirmed(b.via(room, rob, "rob", bridge.Pardon{Person: onMatrix(dora.ID)}))
		if _, p := expectEvent(b.core, "dora's pardon", anyOf[bridge.Pardon]); p != (bridge.Pardon{Person: onMatrix(dora.ID), Actor: "isthmus"}) {
			t.Errorf("%+v", p)
		}
		b.confirmed(b.via(room, rob, "rob", bridge.Pardon{Person: onMatrix(dora.ID)})) // is none already
		b.confirmed(b.via(room, rob, "rob", bridge.Invite{Person: onMatrix(dora.ID)}))
		b.hs.ExpectMember(at, dora.ID, "invite")
	})
}

// TestBans: bans are told of whoever they are of, and so is that they are
// lifted, also where the homeserver does not say how it was before.
func TestBans(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob, dora, eve := b.hs.User("bob"), b.hs.User("dora"), b.hs.User("eve")
		at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
		room := matrixRoom("#go%example.org")
		bob.Ban(at, eve.ID, "long ago")
		b.keep(room)
		b.enter(room, rob, "rob", 0)
		b.hs.Settle()

		bob.Unban(at, eve.ID)
		if e, p := expectEvent(b.core, "eve's pardon", anyOf[bridge.Pardon]); p != (bridge.Pardon{Person: onMatrix(eve.ID), Actor: "bob"}) || e.Room != room {
			t.Errorf("%+v", e)
		}
		bob.Ban(at, dora.ID, "never again")
		if e, l := expectEvent(b.core, "dora's ban", anyOf[bridge.Leave]); e.By != onMatrix(dora.ID) || l != (bridge.Leave{Cause: bridge.CauseBan, Reason: "never again", Actor: "bob"}) {
			t.Errorf("%+v", e)
		}
		asked := b.ask(privateRoom("#go%example.org", rob), rob, "", bridge.Query{What: bridge.QueryBans})
		if _, a := expectEvent(b.core, "who is banned", answers[bridge.Answer](asked)); len(a.Rows) != 1 || !slices.Equal(a.Rows[0], []string{"matrix", dora.ID, "never again"}) {
			t.Errorf("%q", a.Rows)
		}
		asked = b.ask(privateRoom("#go%example.org", carol), carol, "", bridge.Query{What: bridge.QueryBans})
		if f := b.refused(asked); f.Kind != bridge.ErrNotInRoom {
			t.Errorf("%+v", f)
		}
		bob.Ban(at, ghostOf(b, rob), "out")
		if e, l := expectEvent(b.core, "rob's ban", anyOf[bridge.Leave]); e.By != rob || l != (bridge.Leave{Cause: bridge.CauseBan, Reason: "out", Actor: "bob"}) {
			t.Errorf("%+v", e)
		}
		if f := b.refused(b.ask(room, rob, "rob", bridge.Join{})); f.Kind != bridge.ErrBanned {
			t.Errorf("%+v", f)
		}
		bob.Unban(at, ghostOf(b, rob))
		if _, p := expectEvent(b.core, "rob's pardon", anyOf[bridge.Pardon]); p.Person != rob {
			t.Errorf("%+v", p)
		}
		b.enter(room, rob, "rob", 0)
		// The bot itself may come back.
		bob.Ban(at, b.hs.Bot(), "no bots")
		if e, l := expectEvent(b.core, "the bot's ban", anyOf[bridge.Leave]); e.By != bridge.Keeper || l.Cause != bridge.CauseBan {
			t.Errorf("%+v", e)
		}
		bob.Unban(at, b.hs.Bot())
		if e, i := expectEvent(b.core, "a call", anyOf[bridge.Invite]); e.By != onMatrix(bob.ID) || i.Person != bridge.Keeper {
			t.Errorf("%+v", e)
		}
		b.keep(room)
		// An invitation that is taken back, or not wanted, is neither.
		other := b.hs.User("other")
		bob.Invite(at, other.ID)
		bob.Kick(at, other.ID, "")
		bob.Invite(at, other.ID)
		other.Leave(at)
		bob.Say(at, "done")
		expectEvent(b.core, "done", anyOf[bridge.Message])
		noEvent(b.core, "a pardon", anyOf[bridge.Pardon])
		noEvent(b.core, "a leave", func(_ bridge.Event, _ bridge.Leave) bool { return true })
	})
}

// TestOtherBridges: a bridge that says that it has the room is known, whether it
// was there first or comes later.
func TestOtherBridges(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	info := func(bot string) map[string]any {
		return map[string]any{"bridgebot": bot, "protocol": map[string]any{"id": "irc"}, "channel": map[string]any{"id": "#go"}}
	}
	bob.State(at, "m.bridge", "irc://libera/#go", info("@appservice:example.org"))
	bob.State(at, "m.bridge", "gone", map[string]any{})
	room := matrixRoom("#go%example.org")
	b.keep(room)
	bob.State(at, "uk.half-shot.bridge", "irc://oftc/#go", info("@other:example.org"))
	bob.State(at, "m.bridge", "ours", info(b.hs.Bot()))
	bob.State(at, "m.bridge", "odd", map[string]any{"bridgebot": 1})
	bob.Say(at, "fence")
	expectEvent(b.core, "fence", anyOf[bridge.Message])
	there := b.side.natives.find(room)
	there.mu.Lock()
	defer there.mu.Unlock()
	if len(there.bridges) != 2 || !there.bridges["@appservice:example.org"] || !there.bridges["@other:example.org"] {
		t.Errorf("%v", there.bridges)
	}
}

// FuzzRelayed: whatever people are called and say, it is told whose word it is, and only that is added.
func FuzzRelayed(f *testing.F) {
	f.Add("rob", "hello", false)
	f.Add("<b>", "waves\nand \"smiles\"", true)
	f.Add("", "\x00", false)
	side := &Side{ghosts: &ghosts{known: nil}}
	side.opts.Store(&Options{Names: testNames})
	side.ghosts.side, side.natives = side, newNatives(side)
	n := newNative(side, matrixRoom("#go%example.org"), "!r:example.org")
	f.Fuzz(func(t *testing.T, name, text string, emote bool) {
		e := bridge.Event{By: rob, Name: name}
		for _, c := range n.relayed(t.Context(), "@bot:example.org", e, bridge.Message{Text: text, Emote: emote}) {
			shown := cleanName(name)
			if shown == "" {
				shown = rob.ID
			}
			if !emote && !strings.HasPrefix(c.Body, shown+": ") || emote && !strings.Contains(c.Body, shown) {
				t.Fatalf("%q does not say that it is %q", c.Body, shown)
			}
			if !utf8.ValidString(c.Body) || !utf8.ValidString(c.FormattedBody) || strings.Contains(c.FormattedBody, "<b>") {
				t.Fatalf("%q, %q", c.Body, c.FormattedBody)
			}
			if c.BeeperPerMessageProfile == nil || c.BeeperPerMessageProfile.Displayname != shown {
				t.Fatalf("%+v", c.BeeperPerMessageProfile)
			}
		}
	})
}
