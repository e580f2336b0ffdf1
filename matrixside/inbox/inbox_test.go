package inbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge/store"
)

const (
	token = "hs-token"
	bot   = id.UserID("@isthmusbot:example.org")
	room1 = "!one:example.org"
	room2 = "!two:example.org"
)

func openStore(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Options{Path: path, Key: base64.StdEncoding.EncodeToString(make([]byte, 32)),
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// got collects what the inbox gives on.
type got struct {
	mu     sync.Mutex
	events []string // "room id"
	dones  []func()
	keep   bool // don't call done
	signal []*event.Event
}

func (g *got) event(e *event.Event, done func()) {
	g.mu.Lock()
	g.events = append(g.events, e.RoomID.String()+" "+e.ID.String())
	g.dones = append(g.dones, done)
	keep := g.keep
	g.mu.Unlock()
	if !keep {
		done()
	}
}

func (g *got) ephemeral(e *event.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.signal = append(g.signal, e)
}

func (g *got) ids(room string) (ids []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		if id, ok := strings.CutPrefix(e, room+" "); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

func (g *got) signals() []*event.Event {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.signal)
}

// harness is a running inbox.
type harness struct {
	t    testing.TB
	in   *Inbox
	url  string
	stop func()
}

func start(t testing.TB, s store.Inbox, change func(*Options)) *harness {
	t.Helper()
	o := Options{Listen: "127.0.0.1:0", HSToken: token, Bot: bot, Store: s, Event: func(_ *event.Event, done func()) { done() }}
	change(&o)
	in := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	select {
	case <-in.Listening():
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(10 * time.Second):
		t.Fatal("does not listen")
	}
	h := &harness{t: t, in: in, url: "http://" + in.Addr().String()}
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	return h
}

func (h *harness) request(method, path, authorization, body string) (status int, answer string) {
	h.t.Helper()
	r, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// put sends a transaction and checks the answer's status.
func (h *harness) put(want int, name, body string) {
	h.t.Helper()
	if status, answer := h.request("PUT", "/_matrix/app/v1/transactions/"+name, "Bearer "+token, body); status != want || !json.Valid([]byte(answer)) {
		h.t.Errorf("transaction %s: %d %s, want %d", name, status, answer, want)
	}
}

func message(room, id string) string {
	return fmt.Sprintf(`{"type":"m.room.message","room_id":%q,"event_id":%q,"sender":"@bob:example.org","origin_server_ts":1,"content":{"msgtype":"m.text","body":"hello"}}`, room, id)
}

func events(all ...string) string { return `{"events":[` + strings.Join(all, ",") + `]}` }

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never: ", what)
}

func waitingIDs(t testing.TB, s store.Inbox) (ids []string) {
	t.Helper()
	all, err := s.Waiting(context.Background(), 0, 100000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	return ids
}

// What is but an echo is given on in its place and remembered nowhere; it makes
// room for others when it is done.
func TestEchoes(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "db"))
	g := got{keep: true}
	h := start(t, s, func(o *Options) {
		o.Event = g.event
		o.Echo = func(e *event.Event) (echo, wanted bool) {
			return strings.HasPrefix(e.ID.String(), "$echo") || e.ID == "$unwanted", e.ID != "$unwanted"
		}
	})
	h.put(200, "1", events(message(room1, "$a"), message(room1, "$echo1"), message(room1, "$b"), message(room1, "$echo2")))
	h.put(200, "2", events(message(room1, "$echo2")))
	h.put(200, "-", events(message(room1, "$unwanted")))
	h.put(200, "3", events(message(room1, "$a"), message(room1, "$echo3"), message(room1, "$c")))
	want := []string{"$a", "$echo1", "$b", "$echo2", "$echo2", "$echo3", "$c"}
	eventually(t, "all are given on", func() bool { return len(g.ids(room1)) >= len(want) })
	if got := g.ids(room1); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := waitingIDs(t, s); !slices.Equal(got, []string{"$a", "$b", "$c"}) {
		t.Errorf("%q are remembered", got)
	}
	if n := h.in.Held(); n != len(want) {
		t.Errorf("%d are held", n)
	}
	for _, done := range g.dones {
		done()
		done()
	}
	eventually(t, "nothing is held", func() bool { return h.in.Held() == 0 })
	if n, again, echoes := h.in.Counters.Events.Load(), h.in.Counters.Repeated.Load(), h.in.Counters.Echoes.Load(); n != 3 || again != 1 || echoes != 5 {
		t.Error(n, again, echoes)
	}
}

// Each event is given on once, in its room's order, whichever transactions
// bring it: Dendrite sends the same one with more events, and old ones late.
func TestOnceEach(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "db"))
	var g got
	h := start(t, s, func(o *Options) { o.Event = g.event })
	h.put(200, "1", events(message(room1, "$a"), message(room2, "$x"), message(room1, "$b")))
	h.put(200, "1", events(message(room1, "$a"), message(room2, "$x"), message(room1, "$b"), message(room1, "$c")))
	h.put(200, "2", events(message(room1, "$d"), message(room1, "$d")))
	h.put(200, "3", events(message(room1, "$b"), message(room2, "$y"))) // old, and late
	h.put(200, "4", events())
	h.put(200, "5", `{}`)
	eventually(t, "all are given on", func() bool { return len(g.ids(room1)) >= 4 && len(g.ids(room2)) >= 2 })
	if got := g.ids(room1); !slices.Equal(got, []string{"$a", "$b", "$c", "$d"}) {
		t.Error(got)
	}
	if got := g.ids(room2); !slices.Equal(got, []string{"$x", "$y"}) {
		t.Error(got)
	}
	if n, again := h.in.Counters.Events.Load(), h.in.Counters.Repeated.Load(); n != 6 || again != 5 {
		t.Error(n, again)
	}
	eventually(t, "all are done", func() bool { return len(waitingIDs(t, s)) == 0 })
	h.stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.events) != 6 {
		t.Error(g.events)
	}
}

