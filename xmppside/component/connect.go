package component

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"isthmus/xmppside/wire"
)

const nsStreams = "urn:ietf:params:xml:ns:xmpp-streams" // RFC 6120 §4.9

// StreamError is what a server says before it ends a stream (RFC 6120 §4.9).
type StreamError struct {
	Condition string // "not-authorized"
	Text      string // for people, may be empty
	Domain    string
}

// hints say what the conditions mean for a component; servers don't agree on
// which they use.
var hints = map[string]string{
	"not-authorized":  "the secret is not the one that the server has for %s, or the server has no such component",
	"host-unknown":    "the server has no component %s: add it to the server's configuration",
	"conflict":        "another component is connected to the server as %s",
	"system-shutdown": "the server of %s is going down",
}

func (e *StreamError) Error() string {
	s := "the server ended the stream: " + e.Condition
	if hint, ok := hints[e.Condition]; ok {
		s += ": " + fmt.Sprintf(hint, e.Domain)
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// streamError reads a <stream:error/>; ok is false for any other element.
func (l *Link) streamError(st *wire.Stanza) (err *StreamError, ok bool) {
	if !st.Is(wire.NSStream, "error") {
		return nil, false
	}
	err = &StreamError{Condition: "undefined-condition", Domain: l.opt.Domain.String()}
	for c := range st.Children() {
		switch {
		case c.Space != nsStreams:
		case c.Local == "text":
			err.Text = c.Text()
		default:
			err.Condition = c.Local
		}
	}
	return err, true
}

// connection is one connection to the server.
type connection struct {
	net.Conn
	decoder *wire.Decoder
	heard   *atomic.Bool  // set when anything was read
	silence time.Duration // after which reading fails; 0: as long as it takes
}

func (c *connection) Read(b []byte) (int, error) {
	if c.silence > 0 {
		c.SetReadDeadline(time.Now().Add(c.silence))
	}
	n, err := c.Conn.Read(b)
	c.heard.Store(true)
	return n, err
}

// connect makes a connection that is ready for stanzas.
func (l *Link) connect(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, l.opt.Dial)
	defer cancel()
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	// The deadline and the end of ctx both break off the handshake.
	unwatch := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	c := &connection{Conn: conn, heard: &l.heard}
	c.decoder = wire.NewDecoder(c, wire.DefaultLimits)
	err = l.handshake(c)
	if !unwatch() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.silence = 3 * l.opt.KeepAlive
	return c, nil
}

func (l *Link) dial(ctx context.Context) (net.Conn, error) {
	if l.opt.TLS == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", l.opt.Server)
	}
	return (&tls.Dialer{Config: l.opt.TLS}).DialContext(ctx, "tcp", l.opt.Server)
}

// handshake opens the stream and shows the secret (XEP-0114 §3).
func (l *Link) handshake(c *connection) error {
	b := []byte("<?xml version='1.0'?><stream:stream xmlns='" + wire.NSComponent + "' xmlns:stream='" + wire.NSStream + "' to='")
	b = wire.AppendAttr(b, l.opt.Domain.String())
	b = append(b, "'>"...)
	if _, err := c.Write(b); err != nil {
		return err
	}
	id, err := c.decoder.Open()
	if err != nil {
		return ended(err)
	}
	proof := sha1.Sum([]byte(id + l.opt.Secret))
	_, wrote := fmt.Fprintf(c, "<handshake>%s</handshake>", hex.EncodeToString(proof[:]))
	if err := l.awaitHandshake(c); err != nil {
		return err // it says more than that writing failed
	}
	return wrote
}

func (l *Link) awaitHandshake(c *connection) error {
	st, err := c.decoder.Next()
	if err != nil {
		return fmt.Errorf("handshake: %w", ended(err))
	}
	if e, ok := l.streamError(&st); ok {
		return e
	}
	if !st.Is(wire.NSComponent, "handshake") {
		return fmt.Errorf("the server answered the handshake with <%s/>", st.Local)
	}
	return nil
}

// ended says in words how a stream came to its end.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, wire.ErrStreamClosed) {
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	return err
}
