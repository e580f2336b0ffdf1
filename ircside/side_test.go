package ircside

import (
	"strings"
	"testing"

	"isthmus/bridge"
)

// alice joins #go, alone with bob.
func aliceJoins(w *world) *peer {
	w.t.Helper()
	w.deliver("j1", "alice", bridge.Join{})
	p := w.accept()
	p.joined("alice @bob")
	w.want(
		"#go | members <alice@x>alice=1 bob=4 secret false",
		`#go | topic by "": `,
		`#go | <alice@x> joins as alice role 1 created false ref "j1"`)
	p.expect("MODE #go")
	p.expect("WHO #go %tcuhnfa,736")
	return p
}

func carolJoins(w *world, alice *peer) *peer {
	w.t.Helper()
	w.deliver("j2", "carol", bridge.Join{})
	p := w.accept()
	p.expect("JOIN #go")
	alice.send(":carol!u@host JOIN #go")
	alice.fence()
	p.joinedAs("carol alice @bob")
	w.want(`#go | <carol@x> joins as carol role 1 created false ref "j2"`)
	return p
}

func TestJoinSpeakLeave(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	p.send(":bob!b@h PRIVMSG #go :hi")
	w.want("#go | bob says: hi")

	w.deliver("m1", "alice", bridge.Message{Text: "hello\n\nthere"})
	p.expect("PRIVMSG #go hello")
	p.expect("PRIVMSG #go there")
	w.nothing()
	p.pong()
	w.want(`#go | confirm "m1" native ""`)

	w.deliver("m2", "alice", bridge.Message{Text: "waves", Emote: true})
	p.expect("PRIVMSG #go :\x01ACTION waves\x01")
	p.send(":irc.test 404 alice #go :Cannot send to channel (+m)")
	p.pong()
	w.want(`#go | failure "m2" kind 9: Cannot send to channel (+m)`)

	w.deliver("", "alice", bridge.Leave{Reason: "bye\r\nQUIT"})
	p.expect("PART #go :bye  QUIT")
	p.send(":alice!u@host PART #go :bye")
	p.pong()
	p.expect("QUIT :Nobody is here any more")
	p.send("ERROR :bye")
	w.stop()
	w.nothing()
}

func TestCreated(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("j1", "alice", bridge.Join{Password: "key"})
	p := w.accept()
	p.expect("JOIN #go key")
	p.send(":alice!u@host JOIN #go")
	p.send(":irc.test 353 alice = #go :@alice")
	p.send(":irc.test 366 alice #go :End")
	p.pong()
	w.want("#go | members <alice@x>alice=4 secret false", `#go | topic by "": `,
		`#go | <alice@x> joins as alice role 4 created true ref "j1"`)
}

func TestJoinRefused(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"471 alice #go :Cannot join channel (+l)", "5: Cannot join channel (+l)"},
		{"473 alice #go :Cannot join channel (+i)", "3: Cannot join channel (+i)"},
		{"474 alice #go :Cannot join channel (+b)", "2: Cannot join channel (+b)"},
		{"475 alice #go :Cannot join channel (+k)", "4: Cannot join channel (+k)"},
		{"477 alice #go :Cannot join channel (+r) - you need to be identified", "3: Cannot join channel (+r) - you need to be identified"},
		{"470 alice #go ##go :Forwarding to another channel", "19: ##go"},
		{"437 alice #go :Nick/channel is temporarily unavailable", "14: Nick/channel is temporarily unavailable"},
		{"405 alice #go :You have joined too many channels", "12: You have joined too many channels"},
		{"", "15: The IRC server did not let you in, and did not say why."},
	} {
		w := newWorld(t, nil)
		w.deliver("j1", "alice", bridge.Join{})
		p := w.accept()
		p.expect("JOIN #go")
		if c.line != "" {
			p.send(":irc.test %s", c.line)
		}
		p.pong()
		w.want(`#go | failure "j1" kind ` + c.want)
	}
}

// A forwarded join says where to, and the channel nobody asked for is left.
func TestForcedJoin(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	p.send(":alice!u@host JOIN #other")
	p.expect("PART #other")
	w.want(" | info: net moved you into #other. You have left it; join it yourself to stay there.")
}

