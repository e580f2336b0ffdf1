package e2e

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/e2e/harness"
	"isthmus/xmppside"
)

// guests are people of Matrix, played by the test, whom an xmppside.Side of
// its own takes into the rooms of a real server. There is no homeserver and no
// core: events go in, and facts come out.
type guests struct {
	*testing.T
	xmpp  *harness.XMPPServer
	side  *xmppside.Side
	facts chan bridge.Event
	host  string
	room  bridge.Room
	seen  []bridge.Event
	// attached is who can be heard, by what was seen.
	attached map[bridge.Person]bool

	mu    sync.Mutex
	conns []net.Conn // of the component's link, both ends
}

func (g *guests) Publish(e bridge.Event) { g.facts <- e }

// guestsOn runs a test with each of the XMPP servers.
func guestsOn(t *testing.T, run func(*guests)) {
	t.Parallel()
	for _, kind := range harness.XMPPKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			free := lanes[kind]()
			host := <-free
			t.Cleanup(func() { free <- host })
			g := &guests{T: t, xmpp: xmppKind[kind](), facts: make(chan bridge.Event, 10_000), host: host, attached: map[bridge.Person]bool{}}
			g.room = bridge.Room{Network: bridge.NetworkXMPP, ID: fmt.Sprintf("g%d@%s", scenarios.Add(1), harness.MUCDomain(host))}
			g.start()
			run(g)
		})
	}
}

func (g *guests) start() {
	up := make(chan error, 100)
	var err error
	g.side, err = xmppside.New(g, xmppside.Options{
		Domains: []xmppside.Domain{
			{Name: harness.GatewayDomain(g.host), Server: g.proxy(), Secret: g.xmpp.Secret()},
			{Name: harness.MatrixDomain(g.host), Network: bridge.NetworkMatrix, Server: g.proxy(), Secret: g.xmpp.Secret()},
		},
		Networks: []string{network},
		Key:      []byte("0123456789abcdef"), Version: "test", Log: slog.New(slog.DiscardHandler),
		Subscriptions: noSubscriptions{}, MessageBurst: 100, MessageInterval: time.Millisecond,
		Changed: func(_ string, err error) {
			if err == nil {
				up <- nil
			}
		},
	})
	if err != nil {
		g.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		g.side.Run(ctx)
		close(ended)
	}()
	g.Cleanup(func() {
		cancel()
		<-ended
	})
	for range 2 { // domains
		select {
		case <-up:
		case <-time.After(harness.Patience):
			g.Fatal("the component's link did not come up")
		}
	}
}

type noSubscriptions struct{}

func (noSubscriptions) Subscriptions(context.Context) ([]bridge.Room, error)         { return nil, nil }
func (noSubscriptions) SetSubscriptions(context.Context, map[bridge.Room]bool) error { return nil }

// proxy is the way to the server's component port, which cut can cut.
func (g *guests) proxy() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.Fatal(err)
	}
	var work sync.WaitGroup
	g.Cleanup(func() {
		l.Close()
		g.cut()
		work.Wait()
	})
	work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", g.xmpp.Component)
			if err != nil {
				in.Close()
				continue
			}
			g.mu.Lock()
			g.conns = append(g.conns, in, out)
			g.mu.Unlock()
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				work.Go(func() {
					_, _ = io.Copy(way[0], way[1])
					way[0].Close()
					way[1].Close()
				})
			}
		}
	})
	return l.Addr().String()
}

func (g *guests) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
}

// matrixUser is somebody of Matrix.
func matrixUser(name string) bridge.Person {
	return bridge.Person{Network: bridge.NetworkMatrix, ID: "@" + name + ":hs.example"}
}

// ask delivers what somebody wishes.
func (g *guests) ask(who, id string, room bridge.Room, body bridge.Body) {
	g.askAs(matrixUser(who), who, id, room, body)
}

