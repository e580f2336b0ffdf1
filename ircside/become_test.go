package ircside

import (
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
)

// puppet is somebody of another IRC network.
func puppet(nick string) bridge.Person { return bridge.Person{Network: "oftc", ID: nick} }

func (w *world) puppets(id, nick string, body bridge.Body) {
	w.side.Deliver(bridge.Event{ID: id, Room: room, By: puppet(nick), Name: nick, Body: body})
}

// robJoins lets a puppet into #go, alone with bob.
func robJoins(w *world) *peer {
	w.t.Helper()
	w.puppets("j1", "rob", bridge.Join{})
	p := w.connection()
	p.expect("CAP LS 302")
	p.nick = "rob"
	p.expect("NICK rob")
	if l := p.expect("USER "); l != "USER rob 0 * :rob via us (from oftc)" {
		w.t.Errorf("%q", l)
	}
	p.send("CAP * LS :")
	p.expect("CAP END")
	p.send(":irc.test 001 rob :Welcome rob!u@host")
	p.send(":irc.test 422 rob :no MOTD")
	p.joined("rob @bob")
	w.want("#go | members bob=4 <rob>rob=1 secret false", `#go | topic by "": `,
		`#go | <rob> joins as rob role 1 created false ref "j1"`)
	p.observes()
	return p
}

func puppetWorld(t *testing.T) *world {
	return newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.Realname = "{local} via us"
		n.ReconnectFirst = time.Second
		o.Networks["net"] = n
	})
}

// A puppet's nick changes at home, so that they are another person to all.
func TestBecome(t *testing.T) {
	w := puppetWorld(t)
	p := robJoins(w)
	w.puppets("r1", "rob", bridge.Rename{To: "rob two", Person: puppet("rob2")})
	p.expect("NICK rob_two")
	p.send(":rob!u@host NICK rob_two")
	p.nick = "rob_two"
	p.pong()
	w.want("#go | <rob> is rob now rob_two", `#go | confirm "r1" native ""`)
	w.puppets("m1", "rob2", bridge.Message{Text: "hi"})
	p.expect("PRIVMSG #go hi")
	p.pong()
	w.want(`#go | confirm "m1" native ""`)
	w.puppets("m2", "rob", bridge.Message{Text: "hi"})
	w.want(`#go | failure "m2" kind 8: You are not in this room.`)
	// Once more, by another link.
	w.puppets("r2", "rob", bridge.Rename{To: "rob2", Person: puppet("rob2")})
	w.want(`#go | confirm "r2" native ""`)
	// The observer knows them.
	p.send(":bob!b@h MODE #go +v rob_two")
	w.want(`#go | <rob2> role 2 by bob`)
	// The same nick, another person.
	w.puppets("r3", "rob2", bridge.Rename{To: "rob_two", Person: puppet("rob3")})
	w.want("#go | <rob2> is rob_two now rob_two", `#go | confirm "r3" native ""`)
	// What the network does to the nick is not what was asked for.
	p.send(":rob_two!u@host NICK Guest1")
	w.want("#go | <rob3> is rob_two now Guest1")
	// A nick that is taken, and a person who is there.
	w.puppets("r4", "rob3", bridge.Rename{To: "bob", Person: puppet("bob")})
	p.expect("NICK bob")
	p.send(":irc.test 433 Guest1 bob :Nickname is already in use")
	p.nick = "Guest1"
	p.pong()
	w.want(`#go | failure "r4" kind 6: Nickname is already in use`)
	w.deliver("j5", "alice", bridge.Join{})
	a := w.accept()
	a.expect("JOIN #go")
	w.side.Deliver(bridge.Event{ID: "r5", Room: room, By: puppet("rob3"), Body: bridge.Rename{To: "alice", Person: jid("alice")}})
	w.want(`#go | failure "r5" kind 6: They are on net already.`)
}

// Who can't be heard at the moment changes all the same.
func TestBecomeOffline(t *testing.T) {
	w := puppetWorld(t)
	p := robJoins(w)
	_ = p.conn.Close()
	w.want("#go | <rob> attached false: Connection to net lost: connection lost. Trying again.")
	w.puppets("r1", "rob", bridge.Rename{To: "rob2", Person: puppet("rob2")})
	w.want("#go | <rob> is rob now rob", `#go | confirm "r1" native ""`)
	p = w.accept()
	p.joined("rob2 @bob")
	w.want("#go | <rob2> is rob now rob2", "#go | members bob=4 <rob2>rob2=1 secret false", `#go | topic by "": `,
		"#go | <rob2> attached true: Connected to net again.")
}

// Who is on the network by themselves does not come by us.
func TestJoinOfNative(t *testing.T) {
	w := newWorld(t, nil)
	w.side.Deliver(bridge.Event{ID: "j1", Room: room, By: bridge.Person{Network: "net", ID: "rob"}, Name: "rob", Body: bridge.Join{}})
	w.want(`#go | failure "j1" kind 18: Who is on net by themselves joins by themselves.`)
}

func TestPuppetNames(t *testing.T) {
	for _, c := range []struct {
		who                         bridge.Person
		wish, nick, user, real, why string
	}{
		{bridge.Person{Network: "oftc", ID: "rob[away]"}, "rob[away]", "rob[away]", "robaway", "rob[away] via us (from oftc)", ""},
		{bridge.Person{Network: "xmpp", ID: "go@muc.x/Rob Ü. Smith"}, "Rob Ü. Smith", "Rob_Ü__Smith", "Rob_.Smith", "Rob Ü. Smith via us (from go@muc.x)", ""},
		{bridge.Person{Network: "matrix", ID: "@rob:x"}, "Rob (he/him)", "Rob__he_him_", "rob", "rob via us", ""},
		{bridge.Keeper, "isthmus", "isthmus", "isthmus", DefaultRelay.Realname, ""},
	} {
		w := newWorld(t, func(o *Options) {
			n := o.Networks["net"]
			n.Realname, n.Relay = "{local} via us", DefaultRelay
			o.Networks["net"] = n
		})
		w.side.Deliver(bridge.Event{ID: "j1", Room: room, By: c.who, Name: c.wish, Body: bridge.Join{}})
		p := w.connection()
		p.expect("CAP LS 302")
		nick, user := p.expect("NICK "), p.expect("USER ")
		real := strings.TrimPrefix(user, "USER "+c.user+" 0 * :")
		if nick != "NICK "+c.nick || real != c.real {
			t.Errorf("%v: %q, %q", c.who, nick, user)
		}
	}
}
