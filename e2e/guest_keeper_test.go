package e2e

import (
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/e2e/harness"
)

// ircUser is somebody of IRC.
func ircUser(nick string) bridge.Person { return bridge.Person{Network: network, ID: nick} }

// via has the bridge itself carry out what somebody elsewhere wishes.
func (g *guests) via(who bridge.Person, name, id string, body bridge.Body) {
	g.side.Deliver(bridge.Event{ID: id, Room: g.room, By: who, Name: name, Via: bridge.Keeper, Body: body})
}

// keeperJID is by what the bridge itself is in rooms.
func (g *guests) keeperJID() string { return "isthmus%bridge@" + harness.GatewayDomain(g.host) }

// enter has somebody of IRC join, who must get the nick.
func (g *guests) enter(who bridge.Person, nick string) {
	g.Helper()
	g.askAs(who, nick, "enter "+who.ID, g.room, bridge.Join{})
	e := g.expect(who.ID+" in", func(e bridge.Event) bool { return e.Ref == "enter "+who.ID })
	if _, in := e.Body.(bridge.Join); !in || e.By != who || e.Name != nick {
		g.Fatalf("%+v", e)
	}
}

// The bridge itself in a room: without rights it watches and speaks for others;
// as its administrator it does what moderators elsewhere wish.
func TestKeeper(t *testing.T) {
	guestsOn(t, func(g *guests) {
		g.askAs(bridge.Keeper, "bridge", "none", bridge.Room{Network: bridge.NetworkXMPP, ID: "none-" + g.room.ID}, bridge.Join{})
		g.refused("none", bridge.ErrNotFound)

		alice := g.native("alice")
		g.open(alice, g.room.ID, "alice", `<field var="muc#roomconfig_persistentroom"><value>1</value></field>`)
		g.enter(bridge.Keeper, "bridge")
		at := alice.Expect(harness.From(g.room.ID+"/bridge"), harness.Kind("presence/"))
		if harness.Missing(at, []harness.Match{harness.Item("jid", g.keeperJID()+"/isthmus")}) != nil {
			g.Error(at)
		}
		for space, want := range map[string]string{"http://jabber.org/protocol/disco#info": `type="bot"`, "jabber:iq:version": "Isthmus"} {
			if e := alice.IQ("get", g.room.ID+"/bridge", `<query xmlns="`+space+`"/>`); e.Attr["type"] != "result" || !strings.Contains(e.String(), want) {
				g.Error(e)
			}
		}

		// A room for members asks it in.
		closed := bridge.Room{Network: bridge.NetworkXMPP, ID: "closed-" + g.room.ID}
		g.open(alice, closed.ID, "alice", `<field var="muc#roomconfig_membersonly"><value>1</value></field>`)
		g.askAs(bridge.Keeper, "bridge", "closed", closed, bridge.Join{})
		if f := g.answered("closed"); f == nil || f.Kind != bridge.ErrMembersOnly || !strings.Contains(f.Text, g.keeperJID()) {
			g.Errorf("%+v", f)
		}
		alice.Send(`<message to="%s"><x xmlns="http://jabber.org/protocol/muc#user"><invite to="%s"><reason>come</reason></invite></x></message>`, closed.ID, g.keeperJID())
		call := g.expect("an invitation", func(e bridge.Event) bool { _, called := e.Body.(bridge.Invite); return called })
		if call.Room != closed || call.Body != (bridge.Invite{Person: bridge.Keeper, Reason: "come"}) {
			g.Errorf("%+v", call)
		}
		g.askAs(bridge.Keeper, "bridge", "member", closed, bridge.Join{})
		g.done("member")

		// It speaks for others, and for itself.
		rob := ircUser("rob")
		g.via(rob, "rob", "m1", bridge.Message{Text: "hi"})
		g.done("m1")
		alice.Expect(harness.From(g.room.ID+"/bridge"), harness.Body("<rob> hi"))
		g.via(bridge.Person{}, "", "i1", bridge.Info{Text: "3 people come."})
		alice.Expect(harness.From(g.room.ID+"/bridge"), harness.Kind("message/groupchat"), harness.Body("3 people come."))
		g.via(bridge.Person{Network: bridge.NetworkXMPP, ID: g.room.ID + "/alice"}, "alice", "i2", bridge.Info{Text: "You are alice_ there."})
		alice.Expect(harness.From(g.room.ID+"/bridge"), harness.Kind("message/chat"), harness.Body("You are alice_ there."))
		alice.Chat(g.room.ID+"/bridge", "who are you?")
		alice.Expect(harness.From(g.room.ID+"/bridge"), harness.Kind("message/chat"), harness.BodyLike("nobody reads"))

		// It has no rights yet.
		dave := g.native("dave")
		dave.Join(g.room.ID, "dave")
		g.expect("dave in", fact[bridge.Join]("dave", nil))
		g.via(rob, "rob", "x1", bridge.Expel{Target: "dave"})
		if f := g.answered("x1"); f == nil || f.Kind != bridge.ErrNoPrivileges || !strings.Contains(f.Text, g.keeperJID()) {
			g.Errorf("%+v", f)
		}
		g.enter(rob, "rob")
		g.admin(alice, `<item jid="`+g.keeperJID()+`" affiliation="admin"/>`)
		if e := g.expect("the bridge an administrator", fact("bridge", func(r bridge.RoleChange) bool { return r.Role == bridge.RoleAdmin })); e.By != bridge.Keeper {
			g.Errorf("%+v", e)
		}
		// Who comes through it is none for that.
		g.enter(ircUser("sam"), "sam")
		alice.Expect(harness.From(g.room.ID+"/sam"), harness.Item("affiliation", "none"))

		g.moderated(alice, dave, rob)
	})
}

