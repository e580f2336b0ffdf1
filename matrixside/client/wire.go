package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/net/idna"
)

const (
	// dialPatience is how long a connection may take to come about.
	dialPatience = 10 * time.Second
	// idleTime is how long a connection that nobody needs is kept.
	idleTime = 90 * time.Second
	// headerBound is how long the header of an answer may be, in bytes, with
	// what came before it.
	headerBound = 64 << 10
)

// wire is the connections to one server: an http.RoundTripper whose requests
// are written, and their answers read, by the goroutine that asks. net/http
// has two goroutines for each connection; that they wake each other, five
// times for each request, takes as long as all else that a request needs.
//
// It speaks HTTP/1.1 (RFC 9112), with http.Request.Write and
// http.ReadResponse. How many connections there are is up to who asks: there
// is one for each request under way, and it is kept for the next.
type wire struct {
	address  string
	tls      *tls.Config   // nil: none
	patience time.Duration // for a request and its answer, to the last byte

	mu       sync.Mutex
	idle     []*link // the one used last is the last
	sweeping bool    // sweep is going to be called
}

var _ http.RoundTripper = (*wire)(nil)

// newWire is a wire to the server that base names; it connects to nothing yet.
func newWire(base *url.URL, patience time.Duration) *wire {
	host, err := idna.Lookup.ToASCII(base.Hostname())
	if net.ParseIP(base.Hostname()) != nil || err != nil {
		host = base.Hostname() // whoever looks it up will tell
	}
	w := &wire{patience: patience}
	port := "80"
	if base.Scheme == "https" {
		port, w.tls = "443", &tls.Config{ServerName: host, NextProtos: []string{"http/1.1"}}
	}
	if base.Port() != "" {
		port = base.Port()
	}
	w.address = net.JoinHostPort(host, port)
	return w
}

// RoundTrip implements http.RoundTripper. The connection is kept if the answer
// was read to its end, and so it should be.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, deadline := req.Context(), time.Now().Add(w.patience)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	c, err := w.connect(ctx, deadline)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, reason(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	res, err := c.ask(req)
	if err != nil {
		stop()
		c.Close()
		return nil, reason(ctx, err)
	}
	a := &answerBody{ReadCloser: res.Body, ctx: ctx}
	a.end = func(whole bool) {
		if stop() && whole && !res.Close && !req.Close && c.in.Buffered() == 0 && res.StatusCode >= 200 {
			w.put(c)
		} else {
			c.Close()
		}
	}
	if res.Body == http.NoBody {
		a.ended(true)
	}
	res.Body = a
	return res, nil
}

// reason is why something took no longer: because ctx has ended, if it has.
func reason(ctx context.Context, err error) error {
	end, ok := ctx.Deadline()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(end):
		return context.DeadlineExceeded // ctx is about to notice
	}
	return err
}

// connect returns a connection for one request until a deadline.
func (w *wire) connect(ctx context.Context, deadline time.Time) (*link, error) {
	for c := w.take(); c != nil; c = w.take() {
		if c.SetDeadline(deadline) == nil && !stale(c.tcp) {
			return c, nil
		}
		c.Close()
	}
	c, err := w.dial(ctx, deadline)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(deadline)
}

func (w *wire) dial(ctx context.Context, deadline time.Time) (*link, error) {
	if soon := time.Now().Add(dialPatience); soon.Before(deadline) {
		deadline = soon
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext(ctx, "tcp", w.address)
	if err != nil {
		return nil, err
	}
	c := &link{Conn: conn, tcp: conn}
	if w.tls != nil {
		secured := tls.Client(conn, w.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		c.Conn = secured
	}
	c.in, c.out = bufio.NewReader(c), bufio.NewWriter(c)
	return c, nil
}

// take is a connection that was kept, nil if there is none.
func (w *wire) take() *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.idle) - 1
	if last < 0 {
		return nil
	}
	c := w.idle[last]
	w.idle[last], w.idle = nil, w.idle[:last]
	return c
}

// put keeps a connection.
func (w *wire) put(c *link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.since = time.Now()
	w.idle = append(w.idle, c)
	if !w.sweeping {
		w.sweeping = true
		time.AfterFunc(idleTime, w.sweep)
	}
}

// sweep closes connections that nobody has needed for a while.
func (w *wire) sweep() {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := 0 // so many are
	for old < len(w.idle) && time.Since(w.idle[old].since) >= idleTime {
		w.idle[old].Close()
		old++
	}
	w.idle = append([]*link(nil), w.idle[old:]...)
	if w.sweeping = len(w.idle) > 0; w.sweeping {
		time.AfterFunc(idleTime, w.sweep)
	}
}

// link is a connection, of whoever has taken it.
type link struct {
	net.Conn          // what requests go through
	tcp      net.Conn // what it goes through
	in       *bufio.Reader
	out      *bufio.Writer
	left     int64     // so many bytes may still come
	failed   error     // of Read, but the end
	since    time.Time // when it was put
}

var errLongHeader = errors.New("the header of the answer has no end")

// Read implements io.Reader.
func (c *link) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errLongHeader
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	if c.left -= int64(n); err != io.EOF {
		c.failed = err
	}
	return n, err
}

// ask writes a request and reads the header of its answer.
func (c *link) ask(req *http.Request) (*http.Response, error) {
	if err := req.Write(c.out); err != nil {
		return nil, err
	}
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	c.left = headerBound
	for {
		res, err := http.ReadResponse(c.in, req)
		switch {
		case err != nil && c.failed != nil:
			return nil, c.failed // which ReadResponse may not tell
		case err != nil:
			return nil, fmt.Errorf("no answer: %w", err)
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			c.left = math.MaxInt64
			return res, nil
		}
		// Informational: the answer is yet to come (RFC 9110 §15.2).
	}
}

// answerBody is that of an answer. It must be closed, or read to its end.
type answerBody struct {
	io.ReadCloser
	ctx context.Context
	end func(whole bool) // nil once it was called
}

func (a *answerBody) ended(whole bool) {
	if a.end != nil {
		a.end(whole)
		a.end = nil
	}
}

// Read implements io.Reader.
func (a *answerBody) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	a.ended(err == io.EOF)
	if err != io.EOF {
		err = reason(a.ctx, err)
	}
	return n, err
}

// Close implements io.Closer. What has not been read is not read any more.
func (a *answerBody) Close() error {
	a.ended(false)
	return nil
}
