package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

const (
	bot   = id.UserID("@isthmusbot:example.org")
	ghost = id.UserID("@irc_libera_rob:example.org")
)

// answer is what the fake homeserver says to one request.
type answer struct {
	status int
	body   string
	header http.Header
	after  time.Duration
}

// homeserver answers with what it was given, the last for ever.
type homeserver struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []answer
	requests []string // "METHOD path?query"
	tokens   []string
}

func serve(t *testing.T, answers ...answer) *homeserver {
	t.Helper()
	h := &homeserver{answers: answers}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_matrix/client/versions" {
			fmt.Fprint(w, `{"versions": ["v1.11"]}`)
			return
		}
		h.mu.Lock()
		a := h.answers[0]
		if len(h.answers) > 1 {
			h.answers = h.answers[1:]
		}
		h.requests = append(h.requests, r.Method+" "+r.URL.RequestURI())
		h.tokens = append(h.tokens, r.Header.Get("Authorization"))
		h.mu.Unlock()
		time.Sleep(a.after)
		for k, v := range a.header {
			w.Header()[k] = v
		}
		w.WriteHeader(a.status)
		fmt.Fprint(w, a.body)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *homeserver) asked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}

func connect(t *testing.T, url string, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{Homeserver: url, ServerName: "example.org", ASToken: "secret", Bot: bot,
		First: time.Millisecond, Most: 10 * time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func send(ctx context.Context, m *mautrix.Client) error {
	s := Sending{Room: "!r:example.org", Transaction: TransactionID("e1", m.UserID, 0),
		Content: &event.MessageEventContent{MsgType: event.MsgText, Body: "hello"}}
	return s.Try(ctx, m)
}

var sent = answer{status: 200, body: `{"event_id": "$1"}`}

func refusal(status int, code, text string) answer {
	body, err := json.Marshal(map[string]string{"errcode": code, "error": text})
	if err != nil {
		panic(err) // strings always marshal
	}
	return answer{status: status, body: string(body)}
}

func TestWhoAsks(t *testing.T) {
	h := serve(t, sent)
	c := connect(t, h.URL)
	for _, as := range []id.UserID{ghost, "", bot} {
		if err := c.Do(t.Context(), as, send); err != nil {
			t.Fatal(err)
		}
	}
	asked := h.asked()
	if !strings.HasSuffix(asked[0], "?user_id=%40irc_libera_rob%3Aexample.org") {
		t.Error("a ghost is not named: ", asked[0])
	}
	if strings.Contains(asked[1], "user_id") || asked[1] != asked[2] {
		t.Error("the bot is named: ", asked[1:])
	}
	if h.tokens[0] != "Bearer secret" || strings.Contains(asked[0], "secret") {
		t.Error(h.tokens[0], asked[0])
	}
	if v := c.Versions(); !v.Supports(mautrix.FeatureAuthenticatedMedia) {
		t.Error("media would be asked for without authentication")
	}
}

// What is worth trying again is tried with the same transaction id.
func TestAgain(t *testing.T) {
	html := answer{status: 200, body: "<html>starting</html>"}
	for name, first := range map[string]answer{
		"502":         {status: 502, body: "<html>"},
		"503":         refusal(503, "M_UNKNOWN", "starting"),
		"504":         {status: 504},
		"500":         refusal(500, "M_UNKNOWN", "Internal server error"),
		"500 forbid":  refusal(500, "M_FORBIDDEN", "status counts first"),
		"429":         refusal(429, "M_LIMIT_EXCEEDED", "too fast"),
		"429 as 400":  refusal(400, "M_LIMIT_EXCEEDED", "too fast"),
		"no JSON":     html,
		"cut":         {status: 200, body: `{"event_`},
		"cut earlier": {status: 200, body: `{"event_`, header: http.Header{"Content-Length": {"100"}}},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, first, first, sent)
			c := connect(t, h.URL)
			if err := c.Do(t.Context(), ghost, send); err != nil {
				t.Fatal(err)
			}
			asked := h.asked()
			if len(asked) != 3 || asked[0] != asked[1] || asked[1] != asked[2] {
				t.Errorf("asked %q", asked)
			}
			if n := c.Counters.Retries.Load(); n != 2 {
				t.Errorf("%d retries counted", n)
			}
			if n := c.Counters.Refused.Load(); n != 0 {
				t.Errorf("%d refusals counted", n)
			}
		})
	}
}