// What was not done comes again at the next start, before anything new.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := openStore(t, path)
	g := got{keep: true}
	h := start(t, s, func(o *Options) { o.Event = g.event })
	h.put(200, "1", events(message(room1, "$a"), message(room1, "$b"), message(room1, "$c"), message(room2, "$x")))
	eventually(t, "all are given on", func() bool { return len(g.ids(room1)) == 3 && len(g.ids(room2)) == 1 })
	g.dones[slices.Index(g.events, room1+" $b")]()
	g.dones[slices.Index(g.events, room1+" $b")]()
	eventually(t, "$b is done", func() bool { return !slices.Contains(waitingIDs(t, s), "$b") })
	h.stop()
	g.dones[0]() // after the end: nothing happens
	s.Close()

	s = openStore(t, path)
	g = got{}
	h = start(t, s, func(o *Options) { o.Event = g.event })
	h.put(200, "1", events(message(room1, "$a"), message(room1, "$d")))
	eventually(t, "all are given on", func() bool { return len(g.ids(room1)) == 3 && len(g.ids(room2)) == 1 })
	if got := g.ids(room1); !slices.Equal(got, []string{"$a", "$c", "$d"}) {
		t.Error(got)
	}
	eventually(t, "all are done", func() bool { return len(waitingIDs(t, s)) == 0 })
}

// A room whose receiver is slow holds up no other.
func TestSlowRoom(t *testing.T) {
	var g got
	release := make(chan struct{})
	var overlapping, most atomic.Int32
	h := start(t, openStore(t, filepath.Join(t.TempDir(), "db")), func(o *Options) {
		o.Event = func(e *event.Event, done func()) {
			if e.RoomID == room1 {
				most.Store(max(most.Load(), overlapping.Add(1)))
				<-release
				overlapping.Add(-1)
			}
			g.event(e, done)
		}
	})
	h.put(200, "1", events(message(room1, "$a"), message(room1, "$b"), message(room2, "$x")))
	h.put(200, "2", events(message(room2, "$y"), message(room1, "$c")))
	eventually(t, "the other room goes on", func() bool { return len(g.ids(room2)) == 2 })
	if len(g.ids(room1)) != 0 {
		t.Error("not held up")
	}
	close(release)
	eventually(t, "the slow room goes on", func() bool { return len(g.ids(room1)) == 3 })
	if got := g.ids(room1); !slices.Equal(got, []string{"$a", "$b", "$c"}) || most.Load() != 1 {
		t.Error(got, most.Load())
	}
}

