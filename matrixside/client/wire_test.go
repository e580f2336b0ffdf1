package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// raw is a server that answers each request with the same bytes, and then
// closes the connection or does not.
func raw(t *testing.T, answer string, closes bool) (at string, connections *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer conn.Close()
				for in := bufio.NewReader(conn); ; {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					if io.WriteString(conn, answer); closes {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), connections
}

func wireTo(t *testing.T, at string, patience time.Duration) *wire {
	t.Helper()
	base, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(base, patience)
	t.Cleanup(func() {
		for c := w.take(); c != nil; c = w.take() {
			c.Close()
		}
	})
	return w
}

// ask makes a request and reads its answer.
func ask(ctx context.Context, t *testing.T, w *wire, at string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/x", strings.NewReader(`{"a": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: w}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// However an answer comes it is read to its end and no further, and its
// connection serves the next request if it can (RFC 9112 §6.3, §9.3).
func TestWire(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		answer string
		closes bool
		status int // 0: an error
		body   string
		kept   bool
	}{
		"length":        {ok + "Content-Length: 5\r\n\r\nhello", false, 200, "hello", true},
		"chunks":        {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", false, 200, "hello", true},
		"trailer":       {ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", false, 200, "hello", true},
		"empty":         {ok + "Content-Length: 0\r\n\r\n", false, 200, "", true},
		"no content":    {"HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true},
		"refused":       {"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}", false, 403, "{}", true},
		"informational": {"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 1\r\n\r\nx", false, 200, "x", true},
		"close":         {ok + "Connection: close\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", false},
		"until the end": {ok + "\r\nhello", true, 200, "hello", false},
		"1.0":           {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", false},
		"upgrade":       {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", false, 101, "", false},
		"two answers":   {ok + "Content-Length: 1\r\n\r\nx" + ok + "Content-Length: 1\r\n\r\ny", false, 200, "x", false},
		"too short":     {ok + "Content-Length: 9\r\n\r\nhello", true, 0, "", false},
		"half a chunk":  {ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nhello", true, 0, "", false},
		"no header":     {"", true, 0, "", false},
		"no HTTP":       {"220 mail.example.org ESMTP\r\n", true, 0, "", false},
		"for ever":      {ok + strings.Repeat("X: y\r\n", headerBound), false, 0, "", false},
		"wait for ever": {strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", headerBound/20), false, 0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			at, connections := raw(t, c.answer, c.closes)
			w := wireTo(t, at, 10*time.Second)
			for range 2 {
				status, body, err := ask(t.Context(), t, w, at)
				if (err != nil) != (c.status == 0) || err == nil && (status != c.status || body != c.body) {
					t.Fatalf("%d %q, %v", status, body, err)
				}
			}
			if kept := connections.Load() == 1; kept != c.kept {
				t.Errorf("%d connections for two requests", connections.Load())
			}
		})
	}
}

// A connection that was closed while nobody used it costs no request.
func TestWireStale(t *testing.T) {
	at, connections := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", true)
	w := wireTo(t, at, 10*time.Second)
	for range 3 {
		if _, _, err := ask(t.Context(), t, w, at); err != nil {
			t.Fatal(err)
		}
		for len(w.idle) != 1 || !stale(w.idle[0].tcp) {
			time.Sleep(time.Millisecond)
		}
	}
	if n := connections.Load(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// Whoever has no time left gets to know that it was that, whatever is being
// waited for; and what is not read is not waited for.
func TestWireEnds(t *testing.T) {
	for name, answer := range map[string]string{"header": "HTTP/1.1 2", "body": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"} {
		t.Run(name, func(t *testing.T) {
			at, _ := raw(t, answer, false)
			w := wireTo(t, at, 10*time.Second)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			if _, _, err := ask(ctx, t, w, at); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, _, err := ask(ctx, t, w, at); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			w.patience = 20 * time.Millisecond
			_, _, err := ask(t.Context(), t, w, at)
			if e, ok := err.(net.Error); !ok || !e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if len(w.idle) != 0 {
				t.Error("a connection is kept that has an answer to come")
			}
		})
	}
	at, _ := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", false)
	w := wireTo(t, at, 10*time.Second)
	res, err := (&http.Client{Transport: w}).Get(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || len(w.idle) != 0 {
		t.Error(err, len(w.idle))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := ask(ended, t, w, at); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWireTLS(t *testing.T) {
	var connections atomic.Int32
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	h.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	h.EnableHTTP2 = true
	h.StartTLS()
	defer h.Close()
	w := wireTo(t, h.URL, 10*time.Second)
	if _, _, err := ask(t.Context(), t, w, h.URL); err == nil {
		t.Error("a certificate of nobody's is trusted")
	}
	w.tls.RootCAs = x509.NewCertPool()
	w.tls.RootCAs.AddCert(h.Certificate())
	connections.Store(0)
	for range 3 {
		if _, body, err := ask(t.Context(), t, w, h.URL); err != nil || body != "HTTP/1.1" {
			t.Error(body, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// What nobody has needed for a while is closed.
func TestWireSweep(t *testing.T) {
	at, _ := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false)
	w := wireTo(t, at, 10*time.Second)
	if _, _, err := ask(t.Context(), t, w, at); err != nil {
		t.Fatal(err)
	}
	w.sweep()
	if len(w.idle) != 1 {
		t.Fatal("closed too early")
	}
	w.idle[0].since = time.Now().Add(-idleTime)
	w.sweep()
	if len(w.idle) != 0 || w.sweeping {
		t.Error(len(w.idle), w.sweeping)
	}
}

func TestWireAddress(t *testing.T) {
	for base, want := range map[string]string{
		"http://hs.example.org": "hs.example.org:80", "https://hs.example.org": "hs.example.org:443", "https://münchen.example:8448": "xn--mnchen-3ya.example:8448",
		"http://[::1]:8008": "[::1]:8008", "http://127.0.0.1": "127.0.0.1:80", "http://under_score:1": "under_score:1",
	} {
		if got := wireTo(t, base, 0).address; got != want {
			t.Errorf("%s is at %s", base, got)
		}
	}
}

// scripted is a connection that says what it was given.
type scripted struct {
	net.Conn
	bytes.Reader
}

func (c *scripted) Read(p []byte) (int, error)       { return c.Reader.Read(p) }
func (c *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) Close() error                     { return nil }
func (c *scripted) WriteTo(io.Writer) (int64, error) { panic("not a file") }

// Whatever a server says, the answer has an end, and a connection is kept only
// where nothing of it is left.
func FuzzWire(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\nX: y\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 OK\n\nx"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		conn := &scripted{}
		conn.Reset(said)
		c := &link{Conn: conn, tcp: conn, out: bufio.NewWriter(io.Discard)}
		c.in = bufio.NewReader(c)
		w := wireTo(t, "http://x", time.Minute)
		w.idle = []*link{c}
		req, err := http.NewRequest(http.MethodPut, "http://x/y", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := w.RoundTrip(req)
		if err == nil {
			var body []byte
			if body, err = io.ReadAll(res.Body); len(body) > len(said) {
				t.Errorf("%d bytes of %d", len(body), len(said))
			}
		}
		if len(w.idle) > 0 && (err != nil || c.in.Buffered() > 0 || res.StatusCode < 200) {
			t.Error("kept after ", err, res)
		}
	})
}
