package ircside

import (
	"testing"

	"isthmus/bridge"
)

func relayWorld(t *testing.T) *world {
	return newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.Relay, n.Gateway = DefaultRelay, GatewayRelay
		n.Relay.Colour = false
		o.Networks["net"] = n
		o.RoomsPerPerson = 1
	})
}

// aliceLodges brings alice into #go, where the keeper and bob are.
func aliceLodges(w *world) *peer {
	w.t.Helper()
	w.deliver("j1", "alice", bridge.Join{})
	p := w.accept()
	p.joined("isthmus @bob")
	w.want("#go | members bob=4 <isthmus>isthmus=1 secret false", `#go | topic by "": `,
		`#go | <isthmus> joins as isthmus role 1 created false ref "lodgers"`,
		`#go | <alice@x> joins as alice role 1 created false ref "j1"`)
	p.observes()
	return p
}

func TestLodgers(t *testing.T) {
	w := relayWorld(t)
	p := aliceLodges(w)
	w.deliver("m1", "alice", bridge.Message{Text: "hi"})
	p.expect("PRIVMSG #go :<alice> hi")
	p.pong()
	w.want(`#go | confirm "m1" native ""`)

	// One more, without more of a connection.
	w.deliver("j2", "carol", bridge.Join{})
	w.want(`#go | <carol@x> joins as carol role 1 created false ref "j2"`)
	w.deliver("j3", "bob", bridge.Join{})
	w.want(`#go | failure "j3" kind 6: Somebody here is called bob.`)
	w.deliver("r1", "carol", bridge.Rename{To: "Alice"})
	w.want(`#go | failure "r1" kind 6: Somebody here is called Alice.`)
	w.deliver("r2", "carol", bridge.Rename{To: "dave"})
	w.want("#go | <carol@x> is carol now dave", `#go | confirm "r2" native ""`)
	w.deliver("t1", "carol", bridge.Topic{Text: "x"})
	w.want(`#go | failure "t1" kind 10: You speak through a relay here, which does no more for you than that.`)
	w.private("p1", "carol", "bob", bridge.Message{Text: "psst"})
	w.want("bob | failure \"p1\" kind 16: People of this gateway speak through a relay on net: there is nothing private, and no console.")
	w.side.Deliver(bridge.Event{ID: "j4", Room: bridge.Room{Network: "net", ID: "#two"}, By: jid("carol"), Name: "carol", Body: bridge.Join{}})
	w.want(`#two | failure "j4" kind 12: You are in as many rooms as you may be.`)

	// Who is on IRC by themselves has the nick.
	p.send(":Dave!d@h JOIN #go")
	w.want("#go | <carol@x> is dave now dave_", "#go | Dave joins as Dave role 1 created false ref \"\"")

	// The connection breaks, and comes back.
	_ = p.conn.Close()
	lost := " attached false: Connection to net lost: connection lost. Trying again."
	w.want("#go | <isthmus>"+lost, "#go | <alice@x>"+lost, "#go | <carol@x>"+lost)
	p = w.accept()
	p.joined("isthmus @bob")
	w.want("#go | members bob=4 <isthmus>isthmus=1 secret false", `#go | topic by "": `,
		"#go | <isthmus> attached true: Connected to net again.",
		"#go | <alice@x> attached true: Connected to net again.",
		"#go | <carol@x> attached true: Connected to net again.")
	p.observes()

	w.deliver("", "alice", bridge.Leave{})
	w.deliver("m2", "alice", bridge.Message{Text: "hi"})
	w.want(`#go | failure "m2" kind 8: You are not in this room.`)
	p.send(":bob!b@h KICK #go isthmus :out")
	w.want(`#go | <isthmus> leaves (kick): out by "bob"`, `#go | <carol@x> leaves (kick): out by "bob"`)
	p.expect("QUIT")
}

// The keeper stays as long as anybody needs it.
func TestLodgersAndKeeper(t *testing.T) {
	w := relayWorld(t)
	p := aliceLodges(w)
	w.keep("k1", bridge.Join{})
	w.want(`#go | <isthmus> joins as isthmus role 1 created false ref "k1"`)
	w.deliver("", "alice", bridge.Leave{})
	w.deliver("j2", "carol", bridge.Join{})
	w.want(`#go | <carol@x> joins as carol role 1 created false ref "j2"`)
	w.keep("", bridge.Leave{})
	w.deliver("m1", "carol", bridge.Message{Text: "hi"})
	p.expect("PRIVMSG #go :<carol> hi")
	p.pong()
	w.want(`#go | confirm "m1" native ""`)
	w.deliver("", "carol", bridge.Leave{})
	p.expect("PART #go :Nobody is here any more")
}

// What keeps the keeper out keeps out everybody.
func TestLodgersRefused(t *testing.T) {
	w := relayWorld(t)
	w.deliver("j1", "alice", bridge.Join{Password: "key"})
	w.deliver("j2", "carol", bridge.Join{Password: "other"})
	w.want(`#go | failure "j2" kind 4: This channel has another key.`)
	p := w.accept()
	p.expect("JOIN #go key")
	p.send(":irc.test 474 isthmus #go :Cannot join channel (+b)")
	p.pong()
	w.want(`#go | failure "lodgers" kind 2: Cannot join channel (+b)`)
	w.want(`#go | failure "j1" kind 2: Cannot join channel (+b)`)
	w.side.Deliver(bridge.Event{ID: "j3", Room: bridge.Room{Network: "net", ID: "go"}, By: jid("alice"), Name: "alice", Body: bridge.Join{}})
	w.want(`go | failure "j3" kind 7: The name of an IRC channel begins with # and has no space or comma in it.`)
}
