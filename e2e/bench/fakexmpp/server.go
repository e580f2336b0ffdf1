// Package fakexmpp is an XMPP server as a component sees it (XEP-0114), or a
// client (RFC 6120), for a bridge that is one: it accepts one connection, plays
// all the other users there are, and hands every stanza that comes to one
// function. It does no routing and no checks that a bench does not need, so that
// what is measured is the bridge.
package fakexmpp

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// readBuffer is how much is read at once, in bytes; it bounds a stanza, too.
const readBuffer = 1 << 20

// Stanza is one stanza from the component. Its slices are valid until the
// handler returns.
type Stanza struct {
	Name, From, To, Type, ID []byte
	Raw                      []byte
	At                       time.Time // when its last bytes were read
	Answered                 bool      // set by a handler that answers the request itself
}

// Server is the fake. Make one with Listen.
type Server struct {
	ln      net.Listener
	secret  string
	handler func(*Stanza)
	ready   chan struct{} // closed by the first good handshake
	answers chan []byte   // to requests of the component; see answer
	work    sync.WaitGroup
	step    step // what the reader expects next
	authed  bool // the client has said who it is

	mu        sync.Mutex // guards what follows, and writes to conn
	conn      net.Conn
	err       error // why the stream ended
	handshake time.Time
}

// step takes what it knows from the start of b, and returns how long that is: 0
// when b doesn't hold all of it yet.
type step func(b []byte, at time.Time) (int, error)

// Listen serves on a free loopback port. The handler is called for each
// stanza from one goroutine, in order; requests (iq get and set) are
// answered with service-unavailable after it has seen them.
func Listen(secret string, handler func(*Stanza)) (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		ln: ln, secret: secret, handler: handler,
		ready:   make(chan struct{}),
		answers: make(chan []byte, 4096),
	}
	s.work.Go(s.serve)
	return s, nil
}

// Port is where the component connects to.
func (s *Server) Port() int { return s.ln.Addr().(*net.TCPAddr).Port }

// Ready is closed when the component has shaken hands, or the client is bound.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Handshake tells when the component's good handshake was read.
func (s *Server) Handshake() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handshake
}

// Err tells why the stream ended, or nil.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the stream and waits for all goroutines.
func (s *Server) Close() {
	s.ln.Close()
	s.mu.Lock()
	if s.conn != nil {
		s.conn.Close()
	}
	s.mu.Unlock()
	s.work.Wait()
}

// Send writes stanzas to the component, in one piece.
func (s *Server) Send(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return errors.New("fakexmpp: no component")
	}
	_, err := s.conn.Write(b)
	return err
}

func (s *Server) serve() {
	conn, err := s.ln.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	done := make(chan struct{})
	s.work.Go(func() { s.writeAnswers(done) })
	err = s.read(conn)
	close(done)
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
}

// read takes the stream apart until it ends.
func (s *Server) read(conn net.Conn) error {
	buf := make([]byte, readBuffer)
	have := 0
	s.step = s.open
	quick, err := quickACK(conn)
	if err != nil {
		return err
	}
	for {
		n, err := conn.Read(buf[have:])
		if err != nil {
			return err
		}
		if err := quick(); err != nil {
			return err
		}
		at := time.Now()
		have += n
		used := 0
		for {
			n, err := s.step(buf[used:have], at)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			used += n
		}
		have = copy(buf, buf[used:have])
		if have == len(buf) {
			return fmt.Errorf("fakexmpp: stanza of more than %d bytes", len(buf))
		}
	}
}

// quickACK returns a function that has what was read acknowledged at once. A
// bridge that leaves Nagle's algorithm on (biboumi) would wait up to 40 ms
// for it else, which is the kernel's time rather than the bridge's. The
// kernel forgets the option, so it is set after each read.
func quickACK(conn net.Conn) (func() error, error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	set := func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	}
	return func() error {
		if err := raw.Control(set); err != nil {
			return err
		}
		return failed
	}, nil
}

// open answers a stream header, of a component (XEP-0114 §3) or a client.
func (s *Server) open(b []byte, _ time.Time) (int, error) {
	start := bytes.Index(b, []byte("<stream:stream"))
	if start < 0 {
		return 0, nil
	}
	end := tagEnd(b[start:])
	if end < 0 {
		return 0, nil
	}
	head := parse(append(b[start:start+end:start+end], '>'))
	s.step = s.element
	if bytes.Contains(head.Raw, []byte("jabber:client")) {
		return start + end + 1, s.openClient(head.To)
	}
	return start + end + 1, s.Send(fmt.Appendf(nil, "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "+
		"xmlns:stream='http://etherx.jabber.org/streams' from='%s' id='%s'>", head.To, streamID))
}

// streamID is the same in every stream: nobody is kept out by it here.
const streamID = "bench"

func (s *Server) element(b []byte, at time.Time) (int, error) {
	if bytes.HasPrefix(b, []byte("</stream")) {
		return 0, errors.New("fakexmpp: the component closed the stream")
	}
	n := elementEnd(b)
	if n == 0 {
		return 0, nil
	}
	stanza := parse(b[:n])
	stanza.At = at
	switch string(stanza.Name) {
	case "handshake":
		return n, s.shake(&stanza)
	case "auth":
		return n, s.letIn()
	case "stream:error":
		return n, fmt.Errorf("fakexmpp: the component sent %s", stanza.Raw)
	}
	if s.authed {
		stanza.From = []byte(ClientJID)
		if bytes.Contains(stanza.Raw, []byte(nsBind)) {
			return n, s.bind(&stanza)
		}
	}
	s.handler(&stanza)
	return n, s.answer(&stanza)
}

// Reply is Send for a handler: it doesn't wait.
func (s *Server) Reply(b []byte) error {
	select {
	case s.answers <- b:
		return nil
	default:
		return errors.New("fakexmpp: the component causes more than it reads")
	}
}

// shake checks the handshake (XEP-0114 §3).
func (s *Server) shake(stanza *Stanza) error {
	sum := sha1.Sum([]byte(streamID + s.secret))
	if got := stanza.child("<handshake"); string(got) != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("fakexmpp: wrong handshake %q", got)
	}
	if err := s.Send([]byte("<handshake/>")); err != nil {
		return err
	}
	s.isReady(stanza.At)
	return nil
}

// isReady notes that who connected is in, since at.
func (s *Server) isReady(at time.Time) {
	s.mu.Lock()
	s.handshake = at
	s.mu.Unlock()
	close(s.ready)
}

// answer refuses a request to one of the users, as RFC 6120 §8.2.3 asks. The
// answer is written by another goroutine: the reader must never wait for the
// component to read.
func (s *Server) answer(stanza *Stanza) error {
	kind := string(stanza.Type)
	if string(stanza.Name) != "iq" || kind != "get" && kind != "set" || stanza.Answered {
		return nil
	}
	return s.Reply(fmt.Appendf(nil, "<iq type='error' from='%s' to='%s' id='%s'><error type='cancel'>"+
		"<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", stanza.To, stanza.From, stanza.ID))
}

func (s *Server) writeAnswers(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case answer := <-s.answers:
			if s.Send(answer) != nil {
				return
			}
		}
	}
}
