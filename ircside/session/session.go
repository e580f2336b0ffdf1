// Package session is one connection to an IRC server, from the dial to the
// last line: registration, capabilities, SASL, flood control, keep-alive, and
// the question whether the server took what was sent.
//
// It knows nothing of channels, people or the bridge. Whatever it does not
// need for itself goes to a Handler, line by line.
//
//	s := session.Open(ctx, cfg, handler)        // returns at once
//	// handler.Ready() was called: registered
//	err := s.Send("JOIN", "#go")                // nobody wants to know how it went
//	err = s.Request(session.Request{Lines: []session.Line{{Command: "PRIVMSG",
//		Params: []string{"#go", "hello"}}}}, func(r session.Result) { ... })
//	s.Close("bye")                              // handler.Closed follows
//
// An idle session is one goroutine, the reader, that sleeps in Read. There is
// no timer of its own either: keep-alive, registration and requests that go
// unanswered are all found by the read deadline. Lines are written by whoever
// sends them; only a session that flood control holds back has a second
// goroutine, until its queue is empty.
//
// Everything from the server is hostile until shown otherwise: lines, batches,
// capability lists, challenges and the time it takes are all bounded.
package session

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

// Handler is told what happens on a session. All calls come from the session's
// reader goroutine, one at a time (a Closed without a connection, from the one
// that dialed); one that blocks stops the reading, which is
// how backpressure reaches the server. Send, Request and Close may be called
// from inside.
type Handler interface {
	// Ready is called once, when registration is complete and the server's
	// ISUPPORT is known. Lines of the welcome come before it.
	Ready()
	// Line brings a line that the session did not use up itself: not PING,
	// CAP, AUTHENTICATE, nor what a Result tells. m, and all slices in it, are
	// valid only during the call. b is the batch the line is part of, nil for
	// none; for a BATCH command it is the batch that begins or ends.
	Line(m *line.Message, b *Batch)
	// Closed is called exactly once, as the last call. err is nil after Close,
	// the context's error when that ended, else an *Error.
	Closed(err error)
}

// phase is how far a session got. It only grows.
type phase uint8

const (
	connecting phase = iota
	registering
	ready
	quitting // Close was called, QUIT is out
	closed
)

// Session is one connection. Its methods may be called from any goroutine.
type Session struct {
	cfg Config
	h   Handler
	ctx context.Context // the caller's

	caps    atomic.Uint32 // a capSet: what is enabled now
	waiting atomic.Int32  // len(pending), so that the reader can look without the lock

	// Of the reader goroutine alone.
	in     reader
	reg    *registration // nil once registered
	bat    batches
	doom   *Error // what an operator did to us, before the server hangs up
	doomed time.Time

	drainer sync.WaitGroup

	mu       sync.Mutex
	phase    phase
	writing  bool  // somebody is in conn.Write
	draining bool  // the drainer goroutine runs
	sign     byte  // see Relaymsg; 0 where the server named none
	holds    int32 // how many keep lines back (Hold)
	conn     net.Conn
	failure  error              // why the session must end, found outside the reader
	armed    time.Time          // the read deadline that is set
	phaseBy  time.Time          // when registering or quitting has taken too long
	lastRead time.Time          // when bytes last came
	pinged   time.Time          // when our keep-alive PING went out; zero when none is open
	who      identity           // written by the reader
	sup      *isupport.Table    // written by the reader
	out      []byte             // complete lines, not yet given to the connection
	stopDial context.CancelFunc // nil once connected
	stop     chan struct{}      // closed at the end, for the drainer; nil while there never was one
	queue    []queued           // lines that have to wait
	turns    turns              // and their order
	bucket   bucket
	pending  []*pending // requests on the wire, in its order
	lastID   uint64     // labels and PING tokens
}

// identity is who the server says we are.
type identity struct {
	nick, userhost, account string
}

// Open starts a session and returns at once; h hears of everything that
// follows. The session ends with ctx, without a word to the server; Close is
// the polite way.
func Open(ctx context.Context, cfg Config, h Handler) *Session {
	cfg.setDefaults()
	s := &Session{
		cfg:    cfg,
		h:      h,
		who:    identity{nick: cfg.Nick},
		sup:    isupport.Default(),
		ctx:    ctx,
		bucket: bucket{burst: cfg.Flood.Burst, interval: cfg.Flood.Interval},
	}
	// A context of its own for the whole session would cost an idle one half a KiB.
	dialing, stop := context.WithCancel(ctx)
	s.stopDial = stop
	go s.connect(dialing)
	return s
}

// connect dials and hands the connection to a new goroutine, the reader, so
// that the deep stack of a dial and a TLS handshake is not kept for the life
// of the session.
func (s *Session) connect(ctx context.Context) {
	defer s.stopDial()
	conn, err := dial(ctx, &s.cfg)
	if err != nil {
		s.finish(err)
		return
	}
	s.cfg.Logger.Debug("connected", "address", conn.RemoteAddr())
	go s.run(conn)
}

// run is the reader goroutine, from registration to Closed.
func (s *Session) run(conn net.Conn) {
	stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	s.mu.Lock()
	s.conn, s.phase, s.stopDial = conn, registering, nil
	s.lastRead = time.Now()
	s.phaseBy = s.lastRead.Add(s.cfg.RegisterTimeout)
	s.armLocked(s.phaseBy)
	err := s.failure // Close may have been called since the dial
	s.mu.Unlock()
	if err == nil {
		err = s.register()
	}
	if err == nil {
		err = s.read()
	}
	stop()
	s.finish(s.why(err))
}

