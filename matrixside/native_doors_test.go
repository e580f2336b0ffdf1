package matrixside

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
)

func ghostOf(b *bridged, who bridge.Person) string { return string(b.side.ghosts.of(who)) }

func TestDoors(t *testing.T) {
	both(t, func(t *testing.T, kind fakehs.Kind) {
		b := startBridged(t, fakehs.Options{Kind: kind}, nil)
		bob := b.hs.User("bob")
		try := func(room string) bridge.Failure {
			t.Helper()
			return b.refused(b.ask(matrixRoom(room), alice, "Alice", bridge.Join{}))
		}
		if f := try("#nowhere%example.org"); f.Kind != bridge.ErrNotFound {
			t.Errorf("no such room: %+v", f)
		}
		if f := try("not a room"); f.Kind != bridge.ErrNotFound {
			t.Errorf("no room at all: %+v", f)
		}
		if f := try("#irc_libera_#go%example.org"); f.Kind != bridge.ErrPolicy || !strings.Contains(f.Text, "#go%libera") {
			t.Errorf("our own alias: %+v", f)
		}

		// A private room lets in who is invited; the invitation is told, and
		// to leave is not to lose it.
		private := bob.CreateRoom(fakehs.RoomOptions{Alias: "private", Name: "Private"})
		if f := try("#private%example.org"); f.Kind != bridge.ErrMembersOnly {
			t.Errorf("not invited: %+v", f)
		}
		bob.Invite(private, ghostOf(b, alice))
		e, call := expectEvent(b.core, "the invitation", anyOf[bridge.Invite])
		if want := (bridge.Room{Network: "matrix", ID: "bob%example.org", Owner: alice}); e.Room != want || e.By != onMatrix(bob.ID) || call.Person != alice ||
			call.Room != "#private%example.org" && call.Room != "!"+strings.ReplaceAll(private[1:], ":", "%") {
			t.Errorf("%+v", e)
		}
		room := matrixRoom("#private%example.org")
		b.enter(room, alice, "Alice", 0)
		if _, m := expectEvent(b.core, "members", anyOf[bridge.Members]); !m.Secret {
			t.Error("a private room may be listed")
		}
		b.ask(room, alice, "Alice", bridge.Leave{})
		b.hs.ExpectMember(private, ghostOf(b, alice), "join")
		bob.Say(private, "unheard")
		b.enter(room, alice, "Alice", 0)
		noEvent(b.core, "who is out hears nothing", anyOf[bridge.Message])
		b.ask(room, alice, "Alice", bridge.Leave{})

		// An invitation that is turned down is gone.
		unwanted := bob.CreateRoom(fakehs.RoomOptions{Invite: []string{ghostOf(b, carol)}})
		_, call = expectEvent(b.core, "carol's invitation", anyOf[bridge.Invite])
		b.ask(matrixRoom(call.Room), carol, "Carol", bridge.Leave{Cause: bridge.CauseDecline, Reason: "no"})
		b.hs.ExpectMember(unwanted, ghostOf(b, carol), "leave")

		// A room that wants to be asked, where the homeserver can.
		door := bob.CreateRoom(fakehs.RoomOptions{Alias: "knock", JoinRule: "knock"})
		f := try("#knock%example.org")
		if asked := strings.Contains(f.Text, "asked"); f.Kind != bridge.ErrMembersOnly || asked != (kind == fakehs.Synapse) {
			t.Errorf("knocking: %+v", f)
		}
		if kind == fakehs.Synapse {
			bob.Kick(door, ghostOf(b, alice), "not you")
			expectEvent(b.core, "that she is turned down", func(e bridge.Event, i bridge.Info) bool {
				return e.Room == privateRoom("bob%example.org", alice) && strings.Contains(i.Text, "#knock%example.org") && strings.Contains(i.Text, "not you")
			})
		}
		other := bob.CreateRoom(fakehs.RoomOptions{})
		bob.CreateRoom(fakehs.RoomOptions{Alias: "club", JoinRule: "restricted", Allow: other})
		if f := try("#club%example.org"); f.Kind != bridge.ErrMembersOnly {
			t.Errorf("restricted: %+v", f)
		}

		// An encrypted room is refused, and left.
		secret := bob.CreateRoom(fakehs.RoomOptions{Alias: "secret", Public: true, Encrypted: true})
		if f := try("#secret%example.org"); f.Kind != bridge.ErrUnsupported || !strings.Contains(f.Text, "encrypted") {
			t.Errorf("encrypted: %+v", f)
		}
		b.hs.ExpectMember(secret, ghostOf(b, alice), "leave")

		// One room has one name at a time.
		open := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
		b.enter(matrixRoom("#go%example.org"), alice, "Alice", 0)
		byID := "!" + strings.Replace(open[1:], ":", "%", 1)
		asked := b.ask(matrixRoom(byID), carol, "Carol", bridge.Join{})
		if f := b.refused(asked); f.Kind != bridge.ErrMoved || f.Text != "#go%example.org" {
			t.Errorf("by another name: %+v", f)
		}
		b.ask(matrixRoom("#go%example.org"), alice, "Alice", bridge.Leave{})
		b.enter(matrixRoom(byID), carol, "Carol", 0)
		if n := len(b.side.natives.rooms); n != 1 {
			t.Errorf("%d rooms are kept", n)
		}
	})
}