func TestBadRequests(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RoomsPerPerson = 1 })
	aliceJoins(w)
	deliver := func(room bridge.Room, who string, body bridge.Body) {
		w.side.Deliver(bridge.Event{ID: "x", Room: room, By: jid(who), Name: who, Body: body})
	}
	deliver(bridge.Room{Network: "other", ID: "#go"}, "alice", bridge.Join{})
	w.want(`#go | failure "x" kind 1: There is no IRC network called other here.`)
	deliver(bridge.Room{Network: "net", ID: "#two"}, "alice", bridge.Join{})
	w.want(`#two | failure "x" kind 12: You are in as many rooms as you may be.`)
	deliver(bridge.Room{Network: "net", ID: "two"}, "dave", bridge.Join{})
	w.want(`two | failure "x" kind 7: The name of an IRC channel begins with # and has no space or comma in it.`)
	deliver(bridge.Room{Network: "net", ID: "#GO"}, "dave", bridge.Join{})
	w.want(`#GO | failure "x" kind 19: #go`)
	deliver(room, "dave", bridge.Message{Text: "hi"})
	w.want(`#go | failure "x" kind 8: You are not in this room.`)
	deliver(room, "alice", bridge.Message{Text: " \n"})
	w.want(`#go | failure "x" kind 16: There is no text in this message.`)
	deliver(room, "alice", bridge.Message{Text: strings.Repeat("line\n", 60)})
	w.want(`#go | failure "x" kind 11: This message is too long for IRC.`)
	deliver(room, "alice", bridge.Rename{To: "a b"})
	w.want(`#go | failure "x" kind 7: IRC can't hold such a nick.`)
	deliver(room, "alice", bridge.Expel{Target: "nobody"})
	w.want(`#go | failure "x" kind 1: nobody is not in this room.`)
}

func TestTwoSessionsOneObserver(t *testing.T) {
	w := newWorld(t, nil)
	alice := aliceJoins(w)
	carol := carolJoins(w, alice)

	for _, p := range []*peer{carol, alice} {
		p.send(":bob!b@h PRIVMSG #go :once")
		p.send(":dave!d@h JOIN #go")
		p.send(":carol!u@host PRIVMSG #go :one of ours")
		p.send(":bob!b@h MODE #go +v carol")
		p.fence()
	}
	w.want("#go | bob says: once", `#go | dave joins as dave role 1 created false ref ""`, "#go | <carol@x> role 2 by bob")
	w.nothing()

	// The observer goes; the other takes over.
	w.deliver("", "alice", bridge.Leave{})
	alice.expect("PART #go")
	alice.send(":alice!u@host PART #go")
	carol.expect("TOPIC #go")
	carol.expect("NAMES #go")
	carol.send(":bob!b@h PRIVMSG #go :meanwhile")
	carol.send(":carol!u@host PRIVMSG #go :one of ours") // and its session shows it
	carol.send(":irc.test 332 carol #go :the topic")
	carol.send(":irc.test 353 carol = #go :+carol @bob erin")
	carol.send(":irc.test 366 carol #go :End")
	w.want("#go | bob says: meanwhile", "#go | members bob=4 <carol@x>carol=2 erin=1 secret false", `#go | topic by "": the topic`)
}

func TestRename(t *testing.T) {
	w := newWorld(t, nil)
	alice := aliceJoins(w)
	carol := carolJoins(w, alice)
	w.deliver("r1", "carol", bridge.Rename{To: "bob"})
	carol.expect("NICK bob")
	carol.send(":irc.test 433 carol bob :Nickname is already in use.")
	carol.pong()
	w.want(`#go | failure "r1" kind 6: Nickname is already in use.`)

	w.deliver("r2", "carol", bridge.Rename{To: "carla"})
	carol.expect("NICK carla")
	for _, p := range []*peer{alice, carol} {
		p.send(":carol!u@host NICK carla")
	}
	carol.pong()
	alice.fence()
	w.want("#go | <carol@x> is carol now carla", `#go | confirm "r2" native ""`)

	// By the server's will.
	for _, p := range []*peer{alice, carol} {
		p.send(":carla!u@host NICK Guest7")
	}
	alice.send(":Guest7!u@host PRIVMSG #go :still ours")
	alice.fence()
	carol.fence()
	w.want("#go | <carol@x> is carla now Guest7")
	w.nothing()
}

func TestThrownOut(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{":bob!b@h KICK #go alice :out", `<alice@x> leaves (kick): out by "bob"`},
		{":bob!b@h MODE #go +b alice!*@*\r\n:bob!b@h KICK #go alice :for good", `<alice@x> leaves (ban): for good by "bob"`},
		{":alice!u@host PART #go :SAPART", `<alice@x> leaves (part): SAPART by ""`},
	} {
		w := newWorld(t, nil)
		p := aliceJoins(w)
		p.send("%s", c.lines)
		w.want("#go | " + c.want)
		p.expect("QUIT")
	}
}