// moderated has the bridge moderate, and be told of what others do.
func (g *guests) moderated(alice, dave *harness.XMPP, rob bridge.Person) {
	g.via(rob, "rob", "t1", bridge.Topic{Text: "tea"})
	g.done("t1")
	alice.Expect(harness.From(g.room.ID+"/bridge"), harness.Subject("tea"))
	g.via(rob, "rob", "r1", bridge.RoleChange{Target: "dave", Role: bridge.RoleModerator})
	g.expect("dave a moderator", fact("dave", func(r bridge.RoleChange) bool { return r.Role == bridge.RoleModerator && r.Actor == "bridge" }))
	g.via(rob, "rob", "r2", bridge.RoleChange{Target: "dave", Role: bridge.RoleParticipant})
	g.expect("dave a participant", fact("dave", func(r bridge.RoleChange) bool { return r.Role == bridge.RoleParticipant && r.Actor == "bridge" }))
	g.via(rob, "rob", "x2", bridge.Expel{Target: "dave", Reason: "loud"})
	out := bridge.Leave{Cause: bridge.CauseKick, Reason: "loud", Actor: "bridge"}
	g.expect("dave out", fact("dave", func(l bridge.Leave) bool { return l == out }))
	dave.Expect(harness.From(g.room.ID+"/dave"), harness.Kind("presence/unavailable"), harness.Code("307"), harness.Reason("loud"))

	// A ban of who is not there any more, and its end; by us, and by alice. (Not
	// of dave: whom an ejabberd 23 has ever given a role comes in though banned.)
	carol := g.native("carol")
	carol.Join(g.room.ID, "carol")
	g.expect("carol in", fact[bridge.Join]("carol", nil))
	carol.Leave(g.room.ID, "carol", "bye")
	g.expect("carol out", fact("carol", func(l bridge.Leave) bool { return l == bridge.Leave{Reason: "bye"} }))
	who := bridge.Person{Network: bridge.NetworkXMPP, ID: g.room.ID + "/carol"}
	g.via(rob, "rob", "x3", bridge.Expel{Target: "carol", Person: who, Ban: true, Reason: "spam"})
	g.expect("carol banned", fact("carol", func(l bridge.Leave) bool { return l.Cause == bridge.CauseBan && l.Actor == "bridge" }))
	carol.SendJoin(g.room.ID, "carol", "")
	carol.Expect(harness.From(g.room.ID+"/carol"), harness.Condition("forbidden"))
	g.via(rob, "rob", "p1", bridge.Pardon{Person: who})
	g.done("p1")
	carol.Join(g.room.ID, "carol")
	g.expect("carol in again", fact[bridge.Join]("carol", nil))
	g.via(rob, "rob", "x4", bridge.Expel{Target: "carol", Person: who, Ban: true, Reason: "spam"})
	g.expect("carol banned", fact("carol", func(l bridge.Leave) bool {
		return l == bridge.Leave{Cause: bridge.CauseBan, Reason: "spam", Actor: "bridge"}
	}))
	g.admin(alice, `<item jid="carol@`+g.host+`" affiliation="none"/>`)
	g.expect("carol pardoned", func(e bridge.Event) bool {
		b, ok := e.Body.(bridge.Pardon)
		return ok && b.Person == who && b.Actor != "bridge"
	})

	// Alice bans one of IRC, and another who is not there.
	g.admin(alice, `<item nick="sam" role="none"><reason>no</reason></item>`)
	sam := g.expect("sam out", fact("sam", func(l bridge.Leave) bool {
		return l == bridge.Leave{Cause: bridge.CauseKick, Reason: "no", Actor: "alice"}
	}))
	if sam.By != ircUser("sam") {
		g.Errorf("%+v", sam)
	}
	for _, nick := range []string{"rob", "tom"} {
		jid := nick + "%" + network + "@" + harness.GatewayDomain(g.host)
		g.admin(alice, `<item jid="`+jid+`" affiliation="outcast"/>`)
		g.expect(nick+" banned", func(e bridge.Event) bool {
			l, ok := e.Body.(bridge.Leave)
			return ok && e.By == ircUser(nick) && l.Cause == bridge.CauseBan && (l.Actor == "alice" || nick == "tom")
		})
		g.admin(alice, `<item jid="`+jid+`" affiliation="none"/>`)
		g.expect(nick+" pardoned", func(e bridge.Event) bool {
			return e.Body == bridge.Pardon{Person: ircUser(nick)} || e.Body == bridge.Pardon{Person: ircUser(nick), Actor: "alice"}
		})
	}
	g.via(rob, "rob", "v1", bridge.Invite{Person: bridge.Person{Network: bridge.NetworkXMPP, ID: "dave@" + g.host}, Reason: "come back"})
	dave.Expect(harness.From(g.room.ID), harness.Where("an invitation", func(e *harness.Element) bool { return strings.Contains(e.String(), "come back") }))

	// It is thrown out itself, and stays out until it is asked in again.
	g.admin(alice, `<item jid="`+g.keeperJID()+`" affiliation="none"/>`)
	g.admin(alice, `<item nick="bridge" role="none"><reason>enough</reason></item>`)
	g.expect("the bridge out", fact("bridge", func(l bridge.Leave) bool {
		return l == bridge.Leave{Cause: bridge.CauseKick, Reason: "enough", Actor: "alice"}
	}))
	g.via(rob, "rob", "m9", bridge.Message{Text: "still there?"})
	g.refused("m9", bridge.ErrNotInRoom)
	g.enter(bridge.Keeper, "bridge")

	if !strings.Contains(g.Name(), "prosody") {
		return // an ejabberd puts nobody out for their domain's sake
	}
	// Who bans the gateway has nothing against those who come by it.
	crowd := []string{"ann", "ben", "cat", "dan", "eve"}
	for _, nick := range crowd {
		g.enter(ircUser(nick), nick)
	}
	g.admin(alice, `<item jid="`+harness.GatewayDomain(g.host)+`" affiliation="outcast"/>`)
	for range len(crowd) + 1 {
		e := g.expect("all out", func(e bridge.Event) bool { _, left := e.Body.(bridge.Leave); return left })
		if l := e.Body.(bridge.Leave); (l.Cause == bridge.CauseBan) != (e.By == bridge.Keeper) {
			g.Errorf("%+v", e)
		}
	}
	g.askAs(bridge.Keeper, "bridge", "barred", g.room, bridge.Join{})
	g.refused("barred", bridge.ErrBanned)
}

