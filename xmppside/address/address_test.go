package address

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"isthmus/xmppside/jid"
)

var domains = Domains{"gw.example.org": "", "libera.example.org": "libera", "matrix.example.org": "matrix"}

func TestAddresses(t *testing.T) {
	const gw, bound, matrix = "gw.example.org", "libera.example.org", "matrix.example.org"
	for _, c := range []struct {
		jid  string
		want Address
	}{
		{"gw.example.org", Address{Gateway, gw, "", ""}},
		{"libera@gw.example.org", Address{Network, gw, "libera", ""}},
		{`irc.host.org\3a6697@gw.example.org`, Address{Network, gw, "irc.host.org:6697", ""}},
		{"#go%libera@gw.example.org", Address{Channel, gw, "libera", "#go"}},
		{"&go%libera@gw.example.org", Address{}},
		{`\26go%libera@gw.example.org`, Address{Channel, gw, "libera", "&go"}},
		{"+go%libera@gw.example.org", Address{Channel, gw, "libera", "+go"}},
		{"!abcdego%libera@gw.example.org", Address{Channel, gw, "libera", "!abcdego"}},
		{"#50%off%libera@gw.example.org", Address{Channel, gw, "libera", "#50%off"}},
		{`#a\2fb\3ac%libera@gw.example.org`, Address{Channel, gw, "libera", "#a/b:c"}},
		{`#go%irc.host.org\3a6697@gw.example.org`, Address{Channel, gw, "irc.host.org:6697", "#go"}},
		{"rob%libera@gw.example.org", Address{User, gw, "libera", "rob"}},
		{`[rob]\^{}|%libera@gw.example.org`, Address{User, gw, "libera", `[rob]\^{}|`}},
		{"#café%libera@gw.example.org", Address{Channel, gw, "libera", "#café"}},
		{`#\u{c9}t\u{e9}%libera@gw.example.org`, Address{Channel, gw, "libera", "#Été"}},
		{`#\u{2603}%libera@gw.example.org`, Address{Channel, gw, "libera", "#☃"}},
		{`#\u{5e9}\u{5dc}%libera@gw.example.org`, Address{Channel, gw, "libera", "#של"}},
		{`#\u{2}b%libera@gw.example.org`, Address{Channel, gw, "libera", "#\x02b"}},
		{`#\u{5c}u{41}%libera@gw.example.org`, Address{Channel, gw, "libera", `#\u{41}`}},
		{"libera.example.org", Address{Network, bound, "libera", ""}},
		{"#go@libera.example.org", Address{Channel, bound, "libera", "#go"}},
		{"#50%off@libera.example.org", Address{Channel, bound, "libera", "#50%off"}},
		{"rob@libera.example.org", Address{User, bound, "libera", "rob"}},
		{"matrix@gw.example.org", Address{Network, gw, "matrix", ""}},
		{"#go%server.org%matrix@gw.example.org", Address{Channel, gw, "matrix", "#go%server.org"}},
		{`#\u{47}o%server.org%matrix@gw.example.org`, Address{Channel, gw, "matrix", "#Go%server.org"}},
		{`#\u{47}\u{d6}%server.org%matrix@gw.example.org`, Address{Channel, gw, "matrix", "#GÖ%server.org"}},
		{`!\u{41}b\u{43}%server.org\3a8448%matrix@gw.example.org`, Address{Channel, gw, "matrix", "!AbC%server.org:8448"}},
		{`!\u{5a}9_-x%matrix@gw.example.org`, Address{Channel, gw, "matrix", "!Z9_-x"}},
		{"rob%server.org%matrix@gw.example.org", Address{User, gw, "matrix", "rob%server.org"}},
		{`\u{52}ob%server.org%matrix@gw.example.org`, Address{User, gw, "matrix", "Rob%server.org"}},
		{"+1=2%server.org%matrix@gw.example.org", Address{User, gw, "matrix", "+1=2%server.org"}},
		{"matrix.example.org", Address{Network, matrix, "matrix", ""}},
		{"#go%server.org@matrix.example.org", Address{Channel, matrix, "matrix", "#go%server.org"}},
		{`#50%off%[\3a\3a1]\3a8448@matrix.example.org`, Address{Channel, matrix, "matrix", "#50%off%[::1]:8448"}},
		{`!\u{5a}9_-x@matrix.example.org`, Address{Channel, matrix, "matrix", "!Z9_-x"}},
		{`rob\2fhome%server.org\3a8448@matrix.example.org`, Address{User, matrix, "matrix", "rob/home%server.org:8448"}},
	} {
		j, err := jid.Parse(c.jid)
		if err != nil {
			if c.want != (Address{}) {
				t.Errorf("%s: %v", c.jid, err)
			}
			continue
		}
		got, err := domains.Parse(j)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v", c.jid, got, err)
		}
		back, err := domains.JID(c.want)
		if err != nil || back != j {
			t.Errorf("%+v: got %s, %v; want %s", c.want, back, err, j)
		}
		withNick, _ := j.WithResource("Nick")
		if got, err := domains.Parse(withNick); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v", withNick, got, err)
		}
		id, err := RoomID(j)
		if err != nil {
			t.Errorf("%s: %v", j, err)
		}
		if back, err := RoomJID(id); err != nil || back != j {
			t.Errorf("room %q: got %s, %v", id, back, err)
		}
	}
}

