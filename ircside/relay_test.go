package ircside

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"isthmus/bridge"
	"isthmus/ircside/session"
	"isthmus/ircside/text"
)

func TestAttribution(t *testing.T) {
	bob := func(word string) bool { return strings.EqualFold(word, "bob") }
	for _, c := range []struct {
		relay         Relay
		name, network string
		emote         bool
		want          string
	}{
		{Relay{}, "Bob", "xmpp", false, "<Bob> "},
		{Relay{Guard: true}, "Bob", "xmpp", false, "<B\u200bob> "},
		{Relay{Guard: true}, "Bob Miller", "xmpp", false, "<B\u200bob Miller> "},
		{Relay{Guard: true}, "Bobby", "xmpp", false, "<Bobby> "},
		{Relay{Guard: true}, "Bob", "xmpp", true, "* B\u200bob "},
		{Relay{Template: "[{name}@{network}]: "}, "rob", "matrix", false, "[rob@matrix]: "},
		{Relay{Template: "{name}5 ", Colour: true}, "rob", "x", false, "\x0307rob\x0f5 "},
		{Relay{Colour: true}, ",1x", "x", false, "<\x0305\x02\x02,1x\x0f> "},
		{Relay{}, " a\nb\u202e\x02c\x0304 ", "x", false, "<abc> "},
		{Relay{}, "\u200b", "x", false, "<?> "},
		{Relay{}, strings.Repeat("é", 100), "x", false, "<" + strings.Repeat("é", 32) + "> "},
	} {
		got := c.relay.attribution(c.name, c.network, c.emote, bob)
		if got != c.want {
			t.Errorf("%+v %q: %q, want %q", c.relay, c.name, got, c.want)
		}
	}
	if got := madeUp("Bob Miller!", "irc.example:6697", '/'); got != "Bob_Miller_/irc_example_6697" {
		t.Errorf("%q", got)
	}
}

// Whatever somebody is called, their name is one word or more on one line, in
// no other colour than its own.
func FuzzAttribution(f *testing.F) {
	f.Add("Bob Miller", "xmpp", true)
	f.Add(",1\x03", "", false)
	f.Add("👩‍👩‍👧 \u202e\u200b", "x", true)
	f.Fuzz(func(t *testing.T, name, network string, emote bool) {
		relay := DefaultRelay
		got := relay.attribution(name, network, emote, func(string) bool { return true })
		if !utf8.ValidString(name) || !utf8.ValidString(network) {
			return
		}
		if len(got) > 300 || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x01") {
			t.Fatalf("%q", got)
		}
		if plain := strings.ReplaceAll(text.Strip(got), guard, ""); !strings.Contains(plain, shownName(name)) {
			t.Fatalf("%q has not the name %q", plain, shownName(name))
		}
		if nick := madeUp(name, network, '/'); strings.ContainsAny(nick, " !@,*:\r\n\x00") || len(nick) > 2*maxMadeUp+1 || strings.Count(nick, "/") != 1 {
			t.Fatalf("%q", nick)
		}
	})
}

// keep has the keeper do something in #go.
func (w *world) keep(id string, body bridge.Body) {
	w.side.Deliver(bridge.Event{ID: id, Room: room, By: bridge.Keeper, Name: "isthmus", Body: body})
}

// via has somebody of another room say something through the keeper.
func (w *world) via(id, name string, body bridge.Body) {
	w.side.Deliver(bridge.Event{ID: id, Room: room, By: bridge.Person{Network: "xmpp", ID: "muc@x/" + name}, Name: name, Via: bridge.Keeper, Body: body})
}

// keeperWorld is a world with the keeper in #go, where bob is the operator.
func keeperWorld(t *testing.T, caps string, change func(*Network)) (*world, *peer) {
	t.Helper()
	w := newWorld(t, func(o *Options) {
		n := o.Networks["net"]
		n.Relay = DefaultRelay
		n.Relay.Colour = false
		if change != nil {
			change(&n)
		}
		o.Networks["net"] = n
		o.RoomsPerPerson, o.NetworksPerPerson = 1, 1
	})
	w.keep("j1", bridge.Join{})
	p := w.acceptWith(caps)
	if p.nick != "isthmus" {
		t.Fatalf("the keeper is %s", p.nick)
	}
	if caps == "" {
		p.joined("isthmus @bob")
	} else {
		p.joinedLabelled("isthmus @bob")
	}
	w.want("#go | members bob=4 <isthmus>isthmus=1 secret false",
		`#go | topic by "": `,
		`#go | <isthmus> joins as isthmus role 1 created false ref "j1"`)
	p.observes()
	return w, p
}