func TestHistoryIsNotShownToThoseWhoMayNotSeeIt(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true, Visibility: "joined"})
	bob.Say(at, "before")
	if _, j := b.enter(matrixRoom("#go%example.org"), alice, "Alice", 20); len(j.History) != 0 {
		t.Errorf("%+v", j.History)
	}
	bob.Say(at, "after")
	if _, m := expectEvent(b.core, "talk", anyOf[bridge.Message]); m.Text != "after" {
		t.Errorf("%+v", m)
	}
}

func TestUpgrade(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.enter(room, alice, "Alice", 0)
	expectEvent(b.core, "members", anyOf[bridge.Members])
	to := bob.Upgrade(at)
	expectEvent(b.core, "members of the new room", anyOf[bridge.Members])
	expectEvent(b.core, "a word", anyOf[bridge.Info])
	b.hs.ExpectMember(to, ghostOf(b, alice), "join")
	bob.Say(to, "here")
	expectEvent(b.core, "talk in the new room", func(e bridge.Event, m bridge.Message) bool { return e.Room == room && m.Text == "here" })
	b.confirmed(b.ask(room, alice, "Alice", bridge.Message{Text: "I see"}))
	b.hs.ExpectMessage(to, ghostOf(b, alice), "I see")
	if b.side.places.at(id.RoomID(at)) != nil {
		t.Error("the old room is still listened to")
	}

	// By its id, the room is another one.
	old := bob.CreateRoom(fakehs.RoomOptions{Public: true})
	byID := func(r string) bridge.Room { return matrixRoom("!" + strings.Replace(r[1:], ":", "%", 1)) }
	b.enter(byID(old), alice, "Alice", 0)
	to = bob.Upgrade(old)
	e, moved := expectEvent(b.core, "the move", anyOf[bridge.Moved])
	if e.Room != byID(old) || moved.To != byID(to).ID {
		t.Errorf("%+v", e)
	}
	if f := b.refused(b.ask(byID(old), carol, "Carol", bridge.Join{})); f.Kind != bridge.ErrMoved || f.Text != byID(to).ID {
		t.Errorf("%+v", f)
	}
}

func TestRestart(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	private := bob.CreateRoom(fakehs.RoomOptions{Alias: "private", Invite: []string{ghostOf(b, alice)}})
	b.enter(matrixRoom("#go%example.org"), alice, "Alice", 0)
	b.enter(matrixRoom("#go%example.org"), carol, "Carol", 0)
	b.enter(matrixRoom("#private%example.org"), alice, "Alice", 0)
	b.ask(matrixRoom("#go%example.org"), alice, "Alice", bridge.Leave{Cause: bridge.CauseShutdown})
	b.stop()
	b.start(nil)
	b.hs.ExpectMember(at, ghostOf(b, alice), "join")
	b.enter(matrixRoom("#go%example.org"), carol, "Carol", 0)
	left := b.side.natives.left
	if len(left) != 3 {
		t.Fatalf("%+v are remembered", left)
	}
	for _, r := range left { // as natives.run does when its time has come
		b.side.natives.abandon(t.Context(), r)
	}
	b.hs.ExpectMember(at, ghostOf(b, alice), "leave")
	b.hs.ExpectMember(at, ghostOf(b, carol), "join")
	b.hs.ExpectMember(private, ghostOf(b, alice), "join")
	b.hs.Until("alice to be offline", func() bool { return b.hs.Presence(ghostOf(b, alice)).State == "offline" })
	b.hs.Until("carol to be online", func() bool { return b.hs.Presence(ghostOf(b, carol)).State == "online" })
	rooms, err := b.store.MatrixRooms(t.Context())
	if err != nil || len(rooms) != 1 || rooms[0].Ghost != ghostOf(b, carol) {
		t.Errorf("%+v, %v", rooms, err)
	}
	if n := len(b.hs.Requests("POST", "/register")); n != 2 {
		t.Errorf("ghosts were registered %d times", n)
	}
}

