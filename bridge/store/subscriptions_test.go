package store

import (
	"fmt"
	"slices"
	"testing"

	"isthmus/bridge"
)

func subscription(person, room string) bridge.Room {
	return bridge.Room{Network: "xmpp", ID: room, Owner: bridge.Person{Network: "xmpp", ID: person}}
}

func TestSubscriptions(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		rob, carl := subscription("alice@x", "rob%net@gw"), subscription("alice@x", "carl%net@gw")
		bobs := subscription("bob@x", "rob%net@gw")
		check := func(want ...bridge.Room) {
			t.Helper()
			if got := must[[]bridge.Room](t)(s.Subscriptions(t.Context())); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		}
		set := func(on bool, rooms ...bridge.Room) {
			t.Helper()
			changes := map[bridge.Room]bool{}
			for _, r := range rooms {
				changes[r] = on
			}
			if err := s.SetSubscriptions(t.Context(), changes); err != nil {
				t.Fatal(err)
			}
		}
		check()
		set(true, bobs, rob, carl)
		set(true, rob)
		set(false, carl, subscription("nobody@x", "rob%net@gw"))
		check(rob, bobs)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
		check(rob, bobs)

		for i := range maxSubscriptionsPerPerson + 10 {
			set(true, subscription("mallory@x", fmt.Sprintf("n%d%%net@gw", i)))
		}
		set(true, subscription("dora@x", "rob%net@gw"))
		if all := must[[]bridge.Room](t)(s.Subscriptions(t.Context())); len(all) != maxSubscriptionsPerPerson+3 || s.Counters.Refused.Load() != 10 {
			t.Errorf("%d are kept, %d were refused", len(all), s.Counters.Refused.Load())
		}
	})
}
