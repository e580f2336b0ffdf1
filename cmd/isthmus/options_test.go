package main

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/config"
	"isthmus/ircside"
)

func example(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test", []byte(`
xmpp:
  domains:
    - name: irc.example.org
    - { name: libera.example.org, network: libera }
networks:
  libera:
    addresses: [ircs://irc.libera.chat, "irc://[::1]:6668"]
    encoding: koi8-r
    linger: 1m
    ping: 90s
`))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestIRCOptions(t *testing.T) {
	o, err := ircOptions(example(t))
	if err != nil {
		t.Fatal(err)
	}
	n := o.Networks["libera"]
	if len(n.Addresses) != 2 || n.Addresses[0].String() != "irc.libera.chat:6697" || !n.Addresses[0].TLS ||
		n.Addresses[1].String() != "[::1]:6668" || n.Addresses[1].TLS {
		t.Errorf("addresses %v", n.Addresses)
	}
	if n.Ping != 90*time.Second {
		t.Errorf("ping %v", n.Ping)
	}
	if o.Others.Encoding == nil || o.Others.Sessions == 0 || o.RoomsPerPerson != 100 {
		t.Errorf("others %+v", o)
	}
}

// What the policy of a network is about is handed on: the mapped channels, whom
// to turn to, and who may write to whom.
func TestIRCPolicy(t *testing.T) {
	cfg, err := config.Parse("test", []byte(`
xmpp: { domains: [{ name: irc.example.org }] }
networks:
  libera: { addresses: [ircs://irc.libera.chat], preset: libera, contact: "mailto:a@example.org" }
  oftc: { addresses: [ircs://irc.oftc.net], policy: mapped }
links:
  - name: go
    rooms:
      - { irc: libera, channel: "#Go" }
      - { xmpp: go@muc.example.org }
`))
	if err != nil {
		t.Fatal(err)
	}
	o, err := ircOptions(cfg)
	if err != nil {
		t.Fatal(err)
	}
	libera, oftc := o.Networks["libera"], o.Networks["oftc"]
	if libera.Policy != ircside.PolicyConsent || !libera.NoStrangers || libera.Contact != "mailto:a@example.org" || !slices.Equal(libera.Mapped, []string{"#go"}) {
		t.Errorf("%+v", libera)
	}
	if oftc.Policy != ircside.PolicyMapped || oftc.NoStrangers || oftc.Mapped != nil || o.Others.Policy != ircside.PolicyOpen {
		t.Errorf("%+v", oftc)
	}
}

func TestLinks(t *testing.T) {
	got := links(example(t))
	names := map[string]bool{}
	for _, l := range got {
		if err := l.Check(); err != nil {
			t.Error(err)
		}
		if names[l.Name] {
			t.Errorf("%s twice", l.Name)
		}
		names[l.Name] = true
	}
	if len(got) != 4 {
		t.Errorf("links %+v", got)
	}
	want := bridge.LegRule{Network: "libera", Room: "{room}", Authority: true}
	if len(got) != 4 || got[0].Legs[1] != want {
		t.Errorf("links %+v", got)
	}
}

// deaf is a side that only notes what is delivered.
type deaf struct{ got chan bridge.Event }

func (d deaf) Deliver(e bridge.Event) { d.got <- e }

type nobody struct{}

func (nobody) Record(bridge.Record) {}

// Each room that somebody asks for is found on the network that it is on,
// whatever other rules have a place for anything.
func TestLinksOfThree(t *testing.T) {
	cfg, err := config.Parse("test", []byte(`
xmpp:
  domains:
    - name: irc.example.org
    - { name: libera.example.org, network: libera }
    - { name: matrix.example.org, network: matrix }
networks: { libera: { addresses: [ircs://irc.libera.chat] } }
matrix: { homeserver: "http://127.0.0.1:8008", server_name: example.org }
`))
	if err != nil {
		t.Fatal(err)
	}
	sides := map[string]deaf{}
	hub := bridge.NewHub(nobody{}, slog.New(slog.DiscardHandler))
	for _, network := range []string{bridge.NetworkXMPP, bridge.NetworkMatrix} {
		sides[network] = deaf{make(chan bridge.Event, 10)}
		hub.Register(network, sides[network])
	}
	others := deaf{make(chan bridge.Event, 10)}
	hub.RegisterOthers(others)
	if err := hub.SetLinks(links(cfg)); err != nil {
		t.Fatal(err)
	}
	alice := bridge.Person{Network: bridge.NetworkXMPP, ID: "alice@example.org"}
	bob := bridge.Person{Network: bridge.NetworkMatrix, ID: "@bob:example.org"}
	rob := bridge.Person{Network: "libera", ID: "rob"}
	juliet := bridge.Person{Network: bridge.NetworkXMPP, ID: "juliet@example.net"}
	join, talk := bridge.Join{}, bridge.Message{Text: "hi"}
	for _, c := range []struct {
		network, id string
		owner, by   bridge.Person
		body        bridge.Body
		wantNetwork string
		wantID      string // "" with wantNetwork "": refused
	}{
		{"xmpp", "#go%libera@irc.example.org", bridge.Person{}, alice, join, "libera", "#go"},
		{"xmpp", "#go@libera.example.org", bridge.Person{}, alice, join, "libera", "#go"},
		{"xmpp", "#go%hs@matrix.example.org", bridge.Person{}, alice, join, "matrix", "#go%hs"},
		{"xmpp", "#go%hs%matrix@irc.example.org", bridge.Person{}, alice, join, "matrix", "#go%hs"},
		{"matrix", "~#c%libera", bridge.Person{}, bob, join, "libera", "#c"},
		{"matrix", "~go@muc.example.net%xmpp", bridge.Person{}, bob, join, "xmpp", "go@muc.example.net"},
		{"xmpp", "elsewhere@example.net", bridge.Person{}, alice, join, "xmpp", "elsewhere@example.net"}, // a failure

		{"xmpp", "rob%libera@irc.example.org", alice, alice, talk, "libera", "rob"},
		{"xmpp", "libera.example.org", alice, alice, talk, "libera", ""},
		{"xmpp", "bob%example.org@matrix.example.org", alice, alice, talk, "matrix", "bob%example.org"},
		{"matrix", "carol%example.org", alice, bob, talk, "xmpp", "carol%example.org@matrix.example.org"},
		{"libera", "dan", alice, rob, talk, "xmpp", "dan@libera.example.org"},
		{"libera", "dan", bob, rob, talk, "matrix", "~dan%libera"},
		{"matrix", "~rob%libera", bob, bob, talk, "libera", "rob"},
		{"matrix", "~%libera", bob, bob, talk, "libera", ""},
		{"matrix", "~juliet@example.net%xmpp", bob, bob, talk, "xmpp", "juliet@example.net"},
		{"xmpp", "romeo@example.net", bob, juliet, talk, "matrix", "~romeo@example.net%xmpp"},
	} {
		hub.Publish(bridge.Event{Room: bridge.Room{Network: c.network, ID: c.id, Owner: c.owner}, By: c.by, Body: c.body})
		side, known := sides[c.wantNetwork]
		if !known {
			side = others
		}
		select {
		case e := <-side.got:
			if e.Room.Network != c.wantNetwork || e.Room.ID != c.wantID || e.Room.Owner != c.owner {
				t.Errorf("%s:%s of %v went to %v of %v", c.network, c.id, c.owner, e.Room, e.Room.Owner)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s:%s went nowhere", c.network, c.id)
		}
	}
}
