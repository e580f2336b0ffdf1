package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"isthmus/bridge"
)

func inboxEvents(ids ...string) []InboxEvent {
	all := make([]InboxEvent, len(ids))
	for i, id := range ids {
		all[i] = InboxEvent{ID: id, Body: `{"event_id":"` + id + `"}`}
	}
	return all
}

func waiting(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	for after := int64(0); ; {
		page := must[[]InboxEvent](t)(s.Waiting(t.Context(), after, 2))
		if len(page) == 0 {
			return ids
		}
		for _, e := range page {
			if e.Seq <= after || e.Body != `{"event_id":"`+e.ID+`"}` {
				t.Errorf("%+v after %d", e, after)
			}
			after = e.Seq
			ids = append(ids, e.ID)
		}
	}
}

// An event is accepted once, whichever transaction brings it, and waits until
// it is done, also over a restart.
func TestInbox(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		check := func(want ...string) {
			t.Helper()
			if got := waiting(t, s); !slices.Equal(got, want) {
				t.Errorf("%q wait, want %q", got, want)
			}
		}
		accept := func(want string, ids ...string) []int64 {
			t.Helper()
			seqs := must[[]int64](t)(s.Accept(t.Context(), inboxEvents(ids...)))
			got := ""
			for _, seq := range seqs {
				got += map[bool]string{true: "-", false: "+"}[seq == 0]
			}
			if got != want {
				t.Errorf("%q: %s, want %s", ids, got, want)
			}
			return seqs
		}
		done := func(seqs ...int64) {
			t.Helper()
			if err := s.Done(t.Context(), seqs); err != nil {
				t.Fatal(err)
			}
		}
		accept("")
		check()
		seqs := accept("+++-", "$b", "$a", "$c", "$a")
		check("$b", "$a", "$c")
		accept("-+-", "$a", "$d", "$d") // Dendrite: the same transaction with more
		done(seqs[1])
		done()
		check("$b", "$c", "$d")
		accept("-", "$a")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
		accept("--", "$a", "$d")
		check("$b", "$c", "$d")

		var many []string
		for i := range 5*acceptRows + 1 {
			many = append(many, fmt.Sprint("$", i))
		}
		seqs = must[[]int64](t)(s.Accept(t.Context(), inboxEvents(many...)))
		if !slices.IsSorted(seqs) || seqs[0] == 0 {
			t.Error("out of order: ", seqs)
		}
		check(append([]string{"$b", "$c", "$d"}, many...)...)
		done(seqs...)
		check("$b", "$c", "$d")

		s.pruneInbox(time.Hour, 2) // the writer is idle: this is its turn
		check("$b", "$c", "$d")
		accept("+", "$a")
		accept("-", many[len(many)-1])
	})
}

func TestMarks(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		before := ""
		for _, value := range []string{"s1", "s2"} {
			if got := must[string](t)(s.Mark(t.Context(), "sync")); got != before {
				t.Errorf("%q, want %q", got, before)
			}
			if err := s.SetMark(t.Context(), "sync", value); err != nil {
				t.Fatal(err)
			}
			before = value
		}
		s.Close()
		s = open(t, path)
		if got := must[string](t)(s.Mark(t.Context(), "sync")); got != before {
			t.Errorf("%q after a restart", got)
		}
		if got := must[string](t)(s.Mark(t.Context(), "other")); got != "" {
			t.Error(got)
		}
	})
}

func TestMatrixGhosts(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		ctx := t.Context()
		rob := MatrixGhost{UserID: "@irc_libera_rob:x", Person: bridge.Person{Network: "libera", ID: "rob"}, DisplayName: "rob"}
		carl := MatrixGhost{UserID: "@irc_libera_carl:x", Person: bridge.Person{Network: "libera", ID: "carl"}}
		for _, g := range []MatrixGhost{rob, carl} {
			if err := s.SetMatrixGhost(ctx, g); err != nil {
				t.Fatal(err)
			}
		}
		rob.DisplayName, rob.Registered, rob.AvatarSHA1, rob.AvatarMXC = "Rob", true, "da39", "mxc://x/1"
		if err := s.SetMatrixGhost(ctx, rob); err != nil {
			t.Fatal(err)
		}
		if got := must[[]MatrixGhost](t)(s.MatrixGhosts(ctx)); !slices.Equal(got, []MatrixGhost{carl, rob}) {
			t.Errorf("%+v", got)
		}
		if err := s.DeleteMatrixGhost(ctx, carl.UserID); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s = open(t, path)
		if got := must[MatrixGhost](t)(s.MatrixGhost(ctx, rob.UserID)); got != rob {
			t.Errorf("%+v", got)
		}
		if got := must[MatrixGhost](t)(s.MatrixGhost(ctx, carl.UserID)); got != (MatrixGhost{}) {
			t.Errorf("%+v", got)
		}
	})
}

// BenchmarkInbox is a thousand events in transactions of ten, done one by one.
func BenchmarkInbox(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "db"))
	for n := range b.N {
		for i := range 100 {
			var ids []string
			for j := range 10 {
				ids = append(ids, fmt.Sprintf("$%d-%d-%d", n, i, j))
			}
			seqs, err := s.Accept(b.Context(), inboxEvents(ids...))
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Done(b.Context(), seqs); err != nil {
				b.Fatal(err)
			}
		}
	}
}
