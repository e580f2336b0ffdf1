package ircside

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

func TestDirect(t *testing.T) {
	w := newWorld(t, nil)
	w.private("m1", "alice", "bob", bridge.Message{Text: "hi"})
	p := w.accept()
	p.expect("PRIVMSG bob hi")
	p.send(":irc.test 401 alice bob :No such nick/channel")
	p.pong()
	w.want(`bob | failure "m1" kind 1: No such nick/channel`)

	w.private("m2", "alice", "bob", bridge.Message{Text: "hi", Notice: true})
	p.expect("NOTICE bob hi")
	p.pong()
	w.want(`bob | confirm "m2" native ""`)

	w.private("m3", "alice", "bob", bridge.Message{Text: "hi"})
	p.expect("PRIVMSG bob hi")
	p.send(":irc.test 716 alice bob :is in +g mode (server-side ignore).")
	p.send(":irc.test 717 alice bob :has been informed that you messaged them.")
	p.pong()
	w.want(`bob | failure "m3" kind 9: is in +g mode (server-side ignore).`)

	p.send(":Bob!b@h PRIVMSG alice :\x01ACTION nods\x01")
	p.send(":Bob!b@h NOTICE alice :careful")
	p.send(":Bob!b@h PRIVMSG @#go :only for ops")
	p.send(":irc.test NOTICE alice :*** you are connected")
	w.want("bob | Bob emotes: nods", "bob | Bob notes: careful", "bob | Bob says: [@#go] only for ops", " |  notes: *** you are connected")

	for _, bad := range []string{"a,b", "$*", "#go", "a b", "*", "a!b@c", ":x"} {
		w.private("x", "alice", bad, bridge.Message{Text: "hi"})
		w.want(bad + ` | failure "x" kind 1: IRC has no nick like this.`)
	}
}

// Who is away is told once for each away message, and again after they were back.
func TestAwayReplies(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	tell := func(b bridge.Message, replies ...string) {
		t.Helper()
		w.private("m", "alice", "bob", b)
		p.expect("")
		for _, r := range replies {
			p.send("%s", r)
		}
		p.pong()
		w.want(`bob | confirm "m" native ""`)
	}
	const away = ":irc.test 301 alice Bob :out \x02to lunch\x02"
	const told = "bob | info: Bob is away: out to lunch"
	hi := bridge.Message{Text: "hi"}
	tell(hi, away)
	w.want(told)
	tell(bridge.Message{Text: "waves", Emote: true}, away, away)
	tell(bridge.Message{Text: "note", Notice: true})
	tell(hi, ":irc.test 301 alice Bob :asleep")
	w.want("bob | info: Bob is away: asleep")
	tell(hi)
	tell(hi, ":irc.test 301 alice carol :somebody else is away", ":irc.test 301 alice Bob :")
	w.want("bob | info: Bob is away.")
	w.nothing()

	w.private("w", "alice", "bob", bridge.Watch{On: true})
	w.want(`bob | confirm "w" native ""`, "bob | bob show 5 ")
	p.expect("ISON bob")
	p.send(":irc.test 303 alice :bob")
	p.pong()
	w.want("bob | bob show 0 ")
	p.expect("USERHOST bob")
	p.send(":irc.test 302 alice :Bob=+b@h")
	p.pong()
	tell(hi, away)
	w.want("bob | bob show 2 out to lunch")
	tell(hi, away)
	tell(hi)
	w.want("bob | bob show 0 ")
	p.send(":Bob!b@h AWAY :walking")
	w.want("bob | bob show 2 walking", "#go | bob show 2 walking")
	p.send(":carol!c@h AWAY :not watched")
	p.send(":Bob!b@h AWAY")
	w.want("bob | bob show 0 ", "#go | bob show 0 ")
	w.private("w", "alice", "bob", bridge.Watch{})
	w.want(`bob | confirm "w" native ""`)
	p.send(":Bob!b@h AWAY :walking")
	w.want("#go | bob show 2 walking")
	w.nothing()
}

