package matrixside

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

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

// FuzzMemberList: whatever a homeserver says about who is in a room, nobody is
// in the list twice over its bounds, and nothing breaks.
func FuzzMemberList(f *testing.F) {
	f.Add(`{"joined":{"@a:x":{"display_name":"A","avatar_url":null},"@b:x":{}}}`, 1)
	f.Add(`{"x":[1,{}],"joined":{"":{"display_name":1}}}`, 0)
	f.Add(`[]`, 5)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = max(0, min(most, 1000))
		l := nativeList{most: most, keep: map[id.UserID]bool{"@a:x": true}, ours: testNames.IsOurs}
		err := l.read(strings.NewReader(text))
		if len(l.found) > l.count || err == nil && !l.partial && len(l.found) != l.count || l.partial != (l.count > most) {
			t.Fatalf("%d found of %d, partial %v, %v", len(l.found), l.count, l.partial, err)
		}
		for _, m := range l.found {
			if l.partial && !l.keeps(m.user) {
				t.Fatalf("%q is shown", m.user)
			}
			if len(m.avatar) > maxURI || len(m.display) > 4*maxName {
				t.Fatalf("%d bytes of picture, %d of name", len(m.avatar), len(m.display))
			}
		}
	})
}
