package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"isthmus/bridge"
)

var (
	quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
	key1  = base64.StdEncoding.EncodeToString(make([]byte, 32)) // the same in every process
	alice = bridge.Person{Network: bridge.NetworkXMPP, ID: "alice@example.org"}
	bob   = bridge.Person{Network: bridge.NetworkXMPP, ID: "bob@example.org"}
	golib = bridge.Room{Network: "libera", ID: "#go"}
)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, Key: key1, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// flush returns when all that was recorded before is committed.
func flush(t testing.TB, s *Store) {
	t.Helper()
	if _, err := ask(t.Context(), s, func(context.Context, *sql.Tx) (struct{}, error) { return struct{}{}, nil }); err != nil {
		t.Fatal(err)
	}
}

// must returns a function's value, having checked its error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestMessageIDs(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s, ctx := open(t, path), t.Context()
		private := bridge.Room{Network: "libera", ID: "#go", Owner: alice}
		s.Record(bridge.Record{ID: "m1", Room: golib, Native: "a"})
		s.Record(bridge.Record{ID: "m1", Room: golib, Native: "b"})
		s.Record(bridge.Record{ID: "m2", Room: private, Native: "a"})
		s.Record(bridge.Record{ID: "m3", Room: golib, Native: "a"}) // a network that repeats itself
		check := func(s *Store) {
			t.Helper()
			for _, want := range []struct {
				room       bridge.Room
				native, id string
			}{
				{golib, "a", "m1"}, {golib, "b", "m1"}, {private, "a", "m2"},
				{golib, "c", ""}, {private, "b", ""}, {bridge.Room{Network: "oftc", ID: "#go"}, "a", ""},
			} {
				if got := must[string](t)(s.MessageID(ctx, want.room, want.native)); got != want.id {
					t.Errorf("%v %s is %q, want %q", want.room, want.native, got, want.id)
				}
			}
			natives := must[[]string](t)(s.NativeIDs(ctx, "m1", golib))
			slices.Sort(natives)
			if !slices.Equal(natives, []string{"a", "b"}) {
				t.Errorf("m1 is %v there", natives)
			}
			if got := must[[]string](t)(s.NativeIDs(ctx, "m1", private)); len(got) != 0 {
				t.Errorf("m1 is %v in another room", got)
			}
		}
		check(s) // at once
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		check(open(t, path)) // after a restart
	})
}

// One bad record among good ones costs nobody else anything.
func TestBadRecord(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		s.Record(bridge.Record{ID: "m0", Room: golib, Native: "has\x00nul"})
		s.Record(bridge.Record{ID: "m0", Room: golib, Native: strings.Repeat("x", maxNativeID+1)})
		for i := range 100 {
			s.Record(bridge.Record{ID: fmt.Sprint("m", i), Room: golib, Native: fmt.Sprint("n", i)})
			if i == 50 { // PostgreSQL refuses it, SQLite takes it
				s.Record(bridge.Record{ID: "m\xff", Room: golib, Native: "n\xff"})
			}
		}
		flush(t, s)
		for i := range 100 {
			if got := must[string](t)(s.MessageID(t.Context(), golib, fmt.Sprint("n", i))); got != fmt.Sprint("m", i) {
				t.Fatalf("n%d is %q", i, got)
			}
		}
		if recorded, lost := s.Counters.Recorded.Load(), s.Counters.Lost.Load(); recorded+lost != 103 || lost < 2 {
			t.Errorf("%d recorded, %d lost", recorded, lost)
		}
	})
}

// A database that takes nothing holds up nobody for long, and counts what it lost.
func TestStuck(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	entered, release := make(chan bool), make(chan bool)
	asked := make(chan error, 1)
	go func() {
		_, err := ask(t.Context(), s, func(context.Context, *sql.Tx) (bool, error) {
			entered <- true
			return <-release, nil
		})
		asked <- err
	}()
	<-entered
	const more = 5000
	for i := range queueBound + more {
		s.Record(bridge.Record{ID: fmt.Sprint("m", i), Room: golib, Native: fmt.Sprint("n", i)})
	}
	if lost := s.Counters.Lost.Load(); lost != more {
		t.Errorf("%d lost, want %d", lost, more)
	}
	release <- true
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	s.Record(bridge.Record{ID: "m", Room: golib, Native: "n"})
	if got := must[string](t)(s.MessageID(t.Context(), golib, "n")); got != "m" {
		t.Errorf("afterwards n is %q", got)
	}
}