// askInVain returns when it is found out that the homeserver is away. Somebody
// who can't wait finds out; what is still under way may speak against it at first.
func (b *bridged) askInVain() {
	for deadline := time.Now().Add(10 * time.Second); b.side.options().Client.Up() && time.Now().Before(deadline); {
		_ = b.side.options().Client.Once(b.t.Context(), "", func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.Whoami(ctx)
			return err
		})
	}
}

func TestOutage(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.enter(room, alice, "Alice", 0)
	b.hs.BadGateway(2)
	b.hs.LoseAnswers(1)
	b.hs.Limit(1, 10*time.Millisecond)
	b.confirmed(b.ask(room, alice, "Alice", bridge.Message{Text: "once"}))
	b.confirmed(b.ask(room, alice, "Alice", bridge.Message{Text: "twice"}))
	if got := b.hs.Messages(at, ghostOf(b, alice)); !slices.Equal(got, []string{"once", "twice"}) {
		t.Errorf("%q", got)
	}
	b.hs.Settle()
	b.hs.Down()
	b.askInVain()
	b.side.away.Store(time.Now().Add(-2 * outage).UnixNano())
	patience := time.Now().Add(10 * time.Second)
	began := time.Now()
	if f := b.refused(b.ask(room, alice, "Alice", bridge.Message{Text: "never"})); f.Kind != bridge.ErrOffline {
		t.Errorf("%+v", f)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to refuse", took)
	}
	b.hs.Up()
	// Who asks after such a long time does not wait, either: until the first answer.
	for back := false; !back; {
		asked := b.ask(room, alice, "Alice", bridge.Message{Text: "back"})
		answer, _ := expectEvent(b.core, "an answer", func(e bridge.Event, _ bridge.Body) bool { return e.Ref == asked.ID })
		_, back = answer.Body.(bridge.Confirm)
		if !back && time.Now().After(patience.Add(10*time.Second)) {
			t.Fatal("the homeserver is still taken for away")
		}
	}
	if b.side.away.Load() != 0 {
		t.Error("the homeserver is still taken for away")
	}
}

// heap is how much memory is in use, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpu is the time that processors have spent on us: not on whoever else makes
// this machine slow.
func cpu(t *testing.T) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestHugeRoom: 20,000 members are entered within 3 s and 10 MiB, whatever is
// shown of them.
func TestHugeRoom(t *testing.T) {
	const crowd = 20_000
	for _, policy := range []MembersPolicy{MembersAll, MembersActive, MembersNone} {
		t.Run(string(policy), func(t *testing.T) {
			b := startBridged(t, fakehs.Options{}, func(o *Options) { o.MembersBeyond = policy })
			bob := b.hs.User("bob")
			at := bob.CreateRoom(fakehs.RoomOptions{Alias: "hq", Public: true})
			b.hs.Crowd(at, crowd)
			speaker := b.hs.User("speaker")
			speaker.Join(at)
			speaker.Say(at, "I spoke")
			before := heap()
			began := cpu(t)
			b.enter(matrixRoom("#hq%example.org"), alice, "Alice", 0)
			took := cpu(t) - began
			_, members := expectEvent(b.core, "members", anyOf[bridge.Members])
			shown := len(members.Members)
			members, b.core.events, b.core.taken = bridge.Members{}, nil, nil
			grown := heap() - before
			t.Logf("%d shown, %v, %d KiB kept", shown, took.Round(time.Millisecond), grown>>10)
			if took > 3*time.Second || grown > 10<<20 {
				t.Errorf("it took %v and %d KiB", took, grown>>10)
			}
			want := map[MembersPolicy]int{MembersAll: crowd + 2, MembersActive: 2, MembersNone: 0}[policy]
			if policy == MembersAll && shown < crowd || policy != MembersAll && shown != want {
				t.Errorf("%d are shown, want %d", shown, want)
			}
			if policy == MembersAll {
				return
			}
			// Whoever speaks appears, once.
			late := b.hs.User("late")
			late.Join(at)
			late.Say(at, "me too")
			late.Say(at, "and again")
			e, _ := expectEvent(b.core, "who speaks", func(e bridge.Event, _ bridge.Join) bool { return e.By == onMatrix(late.ID) })
			if e.Name != "late" {
				t.Errorf("%+v", e)
			}
			expectEvent(b.core, "what they say", func(_ bridge.Event, m bridge.Message) bool { return m.Text == "and again" })
			noEvent(b.core, "somebody comes twice, or silently", anyOf[bridge.Join])
		})
	}
}