// away is a store whose Accept can be made to fail or to hang.
type away struct {
	store.Inbox
	fail atomic.Bool
	hang chan struct{}
}

func (a *away) Accept(ctx context.Context, e []store.InboxEvent) ([]int64, error) {
	if a.fail.Load() {
		return nil, errors.New("the database is away")
	}
	if a.hang != nil {
		<-a.hang
	}
	return a.Inbox.Accept(ctx, e)
}

// Nothing is answered with 200 that isn't stored.
func TestStoreAway(t *testing.T) {
	a := &away{Inbox: openStore(t, filepath.Join(t.TempDir(), "db"))}
	a.fail.Store(true)
	var g got
	h := start(t, a, func(o *Options) { o.Event = g.event })
	h.put(500, "1", events(message(room1, "$a")))
	h.put(500, "1", events(message(room1, "$a")))
	if len(g.ids(room1)) != 0 {
		t.Error("given on unstored")
	}
	a.fail.Store(false)
	h.put(200, "1", events(message(room1, "$a"), message(room1, "$b")))
	eventually(t, "both are given on", func() bool { return len(g.ids(room1)) == 2 })
	if n := h.in.Counters.Failed.Load(); n != 2 {
		t.Error(n, "counted")
	}
}

// A homeserver that doesn't wait for the answer loses nothing: what it sent is
// given on when it has been stored, once.
func TestImpatient(t *testing.T) {
	a := &away{Inbox: openStore(t, filepath.Join(t.TempDir(), "db")), hang: make(chan struct{})}
	var g got
	h := start(t, a, func(o *Options) { o.Event = g.event })
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		r, err := http.NewRequestWithContext(ctx, "PUT", h.url+"/_matrix/app/v1/transactions/1?access_token="+token,
			strings.NewReader(events(message(room1, "$a"))))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("answered: ", err)
		}
		cancel()
	}
	close(a.hang)
	h.put(200, "1", events(message(room1, "$a"), message(room1, "$b")))
	eventually(t, "both are given on", func() bool { return len(g.ids(room1)) == 2 })
	if got := g.ids(room1); !slices.Equal(got, []string{"$a", "$b"}) {
		t.Error(got)
	}
}

