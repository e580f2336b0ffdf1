package component

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"isthmus/xmppside/wire"
)

// BenchmarkEcho reads 371-byte messages from a loopback connection, and sends
// each back.
func BenchmarkEcho(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	var link *Link
	link = New(Options{Domain: domain, Server: l.Addr().String(), Secret: "secret", Handler: func(st *wire.Stanza) {
		link.Send(func(b []byte) []byte {
			b = wire.AppendOpen(b, st.Reply(st.Type))
			b = wire.AppendElement(b, "body", st.ChildText(wire.NSComponent, "body"))
			return wire.AppendClose(b, wire.Message)
		})
	}})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() { link.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	c, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, opening+"<handshake/>")
	one := "<message from='alice@example.org/phone-4f3a' to='#channel%libera@irc.example.org' type='groupchat' id='b7c1f0a2-93d4'><body>" +
		strings.Repeat("x", 240) + "</body></message>"
	const batch = 100
	many := []byte(strings.Repeat(one, batch))
	b.SetBytes(int64(len(one)))
	written := make(chan error, 1)
	n := (b.N + batch - 1) / batch
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range n {
			if _, err := c.Write(many); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReaderSize(c, 1<<20)
	for seen := 0; seen < n*batch; {
		if _, err := r.Peek(1); err != nil {
			b.Fatal(err)
		}
		chunk, _ := r.Peek(r.Buffered())
		seen += bytes.Count(chunk, []byte("#")) // one in each address of the room
		r.Discard(len(chunk))
	}
	if err := <-written; err != nil {
		b.Fatal(err)
	}
}