func (g *guests) askAs(who bridge.Person, name, id string, room bridge.Room, body bridge.Body) {
	g.side.Deliver(bridge.Event{ID: id, Room: room, By: who, Name: name, Body: body})
}

// expect waits for a fact that fits.
func (g *guests) expect(what string, fits func(bridge.Event) bool) bridge.Event {
	g.Helper()
	timeout := time.After(harness.Patience)
	for {
		select {
		case e := <-g.facts:
			g.seen = append(g.seen, e)
			if a, ok := e.Body.(bridge.Attachment); ok {
				g.attached[e.By] = a.Attached
			} else if _, ok := e.Body.(bridge.Join); ok {
				g.attached[e.By] = true
			}
			if fits(e) {
				return e
			}
		case <-timeout:
			var list strings.Builder
			for _, e := range g.seen {
				fmt.Fprintf(&list, "\n  by %s as %s to %q: %T %+v", e.By, e.Name, e.Ref, e.Body, e.Body)
			}
			g.Fatalf("never came: %s\nwhat came:%s", what, list.String())
		}
	}
}

// answered waits for the answer to a request: nil if it took effect.
func (g *guests) answered(id string) *bridge.Failure {
	g.Helper()
	e := g.expect("an answer to "+id, func(e bridge.Event) bool { return e.Ref == id })
	if f, failed := e.Body.(bridge.Failure); failed {
		return &f
	}
	return nil
}

// await returns when all of these can be heard in the room, or none.
func (g *guests) await(attached bool, names ...string) {
	g.Helper()
	so := func(bridge.Event) bool {
		return !slices.ContainsFunc(names, func(who string) bool { return g.attached[matrixUser(who)] != attached })
	}
	if !so(bridge.Event{}) {
		g.expect(fmt.Sprintf("%v attached: %v", names, attached), so)
	}
}

func (g *guests) refused(id string, kind bridge.ErrorKind) {
	g.Helper()
	if f := g.answered(id); f == nil || f.Kind != kind {
		g.Errorf("%s: %+v is not of kind %d", id, f, kind)
	}
}

func (g *guests) done(id string) {
	g.Helper()
	if f := g.answered(id); f != nil {
		g.Errorf("%s: %+v", id, *f)
	}
}

// native is a client of the server, of a library that is not ours.
func (g *guests) native(name string) *harness.XMPP {
	x := slixmpp().Connect(g.T, g.xmpp, g.host, name, "desk")
	x.Send("<presence/>")
	return x
}

// open has a native make a room, and configure it.
func (g *guests) open(x *harness.XMPP, room, nick, fields string) {
	g.Helper()
	x.Join(room, nick)
	form := `<field var="FORM_TYPE"><value>http://jabber.org/protocol/muc#roomconfig</value></field>` + fields
	if e := x.IQ("set", room, `<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit">`+form+`</x></query>`); e.Attr["type"] != "result" {
		g.Fatal(e)
	}
}

func (g *guests) admin(x *harness.XMPP, item string) {
	g.Helper()
	if e := x.IQ("set", g.room.ID, `<query xmlns="http://jabber.org/protocol/muc#admin">`+item+`</query>`); e.Attr["type"] != "result" {
		g.Fatal(e)
	}
}

func fact[B bridge.Body](name string, fits func(B) bool) func(bridge.Event) bool {
	return func(e bridge.Event) bool {
		b, ok := e.Body.(B)
		return ok && e.Name == name && (fits == nil || fits(b))
	}
}