// People of IRC in a room: by whatever nicks they have, and who take another.
func TestPeopleOfIRC(t *testing.T) {
	guestsOn(t, func(g *guests) {
		alice := g.native("alice")
		g.open(alice, g.room.ID, "alice", "")
		g.enter(bridge.Keeper, "bridge")
		nicks := []string{`a[b]`, "`x`", `c\d`, `^_^`, `{e}|f`, `-g`, `h-i_1`, `\20x`, "[", `\\`}
		for _, nick := range nicks {
			g.enter(ircUser(nick), nick)
			at := alice.Expect(harness.From(g.room.ID+"/"+nick), harness.Kind("presence/"))
			// By what alice is shown she reaches them.
			address := strings.TrimSuffix(at.In("http://jabber.org/protocol/muc#user").Find("item").Attr["jid"], "/isthmus")
			alice.Chat(address, "psst")
			got := g.expect("alice's word to "+nick, func(e bridge.Event) bool { m, ok := e.Body.(bridge.Message); return ok && m.Text == "psst" })
			if want := nick + "%" + network + "@" + harness.GatewayDomain(g.host); got.Room.ID != want {
				g.Errorf("%s, not %s", got.Room.ID, want)
			}
			g.askAs(ircUser(nick), nick, "says "+nick, g.room, bridge.Message{Text: "hello"})
			g.done("says " + nick)
			alice.Expect(harness.From(g.room.ID+"/"+nick), harness.Body("hello"))
		}
		g.enter(ircUser("rob"), "rob")
		rename := func(who, to, nick string) {
			g.Helper()
			id := who + ">" + to
			g.askAs(ircUser(who), who, id, g.room, bridge.Rename{To: to, Person: ircUser(to)})
			e := g.expect("the rename of "+who, func(e bridge.Event) bool { b, ok := e.Body.(bridge.Rename); return ok && b.Person == ircUser(to) })
			if e.By != ircUser(who) || e.Body.(bridge.Rename).To != nick {
				g.Errorf("%+v", e)
			}
			g.done(id)
		}
		rename("rob", "bob", "bob")
		alice.Expect(harness.From(g.room.ID+"/rob"), harness.Code("303"), harness.Item("nick", "bob"))
		// Another rob comes: two occupants of one address.
		g.enter(ircUser("rob"), "rob")
		for _, nick := range []string{"rob", "bob"} {
			g.askAs(ircUser(nick), nick, "says "+nick, g.room, bridge.Message{Text: "I am " + nick})
			g.done("says " + nick)
			alice.Expect(harness.From(g.room.ID+"/"+nick), harness.Body("I am "+nick))
		}
		rename("bob", "alice", "alice_")
		g.askAs(ircUser("rob"), "rob", "twice", g.room, bridge.Rename{To: "alice", Person: ircUser("alice")})
		g.refused("twice", bridge.ErrConflict)
		// The nick of the old address is free; its owner must not share it.
		rename("rob", "eve", "eve")
		rename("alice", "tom", "tom")
		g.enter(ircUser("rob"), "rob")
		for _, nick := range []string{"rob", "eve", "tom"} {
			g.askAs(ircUser(nick), nick, "still "+nick, g.room, bridge.Message{Text: "still " + nick})
			g.done("still " + nick)
			alice.Expect(harness.From(g.room.ID+"/"+nick), harness.Body("still "+nick))
			g.askAs(ircUser(nick), nick, "", g.room, bridge.Leave{Reason: "bye"})
			alice.Expect(harness.From(g.room.ID+"/"+nick), harness.Kind("presence/unavailable"))
		}
		g.askAs(bridge.Person{Network: "elsewhere", ID: "rob"}, "rob", "unserved", g.room, bridge.Join{})
		g.refused("unserved", bridge.ErrUnsupported)
		g.askAs(bridge.Person{Network: bridge.NetworkXMPP, ID: "go@muc.example/rob"}, "rob", "native", g.room, bridge.Join{})
		g.refused("native", bridge.ErrUnsupported)
	})
}
