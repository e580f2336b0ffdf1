package matrixside

import (
	"testing"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
)

// How available somebody is is told once, however often the homeserver says it.
func TestPortalPresence(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	bob := w.hs.User("bob")
	room := bob.Join(w.hs.Alias(goAlias))
	bob.Say(room, "hi")
	w.libera.expectSaid(t, "#go", "hi")
	away := bridge.Presence{Show: bridge.ShowAway, Status: "lunch"}
	is := func(p bridge.Presence) func(bridge.Event) bool {
		return func(e bridge.Event) bool { return e.Body == p }
	}
	bob.SetPresence("unavailable", "lunch")
	w.libera.expect(t, "that he is away", is(away))
	bob.SetPresence("unavailable", "lunch")
	bob.SetPresence("online", "")
	w.libera.expect(t, "that he is back", is(bridge.Presence{}))
	w.libera.set(func(o *otherSide) {
		for _, e := range o.got {
			if is(away)(e) {
				t.Errorf("again: %+v", e)
			}
		}
	})
}
