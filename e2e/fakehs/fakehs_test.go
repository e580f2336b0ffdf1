package fakehs

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bridge is an application service that notes what it is sent.
type bridge struct {
	t  *testing.T
	hs *Server

	mu       sync.Mutex
	refuse   int // how many transactions to answer 503
	events   []string
	signals  []string
	attempts []string // transaction id and number of events
	made     map[string]func()
}

func startBridge(t *testing.T, o Options) (*Server, *bridge) {
	b := &bridge{t: t, hs: Start(t, o), made: map[string]func(){}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.hs.SetURL(server.URL)
	return b.hs, b
}

func (b *bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+b.hs.Registration.HSToken {
		b.t.Errorf("%s without the token", r.URL)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/_matrix/app/v1/")
	if id, ok := strings.CutPrefix(path, "transactions/"); ok {
		var body struct {
			Events []struct {
				ID string `json:"event_id"`
			} `json:"events"`
			Ephemeral []struct {
				Type string `json:"type"`
			} `json:"ephemeral"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			b.t.Error(err)
		}
		ids := ""
		for _, e := range body.Events {
			ids += " " + e.ID
		}
		b.attempts = append(b.attempts, id+ids)
		if b.refuse > 0 {
			b.refuse--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for _, e := range body.Events {
			b.events = append(b.events, e.ID)
		}
		for _, e := range body.Ephemeral {
			b.signals = append(b.signals, e.Type)
		}
	} else if name, ok := strings.CutPrefix(path, "rooms/"); ok {
		if b.made[name] == nil {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"errcode":"M_NOT_FOUND"}`)
			return
		}
		b.made[name]()
	}
	io.WriteString(w, "{}")
}

// ask is a request with the bridge's token.
func (b *bridge) ask(method, path, as string, body any) (status int, answer map[string]any) {
	return ask(b.t, b.hs, b.hs.Registration.ASToken, method, path, as, body)
}

func ask(t *testing.T, hs *Server, token, method, path, as string, body any) (status int, answer map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	at := hs.URL + "/_matrix/client/v3/" + path
	if as != "" {
		at += map[bool]string{true: "&", false: "?"}[strings.Contains(at, "?")] + "user_id=" + url.QueryEscape(as)
	}
	r, err := http.NewRequest(method, at, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer got.Body.Close()
	_ = json.NewDecoder(got.Body).Decode(&answer) // a 502 has none
	return got.StatusCode, answer
}

// ghost registers one and has it enter a room.
func (b *bridge) ghost(name, room string) (user string) {
	b.t.Helper()
	b.ask("POST", "register", "", map[string]any{"type": "m.login.application_service", "username": name})
	if status, answer := b.ask("POST", "join/"+url.PathEscape(room), b.hs.ID(name), map[string]any{}); status != 200 {
		b.t.Fatalf("join: %d %v", status, answer)
	}
	return b.hs.ID(name)
}

func (b *bridge) seen() (events, signals, attempts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events), slices.Clone(b.signals), slices.Clone(b.attempts)
}

func TestBothWays(t *testing.T) {
	hs, b := startBridge(t, Options{})
	bob := hs.User("bob")
	room := bob.CreateRoom(RoomOptions{Alias: "go", Public: true})
	early := bob.Say(room, "nobody of yours is here")
	ghost := b.ghost("irc_libera_rob", hs.Alias("go"))
	said := bob.Say(room, "hello")
	bob.Typing(room, true)
	hs.Settle()
	events, signals, _ := b.seen()
	if slices.Contains(events, early) || !slices.Contains(events, said) || !slices.Contains(signals, "m.typing") {
		t.Errorf("%v %v", events, signals)
	}
	// The same transaction id from another ghost is the same event.
	other := b.ghost("irc_libera_bob", room)
	for _, as := range []string{ghost, ghost, other} {
		if status, answer := b.ask("PUT", "rooms/"+room+"/send/m.room.message/t1", as, map[string]any{"msgtype": "m.text", "body": "hello bob"}); status != 200 {
			t.Errorf("%d %v", status, answer)
		}
	}
	hs.ExpectMessage(room, ghost, "hello bob")
	if texts := hs.Messages(room, ""); len(texts) != 3 {
		t.Errorf("%q", texts)
	}
	if status, _ := b.ask("POST", "join/"+room, hs.ID("bob"), nil); status != 403 {
		t.Errorf("in the name of somebody else: %d", status)
	}
}

func TestTransactionsAgain(t *testing.T) {
	for kind, want := range map[Kind]string{Synapse: "the same", Dendrite: "more"} {
		hs, b := startBridge(t, Options{Kind: kind, Retry: 50 * time.Millisecond})
		bob := hs.User("bob")
		room := bob.CreateRoom(RoomOptions{Public: true})
		b.ghost("irc_libera_rob", room)
		hs.Settle()
		b.mu.Lock()
		b.refuse, b.attempts, b.events = 1, nil, nil
		b.mu.Unlock()
		first := bob.Say(room, "one")
		hs.Until("an attempt", func() bool { _, _, attempts := b.seen(); return len(attempts) == 1 })
		second := bob.Say(room, "two")
		hs.Settle()
		events, _, attempts := b.seen()
		if !slices.Equal(events, []string{first, second}) {
			t.Errorf("%s: got %v", want, events)
		}
		if more := strings.HasPrefix(attempts[1], attempts[0]+" "); more != (kind == Dendrite) {
			t.Errorf("%s: %q", want, attempts)
		}
	}
}

func TestRules(t *testing.T) {
	hs, b := startBridge(t, Options{Kind: Dendrite})
	bob, eve := hs.User("bob"), hs.User("eve")
	closed := bob.CreateRoom(RoomOptions{Alias: "closed", Visibility: "joined"})
	if _, err := eve.TryJoin(closed); err == nil {
		t.Error("uninvited")
	}
	bob.Say(closed, "before")
	bob.Invite(closed, eve.ID)
	eve.Join(closed)
	bob.Say(closed, "after")
	_, page := ask(t, hs, eve.Token, "GET", "rooms/"+closed+"/messages?dir=b", "", nil)
	if text := string(mustJSON(page)); strings.Contains(text, "before") || !strings.Contains(text, "after") {
		t.Errorf("history: %s", text)
	}
	restricted := bob.CreateRoom(RoomOptions{JoinRule: "restricted", Allow: closed})
	eve.Join(restricted)
	if status, _ := b.ask("POST", "join/"+restricted, hs.Bot(), nil); status != 500 {
		t.Errorf("a Dendrite refuses with 500, not %d", status)
	}
	bob.Ban(closed, eve.ID, "enough")
	if _, err := eve.TryJoin(closed); err == nil {
		t.Error("banned")
	}
	if err := eve.TryState(restricted, "m.room.topic", "", map[string]any{"topic": "x"}); err == nil {
		t.Error("without power")
	}
	bob.SetPower(restricted, eve.ID, 50)
	eve.SetTopic(restricted, "x")
}

func TestAliasIsAsked(t *testing.T) {
	hs, b := startBridge(t, Options{})
	alias := hs.Alias("irc_libera_=23go")
	b.made[alias] = func() {
		if status, answer := b.ask("POST", "createRoom", "", map[string]any{"room_alias_name": "irc_libera_=23go", "preset": "public_chat"}); status != 200 {
			t.Errorf("%d %v", status, answer)
		}
	}
	bob := hs.User("bob")
	room := bob.Join(alias)
	hs.ExpectMember(room, bob.ID, "join")
	if _, err := bob.TryJoin(hs.Alias("irc_none")); err == nil {
		t.Error("there is no such room")
	}
}

func TestFaults(t *testing.T) {
	hs, b := startBridge(t, Options{})
	room := hs.User("bob").CreateRoom(RoomOptions{Public: true})
	b.ghost("irc_libera_rob", room)
	say := func(id string) (int, map[string]any) {
		return b.ask("PUT", "rooms/"+room+"/send/m.room.message/"+id, hs.ID("irc_libera_rob"), map[string]any{"msgtype": "m.text", "body": id})
	}
	hs.Limit(1, 300*time.Millisecond)
	if status, answer := say("a"); status != 429 || answer["retry_after_ms"] != 300.0 {
		t.Errorf("%d %v", status, answer)
	}
	hs.BadGateway(1)
	if status, _ := say("a"); status != 502 {
		t.Errorf("%d", status)
	}
	hs.LoseAnswers(1)
	if status, _ := say("a"); status != 0 {
		t.Errorf("%d", status)
	}
	hs.Down()
	if status, _ := say("a"); status != 0 {
		t.Errorf("%d", status)
	}
	hs.Up()
	if status, answer := say("a"); status != 200 {
		t.Errorf("%d %v", status, answer)
	}
	if texts := hs.Messages(room, ""); len(texts) != 1 {
		t.Errorf("%q", texts)
	}
	if n := len(hs.Requests("PUT", "/send/")); n != 2 {
		t.Errorf("%d requests were carried out", n)
	}
}

func TestSync(t *testing.T) {
	hs, b := startBridge(t, Options{Kind: Dendrite})
	bob := hs.User("bob")
	room := bob.CreateRoom(RoomOptions{Public: true})
	b.ask("POST", "join/"+room, "", nil)
	_, first := b.ask("GET", "sync", "", nil)
	if sub(sub(sub(first, "rooms"), "join"), room) == nil {
		t.Fatalf("%v", first)
	}
	began := time.Now()
	time.AfterFunc(50*time.Millisecond, func() {
		id := bob.Say(room, "oops")
		bob.Redact(room, id)
		bob.Typing(room, true)
	})
	since, seen := first["next_batch"].(string), ""
	for !strings.Contains(seen, "m.room.redaction") || !strings.Contains(seen, "m.typing") {
		if time.Since(began) > Patience {
			t.Fatal(seen)
		}
		_, next := b.ask("GET", "sync?timeout=5000&since="+since, "", nil)
		since = next["next_batch"].(string)
		seen += string(mustJSON(next))
	}
	hs.Settle()
	for _, e := range hs.Events(room) {
		events, _, _ := b.seen()
		if e.Type == "m.room.redaction" && slices.Contains(events, e.ID) {
			t.Error("a Dendrite never sends redactions")
		}
	}
}

func TestDirectoryAndCrowd(t *testing.T) {
	hs, b := startBridge(t, Options{})
	bob := hs.User("bob")
	big := bob.CreateRoom(RoomOptions{Name: "Big", Public: true})
	bob.CreateRoom(RoomOptions{Name: "Small", Public: true})
	hs.Crowd(big, 20000)
	_, page := b.ask("POST", "publicRooms", "", map[string]any{"limit": 1})
	if !strings.Contains(string(mustJSON(page)), `"Big"`) || page["next_batch"] == nil {
		t.Errorf("%v", page)
	}
	_, page = b.ask("POST", "publicRooms", "", map[string]any{"limit": 1, "since": page["next_batch"]})
	if !strings.Contains(string(mustJSON(page)), `"Small"`) || page["next_batch"] != nil {
		t.Errorf("%v", page)
	}
	ghost := b.ghost("xmpp_juliet_example.org", big)
	_, joined := b.ask("GET", "rooms/"+big+"/joined_members", ghost, nil)
	if n := len(sub(joined, "joined")); n != 20002 {
		t.Errorf("%d members", n)
	}
}
