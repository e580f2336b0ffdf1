package matrixside

import (
	"testing"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
)

// BenchmarkSay is a line of ours to Matrix and its Confirm, the fake
// homeserver's own work (and its echo to us) included.
func BenchmarkSay(b *testing.B) {
	x := &bridged{t: b, hs: fakehs.Start(b, fakehs.Options{}), store: openStore(b)}
	x.start(nil)
	x.hs.User("bob").CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room := matrixRoom("#go%example.org")
	x.enter(room, alice, "Alice", 0)
	for b.Loop() {
		x.ask(room, alice, "Alice", bridge.Message{Text: "a line of usual length, as people write them"})
	}
}

// TestGhostsAreSmall: 1,000 ghosts take 2 MiB at most.
func TestGhostsAreSmall(t *testing.T) {
	x := startBridged(t, fakehs.Options{}, nil)
	before := heap()
	for i := range 1000 {
		who := bridge.Person{Network: "xmpp", ID: "somebody" + string(rune('a'+i%26)) + bridge.NewID() + "@example.net"}
		x.side.ghosts.entered(who, 1)
	}
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("1,000 ghosts take %d KiB", grown>>10)
	} else {
		t.Logf("%d KiB", grown>>10)
	}
	if n := len(x.side.ghosts.known); n != 1000 {
		t.Errorf("%d are known", n)
	}
}