// The life of two people of Matrix in a room of another server (XEP-0045).
func TestGuests(t *testing.T) {
	guestsOn(t, func(g *guests) {
		alice := g.native("alice")
		g.open(alice, g.room.ID, "alice", `<field var="muc#roomconfig_roomname"><value>The green room</value></field>`)

		g.ask("bob", "j1", g.room, bridge.Join{})
		members := g.expect("members", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Members); return ok }).Body.(bridge.Members)
		if len(members.Members) != 2 || members.Members[0].Name != "alice" || members.Members[0].Role != bridge.RoleOwner || members.Members[1].Person != matrixUser("bob") {
			g.Errorf("%+v", members)
		}
		g.expect("the room's name", func(e bridge.Event) bool { return e.Body == bridge.RoomInfo{Name: "The green room"} })
		if e := g.expect("bob in", func(e bridge.Event) bool { return e.Ref == "j1" }); e.Name != "bob" || e.By != matrixUser("bob") {
			g.Errorf("%+v", e)
		}
		alice.Expect(harness.From(g.room.ID+"/bob"), harness.Kind("presence/"))
		g.ask("carol", "j2", g.room, bridge.Join{})
		g.expect("carol in", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Join); return ok && e.Ref == "j2" })

		// What a native says is told once, what ours say is confirmed.
		alice.Say(g.room.ID, "hello *all*")
		g.expect("alice's words", fact("alice", func(m bridge.Message) bool { return m.Text == "hello all" && len(m.Spans) == 1 }))
		g.ask("carol", "m1", g.room, bridge.Message{Text: "hello alice"})
		g.done("m1")
		alice.Expect(harness.From(g.room.ID+"/carol"), harness.Body("hello alice"))
		alice.Say(g.room.ID, "the end")
		g.expect("the end", func(e bridge.Event) bool {
			m, ok := e.Body.(bridge.Message)
			if ok && m.Text != "the end" {
				g.Errorf("%+v", e)
			}
			return ok && m.Text == "the end"
		})

		// Nicks (§7.6), subject (§8.1), availability (§7.7).
		g.ask("carol", "r1", g.room, bridge.Rename{To: "alice"})
		g.refused("r1", bridge.ErrConflict)
		g.ask("carol", "r2", g.room, bridge.Rename{To: "Caro"})
		g.expect("Caro", fact("carol", func(r bridge.Rename) bool { return r.To == "Caro" && r.Person == matrixUser("carol") }))
		g.done("r2")
		alice.Expect(harness.From(g.room.ID+"/Caro"), harness.Kind("presence/"))
		alice.Send(`<message type="groupchat" to="%s"><subject>tea</subject></message>`, g.room.ID)
		g.expect("the topic", fact("alice", func(b bridge.Topic) bool { return b.Text == "tea" }))
		alice.Send(`<presence to="%s/alice"><show>dnd</show><status>busy</status></presence>`, g.room.ID)
		g.expect("alice busy", fact("alice", func(p bridge.Presence) bool { return p == bridge.Presence{Show: bridge.ShowDND, Status: "busy"} }))
		g.ask("bob", "p", g.room, bridge.Presence{Show: bridge.ShowAway})
		alice.Expect(harness.From(g.room.ID+"/bob"), harness.Where("away", func(e *harness.Element) bool { return e.Find("show") != nil && e.Find("show").Text == "away" }))

		// Private messages (§7.5).
		private := bridge.Room{Network: bridge.NetworkXMPP, ID: g.room.ID + "/alice", Owner: matrixUser("bob")}
		g.ask("bob", "w1", private, bridge.Message{Text: "psst"})
		g.done("w1")
		alice.Expect(harness.From(g.room.ID+"/bob"), harness.Kind("message/chat"), harness.Body("psst"))
		alice.Chat(g.room.ID+"/bob", "what?")
		if e := g.expect("what?", fact("alice", func(m bridge.Message) bool { return m.Text == "what?" })); e.Room != private {
			g.Errorf("%+v", e)
		}
		private.ID = g.room.ID + "/nobody"
		g.ask("bob", "w2", private, bridge.Message{Text: "psst"})
		g.expect("that nobody is there", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Info); return ok && e.Room == private })

		// Roles (§9.6) and removal (§8.2, §9.1).
		g.ask("bob", "x1", g.room, bridge.Expel{Target: "Caro"})
		g.refused("x1", bridge.ErrNoPrivileges)
		g.admin(alice, `<item nick="bob" role="moderator"/>`)
		if e := g.expect("bob a moderator", fact("bob", func(r bridge.RoleChange) bool { return r.Role == bridge.RoleModerator })); e.By != matrixUser("bob") {
			g.Errorf("%+v", e)
		}
		g.ask("bob", "x2", g.room, bridge.Expel{Target: "Caro", Reason: "go"})
		left := g.expect("Caro out", fact[bridge.Leave]("Caro", nil))
		if l := left.Body.(bridge.Leave); left.By != matrixUser("carol") || l.Cause != bridge.CauseKick || l.Reason != "go" {
			g.Errorf("%+v", left)
		}
		g.done("x2")
		g.ask("carol", "m2", g.room, bridge.Message{Text: "still there?"})
		g.refused("m2", bridge.ErrNotInRoom)
		g.ask("carol", "j3", g.room, bridge.Join{})
		g.done("j3")
		carolAt := "carol%hs.example@" + harness.MatrixDomain(g.host)
		g.admin(alice, `<item jid="`+carolAt+`" affiliation="outcast"/>`)
		g.expect("carol banned", fact("carol", func(l bridge.Leave) bool { return l.Cause == bridge.CauseBan }))
		g.ask("carol", "j4", g.room, bridge.Join{})
		g.refused("j4", bridge.ErrBanned)

		// Natives come, change their nick, and go.
		dave := g.native("dave")
		dave.Join(g.room.ID, "dave")
		g.expect("dave in", fact[bridge.Join]("dave", nil))
		dave.Send(`<presence to="%s/David"/>`, g.room.ID)
		g.expect("David", fact("dave", func(r bridge.Rename) bool { return r.Person.ID == g.room.ID+"/David" }))
		dave.Leave(g.room.ID, "David", "bye")
		g.expect("David out", fact("David", func(l bridge.Leave) bool { return l.Cause == bridge.CausePart }))

		// Occupants ask who we are (XEP-0199, XEP-0030), by the room.
		if e := alice.IQ("get", g.room.ID+"/bob", `<query xmlns="http://jabber.org/protocol/disco#info"/>`); e.Attr["type"] != "result" {
			g.Error(e)
		}

		// §10.9: the room is no more.
		if e := alice.IQ("set", g.room.ID, `<query xmlns="http://jabber.org/protocol/muc#owner"><destroy jid="other@`+harness.MUCDomain(g.host)+`"><reason>moved</reason></destroy></query>`); e.Attr["type"] != "result" {
			g.Fatal(e)
		}
		if e := g.expect("that it moved", func(e bridge.Event) bool { _, ok := e.Body.(bridge.Moved); return ok }); e.Body != (bridge.Moved{To: "other@" + harness.MUCDomain(g.host), Reason: "moved"}) {
			g.Errorf("%+v", e)
		}
	})
}

