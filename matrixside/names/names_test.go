package names

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

var hs = Names{Server: "hs.example.org", Bot: "isthmusbot"}

func xmpp(id string) bridge.Person { return bridge.Person{Network: "xmpp", ID: id} }
func irc(nick string) bridge.Person {
	return bridge.Person{Network: "libera", ID: nick}
}

func TestGhosts(t *testing.T) {
	for _, c := range []struct {
		p     bridge.Person
		local string
	}{
		{xmpp("juliet@example.org"), "xmpp_juliet_example.org"},
		{xmpp("example.org"), "xmpp_example.org"},
		{xmpp("a_b@ex_ample.org"), "xmpp_a_b_ex=5fample.org"},
		{xmpp("a_b"), "xmpp_a=5fb"},
		{xmpp(`o\27hara@example.org`), "xmpp_o=5c27hara_example.org"},
		{xmpp("zoë@exämple.org"), "xmpp_zo=c3=ab_ex=c3=a4mple.org"},
		{xmpp("a=b@example.org"), "xmpp_a=3db_example.org"},
		{xmpp("room@muc.example.org/Nick"), "xmpp_room_muc.example.org/=4eick"},
		{xmpp("room@muc.example.org/a_b/c@d"), "xmpp_room_muc.example.org/a_b/c=40d"},
		{xmpp("example.org/x"), "xmpp_example.org/x"},
		{xmpp("room@muc.example.org/ "), "xmpp_room_muc.example.org/=20"},
		{irc("rob"), "irc_libera_rob"},
		{irc("rob_"), "irc_libera_rob_"},
		{irc("{r}|b~`-"), "irc_libera_=7br=7d=7cb=7e=60-"},
		{irc("[b]\\^"), "irc_libera_=5bb=5d=5c=5e"},
		{irc("rób"), "irc_libera_r=c3=b3b"},
		{bridge.Person{Network: "my_net", ID: "rob"}, "irc_my=5fnet_rob"},
		{bridge.Person{Network: "irc.host.org:6697", ID: "rob"}, "irc_irc.host.org=3a6697_rob"},
	} {
		user := id.UserID("@" + c.local + ":hs.example.org")
		if got := hs.Ghost(c.p); got != user {
			t.Errorf("%s: got %s, want %s", c.p, got, user)
		}
		if got, ok := hs.Person(user); !ok || got != c.p {
			t.Errorf("%s: got %s, %v", user, got, ok)
		}
		if !hs.IsGhost(user) || !hs.IsOurs(user) || hs.User(c.p) != user {
			t.Errorf("%s is no ghost", user)
		}
	}
}

func TestFolded(t *testing.T) {
	for _, c := range []struct{ a, b bridge.Person }{
		{irc("Rob[É"), irc("rob[É")},
		{xmpp("Juliet@Example.ORG"), xmpp("juliet@example.org")},
		{xmpp("Room@muc.example.org/Nick"), xmpp("room@muc.example.org/Nick")},
	} {
		if a, b := hs.Ghost(c.a), hs.Ghost(c.b); a != b {
			t.Errorf("%s and %s", a, b)
		}
		if got, ok := hs.Person(hs.Ghost(c.a)); !ok || got != c.b {
			t.Errorf("%s: got %s, %v", c.a, got, ok)
		}
	}
	for _, c := range []struct{ a, b bridge.Person }{
		{xmpp("r@muc.example.org/Nick"), xmpp("r@muc.example.org/nick")},
		{irc("É"), irc("é")},
		{irc("rob["), irc("rob{")},
		{irc("rob"), bridge.Person{Network: "oftc", ID: "rob"}},
	} {
		if hs.Ghost(c.a) == hs.Ghost(c.b) {
			t.Errorf("%s and %s are one", c.a, c.b)
		}
	}
	folding := hs
	folding.Fold = func(network, nick string) string {
		if network != "libera" {
			t.Errorf("asked for %s", network)
		}
		return FoldRFC1459(network, nick)
	}
	if u := folding.Ghost(irc("Rob[]\\^")); u != folding.Ghost(irc("rob{}|~")) {
		t.Error("the network's own case mapping does not count")
	} else if p, ok := folding.Person(u); !ok || p != irc("rob{}|~") {
		t.Error(p)
	}
	if p, ok := folding.Person("@irc_libera_=5b:hs.example.org"); ok {
		t.Errorf("%s has two spellings", p)
	}
}

