package component

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

const opening = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' id='3BF96D32' from='irc.example.org'>"

var (
	domain = jid.MustParse("irc.example.org")
	alice  = jid.MustParse("alice@example.org/phone")
)

// fakeServer accepts components; a test speaks to one connection at a time.
type fakeServer struct {
	t *testing.T
	net.Listener
}

func newFakeServer(t *testing.T) *fakeServer {
	s := &fakeServer{t: t}
	s.listen("127.0.0.1:0")
	return s
}

func (s *fakeServer) listen(at string) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	s.Listener = l
}

// fakeConn is the server's end of one connection.
type fakeConn struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

// accept takes a connection as far as its opening.
func (s *fakeServer) accept() *fakeConn {
	s.t.Helper()
	c, err := s.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	f := &fakeConn{s.t, c, bufio.NewReaderSize(c, 1<<20)}
	if got := f.until("to='irc.example.org'>"); !strings.HasPrefix(got, "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept'") {
		s.t.Fatalf("opening %q", got)
	}
	return f
}

// welcome takes a connection through the handshake.
func (s *fakeServer) welcome() *fakeConn {
	s.t.Helper()
	c := s.accept()
	c.write(opening)
	proof := sha1.Sum([]byte("3BF96D32" + "secret"))
	if got, want := c.until("</handshake>"), "<handshake>"+hex.EncodeToString(proof[:])+"</handshake>"; got != want {
		s.t.Fatalf("handshake %q, want %q", got, want)
	}
	c.write("<handshake/>")
	return c
}

func (c *fakeConn) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// until reads up to the first occurrence of end.
func (c *fakeConn) until(end string) string {
	c.t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), end) {
		next, err := c.r.ReadByte()
		if err != nil {
			c.t.Fatalf("%v after %q, waiting for %q", err, b.String(), end)
		}
		b.WriteByte(next)
	}
	return b.String()
}

// harness is a running link.
type harness struct {
	*Link
	server   *fakeServer
	stanzas  chan string // raw
	changes  chan error
	shutdown context.CancelFunc
	ended    chan struct{}
}

func start(t *testing.T, change func(*Options)) *harness {
	h := &harness{server: newFakeServer(t), stanzas: make(chan string, 100), changes: make(chan error, 100), ended: make(chan struct{})}
	o := Options{
		Domain: domain, Server: h.server.Addr().String(), Secret: "secret", First: time.Millisecond, Most: 5 * time.Millisecond,
		Handler: func(st *wire.Stanza) { h.stanzas <- st.Raw() },
		Changed: func(err error) { h.changes <- err },
	}
	if change != nil {
		change(&o)
	}
	h.Link = New(o)
	ctx, cancel := context.WithCancel(t.Context())
	h.shutdown = cancel
	go func() {
		h.Run(ctx)
		close(h.ended)
	}()
	t.Cleanup(func() {
		cancel()
		await(t, h.ended)
	})
	return h
}

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

func message(id string) func([]byte) []byte {
	return func(b []byte) []byte {
		return wire.AppendEmpty(b, wire.Header{Kind: wire.Message, To: alice, From: domain, ID: id})
	}
}

var idOf = regexp.MustCompile(`<iq [^>]*id='([^']*)'`)

// nextID reads up to end and returns the iq's id.
func (c *fakeConn) nextID(end string) string {
	c.t.Helper()
	found := idOf.FindStringSubmatch(c.until(end))
	if found == nil {
		c.t.Fatal("no id")
	}
	return found[1]
}

func (c *fakeConn) answer(from, id, typ string) {
	c.write(fmt.Sprintf("<iq from='%s' to='irc.example.org' id='%s' type='%s'/>", from, id, typ))
}