// observes reads the questions of a new observer.
func (p *peer) observes() {
	p.t.Helper()
	p.expect("WHO #go")
}

func (w *world) acceptWith(caps string) *peer {
	w.t.Helper()
	if caps == "" {
		return w.accept()
	}
	p := w.connection()
	p.expect("CAP LS 302")
	p.nick = strings.Fields(p.expect("NICK "))[1]
	p.expect("USER ")
	p.send("CAP * LS :%s", caps)
	p.send("CAP * ACK :%s", strings.TrimPrefix(strings.TrimPrefix(p.expect("CAP REQ "), "CAP REQ "), ":"))
	p.expect("CAP END")
	p.send(":irc.test 001 %s :Welcome %s!u@host", p.nick, p.nick)
	p.send(":irc.test 005 %s %s :are supported", p.nick, inspircd)
	p.send(":irc.test 422 %s :no MOTD", p.nick)
	return p
}

func (p *peer) joinedLabelled(names string) {
	p.t.Helper()
	l := p.expectTagged("JOIN #go")
	p.send("@label=%s BATCH +1 labeled-response", l)
	p.send("@batch=1 :%s!u@host JOIN #go", p.nick)
	p.send("@batch=1 :irc.test 353 %s = #go :%s", p.nick, names)
	p.send("@batch=1 :irc.test 366 %s #go :End", p.nick)
	p.send("BATCH -1")
}

// expectTagged reads a line with a label, and gives that.
func (p *peer) expectTagged(prefix string) (label string) {
	p.t.Helper()
	l := p.expect("@label=")
	tags, rest, _ := strings.Cut(l, " ")
	if !strings.HasPrefix(rest, prefix) {
		p.t.Fatalf("%s sent %q, want %q", p.nick, l, prefix)
	}
	return strings.TrimPrefix(tags, "@label=")
}

func TestRelay(t *testing.T) {
	w, p := keeperWorld(t, "", nil)
	w.via("m1", "Juliet", bridge.Message{Text: "hello\n\nthere"})
	p.expect("PRIVMSG #go :<Juliet> hello")
	p.expect("PRIVMSG #go :<Juliet> there")
	w.nothing()
	p.pong()
	w.want(`#go | confirm "m1" native ""`)

	w.via("m2", "bob", bridge.Message{Text: "waves", Emote: true})
	p.expect("PRIVMSG #go :* b\u200bob waves")
	p.send(":irc.test 404 isthmus #go :Cannot send to channel (+m)")
	p.pong()
	w.want(`#go | failure "m2" kind 9: Cannot send to channel (+m)`)

	w.via("m3", "Juliet", bridge.Message{Text: "x", Notice: true, Files: []bridge.File{{URL: "https://a/b.png"}}})
	p.expect("NOTICE #go :<Juliet> x")
	p.expect("NOTICE #go :<Juliet> https://a/b.png")
	p.pong()
	w.want(`#go | confirm "m3" native ""`)

	w.via("m4", "Juliet", bridge.Message{Text: " "})
	w.want(`#go | failure "m4" kind 16: There is no text in this message.`)

	// Who is there, and what the bridge itself has to say.
	p.send(":bob!b@h PRIVMSG #go :hi")
	p.send(":isthmus!u@host PRIVMSG #go :not told")
	w.want("#go | bob says: hi")
	w.side.Deliver(bridge.Event{Room: room, Via: bridge.Keeper, Body: bridge.Info{Text: "one\ntwo"}})
	p.expect("NOTICE #go one")
	p.expect("NOTICE #go two")
	w.side.Deliver(bridge.Event{Room: room, Via: bridge.Keeper, By: bridge.Person{Network: "net", ID: "bob"}, Body: bridge.Info{Text: "for you"}})
	p.expect("NOTICE bob :for you")

	w.keep("", bridge.Leave{})
	p.expect("PART #go")
	p.send(":isthmus!u@host PART #go")
	p.pong()
	p.expect("QUIT")
	p.send("ERROR :bye")
	w.via("m5", "Juliet", bridge.Message{Text: "x"})
	w.want(`#go | failure "m5" kind 8: The bridge is not in this room.`)
	w.side.Deliver(bridge.Event{Room: room, Via: bridge.Keeper, Body: bridge.Info{Text: "nobody hears it"}})
	if n := w.side.Counters.Unsaid.Load(); n != 1 {
		t.Errorf("%d unsaid", n)
	}
}

