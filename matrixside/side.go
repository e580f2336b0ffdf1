// Package matrixside is Matrix as a bridge.Side: an application service whose
// ghosts stand in Matrix rooms for the people of other networks.
//
//	Side ─ inbox ──── what the homeserver brings, each event once
//	     ├ client ─── what we ask of the homeserver
//	     ├ ghosts ─── who of ours is registered, under which name
//	     ├ natives ── rooms of Matrix that people of other networks are in
//	     ├ portals ── rooms of ours for channels and MUCs that Matrix users are in
//	     └ directs ── conversations one to one, consoles, the bot
//
// None of the locks here is held during Publish or a request.
package matrixside

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/inbox"
)

// Counters count what was ignored or given up; each only grows.
type Counters struct {
	Strays    atomic.Int64 // events of rooms that the bridge has nothing to do with
	Malformed atomic.Int64 // events that don't say what they must
	Signals   atomic.Int64 // typing, receipts, presence and the bridge's own words beyond a budget
	GivenUp   atomic.Int64 // things of portal rooms and direct chats that could not be done on Matrix, or of mapped rooms that could not wait
	Pictures  atomic.Int64 // pictures beyond what can be fetched or shown
}

// Side is all of Matrix.
//
//	matrix, err := matrixside.New(hub, options)
//	hub.Register(bridge.NetworkMatrix, matrix)
//	err = matrix.Run(ctx) // until the end
type Side struct {
	Counters Counters

	core bridge.Publisher
	log  *slog.Logger
	opts atomic.Pointer[Options]

	inbox   *inbox.Inbox
	places  *places
	ghosts  *ghosts
	natives *natives
	portals *portals
	directs *directs
	pairs   *pairs

	pictures *pictures
	signals  *signals

	away atomic.Int64 // since when the homeserver is, in nanoseconds; 0 while it is there

	began  time.Time
	ending atomic.Bool // see Ending

	ctx    context.Context // of every request; ends when Run does
	cancel context.CancelFunc
	work   sync.WaitGroup // whatever Run waits for

	mu    sync.Mutex
	ended bool // nothing is begun any more
}

var _ bridge.Side = (*Side)(nil)

// New makes a side that is connected to nothing yet.
func New(core bridge.Publisher, o Options) (*Side, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Side{core: core, log: o.Log, places: newPlaces(), began: time.Now()}
	s.opts.Store(&o)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.ghosts = newGhosts(s)
	s.natives = newNatives(s)
	s.portals = newPortals(s)
	s.directs = newDirects(s)
	s.pairs = newPairs(s)
	s.pictures, s.signals = newPictures(s), newSignals(s)
	o.Client.OnChange(s.connected)
	in := o.Inbox
	in.Bot, in.Client = o.Names.BotID(), o.Client
	in.Event, in.Echo, in.Ephemeral = s.handle, s.isEcho, s.ephemeral
	in.User, in.Alias = s.ghosts.exists, s.portals.exists
	if o.Media != nil {
		in.More = o.Media
	}
	in.More = s.portals.serve(in.More)
	s.inbox = inbox.New(in)
	return s, nil
}

// Inbox is the side's end of the application service API, for the start-up
// checks and the metrics.
func (s *Side) Inbox() *inbox.Inbox { return s.inbox }

// Run listens, and talks to the homeserver, until ctx ends. It returns early
// only where that can't be done at all (the address to listen on is taken).
func (s *Side) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, s.Ending)()
	if err := s.recall(ctx); err != nil {
		return err
	}
	s.work.Go(func() { s.natives.run(ctx) })
	s.work.Go(func() { s.ghosts.refresh(ctx) })
	s.work.Go(func() { s.portals.run(ctx) })
	err := s.inbox.Run(ctx)
	cancel()
	s.cancel()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.work.Wait()
	s.natives.close()
	s.signals.box.Close()
	s.pictures.box.Close()
	return err
}

// spawn runs f on a goroutine that Run waits for, unless it is too late to
// begin anything.
func (s *Side) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.work.Go(f)
	}
	return !s.ended
}

// Ending tells that the gateway is about to end: whoever leaves from now on
// leaves with it, and their ghost keeps its place in rooms of Matrix until they
// are back. Those who don't come back leave some minutes after the next start.
func (s *Side) Ending() { s.ending.Store(true) }

// recall takes up what was remembered of ghosts and rooms before the restart.
func (s *Side) recall(ctx context.Context) error {
	ghosts, err := s.options().Ghosts.MatrixGhosts(ctx)
	if err != nil {
		return err
	}
	for _, g := range ghosts {
		s.ghosts.recall(g)
	}
	all, err := s.options().Rooms.MatrixRooms(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		switch {
		case r.Kind == kindDirect && strings.HasPrefix(r.Room.ID, "~"):
			s.pairs.recall(r)
			s.directs.recall(r)
		case r.Kind == kindDirect:
			s.pairs.recall(r)
			s.natives.recall(r)
		case r.Kind == kindNative:
			s.natives.recall(r)
		default:
			s.portals.recall(r)
		}
	}
	return nil
}