func TestNoGhosts(t *testing.T) {
	for _, user := range []id.UserID{
		"", "@", "@bob:hs.example.org", "@isthmusbot:hs.example.org", "@xmpp_a_b:elsewhere.org", "xmpp_a_b:hs.example.org",
		"@xmpp_:hs.example.org", "@xmpp__example.org:hs.example.org", "@xmpp_a_:hs.example.org", "@xmpp_a_b/:hs.example.org",
		"@irc_:hs.example.org", "@irc_libera:hs.example.org", "@irc_libera_:hs.example.org", "@irc__rob:hs.example.org",
		"@irc_xmpp_rob:hs.example.org",           // no IRC network
		"@irc_matrix_rob:hs.example.org",         // no IRC network
		"@irc_a=25b_rob:hs.example.org",          // "%" ends names
		"@irc_libera_Rob:hs.example.org",         // rob
		"@irc_libera_=52ob:hs.example.org",       // folds to rob
		"@irc_libera_r=6fb:hs.example.org",       // o needs no escape
		"@irc_libera_r=C3=B3b:hs.example.org",    // in lower case
		"@irc_libera_r=c3:hs.example.org",        // not UTF-8
		"@irc_libera_r=c:hs.example.org",         // cut
		"@irc_libera_r=0ab:hs.example.org",       // a control character
		"@irc_libera_rób:hs.example.org",         // to be escaped
		"@xmpp_a=5fb_example.org:hs.example.org", // a_b
		"@xmpp_a_b=2fc:hs.example.org",           // "/" that parts
		"@xmpp_a=40b_c:hs.example.org",           // "a@b@c" parts elsewhere
	} {
		if p, ok := hs.Person(user); ok {
			t.Errorf("%s is %s", user, p)
		}
	}
	if p := Native("@bob:elsewhere.org"); p != (bridge.Person{Network: "matrix", ID: "@bob:elsewhere.org"}) || hs.User(p) != "@bob:elsewhere.org" {
		t.Error(p)
	}
	if hs.BotID() != "@isthmusbot:hs.example.org" || !hs.IsOurs(hs.BotID()) || hs.IsGhost(hs.BotID()) || hs.IsOurs("@bob:hs.example.org") {
		t.Error("the bot")
	}
}

func TestLongGhosts(t *testing.T) {
	fits := xmpp(strings.Repeat("a", maxUserID-len("@xmpp__b:hs.example.org")) + "@b")
	if u := hs.Ghost(fits); len(u) != maxUserID {
		t.Errorf("%d bytes", len(u))
	} else if p, ok := hs.Person(u); !ok || p != fits {
		t.Errorf("got %s", p)
	}
	seen := map[id.UserID]bool{}
	for _, p := range []bridge.Person{xmpp("a" + fits.ID), xmpp("b" + fits.ID), irc(strings.Repeat("É", 200)), xmpp(strings.Repeat("a", 300) + "/b"),
		xmpp(""), xmpp("@b"), xmpp("a@"), xmpp("a@b/"), xmpp("a\x00@b"), xmpp("\xff@b"), irc(""), irc("a\n"), {Network: "a%b", ID: "c"}, {}} {
		u := hs.Ghost(p)
		if seen[u] || len(u) > maxUserID || !strings.Contains(string(u), "==") {
			t.Errorf("%s: %s, %d bytes", p, u, len(u))
		}
		seen[u] = true
		if _, ok := hs.Person(u); ok {
			t.Errorf("%s can be read", u)
		}
	}
	if u := hs.Ghost(xmpp("a" + fits.ID)); !hs.IsGhost(u) {
		t.Errorf("%s is no ghost", u)
	}
}

func TestNamespaces(t *testing.T) {
	users, aliases := hs.Namespaces()
	is := func(all []string, s string) bool {
		for _, r := range all {
			if regexp.MustCompile(r).MatchString(s) {
				return true
			}
		}
		return false
	}
	for s, want := range map[string]bool{
		"@xmpp_juliet_example.org:hs.example.org": true, "@irc_libera_rob:hs.example.org": true, "@isthmusbot:hs.example.org": true,
		"@bob:hs.example.org": false, "@xmpp_a_b:hsxexample.org": false, "@xmpp_a_b:hs.example.org.evil.org": false, "@isthmusbot2:hs.example.org": false,
		"@not:irc_a:hs.example.org": false, string(hs.Ghost(xmpp(strings.Repeat("a", 300)))): true,
	} {
		if is(users, s) != want {
			t.Errorf("%s: %v", s, !want)
		}
	}
	if !is(aliases, "#irc_libera_#go:hs.example.org") || is(aliases, "#go:hs.example.org") || is(aliases, "#irc_a:hs.example.org:80") {
		t.Errorf("%s", aliases)
	}
}

// inGrammar is what a user id of today may be ("User Identifiers").
var inGrammar = regexp.MustCompile(`^@[a-z0-9._=/+-]+:hs\.example\.org$`)

func FuzzGhost(f *testing.F) {
	f.Add("xmpp", "juliet@example.org")
	f.Add("xmpp", "a_b@c_d/e_f/g=h")
	f.Add("libera", "[rob]^")
	f.Add("a_b%", "c")
	f.Add("xmpp", strings.Repeat("é", 200))
	f.Fuzz(func(t *testing.T, network, name string) {
		p := bridge.Person{Network: network, ID: name}
		if network == bridge.NetworkMatrix {
			return
		}
		u := hs.Ghost(p)
		if len(u) > maxUserID || !inGrammar.MatchString(string(u)) || !hs.IsGhost(u) && utf8.ValidString(network) {
			t.Fatalf("%v: %q", p, u)
		}
		back, ok := hs.Person(u)
		if ok == strings.Contains(string(u), "==") {
			t.Fatalf("%v: %q reads as %v, %v", p, u, back, ok)
		}
		if p.ID = hs.fold(p); ok && back != p {
			t.Fatalf("%v: %q reads as %v", p, u, back)
		}
	})
}

func FuzzPerson(f *testing.F) {
	for _, s := range []string{"xmpp_juliet_example.org", "xmpp_a_b/c", "irc_libera_rob=5b", "irc_a=5fb_c", "xmpp_a=5f_b", "irc_libera_a==00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, local string) {
		user := id.UserID("@" + local + ":hs.example.org")
		p, ok := hs.Person(user)
		if ok && hs.Ghost(p) != user {
			t.Fatalf("%q is %v, who is %q", user, p, hs.Ghost(p))
		}
	})
}