// What was queued is committed by Close, and many share few commits.
func TestGroupCommit(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := open(t, path)
		const writers, each = 8, 1000
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					s.Record(bridge.Record{ID: bridge.NewID(), Room: golib, Native: fmt.Sprint(w, "-", i)})
				}
			})
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := s.Counters.Recorded.Load(); n != writers*each {
			t.Errorf("%d recorded", n)
		}
		if n := s.Counters.Commits.Load(); n > writers*each/20 {
			t.Errorf("%d commits for %d records", n, writers*each)
		}
		if _, err := s.MessageID(t.Context(), golib, "0-0"); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestPrune(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s := must[*Store](t)(Open(t.Context(), Options{Path: path, Key: key1, Log: quiet,
			KeepAge: time.Hour, KeepCount: 10}))
		for i := range 3 * pruneRows {
			old := bridge.FirstID(time.Now().Add(-2*time.Hour)) + fmt.Sprint(i)
			s.Record(bridge.Record{ID: old, Room: bridge.Room{Network: "old"}, Native: fmt.Sprint("old", i)})
		}
		for i := range 20 {
			s.Record(bridge.Record{ID: bridge.NewID(), Room: golib, Native: fmt.Sprint("new", i)})
		}
		s.Close()
		s = open(t, path)
		count := func() (n int) {
			if err := s.db.QueryRow("SELECT COUNT(*) FROM messages").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count(); n != 3*pruneRows+20 {
			t.Fatalf("%d before", n)
		}
		// The writer is idle and its timer an hour away: this is its turn.
		s.opts.KeepAge, s.opts.KeepCount = time.Hour, 10
		s.prune()
		if n := count(); n != 10 {
			t.Errorf("%d kept", n)
		}
		if got := must[string](t)(s.MessageID(t.Context(), golib, "new19")); got == "" {
			t.Error("the newest is forgotten")
		}
	})
}

func TestLogins(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		s, ctx := open(t, path), t.Context()
		want := Login{Nick: "al", Account: "alice", Password: "hunter2", Certificate: "-----BEGIN"}
		for _, l := range []Login{{Nick: "first"}, want} {
			if err := s.SetLogin(ctx, alice, "libera", l); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		s = open(t, path)
		if got := must[Login](t)(s.Login(ctx, alice, "libera")); got != want {
			t.Errorf("got %+v", got)
		}
		if got := must[Login](t)(s.Login(ctx, alice, "oftc")); got != (Login{}) {
			t.Errorf("another network: %+v", got)
		}
		if got := must[Login](t)(s.Login(ctx, bob, "libera")); got != (Login{}) {
			t.Errorf("another person: %+v", got)
		}
		var stored string
		if err := s.db.QueryRow("SELECT secrets FROM logins").Scan(&stored); err != nil || strings.Contains(stored, "hunter2") {
			t.Error("not sealed", err)
		}
		// A row that is put under another name does not open.
		if _, err := s.db.Exec("UPDATE logins SET person = $1", bob.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Login(ctx, bob, "libera"); !errors.Is(err, ErrKey) {
			t.Errorf("somebody else's login opens: %v", err)
		}
		if err := s.SetLogin(ctx, bob, "libera", Login{}); err != nil {
			t.Fatal(err)
		}
		if got := must[Login](t)(s.Login(ctx, bob, "libera")); got != (Login{}) {
			t.Errorf("not removed: %+v", got)
		}
	})
}

func TestCancelled(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Login(ctx, alice, "libera"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWrongKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		open(t, path).Close()
		if _, err := Open(t.Context(), Options{Path: path, Key: newKey(), Log: quiet}); !errors.Is(err, ErrKey) {
			t.Errorf("opened with another key: %v", err)
		}
	})
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	path, file := filepath.Join(dir, "db"), filepath.Join(dir, "new", "key")
	for range 2 { // made, then read
		s, err := Open(t.Context(), Options{Path: path, KeyFile: file, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	for _, f := range []string{path, file} {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
	if err := os.WriteFile(file, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Path: path, KeyFile: file, Log: quiet}); err == nil || !strings.Contains(err.Error(), "not a key") {
		t.Error(err)
	}
	// A key that is gone is not replaced by one that opens nothing.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Path: path, KeyFile: file, Log: quiet}); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a new key was made")
	}
}

func TestDeriveKey(t *testing.T) {
	dir := t.TempDir()
	s, again := open(t, filepath.Join(dir, "a")), open(t, filepath.Join(dir, "b"))
	a, b, c := s.DeriveKey("one"), s.DeriveKey("two"), again.DeriveKey("one")
	if len(a) != 32 || slices.Equal(a, b) || !slices.Equal(a, c) {
		t.Errorf("%x %x %x", a, b, c)
	}
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	text := []byte(strings.Repeat("This is a letter to my mother. ", 100))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Path: path, Key: key1, Log: quiet}); err == nil {
		t.Error("opened")
	}
	if after, _ := os.ReadFile(path); string(after) != string(text) {
		t.Error("changed")
	}
}

func TestSharedDatabase(t *testing.T) { // a backup is taken while it runs
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path)
	s.Record(bridge.Record{ID: "m1", Room: golib, Native: "a"})
	flush(t, s)
	copied := path + ".copy"
	other := must[*sql.DB](t)(openDB(path))
	defer other.Close()
	if _, err := other.Exec("VACUUM INTO $1", copied); err != nil {
		t.Fatal(err)
	}
	if got := must[string](t)(open(t, copied).MessageID(t.Context(), golib, "a")); got != "m1" {
		t.Errorf("the copy has %q", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "db"))
	rooms := make([]bridge.Room, 100)
	for i := range rooms {
		rooms[i] = bridge.Room{Network: "libera", ID: fmt.Sprint("#channel", i)}
	}
	b.ReportAllocs()
	for i := range b.N {
		s.Record(bridge.Record{ID: bridge.NewID(), Room: rooms[i%100], Native: rand.Text()})
	}
	flush(b, s)
}