func TestRoomID(t *testing.T) {
	id, err := RoomID(jid.MustParse(`#a\2fb\40c%libera@gw.example.org`))
	if err != nil || id != "#a/b@c%libera@gw.example.org" {
		t.Errorf("%q, %v", id, err)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		jid  string
		want error
	}{
		{"#go%libera@elsewhere.org", ErrNotOurs},
		{"#go@gw.example.org", ErrNoNetwork},
		{"#go%@gw.example.org", ErrNoNetwork},
		{"%libera@gw.example.org", ErrEmpty},
		{`#a\5cb%libera@gw.example.org`, ErrOtherwise},      // a plain backslash does
		{`#caf\u{e9}%libera@gw.example.org`, ErrOtherwise},  // the é does
		{`#\u{02603}%libera@gw.example.org`, ErrOtherwise},  // no zeros in front
		{`!\u{41}bcde%libera@gw.example.org`, ErrOtherwise}, // IRC folds it
		{`!\u{61}bc%server.org@matrix.example.org`, ErrOtherwise},
		{`#go%server.org%\u{6d}atrix@gw.example.org`, ErrOtherwise},
	} {
		if got, err := domains.Parse(jid.MustParse(c.jid)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v", c.jid, got, err)
		}
	}
	for _, c := range []struct {
		a    Address
		want error
	}{
		{Address{Channel, "elsewhere.org", "libera", "#go"}, ErrNotOurs},
		{Address{Channel, "libera.example.org", "oftc", "#go"}, ErrNoNetwork},
		{Address{Channel, "gw.example.org", "", "#go"}, ErrNoNetwork},
		{Address{Gateway, "libera.example.org", "", ""}, ErrNoNetwork},
		{Address{User, "gw.example.org", "libera", ""}, ErrEmpty},
		{Address{User, "gw.example.org", "libera", "#go"}, ErrEmpty},
		{Address{Channel, "gw.example.org", "matrix", "+go"}, ErrEmpty},
		{Address{Channel, "gw.example.org", "libera", "#" + strings.Repeat("☃", 200)}, ErrUnspellable},
	} {
		if got, err := domains.JID(c.a); !errors.Is(err, c.want) {
			t.Errorf("%+v: %s, %v", c.a, got, err)
		}
	}
}

func TestResource(t *testing.T) {
	for _, c := range []struct{ name, resource string }{
		{"Rob", "Rob"},
		{`a\b{}|^`, `a\b{}|^`},
		{"☃", "☃"},
		{"e\u0301", `e\u{301}`}, // else the same as é
		{"\x02b", `\u{2}b`},
		{`\u{41}`, `\u{5c}u{41}`},
	} {
		if got := Resource(c.name); got != c.resource {
			t.Errorf("%q: %q, want %q", c.name, got, c.resource)
		}
		if got := Name(c.resource); got != c.name {
			t.Errorf("%q: %q, want %q", c.resource, got, c.name)
		}
	}
}