// The bridge is in as many channels as it takes, and connected whoever else is.
func TestKeeperUnlimited(t *testing.T) {
	w, p := keeperWorld(t, "", func(n *Network) { n.Sessions = 1 })
	other := bridge.Room{Network: "net", ID: "#two"}
	w.side.Deliver(bridge.Event{ID: "j2", Room: other, By: bridge.Keeper, Name: "isthmus", Body: bridge.Join{Password: "key"}})
	p.expect("JOIN #two key")
	p.send(":irc.test 405 isthmus #two :You have joined too many channels")
	p.pong()
	w.want(`#two | failure "j2" kind 12: You have joined too many channels`)

	w.deliver("j3", "alice", bridge.Join{})
	a := w.accept()
	a.expect("JOIN #go")
	p.send(":alice!u@host JOIN #go")
	p.fence()
	a.joinedAs("alice isthmus @bob")
	w.want(`#go | <alice@x> joins as alice role 1 created false ref "j3"`)
	w.side.Deliver(bridge.Event{ID: "j4", Room: room, By: jid("carol"), Name: "carol", Body: bridge.Join{}})
	w.want(`#go | failure "j4" kind 12: No more people of this gateway may connect to net at the moment.`)
}

// A nick that is taken doesn't keep the bridge away.
func TestKeeperNickTaken(t *testing.T) {
	w := newWorld(t, nil)
	w.keep("j1", bridge.Join{})
	p := w.connection()
	p.expect("CAP LS 302")
	p.expect("NICK isthmus")
	p.expect("USER isthmus 0 * :Isthmus, the bridge")
	p.send("CAP * LS :")
	p.expect("CAP END")
	p.send(":irc.test 433 * isthmus :Nickname is already in use")
	p.nick = strings.Fields(p.expect("NICK "))[1]
	p.send(":irc.test 001 %s :Welcome", p.nick)
	p.send(":irc.test 422 %s :no MOTD", p.nick)
	p.joined(p.nick)
	w.want("#go | members <isthmus>"+p.nick+"=1 secret false", `#go | topic by "": `,
		`#go | <isthmus> joins as `+p.nick+` role 1 created false ref "j1"`)
}

// Every piece of a long message says whose it is, and fits.
func TestRelayLong(t *testing.T) {
	w, p := keeperWorld(t, "", func(n *Network) { n.Relay.Colour = true })
	said := strings.TrimSpace(strings.Repeat("words of some length ", 100))
	w.via("m1", "Juliet", bridge.Message{Text: said})
	var got []string
	for strings.Join(got, "") != said {
		l := p.expect("PRIVMSG #go :")
		if n := len(":isthmus!u@host " + l + "\r\n"); n > 512 {
			t.Fatalf("%d bytes: %q", n, l)
		}
		words, ok := strings.CutPrefix(l, "PRIVMSG #go :<\x0312Juliet\x0f> ")
		if !ok {
			t.Fatalf("%q", l)
		}
		got = append(got, words)
	}
	if len(got) != 5 {
		t.Errorf("%d pieces", len(got))
	}
}

// None of many lines at once is lost, channels take turns, and what is beyond
// the queue is refused.
func TestRelayQueue(t *testing.T) {
	w, p := keeperWorld(t, "", func(n *Network) { n.Flood = session.Flood{Burst: 10, Interval: time.Hour} })
	for range 4 { // JOIN, MODE, WHO; the rest of the burst:
		w.via("x", "Juliet", bridge.Message{Text: "x"})
	}
	refused := 0
	const more = keeperQueue + 100
	for i := range more {
		w.via(fmt.Sprint(i), "Juliet", bridge.Message{Text: "x"})
	}
	for {
		select {
		case e := <-w.events:
			if f, ok := e.Body.(bridge.Failure); !ok || f.Kind != bridge.ErrTooMany {
				t.Fatal(show(e))
			}
			refused++
			continue
		default:
		}
		break
	}
	if refused < 90 || refused > 100 {
		t.Errorf("%d of %d refused", refused, more)
	}
	p.expect("PRIVMSG #go :<Juliet> x")
	go func() { // all that waits fails with the session
		for range w.events {
		}
	}()
	t.Cleanup(func() { close(w.events) })
	w.stop()
}

