package xmppside

import (
	"testing"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
)

func testSettings(t *testing.T, o Options) *settings {
	s, err := newSettings(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// People are addressed on the domain that is bound to their network, or on the
// first of all networks.
func TestPersonJID(t *testing.T) {
	bound := testSettings(t, Options{Networks: []string{"libera", "oftc"}, Domains: []Domain{
		{Name: "gw.example.org"}, {Name: "gw2.example.org"}, {Name: "matrix.example.org", Network: "matrix"}, {Name: "oftc.example.org", Network: "oftc"},
	}})
	shared := testSettings(t, Options{Matrix: true, Domains: []Domain{{Name: "libera.example.org", Network: "libera"}, {Name: "gw.example.org"}}})
	none := testSettings(t, Options{Unlisted: true, Domains: []Domain{{Name: "gw.example.org"}}})
	for _, c := range []struct {
		who                 bridge.Person
		bound, shared, none string
	}{
		{bridge.Person{Network: "matrix", ID: "@bob:server.org"}, "bob%server.org@matrix.example.org", "bob%server.org%matrix@gw.example.org", ""},
		{bridge.Person{Network: "matrix", ID: "@Bob:server.org:8448"}, `\u{42}ob%server.org\3a8448@matrix.example.org`, `\u{42}ob%server.org\3a8448%matrix@gw.example.org`, ""},
		{bridge.Person{Network: "matrix", ID: "bob"}, "", "", ""},
		{bridge.Person{Network: "libera", ID: "rob"}, "rob%libera@gw.example.org", "rob@libera.example.org", "rob%libera@gw.example.org"},
		{bridge.Person{Network: "oftc", ID: "a/b"}, `a\2fb@oftc.example.org`, "", `a\2fb%oftc@gw.example.org`},
		{bridge.Person{Network: "xmpp", ID: "juliet@example.org"}, "juliet@example.org", "juliet@example.org", "juliet@example.org"},
		{bridge.Person{Network: "xmpp", ID: "@"}, "", "", ""},
	} {
		for s, want := range map[*settings]string{bound: c.bound, shared: c.shared, none: c.none} {
			got, err := s.personJID(c.who)
			if got.String() != want || (err == nil) != (want != "") {
				t.Errorf("%s: %s, %v, want %s", c.who, got, err, want)
			}
			if err == nil && c.who.Network != "xmpp" {
				if back, ok := s.personAt(got); !ok || back != c.who {
					t.Errorf("%s is %s", got, back)
				}
			}
		}
	}
	for _, other := range []string{"bob@matrix.example.org", "#go%server.org@matrix.example.org", "matrix.example.org", "juliet@example.org", "bob%server.org%matrx@gw.example.org"} {
		if who, ok := bound.personAt(jid.MustParse(other)); ok {
			t.Errorf("%s is %s", other, who)
		}
	}
}
