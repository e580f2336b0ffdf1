package address

import (
	"strings"
	"testing"
	"unicode/utf8"

	"isthmus/xmppside/jid"
)

func BenchmarkPeople(b *testing.B) {
	for _, name := range []string{"native-0001", "Some_Nick|away", `back\slash`, "Zoé"} {
		b.Run(name, func(b *testing.B) {
			people := domains.People("gw.example.org", "libera")
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = people.Append(buf[:0], name, "")
			}
		})
	}
}

// People are spelled as everywhere else, and found by that.
func TestPeople(t *testing.T) {
	for _, c := range []struct{ name, gw, bound string }{
		{"rob", "rob%libera@gw.example.org", "rob@libera.example.org"},
		{"Rob[away]", "rob[away]%libera@gw.example.org", "rob[away]@libera.example.org"},
		{"a_`^{|}~-9", "a_`^{|}~-9%libera@gw.example.org", "a_`^{|}~-9@libera.example.org"},
		{"50%off", "50%off%libera@gw.example.org", "50%off@libera.example.org"},
		{`a\b`, `a\b%libera@gw.example.org`, `a\b@libera.example.org`},
		{`a\20b`, `a\5c20b%libera@gw.example.org`, `a\5c20b@libera.example.org`},
		{"o'b/c@d:<e>&\"f", `o\27b\2fc\40d\3a\3ce\3e\26\22f%libera@gw.example.org`, `o\27b\2fc\40d\3a\3ce\3e\26\22f@libera.example.org`},
		{"two words", `two\20words%libera@gw.example.org`, `two\20words@libera.example.org`},
		{"zoé", "zoé%libera@gw.example.org", "zoé@libera.example.org"},
		{"ZOÉ", `zo\u{c9}%libera@gw.example.org`, `zo\u{c9}@libera.example.org`},
		{"☃", `\u{2603}%libera@gw.example.org`, `\u{2603}@libera.example.org`},
		{`\u{41}`, `\u{5c}u{41}%libera@gw.example.org`, `\u{5c}u{41}@libera.example.org`},
		{"#rob", "", ""}, // a channel's name: nobody can be called so
		{"", "", ""},
	} {
		for domain, want := range map[string]string{"gw.example.org": c.gw, "libera.example.org": c.bound} {
			people := domains.People(domain, "libera")
			if got := string(people.Append([]byte("to "), Resource(c.name), "@account:server.org")); got != "to "+want {
				t.Errorf("%q on %s: %s, want %s", c.name, domain, got, want)
			}
			if want == "" {
				continue
			}
			if got, account := people.Find(jid.MustParse(want + "/resource")); got != Resource(lowerASCII(c.name)) || account != "" {
				t.Errorf("%s is %q, %q, want %q", want, got, account, c.name)
			}
		}
	}
	if got := domains.People("libera.example.org", "oftc").Append(nil, "rob", ""); got != nil {
		t.Errorf("an address that leads nowhere: %s", got)
	}
	for _, other := range []string{
		"rob%oftc@gw.example.org", "rob@libera.example.org", "libera@gw.example.org", "#go%libera@gw.example.org", "rob%libera@elsewhere.org", "gw.example.org",
	} {
		if got, account := domains.People("gw.example.org", "libera").Find(jid.MustParse(other)); got != "" || account != "" {
			t.Errorf("%s is %q, %q", other, got, account)
		}
	}
}

// On Matrix it is the account that counts.
func TestPeopleOfMatrix(t *testing.T) {
	for _, c := range []struct{ account, gw, bound string }{
		{"@rob:server.org", "rob%server.org%matrix@gw.example.org", "rob%server.org@matrix.example.org"},
		{"@Rob:server.org", `\u{52}ob%server.org%matrix@gw.example.org`, `\u{52}ob%server.org@matrix.example.org`},
		{"@a/b=c:server.org:8448", `a\2fb=c%server.org\3a8448%matrix@gw.example.org`, `a\2fb=c%server.org\3a8448@matrix.example.org`},
		{"@+1:server.org", "+1%server.org%matrix@gw.example.org", "+1%server.org@matrix.example.org"},
		{"@#go:server.org", "", ""},
		{"@rob:", "", ""},
		{"rob", "", ""},
		{"#go:server.org", "", ""},
		{"", "", ""},
	} {
		for domain, want := range map[string]string{"gw.example.org": c.gw, "matrix.example.org": c.bound} {
			people := domains.People(domain, "matrix")
			if got := string(people.Append([]byte("to "), "Rob", c.account)); got != "to "+want {
				t.Errorf("%q on %s: %s, want %s", c.account, domain, got, want)
			}
			if want == "" {
				continue
			}
			if nick, account := people.Find(jid.MustParse(want)); nick != "" || account != c.account {
				t.Errorf("%s is %q, %q, want %q", want, nick, account, c.account)
			}
		}
	}
	if got := domains.People("libera.example.org", "matrix").Append(nil, "rob", "@rob:server.org"); got != nil {
		t.Errorf("an address that leads nowhere: %s", got)
	}
}

// There is one spelling, however it is come by.
func FuzzPeople(f *testing.F) {
	for _, s := range []string{"rob", "Rob", `\5c`, " a ", "☃", "a&b", "+a", `\u{41}`} {
		f.Add(s, "libera")
	}
	f.Add("rob", "irc.host.org:6697")
	f.Add("rob", "É")
	f.Fuzz(func(t *testing.T, name, network string) {
		if !utf8.ValidString(name) || !utf8.ValidString(network) {
			return
		}
		for _, domain := range []string{"gw.example.org", "libera.example.org"} {
			want, err := domains.JID(Address{User, domain, network, name})
			people := domains.People(domain, network)
			if got := people.Append(nil, Resource(name), ""); network != "matrix" && string(got) != want.String() {
				t.Fatalf("%q on %q: %s, want %s, %v", name, network, got, want, err)
			}
			if err != nil || strings.Contains(network, "%") || network == "matrix" {
				continue
			}
			if got, _ := people.Find(want); got != Resource(lowerASCII(name)) {
				t.Fatalf("%s on %q is %q, want %q", want, network, got, name)
			}
		}
	})
}

// A user id is spelled as its name is, however it is come by.
func FuzzPeopleOfMatrix(f *testing.F) {
	for _, s := range []string{"@rob:server.org", "@Rob:server.org:8448", "@#:a", "@a%b:c", "@\\5c:d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if !utf8.ValidString(id) || len(id) > 100 {
			return
		}
		for _, domain := range []string{"gw.example.org", "matrix.example.org"} {
			name, ok := MatrixName(id)
			people := domains.People(domain, "matrix")
			got := string(people.Append(nil, "", id))
			if !ok || id[0] != '@' {
				if got != "" {
					t.Fatalf("%q: %s", id, got)
				}
				continue
			}
			want, err := domains.JID(Address{User, domain, "matrix", name})
			if err != nil || got != want.String() {
				t.Fatalf("%q: %s, want %s, %v", id, got, want, err)
			}
			if _, account := people.Find(want); account != id {
				t.Fatalf("%s is %q, want %q", want, account, id)
			}
		}
	})
}