func TestRelaymsg(t *testing.T) {
	w, p := keeperWorld(t, "draft/relaymsg=/ message-tags batch labeled-response", nil)
	echo := func(label, words string) {
		p.send("@label=%s;msgid=%s;draft/relaymsg=isthmus :Juliet/xmpp!~u@h PRIVMSG #go :%s", label, words, words)
	}
	// The first one shows whether we may.
	w.via("m1", "Juliet", bridge.Message{Text: "one"})
	w.via("m2", "Juliet", bridge.Message{Text: "two", Emote: true})
	l := p.expectTagged("RELAYMSG #go Juliet/xmpp one")
	p.fence()
	echo(l, "one")
	w.want(`#go | confirm "m1" native "one"`)
	l = p.expectTagged("RELAYMSG #go Juliet/xmpp :\x01ACTION two\x01")
	w.via("m3", "Juliet", bridge.Message{Text: "three"})
	l3 := p.expectTagged("RELAYMSG #go Juliet/xmpp three")
	echo(l, "two")
	w.want(`#go | confirm "m2" native "two"`)
	// A nick that does not fit is no reason for any other.
	p.send("@label=%s :irc.test FAIL RELAYMSG INVALID_NICK :Invalid nickname", l3)
	l = p.expectTagged("PRIVMSG #go :<Juliet> three")
	p.send("@label=%s :irc.test ACK", l)
	w.want(`#go | confirm "m3" native ""`)
	// Who is banned is not let in by the back door.
	w.via("m4", "Juliet", bridge.Message{Text: "four"})
	p.send("@label=%s :irc.test FAIL RELAYMSG BANNED :Juliet/xmpp is banned from relaying", p.expectTagged("RELAYMSG #go Juliet/xmpp four"))
	w.want(`#go | failure "m4" kind 2: Juliet/xmpp is banned from relaying`)
	// We may no more: the order stays.
	w.via("m5", "Juliet", bridge.Message{Text: "five"})
	w.via("m6", "Juliet", bridge.Message{Text: "six"})
	l5, l6 := p.expectTagged("RELAYMSG #go Juliet/xmpp five"), p.expectTagged("RELAYMSG #go Juliet/xmpp six")
	p.send("@label=%s :irc.test FAIL RELAYMSG PRIVS_NEEDED :You cannot relay messages to this channel", l5)
	p.expectTagged("PRIVMSG #go :<Juliet> five")
	w.via("m7", "Juliet", bridge.Message{Text: "seven"})
	p.fence()
	p.send("@label=%s :irc.test FAIL RELAYMSG PRIVS_NEEDED :You cannot relay messages to this channel", l6)
	p.expectTagged("PRIVMSG #go :<Juliet> six")
	p.expectTagged("PRIVMSG #go :<Juliet> seven")
	// Power may make a difference.
	p.send(":bob!b@h MODE #go +o isthmus")
	w.want("#go | <isthmus> role 4 by bob")
	w.via("m8", "Juliet", bridge.Message{Text: "eight"})
	p.expectTagged("RELAYMSG #go Juliet/xmpp eight")
	// What comes unasked, of ours and of others.
	p.send("@draft/relaymsg=isthmus :Juliet/xmpp!~u@h PRIVMSG #go :once more")
	p.send("@draft/relaymsg=other :rob/discord!~u@h PRIVMSG #go :hi")
	w.want("#go | rob/discord says: hi")
}

func BenchmarkAttribution(b *testing.B) {
	relay := DefaultRelay
	pings := func(word string) bool { return word == "bob" }
	b.ReportAllocs()
	for b.Loop() {
		relay.attribution("Juliet", "xmpp", false, pings)
	}
}

func BenchmarkPieces(b *testing.B) {
	b.ReportAllocs()
	said := bridge.Message{Text: "a line as people write them, of sixty letters or so"}
	for b.Loop() {
		pieces(said, nil, 400)
	}
}

// What was not answered when the connection broke fails, each by itself, and
// what comes after it is back goes out.
func TestRelayLost(t *testing.T) {
	w, p := keeperWorld(t, "draft/relaymsg=/ message-tags batch labeled-response", nil)
	w.via("m1", "Juliet", bridge.Message{Text: "one"})
	w.via("m2", "Juliet", bridge.Message{Text: "two"})
	p.expectTagged("RELAYMSG #go Juliet/xmpp one")
	_ = p.conn.Close()
	offline := " kind 14: The bridge is not connected to net at the moment."
	w.want(`#go | failure "m1"`+offline, `#go | failure "m2"`+offline,
		"#go | <isthmus> attached false: Connection to net lost: connection lost. Trying again.")
	w.via("m3", "Juliet", bridge.Message{Text: "three"})
	w.want(`#go | failure "m3"` + offline)
	p = w.accept()
	p.joined("isthmus @bob")
	w.want("#go | members bob=4 <isthmus>isthmus=1 secret false", `#go | topic by "": `,
		"#go | <isthmus> attached true: Connected to net again.")
	p.observes()
	w.via("m4", "Juliet", bridge.Message{Text: "four"})
	p.expect("PRIVMSG #go :<Juliet> four")
	p.pong()
	w.want(`#go | confirm "m4" native ""`)
}