func TestDirectoryOfRooms(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	for i := range 5 {
		bob.CreateRoom(fakehs.RoomOptions{Alias: fmt.Sprint("room", i), Name: fmt.Sprint("Room ", i), Topic: "a topic", Public: true})
	}
	console := bridge.Room{Network: "matrix", Owner: alice}
	var all []string
	for next, pages := "", 0; ; pages++ {
		asked := b.ask(console, alice, "", bridge.Query{What: bridge.QueryRooms, Limit: 2, After: next})
		_, a := expectEvent(b.core, "rooms", answers[bridge.Answer](asked))
		for _, row := range a.Rows {
			all = append(all, strings.Join(row, "|"))
		}
		if a.Total != 5 {
			t.Errorf("%d in all", a.Total)
		}
		if next = a.Next; next == "" || pages > 5 {
			break
		}
	}
	slices.Sort(all)
	if len(all) != 5 || all[0] != "#room0%example.org|a topic|1|Room 0" {
		t.Errorf("%q", all)
	}
	asked := b.ask(console, alice, "", bridge.Query{What: bridge.QueryRooms, Search: "room 3"})
	if _, a := expectEvent(b.core, "rooms", answers[bridge.Answer](asked)); len(a.Rows) != 1 {
		t.Errorf("%q", a.Rows)
	}
}

// TestJoinTakesItsTime: while somebody is on their way in the room goes on, and
// who leaves meanwhile is not in it.
func TestJoinTakesItsTime(t *testing.T) {
	b := startBridged(t, fakehs.Options{}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	b.enter(room, alice, "Alice", 0)
	slow := func() bridge.Event {
		b.hs.Add(fakehs.Fault{Method: "POST", Path: "/join/", As: ghostOf(b, carol), Times: 1, Delay: 500 * time.Millisecond})
		return b.ask(room, carol, "Carol", bridge.Join{})
	}
	join := slow()
	b.confirmed(b.ask(room, alice, "Alice", bridge.Message{Text: "meanwhile"}))
	noEvent(b.core, "carol is in before her time", answers[bridge.Join](join))
	expectEvent(b.core, "carol", answers[bridge.Join](join))
	b.ask(room, carol, "Carol", bridge.Leave{})
	b.hs.ExpectMember(at, ghostOf(b, carol), "leave")

	join = slow()
	b.ask(room, carol, "Carol", bridge.Leave{})
	again := b.ask(room, carol, "Carol", bridge.Join{})
	b.refused(join)
	expectEvent(b.core, "carol after all", answers[bridge.Join](again))
	b.hs.ExpectMember(at, ghostOf(b, carol), "join")
	if b.side.natives.find(room).stayOf(carol) == nil {
		t.Error("carol is not in")
	}
	noEvent(b.core, "carol is in twice", anyOf[bridge.Join])
}

// TestSlowSight: a Dendrite may show nothing of a room for a moment to who has
// just come in.
func TestSlowSight(t *testing.T) {
	b := startBridged(t, fakehs.Options{Kind: fakehs.Dendrite}, nil)
	bob := b.hs.User("bob")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	bob.Say(at, "seen")
	b.hs.Forget(3)
	if _, j := b.enter(matrixRoom("#go%example.org"), alice, "Alice", 5); len(j.History) != 1 {
		t.Errorf("%+v", j.History)
	}
}
