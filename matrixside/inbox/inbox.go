// Package inbox takes what the homeserver brings: it answers a transaction
// when the events in it are safe, gives each event on once, in the order of its room.
//
//	in := inbox.New(inbox.Options{Listen: "127.0.0.1:29329", HSToken: token, Bot: bot,
//		Store: store, Client: c, Event: handle, Ephemeral: show, Log: log})
//	go func() { failed <- in.Run(ctx) }()
//	<-in.Listening()
//
// An event is known by its id alone. A homeserver may bring it in one
// transaction or in several, again after a crash, with more events under a
// transaction's old name, and late: it is given on the first time. From then
// on it is remembered until its receiver says that it is done; what was not
// done when the process ended is given on again at the next start, before
// anything new of its room.
//
// Where the homeserver sends application services neither redactions nor
// typing, receipts and presence (Dendrite), they come through the bot's /sync,
// from the rooms that the bot is in.
package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge/actor"
	"isthmus/bridge/store"
	"isthmus/matrixside/client"
)

const (
	// held is how many events may have been accepted and not be done yet.
	held = 10_000
	// signals is how many ephemeral events may wait for their receiver.
	signals = 1024
	// answerPatience is how long the homeserver waits for an answer; Dendrite
	// takes 30 s for a failure.
	answerPatience = 10 * time.Second
	// endPatience is how long the end waits for what is going on.
	endPatience = 5 * time.Second
	// page is how many events are read at once at start.
	page = 500
)

// Options are what an Inbox needs. Echo, User, Alias, More and Client may be left out.
type Options struct {
	Listen  string // host:port where the homeserver reaches us
	HSToken string
	Bot     id.UserID
	Store   store.Inbox
	Client  *client.Client // for the bot's /sync where the homeserver sends no ephemeral events
	// Event takes one event of a room. The events of one room come in order,
	// one at a time; those of other rooms come meanwhile. Event is remembered,
	// also over a restart, until done has been called, which may be later and
	// from any goroutine: call it when the event has been carried on, or can't
	// be. What is not done counts among the 10,000 that are taken at most.
	//
	// The content is parsed (e.Content.Parsed) where mautrix knows the type.
	// A redaction has its Redacts whatever the room's version.
	Event func(e *event.Event, done func())
	// Echo reports whether an event is but the homeserver's repetition of what
	// was done by us, and whether Event wants it even so: in its order, but not
	// remembered, so that it may come twice, or not at all where a process ended.
	// An echo has no content, and what Echo is asked about has none. No event is
	// one if nil.
	Echo func(e *event.Event) (echo, wanted bool)
	// Ephemeral takes typing, receipts and presence, which nobody remembers.
	// It is called by one goroutine at a time. Private receipts don't come.
	Ephemeral func(e *event.Event)
	// User and Alias answer whether there is such a ghost or room, having
	// made it if it can be made.
	User  func(ctx context.Context, user id.UserID) bool
	Alias func(ctx context.Context, alias id.RoomAlias) bool
	// More serves what is not for an application service (media, third-party
	// look-ups). What is below /_matrix/app/ has shown the token already.
	More http.Handler
	Log  *slog.Logger
}

// Counters count what an Inbox did; each only grows.
type Counters struct {
	Transactions atomic.Int64 // answered with 200
	Events       atomic.Int64 // accepted, each once
	Echoes       atomic.Int64 // not remembered
	Repeated     atomic.Int64 // events that had been accepted before
	Malformed    atomic.Int64 // events left out, since nobody could make sense of them
	Full         atomic.Int64 // transactions refused for now: too much is not done yet
	Failed       atomic.Int64 // transactions refused for now: the store took nothing
	Trusted      atomic.Int64 // requests with the right token
	Strangers    atomic.Int64 // requests without it
	Signals      atomic.Int64 // ephemeral events given on
	SignalsLost  atomic.Int64 // ephemeral events left out: their receiver was slow
	Unforgotten  atomic.Int64 // events done, but not for the store: they come again at the next start
	SyncGaps     atomic.Int64 // times that the bot's /sync left redactions out
}

// Inbox is the bridge's end of the application service API.
type Inbox struct {
	Counters Counters

	opt       Options
	log       *slog.Logger
	listening chan struct{}
	address   net.Addr // set before listening is closed

	life   context.Context // of what is going on when the end comes
	giveUp context.CancelFunc
	gate   chan struct{} // has a place for who accepts events
	freed  chan struct{} // has a place; told when something is done

	mu    sync.Mutex
	ended bool
	held  int // accepted and not done
	rooms map[id.RoomID][]*item
	work  sync.WaitGroup

	finished     *actor.Mailbox[int64]
	finishedPool actor.Pool[int64]
	signals      *actor.Mailbox[*event.Event]
	signalsPool  actor.Pool[*event.Event]
}