func TestAwaysAreBounded(t *testing.T) {
	net := newNetwork(&Side{log: slog.New(slog.DiscardHandler)}, "net", Network{})
	c := newClient(net, jid("alice"))
	c.table = isupport.Default()
	for i := range 3 * maxAways {
		var m line.Message
		if err := line.Parse(fmt.Appendf(nil, ":s 301 alice n%d :away", i), &m); err != nil {
			t.Fatal(err)
		}
		c.toldAway(fmt.Sprintf("n%d", i), []*line.Message{&m})
	}
	if n := len(c.private.aways); n > maxAways {
		t.Errorf("%d are kept", n)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	w := newWorld(t, nil)
	for range maxWaiting {
		w.private("ok", "alice", "bob", bridge.Message{Text: "hi"})
	}
	w.private("more", "alice", "bob", bridge.Message{Text: "hi"})
	w.want(`bob | failure "more" kind 12: Too much is waiting for the connection to net.`)
	p := w.accept()
	for range maxWaiting {
		p.expect("PRIVMSG bob hi")
	}
}

func TestCTCP(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	p.send(":bob!b@h PRIVMSG alice :\x01VERSION\x01")
	p.expect("NOTICE bob :\x01VERSION Isthmus test\x01")
	p.send(":bob!b@h PRIVMSG alice :\x01PING 1 2\x01")
	p.expect("NOTICE bob :\x01PING 1 2\x01")
	p.send(":bob!b@h PRIVMSG alice :\x01TIME\x01")
	p.expect("NOTICE bob :\x01TIME ")
	for _, ignored := range []string{"PRIVMSG alice :\x01VERSION\x01", "PRIVMSG alice :\x01DCC SEND x\x01", "NOTICE alice :\x01VERSION x\x01", "PRIVMSG #go :\x01VERSION\x01"} {
		p.send(":bob!b@h %s", ignored)
	}
	p.fence()
	w.nothing()
	if n := w.side.Counters.CTCP.Load(); n != 3 {
		t.Errorf("%d ignored", n)
	}
}

func TestConsole(t *testing.T) {
	w := newWorld(t, nil)
	say := func(text string) { w.private("c", "alice", "", bridge.Message{Text: text}) }
	say("help")
	w.want(` | confirm "c" native ""`, " |  says: "+consoleHelp)
	say(":spoofed!a@b PRIVMSG x y")
	w.want(` | confirm "c" native ""`, " |  says: "+consoleHelp)
	say("CAP REQ :x")
	w.want(` | failure "c" kind 16: The gateway does that.`)

	say("/whois bob")
	p := w.accept()
	w.want(" | session true: Connected to net as alice.")
	p.expect("WHOIS bob")
	p.send(":irc.test 311 alice bob b host * :Bob \x02B\x02")
	p.send(":irc.test 318 alice bob :End of /WHOIS list.")
	p.pong()
	w.want(" |  says: bob b host * Bob B\nbob End of /WHOIS list.", ` | confirm "c" native ""`)

	say("frobnicate now")
	p.expect("FROBNICATE now")
	p.send(":irc.test 421 alice FROBNICATE :Unknown command")
	p.pong()
	w.want(` | failure "c" kind 18: Unknown command. Write help to learn what can be said here.`)

	say("MOTD")
	p.expect("MOTD")
	for i := range answerLines * maxAnswers * 2 {
		p.send(":irc.test 372 alice :- line")
		if i == 0 { // a server may answer other things meanwhile
			p.pong()
		}
	}
	p.send(":irc.test 376 alice :End of MOTD")
	part := " |  says: " + strings.TrimSuffix(strings.Repeat("- line\n", answerLines), "\n")
	for i := range maxAnswers {
		if i == maxAnswers-1 {
			part += "\n(There is more, which is left out.)"
		}
		w.want(part)
	}
	w.want(` | confirm "c" native ""`)

	say("NICK ally")
	p.expect("NICK ally")
	p.send(":alice!u@host NICK ally")
	p.pong()
	w.want(` | confirm "c" native ""`)

	p.send(":bob!b@h INVITE ally #secret")
	w.want(" | info: bob invites you to #secret.")

	say("QUIT :so long")
	p.expect("QUIT :so long")
	_ = p.conn.Close()
	w.want(` | confirm "c" native ""`, " | session false: The connection to net was closed.")
}

func TestConsoleQuitLeavesRooms(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	w.private("c", "alice", "", bridge.Message{Text: "QUIT :bye"})
	w.want(` | confirm "c" native ""`, `#go | <alice@x> leaves (quit): bye by ""`)
	p.expect("QUIT bye")
}

func TestQueries(t *testing.T) {
	w := newWorld(t, nil)
	w.private("q0", "alice", "", bridge.Query{What: bridge.QueryRooms})
	w.want(` | failure "q0" kind 14: You are not connected to net.`)
	p := aliceJoins(w)
	w.private("q1", "alice", "", bridge.Query{What: bridge.QueryRooms})
	w.private("q2", "alice", "bob", bridge.Query{What: bridge.QueryWho})
	w.want(`bob | failure "q2" kind 13: The question before is not answered yet.`)
	p.expect("LIST")
	p.send(":irc.test 321 alice Channel :Users Name")
	p.send(":irc.test 322 alice #go 5 :[+nt] \x02Go\x02 talk")
	p.send(":irc.test 322 alice * 1 :")
	p.send(":irc.test 323 alice :End")
	p.pong()
	w.want(` | answer "q1": [[#go [+nt] Go talk 5]] cut false`)

	w.private("q4", "alice", "", bridge.Query{What: bridge.QueryRooms, Search: "go TALK", Limit: 2})
	p.expect("LIST")
	for i, topic := range []string{"talk", "more talk", "tal k", "still talk"} {
		p.send(":irc.test 322 alice #go%d %d :%s", i, i, topic)
	}
	p.send(":irc.test 323 alice :End")
	p.pong()
	w.want(` | answer "q4": [[#go0 talk 0] [#go1 more talk 1]] cut true`)

	w.private("q3", "alice", "bob", bridge.Query{What: bridge.QueryWho})
	p.expect("WHOIS bob")
	p.send(":irc.test 311 alice bob b host * :Bob B")
	p.send(":irc.test 319 alice bob :@#go #x")
	p.send(":irc.test 318 alice bob :End")
	p.pong()
	w.want(`bob | answer "q3": [[user b host Bob B] [channels @#go #x]] cut false`)
}

func TestWatchByMonitor(t *testing.T) {
	w := newWorld(t, nil)
	w.private("w1", "alice", "bob", bridge.Watch{On: true})
	w.want(`bob | confirm "w1" native ""`, "bob | bob show 5 ")
	w.private("w2", "alice", "", bridge.Watch{On: true})
	w.want(` | confirm "w2" native ""`, " | session false: Not connected to net.")

	w.deliver("j1", "alice", bridge.Join{})
	p := w.accept(inspircd + " MONITOR=2")
	w.want(" | session true: Connected to net as alice.")
	p.joined("alice")
	p.expect("MONITOR + bob")
	w.want("#go | members <alice@x>alice=1 secret false", `#go | topic by "": `, `#go | <alice@x> joins as alice role 1 created false ref "j1"`)
	p.send(":irc.test 730 alice :Bob!b@h")
	p.send(":irc.test 730 alice :Bob!b@h,stranger!a@b")
	w.want("bob | bob show 0 ")
	// Who is watched may be away already, which MONITOR does not tell.
	p.expect("USERHOST bob")
	p.send(":irc.test 302 alice :Bob*=-b@h stranger=-a@b nonsense")
	p.pong()
	w.want("bob | bob show 2 ")
	p.send(":irc.test 731 alice :bob")
	w.want("bob | bob show 5 ")

	w.private("w3", "alice", "carol", bridge.Watch{On: true})
	w.want(`carol | confirm "w3" native ""`, "carol | carol show 5 ")
	p.expect("MONITOR + carol")
	p.send(":irc.test 734 alice 2 carol :Monitor list is full.")
	p.expect("ISON carol")
	p.send(":irc.test 303 alice :Carol")
	p.pong()
	w.want("carol | carol show 0 ")
	p.expect("USERHOST carol")
	p.pong()
	w.private("w4", "alice", "bob", bridge.Watch{})
	p.expect("MONITOR - bob")
	w.want(`bob | confirm "w4" native ""`)
}

func TestWatchByISON(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	w.private("w1", "alice", "bob", bridge.Watch{On: true})
	w.want(`bob | confirm "w1" native ""`, "bob | bob show 5 ")
	p.expect("ISON bob")
	p.send(":irc.test 303 alice :bob ")
	p.pong()
	w.want("bob | bob show 0 ")
	_ = p.conn.Close()
	w.want("bob | bob show 5 ")
}

// A line cut by the server for others would lose text: the pieces fit with
// our own nick and user@host before them.
func TestPieces(t *testing.T) {
	long := strings.Repeat("wörd ", 300)
	for _, emote := range []bool{false, true} {
		got := pieces(bridge.Message{Text: long, Emote: emote}, nil, roomFor("alice", "~user@some.host.example.org", "PRIVMSG", "#channel"))
		var whole strings.Builder
		for _, piece := range got {
			if l := len(":alice!~user@some.host.example.org PRIVMSG #channel :" + piece + "\r\n"); l > line.MaxBody {
				t.Errorf("%d bytes", l)
			}
			whole.WriteString(strings.TrimSuffix(strings.TrimPrefix(piece, "\x01ACTION "), "\x01"))
		}
		if whole.String() != long || len(got) > 5 {
			t.Errorf("%d pieces: %q", len(got), whole.String())
		}
	}
}

func TestNickFrom(t *testing.T) {
	for in, want := range map[string]string{
		"alice": "alice", " Älice B ": "Älice_B", "1st": "_1st", "": "_", "a!b@c": "a_b_c", "-x": "_-x", "[x]|{y}`^": "[x]|{y}`^", "#x": "_x",
	} {
		if got := nickFrom(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// What is said in a room by a line of the console is heard there.
func TestConsoleSpeaks(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	say := func(line string) {
		w.private("c", "alice", "", bridge.Message{Text: line})
		p.expect(line)
	}
	say("PRIVMSG #go hi")
	p.pong()
	w.want(` | confirm "c" native ""`, "#go | <alice@x> says: hi")
	say("PRIVMSG #go no")
	p.send(":irc.test 404 alice #go :Cannot send to channel (+m)")
	p.pong()
	w.want(` | failure "c" kind 9: Cannot send to channel (+m)`)
	say("PRIVMSG bob hi")
	p.pong()
	w.want(` | confirm "c" native ""`)
	p.fence()
	w.nothing()
}
