package component

import (
	"context"
	"errors"
	"net"
	"time"

	"isthmus/xmppside/wire"
)

// writeSize is how much a single write hands to the socket: small enough that
// a slow but living server takes it in time.
const writeSize = 64 << 10

// write carries the queue to the socket until stop is closed, a write fails,
// or ctx ends: then it says goodbye.
func (l *Link) write(ctx context.Context, conn net.Conn, stop <-chan struct{}) error {
	quiet := time.NewTicker(l.opt.KeepAlive)
	defer quiet.Stop()
	var spare batch
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return l.goodbye(conn, stop)
		case <-quiet.C:
			if l.heard.Swap(false) {
				continue
			}
			if err := l.ping(conn); err != nil {
				return err
			}
		case <-l.queue.ready:
			var err error
			if spare, err = l.flush(conn, spare, l.opt.Progress); err != nil {
				return err
			}
		}
	}
}

// flush writes what is pending. Its result is to be reused.
func (l *Link) flush(conn net.Conn, spare batch, progress time.Duration) (batch, error) {
	b := l.queue.take(spare)
	for sent := 0; sent < len(b.bytes); {
		conn.SetWriteDeadline(time.Now().Add(progress))
		n, err := conn.Write(b.bytes[sent:min(len(b.bytes), sent+writeSize)])
		sent += n
		l.Counters.SentBytes.Add(int64(n))
		if err != nil {
			lost := l.queue.giveBack(b, sent)
			l.Counters.LostBytes.Add(int64(lost))
			if lost > 0 {
				l.log.Warn("stanzas lost with the connection", "bytes", lost)
			}
			return batch{}, err
		}
	}
	return b, nil
}

// ping asks for a sign of life (XEP-0199 §4.1). It goes to ourselves, since a
// component never learns what its server is called: the server sends it back,
// which is sign enough. So it is no Query, which waits for an answer, and for
// room in the queue: it passes the queue by, which may be full.
func (l *Link) ping(conn net.Conn) error {
	b := wire.AppendOpen(nil, wire.Header{Kind: wire.IQ, To: l.opt.Domain, From: l.opt.Domain, ID: "alive", Type: "get"})
	b = append(b, "<ping xmlns='urn:xmpp:ping'/>"...)
	b = wire.AppendClose(b, wire.IQ)
	conn.SetWriteDeadline(time.Now().Add(l.opt.Progress))
	_, err := conn.Write(b)
	return err
}

var errEnded = errors.New("the link was ended")

// goodbye sends what is left and closes the stream, giving the server a
// moment to close it too.
func (l *Link) goodbye(conn net.Conn, stop <-chan struct{}) error {
	if _, err := l.flush(conn, batch{}, farewell); err != nil {
		return err
	}
	conn.SetWriteDeadline(time.Now().Add(farewell))
	if _, err := conn.Write([]byte("</stream:stream>")); err != nil {
		return err
	}
	t := time.NewTimer(farewell)
	defer t.Stop()
	select {
	case <-stop:
	case <-t.C:
	}
	return errEnded
}