// Who holds too much makes the homeserver wait.
func TestFull(t *testing.T) {
	g := got{keep: true}
	h := start(t, openStore(t, filepath.Join(t.TempDir(), "db")), func(o *Options) { o.Event = g.event })
	for i := range held / 100 {
		var all []string
		for j := range 100 {
			all = append(all, message(room1, fmt.Sprintf("$%d-%d", i, j)))
		}
		h.put(200, fmt.Sprint(i), events(all...))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.in.accept(ctx, h.in.events([]json.RawMessage{json.RawMessage(message(room2, "$x"))})); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if n := len(g.ids(room2)); n != 0 {
		t.Error("it was given on")
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		h.put(200, "more", events(message(room2, "$x")))
	}()
	eventually(t, "all are given on", func() bool { return len(g.ids(room1)) == held })
	g.mu.Lock()
	dones := slices.Clone(g.dones)
	g.mu.Unlock()
	for _, done := range dones {
		done()
	}
	<-answered
	eventually(t, "there is a place again", func() bool { return len(g.ids(room2)) == 1 })
}

func TestToken(t *testing.T) {
	h := start(t, openStore(t, filepath.Join(t.TempDir(), "db")), func(o *Options) {
		o.More = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "more") })
		o.User = func(_ context.Context, u id.UserID) bool { return u == "@irc_libera_rob:example.org" }
		o.Alias = func(_ context.Context, a id.RoomAlias) bool { return a == "#irc_libera_#a//b:example.org" }
	})
	const right = "Bearer " + token
	for _, c := range []struct {
		method, path, authorization, body string
		status                            int
		code                              string
	}{
		{"PUT", "/_matrix/app/v1/transactions/1", "", "{}", 401, "M_MISSING_TOKEN"},
		{"PUT", "/_matrix/app/v1/transactions/1", "Bearer ", "{}", 401, "M_MISSING_TOKEN"},
		{"PUT", "/_matrix/app/v1/transactions/1", "Bearer wrong", "{}", 403, "M_FORBIDDEN"},
		{"PUT", "/_matrix/app/v1/transactions/1?access_token=wrong", "", "{}", 403, "M_FORBIDDEN"},
		{"PUT", "/_matrix/app/v1/transactions/1?access_token=" + token, "Bearer wrong", "{}", 403, "M_FORBIDDEN"},
		{"PUT", "/_matrix/app/v1/transactions/1?access_token=" + token, "", "{}", 200, ""},
		{"PUT", "/transactions/1?access_token=" + token, "", "{}", 200, ""},
		{"PUT", "/transactions/1", "", "{}", 401, "M_MISSING_TOKEN"},
		{"PUT", "/_matrix/app/v1/transactions/1", right, "", 400, "M_BAD_JSON"},
		{"PUT", "/_matrix/app/v1/transactions/1", right, `{"events":5}`, 400, "M_BAD_JSON"},
		{"PUT", "/_matrix/app/v1/transactions/1", right, strings.Repeat(" ", transactionBound+1), 413, "M_TOO_LARGE"},
		{"PUT", "/_matrix/app/v1/transactions/", right, "{}", 200, "more"},
		{"POST", "/_matrix/app/v1/transactions/1", right, "{}", 405, "M_UNRECOGNIZED"},
		{"POST", "/_matrix/app/v1/ping", right, `{"transaction_id":"x"}`, 200, ""},
		{"POST", "/_matrix/app/v1/ping", "", `{}`, 401, "M_MISSING_TOKEN"},
		{"GET", "/_matrix/app/v1/ping", right, "", 405, "M_UNRECOGNIZED"},
		{"GET", "/_matrix/app/v1/users/@irc_libera_rob:example.org", right, "", 200, ""},
		{"GET", "/users/%40irc_libera_rob%3Aexample.org", right, "", 200, ""},
		{"GET", "/_matrix/app/v1/users/@irc_libera_carl:example.org", right, "", 404, "M_NOT_FOUND"},
		{"GET", "/_matrix/app/v1/rooms/%23irc_libera_%23a%2F%2Fb:example.org", right, "", 200, ""},
		{"GET", "/_matrix/app/v1/rooms/%23irc_libera_%23a//b:example.org", right, "", 200, ""},
		{"GET", "/_matrix/app/v1/rooms/%23irc_libera_%23a:example.org", right, "", 404, "M_NOT_FOUND"},
		{"GET", "/_matrix/app/v1/thirdparty/protocol/irc", right, "", 200, "more"},
		{"GET", "/_matrix/app/v1/thirdparty/protocol/irc", "", "", 401, "M_MISSING_TOKEN"},
		{"GET", "/media/signed", "", "", 200, "more"},
	} {
		status, answer := h.request(c.method, c.path, c.authorization, c.body)
		if status != c.status || !strings.Contains(answer, c.code) || c.code == "" && answer != "{}" {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, answer, c.status, c.code)
		}
	}
	if h.in.Counters.Strangers.Load() != 8 {
		t.Error(h.in.Counters.Strangers.Load(), "strangers")
	}
	bare := start(t, openStore(t, filepath.Join(t.TempDir(), "db")), func(o *Options) { o.HSToken = "" })
	if status, _ := bare.request("PUT", "/_matrix/app/v1/transactions/1", "Bearer x", "{}"); status != 403 {
		t.Error("without a token of ours: ", status)
	}
	if status, answer := bare.request("GET", "/elsewhere", "", ""); status != 404 || !strings.Contains(answer, "M_UNRECOGNIZED") {
		t.Error("where there is nothing: ", status, answer)
	}
}

