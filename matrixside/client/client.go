// Package client is the way to the homeserver: requests in the name of the
// bridge's bot or of a ghost, tried again until they succeed or are refused.
//
//	c, err := client.New(client.Options{Homeserver: "http://127.0.0.1:8008", ServerName: "example.org",
//		ASToken: token, Bot: "@isthmusbot:example.org", Log: log})
//	sending := client.Sending{Room: room, Content: content, Transaction: client.TransactionID(e.ID, ghost, 0)}
//	err = c.Do(ctx, ghost, sending.Try)
//	if err != nil {
//		publish(client.Failure(err))
//	}
//
// What an answer means is judged by its status first and by its errcode
// second, since homeservers agree on the first only. So many requests are in
// flight at once (Options.InFlight); who comes when there are so many waits
// for their turn, in order. Files go by Stream, which has places of its own.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

const (
	// answerBound is how long an answer may be, in bytes. A room of 20,000
	// members, the longest that is asked for, has 8 MiB of member events.
	answerBound = 64 << 20
	// streamsInFlight is how many files go either way at once.
	streamsInFlight = 8
	userAgent       = "isthmus"
)

// Options are what a Client is made with. The first four are needed; the zero
// value of the others means what is said beside them.
type Options struct {
	Homeserver string    // URL of its client-server API
	ServerName string    // the part of user ids behind the colon
	ASToken    string    // as_token of the registration
	Bot        id.UserID // sender_localpart of the registration, as a user id

	Log      *slog.Logger  // discards
	InFlight int           // requests at once; 32
	Patience time.Duration // for one request and its answer; 60 s
	// First and Most bound the wait before a request is made again, which
	// grows from one to the other; 0.25 s and 15 s.
	First, Most time.Duration
}

// Counters count what a Client did; each only grows.
type Counters struct {
	Requests atomic.Int64 // calls of what Do, Once and Stream were given
	Retries  atomic.Int64 // of these, not the first
	Refused  atomic.Int64 // ended with the homeserver's refusal
	Outages  atomic.Int64 // times the homeserver went away
}

// Client makes requests to one homeserver. Any goroutine may use it.
type Client struct {
	Counters Counters

	opt     Options
	base    *url.URL
	http    *http.Client
	streams *http.Client // without a bound on the time that a body takes
	turns   chan struct{}
	files   chan struct{}
	state   state

	asking   chan struct{} // has a place for who asks for the versions
	versions atomic.Pointer[spokenVersions]
	software atomic.Pointer[software]
}

