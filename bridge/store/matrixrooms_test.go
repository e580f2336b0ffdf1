package store

import (
	"reflect"
	"testing"

	"isthmus/bridge"
)

func TestMatrixRooms(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		ctx := t.Context()
		alice := bridge.Person{Network: "xmpp", ID: "alice@example.org"}
		direct := MatrixRoom{ID: "!a:hs", Ghost: "@xmpp_alice:hs", Kind: "direct", User: "@bob:hs",
			Room: bridge.Room{Network: "matrix", ID: "bob%hs", Owner: alice}}
		native := MatrixRoom{ID: "!b:hs", Ghost: "@xmpp_alice:hs", Kind: "native", Data: "public"}
		for _, r := range []MatrixRoom{native, {ID: "!a:hs", Ghost: "@xmpp_alice:hs", Kind: "other"}, direct} {
			if err := s.SetMatrixRoom(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		all, err := s.MatrixRooms(ctx)
		if want := []MatrixRoom{direct, native}; err != nil || !reflect.DeepEqual(all, want) {
			t.Fatalf("got %+v, %v, want %+v", all, err, want)
		}
		if err := s.DeleteMatrixRoom(ctx, "!a:hs", "@xmpp_alice:hs"); err != nil {
			t.Fatal(err)
		}
		if all, err = s.MatrixRooms(ctx); err != nil || !reflect.DeepEqual(all, []MatrixRoom{native}) {
			t.Fatalf("got %+v, %v", all, err)
		}
	})
}
