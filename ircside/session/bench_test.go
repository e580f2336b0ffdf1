package session

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

// quiet is a Handler that only counts.
type quiet struct {
	ready, closed chan struct{}
	lines         int
	wanted        int
	enough        chan struct{}
}

func newQuiet() *quiet {
	return &quiet{ready: make(chan struct{}), closed: make(chan struct{}), enough: make(chan struct{}, 1)}
}

func (q *quiet) Ready() { close(q.ready) }
func (q *quiet) Line(*line.Message, *Batch) {
	if q.lines++; q.lines == q.wanted {
		q.enough <- struct{}{}
	}
}
func (q *quiet) Closed(error) { close(q.closed) }

// burstConn gives out its bytes in reads of at most chunk, and swallows writes.
type burstConn struct {
	net.Conn
	data  []byte
	chunk int
}

func (c *burstConn) Read(b []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.data[:min(len(c.data), c.chunk)])
	c.data = c.data[n:]
	return n, nil
}
func (c *burstConn) Write(b []byte) (int, error)      { return len(b), nil }
func (c *burstConn) Close() error                     { return nil }
func (c *burstConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *burstConn) SetReadDeadline(time.Time) error  { return nil }
func (c *burstConn) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkReceive is what a line costs without the system calls.
func BenchmarkReceive(b *testing.B) {
	for name, text := range map[string]string{
		"plain": ":bob!bob@host.example PRIVMSG #go :hello there, how are you today?\r\n",
		"tags":  "@time=2026-01-01T00:00:00.000Z;msgid=abcdefgh;account=bob :bob!bob@host.example PRIVMSG #go :hello there\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			conn := &burstConn{data: []byte(strings.Repeat(text, b.N)), chunk: 4096}
			h := newQuiet()
			cfg := Config{Nick: "alice", Addresses: []Address{{}}}
			cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
			b.ReportAllocs()
			b.ResetTimer()
			Open(b.Context(), cfg, h)
			<-h.closed
		})
	}
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serve is a fake server that registers everybody and then stays silent. The
// connections it accepted come out of the channel.
func serve(b *testing.B, l net.Listener, accepted chan<- net.Conn) {
	hello := ":irc.test CAP * LS :multi-prefix away-notify\r\n" +
		":irc.test CAP * ACK :multi-prefix away-notify\r\n:irc.test 001 alice :Welcome alice!a@h\r\n" +
		":irc.test 005 alice CASEMAPPING=ascii NICKLEN=30 CHANTYPES=# PREFIX=(ov)@+ :are supported\r\n:irc.test 376 alice :end\r\n"
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, hello)
		accepted <- conn
	}
}

// BenchmarkConnect is the processor time of a connect and a registration, both
// ends of it.
func BenchmarkConnect(b *testing.B) {
	l := listen(b, nil)
	accepted := make(chan net.Conn, 1)
	go serve(b, l, accepted)
	cfg := Config{Nick: "alice", AllowPrivate: true, Supports: new(isupport.Cache),
		Addresses: []Address{{Host: "127.0.0.1", Port: l.port}}}
	before := cpu()
	b.ReportAllocs()
	for b.Loop() {
		h := newQuiet()
		Open(b.Context(), cfg, h)
		<-h.ready
		_ = (<-accepted).Close()
		<-h.closed
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "µs-cpu/op")
}

// BenchmarkIdle is the memory of sessions that are connected and silent,
// without what the server's end takes, which is in this process too.
func BenchmarkIdle(b *testing.B) {
	const sessions = 1000
	l := listen(b, nil)
	accepted := make(chan net.Conn, 2*sessions)
	go serve(b, l, accepted)
	cfg := Config{Nick: "alice", AllowPrivate: true, Supports: new(isupport.Cache),
		Addresses: []Address{{Host: "127.0.0.1", Port: l.port}}}
	for b.Loop() {
		raw := footprint(func() (undo func()) {
			var conns []net.Conn
			for range sessions {
				conn, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				conns = append(conns, conn, <-accepted)
			}
			return closeAll(conns)
		})
		ctx, cancel := context.WithCancel(b.Context())
		var handlers []*quiet
		all := footprint(func() (undo func()) {
			var conns []net.Conn
			for range sessions {
				h := newQuiet()
				handlers = append(handlers, h)
				Open(ctx, cfg, h)
				<-h.ready
				conns = append(conns, <-accepted)
			}
			return closeAll(conns)
		})
		for _, h := range handlers {
			<-h.closed
		}
		cancel()
		// A pair of bare connections is two ends; the session's own is half of it.
		b.ReportMetric(float64(all-raw/2)/sessions, "bytes/session")
	}
}

func closeAll(conns []net.Conn) func() {
	return func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// footprint is by how much heap and stacks grow by what fill does.
func footprint(fill func() (undo func())) int64 {
	before := inUse()
	undo := fill()
	time.Sleep(100 * time.Millisecond) // the dialing goroutines end
	after := inUse()
	undo()
	return after - before
}

func inUse() int64 {
	for range 6 { // stacks shrink by half in each collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkSend is a message with its barrier on loopback, written by the caller.
func BenchmarkSend(b *testing.B) {
	l := listen(b, nil)
	accepted := make(chan net.Conn, 1)
	go serve(b, l, accepted)
	h := newQuiet()
	cfg := Config{Nick: "alice", AllowPrivate: true, Flood: Flood{Interval: -1},
		Addresses: []Address{{Host: "127.0.0.1", Port: l.port}}}
	s := Open(b.Context(), cfg, h)
	<-h.ready
	conn := <-accepted
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	b.Run("plain", func(b *testing.B) {
		before := cpu()
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Send("PRIVMSG", "#go", "hello there, how are you today?"); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "µs-cpu/op")
	})
	b.Run("barrier", func(b *testing.B) {
		before := cpu()
		b.ReportAllocs()
		done := make(chan struct{}, 1)
		for b.Loop() {
			err := s.Request(Request{Lines: []Line{privmsg("#go", "hello there, how are you today?")}},
				func(Result) { done <- struct{}{} })
			if err != nil {
				b.Fatal(err)
			}
			_, _ = fmt.Fprintf(conn, ":irc.test PONG irc.test :b%s\r\n", token(s.lastID))
			<-done
		}
		b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "µs-cpu/op")
	})
	_ = conn.Close()
	<-h.closed
}
