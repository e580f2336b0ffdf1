// Package check finds out whether the homeserver and the bridge know and reach
// each other, and says in one sentence what is wrong and what to do.
//
//	c := check.New(check.Options{Client: client, Inbox: inbox, ID: "isthmus", URL: url, Listen: listen,
//		Ghosts: []id.UserID{names.XMPPGhost(...), names.IRCGhost(...)}, Alias: alias, Log: log})
//	go c.Run(ctx)
//	c.State() // whether all is well
//
// A homeserver that is away is no mistake: it is waited for. What is wrong is
// looked at again and again, since whoever puts it right restarts the
// homeserver. Once all is well it is looked at again when the homeserver goes
// away, and when it is back; a ping then also has Synapse send what it could not before.
package check

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"maunium.net/go/mautrix/id"

	"isthmus/matrixside/client"
)

// Phase is how things are.
type Phase uint8

// The phases.
const (
	Waiting Phase = iota // not known: nothing has been found out yet, or the homeserver is away
	OK                   // the homeserver and the bridge know and reach each other
	Wrong                // somebody has to do something
)

// State is how things are, and, where they aren't OK, why: one sentence for
// the administrator.
type State struct {
	Phase Phase
	Text  string
}

// unknown is the state before anything was looked at.
var unknown = State{Waiting, "The homeserver has not answered yet."}

// Inbox is the bridge's end of the application service API (*inbox.Inbox).
type Inbox interface {
	// Listening is closed when the homeserver can reach us.
	Listening() <-chan struct{}
	// Heard is how often the homeserver has asked us something, and how often
	// somebody with a wrong token has.
	Heard() (homeserver, strangers int64)
}

// Options are what a Checker needs.
type Options struct {
	Client *client.Client
	Inbox  Inbox
	ID     string // id of the registration; "": the homeserver isn't asked to ping us
	URL    string // url of the registration, for the texts
	Listen string // where we listen, for the texts
	// Ghosts are user ids that the registration's namespaces must have, one of
	// each: they are registered, and nothing is done with them.
	Ghosts []id.UserID
	// Alias is in the registration's namespaces, and there is no such room. A
	// homeserver without ping is asked for it, and so asks us.
	Alias   id.RoomAlias
	Changed func(State) // called by Run's goroutine; may be nil
	Log     *slog.Logger
	// First and Most bound the wait before what is wrong is looked at again,
	// which grows from one to the other; 0.5 s and 30 s.
	First, Most time.Duration
}

// Checker looks again and again whether all is well.
type Checker struct {
	opt  Options
	log  *slog.Logger
	news chan struct{} // told when the homeserver goes away or is back

	mu    sync.Mutex
	state State
}

// New makes a Checker. It must be made before the client's first request.
func New(o Options) *Checker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func(State) {}
	}
	if o.First <= 0 {
		o.First = 500 * time.Millisecond
	}
	if o.Most <= 0 {
		o.Most = 30 * time.Second
	}
	c := &Checker{opt: o, log: o.Log, news: make(chan struct{}, 1),
		state: unknown}
	o.Client.OnChange(func(bool, error) {
		select {
		case c.news <- struct{}{}:
		default:
		}
	})
	return c
}

// State is how things were when last looked at.
func (c *Checker) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Run looks, and looks again when there is a reason to, until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	wait := &backoff.ExponentialBackOff{InitialInterval: c.opt.First, MaxInterval: c.opt.Most, RandomizationFactor: 0.3, Multiplier: 2}
	wait.Reset()
	for ctx.Err() == nil {
		select { // what was so before is looked at now
		case <-c.news:
		default:
		}
		state := c.look(ctx)
		if ctx.Err() != nil {
			return
		}
		c.set(state)
		if state.Phase == OK {
			wait.Reset()
			c.await(ctx, nil)
			continue
		}
		timer := time.NewTimer(wait.NextBackOff())
		c.await(ctx, timer.C)
		timer.Stop()
	}
}

// await returns when there is a reason to look again.
func (c *Checker) await(ctx context.Context, again <-chan time.Time) {
	select {
	case <-again:
	case <-c.news:
	case <-ctx.Done():
	}
}

// set notes and tells how things are, if they have changed.
func (c *Checker) set(state State) {
	c.mu.Lock()
	before := c.state
	c.state = state
	c.mu.Unlock()
	if before == state || before.Phase == Waiting && state.Phase == Waiting && before != unknown {
		return // that it is away in other words is no news
	}
	switch state.Phase {
	case OK:
		c.log.Info("matrix: the homeserver and the bridge reach each other")
	case Wrong:
		c.log.Error("matrix: " + state.Text)
	case Waiting: // the client tells
	}
	c.opt.Changed(state)
}
