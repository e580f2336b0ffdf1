package ircside

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/line"
)

// tagging makes the server offer message-tags.
func tagging(p *peer) {
	p.t.Helper()
	p.send(":irc.test CAP alice NEW :message-tags")
	p.expect("CAP REQ message-tags")
	p.send(":irc.test CAP alice ACK :message-tags")
	p.fence()
}

func TestTyping(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	w.deliver("t0", "alice", bridge.Typing{On: true}) // the server has no tags yet
	p.fence()
	tagging(p)
	w.deliver("t1", "alice", bridge.Typing{}) // nobody heard that she was
	w.deliver("t2", "alice", bridge.Typing{On: true})
	w.deliver("t3", "alice", bridge.Typing{On: true}) // too soon
	p.expect("@+typing=active TAGMSG #go")
	w.deliver("t4", "alice", bridge.Typing{})
	w.deliver("t5", "alice", bridge.Typing{})
	p.expect("@+typing=done TAGMSG #go")
	w.deliver("t6", "alice", bridge.Typing{On: true})
	w.private("t7", "alice", "bob", bridge.Typing{On: true})
	w.private("t8", "alice", "#go", bridge.Typing{On: true})
	w.private("t9", "alice", "", bridge.Typing{On: true})
	p.expect("@+typing=active TAGMSG bob")
	w.private("m1", "alice", "bob", bridge.Message{Text: "hi"})
	p.expect("PRIVMSG bob hi")
	p.pong()
	w.want(`bob | confirm "m1" native ""`)
	w.private("t10", "alice", "bob", bridge.Typing{}) // said: it is clear that she is not
	p.fence()

	p.send("@+typing=active :bob!b@h TAGMSG alice")
	p.send("@+typing=active :alice!b@h TAGMSG alice")
	p.send("@+x=active :bob!b@h TAGMSG alice")
	w.want("bob | bob typing true")
	p.send("@+typing=paused :bob!b@h TAGMSG alice")
	w.want("bob | bob typing false")
	p.fence()
	w.nothing()
}

func TestTypingDenied(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("j", "alice", bridge.Join{})
	p := w.accept(inspircd + " CLIENTTAGDENY=*")
	p.joined("alice")
	tagging(p)
	w.deliver("t", "alice", bridge.Typing{On: true})
	p.fence()
}

// typingTranscript is what a channel makes of typing.
func TestObserverTyping(t *testing.T) {
	o := watcher(inspircd)
	got := transcript(t, o, `
		@+typing=active :bob!b@h TAGMSG #go
		:irc.test 353 alice = #go :alice bob carol
		:irc.test 366 alice #go :End
		@+typing=active :bob!b@h TAGMSG #go
		@+typing=active :bob!b@h TAGMSG #go
		@+typing=active :alice!b@h TAGMSG #go
		@+typing=active :eve!b@h TAGMSG #go
		@+draft/typing=active :carol!b@h TAGMSG #go
		:bob!b@h PRIVMSG #go :hello
		@+typing=done :bob!b@h TAGMSG #go
		@+typing=paused :carol!b@h TAGMSG #go
		@+typing=active :carol!b@h TAGMSG #go
		:carol!b@h PART #go
		:carol!b@h TAGMSG #go`)
	want := `members <alice@x>alice=1 bob=1 carol=1 secret false
topic by "": 
bob typing true
carol typing true
bob typing false
bob says: hello
carol typing false
carol typing true
carol leaves (part):  by ""`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if o.typists != nil {
		t.Errorf("%d are remembered", len(o.typists))
	}
	o = watcher(inspircd)
	transcript(t, o, ":irc.test 353 alice = #go :bob\n:irc.test 366 alice #go :End")
	var m line.Message
	if err := line.Parse([]byte("@+typing=active :bob!b@h TAGMSG #go"), &m); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0, 1} { // at 0, 1.5 and 3 s
		if got := o.feed(&m, testTime.Add(time.Duration(i)*1500*time.Millisecond), false); len(got) != want {
			t.Errorf("%d: %d events", i, len(got))
		}
	}
}

func TestAddressees(t *testing.T) {
	o := watcher(inspircd)
	transcript(t, o, ":irc.test 353 alice = #go :alice bob carol\n:irc.test 366 alice #go :End")
	alice, bob := jid("alice"), bridge.Person{Network: "net", ID: "bob"}
	mention := func(start, end int, p bridge.Person) bridge.Span {
		return bridge.Span{Start: start, End: end, Style: bridge.StyleMention, Person: p}
	}
	for said, want := range map[string][]bridge.Span{
		"hello":                        nil,
		"Alice: hi":                    {mention(0, 5, alice)},
		"bob,  ALICE: hi, alice":       {mention(0, 3, bob), mention(6, 11, alice)},
		"bob, hi":                      {mention(0, 3, bob)},
		"eve: hi":                      nil,
		": hi":                         nil,
		"bob hi":                       nil,
		"bob":                          nil,
		"bob:":                         {mention(0, 3, bob)},
		"\x02alice\x02: \x1dhi\x1d":    {{Start: 0, End: 5}, mention(0, 5, alice), {Start: 7, End: 9, Style: bridge.StyleItalic}},
		"\x01ACTION bob: waves\x01":    nil,
		strings.Repeat("bob,", 100):    {mention(0, 3, bob), mention(4, 7, bob), mention(8, 11, bob), mention(12, 15, bob), mention(16, 19, bob)},
		strings.Repeat("x", 300) + ":": nil,
	} {
		var m line.Message
		if err := line.Parse([]byte(":bob!b@h PRIVMSG #go :"+said), &m); err != nil {
			t.Fatal(err)
		}
		events := o.feed(&m, testTime, false)
		if len(events) != 1 {
			t.Fatalf("%q: %v", said, events)
		}
		if got := events[0].Body.(bridge.Message); !reflect.DeepEqual(got.Spans, want) {
			t.Errorf("%q: %v", said, got.Spans)
		}
	}
}

