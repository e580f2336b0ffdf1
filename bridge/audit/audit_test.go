package audit

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/mapping"
)

func record(n int) mapping.AuditRecord {
	room := bridge.Room{Network: "libera", ID: "#lounge"}
	return mapping.AuditRecord{
		At: time.Date(2026, 11, 29, 18, 0, n, 0, time.UTC), Link: "lounge", Action: "ban", Actor: "ann", From: room,
		Target: bridge.Person{Network: "libera", ID: "troll"}, Name: "troll", Reason: fmt.Sprintf("spam <%d>", n), Room: room, Result: "done",
	}
}

func readAll(t *testing.T, path string) (all []mapping.AuditRecord) {
	t.Helper()
	if err := Read(path, func(r mapping.AuditRecord) error { all = append(all, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func open(path string, most int64, out *bytes.Buffer) *Log {
	return Open(path, most, slog.New(slog.NewTextHandler(out, nil)))
}

// What is recorded is read again, over a restart and a line that a crash cut.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	if all := readAll(t, path); all != nil {
		t.Errorf("of no file %v", all)
	}
	for i := range 3 {
		l := open(path, 1<<20, new(bytes.Buffer))
		l.Record(record(i))
		if err := l.Close(); err != nil || l.Counters.Written.Load() != 1 {
			t.Error(err)
		}
		if i == 1 {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.WriteString(`{"at":"2026-11-`)
			f.Close()
		}
	}
	all := readAll(t, path)
	for i, r := range all {
		if r != record(i) {
			t.Errorf("record %d is %+v", i, r)
		}
	}
	if len(all) != 3 {
		t.Errorf("%d records", len(all))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	enough := errors.New("enough")
	if err := Read(path, func(mapping.AuditRecord) error { return enough }); err != enough {
		t.Error(err)
	}
}

// It holds at most twice its bound, the newest of all.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	const most, n = 4096, 100
	for i := range n {
		l := open(path, most, new(bytes.Buffer)) // each record is a batch of its own
		l.Record(record(i))
		l.Record(record(i))
		l.Close()
	}
	all := readAll(t, path)
	if len(all) < 12 || len(all) > 60 || all[len(all)-1] != record(n-1) {
		t.Errorf("%d records", len(all))
	}
	for i := 2; i < len(all); i += 2 {
		if !all[i].At.Equal(all[i-1].At.Add(time.Second)) {
			t.Errorf("%v follows %v", all[i].At, all[i-1].At)
		}
	}
	for _, p := range []string{path, rotated(path)} {
		if info, err := os.Stat(p); err != nil || info.Size() > most {
			t.Errorf("%s: %v, %v", p, info.Size(), err)
		}
	}
}

// What can't be written is counted, and said once.
func TestNoPlace(t *testing.T) {
	var out bytes.Buffer
	l := open(filepath.Join(t.TempDir(), "none", "audit.jsonl"), 1<<20, &out)
	l.box.Post(record(1))
	l.box.Post(record(2))
	l.Close()
	if l.Counters.Lost.Load() != 2 || strings.Count(out.String(), "can't be written") != 1 {
		t.Errorf("%d lost: %s", l.Counters.Lost.Load(), &out)
	}
	off := open("", 1<<20, &out)
	off.Record(record(1))
	if err := off.Close(); err != nil || off.Counters.Lost.Load() != 0 {
		t.Error("off loses")
	}
}

// FuzzRead: whatever a file holds, its lines that are records are read.
func FuzzRead(f *testing.F) {
	f.Add([]byte("{}\n{\"action\":\"kick\"}\nnull\n[\n"))
	f.Add([]byte(`{"action":"kick","room":7}` + "\n\n{"))
	f.Add(bytes.Repeat([]byte("x"), 100<<10))
	f.Fuzz(func(t *testing.T, data []byte) {
		const whole = `{"action":"sentinel"}`
		last := ""
		err := read(strings.NewReader(string(data)+"\n"+whole), func(r mapping.AuditRecord) error { last = r.Action; return nil })
		if err != nil || last != "sentinel" {
			t.Fatalf("%q, %v", last, err)
		}
	})
}
