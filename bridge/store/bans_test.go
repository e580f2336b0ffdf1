package store

import (
	"slices"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/mapping"
)

// Who is banned from a link is so over a restart, until the ban is lifted.
func TestBans(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		at := time.Date(2026, 11, 29, 18, 0, 0, 0, time.UTC)
		room := bridge.Room{Network: "libera", ID: "#go"}
		ann := mapping.Ban{Person: bridge.Person{Network: "matrix", ID: "@ann:example.org"}, Name: "ann", By: "op", From: room, Reason: "spam", At: at}
		bob := mapping.Ban{Person: bridge.Person{Network: "libera", ID: "bob"}, Name: "bob", From: room, At: at}
		again := ann
		again.Reason = "more spam"
		for _, b := range []mapping.Ban{ann, bob, again} {
			if err := s.SetBan("lounge", b); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SetBan("other", bob); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
		if got, err := s.Bans("lounge"); err != nil || !slices.Equal(got, []mapping.Ban{bob, again}) {
			t.Fatalf("%+v %v", got, err)
		}
		if err := s.LiftBan("lounge", bob.Person); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Bans("lounge"); err != nil || !slices.Equal(got, []mapping.Ban{again}) {
			t.Fatalf("%+v %v", got, err)
		}
		if got, err := s.Bans("other"); err != nil || len(got) != 1 {
			t.Fatalf("%+v %v", got, err)
		}
	})
}
