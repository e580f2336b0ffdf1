package ircside

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
	"isthmus/ircside/text"
)

// ofOurs reports whether somebody is no native of the test's network.
func ofOurs(p bridge.Person) bool { return p != (bridge.Person{}) && p.Network != "net" }

// show writes an event as the transcripts have it.
func show(e bridge.Event) string {
	who := e.By.ID
	if ofOurs(e.By) {
		who = "<" + who + ">"
	}
	switch b := e.Body.(type) {
	case bridge.Message:
		kind := "says"
		if b.Emote {
			kind = "emotes"
		}
		if b.Notice {
			kind = "notes"
		}
		return fmt.Sprintf("%s %s: %s", who, kind, b.Text)
	case bridge.Join:
		return fmt.Sprintf("%s joins as %s role %d created %v ref %q", who, e.Name, b.Role, b.Created, e.Ref)
	case bridge.Leave:
		return fmt.Sprintf("%s leaves (%s): %s by %q", who, [...]string{"part", "quit", "kick", "ban", "split", "kill", "shutdown"}[b.Cause], b.Reason, b.Actor)
	case bridge.Invite:
		return fmt.Sprintf("%s calls <%s>", who, b.Person.ID)
	case bridge.Pardon:
		return fmt.Sprintf("%s is pardoned by %s", b.Person.ID, b.Actor)
	case bridge.Rename:
		return fmt.Sprintf("%s is %s now %s", who, e.Name, b.To)
	case bridge.Presence:
		return fmt.Sprintf("%s show %d %s", who, b.Show, b.Status)
	case bridge.RoleChange:
		return fmt.Sprintf("%s role %d by %s", who, b.Role, b.Actor)
	case bridge.Topic:
		return fmt.Sprintf("topic by %q: %s", e.Name, b.Text)
	case bridge.Members:
		var names []string
		for _, m := range b.Members {
			name := m.Name
			if ofOurs(m.Person) {
				name = "<" + m.Person.ID + ">" + name
			}
			if m.Show != 0 {
				name += "/" + m.Status
			}
			names = append(names, fmt.Sprintf("%s=%d", name, m.Role))
		}
		return fmt.Sprintf("members %s secret %v", strings.Join(names, " "), b.Secret)
	case bridge.Attachment:
		return fmt.Sprintf("%s attached %v: %s", who, b.Attached, b.Text)
	case bridge.Session:
		return fmt.Sprintf("session %v: %s", b.Up, b.Text)
	case bridge.Info:
		return "info: " + b.Text
	case bridge.Typing:
		return fmt.Sprintf("%s typing %v", who, b.On)
	case bridge.Answer:
		return fmt.Sprintf("answer %q: %v cut %v", e.Ref, b.Rows, b.Cut)
	case bridge.Confirm:
		return fmt.Sprintf("confirm %q native %q", e.Ref, b.Native)
	case bridge.Failure:
		return fmt.Sprintf("failure %q kind %d: %s", e.Ref, b.Kind, b.Text)
	}
	return fmt.Sprintf("%T", e.Body)
}

// watcher is an observer of #go in which alice is one of ours.
func watcher(tokens string) *observer {
	params := [][]byte{[]byte("alice")}
	for _, tok := range strings.Fields(tokens) {
		params = append(params, []byte(tok))
	}
	table := isupport.Default().With(append(params, nil))
	return &observer{
		room:   &bridge.Room{Network: "net", ID: "#go"},
		table:  table,
		decode: func(b []byte) string { return text.Decode(b, charmap.Windows1252) },
		ours: func(nick string) (bridge.Person, bool) {
			if table.Fold(nick) == "alice" {
				return bridge.Person{Network: bridge.NetworkXMPP, ID: "alice@x"}, true
			}
			return bridge.Person{}, false
		},
	}
}

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// transcript feeds lines, and gives each with what it led to below it. A line
// that begins with "split" is part of a netsplit batch.
func transcript(t *testing.T, o *observer, lines string) string {
	t.Helper()
	var out strings.Builder
	for l := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		l, split := strings.CutPrefix(strings.TrimSpace(l), "split ")
		var m line.Message
		if err := line.Parse([]byte(l), &m); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		for _, e := range o.feed(&m, testTime, split) {
			if e.Room != *o.room {
				t.Errorf("%q: event of room %v", l, e.Room)
			}
			fmt.Fprintln(&out, show(e))
		}
	}
	return strings.TrimSpace(out.String())
}