// Events that make no sense are counted, and cost no others anything.
func TestMalformed(t *testing.T) {
	var g got
	parsed := map[string]*event.Event{}
	var log bytes.Buffer
	var mu sync.Mutex
	h := start(t, openStore(t, filepath.Join(t.TempDir(), "db")), func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Event = func(e *event.Event, done func()) {
			mu.Lock()
			parsed[e.ID.String()] = e
			mu.Unlock()
			g.event(e, done)
		}
	})
	long := strings.Repeat("x", maxID+1)
	bad := []string{
		`5`, `null`, `"x"`, `[]`, `{}`, message("", "$1"), message(room1, ""), message(long, "$2"), message(room1, "$"+long),
		message(room1, "$nul\x00"), strings.Replace(message(room1, "$3"), "@bob:example.org", "", 1),
		strings.Replace(message(room1, "$4"), `"m.room.message"`, `""`, 1),
		strings.Replace(message(room1, "$5"), `"m.room.message"`, `{}`, 1),
		strings.Replace(message(room1, "$6"), `{"msgtype":"m.text","body":"hello"}`, `5`, 1),
		strings.Replace(message(room1, "$7"), `{"msgtype":"m.text","body":"hello"}`, `null`, 1),
		strings.Replace(message(room1, "$8"), `{"msgtype":"m.text","body":"hello"}`, `{"body":5}`, 1),
		strings.Replace(message(room1, "$9"), `"hello"`, strings.Repeat(`[`, 100)+strings.Repeat(`]`, 100), 1),
		`{"type":"m.room.member","state_key":"@x:y","room_id":"!r","event_id":"$10","sender":"@x:y","content":{"membership":[]}}`,
	}
	for i := range bad {
		bad[i] = strings.ReplaceAll(bad[i], `\x00`, `\u0000`)
	}
	all := append(slices.Clone(bad),
		message(room1, "$good"),
		`{"type":"org.example.odd","room_id":"`+room1+`","event_id":"$odd","sender":"@x:y","content":{"body":"fallback"}}`,
		strings.Replace(message(room1, "$half"), `"body"`, `"m.mentions":"nonsense","body"`, 1),
		strings.Replace(message(room1, "$utf8"), `hello`, "h\xffllo", 1),
		`{"type":"m.room.redaction","room_id":"`+room1+`","event_id":"$redacts","sender":"@x:y","content":{"redacts":"$good"}}`,
		`{"type":"m.room.topic","state_key":"","room_id":"`+room1+`","event_id":"$topic","sender":"@x:y","content":{"topic":"T"}}`,
	)
	h.put(200, "1", events(all...))
	eventually(t, "the good ones are given on", func() bool { return len(g.ids(room1)) >= 6 })
	if got := g.ids(room1); !slices.Equal(got, []string{"$good", "$odd", "$half", "$utf8", "$redacts", "$topic"}) {
		t.Error(got)
	}
	if n := h.in.Counters.Malformed.Load(); n != int64(len(bad)) {
		t.Errorf("%d counted of %d", n, len(bad))
	}
	h.stop()
	if !strings.Contains(log.String(), "event=$8") {
		t.Error("not in the log")
	}
	for id, want := range map[string]string{"$good": "hello", "$half": "hello", "$utf8": "h\uFFFDllo"} {
		if body := parsed[id].Content.AsMessage().Body; body != want {
			t.Errorf("%s says %q", id, body)
		}
	}
	if e := parsed["$odd"]; e.Content.Raw["body"] != "fallback" || e.Content.Parsed != nil || e.Type.Class != event.MessageEventType {
		t.Error(e.Content, e.Type)
	}
	if e := parsed["$redacts"]; e.Redacts != "$good" {
		t.Error(e.Redacts)
	}
	if e := parsed["$topic"]; e.Type != event.StateTopic || e.Content.AsTopic().Topic != "T" {
		t.Error(e.Type)
	}
}

