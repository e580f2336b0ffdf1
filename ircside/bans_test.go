package ircside

import (
	"fmt"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
)

const (
	solanum = "CASEMAPPING=rfc1459 PREFIX=(ov)@+ CHANMODES=eIbq,k,flj,CFLMPQScgimnprstuz EXTBAN=$,ajrxz WHOX"
	unreal  = "CASEMAPPING=ascii PREFIX=(qaohv)~&@%+ CHANMODES=beI,fkL,lFH,cdimnprstz EXTBAN=~,GOSTacfijmnpqrt ACCOUNTEXTBAN=account,a"
	ergo    = "CASEMAPPING=ascii PREFIX=(qaohv)~&@%+ CHANMODES=Ibe,k,fl,CEMRUimnstu EXTBAN=,m"
	insp3   = inspircd + " EXTBAN=,ACNOQRSTUacjmnprwz"
)

func TestBans(t *testing.T) {
	for _, c := range []struct{ name, tokens, lines, want string }{
		{"a ban before the kick and after it, and who leaves by themselves", inspircd, `
			:irc.test 353 alice = #go :@op!o@h bob!b@host.b carol!c@host.c dave!d@host.d erin!e@host.e
			:irc.test 366 alice #go :End
			:op!o@h KICK #go bob :out
			:bob!b@host.b JOIN #go
			:bob!b@host.b PART #go :bye
			:op!o@h MODE #go +b *!*@host.b
			:op!o@h MODE #go +b *!c@HOST.c
			:carol!c@host.c PART #go :I go
			:op!o@h MODE #go +b *!*@host.d
			:irc.hub.net MODE #go +b erin!*@*
			:dave!d@host.d QUIT :irc.hub.net leaf.net
			:op!o@h KICK #go erin :enough`, `
			members bob=1 carol=1 dave=1 erin=1 op=4 secret false
			topic by "":
			bob leaves (kick): out by "op"
			bob joins as bob role 1 created false ref ""
			bob leaves (part): bye by ""
			bob leaves (ban):  by "op"
			carol leaves (ban): I go by "op"
			dave leaves (split): irc.hub.net leaf.net by ""
			erin leaves (ban): enough by "op"`},
		{"lifted: for each whom it was of, also under another nick", inspircd, `
			:irc.test 353 alice = #go :@op!o@h bob!b@same carol!c@same
			:irc.test 366 alice #go :End
			:op!o@h MODE #go +bb *!*@same carol!*@*
			:bob!b@same NICK bobby
			:op!o@h KICK #go bobby :out
			:op!o@h MODE #go -b *!*@never
			:other!o@h MODE #go -b *!*@SAME
			:other!o@h MODE #go -b carol!*@*
			:op!o@h MODE #go -b carol!*@*`, `
			members bob=1 carol=1 op=4 secret false
			topic by "":
			bob is bob now bobby
			bobby leaves (ban): out by "op"
			bobby is pardoned by other
			carol is pardoned by other`},
		{"a host that nobody knows", inspircd, `
			:irc.test 353 alice = #go :@op!o@h %erin!e@e bob carol dave
			:irc.test 366 alice #go :End
			:op!o@h MODE #go +b *!*@host.b
			:erin!e@e KICK #go carol :I did not ban anybody
			:op!o@h KICK #go bob :out
			:op!o@h KICK #go dave :that was for bob
			:op!o@h MODE #go -b *!*@host.b`, `
			members bob=1 carol=1 dave=1 erin=3 op=4 secret false
			topic by "":
			carol leaves (kick): I did not ban anybody by "erin"
			bob leaves (ban): out by "op"
			dave leaves (kick): that was for bob by "op"
			bob is pardoned by op`},
		{"one of ours", inspircd, `
			:alice!~alice@gateway JOIN #go
			:irc.test 353 alice = #go :@op!o@h bob!b@host.b alice
			:irc.test 366 alice #go :End
			:irc.test 354 alice 736 #go ~alice gateway alice H 0
			:op!o@h MODE #go +b *!~ALICE@gateway
			:op!o@h KICK #go alice :out
			:op!o@h MODE #go -b *!~ALICE@gateway`, `
			members <alice@x>alice=1 bob=1 op=4 secret false
			topic by "":
			alice@x is pardoned by op`},
		{"who is banned and stays may not speak, until it is lifted or the mask fits no more", inspircd, `
			:irc.test 353 alice = #go :@op!o@h bob!b@b +carol!c@c dave!d@d
			:irc.test 366 alice #go :End
			:op!o@h MODE #go +bbb *!*@b *!*@c dave!*@*
			:irc.test 324 alice #go +nt
			:dave!d@d NICK dan
			:op!o@h MODE #go -v carol
			:op!o@h MODE #go -bb *!*@c *!*@b`, `
			members bob=1 carol=2 dave=1 op=4 secret false
			topic by "":
			bob role 0 by op
			dave role 0 by op
			dave is dave now dan
			dan role 1 by
			carol role 0 by op
			carol is pardoned by op
			carol role 1 by op
			bob is pardoned by op
			bob role 1 by op`},
		{"Ergo's bans keep out, its mutes silence", ergo, `
			:irc.test 353 alice = #go :@op!o@h bob!b@b carol!c@c
			:irc.test 366 alice #go :End
			:op!o@h MODE #go +b *!*@b
			:irc.test 324 alice #go +nt
			:op!o@h MODE #go +b m:*!*@c
			:irc.test 324 alice #go +nt
			:carol!c@c PART #go`, `
			members bob=1 carol=1 op=4 secret false
			topic by "":
			carol role 0 by op
			carol leaves (part):  by ""`},
		{"Solanum: accounts and quiets", solanum, `
			:irc.test 353 alice = #go :@op!o@h
			:irc.test 366 alice #go :End
			:bob!b@b JOIN #go Bobby :Bob
			:carol!c@c JOIN #go * :Carol
			:carol!c@c ACCOUNT carla
			:op!o@h MODE #go +q $a:carla
			:irc.test 324 alice #go +nt
			:op!o@h MODE #go +b $a:bobby$#elsewhere
			:op!o@h MODE #go +b $a:bobby
			:op!o@h MODE #go +b $x:*
			:op!o@h KICK #go bob
			:op!o@h MODE #go -q $a:carla
			:carol!c@c ACCOUNT *
			:op!o@h MODE #go +b $a:*
			:op!o@h KICK #go carol`, `
			members op=4 secret false
			topic by "":
			bob joins as bob role 1 created false ref ""
			carol joins as carol role 1 created false ref ""
			carol role 0 by op
			bob leaves (ban):  by "op"
			carol role 1 by op
			carol leaves (kick):  by "op"`},
		{"a ban of everybody is of nobody in particular, but a kick under it is for good", inspircd, `
			:irc.test 353 alice = #go :@op!o@h ` + strings.Repeat("n%d!n@same ", maxOf+1) + `
			:irc.test 366 alice #go :End
			:op!o@h MODE #go +b *!*@same
			:irc.test 324 alice #go +nt
			:n1!n@same PART #go
			:op!o@h KICK #go n2
			:op!o@h MODE #go -b *!*@same`, `
			n1 leaves (part):  by ""
			n2 leaves (ban):  by "op"
			n2 is pardoned by op`},
		{"killed and banned from the network", inspircd, `
			:irc.test 353 alice = #go :a b c d e f g
			:irc.test 366 alice #go :End
			:g!a@h QUIT :Autokilled: spam
			:a!a@h QUIT :KILLed by oper: spam
			:b!a@h QUIT :Z:Lined
			:c!a@h QUIT :[irc.test] Local kill by oper (Killed by oper)
			:d!a@h QUIT :Quit: Killed (x (y))
			:e!a@h QUIT :User has been banned from Net (spam)
			:f!a@h QUIT :underlined`, `
			members a=1 b=1 c=1 d=1 e=1 f=1 g=1 secret false
			topic by "":
			g leaves (kill): Autokilled: spam by ""
			a leaves (kill): KILLed by oper: spam by "oper"
			b leaves (kill): Z:Lined by ""
			c leaves (kill): [irc.test] Local kill by oper (Killed by oper) by ""
			d leaves (quit): Quit: Killed (x (y)) by ""
			e leaves (kill): User has been banned from Net (spam) by ""
			f leaves (quit): underlined by ""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := watcher(c.tokens)
			o.begin()
			if n := strings.Count(c.lines, "%d"); n > 0 {
				numbers := make([]any, n)
				for i := range numbers {
					numbers[i] = i
				}
				c.lines = fmt.Sprintf(c.lines, numbers...)
			}
			got := transcript(t, o, c.lines)
			if strings.HasPrefix(c.name, "a ban of everybody") {
				_, got, _ = strings.Cut(got, "topic by \"\": \n")
			}
			same(t, got, c.want)
		})
	}
}

func tableOf(tokens string) *isupport.Table { return watcher(tokens).table }

func TestParseBan(t *testing.T) {
	rob := identity{"Rob", "~rob@203.0.113.7", "robert"}
	unseen := identity{nick: "Rob"}
	for _, c := range []struct {
		tokens, param string
		kind          banKind
		rob, unseen   bool
	}{
		{"", "rob!*@*", banEnter, true, true}, {"", "rob", banEnter, true, true}, {"", "*@203.0.113.*", banEnter, true, false},
		{"", "*!*@203.0.113.0/24", banEnter, true, false}, {"", "*!*@203.0.114.0/24", banEnter, false, false},
		{"", "*!rob@*", banEnter, false, false}, {"", "*!?rob@*", banEnter, true, false}, {"", "$a:robert", banEnter, false, false},
		{solanum, "$a:ROB*", banEnter, true, false}, {solanum, "$a:bob", banEnter, false, false}, {solanum, "$a", banOther, false, false},
		{solanum, "$x:*#*", banOther, false, false}, {solanum, "rob!*@*$#there", banEnter, true, true}, {solanum, "$~a", banOther, false, false},
		{unreal, "~a:robert", banEnter, true, false}, {unreal, "~account:robert", banEnter, true, false}, {unreal, "~q:~a:robert", banSpeak, true, false},
		{unreal, "~time:60:~quiet:rob!*@*", banSpeak, true, true}, {unreal, "~t:60:*!*@203.0.113.7", banEnter, true, false}, {unreal, "~T:block:*", banOther, false, false},
		{insp3, "R:robert", banEnter, true, false}, {insp3, "m:R:robert", banSpeak, true, false}, {insp3, "r:*", banOther, false, false},
		{insp3, "*!*@2001:db8::/32", banEnter, false, false}, {ergo, "m:rob!*@*", banSpeak, true, true},
	} {
		table := tableOf(c.tokens)
		b := parseBan(table, c.param)
		if b.kind != c.kind || b.fits(table, rob) != c.rob || b.fits(table, unseen) != c.unseen {
			t.Errorf("%q: %+v fits %v %v", c.param, b, b.fits(table, rob), b.fits(table, unseen))
		}
	}
	for tokens, want := range map[string]string{solanum: "$a:rob", unreal: "~a:rob", insp3: "R:rob", ergo: "", "": ""} {
		if got := accountBan(tableOf(tokens), "rob"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Whatever is in a list of bans: who is not known but by nick fits no mask of a
// host, and everybody fits *!*@*.
func FuzzBan(f *testing.F) {
	for _, s := range []string{"*!*@h", "$a:x", "~t:1:~q:~a:x", "m:m:m:m:m:m:x", "a!b@c$#d", "!@", "::", "*!*@::/0", "~:", "$"} {
		f.Add(s, "nick", "u@h", "x")
	}
	f.Fuzz(func(t *testing.T, param, nick, userhost, account string) {
		for _, tokens := range []string{"", solanum, unreal, insp3, ergo} {
			table := tableOf(tokens)
			b := parseBan(table, param)
			b.fits(table, identity{nick, userhost, account})
			if b.fits(table, identity{}) && !b.account && strings.Trim(b.mask, "*!@") != "" {
				t.Errorf("%q fits nobody known", param)
			}
			if !parseBan(table, "*!*@*").fits(table, identity{nick, userhost, account}) {
				t.Errorf("%q %q: *!*@* does not fit", nick, userhost)
			}
		}
	})
}

// What is asked for in the name of a moderator elsewhere (Event.Via).
func TestExpelAndPardon(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	p.send(":bob!b@host.b JOIN #go")
	p.send(":dave!d@host.d JOIN #go")
	p.send(":dave!d@host.d PART #go")
	w.want(`#go | dave joins as dave role 1 created false ref ""`, `#go | dave leaves (part):  by ""`)

	// Who has gone is banned by the host that they had.
	native := func(nick string) bridge.Person { return bridge.Person{Network: "net", ID: nick} }
	w.deliver("e1", "alice", bridge.Expel{Target: "dave", Person: native("dave"), Ban: true})
	p.expect("MODE #go +b *!*@host.d")
	p.send(":alice!u@host MODE #go +b *!*@host.d")
	p.pong()
	w.want(`#go | dave leaves (ban):  by "alice"`, `#go | confirm "e1" native ""`)

	// Of who was never seen only the nick is known. The server doesn't say anything of it.
	w.deliver("e2", "alice", bridge.Expel{Person: native("erin"), Ban: true})
	p.expect("MODE #go +b erin!*@*")
	p.pong()
	w.want(`#go | confirm "e2" native ""`)
	w.deliver("e3", "alice", bridge.Expel{Target: "zoe", Person: jid("zoe"), Ban: true})
	w.want(`#go | failure "e3" kind 1: zoe is not in this room.`)
	w.deliver("e4", "alice", bridge.Expel{Person: native("erin")})
	w.want(`#go | failure "e4" kind 1: erin is not in this room.`)

	w.deliver("p1", "alice", bridge.Pardon{Person: native("dave")})
	p.expect("MODE #go -b *!*@host.d")
	p.send(":alice!u@host MODE #go -b *!*@host.d")
	p.pong()
	w.want("#go | dave is pardoned by alice", `#go | confirm "p1" native ""`)

	// A ban that was there before us is on the server's list.
	w.deliver("p2", "alice", bridge.Pardon{Person: native("dave")})
	p.expect("MODE #go +b")
	p.send(":irc.test 367 alice #go *!*@host.x op 1767225600")
	p.send(":irc.test 367 alice #go *!d@HOST.d op 1767225600")
	p.send(":irc.test 368 alice #go :End of channel ban list")
	p.expect("MODE #go -b *!d@HOST.d")
	p.pong()
	w.want(`#go | confirm "p2" native ""`)

	w.deliver("p3", "alice", bridge.Pardon{Person: native("frank")})
	p.expect("MODE #go +b")
	p.send(":irc.test 368 alice #go :End of channel ban list")
	p.pong()
	w.want(`#go | failure "p3" kind 1: No ban of frank is known.`)
}

func TestNearestRole(t *testing.T) {
	for _, c := range []struct {
		tokens     string
		role, want bridge.Role
	}{
		{solanum, bridge.RoleOwner, bridge.RoleModerator}, {solanum, bridge.RoleHalfOp, bridge.RoleVoiced}, {solanum, bridge.RoleVisitor, bridge.RoleVisitor},
		{inspircd, bridge.RoleOwner, bridge.RoleOwner}, {inspircd, bridge.RoleHalfOp, bridge.RoleHalfOp}, {"PREFIX=", bridge.RoleOwner, bridge.RoleParticipant},
	} {
		if got := nearestRole(tableOf(c.tokens), c.role); got != c.want {
			t.Errorf("%s: %d is %d", c.tokens, c.role, got)
		}
	}
}