func TestOnceIsOnce(t *testing.T) {
	h := serve(t, answer{status: 502}, sent)
	c := connect(t, h.URL)
	if err := c.Once(t.Context(), ghost, send); err == nil || len(h.asked()) != 1 {
		t.Error(err, h.asked())
	}
}

// The homeserver says how long it wants us to wait.
func TestPatience(t *testing.T) {
	for name, first := range map[string]answer{
		"body":   {status: 429, body: `{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 300}`},
		"header": {status: 429, header: http.Header{"Retry-After": {"0.3"}}, body: `{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, first, sent)
			began := time.Now()
			if err := connect(t, h.URL).Do(t.Context(), ghost, send); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < 300*time.Millisecond || took > 5*time.Second {
				t.Errorf("waited %v", took)
			}
		})
	}
	for text, want := range map[string]time.Duration{
		"": 0, "-5": 0, "2": 2 * time.Second, "1e300": maxAsked, "NaN": 0, "soon": 0,
	} {
		r := &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {text}}}
		if got := asked(mautrix.HTTPError{Response: r}); got != want {
			t.Errorf("Retry-After %q: %v, want %v", text, got, want)
		}
	}
}

// What is refused is refused at once, and said in words.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		a    answer
		path []any
		kind bridge.ErrorKind
		text string
	}{
		{refusal(403, "M_FORBIDDEN", "You are not invited to this room."), []any{"v3", "join", "!r"}, bridge.ErrMembersOnly, "You are not invited to this room."},
		{refusal(403, "M_FORBIDDEN", "You have been banned from this room"), []any{"v3", "join", "!r"}, bridge.ErrBanned, "You have been banned from this room"},
		{refusal(403, "M_FORBIDDEN", "@a:b is banned from the room"), []any{"v3", "rooms", "!r", "invite"}, bridge.ErrBanned, ""},
		{refusal(403, "M_FORBIDDEN", "You do not belong to any of the required rooms/spaces to join this room."), []any{"v3", "join", "!r"}, bridge.ErrMembersOnly, ""},
		{answer{status: 500, body: `{"Err":""}`}, []any{"v3", "join", "!r"}, bridge.ErrMembersOnly, ""},
		{answer{status: 500, body: `{"Err":""}`}, []any{"v3", "join", "#r:x"}, bridge.ErrNotFound, ""},
		{answer{status: 500, body: `{"Err":""}`}, []any{"v3", "directory", "room", "#r:x"}, bridge.ErrNotFound, ""},
		{answer{status: 500, body: `{"Err":""}`}, []any{"v3", "rooms", "!r", "ban"}, bridge.ErrNotFound, "There is nobody of that name on Matrix."},
		{refusal(502, "M_UNKNOWN", "Failed to fetch alias"), []any{"v3", "join", "#r:x"}, bridge.ErrNotFound, ""},
		{refusal(403, "M_BAD_STATE", "Cannot join user who was banned"), []any{"v3", "join", "!r:x"}, bridge.ErrBanned, ""},
		{refusal(403, "M_FORBIDDEN", `InputRoomEventsResponse: eventauth: "@a:b" is not allowed to change their membership from "ban" to "join" as sender cannot`), []any{"v3", "join", "!r"},
			bridge.ErrBanned, `"@a:b" is not allowed to change their membership from "ban" to "join" as sender cannot`},
		{refusal(403, "M_FORBIDDEN", `eventauth: sender "@a:b" not in room`), []any{"v3", "rooms", "!r", "send", "m.room.message", "1"}, bridge.ErrNotInRoom, ""},
		{refusal(403, "M_FORBIDDEN", `eventauth: sender "@a:b" is not allowed to send event. 0 < 50`), []any{"v3", "rooms", "!r", "send", "m.room.message", "1"}, bridge.ErrNoVoice, ""},
		{refusal(403, "M_FORBIDDEN", `user does not belong to room`), []any{"v3", "rooms", "!r", "kick"}, bridge.ErrNotInRoom, ""},
		{refusal(403, "M_FORBIDDEN", "User @a:b not in room !r"), []any{"v3", "rooms", "!r", "send", "m.room.message", "1"}, bridge.ErrNotInRoom, ""},
		{refusal(403, "M_FORBIDDEN", "You don't have permission to post that to the room. user_level (0) < send_level (50)"), []any{"v3", "rooms", "!r", "send", "m.room.message", "1"}, bridge.ErrNoVoice, ""},
		{refusal(403, "M_FORBIDDEN", "You don't have permission to post that to the room."), []any{"v3", "rooms", "!r", "state", "m.room.topic"}, bridge.ErrNoPrivileges, ""},
		{refusal(403, "", ""), []any{"v3", "rooms", "!r", "kick"}, bridge.ErrNoPrivileges, "The Matrix homeserver does not allow that."},
		{refusal(404, "M_NOT_FOUND", "Room alias #x not found"), []any{"v3", "directory", "room", "#x"}, bridge.ErrNotFound, "Room alias #x not found"},
		{answer{status: 404, body: "404 page not found"}, []any{"v3", "x"}, bridge.ErrNotFound, ""},
		{refusal(404, "M_UNRECOGNIZED", "Unrecognized request"), []any{"v3", "x"}, bridge.ErrUnsupported, ""},
		{refusal(405, "M_UNRECOGNIZED", "Unrecognized request"), []any{"v3", "x"}, bridge.ErrUnsupported, ""},
		{refusal(401, "M_UNKNOWN_TOKEN", "Invalid access token"), []any{"v3", "x"}, bridge.ErrInternal, "The Matrix homeserver does not know the bridge; its administrator has to set it up."},
		{refusal(413, "M_TOO_LARGE", "event too large"), []any{"v3", "x"}, bridge.ErrTooLong, "event too large"},
		{refusal(400, "M_EXCLUSIVE", "reserved"), []any{"v3", "register"}, bridge.ErrPolicy, ""},
		{refusal(400, "M_BAD_JSON", "line\r\none\x00\ttwo"), []any{"v3", "x"}, bridge.ErrInternal, "line one two"},
		{refusal(400, "M_INCOMPATIBLE_ROOM_VERSION", "no"), []any{"v3", "join", "!r"}, bridge.ErrUnsupported, "no"},
		{refusal(501, "M_UNRECOGNIZED", "no"), []any{"v3", "x"}, bridge.ErrOffline, ""},
		{answer{status: 200, body: `{"user_id": 5}`}, []any{"v3", "x"}, bridge.ErrOffline, ""},
		{answer{status: 302, header: http.Header{"Location": {"/elsewhere"}}}, []any{"v3", "x"}, bridge.ErrInternal, ""},
	} {
		t.Run(c.a.body, func(t *testing.T) {
			h := serve(t, c.a, sent)
			client := connect(t, h.URL)
			err := client.Do(t.Context(), ghost, func(ctx context.Context, m *mautrix.Client) error {
				var r mautrix.RespWhoami
				_, err := m.MakeRequest(ctx, "POST", m.BuildClientURL(c.path...), nil, &r)
				return err
			})
			if err == nil || len(h.asked()) != 1 {
				t.Fatalf("%v after %q", err, h.asked())
			}
			if got := Failure(err); got.Kind != c.kind || got.Text == "" || c.text != "" && got.Text != c.text {
				t.Errorf("%d %q for %v", got.Kind, got.Text, err)
			}
			if client.Counters.Refused.Load() != 1 {
				t.Error("the refusal is not counted")
			}
		})
	}
}

func TestAlready(t *testing.T) {
	for _, c := range []struct {
		a    answer
		path []any
		is   bool
	}{
		{refusal(400, "M_USER_IN_USE", "User ID already taken."), []any{"v3", "register"}, true},
		{refusal(400, "M_USER_IN_USE", "elsewhere it is an error"), []any{"v3", "x"}, false},
		{refusal(400, "M_DUPLICATE_ANNOTATION", "Can't send same reaction twice"), []any{"v3", "rooms", "!r", "send", "m.reaction", "1"}, true},
		{refusal(403, "M_FORBIDDEN", "@a:b is already in the room."), []any{"v3", "rooms", "!r", "invite"}, true},
		{refusal(403, "M_FORBIDDEN", "user is already joined to room"), []any{"v3", "rooms", "!r", "invite"}, true},
		{refusal(403, "M_FORBIDDEN", "@a:b is banned from the room"), []any{"v3", "rooms", "!r", "invite"}, false},
		{refusal(403, "M_FORBIDDEN", "User @a:b not in room !r"), []any{"v3", "rooms", "!r", "leave"}, true},
		{refusal(403, "M_FORBIDDEN", "User @a:b not in room !r"), []any{"v3", "rooms", "!r", "invite"}, false},
		{refusal(400, "M_UNKNOWN", `user "@a:b" is not joined to the room (membership is "leave")`), []any{"v3", "rooms", "!r", "leave"}, true},
		{refusal(400, "M_UNKNOWN", "something else"), []any{"v3", "rooms", "!r", "leave"}, false},
	} {
		h := serve(t, c.a)
		err := connect(t, h.URL).Do(t.Context(), ghost, func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.MakeRequest(ctx, "POST", m.BuildClientURL(c.path...), nil, nil)
			return err
		})
		if (err == nil) != c.is {
			t.Errorf("%s at %v: %v", c.a.body, c.path, err)
		}
	}
	h := serve(t, refusal(400, "M_USER_IN_USE", "User ID already taken."))
	if err := connect(t, h.URL).Register(t.Context(), ghost); err != nil {
		t.Error(err)
	}
}

// A homeserver that isn't an application service's asks who we are (UIA), and
// one may lower or change what it registers.
func TestRegisteredOtherwise(t *testing.T) {
	for want, a := range map[string]answer{
		"doesn't know the bridge": {status: 401, body: `{"flows": [{"stages": ["m.login.dummy"]}], "session": "s"}`},
		"registered":              {status: 200, body: `{"user_id": "@irc_libera_rob:other.org"}`},
	} {
		h := serve(t, a)
		if err := connect(t, h.URL).Register(t.Context(), ghost); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A homeserver that can't be reached is tried until there is no time left.
func TestAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := connect(t, "http://"+address)
	var changes []bool
	c.OnChange(func(up bool, err error) {
		if up == (err != nil) {
			t.Error(up, err)
		}
		changes = append(changes, up)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = c.Do(ctx, ghost, send)
	var gaveUp *GaveUpError
	if !errors.As(err, &gaveUp) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if f := Failure(err); f.Kind != bridge.ErrOffline || f.Text == "" {
		t.Error(f)
	}
	if c.Up() || c.Counters.Retries.Load() < 3 {
		t.Error(c.Up(), c.Counters.Retries.Load())
	}
	done := make(chan error, 1)
	go func() { done <- c.Do(t.Context(), ghost, send) }()
	time.Sleep(20 * time.Millisecond)
	h := serve(t, sent)
	l, err = net.Listen("tcp", address)
	if err != nil {
		t.Skip("the port is taken: ", err)
	}
	back := &http.Server{Handler: h.Config.Handler}
	go back.Serve(l)
	defer back.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(changes, []bool{false, true}) || !c.Up() || c.Counters.Outages.Load() != 1 {
		t.Error(changes, c.Up(), c.Counters.Outages.Load())
	}
}

// A refusal comes from a homeserver that is there; one slow request says
// nothing while others are answered.
func TestUp(t *testing.T) {
	h := serve(t, refusal(403, "M_FORBIDDEN", "no"))
	c := connect(t, h.URL)
	if c.Up() {
		t.Error("up before anybody asked")
	}
	c.Once(t.Context(), ghost, send)
	if !c.Up() {
		t.Error("not up after a refusal")
	}

	h = serve(t, answer{status: 502, after: 200 * time.Millisecond}, sent)
	c = connect(t, h.URL)
	slow := make(chan error)
	go func() { slow <- c.Once(t.Context(), ghost, send) }()
	for len(h.asked()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := c.Once(t.Context(), ghost, send); err != nil {
		t.Fatal(err)
	}
	if err := <-slow; err == nil || !c.Up() {
		t.Error(err, c.Up())
	}
}

// A request takes no longer than Patience, a file as long as it comes.
func TestSlow(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/versions") {
			fmt.Fprint(w, `{}`)
			return
		}
		for range 20 {
			w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
		fmt.Fprint(w, sent.body)
	}))
	defer h.Close()
	c := connect(t, h.URL, func(o *Options) { o.Patience = 50 * time.Millisecond })
	if err := c.Once(t.Context(), ghost, send); err == nil {
		t.Error("waited for ever")
	}
	if err := c.Stream(t.Context(), ghost, send); err != nil {
		t.Error(err)
	}
}

// There are never more requests at once than InFlight, and files have places
// of their own.
func TestInFlight(t *testing.T) {
	var now, most atomic.Int32
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		fmt.Fprint(w, sent.body)
	}))
	defer h.Close()
	c := connect(t, h.URL, func(o *Options) { o.InFlight = 4 })
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if err := c.Do(t.Context(), ghost, send); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() > 4 || most.Load() < 2 {
		t.Error(most.Load(), "at once")
	}
	for range cap(c.files) {
		c.files <- struct{}{}
	}
	if err := c.Do(t.Context(), ghost, send); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.Stream(ctx, ghost, send); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestBadURL(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:8008", "ftp://x", "http://", "http://[::1"} {
		if _, err := New(Options{Homeserver: url}); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
}

func TestTransactionID(t *testing.T) {
	seen := map[string]string{}
	for _, e := range []string{bridge.NewID(), "e", "", "a/b?c", strings.Repeat("x", 1000), strings.Repeat("x", 1001), "~x", "é"} {
		for _, as := range []id.UserID{"", bot, ghost, "@a.0:b"} {
			for _, part := range []int{0, 1, 11} {
				got := TransactionID(e, as, part)
				what := fmt.Sprintf("%q %q %d", e, as, part)
				if other, taken := seen[got]; taken {
					t.Errorf("%s and %s are both %s", what, other, got)
				}
				seen[got] = what
				if len(got) > 80 || strings.Trim(got, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~") != "" {
					t.Errorf("%s is %q", what, got)
				}
			}
		}
	}
	if a, b := TransactionID("e", ghost, 1), TransactionID("e", ghost, 1); a != b {
		t.Error(a, b)
	}
}

// What the homeserver is called is asked once, and may be unknown.
func TestSoftware(t *testing.T) {
	for _, c := range []struct {
		a             answer
		name, version string
	}{
		{answer{status: 200, body: `{"server": {"name": "Dendrite", "version": "0.15.2"}}`}, "Dendrite", "0.15.2"},
		{answer{status: 404, body: "{}", header: http.Header{"Server": {"Synapse/1.160.0"}}}, "Synapse", "1.160.0"},
		{answer{status: 404, body: "{}", header: http.Header{"Server": {"nginx/1.0"}}}, "", ""},
		{answer{status: 200, body: `{"server": 5}`}, "", ""},
	} {
		h := serve(t, answer{status: 502}, c.a)
		client := connect(t, h.URL)
		for range 2 {
			name, version, err := client.Software(t.Context())
			if name != c.name || version != c.version || err != nil {
				t.Errorf("%q %q %v, want %q %q", name, version, err, c.name, c.version)
			}
		}
		if n := len(h.asked()); n != 2 {
			t.Errorf("asked %d times", n)
		}
	}
}

// BenchmarkSend is a message to a room, with the homeserver's part of the work
// on the same processor.
func BenchmarkSend(b *testing.B) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, sent.body)
	}))
	defer h.Close()
	c, err := New(Options{Homeserver: h.URL, ServerName: "example.org", ASToken: "secret", Bot: bot})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Do(b.Context(), ghost, send); err != nil {
			b.Fatal(err)
		}
	}
}