// The gateway's link to its server breaks: everybody is told, and comes back;
// what was missed of who is there is made up for.
func TestGuestsComeBack(t *testing.T) {
	guestsOn(t, func(g *guests) {
		alice := g.native("alice")
		g.open(alice, g.room.ID, "alice", "")
		for _, who := range []string{"bob", "carol"} {
			g.ask(who, "j"+who, g.room, bridge.Join{})
			g.done("j" + who)
		}
		for round := range 2 {
			g.cut()
			g.await(false, "bob", "carol")
			if round == 0 { // so that the room notices that they are gone, perhaps only when they are back
				alice.Say(g.room.ID, "anybody?")
			}
			said := false
			for try := 0; try < 5 && !said; try++ {
				g.await(true, "bob", "carol")
				id := fmt.Sprintf("m%d-%d", round, try)
				g.ask("carol", id, g.room, bridge.Message{Text: id})
				if said = g.answered(id) == nil; said {
					alice.Expect(harness.From(g.room.ID+"/carol"), harness.Body(id))
				}
			}
			if !said {
				g.Fatal("carol is back, and can't be heard")
			}
			heard := fact("alice", func(m bridge.Message) bool { return m.Text == word("heard", round) })
			for again := true; again; { // an ejabberd may yet put out who was gone for a moment
				g.await(true, "bob", "carol")
				alice.Say(g.room.ID, word("heard", round))
				again = !heard(g.expect("alice heard", func(e bridge.Event) bool {
					a, ok := e.Body.(bridge.Attachment)
					return heard(e) || ok && !a.Attached
				}))
			}
		}
		// The observer goes: the other one takes over.
		g.ask("bob", "l", g.room, bridge.Leave{})
		alice.Expect(harness.From(g.room.ID+"/bob"), harness.Kind("presence/unavailable"))
		alice.Say(g.room.ID, "and now?")
		g.expect("alice heard by carol", fact("alice", func(m bridge.Message) bool { return m.Text == "and now?" }))
	})
}

