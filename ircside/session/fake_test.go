package session

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"isthmus/ircside/line"
)

// fake is the server at the other end of a pipe.
type fake struct {
	t     *testing.T
	conn  net.Conn
	lines chan string // what the client sent; closed with the connection
}

func newFake(t *testing.T, conn net.Conn) *fake {
	f := &fake{t: t, conn: conn, lines: make(chan string, 1024)}
	go func() {
		defer close(f.lines)
		for sc := bufio.NewScanner(conn); sc.Scan(); {
			f.lines <- sc.Text()
		}
	}()
	return f
}

// send writes lines, each with its CR LF.
func (f *fake) send(lines ...string) {
	f.t.Helper()
	if _, err := fmt.Fprint(f.conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		f.t.Errorf("fake server: %v", err)
	}
}

// expect takes lines from the client and compares them. A "*" at the end
// stands for any rest.
func (f *fake) expect(lines ...string) {
	f.t.Helper()
	for _, want := range lines {
		got, ok := <-f.lines
		prefix, open := strings.CutSuffix(want, "*")
		if !ok || got != want && !(open && strings.HasPrefix(got, prefix)) {
			f.t.Fatalf("client sent %q, want %q", got, want)
		}
	}
}

// silent checks that the client has said nothing more.
func (f *fake) silent() {
	f.t.Helper()
	synctest.Wait()
	select {
	case got := <-f.lines:
		f.t.Fatalf("client sent %q, want nothing", got)
	default:
	}
}

// recorder is a Handler that notes what it hears.
type recorder struct {
	mu     sync.Mutex
	ready  int
	lines  []string
	closed []error
	over   chan struct{}
	onLine func(m *line.Message, b *Batch) // may be nil
}

func newRecorder() *recorder { return &recorder{over: make(chan struct{})} }

func (r *recorder) Ready() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready++
}

func (r *recorder) Line(m *line.Message, b *Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := m.Command
	for _, p := range m.Params {
		text += " " + string(p)
	}
	for ; b != nil; b = b.Parent {
		text += fmt.Sprintf(" <%s", b.Type)
		if !b.Open {
			text += " ended"
		}
	}
	r.lines = append(r.lines, text)
	if r.onLine != nil {
		r.onLine(m, b)
	}
}

func (r *recorder) Closed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed = append(r.closed, err); len(r.closed) == 1 {
		close(r.over)
	}
}

// heard gives the lines since it was last asked.
func (r *recorder) heard() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

func (r *recorder) err() error {
	<-r.over
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed[0]
}

// world is a session, its server and its handler in a bubble of fake time.
type world struct {
	*testing.T
	s   *Session
	srv *fake
	h   *recorder
}

// inBubble runs a scenario on a session with cfg, and ends the session after it.
func inBubble(t *testing.T, cfg Config, scenario func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		cfg.Addresses = []Address{{Host: "irc.test", Port: "6667"}}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
		if cfg.Nick == "" {
			cfg.Nick = "alice"
		}
		ctx, cancel := context.WithCancel(t.Context())
		h := newRecorder()
		w := &world{T: t, srv: newFake(t, server), h: h}
		w.s = Open(ctx, cfg, h)
		scenario(w)
		cancel()
		<-h.over
		_ = server.Close()
		synctest.Wait()
		if len(h.closed) != 1 {
			t.Errorf("Closed was called %d times", len(h.closed))
		}
	})
}

// hello is what every client begins with.
func (w *world) hello() {
	w.Helper()
	w.srv.expect("CAP LS 302", "NICK alice", "USER alice 0 * alice")
}

// welcome registers the session, with caps enabled.
func (w *world) welcome(caps string) {
	w.Helper()
	w.hello()
	if caps == "" {
		w.srv.expectCaps("")
	} else {
		w.srv.expectCaps(caps)
	}
	w.srv.send(":irc.test 001 alice :Welcome alice!~al@host.example",
		":irc.test 005 alice CASEMAPPING=rfc1459 NICKLEN=20 CHANTYPES=# :are supported by this server",
		":irc.test 422 alice :no MOTD")
	w.srv.expect("PING ready")
	w.h.heard()
	if w.h.ready != 1 {
		w.Fatalf("ready %d times", w.h.ready)
	}
}

func (f *fake) expectCaps(caps string) {
	f.t.Helper()
	f.send(":irc.test CAP * LS :" + caps)
	if caps != "" {
		req := <-f.lines
		list, ok := strings.CutPrefix(req, "CAP REQ ")
		list = strings.TrimPrefix(list, ":")
		if !ok || len(strings.Fields(list)) != len(strings.Fields(caps)) {
			f.t.Fatalf("client sent %q, want a request for %q", req, caps)
		}
		f.send(":irc.test CAP alice ACK :" + list)
	}
	f.expect("CAP END")
}

func (w *world) wantHeard(want ...string) {
	w.Helper()
	if got := w.h.heard(); !slices.Equal(got, want) {
		w.Errorf("heard\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// wantKind checks how the session ended.
func (w *world) wantKind(kind Kind, temporary bool) *Error {
	w.Helper()
	err, ok := w.h.err().(*Error)
	if !ok || err.Kind != kind || err.Temporary() != temporary {
		w.Fatalf("closed with %#v, want kind %d, temporary %v", w.h.err(), kind, temporary)
	}
	return err
}

// request asks and returns where the result will be.
func (w *world) request(lines ...Line) *[]Result {
	w.Helper()
	results := new([]Result)
	if err := w.s.Request(Request{Lines: lines}, func(r Result) { *results = append(*results, r) }); err != nil {
		w.Fatal(err)
	}
	return results
}

func privmsg(target, text string) Line {
	return Line{Command: "PRIVMSG", Params: []string{target, text}}
}