// item is an event that is not done yet.
type item struct {
	seq   int64 // 0 of an echo
	event *event.Event
	done  atomic.Bool
}

// New makes an inbox that listens nowhere yet.
func New(o Options) *Inbox {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Ephemeral == nil {
		o.Ephemeral = func(*event.Event) {}
	}
	in := &Inbox{
		opt: o, log: o.Log, listening: make(chan struct{}),
		gate: make(chan struct{}, 1), freed: make(chan struct{}, 1),
		rooms: map[id.RoomID][]*item{},
	}
	in.life, in.giveUp = context.WithCancel(context.Background())
	// What is done is never more than what is held, so that nobody waits.
	in.finished = actor.New(2*held, &in.finishedPool, in.forget)
	in.signals = actor.New(signals, &in.signalsPool, func(batch []*event.Event) {
		for _, e := range batch {
			in.Counters.Signals.Add(1)
			in.opt.Ephemeral(e)
		}
	})
	return in
}

// Listening is closed when the homeserver can reach us.
func (in *Inbox) Listening() <-chan struct{} { return in.listening }

// Addr is where Run listens, once Listening is closed.
func (in *Inbox) Addr() net.Addr { return in.address }

// Run gives on what was not done last time, then listens until ctx ends. It
// returns early, with an error, only if it can't listen. An Event that is
// running when ctx ends is waited for a few seconds.
func (in *Inbox) Run(ctx context.Context) error {
	defer in.giveUp()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	listener, err := net.Listen("tcp", in.opt.Listen)
	if err != nil {
		return fmt.Errorf("the homeserver can't reach us: %w", err)
	}
	defer listener.Close()
	if err := in.replay(ctx); err != nil {
		return nil // ctx has ended
	}
	server := &http.Server{
		Handler: in, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return in.life },
		ErrorLog:    slog.NewLogLogger(in.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	in.address = listener.Addr()
	close(in.listening)
	in.log.Debug("matrix: listening", "address", listener.Addr().String())
	synced := make(chan struct{})
	go func() {
		defer close(synced)
		in.sync(ctx)
	}()
	select {
	case <-ctx.Done():
		err = nil
	case err = <-served:
		err = fmt.Errorf("the homeserver can't reach us any more: %w", err)
	}
	stop()
	in.end(server)
	<-synced
	return err
}

// end stops all that is going on, with some patience.
func (in *Inbox) end(server *http.Server) {
	patience := time.AfterFunc(endPatience, in.giveUp)
	defer patience.Stop()
	in.mu.Lock()
	in.ended = true // workers stop after the event that they have
	in.mu.Unlock()
	if err := server.Shutdown(in.life); err != nil {
		server.Close()
	}
	idle := make(chan struct{})
	go func() {
		in.work.Wait()
		in.finished.Close()
		in.signals.Close()
		close(idle)
	}()
	select {
	case <-idle:
	case <-in.life.Done():
		in.log.Warn("matrix: events were going on when the end came; they come again at the next start")
	}
}

// replay gives on what was not done last time. The error is that of ctx.
func (in *Inbox) replay(ctx context.Context) error {
	count := 0
	for after := int64(0); ; {
		waiting, err := backoff.Retry(ctx, func() ([]store.InboxEvent, error) {
			return in.opt.Store.Waiting(ctx, after, page)
		}, backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
			in.log.Warn("matrix: can't read what was not done last time, trying again", "error", err)
		}))
		if err != nil {
			return err
		}
		in.hold(len(waiting))
		var items []*item
		for _, e := range waiting {
			after = e.Seq
			parsed, err := parse([]byte(e.Body))
			if err != nil { // an older program took it
				in.malformed(e.ID, err)
				in.finished.Post(e.Seq)
				continue
			}
			items = append(items, &item{seq: e.Seq, event: parsed})
		}
		in.push(items)
		count += len(items)
		if len(waiting) < page {
			break
		}
	}
	if count > 0 {
		in.log.Info("matrix: going on with what was not done last time", "events", count)
	}
	return nil
}

// hold counts n more events that are not done.
func (in *Inbox) hold(n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.held += n
}