func TestModerate(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	w.deliver("t1", "alice", bridge.Topic{Text: "new\ntopic"})
	p.expect("TOPIC #go :new topic")
	p.send(":alice!u@host TOPIC #go :new topic")
	p.pong()
	w.want(`#go | topic by "alice": new topic`, `#go | confirm "t1" native ""`)

	w.deliver("e1", "alice", bridge.Expel{Target: "BOB", Reason: "out"})
	p.expect("KICK #go bob out")
	p.send(":irc.test 482 alice #go :You're not channel operator")
	p.pong()
	w.want(`#go | failure "e1" kind 10: You're not channel operator`)

	w.deliver("e2", "alice", bridge.Expel{Target: "bob", Ban: true})
	p.expect("MODE #go +b bob!*@*")
	p.expect("KICK #go bob")
	p.pong()
	w.want(`#go | confirm "e2" native ""`)

	w.deliver("o1", "alice", bridge.RoleChange{Target: "bob", Role: bridge.RoleVoiced})
	p.expect("MODE #go +v bob")
	p.expect("MODE #go -o bob")
	p.pong()
	w.want(`#go | confirm "o1" native ""`)
}

// All of ours have one host, and here one user: a ban of one of them must not
// be one of all.
func TestBanOneOfOurs(t *testing.T) {
	w := newWorld(t, nil)
	alice := aliceJoins(w)
	carol := carolJoins(w, alice)
	carol.fence()
	w.deliver("e", "alice", bridge.Expel{Target: "carol", Ban: true})
	alice.expect("MODE #go +b carol!*@*")
	alice.expect("KICK #go carol")
	alice.pong()
	w.want(`#go | confirm "e" native ""`)

	// Carol's session may hear of it before the one that observes the channel, and after.
	carol.send(":alice!u@host MODE #go +b carol!*@*")
	carol.fence()
	alice.send(":alice!u@host KICK #go carol :out")
	alice.fence()
	carol.send(":alice!u@host KICK #go carol :out")
	w.want(`#go | <carol@x> leaves (ban): out by "alice"`)
}

func TestAway(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	for range 2 {
		w.deliver("", "alice", bridge.Presence{Show: bridge.ShowXA, Status: "gone\nfishing"})
	}
	w.deliver("", "alice", bridge.Presence{Show: bridge.ShowChat})
	w.deliver("", "alice", bridge.Presence{})
	w.deliver("", "alice", bridge.Presence{Show: bridge.ShowDND})
	p.expect("AWAY :gone fishing")
	if l := p.expect("AWAY"); l != "AWAY" {
		t.Error(l)
	}
	p.expect("AWAY :Do not disturb")
}

// A different client of theirs may be in each room: they are away when they
// are in all of them.
func TestAwayEverywhere(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	two := bridge.Room{Network: "net", ID: "#two"}
	deliver := func(body bridge.Body) {
		w.side.Deliver(bridge.Event{ID: "j2", Room: two, By: jid("alice"), Name: "alice", Body: body})
	}
	w.deliver("", "alice", bridge.Presence{Show: bridge.ShowAway})
	p.expect("AWAY Away")
	deliver(bridge.Join{})
	p.expect("JOIN #two")
	p.send(":alice!u@host JOIN #two")
	p.send(":irc.test 366 alice #two :End")
	p.pong()
	if l := p.expect("AWAY"); l != "AWAY" {
		t.Error(l)
	}
	deliver(bridge.Presence{Show: bridge.ShowXA, Status: "fishing"})
	p.expect("AWAY fishing")
	w.deliver("", "alice", bridge.Presence{})
	if l := p.expect("AWAY"); l != "AWAY" {
		t.Error(l)
	}
	w.deliver("", "alice", bridge.Leave{})
	p.expect("PART #go")
	p.send(":alice!u@host PART #go")
	p.pong()
	p.expect("AWAY fishing")
}

// An observer may hear of a nick before the session whose it is: who was taken
// for a native goes, and what they say is not doubled.
func TestRenameAhead(t *testing.T) {
	w := newWorld(t, nil)
	alice := aliceJoins(w)
	carol := carolJoins(w, alice)
	w.deliver("", "alice", bridge.Leave{})
	alice.expect("PART #go")
	carol.send(":carol!u@host NICK :") // nobody's nick
	carol.fence()
	w.deliver("j3", "alice", bridge.Join{})
	alice.send(":alice!u@host PART #go")
	alice.pong()
	carol.expect("TOPIC #go")
	carol.expect("NAMES #go")
	alice.joined("carol ally @bob") // it is her already, but her NICK is on its way
	carol.send(":irc.test 332 carol #go :the topic")
	carol.send(":irc.test 353 carol = #go :carol ally @bob")
	carol.send(":irc.test 366 carol #go :End")
	w.want("#go | members ally=1 bob=4 <carol@x>carol=1 secret false", `#go | topic by "": the topic`,
		`#go | <alice@x> joins as alice role 1 created false ref "j3"`)
	alice.send(":alice!u@host NICK ally")
	w.want(`#go | ally leaves (part):  by ""`, "#go | <alice@x> is alice now ally")
	carol.expect("MODE #go")
	carol.expect("WHO #go")
	carol.send(":ally!u@host PRIVMSG #go :once")
	carol.fence()
	w.nothing()
}