// What is said with formatting, files and mentions, as IRC has it.
func TestSaidWithFormat(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	p.send(":Dave!b@h JOIN #go")
	w.want("#go | Dave joins as Dave role 1 created false ref \"\"")
	say := func(m bridge.Message, want ...string) {
		t.Helper()
		w.deliver("m", "alice", m)
		for _, l := range want {
			if got := p.expect("PRIVMSG "); got != l {
				t.Errorf("sent %q, want %q", got, l)
			}
		}
		p.pong()
		w.want(`#go | confirm "m" native ""`)
	}
	say(bridge.Message{Text: "b: bold\nit", Spans: []bridge.Span{
		{End: 1, Style: bridge.StyleMention, Person: bridge.Person{Network: "net", ID: "dave"}}, {Start: 3, End: 10}}},
		"PRIVMSG #go :Dave: \x02bold\x02", "PRIVMSG #go \x02it\x02")
	say(bridge.Message{Text: "a and e", Spans: []bridge.Span{
		{End: 1, Style: bridge.StyleMention, Person: jid("alice")}, {Start: 6, End: 7, Style: bridge.StyleMention, Person: jid("eve")}}},
		"PRIVMSG #go :alice and e")
	say(bridge.Message{Text: "look https://x/b", Files: []bridge.File{{URL: "https://x/a/cat%20a.jpg?s", Name: "cat a.jpg"}, {URL: "https://x/1", Name: "dog.jpg"}, {URL: "https://x/b"}, {}}},
		"PRIVMSG #go :look https://x/b", "PRIVMSG #go https://x/a/cat%20a.jpg?s", "PRIVMSG #go :dog.jpg: https://x/1")
	say(bridge.Message{Files: []bridge.File{{URL: "https://x/1"}}}, "PRIVMSG #go https://x/1")
	long := bridge.Message{Text: strings.Repeat("wörd ", 150), Spans: []bridge.Span{{End: 900}}}
	w.deliver("m", "alice", long)
	var whole strings.Builder
	for whole.Len() < 880 {
		l := strings.TrimPrefix(strings.TrimPrefix(p.expect("PRIVMSG #go"), "PRIVMSG #go "), ":")
		if !strings.HasPrefix(l, "\x02") || !strings.HasSuffix(l, "\x02") || len(":alice!u@host PRIVMSG #go :"+l+"\r\n") > line.MaxBody {
			t.Errorf("%d bytes: %q", len(l), l)
		}
		whole.WriteString(strings.Trim(l, "\x02"))
	}
	if whole.String() != long.Text {
		t.Errorf("%q", whole.String())
	}
	p.pong()
	w.want(`#go | confirm "m" native ""`)
}

func TestInvite(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	w.deliver("i1", "alice", bridge.Invite{Person: bridge.Person{Network: "net", ID: "bob"}})
	p.expect("INVITE bob #go")
	p.pong()
	w.want(`#go | confirm "i1" native ""`)
	w.deliver("i2", "alice", bridge.Invite{Person: jid("alice")})
	p.expect("INVITE alice #go")
	p.send(":irc.test 443 alice alice #go :is already on channel")
	p.pong()
	w.want(`#go | failure "i2" kind 6: is already on channel`)
	w.deliver("i3", "alice", bridge.Invite{Person: jid("eve")})
	w.want(`#go | failure "i3" kind 1: They are not on net.`)
	w.deliver("i4", "bob", bridge.Invite{Person: jid("eve")})
	w.want(`#go | failure "i4" kind 8: You are not in this room.`)
	w.private("q", "alice", "bob", bridge.Query{What: bridge.QueryAvatar})
	w.want(`bob | failure "q" kind 18: IRC has no pictures.`)
}

// What people are at home, as networks have it that are not XMPP.
func TestFill(t *testing.T) {
	for who, want := range map[bridge.Person]string{
		jid("alice"): "alice alice alice@x {other",
		{Network: bridge.NetworkMatrix, ID: "@bob:server.org:8448"}: "bob bob @bob:server.org:8448 {other",
		{Network: bridge.NetworkMatrix, ID: "@a.b=2fc:server.org"}:  "a.b=2fc a.b=2fc @a.b=2fc:server.org {other",
		{Network: bridge.NetworkXMPP, ID: "example.org"}:            "example.org example.org example.org {other",
	} {
		c := newClient(nil, who)
		if got := c.fill("{nick} {local} {jid} {other"); got != want {
			t.Errorf("%v: %q", who, got)
		}
	}
	if got := nickFrom("a.b=2fc"); got != "a_b_2fc" {
		t.Errorf("%q", got)
	}
}
