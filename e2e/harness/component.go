package harness

import (
	"bytes"
	"crypto/sha1"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"time"
)

// Component is an XMPP server far away, as the gateway sees one: whoever is at
// its domain says and answers what a scenario wants, also what no server of
// ours would do. It is a component (XEP-0114) of the server under test.
type Component struct {
	Domain string
	t      T
	conn   net.Conn
	inbox  *inbox[*Element]
	read   chan struct{} // closed when the reader has ended
}

// Secret is what a component has to know.
func (x *XMPPServer) Secret() string { return componentSecret }

// FarDomain is the domain of the far server that goes with a virtual host.
func FarDomain(host string) string { return "far." + host }

// DialFar connects the far server of a virtual host.
func (x *XMPPServer) DialFar(t T, host string) *Component {
	t.Helper()
	conn, err := dialUntil(x.Component, time.Now().Add(Patience))
	if err != nil {
		t.Fatalf("far server: %v", err)
	}
	c := &Component{Domain: FarDomain(host), t: t, conn: conn, inbox: newInbox[*Element](), read: make(chan struct{})}
	c.Send(`<stream:stream xmlns="jabber:component:accept" xmlns:stream="http://etherx.jabber.org/streams" to="%s">`, c.Domain)
	go func() {
		defer close(c.read)
		c.readStanzas()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-c.read
	})
	c.Expect(Where("handshake", func(e *Element) bool { return e.Name == "handshake" }))
	if err := conn.SetDeadline(time.Time{}); err != nil {
		t.Fatalf("far server: %v", err)
	}
	return c
}

// readStanzas answers the stream header with the handshake (XEP-0114 §3) and
// keeps what follows.
func (c *Component) readStanzas() {
	defer c.inbox.close()
	var text bytes.Buffer // what was read, from the last stanza's end on
	d := xml.NewDecoder(io.TeeReader(c.conn, &text))
	var depth int
	var begin, taken int64
	for {
		before := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			return
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				for _, a := range token.Attr {
					if a.Name.Local == "id" {
						fmt.Fprintf(c.conn, "<handshake>%x</handshake>", sha1.Sum([]byte(a.Value+componentSecret)))
					}
				}
			} else if depth == 2 {
				begin = before
			}
		case xml.EndElement:
			if depth--; depth == 1 {
				text.Next(int(begin - taken))
				raw := string(text.Next(int(d.InputOffset() - begin)))
				taken = d.InputOffset()
				if stanza, err := ParseElement(raw); err == nil {
					c.inbox.put(stanza)
				}
			}
		}
	}
}

// Send sends a stanza as it is written.
func (c *Component) Send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, format, args...); err != nil {
		c.t.Fatalf("far server: %v", err)
	}
}

// Expect waits for a stanza that fits all matches and takes it out of the
// inbox. What else has come stays there.
func (c *Component) Expect(all ...Match) *Element {
	c.t.Helper()
	stanza, ok := c.inbox.take(func(e *Element) bool { return matches(e, all) }, Patience)
	if !ok {
		c.t.Fatalf("%s never got: %s\nlast of what it got: %v", c.Domain, Describe(all), c.inbox.recent())
	}
	return stanza
}
