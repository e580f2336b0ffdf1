package session

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"isthmus/ircside/isupport"
)

// Config says where to connect and as whom. The zero value of every duration
// and limit means the default that stands beside it.
type Config struct {
	// Addresses are tried in turn until one connects.
	Addresses []Address
	// TLS is how servers with Address.TLS are verified.
	TLS TLS
	// AllowPrivate lets connections go to private, loopback and other special
	// addresses. Leave it off for servers that users name.
	AllowPrivate bool

	Password string // of the server (PASS); "" for none
	Nick     string // the nick asked for
	Username string // the ident; "" means Nick
	Realname string // shown by WHOIS; "" means Nick
	// ExactNick gives up when Nick can't be had; otherwise others are tried.
	ExactNick bool
	// Plainer are nicks to try, whatever ExactNick says, while the server can
	// take none for what is in it or how long it is.
	Plainer []string
	SASL    SASL

	Flood      Flood
	QueueLines int // lines that flood control may hold back; 100

	DialTimeout     time.Duration // for each address; 15 s
	RegisterTimeout time.Duration // from connected to Ready; 60 s
	PingInterval    time.Duration // silence until the server is asked for a sign of life, ±10 %; 2 min
	PongTimeout     time.Duration // how long it may take to give one; 1 min, at most PingInterval
	WriteTimeout    time.Duration // for one write; 20 s
	RequestTimeout  time.Duration // for the answer to a request that is on the wire; 30 s
	QuitTimeout     time.Duration // from QUIT to the end; 3 s

	// Logger gets warnings about the server; nil for none.
	Logger *slog.Logger
	// Stats counts what was thrown away; shared by as many sessions as wanted.
	// nil for nobody's.
	Stats *Stats
	// Supports shares what the servers of one network announce between its
	// sessions; nil for none.
	Supports *isupport.Cache
	// Dial replaces the dialer, and with it the guard (bridge/netguard) of AllowPrivate; nil for
	// TCP. TLS is laid over what it returns.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Address is one way to a network.
type Address struct {
	Host string // name or IP
	Port string
	TLS  bool
}

func (a Address) String() string { return net.JoinHostPort(a.Host, a.Port) }

// TLS says whom to trust. The zero value trusts whom the system trusts.
type TLS struct {
	Roots       *x509.CertPool   // instead of the system's
	Insecure    bool             // accept any certificate
	Certificate *tls.Certificate // ours, for SASL EXTERNAL; nil for none
}

// SASL is how to log in. The zero value does not.
type SASL struct {
	// Account and Password log in by SCRAM-SHA-256, or PLAIN where the server
	// has nothing better.
	Account  string
	Password string
	// External logs in by TLS.Certificate, before anything else is tried.
	External bool
	// AllowPlain lets PLAIN go over a connection without TLS.
	AllowPlain bool
}

func (c SASL) wanted() bool { return c.External || c.Account != "" }

// Flood is a token bucket: Burst lines at once, then one per Interval. The
// zero value is 5 and 2 s, which servers that follow RFC 2813 5.8 stand; a
// negative Interval means no limit.
//
// The PING of a barrier (see Request) is not counted. Servers that count it
// see at most twice the rate.
type Flood struct {
	Burst    int
	Interval time.Duration
}

// Stats counts what sessions threw away or gave up on. It is safe for use from
// any goroutine.
type Stats struct {
	LongLines atomic.Uint64 // lines that no limit allows for, skipped
	BadLines  atomic.Uint64 // lines that are none
	Batches   atomic.Uint64 // batches that were not tracked, being too many or too deep
	Replies   atomic.Uint64 // reply lines that a Result had no place for
	Timeouts  atomic.Uint64 // requests that were never answered
}

func (c *Config) setDefaults() {
	orDefault(&c.Username, c.Nick)
	orDefault(&c.Realname, c.Nick)
	orDefault(&c.Flood.Burst, 5)
	orDefault(&c.Flood.Interval, 2*time.Second)
	orDefault(&c.QueueLines, 100)
	orDefault(&c.DialTimeout, 15*time.Second)
	orDefault(&c.RegisterTimeout, time.Minute)
	orDefault(&c.PingInterval, 2*time.Minute)
	orDefault(&c.PongTimeout, time.Minute)
	orDefault(&c.WriteTimeout, 20*time.Second)
	orDefault(&c.RequestTimeout, 30*time.Second)
	orDefault(&c.QuitTimeout, 3*time.Second)
	orDefault(&c.Logger, slog.New(slog.DiscardHandler))
	orDefault(&c.Stats, new(Stats))
	orDefault(&c.Supports, new(isupport.Cache))
	c.PongTimeout = min(c.PongTimeout, c.PingInterval)
	// Sessions that came up together should not ask together.
	c.PingInterval += time.Duration((rand.Float64()*0.2 - 0.1) * float64(c.PingInterval))
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