func TestEphemeral(t *testing.T) {
	var g got
	h := start(t, openStore(t, filepath.Join(t.TempDir(), "db")), func(o *Options) { o.Ephemeral = g.ephemeral })
	typing := `{"type":"m.typing","room_id":"!r:x","content":{"user_ids":["@bob:x"]}}`
	h.put(200, "1", `{"ephemeral":[`+typing+`,
		{"type":"m.receipt","room_id":"!r:x","content":{"$a":{"m.read":{"@bob:x":{"ts":1}},"m.read.private":{"@carl:x":{"ts":1}}},"$b":{"m.read.private":{"@carl:x":{"ts":1}}}}},
		{"type":"m.receipt","room_id":"!r:x","content":{"$a":{"m.read.private":{"@carl:x":{"ts":1}}}}},
		{"type":"m.presence","sender":"@bob:x","content":{"presence":"unavailable","status_msg":"tea"}},
		{"type":"m.typing","content":{"user_ids":["@bob:x"]}}, {"type":"m.typing","room_id":"!r:x","content":{"user_ids":5}}, 7,
		{"type":"m.unheard","room_id":"!r:x","content":{}}],
		"de.sorunome.msc2409.ephemeral":[`+typing+`], "to_device":[{"type":"m.x"}], "de.sorunome.msc2409.to_device":[5]}`)
	h.put(200, "2", `{"de.sorunome.msc2409.ephemeral":[`+typing+`]}`)
	eventually(t, "all are given on", func() bool { return len(g.signals()) >= 4 })
	h.stop()
	all := g.signals()
	if len(all) != 4 {
		t.Fatal(len(all), "came")
	}
	if e := all[0]; e.Type != event.EphemeralEventTyping || !slices.Equal(e.Content.AsTyping().UserIDs, []id.UserID{"@bob:x"}) {
		t.Error(e)
	}
	if r := *all[1].Content.AsReceipt(); len(r) != 1 || len(r["$a"]) != 1 || len(r["$a"][event.ReceiptTypeRead]) != 1 {
		t.Error(r)
	}
	if p := all[2].Content.AsPresence(); all[2].Sender != "@bob:x" || p.StatusMessage != "tea" {
		t.Error(p)
	}
	if n := h.in.Counters.Malformed.Load(); n != 3 {
		t.Error(n, "are malformed")
	}
}

// Whoever is slow to take signals misses some, and it is counted.
func TestSignalsLost(t *testing.T) {
	release := make(chan struct{})
	h := start(t, openStore(t, filepath.Join(t.TempDir(), "db")), func(o *Options) {
		o.Ephemeral = func(*event.Event) { <-release }
	})
	typing := `{"type":"m.typing","room_id":"!r:x","content":{"user_ids":[]}}`
	h.put(200, "1", `{"ephemeral":[`+strings.Repeat(typing+",", signals+9)+typing+`]}`)
	if n := h.in.Counters.SignalsLost.Load(); n != 10 {
		t.Error(n, "lost")
	}
	close(release)
}

// An address that is taken is an error at once.
func TestTaken(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "db"))
	h := start(t, s, func(o *Options) {})
	err := New(Options{Listen: h.in.Addr().String(), Store: s}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), h.in.Addr().String()) {
		t.Error(err)
	}
}

// BenchmarkTransactions is a thousand events in transactions of ten, until the
// last is done.
func BenchmarkTransactions(b *testing.B) {
	s := openStore(b, filepath.Join(b.TempDir(), "db"))
	h := start(b, s, func(o *Options) {})
	n := 0
	for b.Loop() {
		for range 100 {
			var all []string
			for range 10 {
				n++
				all = append(all, message(room1, fmt.Sprint("$", n)))
			}
			h.put(200, "t", events(all...))
		}
	}
	eventually(b, "all are done", func() bool { return len(waitingIDs(b, s)) == 0 })
}
