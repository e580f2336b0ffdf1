package main

import (
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/config"
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
	cfg := example(t)
	cfg.Matrix.Homeserver = "http://127.0.0.1:8008"
	for _, l := range links(cfg) {
		if err := l.Check(); err != nil {
			t.Error(err)
		}
	}
	want := bridge.LegRule{Network: "libera", Room: "{room}", Authority: true}
	if len(got) != 4 || got[2].Legs[1] != want {
		t.Errorf("links %+v", got)
	}
}
