package bridge

import (
	"strings"
	"testing"
)

var gateway = Link{Name: "gw", Legs: []LegRule{
	{Network: "xmpp", Room: "{room}%{network}@gw.example"},
	{Network: "{network}", Room: "{room}", Authority: true},
}}

func TestLinkLegs(t *testing.T) {
	bound := Link{Name: "bound", Legs: []LegRule{
		{Network: "xmpp", Room: "{room}@libera.gw.example"},
		{Network: "libera", Room: "{room}", Authority: true},
	}}
	console := Link{Name: "console", Legs: []LegRule{
		{Network: "xmpp", Room: "{network}@gw.example"},
		{Network: "{network}", Room: "", Authority: true},
	}}
	matrix := Link{Name: "matrix", Legs: []LegRule{
		{Network: "matrix", Room: "~{room}%{network}"},
		{Network: "{network}", Room: "{room}", Authority: true},
	}}
	toXMPP := Link{Name: "matrix to xmpp", Legs: []LegRule{
		{Network: "matrix", Room: "~{room}%xmpp"},
		{Network: "xmpp", Room: "{room}", Authority: true},
	}}
	alice := Person{"xmpp", "alice@example.org"}
	mallory := Person{"matrix", "@mallory:example.org"}
	for _, c := range []struct {
		link Link
		room Room
		want string // rooms of the legs, or "" for no match
	}{
		{gateway, Room{Network: "xmpp", ID: "#go%libera@gw.example"}, "xmpp:#go%libera@gw.example libera:#go"},
		{gateway, Room{Network: "libera", ID: "#go"}, "xmpp:#go%libera@gw.example libera:#go"},
		{gateway, Room{Network: "xmpp", ID: "#100%%libera@gw.example"}, "xmpp:#100%%libera@gw.example libera:#100%"},
		{gateway, Room{Network: "xmpp", ID: "#a@b%irc.host.org@gw.example"}, "xmpp:#a@b%irc.host.org@gw.example irc.host.org:#a@b"},
		{gateway, Room{Network: "xmpp", ID: "#go@gw.example"}, ""},
		{gateway, Room{Network: "xmpp", ID: "%libera@gw.example"}, ""},
		{gateway, Room{Network: "xmpp", ID: "#go%@gw.example"}, ""},
		{gateway, Room{Network: "xmpp", ID: "#go%xmpp@gw.example"}, ""},
		{gateway, Room{Network: "xmpp", ID: "#go%matrix@gw.example"}, ""},
		{gateway, Room{Network: "xmpp", ID: "#go%libera@other.example"}, ""},
		{gateway, Room{Network: "xmpp", ID: "bob%libera@gw.example", Owner: alice}, "xmpp:bob%libera@gw.example libera:bob"},
		{bound, Room{Network: "xmpp", ID: "#go@libera.gw.example"}, "xmpp:#go@libera.gw.example libera:#go"},
		{bound, Room{Network: "libera", ID: "#go"}, "xmpp:#go@libera.gw.example libera:#go"},
		{bound, Room{Network: "oftc", ID: "#go"}, ""},
		{matrix, Room{Network: "matrix", ID: "~#go%libera"}, "matrix:~#go%libera libera:#go"},
		{matrix, Room{Network: "matrix", ID: "~bob%xmpp", Owner: mallory}, ""},
		{matrix, Room{Network: "matrix", ID: "#go%libera"}, ""},
		{toXMPP, Room{Network: "matrix", ID: "~go@muc.example%xmpp"}, "matrix:~go@muc.example%xmpp xmpp:go@muc.example"},
		// The owner's end is where the owner is.
		{gateway, Room{Network: "libera", ID: "bob", Owner: mallory}, ""},
		{matrix, Room{Network: "libera", ID: "bob", Owner: alice}, ""},
		{matrix, Room{Network: "libera", ID: "bob", Owner: mallory}, "matrix:~bob%libera libera:bob"},
		{toXMPP, Room{Network: "xmpp", ID: "bob%libera@gw.example", Owner: alice}, ""},
		{console, Room{Network: "libera", Owner: alice}, "xmpp:libera@gw.example libera:"},
		{console, Room{Network: "xmpp", ID: "libera@gw.example", Owner: alice}, "xmpp:libera@gw.example libera:"},
	} {
		var got []string
		for _, l := range c.link.legs(c.room) {
			got = append(got, l.room.String())
			if l.room.Owner != c.room.Owner {
				t.Errorf("%v: leg %v lost its owner", c.room, l.room)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s, %v:\n got %q\nwant %q", c.link.Name, c.room, s, c.want)
		}
	}
}

func TestLinkCheck(t *testing.T) {
	if err := gateway.Check(); err != nil {
		t.Error(err)
	}
	for want, l := range map[string]Link{
		"two rooms":     {Legs: []LegRule{{Network: "xmpp", Room: "a", Authority: true}}},
		"one room with": {Legs: []LegRule{{Network: "xmpp", Room: "a"}, {Network: "n", Room: "b"}}},
		"two variables": {Legs: []LegRule{{Network: "xmpp", Room: "{room}{network}", Authority: true}, {Network: "n", Room: "b"}}},
	} {
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// FuzzLink: what a link makes of a room, it also makes of each of its other legs.
func FuzzLink(f *testing.F) {
	f.Add("#go%libera@gw.example")
	f.Add("%%%@gw.example")
	f.Fuzz(func(t *testing.T, id string) {
		legs := gateway.legs(Room{Network: "xmpp", ID: id})
		if legs == nil {
			return
		}
		if legs[0].room.ID != id {
			t.Fatalf("%q became %q", id, legs[0].room.ID)
		}
		back := gateway.legs(legs[1].room)
		if back == nil || back[0].room != legs[0].room {
			t.Fatalf("%v leads back to %v", legs[1].room, back)
		}
	})
}