const inspircd = "CASEMAPPING=ascii CHANTYPES=# PREFIX=(Yqaohv)!~&@%+ CHANMODES=IXbew,k,Ljl,imnpst STATUSMSG=!~&@%+ WHOX"

func TestObserver(t *testing.T) {
	for _, c := range []struct{ name, tokens, lines, want string }{
		{"InspIRCd: join and members", inspircd, `
			:alice!a@host JOIN #go * :Alice
			:irc.test 332 alice #go :Welcome to ` + "\x02" + `Go
			:irc.test 333 alice #go bob!b@h 1767225600
			:irc.test 353 alice @ #go :~@bob!b@host.b %carol!c@host.c alice!a@host
			:irc.test 366 alice #go :End of /NAMES list.`, `
			members <alice@x>alice=1 bob=6 carol=3 secret true
			topic by "bob": Welcome to Go`},
		{"ngIRCd: no topic, no multi-prefix", "PREFIX=(ohv)@%+", `
			:alice!~a@localhost JOIN :#go
			:irc.test 353 alice = #go :alice @bob
			:irc.test 353 alice = #go :+dave
			:irc.test 366 alice #go :End of NAMES list`, `
			members <alice@x>alice=1 bob=4 dave=2 secret false
			topic by "":`},
		{"coming and going", inspircd, `
			:irc.test 366 alice #go :End
			:bob!b@h JOIN #go bob :Bob
			:bob!b@h JOIN #go
			:bob!b@h NICK bobby
			:bobby!b@h PART #go :"see you"
			:bobby!b@h PART #go
			:erin!e@h JOIN #go
			:erin!e@h QUIT :Quit: bye
			:nobody!e@h QUIT :Quit: bye`, `
			members  secret false
			topic by "":
			bob joins as bob role 1 created false ref ""
			bob is bob now bobby
			bobby leaves (part): "see you" by ""
			erin joins as erin role 1 created false ref ""
			erin leaves (quit): Quit: bye by ""`},
		{"ours are told of by themselves, but for their power", inspircd, `
			:irc.test 366 alice #go :End
			:alice!a@h JOIN #go
			:bob!b@h JOIN #go
			:bob!b@h MODE #go +vo alice alice
			:bob!b@h MODE #go -v alice
			:alice!a@h PRIVMSG #go :hello
			:alice!a@h NICK lisa
			:lisa!a@h PRIVMSG #go :hello
			:bob!b@h NICK alice
			:alice!b@h PRIVMSG #go :I am a native
			:bob!b@h MODE #go -o lisa
			:lisa!a@h QUIT :gone`, `
			members  secret false
			topic by "":
			bob joins as bob role 1 created false ref ""
			<alice@x> role 2 by bob
			<alice@x> role 4 by bob
			bob is bob now alice
			alice says: I am a native
			<alice@x> role 1 by bob`},
		{"netsplit by batch and by its reason", inspircd, `
			:irc.test 353 alice = #go :a b c d e f
			:irc.test 366 alice #go :End
			split :a!a@h QUIT :irc.hub other.host
			:b!a@h QUIT :irc.hub.net leaf.net
			:c!a@h QUIT :*.net *.split
			:d!a@h QUIT :see example.org
			:e!a@h QUIT :Killed (oper (spam))
			:f!a@h QUIT :Quit: a.b c.d`, `
			members a=1 b=1 c=1 d=1 e=1 f=1 secret false
			topic by "":
			a leaves (split): irc.hub other.host by ""
			b leaves (split): irc.hub.net leaf.net by ""
			c leaves (split): *.net *.split by ""
			d leaves (quit): see example.org by ""
			e leaves (kill): Killed (oper (spam)) by "oper"
			f leaves (quit): Quit: a.b c.d by ""`},
		{"kick and ban", inspircd, `
			:irc.test 353 alice = #go :@op!o@h bob!b@host.b carol!c@host.c dave erin
			:irc.test 366 alice #go :End
			:op!o@h KICK #go bob :out
			:op!o@h MODE #go +b *!*@host.c
			:erin!e@h KICK #go dave :not the same hand
			:op!o@h KICK #go carol :for good
			:op!o@h MODE #go +b erin!*@*
			:op!o@h KICK #go erin`, `
			members bob=1 carol=1 dave=1 erin=1 op=4 secret false
			topic by "":
			bob leaves (kick): out by "op"
			dave leaves (kick): not the same hand by "erin"
			carol leaves (ban): for good by "op"
			erin leaves (ban):  by "op"`},
		{"modes with parameters of all kinds", inspircd, `
			:irc.test 353 alice = #go :@op bob carol
			:irc.test 366 alice #go :End
			:op!o@h MODE #go +klbv-o key 5 *!*@x bob op
			:op!o@h MODE #go -kl+h key carol
			:op!o@h MODE #go +Y bob
			:op!o@h MODE #go b
			:op!o@h MODE #go +v
			:op!o@h MODE #go +s
			:irc.test MODE #go -s+nt`, `
			members bob=1 carol=1 op=4 secret false
			topic by "":
			bob role 2 by op
			op role 1 by op
			carol role 3 by op
			bob role 5 by op
			members bob=5 carol=3 op=1 secret true
			members bob=5 carol=3 op=1 secret false`},
		{"talk", inspircd, `
			:irc.test 353 alice = #go :bob
			:irc.test 366 alice #go :End
			@msgid=1;time=2026-01-01T00:00:00Z :bob!b@h PRIVMSG #go :plain ` + "\x034,2" + `colour caf` + "\xe9" + `
			:bob!b@h PRIVMSG #go :` + "\x01ACTION waves\x01" + `
			:bob!b@h PRIVMSG #go :` + "\x01VERSION\x01" + `
			:bob!b@h NOTICE #go :note
			:out!o@h PRIVMSG #go :from outside
			:irc.test NOTICE #go :server
			:bob!b@h PRIVMSG #go :` + "\x02\x02" + `
			:bob!b@h TOPIC #go :new one
			:ChanServ!s@s TOPIC #go :`, `
			members bob=1 secret false
			topic by "":
			bob says: plain colour café
			bob emotes: waves
			bob notes: note
			out says: from outside
			irc.test notes: server
			topic by "bob": new one
			topic by "ChanServ":`},
		{"away", inspircd, `
			:irc.test 353 alice = #go :alice bob carol dave
			:irc.test 366 alice #go :End
			:bob!b@h AWAY :lunch
			:bob!b@h AWAY :lunch
			:bob!b@h AWAY
			:alice!b@h AWAY :ours
			:irc.test 352 alice #go c host irc.test carol G :0 Carol
			:irc.test 354 alice 736 #go d host.d dave G@ 0
			:irc.test 354 alice 736 #go d host.d dave H 0
			:irc.test 354 alice 1 #go host.d dave G`, `
			members <alice@x>alice=1 bob=1 carol=1 dave=1 secret false
			topic by "":
			bob show 2 lunch
			bob show 0
			carol show 2
			dave show 2
			dave show 0`},
		{"InspIRCd: moderated when we come", inspircd, `
			:irc.test 353 alice = #go :@op +bob alice carol
			:irc.test 366 alice #go :End of /NAMES list.
			:irc.test 324 alice #go :+mnt
			:irc.test 329 alice #go :1767225600
			:dave!d@h JOIN #go
			:alice!a@h PRIVMSG #go :may I?
			:op!o@h MODE #go +v alice
			:op!o@h MODE #go -v bob
			:op!o@h MODE #go :-m
			:op!o@h MODE #go :-m
			:irc.test 324 alice #go :+nt`, `
			members <alice@x>alice=1 bob=2 carol=1 op=4 secret false
			topic by "":
			<alice@x> role 0 by
			carol role 0 by
			dave joins as dave role 0 created false ref ""
			<alice@x> role 2 by op
			bob role 0 by op
			bob role 1 by op
			carol role 1 by op
			dave role 1 by op`},
		{"ngIRCd: becomes moderated", "CASEMAPPING=ascii PREFIX=(qaohv)~&@%+ CHANMODES=beI,k,l,imMnOPQRstVz", `
			:irc.test 353 alice = #go :@op bob
			:irc.test 366 alice #go :End of NAMES list
			:irc.test 324 alice #go +
			:op!~o@localhost MODE #go +m-o+v op bob
			:alice!~a@localhost JOIN :#go
			:op!~o@localhost MODE #go +k m
			:op!~o@localhost MODE #go -vm bob`, `
			members bob=1 op=4 secret false
			topic by "":
			bob role 0 by op
			op role 0 by op
			bob role 2 by op
			<alice@x> role 0 by
			bob role 0 by op
			<alice@x> role 1 by op
			bob role 1 by op
			op role 1 by op`},
		{"Ergo: moderated while nobody was told yet", "CASEMAPPING=ascii PREFIX=(qaohv)~&@%+ CHANMODES=Ibe,k,fl,CEMRUimnstu", `
			:ergo.test 353 alice = #go :@op!~u@x.irc bob!~u@y.irc
			:op!~u@x.irc MODE #go +m
			:ergo.test 366 alice #go :End of NAMES list
			:ergo.test 324 alice #go +Cmnt
			:op!~u@x.irc MODE #go -m`, `
			members bob=0 op=4 secret false
			topic by "":
			bob role 1 by op`},
		{"solanum: case mapping and statusmsg-like names", "CASEMAPPING=rfc1459 PREFIX=(ov)@+ CHANMODES=eIbq,k,flj,CFLMPQScgimnprstuz", `
			:irc.test 353 alice * #go :@[bob] +x
			:irc.test 366 alice #go :End
			:{bob}!b@h MODE #go -o [BOB]
			:{BOB}!b@h NICK bob`, `
			members [bob]=4 x=2 secret true
			topic by "":
			[bob] role 1 by {bob}
			[bob] is [bob] now bob`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := watcher(c.tokens)
			o.begin()
			same(t, transcript(t, o, c.lines), c.want)
		})
	}
}

