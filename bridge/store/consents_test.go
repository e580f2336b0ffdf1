package store

import (
	"slices"
	"testing"
	"time"

	"isthmus/bridge"
)

// The last word of a channel's operators counts, over a restart too.
func TestConsents(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		goes := bridge.Room{Network: "libera", ID: "#go"}
		at := time.Date(2026, 11, 29, 18, 0, 0, 0, time.UTC)
		for _, c := range []Consent{
			{Room: goes, Allowed: true, Nick: "rob", Account: "rob", At: at},
			{Room: bridge.Room{Network: "oftc", ID: "#go"}, Nick: "ann", At: at},
			{Room: goes, Nick: "bob", At: at.Add(time.Hour)},
		} {
			if err := s.SetConsent(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
		want := []Consent{
			{Room: goes, Nick: "bob", At: at.Add(time.Hour)},
			{Room: bridge.Room{Network: "oftc", ID: "#go"}, Nick: "ann", At: at},
		}
		if got := must[[]Consent](t)(s.Consents(t.Context())); !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
	})
}