// New makes a client. It connects to nothing yet; the error is about the URL.
func New(o Options) (*Client, error) {
	setDefault(&o.Log, slog.New(slog.DiscardHandler))
	setDefault(&o.InFlight, 32)
	setDefault(&o.Patience, time.Minute)
	setDefault(&o.First, 250*time.Millisecond)
	setDefault(&o.Most, 15*time.Second)
	base, err := mautrix.ParseAndNormalizeBaseURL(o.Homeserver)
	if err != nil {
		return nil, fmt.Errorf("the homeserver's URL %q: %w", o.Homeserver, err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("the homeserver's URL %q must be like http://127.0.0.1:8008", o.Homeserver)
	}
	return &Client{
		opt: o, base: base,
		http:    &http.Client{Transport: newWire(base, o.Patience), CheckRedirect: stay},
		streams: &http.Client{Transport: streams(o.Patience), CheckRedirect: stay},
		turns:   make(chan struct{}, o.InFlight), files: make(chan struct{}, streamsInFlight),
		asking: make(chan struct{}, 1),
		state:  state{log: o.Log.With("homeserver", base.Redacted())},
	}, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// streams is how files go: net/http's own way, which hears an answer that
// comes before the end of the request.
func streams(patience time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialPatience, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    dialPatience,
		ResponseHeaderTimeout:  patience,
		MaxIdleConnsPerHost:    streamsInFlight,
		IdleConnTimeout:        idleTime,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // it is mostly a neighbour
		MaxResponseHeaderBytes: headerBound,
	}
}

// stay follows no redirects: they would carry our token somewhere else.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Bot is who makes requests in nobody's name.
func (c *Client) Bot() id.UserID { return c.opt.Bot }

// ServerName is the part of our user ids behind the colon.
func (c *Client) ServerName() string { return c.opt.ServerName }

// Do runs f, which makes one request or a few, in the name of as (the zero
// UserID: the bot). While the homeserver is away, busy or asks for patience it
// runs f again, after a wait that grows, until ctx ends. f must be safe to
// repeat: sending takes a transaction id of its own (TransactionID), and
// nothing of what f returns or sets counts but the last time. A refusal is
// returned at once; Failure says what it means.
//
// That what was asked for is so already (a reaction that is there, a ghost
// that is registered, somebody invited who is in the room, or leaving it who
// is not) is no error; f has got no answer to look at then, and what it meant
// to do afterwards isn't done.
func (c *Client) Do(ctx context.Context, as id.UserID, f func(context.Context, *mautrix.Client) error) error {
	wait := &backoff.ExponentialBackOff{InitialInterval: c.opt.First, MaxInterval: c.opt.Most,
		RandomizationFactor: 0.5, Multiplier: 2}
	wait.Reset()
	for {
		err := c.Once(ctx, as, f)
		again, after := judge(err)
		if over := ctx.Err(); !again && (over == nil || !errors.Is(err, over)) {
			return err
		}
		pause := wait.NextBackOff()
		if after > 0 { // a little later each: not all of us at once
			pause = after + min(pause, after)
		}
		if ctx.Err() != nil || !sleep(ctx, pause) {
			return &GaveUpError{Last: err, Cause: context.Cause(ctx)}
		}
		c.Counters.Retries.Add(1)
	}
}

// sleep reports whether ctx lasted as long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// GaveUpError is what Do returns when there was no time left to try again.
type GaveUpError struct {
	Last  error // how the last try ended
	Cause error // context.Cause
}

func (e *GaveUpError) Error() string { return fmt.Sprintf("given up (%v): %v", e.Cause, e.Last) }

// Unwrap returns both errors.
func (e *GaveUpError) Unwrap() []error { return []error{e.Last, e.Cause} }

// Once is Do without a second try.
func (c *Client) Once(ctx context.Context, as id.UserID, f func(context.Context, *mautrix.Client) error) error {
	return c.run(ctx, as, c.http, c.turns, f)
}

// Stream is Once for files: it takes as long as bytes come, or ctx lasts, and
// waits for a place only behind other files. What f opens it must have read
// and closed when it returns.
func (c *Client) Stream(ctx context.Context, as id.UserID, f func(context.Context, *mautrix.Client) error) error {
	return c.run(ctx, as, c.streams, c.files, f)
}

// run calls f when it has a place among places.
func (c *Client) run(ctx context.Context, as id.UserID, via *http.Client, places chan struct{},
	f func(context.Context, *mautrix.Client) error) error {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-places }()
	began := time.Now()
	versions, err := c.spoken(ctx)
	if err == nil {
		m := c.as(as, via)
		m.SpecVersions = versions
		c.Counters.Requests.Add(1)
		err = f(ctx, m)
	}
	if already(err) {
		err = nil
	}
	if c.state.saw(ctx, err, began) {
		c.Counters.Outages.Add(1)
	}
	if refused(err) {
		c.Counters.Refused.Add(1)
	}
	return err
}

// as makes what requests in the name of a user are made with. It is cheap.
// The bot is the name that the token has by itself: it needs no other, nor
// an account for it (application service API §4.1).
func (c *Client) as(user id.UserID, via *http.Client) *mautrix.Client {
	m := &mautrix.Client{
		HomeserverURL: c.base, UserID: user, AccessToken: c.opt.ASToken, UserAgent: userAgent,
		Client: via, Log: zerolog.Nop(), ResponseSizeLimit: answerBound, ResponseHook: c.log,
		SetAppServiceUserID: user != "" && user != c.opt.Bot,
	}
	if user == "" {
		m.UserID = c.opt.Bot
	}
	return m
}

// log tells of a request; bodies and headers are nobody's business.
func (c *Client) log(req *http.Request, res *http.Response, err error, took time.Duration) {
	if !c.opt.Log.Enabled(req.Context(), slog.LevelDebug) {
		return
	}
	status := 0
	if res != nil {
		status = res.StatusCode
	}
	c.opt.Log.Debug("matrix: request", "method", req.Method, "path", req.URL.Path,
		"as", req.URL.Query().Get("user_id"), "status", status, "took", took, "error", err)
}

// Register makes the account of a ghost (or of the bot), as Do does; that
// there is one already is fine (application service API §4.2).
func (c *Client) Register(ctx context.Context, user id.UserID) error {
	return c.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		return register(ctx, m, user)
	})
}

// RegisterOnce is Register without a second try.
func (c *Client) RegisterOnce(ctx context.Context, user id.UserID) error {
	return c.Once(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		return register(ctx, m, user)
	})
}

func register(ctx context.Context, m *mautrix.Client, user id.UserID) error {
	answer, asks, err := m.Register(ctx, &mautrix.ReqRegister[any]{
		Username: user.Localpart(), Type: mautrix.AuthTypeAppservice, InhibitLogin: true,
	})
	if err == nil && asks != nil {
		return fmt.Errorf("the homeserver asks for a password to register %s: it doesn't know the bridge as an application service", user)
	}
	if err == nil && answer != nil && answer.UserID != "" && answer.UserID != user {
		return fmt.Errorf("the homeserver registered %s as %s: the server name or the grammar of ids differs", user, answer.UserID)
	}
	return err
}