// same compares texts but for blanks at the ends of lines.
func same(t *testing.T, got, want string) {
	t.Helper()
	trim := func(s string) string {
		lines := strings.Split(strings.TrimSpace(s), "\n")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		return strings.Join(lines, "\n")
	}
	if got, want := trim(got), trim(want); got != want {
		t.Errorf("got\n%s\n\nwant\n%s", got, want)
	}
}

// Another session takes over: what happened meanwhile is in its Members, and
// what NAMES does not tell is not forgotten.
func TestObserverTakeover(t *testing.T) {
	o := watcher(inspircd)
	o.begin()
	transcript(t, o, `
		:irc.test 353 alice = #go :alice bob carol!c@host.c
		:irc.test 366 alice #go :End
		:bob!b@h AWAY :lunch`)
	o.begin()
	got := transcript(t, o, `
		:bob!b@h PRIVMSG #go :said meanwhile
		:dave!d@h JOIN #go
		:irc.test 332 alice #go :topic
		:irc.test 353 alice = #go :alice @bob dave
		:irc.test 366 alice #go :End`)
	want := "bob says: said meanwhile\nmembers <alice@x>alice=1 bob/lunch=4 dave=1 secret false\ntopic by \"\": topic"
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// In a large channel only our own people are told of as visitors, also by a
// later member list.
func TestModeratedLarge(t *testing.T) {
	o := watcher(inspircd)
	o.begin()
	names := ":s 353 alice = #go :alice"
	for i := range maxVisitors {
		names += fmt.Sprintf(" native%d", i)
	}
	names += "\n:s 366 alice #go :End"
	transcript(t, o, names)
	got := transcript(t, o, ":op!o@h MODE #go +m\n:op!o@h MODE #go +v native7\n:x!x@h JOIN #go\n:s 324 alice #go +nt\n:op!o@h MODE #go +m")
	if want := "<alice@x> role 0 by op\nnative7 role 2 by op\nx joins as x role 1 created false ref \"\"\n<alice@x> role 1 by \n<alice@x> role 0 by op"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	o.begin() // another session takes over
	if got := transcript(t, o, names); !strings.HasPrefix(got, "members <alice@x>alice=0 native0=1 ") {
		t.Errorf("got\n%s", got)
	}
}

func TestObserverClaim(t *testing.T) {
	o := watcher(inspircd)
	o.begin()
	transcript(t, o, ":s 353 alice = #go :bob\n:s 366 alice #go :End")
	alice := bridge.Person{Network: bridge.NetworkXMPP, ID: "alice@x"}
	if got := o.claim("bob", alice, testTime); len(got) != 1 || show(got[0]) != `bob leaves (part):  by ""` {
		t.Errorf("%v", got)
	}
	if got := o.claim("bob", alice, testTime); got != nil {
		t.Errorf("%v", got)
	}
}

func TestMatchMask(t *testing.T) {
	for _, c := range []struct {
		mask, s string
		want    bool
	}{
		{"*!*@host", "a!b@host", true}, {"*!*@host", "a!b@hosts", false}, {"a?c*", "abcde", true}, {"*", "", true},
		{"", "", true}, {"", "a", false}, {"**a", "bca", true}, {"?", "", false}, {"a*b*c", "axbxbc", true}, {"a*b*c", "axbxb", false},
	} {
		if got := matchMask(c.mask, c.s); got != c.want {
			t.Errorf("%q %q: %v", c.mask, c.s, got)
		}
	}
}

func TestRoleChange(t *testing.T) {
	table := watcher(inspircd).table
	all := modeSet(0).with(table, 'q', true).with(table, 'o', true).with(table, 'v', true)
	for _, c := range []struct {
		modes       modeSet
		role        bridge.Role
		add, remove string
		ok          bool
	}{
		{0, bridge.RoleModerator, "o", "", true}, {0, bridge.RoleVoiced, "v", "", true}, {all, bridge.RoleParticipant, "", "qov", true},
		{all, bridge.RoleVoiced, "", "qo", true}, {0, bridge.RoleOwner, "q", "", true}, {0, bridge.RoleParticipant, "", "", true},
		{modeSet(0).with(table, 'v', true), bridge.RoleVisitor, "", "v", true},
	} {
		if add, remove, ok := c.modes.change(table, c.role); add != c.add || remove != c.remove || ok != c.ok {
			t.Errorf("%b to %d: +%s -%s %v", c.modes, c.role, add, remove, ok)
		}
	}
	if _, _, ok := modeSet(0).change(isupport.Default(), bridge.RoleOwner); ok {
		t.Error("a network without +q has owners")
	}
}

// Whatever a server says, the observer stands it, and tells of nobody who
// isn't a member of what it told.
func FuzzObserver(f *testing.F) {
	f.Add(":s 353 alice = #go :@bob +c\n:s 366 alice #go :x\n:bob!b@h NICK c\n:c QUIT :a.b c.d\nMODE #go +ov-b c")
	f.Add(":s 353 alice = #go :@bob c!c@h\n:s 366 alice #go :x\n:bob MODE #go +b-b *!*@h *!*@h\n:bob MODE #go +b $a:x\n:bob KICK #go c\n324 alice #go +")
	f.Add("KICK #go\nJOIN\n354 a 736\nNICK :\n:x JOIN #go\n:x NICK x\nTOPIC #go\n332 a #go\nAWAY\nMODE #go +")
	f.Fuzz(func(t *testing.T, lines string) {
		o := watcher(inspircd)
		o.begin()
		present := map[bridge.Person]bool{}
		for l := range strings.SplitSeq(lines, "\n") {
			var m line.Message
			if line.Parse([]byte(l), &m) != nil {
				continue
			}
			for _, e := range o.feed(&m, testTime, false) {
				switch b := e.Body.(type) {
				case bridge.Members:
					clear(present)
					for _, m := range b.Members {
						present[m.Person] = true
					}
				case bridge.Join:
					present[e.By] = true
				case bridge.Leave:
					if !present[e.By] && b.Cause == bridge.CauseBan {
						continue // they had gone before
					}
					if !present[e.By] {
						t.Fatalf("%v leaves, who is not there", e.By)
					}
					delete(present, e.By)
				case bridge.Rename:
					if !present[e.By] {
						t.Fatalf("%v is renamed, who is not there", e.By)
					}
					delete(present, e.By)
					present[b.Person] = true
				}
			}
		}
	})
}

func BenchmarkObserverQuit(b *testing.B) {
	o := watcher(inspircd)
	o.begin()
	var names, join, quit line.Message
	_ = line.Parse([]byte(":s 366 alice #go :x"), &names)
	o.feed(&names, testTime, false)
	_ = line.Parse([]byte(":bob!b@h JOIN #go"), &join)
	_ = line.Parse([]byte(":bob!b@h QUIT :a.b c.d"), &quit)
	b.ReportAllocs()
	for b.Loop() {
		o.feed(&join, testTime, false)
		o.feed(&quit, testTime, false)
	}
}