// push queues events, each for the worker of its room.
func (in *Inbox) push(items []*item) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, it := range items {
		room := it.event.RoomID
		queue, busy := in.rooms[room]
		in.rooms[room] = append(queue, it)
		if !busy && !in.ended {
			in.work.Go(func() { in.serve(room) })
		}
	}
}

// serve is a room's worker, as long as there is something to do. The room is
// in the map as long as it has one.
func (in *Inbox) serve(room id.RoomID) {
	for {
		in.mu.Lock()
		batch := in.rooms[room]
		if len(batch) == 0 || in.ended {
			delete(in.rooms, room)
			in.mu.Unlock()
			return
		}
		in.rooms[room] = nil
		in.mu.Unlock()
		for _, it := range batch {
			if in.ending() {
				return
			}
			in.opt.Event(it.event, func() { in.finish(it) })
		}
	}
}

// finish is that an event is done.
func (in *Inbox) finish(it *item) {
	switch {
	case it.done.Swap(true):
	case it.seq == 0:
		in.free(1)
	default:
		in.finished.Post(it.seq)
	}
}

func (in *Inbox) ending() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ended
}

// forget tells the store what is done; it is the handler of in.finished.
func (in *Inbox) forget(seqs []int64) {
	if err := in.opt.Store.Done(in.life, seqs); err != nil {
		in.Counters.Unforgotten.Add(int64(len(seqs)))
		in.log.Warn("matrix: events that are done will come again at the next start", "events", len(seqs), "error", err)
	}
	in.free(len(seqs))
}

// free counts n events less that are not done.
func (in *Inbox) free(n int) {
	in.hold(-n)
	select {
	case in.freed <- struct{}{}:
	default:
	}
}

// Held is how many events have been accepted and are not done yet.
func (in *Inbox) Held() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.held
}

// errFull means that too much is not done yet.
var errFull = errors.New("too many events are not done yet")

// received is an event to be accepted.
type received struct {
	event *event.Event
	body  string // as JSON; "" of an echo
	echo  bool
}

// accept has events remembered and gives them on. It returns when they are
// safe, or when patience is at its end; they may be accepted even so, a little
// later, and then they are given on too.
func (in *Inbox) accept(ctx context.Context, events []received) error {
	if len(events) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	select {
	case in.gate <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !in.await(ctx, len(events)) {
		<-in.gate
		return errFull
	}
	if !slices.ContainsFunc(events, func(e received) bool { return !e.echo }) {
		defer func() { <-in.gate }()
		return in.remember(events) // at once: there is nothing to store
	}
	result := make(chan error, 1)
	in.mu.Lock()
	ended := in.ended
	if !ended {
		in.work.Go(func() {
			defer func() { <-in.gate }()
			result <- in.remember(events)
		})
	}
	in.mu.Unlock()
	if ended {
		<-in.gate
		return context.Canceled
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await returns when there is a place for n more events; false if ctx ends
// before. It is the gate's.
func (in *Inbox) await(ctx context.Context, n int) bool {
	for {
		if now := in.Held(); now == 0 || now+n <= held {
			return true
		}
		select {
		case <-in.freed:
		case <-ctx.Done():
			return false
		}
	}
}

// remember is accept once its turn has come.
func (in *Inbox) remember(events []received) error {
	fresh, rows := make([]*item, 0, len(events)), make([]store.InboxEvent, 0, len(events))
	for _, e := range events {
		if !e.echo {
			rows = append(rows, store.InboxEvent{ID: e.event.ID.String(), Body: e.body})
		}
	}
	var seqs []int64
	if len(rows) > 0 {
		var err error
		if seqs, err = in.opt.Store.Accept(in.life, rows); err != nil {
			return err
		}
	}
	for _, e := range events {
		it := &item{event: e.event}
		if !e.echo {
			if it.seq, seqs = seqs[0], seqs[1:]; it.seq == 0 {
				continue // it was here before
			}
		}
		fresh = append(fresh, it)
	}
	echoes := len(events) - len(rows)
	accepted := len(fresh) - echoes
	in.Counters.Echoes.Add(int64(echoes))
	in.Counters.Events.Add(int64(accepted))
	in.Counters.Repeated.Add(int64(len(rows) - accepted))
	in.hold(len(fresh))
	in.push(fresh)
	return nil
}

// malformed counts an event that is left out.
func (in *Inbox) malformed(event string, err error) {
	in.Counters.Malformed.Add(1)
	in.log.Debug("matrix: an event is left out", "event", event, "error", err)
}