// Reload takes other options. What connects us to the homeserver counts after
// a restart; all else counts for whatever happens next.
func (s *Side) Reload(o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	s.opts.Store(&o)
	return nil
}

func (s *Side) options() *Options { return s.opts.Load() }

// isEcho reports whether an event is what somebody of ours said: nothing is made
// of it. A room of Matrix wants it for its place among what others say.
func (s *Side) isEcho(e *event.Event) (echo, wanted bool) {
	if e.StateKey != nil || !s.isOurs(e.Sender) {
		return false, false
	}
	_, wanted = s.places.at(e.RoomID).(*native)
	return true, wanted
}

// handle takes an event of a room from the inbox. done is called when it has
// been published, or can't be.
func (s *Side) handle(e *event.Event, done func()) {
	if e.Content.Parsed == nil && e.Content.VeryRaw != nil {
		// An error leaves nothing parsed: whoever wants it finds nothing in it.
		_ = e.Content.ParseRaw(e.Type)
	}
	if p := s.places.at(e.RoomID); p != nil {
		p.handle(e, done)
		return
	}
	if e.Type == event.StateMember && e.StateKey != nil && s.invited(e, done) {
		return
	}
	defer done()
	if e.Type == event.StateMember && e.StateKey != nil && s.natives.turnedDown(e, id.UserID(*e.StateKey)) {
		return
	}
	s.Counters.Strays.Add(1)
	s.log.Debug("event of a room that the bridge has nothing to do with", "room", e.RoomID, "type", e.Type.Type)
}

// invited handles the invitation of the bot, or of a ghost, into a room that
// the bridge has nothing to do with yet; it reports false where it is none,
// and otherwise calls done when it is handled.
// It must not wait for the homeserver.
func (s *Side) invited(e *event.Event, done func()) bool {
	content := e.Content.AsMember()
	target := id.UserID(e.GetStateKey())
	if content.Membership != event.MembershipInvite || !s.options().Names.IsOurs(target) {
		return false
	}
	who, known := s.ghosts.person(target)
	if who == bridge.Keeper && s.natives.keeperCalled(e) {
		done()
		return true
	}
	if content.IsDirect || !known || who.Network != bridge.NetworkXMPP { // only there people can be told
		s.directs.invited(e, target, done)
	} else {
		s.natives.invited(e, target)
		done()
	}
	return true
}

// ephemeral takes typing, receipts and presence from the inbox.
func (s *Side) ephemeral(e *event.Event) {
	if e.Content.Parsed == nil {
		_ = e.Content.ParseRaw(e.Type)
	}
	if e.Type == event.EphemeralEventPresence {
		s.natives.presence(e)
		s.directs.presence(e)
		return
	}
	if p := s.places.at(e.RoomID); p != nil {
		p.ephemeral(e)
	}
}

// Deliver implements bridge.Side. It blocks while the homeserver is asked, and
// for a minute while it is away.
func (s *Side) Deliver(e bridge.Event) {
	portal := strings.HasPrefix(e.Room.ID, "~")
	switch {
	case s.ghosts.answered(e):
	case portal && e.Room.Private():
		s.directs.deliver(e)
	case portal:
		s.portals.deliver(e)
	case e.Room.Private():
		s.natives.deliverDirect(e)
	default:
		s.natives.deliver(e)
	}
}

// outage is for how long a homeserver may be away before what people ask for
// is refused instead of tried again.
const outage = time.Minute

// do makes a request as client.Do does, for as long as somebody who waits for
// the answer shall wait: a minute, and not at all while the homeserver has
// been away for longer.
func (s *Side) do(ctx context.Context, as id.UserID, f func(context.Context, *mautrix.Client) error) error {
	c := s.options().Client
	if since := s.away.Load(); since != 0 && time.Since(time.Unix(0, since)) > outage {
		return c.Once(ctx, as, f)
	}
	ctx, cancel := context.WithTimeout(ctx, outage)
	defer cancel()
	return c.Do(ctx, as, f)
}

// connected notes that the homeserver went away, or is back.
func (s *Side) connected(up bool, _ error) {
	if up {
		if away := s.away.Swap(0); away != 0 {
			s.spawn(func() {
				s.natives.tellReach()
				s.catchUp(time.Unix(0, away))
			})
		}
	} else if s.away.CompareAndSwap(0, time.Now().UnixNano()) {
		s.spawn(s.natives.tellAway)
	}
}

// fail publishes that a delivered event did not take effect. Only requests
// are answered.
func (s *Side) fail(e bridge.Event, how bridge.Failure) {
	if isRequest(e.Body) {
		s.core.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: how})
	}
}

// confirm publishes that a delivered request took effect. native is the event
// that the homeserver made of it, or "".
func (s *Side) confirm(e bridge.Event, native id.EventID) {
	s.core.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Confirm{Native: string(native)}})
}

func isRequest(b bridge.Body) bool {
	switch b.(type) {
	case bridge.Message, bridge.Join, bridge.Rename, bridge.RoleChange, bridge.Expel, bridge.Pardon, bridge.Topic,
		bridge.Invite, bridge.Watch, bridge.Query:
		return true
	}
	return false
}
