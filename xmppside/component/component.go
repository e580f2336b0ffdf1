// Package component is one link to an XMPP server as an external component
// (XEP-0114): it connects, shakes hands, and connects again whenever that
// ends, as long as it runs.
//
//	link := component.New(component.Options{Domain: "irc.example.org", Server: "127.0.0.1:5347", Secret: s, Handler: handle})
//	go func() { done <- link.Run(ctx) }()
//	link.Send(func(b []byte) []byte { return wire.AppendEmpty(b, header) })
//	link.Query(header, payload, func(answer *wire.Stanza, err error) { ... })
//
// What is sent goes through one queue, whose writer hands whatever has come
// together to the socket at once. While the link is down the queue is kept;
// when it is full, Send waits. If a connection breaks, what the socket had
// taken is gone (the server may or may not have it), and so is the rest of the
// Send that it broke in; Counters.LostBytes says how much. What was sent later
// goes out on the next connection, unless it is too long in coming: after
// Options.Patience the queue is emptied, and Send waits no more.
//
// The package knows stanzas, but nothing of what they mean.
package component

import (
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Options are what a Link is made with. Domain, Server, Secret and Handler
// are needed; the zero value of the others means what is said beside them.
type Options struct {
	Domain jid.JID     // what the component is called, in canonical form
	Server string      // host:port of the server's component port
	TLS    *tls.Config // nil: plain TCP; ServerName may be left out
	Secret string

	// Handler takes each stanza, other than answers to Query, in order. It is
	// called by one goroutine at a time; the stanza is its own only until it
	// returns. While it does not, nothing more is read.
	Handler func(*wire.Stanza)
	// Changed is told when the link comes up (nil) and when it is lost or an
	// attempt to connect has failed (why). It must not block.
	Changed func(err error)
	// GaveUp is told, once in each outage, that the link has been down for
	// longer than Patience, and that what waited is lost. It must not block.
	GaveUp   func()
	Patience time.Duration // 5 min

	Counters *Counters     // to be shared with other links; the link's own
	Log      *slog.Logger  // discards
	Queue    int           // bytes; 8 MiB
	Dial     time.Duration // for connecting and shaking hands; 15 s
	Progress time.Duration // a write that takes longer ends the connection; 30 s
	// KeepAlive is the time without a sign from the server after which it is
	// pinged (XEP-0199); after three of them it is taken for dead; 60 s.
	KeepAlive time.Duration
	Answer    time.Duration // for Query; 30 s
	// First and Most bound the wait before connecting again, which grows from
	// one to the other; 0.5 s and 30 s.
	First, Most time.Duration
}

func (o *Options) setDefaults() {
	setDefault(&o.Log, slog.New(slog.DiscardHandler))
	setDefault(&o.Queue, 8<<20)
	setDefault(&o.Dial, 15*time.Second)
	setDefault(&o.Progress, 30*time.Second)
	setDefault(&o.KeepAlive, time.Minute)
	setDefault(&o.Answer, 30*time.Second)
	setDefault(&o.Patience, 5*time.Minute)
	setDefault(&o.First, 500*time.Millisecond)
	setDefault(&o.Most, 30*time.Second)
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	if o.Changed == nil {
		o.Changed = func(error) {}
	}
	if o.GaveUp == nil {
		o.GaveUp = func() {}
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Counters count what links did; each only grows.
type Counters struct {
	Connected  atomic.Int64 // times the handshake succeeded
	Received   atomic.Int64 // stanzas
	Malformed  atomic.Int64 // stanzas refused as they stood
	SentBytes  atomic.Int64 // handed to the socket
	LostBytes  atomic.Int64 // given up, because of a broken connection, a long outage or the end
	LostSends  atomic.Int64 // not even queued: after the end, or the queue was full after a long outage
	Unanswered atomic.Int64 // queries that ended with ErrTimeout
}

// Link is a component's link. Its methods may be called by any goroutine.
type Link struct {
	Counters *Counters

	opt     Options
	log     *slog.Logger
	queue   *queue
	queries *queries
	// heard is set by the reader, and cleared by the keep-alive.
	heard atomic.Bool
	// complain keeps a flood of malformed stanzas from flooding the log too.
	complain rate.Sometimes
}

// New makes a link. It does nothing before Run, but takes what is sent.
func New(o Options) *Link {
	o.setDefaults()
	l := &Link{
		Counters: o.Counters,
		opt:      o,
		log:      o.Log.With("domain", o.Domain.String()),
		queue:    newQueue(o.Queue),
		complain: rate.Sometimes{First: 3, Interval: 10 * time.Second},
	}
	l.queries = newQueries(l)
	return l
}

// Send calls f once with the buffer of what goes out; f appends whole stanzas
// to it, and must not call the link. Send waits while the queue is full,
// whether the link is up or down, but no longer than Options.Patience while it
// is down. After the end of Run f isn't called.
func (l *Link) Send(f func(b []byte) []byte) {
	if !l.queue.add(f) {
		l.Counters.LostSends.Add(1)
		l.log.Debug("stanzas given up: the link has ended, or is down for long")
	}
}
