package names

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"
)

func TestAliases(t *testing.T) {
	for _, c := range []struct{ portal, local string }{
		{"~#go%libera", "irc_libera_#go"},
		{"~##c++%libera", "irc_libera_##c++"},
		{"~#a_b%my_net", "irc_my=5fnet_#a_b"},
		{"~#été%libera", "irc_libera_#été"},
		{"~#Été%libera", "irc_libera_#Été"}, // IRC tells É from é
		{"~#☃%libera", "irc_libera_#☃"},
		{"~#a:b/c=d%libera", "irc_libera_#a=3ab=2fc=3dd"},
		{"~#50%off%libera", "irc_libera_#50=25off"},
		{"~#[a]%libera", "irc_libera_#[a]"},
		{"~#a\u202eb%libera", "irc_libera_#a=e2=80=aeb"},
		{"~&local%irc.host.org:6667", "irc_irc.host.org=3a6667_&local"},
		{"~room@muc.example.org%xmpp", "xmpp_room_muc.example.org"},
		{"~a_b@muc_x.example.org%xmpp", "xmpp_a_b_muc=5fx.example.org"},
		{`~a\20b@muc.example.org%xmpp`, `xmpp_a\20b_muc.example.org`},
		{"~a%b@muc.example.org%xmpp", "xmpp_a=25b_muc.example.org"},
		{"~#go%libera@gw.example.org%xmpp", "xmpp_#go=25libera_gw.example.org"},
		{"~muc.example.org%xmpp", "xmpp_muc.example.org"},
	} {
		alias := id.RoomAlias("#" + c.local + ":hs.example.org")
		if got := hs.Alias(c.portal); got != alias {
			t.Errorf("%s: got %s, want %s", c.portal, got, alias)
		}
		if got, ok := hs.Portal(alias); !ok || got != c.portal {
			t.Errorf("%s: got %q, %v", alias, got, ok)
		}
		if !hs.IsOurAlias(alias) {
			t.Errorf("%s is not ours", alias)
		}
	}
}

func TestTypedAliases(t *testing.T) {
	for local, portal := range map[string]string{
		"irc_libera_#Go":                   "~#go%libera",
		"irc_Libera_#Go":                   "~#go%libera",
		"irc_libera_%23go":                 "~#go%libera",
		"irc_libera_#a%3Db":                "", // "=b" is no escape
		"irc_libera_#a%3D3db":              "~#a=b%libera",
		"irc_libera_#%C3%A9t%c3%a9":        "~#été%libera",
		"irc_libera_#50%off":               "~#50%off%libera",
		"irc_libera_#a=2Fb":                "~#a/b%libera",
		"irc_libera_#a/b":                  "~#a/b%libera",
		"irc_libera_#a%3ab":                "~#a:b%libera",
		"xmpp_Room_MUC.example.org":        "~room@muc.example.org%xmpp",
		"xmpp_room%5fa_muc.example.org":    "~room_a@muc.example.org%xmpp",
		"xmpp_=52oom_muc.example.org":      "~room@muc.example.org%xmpp",
		"irc_libera_go":                    "", // not a channel
		"irc_libera_#":                     "",
		"irc_libera":                       "",
		"irc_libera_":                      "",
		"irc__#go":                         "",
		"irc_xmpp_#go":                     "",
		"irc_=4datrix_#go":                 "",
		"irc_a%25b_#go":                    "",
		"irc_libera_#a b":                  "",
		"irc_libera_#a=20b":                "",
		"irc_libera_#a%0ab":                "",
		"irc_libera_#a\x00b":               "",
		"irc_libera_#a=ff":                 "",
		"irc_libera_#a:b":                  "", // the server begins
		"xmpp_room_muc.example.org/Nick":   "",
		"xmpp_room_muc.example.org=2fNick": "",
		"xmpp_":                            "",
		"xmpp__a":                          "",
		"xmpp_a_":                          "",
		"go":                               "",
	} {
		got, ok := hs.Portal(id.RoomAlias("#" + local + ":hs.example.org"))
		if got != portal || ok != (portal != "") {
			t.Errorf("%s: got %q, %v", local, got, ok)
		}
	}
	for _, alias := range []id.RoomAlias{"", "#irc_libera_#go:elsewhere.org", "irc_libera_#go:hs.example.org", "@irc_libera_#go:hs.example.org"} {
		if got, ok := hs.Portal(alias); ok || hs.IsOurAlias(alias) {
			t.Errorf("%s: got %q", alias, got)
		}
	}
	for _, portal := range []string{"", "~rob%libera", "~%libera", "#go%libera", "~#go%", "~#go", "~#a b%libera", "~#" + strings.Repeat("x", 240) + "%libera",
		"~room@muc.example.org/nick%xmpp", "~#go%matrix"} {
		if got := hs.Alias(portal); got != "" {
			t.Errorf("%s: got %s", portal, got)
		}
	}
	if hs.Alias("~#GO%libera") != "#irc_libera_#go:hs.example.org" {
		t.Error("capitals")
	}
}