// read takes lines from the connection until it ends, and says why it did.
func (s *Session) read() error {
	for {
		s.flush()
		n, err := s.in.fill(s.conn)
		if n > 0 {
			s.mu.Lock()
			s.lastRead, s.pinged = time.Now(), time.Time{}
			s.mu.Unlock()
			if err := s.handleBuffered(); err != nil {
				return err
			}
		}
		var timeout net.Error
		switch {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout():
			if err := s.tick(time.Now()); err != nil {
				return err
			}
		default:
			return s.lost(err)
		}
	}
}

// handleBuffered handles all whole lines that have been read.
func (s *Session) handleBuffered() error {
	m := messages.Get().(*line.Message)
	defer messages.Put(m)
	for {
		raw, ok := s.in.line()
		if !ok {
			if n := s.in.takeSkipped(); n > 0 {
				s.cfg.Stats.LongLines.Add(uint64(n))
				s.cfg.Logger.Warn("over-long lines skipped", "count", n)
			}
			return nil
		}
		if err := line.Parse(raw, m); err != nil {
			if !errors.Is(err, line.ErrEmpty) {
				s.cfg.Stats.BadLines.Add(1)
				s.cfg.Logger.Warn("line not understood", "error", err)
			}
			continue
		}
		if err := s.handle(m); err != nil {
			return err
		}
	}
}

// messages keeps parsed lines off the memory of idle sessions.
var messages = sync.Pool{New: func() any { return new(line.Message) }}

// tick runs when the read deadline passed: it finds what took too long, asks
// a silent server for a sign of life, and sets the next deadline.
func (s *Session) tick(now time.Time) error {
	s.mu.Lock()
	s.armed = time.Time{}
	expired := s.expireLocked(now)
	err := s.overdueLocked(now)
	if err == nil {
		s.armLocked(s.keepAliveLocked(now))
		if s.phase != ready {
			s.armLocked(s.phaseBy)
		}
		if i := s.firstDueLocked(); i >= 0 {
			s.armLocked(s.pending[i].due)
		}
	}
	s.mu.Unlock()
	for _, p := range expired {
		s.cfg.Stats.Timeouts.Add(1)
		p.finish(ErrTimeout)
	}
	return err
}

// overdueLocked says whether the session itself must end now.
func (s *Session) overdueLocked(now time.Time) error {
	switch {
	case s.failure != nil:
		return s.failure
	case s.phase == registering && !now.Before(s.phaseBy):
		return &Error{Kind: Timeout, Text: "the server did not finish registration"}
	case s.phase == quitting && !now.Before(s.phaseBy):
		return errQuit
	case !s.pinged.IsZero() && now.Sub(s.pinged) >= s.cfg.PongTimeout:
		return &Error{Kind: Timeout, Text: "the server does not answer"}
	}
	return nil
}

// keepAliveLocked sends a PING when the server has been silent for long, and
// says when to look again.
func (s *Session) keepAliveLocked(now time.Time) time.Time {
	if !s.pinged.IsZero() {
		return s.pinged.Add(s.cfg.PongTimeout)
	}
	if s.phase != ready {
		return s.phaseBy
	}
	if due := s.lastRead.Add(s.cfg.PingInterval); now.Before(due) {
		return due
	}
	s.out = append(s.outLocked(), "PING :"+keepAliveToken+"\r\n"...)
	s.pinged = now
	return now.Add(s.cfg.PongTimeout)
}

// armLocked brings the read deadline forward to t. It is never moved back:
// the tick that finds nothing to do is cheaper than a call for each line.
func (s *Session) armLocked(t time.Time) {
	if s.armed.IsZero() || t.Before(s.armed) {
		s.armed = t
		_ = s.conn.SetReadDeadline(t) // a dead connection tells the next Read
	}
}

// lost says why the connection ended under us.
func (s *Session) lost(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase == quitting:
		return errQuit
	case s.failure != nil:
		return s.failure
	}
	return &Error{Kind: Lost, Text: "connection lost", Err: err}
}

// Close says goodbye: it sends QUIT with the reason and lets the session end
// when the server hangs up, or after Config.QuitTimeout. Lines still queued
// are not sent, requests end with ErrClosed. It does not wait; Handler.Closed
// tells. Further calls do nothing.
func (s *Session) Close(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.phase {
	case connecting:
		s.failure = errQuit
		s.stopDial()
	case registering, ready:
		s.phase = quitting
		out, err := line.Append(s.outLocked(), nil, "QUIT", reason)
		if err != nil { // the reason does not fit a line
			out = append(out, "QUIT\r\n"...)
		}
		s.out = out
		s.phaseBy = time.Now().Add(s.cfg.QuitTimeout)
		s.armLocked(s.phaseBy)
		s.flushLocked()
	}
}

// finish ends the session: nothing is called, sent or kept after it.
func (s *Session) finish(err error) {
	s.mu.Lock()
	if errors.Is(s.failure, errQuit) || errors.Is(err, errQuit) {
		err = nil
	} else if s.ctx.Err() != nil {
		err = context.Cause(s.ctx)
	}
	s.phase = closed
	open := s.pending
	for _, q := range s.queue {
		if q.req != nil && q.first {
			open = append(open, q.req)
		}
	}
	s.pending, s.queue, s.out = nil, nil, nil
	s.waiting.Store(0)
	if s.stop != nil {
		close(s.stop)
	}
	s.mu.Unlock()

	if s.conn != nil {
		_ = s.conn.Close() // there is nobody left to tell
	}
	s.in.release()
	s.drainer.Wait()
	for _, p := range open {
		p.finish(ErrClosed)
	}
	s.h.Closed(err)
}
