package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cenkalti/backoff/v5"

	"isthmus/xmppside/wire"
)

// farewell is how long the end of a link waits for the server: to take what
// is still queued, and then to close the stream from its side.
const farewell = 3 * time.Second

// steady is how long a connection must have lasted for the next one to be
// tried without a long wait.
const steady = 30 * time.Second

// Run keeps the link up until ctx ends; then it sends what is queued, closes
// the stream and returns. It is called once.
func (l *Link) Run(ctx context.Context) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = l.opt.First, l.opt.Most
	waits.Reset()
	reader := make(chan struct{}) // closed when the last reader has returned
	close(reader)
	down, gaveUp := time.Now(), false
	for ctx.Err() == nil {
		conn, err := l.connect(ctx)
		if err == nil {
			began := time.Now()
			gaveUp = false
			l.queue.recover()
			l.Counters.Connected.Add(1)
			l.log.Info("connected to the XMPP server", "server", l.opt.Server)
			l.opt.Changed(nil)
			reader, err = l.serve(ctx, conn, reader)
			if time.Since(began) > steady {
				waits.Reset()
			}
			down = time.Now()
		}
		if ctx.Err() != nil {
			break
		}
		wait := waits.NextBackOff()
		l.log.Warn("no link to the XMPP server", "server", l.opt.Server, "error", err, "again_in", wait.Round(time.Millisecond))
		l.opt.Changed(err)
		if !gaveUp && time.Since(down) >= l.opt.Patience {
			gaveUp = true
			l.giveUp()
		}
		pause(ctx, wait)
	}
	l.Counters.LostBytes.Add(int64(l.queue.close()))
	l.queries.close()
	<-reader
}

// giveUp lets go of what waits for a server that is gone for long: people
// there have long noticed, and the senders can't wait for ever.
func (l *Link) giveUp() {
	lost := l.queue.giveUp()
	l.Counters.LostBytes.Add(int64(lost))
	l.log.Error("no link for long: what waited is lost", "bytes", lost)
	l.opt.GaveUp()
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// serve runs one connection until it ends, and returns why. The reader may
// outlast it: its handler may wait in Send for the next connection to empty
// the queue. So that stanzas keep their order, the next reader begins when
// before, the one before it, is closed.
func (l *Link) serve(ctx context.Context, conn *connection, before chan struct{}) (chan struct{}, error) {
	defer conn.Close()
	stop := make(chan struct{})
	written := make(chan error, 1)
	go func() { written <- l.write(ctx, conn, stop) }()
	select {
	case <-before:
	case err := <-written:
		return before, err
	}
	reader := make(chan struct{})
	read := make(chan error, 1)
	go func() {
		defer close(reader)
		read <- l.read(conn)
	}()
	select {
	case err := <-read:
		close(stop)
		conn.Close()
		<-written
		return reader, err
	case err := <-written:
		return reader, err
	}
}

// read hands stanzas on until the stream ends.
func (l *Link) read(c *connection) error {
	var st wire.Stanza
	for {
		var err error
		st, err = c.decoder.Next()
		if malformed := (*wire.BadStanza)(nil); errors.As(err, &malformed) {
			l.refuse(malformed)
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("no sign of life from the server for %v", c.silence)
		}
		if err != nil {
			return ended(err)
		}
		if e, ok := l.streamError(&st); ok {
			return e
		}
		if st.Kind == wire.Other {
			l.log.Debug("element ignored", "space", st.Space, "name", st.Local)
			continue
		}
		l.Counters.Received.Add(1)
		switch {
		case st.From == l.opt.Domain && st.To == l.opt.Domain: // our own ping
		case st.Kind == wire.IQ && l.queries.answered(&st):
		default:
			l.opt.Handler(&st)
		}
	}
}

// refuse answers a stanza that could not be read, where its sender is known
// and is not answering us (RFC 6120 §8.3.1).
func (l *Link) refuse(e *wire.BadStanza) {
	l.Counters.Malformed.Add(1)
	l.complain.Do(func() {
		l.log.Warn("stanza refused", "from", e.Header.From, "reason", e.Reason)
	})
	h := e.Header
	if h.Kind == wire.Other || h.From.IsZero() || h.Type == "error" || h.Type == "result" {
		return
	}
	if h.To.IsZero() {
		h.To = l.opt.Domain
	}
	l.Send(func(b []byte) []byte {
		return wire.AppendErrorReply(b, h, wire.StanzaError{Condition: e.Condition, Text: e.Reason})
	})
}