func TestRooms(t *testing.T) {
	for room, want := range map[string]Room{
		"#room%server.org":           {Kind: KindAlias, Alias: "#room:server.org"},
		"#50%off%server.org:8448":    {Kind: KindAlias, Alias: "#50%off:server.org:8448"},
		"!abc%server.org":            {Kind: KindRoomID, ID: "!abc:server.org"},
		"!31hneApxJ_1o-63DmFrpeqnkF": {Kind: KindRoomID, ID: "!31hneApxJ_1o-63DmFrpeqnkF"},
		"bob%server.org":             {Kind: KindUser, User: "@bob:server.org"},
		"bob%[::1]:8448":             {Kind: KindUser, User: "@bob:[::1]:8448"},
		"Bob=2f%server.org":          {Kind: KindUser, User: "@Bob=2f:server.org"},
		"@#x%server.org":             {Kind: KindUser, User: "@#x:server.org"},
		"@~x%y%server.org":           {Kind: KindUser, User: "@~x%y:server.org"},
		"@@x%server.org":             {Kind: KindUser, User: "@@x:server.org"},
		"~#go%libera":                {Kind: KindPortal, Name: "#go", Network: "libera"},
		"~#50%off%libera":            {Kind: KindPortal, Name: "#50%off", Network: "libera"},
		"~%libera":                   {Kind: KindPortal, Network: "libera"},
		"~juliet@example.org%xmpp":   {Kind: KindPortal, Name: "juliet@example.org", Network: "xmpp"},
	} {
		if got, ok := ParseRoom(room); !ok || got != want {
			t.Errorf("%s: got %+v, %v", room, got, ok)
		}
		if got := want.String(); got != room {
			t.Errorf("%+v: got %q, want %q", want, got, room)
		}
	}
	for _, room := range []string{"", "bob", "@bob%server.org", "#room", "#room%", "#%server.org", "%server.org", "bob%", "#a:b%server.org", "bob:x%server.org",
		"#room%ser/ver", "~", "~x", "~x%", "!", "!a:b", "#a\nb%server.org", "#" + strings.Repeat("x", 260) + "%server.org", "@", "~#go@libera"} {
		if got, ok := ParseRoom(room); ok {
			t.Errorf("%q: got %+v", room, got)
		}
	}
	for _, got := range []string{OfAlias("room:server.org"), OfAlias("#room"), OfUser("bob"), OfUser("@:server.org"), OfRoomID("abc"), OfRoomID("!a%b"), OfRoomID("!"), PortalID("#go", "a%b"), PortalID("#go", "")} {
		if got != "" {
			t.Errorf("got %q", got)
		}
	}
}

func FuzzAlias(f *testing.F) {
	for _, s := range []string{"irc_libera_#go", "xmpp_a_b", "irc_libera_%23a=2f", "irc_libera_#50%off", "xmpp_É_b=5f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, local string) {
		portal, ok := hs.Portal(id.RoomAlias("#" + local + ":hs.example.org"))
		if !ok {
			return
		}
		alias := hs.Alias(portal)
		if alias == "" && len(local) < 60 {
			t.Fatalf("%q is %q, which has no alias", local, portal)
		}
		if alias == "" {
			return
		}
		if again, ok := hs.Portal(alias); !ok || again != portal || len(alias) > maxAlias {
			t.Fatalf("%q is %q, whose alias %q is %q", local, portal, alias, again)
		}
		if r, ok := ParseRoom(portal); !ok || r.Kind != KindPortal {
			t.Fatalf("%q is no room", portal)
		}
	})
}

func FuzzPortal(f *testing.F) {
	f.Add("#go", "libera")
	f.Add("a_b@c_d", "xmpp")
	f.Add("#%23=3d/:É", "a_b")
	f.Fuzz(func(t *testing.T, name, network string) {
		portal := PortalID(lowerASCII(name), lowerASCII(network))
		alias := hs.Alias(portal)
		if alias == "" {
			return
		}
		if back, ok := hs.Portal(alias); !ok || back != portal {
			t.Fatalf("%q has alias %q, which is %q", portal, alias, back)
		}
	})
}

func FuzzRoom(f *testing.F) {
	for _, s := range []string{"#a%b", "!a", "!a%b", "bob%b", "~#go%libera", "@@x%y", "@bob:server.org", "#a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, ok := ParseRoom(s); ok && r.String() != s {
			t.Fatalf("%q is %+v is %q", s, r, r.String())
		}
		for _, room := range []string{OfAlias(id.RoomAlias(s)), OfRoomID(id.RoomID(s)), OfUser(id.UserID(s))} {
			if room == "" {
				continue
			}
			r, ok := ParseRoom(room)
			if native := string(r.Alias) + string(r.ID) + string(r.User); !ok || native != s {
				t.Fatalf("%q is %q is %+v", s, room, r)
			}
		}
	})
}