func TestMatrix(t *testing.T) {
	for _, c := range []struct{ id, name string }{
		{"@rob:server.org", "rob%server.org"},
		{"@rob:server.org:8448", "rob%server.org:8448"},
		{"@a%b:[::1]:8448", "a%b%[::1]:8448"},
		{"#go:server.org", "#go%server.org"},
		{"!AbC:server.org", "!AbC%server.org"},
		{"!AbC", "!AbC"},
	} {
		if got, ok := MatrixName(c.id); !ok || got != c.name {
			t.Errorf("%s is %q, want %q", c.id, got, c.name)
		}
		if got, ok := MatrixID(c.name); !ok || got != c.id {
			t.Errorf("%q is %q, want %q", c.name, got, c.id)
		}
	}
	for _, id := range []string{"", "@", "!", "@rob", "rob:server.org", "@:server.org", "@rob:", "#go", "@#go:server.org", "!a%b", "@rob:a%b"} {
		if got, ok := MatrixName(id); ok {
			t.Errorf("%q is called %q", id, got)
		}
	}
	for _, name := range []string{"", "rob", "%server.org", "rob%", "!", "#go", "#%server.org", "a:b%server.org", "!a:b"} {
		if got, ok := MatrixID(name); ok {
			t.Errorf("%q is the name of %q", name, got)
		}
	}
}

// Names and ids of Matrix are each other's inverse, where there are any.
func FuzzMatrix(f *testing.F) {
	for _, s := range []string{"@rob:server.org:8448", "rob%server.org", "!AbC", "#50%off:[::1]", "!a%b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := MatrixName(s); ok {
			if back, ok := MatrixID(name); !ok || back != s {
				t.Fatalf("%q is called %q, is %q", s, name, back)
			}
			if a := (Address{Network: "matrix", Name: name}); (s[0] == '@') != (kindOf(name, a.Network) == User) {
				t.Fatalf("%q is called %q", s, name)
			}
		}
		if id, ok := MatrixID(s); ok {
			if back, ok := MatrixName(id); !ok || back != s {
				t.Fatalf("%q is the name of %q, of %q", s, id, back)
			}
		}
	})
}

// Any name can be written and comes back, on IRC but for the case of ASCII letters.
func FuzzName(f *testing.F) {
	for _, s := range []string{"#go", "#Été", "rob", `#\u{41}`, `\U{41}`, `\5c`, ` a `, "#50%off", "☃", "e\u0301", "\\20", `!A\U{41}`, `\5C20`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || len(name) > 100 || !utf8.ValidString(name) {
			return
		}
		for _, c := range []struct{ domain, network string }{
			{"gw.example.org", "oftc"}, {"gw.example.org", "matrix"}, {"libera.example.org", "libera"}, {"matrix.example.org", "matrix"},
		} {
			a := Address{kindOf(name, c.network), c.domain, c.network, name}
			j, err := domains.JID(a)
			if err != nil {
				t.Fatalf("%+v: %v", a, err)
			}
			back, err := domains.Parse(j)
			if c.network != "matrix" {
				a.Name = lowerASCII(a.Name)
			}
			if err != nil || back != a {
				t.Fatalf("%+v is %s, is %+v, %v", a, j, back, err)
			}
		}
		j, err := jid.New("", "x", Resource(name))
		if err != nil || Name(j.Resource()) != name {
			t.Fatalf("%q is the resource of %q, %v", name, j, err)
		}
	})
}

// Every address that is taken has one spelling.
func FuzzJID(f *testing.F) {
	for _, s := range []string{`#a\2fb%libera`, `#\u{2603}%libera`, `\5c20`, `#caf\u{e9}%libera`, `#\5cu{41}%libera`, `!\u{41}b%matrix`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, local string) {
		for domain := range domains {
			j, err := jid.New(local, domain, "")
			if err != nil {
				return
			}
			if a, err := domains.Parse(j); err == nil {
				if back, err := domains.JID(a); err != nil || back != j {
					t.Fatalf("%s is %+v, is %s, %v", j, a, back, err)
				}
			}
			if id, err := RoomID(j); err == nil {
				if back, err := RoomJID(id); err != nil || back != j {
					t.Fatalf("%s is %q, is %s, %v", j, id, back, err)
				}
			}
		}
	})
}