// Whoever may not enter is told why (XEP-0045 §7.2).
func TestGuestsRefused(t *testing.T) {
	guestsOn(t, func(g *guests) {
		alice := g.native("alice")
		room := func(name string) bridge.Room {
			return bridge.Room{Network: bridge.NetworkXMPP, ID: name + "-" + g.room.ID}
		}
		g.ask("bob", "none", room("none"), bridge.Join{})
		g.refused("none", bridge.ErrNotFound)
		// It is not left behind. (What is asked while ejabberd closes it has no answer.)
		var info *harness.Element
		for range 10 {
			id := alice.NewID()
			alice.Send(`<iq type="get" id="%s" to="%s"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`, id, room("none").ID)
			if info = alice.ExpectWithin(time.Second, harness.ID(id)); info != nil && info.Attr["type"] == "error" {
				break
			}
			time.Sleep(50 * time.Millisecond) // our leave is on its way by another stream
		}
		if info == nil || info.Attr["type"] != "error" {
			g.Error(info)
		}
		for name, fields := range map[string]string{
			"members":   `<field var="muc#roomconfig_membersonly"><value>1</value></field>`,
			"password":  `<field var="muc#roomconfig_passwordprotectedroom"><value>1</value></field><field var="muc#roomconfig_roomsecret"><value>sesame</value></field>`,
			"moderated": `<field var="muc#roomconfig_moderatedroom"><value>1</value></field><field var="members_by_default"><value>0</value></field>`,
		} {
			g.open(alice, room(name).ID, "alice", fields)
		}
		g.ask("bob", "members", room("members"), bridge.Join{})
		g.refused("members", bridge.ErrMembersOnly)
		g.ask("bob", "password", room("password"), bridge.Join{Password: "wrong"})
		g.refused("password", bridge.ErrPassword)
		g.ask("bob", "password2", room("password"), bridge.Join{Password: "sesame"})
		g.done("password2")
		g.side.Deliver(bridge.Event{ID: "taken", Room: room("password"), By: matrixUser("carol"), Name: "alice", Body: bridge.Join{Password: "sesame"}})
		if e := g.expect("another nick", func(e bridge.Event) bool { return e.Ref == "taken" }); e.Name != "alice[m]" {
			g.Errorf("%+v", e)
		}
		g.ask("bob", "moderated", room("moderated"), bridge.Join{})
		g.done("moderated")
		g.ask("bob", "unheard", room("moderated"), bridge.Message{Text: "hi"})
		if f := g.answered("unheard"); f != nil { // as far as the server makes visitors of those who come
			if f.Kind != bridge.ErrNoVoice {
				g.Errorf("%+v", f)
			}
			alice.Expect(harness.From(room("moderated").ID), harness.Where("a request for voice (§8.6)", func(e *harness.Element) bool {
				return strings.Contains(e.String(), "muc#request")
			}))
		}
	})
}
