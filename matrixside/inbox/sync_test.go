package inbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"isthmus/matrixside/client"
)

// dendrite is a homeserver whose bot has a /sync.
type dendrite struct {
	*httptest.Server
	name string // of the software

	mu      sync.Mutex
	answers map[string]string // by since: the answer, or a status
	sinces  []string
}

func serveSync(t *testing.T, name string, answers map[string]string) *dendrite {
	t.Helper()
	d := &dendrite{name: name, answers: answers}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *dendrite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/_matrix/client/versions":
		fmt.Fprint(w, `{"versions":["v1.2"]}`)
		return
	case "/_matrix/federation/v1/version":
		fmt.Fprintf(w, `{"server":{"name":%q}}`, d.name)
		return
	case "/_matrix/client/v3/sync":
	default:
		w.WriteHeader(404)
		return
	}
	if !json.Valid([]byte(r.URL.Query().Get("filter"))) {
		w.WriteHeader(400)
		return
	}
	since := r.URL.Query().Get("since")
	d.mu.Lock()
	d.sinces = append(d.sinces, since+"/"+r.URL.Query().Get("timeout"))
	answer, has := d.answers[since]
	d.mu.Unlock()
	switch {
	case !has: // nothing comes
		select {
		case <-r.Context().Done():
		case <-time.After(200 * time.Millisecond):
		}
		fmt.Fprintf(w, `{"next_batch":%q}`, since)
	case strings.HasPrefix(answer, "{"):
		fmt.Fprint(w, answer)
	default:
		var status int
		fmt.Sscan(answer, &status)
		w.WriteHeader(status)
		fmt.Fprint(w, `{"errcode":"M_UNKNOWN","error":"no"}`)
	}
}

func (d *dendrite) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sinces)
}

func (d *dendrite) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Homeserver: d.URL, ServerName: "example.org", ASToken: "as", Bot: bot})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func redaction(id string) string {
	return `{"type":"m.room.redaction","event_id":"` + id + `","sender":"@bob:example.org","redacts":"$a","content":{}}`
}

// join is an answer to /sync with things of room1.
func join(next, timeline, ephemeral string) string {
	return `{"next_batch":"` + next + `","presence":{"events":[{"type":"m.presence","sender":"@bob:x","content":{"presence":"online"}}]},
		"rooms":{"join":{"` + room1 + `":{"timeline":{"events":[` + timeline + `]},"ephemeral":{"events":[` + ephemeral + `]}}}}}`
}

const (
	typing   = `{"type":"m.typing","content":{"user_ids":["@bob:x"]}}`
	receipts = `{"type":"m.receipt","content":{"$a":{"m.read":{"@bob:x":{"ts":1}},"m.read.private":{"@bob:x":{"ts":1}}}}}`
)

// What Dendrite doesn't send comes through /sync: from now on the first time,
// from where it was read to later.
func TestSync(t *testing.T) {
	d := serveSync(t, "Dendrite", map[string]string{
		"":   join("s1", redaction("$old"), typing),
		"s1": join("s2", redaction("$r1")+",5,"+redaction("$r2"), typing+","+receipts),
		"s2": join("s3", redaction("$r1")+","+redaction("$r3"), ""),
	})
	s := openStore(t, filepath.Join(t.TempDir(), "db"))
	var g got
	var log bytes.Buffer
	var rooms []string
	options := func(o *Options) {
		o.Client = d.client(t)
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.Event = func(e *event.Event, done func()) {
			if e.Redacts == "$a" {
				rooms = append(rooms, e.RoomID.String())
			}
			g.event(e, done)
		}
		o.Ephemeral = g.ephemeral
	}
	h := start(t, s, options)
	eventually(t, "all are given on", func() bool { return len(g.ids(room1)) >= 3 && len(g.signals()) >= 5 })
	h.put(200, "1", events(strings.Replace(redaction("$r3"), "{", `{"room_id":"`+room1+`",`, 1)))
	eventually(t, "it waits for more", func() bool { return slices.Contains(d.asked(), "s3/30000") })
	h.stop()
	if got := g.ids(room1); !slices.Equal(got, []string{"$r1", "$r2", "$r3"}) || len(rooms) != 3 || rooms[0] != room1 {
		t.Error(got, rooms)
	}
	var kinds []string
	for _, e := range g.signals() {
		kinds = append(kinds, e.Type.Type)
		if e.Type != event.EphemeralEventPresence && e.RoomID != room1 {
			t.Error(e)
		}
	}
	slices.Sort(kinds)
	if want := "m.presence m.presence m.presence m.receipt m.typing"; strings.Join(kinds, " ") != want {
		t.Errorf("%q, want %q", kinds, want)
	}
	if asked := d.asked(); asked[0] != "/0" || asked[1] != "s1/30000" {
		t.Error(asked)
	}
	if n := strings.Count(log.String(), "/sync"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}

	before := len(d.asked())
	h = start(t, s, options)
	eventually(t, "it goes on", func() bool { return len(d.asked()) > before })
	h.stop()
	if asked := d.asked(); asked[before] != "s3/0" {
		t.Error(asked[before:])
	}
	if n := h.in.Counters.SyncGaps.Load(); n != 0 {
		t.Error(n)
	}
}

// A homeserver that has forgotten is read from now on, and it is counted.
func TestSyncForgotten(t *testing.T) {
	d := serveSync(t, "", map[string]string{"": `{"next_batch":"n1"}`, "s9": "400",
		"n1": strings.Replace(join("n2", redaction("$r1"), ""), `"timeline":{`, `"timeline":{"limited":true,`, 1)})
	s := openStore(t, filepath.Join(t.TempDir(), "db"))
	if err := s.SetMark(t.Context(), syncMark, "s9"); err != nil {
		t.Fatal(err)
	}
	var g got
	h := start(t, s, func(o *Options) { o.Client, o.Event = d.client(t), g.event })
	eventually(t, "it goes on", func() bool { return len(g.ids(room1)) == 1 })
	if n := h.in.Counters.SyncGaps.Load(); n != 2 {
		t.Error(n, "gaps")
	}
}

// Synapse's bot has no /sync, and needs none; whether another homeserver's bot
// has one is found out, and said once.
func TestNoSync(t *testing.T) {
	for name, asked := range map[string]bool{"Synapse": false, "conduwuit": true} {
		d := serveSync(t, name, map[string]string{"": "500"})
		var log bytes.Buffer
		h := start(t, openStore(t, filepath.Join(t.TempDir(), "db")), func(o *Options) {
			o.Client = d.client(t)
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
		})
		if asked {
			eventually(t, "it is asked again", func() bool { return len(d.asked()) >= 2 })
		} else {
			time.Sleep(50 * time.Millisecond)
		}
		h.stop()
		if n := strings.Count(log.String(), "no /sync"); len(d.asked()) > 0 != asked || n != map[bool]int{true: 1}[asked] {
			t.Errorf("%s: asked %q, said %d times:\n%s", name, d.asked(), n, log.String())
		}
	}
}
