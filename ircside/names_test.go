package ircside

import (
	"strings"
	"testing"
	"unicode/utf8"

	"isthmus/bridge"
)

func TestPlainNick(t *testing.T) {
	for name, want := range map[string]string{
		"José":            "Jose",
		"Søren Łukasz":    "Soren_Lukasz",
		"Straße":          "Strasse",
		"名前":              "__",
		"①②":              "_12",
		"e\u0301\u0301x_": "ex_",
		"plain[oftc]":     "plain[oftc]",
	} {
		if got := plainNick(nickFrom(name)); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		nick string
		most int
		want string
	}{
		{"juliet", 0, "juliet"}, {"juliet", 6, "juliet"}, {"juliet", 5, "julie"}, {"juliet[oftc]", 9, "juliet[of"}, {"juliet[oftc]", 10, "juli[oftc]"},
		{"juliet[oftc]2", 12, "julie[oftc]2"}, {"juliet[averylongname]", 9, "juliet[av"}, {"éééé", 5, "éé"}, {"[away]rob", 8, "[away]ro"},
	} {
		if got := shortened(c.nick, c.most); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.nick, c.most, got, c.want)
		}
	}
}

func FuzzNicks(f *testing.F) {
	f.Add("José Müller", 9)
	f.Add("a[bc]", 3)
	f.Fuzz(func(t *testing.T, name string, most int) {
		if !utf8.ValidString(name) || most < 8 {
			return
		}
		nick := nickFrom(name)
		plain := plainNick(nick)
		for _, n := range []string{nick, plain, shortened(nick, most), shortened(plain, most)} {
			if n == "" || strings.ContainsAny(n, " !@,*:#\r\n\x00") {
				t.Fatalf("%q became %q", name, n)
			}
		}
		if !ascii(plain) || len(shortened(nick, most)) > most {
			t.Fatalf("%q: %q %q", name, plain, shortened(nick, most))
		}
	})
}

// Who didn't choose a nick gets what the server takes; the next one at once.
func TestPuppetPlainer(t *testing.T) {
	w := newWorld(t, nil)
	join := func(id, local, name string) *peer {
		w.side.Deliver(bridge.Event{ID: id, Room: room, By: bridge.Person{Network: "matrix", ID: "@" + local + ":x"}, Name: name, Body: bridge.Join{}})
		p := w.connection()
		p.expect("CAP LS 302")
		return p
	}
	p := join("j1", "jose", "José von Müller")
	p.expect("NICK José_von_Müller")
	p.expect("USER ")
	p.send("CAP * LS :")
	p.expect("CAP END")
	p.send(":irc.test 432 * José_von_Müller :Erroneous Nickname")
	p.expect("NICK Jose_von_Muller")
	p.send(":irc.test 432 * Jose_von_Muller :Erroneous Nickname")
	p.expect("NICK Jose_von_")
	p.send(":irc.test 001 Jose_von_ :Welcome")
	p.send(":irc.test 005 Jose_von_ NICKLEN=9 :are supported")
	p.send(":irc.test 422 Jose_von_ :no MOTD")
	p.nick = "Jose_von_"
	p.joined("Jose_von_ @bob")
	w.want("#go | members <@jose:x>Jose_von_=1 bob=4 secret false", `#go | topic by "": `,
		`#go | <@jose:x> joins as Jose_von_ role 1 created false ref "j1"`)
	p.observes()
	join("j2", "rene", "René the second").expect("NICK Rene_the_")
	// Users of XMPP are told.
	w.deliver("j3", "zoë", bridge.Join{})
	q := w.connection()
	q.expect("CAP LS 302")
	q.expect("NICK zoë")
	q.expect("USER ")
	q.send(":irc.test 432 * zoë :Erroneous Nickname")
	w.want(`#go | failure "j3" kind 7: Erroneous Nickname`)
}

// A nick that a dead session of ours has is taken when that ends.
func TestRegain(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	_ = p.conn.Close()
	w.want("#go | <alice@x> attached false: Connection to net lost: connection lost. Trying again.")
	p = w.connection()
	p.expect("CAP LS 302")
	p.expect("NICK alice")
	p.expect("USER ")
	p.send("CAP * LS :")
	p.expect("CAP END")
	p.send(":irc.test 433 * alice :Nickname is already in use")
	p.expect("NICK alice_")
	p.send(":irc.test 001 alice_ :Welcome")
	p.send(":irc.test 422 alice_ :no MOTD")
	p.nick = "alice_"
	p.joined("alice_ alice @bob")
	w.want("#go | <alice@x> is alice now alice_", "#go | members alice=1 <alice@x>alice_=1 bob=4 secret false", `#go | topic by "": `,
		"#go | <alice@x> attached true: Connected to net again.")
	p.observes()
	p.send(":alice!u@host QUIT :Ping timeout")
	w.want("#go | alice leaves (quit): Ping timeout by \"\"")
	p.expect("NICK alice")
	p.send(":alice_!u@host NICK alice")
	w.want("#go | <alice@x> is alice_ now alice")
	p.send(":bob!b@h NICK alice_")
	w.want("#go | bob is bob now alice_")
	p.fence()
}
