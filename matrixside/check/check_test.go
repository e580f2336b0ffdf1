package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"isthmus/matrixside/client"
)

const (
	bot   = id.UserID("@isthmusbot:example.org")
	ghost = id.UserID("@irc_libera_rob:example.org")
	alias = id.RoomAlias("#irc_libera_#none:example.org")
)

// homeserver is one whose answers can be changed.
type homeserver struct {
	mu      sync.Mutex
	answers map[string]func(w http.ResponseWriter) // by the path's end
	inbox   *listener
}

func says(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func refuses(status int, code string) func(http.ResponseWriter) {
	return says(status, fmt.Sprintf(`{"errcode":%q,"error":"words"}`, code))
}

func (h *homeserver) set(path string, f func(http.ResponseWriter)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[path] = f
}

func (h *homeserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if what == "register" {
		var body struct {
			Username string `json:"username"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			panic(err)
		}
		what = body.Username
	}
	h.mu.Lock()
	f := h.answers["*"]
	if f == nil {
		f = h.answers[what]
	}
	h.mu.Unlock()
	if f == nil {
		f = refuses(404, "M_UNRECOGNIZED")
	}
	f(w)
}

// listener is an inbox.
type listener struct {
	listening       chan struct{}
	heard, stranger atomic.Int64
}

func (l *listener) Listening() <-chan struct{} { return l.listening }
func (l *listener) Heard() (int64, int64)      { return l.heard.Load(), l.stranger.Load() }

// setUp makes a checker of a homeserver that is as it should be, with ping.
func setUp(t *testing.T) (*homeserver, *Checker, chan State, *bytes.Buffer) {
	t.Helper()
	l := &listener{listening: make(chan struct{})}
	close(l.listening)
	h := &homeserver{inbox: l, answers: map[string]func(http.ResponseWriter){}}
	h.set("versions", says(200, `{"versions":["v1.11"]}`))
	h.set("whoami", says(200, `{"user_id":"@isthmusbot:example.org"}`))
	h.set("isthmusbot", refuses(400, "M_USER_IN_USE"))
	h.set("irc_libera_rob", says(200, `{"user_id":"@irc_libera_rob:example.org"}`))
	h.set("ping", says(200, `{"duration_ms":1}`))
	h.set(alias.String(), func(w http.ResponseWriter) {
		l.heard.Add(1)
		refuses(404, "M_NOT_FOUND")(w)
	})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := client.New(client.Options{Homeserver: server.URL, ServerName: "example.org", ASToken: "as", Bot: bot})
	if err != nil {
		t.Fatal(err)
	}
	states := make(chan State, 100)
	var log bytes.Buffer
	return h, New(Options{Client: c, Inbox: l, ID: "isthmus", URL: "http://bridge:1", Listen: "0.0.0.0:1",
		Ghosts: []id.UserID{ghost}, Alias: alias, Changed: func(s State) { states <- s }, Log: slog.New(slog.NewTextHandler(&log, nil)),
		First: time.Millisecond, Most: 5 * time.Millisecond}), states, &log
}

// Everything that can be wrong is one sentence that says what to do.
func TestLook(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *homeserver)
		phase  Phase
		text   []string
	}{
		"all is well":        {func(h *homeserver) {}, OK, nil},
		"no ping":            {func(h *homeserver) { h.set("ping", nil) }, OK, nil},
		"no ping, as 405":    {func(h *homeserver) { h.set("ping", refuses(405, "M_UNRECOGNIZED")) }, OK, nil},
		"a bot by its token": {func(h *homeserver) { h.set("isthmusbot", refuses(400, "M_EXCLUSIVE")) }, OK, nil},
		"token": {func(h *homeserver) { h.set("whoami", refuses(401, "M_UNKNOWN_TOKEN")) }, Wrong,
			[]string{"as_token", "registration file and restart"}},
		"no homeserver": {func(h *homeserver) { h.set("whoami", says(404, "404 page not found")) }, Wrong, []string{"matrix.homeserver"}},
		"a website":     {func(h *homeserver) { h.set("whoami", says(200, `{}`)) }, Wrong, []string{"matrix.homeserver"}},
		"server name": {func(h *homeserver) { h.set("whoami", says(200, `{"user_id":"@isthmusbot:example.com"}`)) }, Wrong,
			[]string{"example.com", "matrix.server_name", "example.org"}},
		"bot": {func(h *homeserver) { h.set("whoami", says(200, `{"user_id":"@other:example.org"}`)) }, Wrong,
			[]string{"@other:example.org", bot.String()}},
		"namespaces": {func(h *homeserver) { h.set("irc_libera_rob", refuses(400, "M_EXCLUSIVE")) }, Wrong,
			[]string{ghost.String(), "registration"}},
		"no place": {func(h *homeserver) { h.set("irc_libera_rob", refuses(403, "M_RESOURCE_LIMIT_EXCEEDED")) }, Wrong,
			[]string{ghost.String(), "words"}},
		"no url": {func(h *homeserver) { h.set("ping", refuses(400, "M_URL_NOT_SET")) }, Wrong, []string{"url"}},
		"id":     {func(h *homeserver) { h.set("ping", refuses(403, "M_FORBIDDEN")) }, Wrong, []string{"another id than isthmus"}},
		"unreached": {func(h *homeserver) { h.set("ping", refuses(502, "M_CONNECTION_FAILED")) }, Wrong,
			[]string{"http://bridge:1", "0.0.0.0:1", "matrix.listen"}},
		"unreached in time": {func(h *homeserver) { h.set("ping", refuses(504, "M_CONNECTION_TIMEOUT")) }, Wrong, []string{"http://bridge:1"}},
		"hs_token": {func(h *homeserver) {
			h.set("ping", func(w http.ResponseWriter) {
				h.inbox.stranger.Add(1)
				refuses(502, "M_BAD_STATUS")(w)
			})
		}, Wrong, []string{"hs_token"}},
		"an old connection": {func(h *homeserver) {
			h.set("ping", func(w http.ResponseWriter) {
				h.set("ping", says(200, `{}`))
				refuses(502, "M_CONNECTION_FAILED")(w)
			})
		}, OK, nil},
		"trying just now": {func(h *homeserver) { // Synapse
			h.set("ping", func(w http.ResponseWriter) {
				h.inbox.heard.Add(1)
				refuses(502, "M_CONNECTION_FAILED")(w)
			})
		}, Waiting, []string{"does not see it yet"}},
		"in between": {func(h *homeserver) {
			h.set("ping", func(w http.ResponseWriter) {
				h.inbox.heard.Add(1)
				refuses(502, "M_BAD_STATUS")(w)
			})
		}, Wrong, []string{"Something between"}},
		"unreached, no ping": {func(h *homeserver) { // Dendrite
			h.set("ping", nil)
			h.set(alias.String(), says(500, `{"Err":""}`))
		}, Wrong, []string{"http://bridge:1"}},
		"hs_token, no ping": {func(h *homeserver) {
			h.set("ping", nil)
			h.set(alias.String(), func(w http.ResponseWriter) {
				h.inbox.stranger.Add(1)
				refuses(404, "M_NOT_FOUND")(w)
			})
		}, Wrong, []string{"hs_token"}},
		"away":     {func(h *homeserver) { h.set("*", says(502, "<html>")) }, Waiting, []string{"does not answer"}},
		"starting": {func(h *homeserver) { h.set("irc_libera_rob", says(503, "")) }, Waiting, []string{"does not answer"}},
		"busy":     {func(h *homeserver) { h.set("ping", refuses(429, "M_LIMIT_EXCEEDED")) }, Waiting, []string{"does not answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, checker, _, _ := setUp(t)
			c.change(h)
			got := checker.look(t.Context())
			if got.Phase != c.phase || (got.Text == "") != (c.phase == OK) {
				t.Errorf("%d %s", got.Phase, got.Text)
			}
			for _, words := range c.text {
				if !strings.Contains(got.Text, words) {
					t.Errorf("%q, want %q in it", got.Text, words)
				}
			}
			if n := strings.Count(got.Text, ". "); n > 0 || got.Text != "" && !strings.HasSuffix(got.Text, ".") {
				t.Errorf("%q is not one sentence", got.Text)
			}
		})
	}
}

// What is wrong is looked at until it is right; said once; and looked at
// anew when the homeserver has been away.
func TestRun(t *testing.T) {
	h, c, states, log := setUp(t)
	if c.State().Phase != Waiting {
		t.Error(c.State())
	}
	h.set("*", says(502, ""))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	expect := func(phase Phase) {
		t.Helper()
		select {
		case s := <-states:
			if s.Phase != phase || c.State() != s {
				t.Errorf("%+v and %+v, want %d", s, c.State(), phase)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is told")
		}
	}
	expect(Waiting)
	h.set("ping", refuses(502, "M_CONNECTION_FAILED"))
	h.set("*", nil)
	expect(Wrong)
	time.Sleep(50 * time.Millisecond)
	h.set("ping", says(200, `{}`))
	expect(OK)
	h.set("*", says(502, ""))
	c.opt.Client.Register(within(t, 10*time.Millisecond), ghost) // somebody finds out
	expect(Waiting)
	h.set("*", nil)
	expect(OK)
	cancel()
	<-done
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors in\n%s", n, log.String())
	}
	if n := strings.Count(log.String(), "reach each other"); n != 2 {
		t.Errorf("%d successes in\n%s", n, log.String())
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
