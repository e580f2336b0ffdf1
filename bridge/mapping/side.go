package mapping

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/actor"
)

// linkBound is how many events of one link wait. When it is full, the couriers
// of its rooms do.
const linkBound = 4096

// Options are what a Side needs beside the core.
type Options struct {
	Audit Audit // nil keeps nothing
	Bans  Bans  // nil forgets bans with the process
	Log   *slog.Logger
	// Changed is called when a room of a link has become joined or refused, so
	// that somebody may look at Status, but not during the call. It may be nil.
	Changed func()
}

// Counters count what the mappings did; each only grows.
type Counters struct {
	Crossed  atomic.Int64 // messages taken up from a room
	Failed   atomic.Int64 // messages that did not reach a room, of which the sender was told
	Repeated atomic.Int64 // messages of other bridges that repeat ours, not carried on
	Banned   atomic.Int64 // messages of who is banned from the link
}

// Side is all mappings, as one more side of the core.
type Side struct {
	Counters Counters

	core bridge.Publisher
	opt  Options

	mu    sync.RWMutex
	links map[string]*runner // by the names of the links
	legs  map[string]*runner // by the ids of their own rooms
	ended bool

	ending sync.WaitGroup // runners of links that are no more; Run waits for them
}

var _ bridge.Batcher = (*Side)(nil)

// New makes a side without links.
func New(core bridge.Publisher, opt Options) *Side {
	return &Side{core: core, opt: opt, links: map[string]*runner{}, legs: map[string]*runner{}}
}

// Run waits for ctx to end. People and keepers are left where they are: their
// networks' sides say that the bridge is going down.
func (s *Side) Run(ctx context.Context) {
	<-ctx.Done()
	s.mu.Lock()
	s.ended = true
	all := s.allLocked()
	s.mu.Unlock()
	for _, r := range all {
		r.close()
	}
	s.ending.Wait()
}

// Set replaces the links; those that are the same go on as they are. The core
// has their Rules already.
func (s *Side) Set(links []Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	for name, r := range s.links {
		if !slices.ContainsFunc(links, func(l Link) bool { return l.Name == name }) {
			delete(s.links, name)
			r.box.Post(input{do: (*state).dissolve})
			s.ending.Go(r.close)
		}
	}
	for _, l := range links {
		r := s.links[l.Name]
		if r == nil {
			r = newRunner(s, l)
			s.links[l.Name] = r
		}
		for _, room := range l.Rooms {
			s.legs[l.id(room).ID] = r
		}
		r.box.Post(input{do: func(st *state) { st.configure(l) }})
	}
	for id, r := range s.legs {
		if s.links[r.name] != r {
			delete(s.legs, id)
		}
	}
}

// Deliver implements bridge.Side.
func (s *Side) Deliver(e bridge.Event) {
	s.mu.RLock()
	r := s.legs[e.Room.ID]
	s.mu.RUnlock()
	if r != nil {
		r.box.Do(input{event: e})
	}
}

// DeliverAll implements bridge.Batcher.
func (s *Side) DeliverAll(batch []bridge.Event) {
	for _, e := range batch {
		s.Deliver(e)
	}
}

// Status is how each link is, by name.
func (s *Side) Status() []LinkStatus {
	var all []LinkStatus
	s.each(func(st *state) { all = append(all, st.status()) })
	return all
}

// Explain is how whoever what names is in mapped rooms, and who is in the room
// that it names: a Room's or Person's String, its ID alone, or a name in a room.
func (s *Side) Explain(what string) []Presence {
	var all []Presence
	s.each(func(st *state) { all = append(all, st.explain(what)...) })
	return all
}

// Unban ends the bans of whoever what names (a Person's String, its ID, or a
// name) from a link, or with "" from all, and tells whose and where those were.
func (s *Side) Unban(what, link string) map[string][]Ban {
	lifted := map[string][]Ban{}
	s.each(func(st *state) {
		if link == "" || link == st.link.Name {
			if bans := st.unban(what); bans != nil {
				lifted[st.link.Name] = bans
			}
		}
	})
	return lifted
}

// each lets f look at the state of every link, in the order of their names.
func (s *Side) each(f func(*state)) {
	s.mu.RLock()
	all := s.allLocked()
	s.mu.RUnlock()
	for _, r := range all {
		done := make(chan struct{})
		if r.box.Post(input{do: func(st *state) { f(st); close(done) }}) {
			<-done
		}
	}
}

func (s *Side) allLocked() []*runner {
	all := make([]*runner, 0, len(s.links))
	for _, r := range s.links {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *runner) int { return cmpNames(a.name, b.name) })
	return all
}

// input is what a link is to do: to take in an event, unless do says what.
type input struct {
	event bridge.Event
	do    func(*state)
}

var inputs actor.Pool[input]

// runner runs one link: its state, one input at a time, and its clock.
type runner struct {
	side  *Side
	name  string
	state *state
	box   *actor.Mailbox[input]

	mu     sync.Mutex
	timer  *time.Timer
	wakeAt time.Time
	closed bool
}

func newRunner(s *Side, l Link) *runner {
	r := &runner{side: s, name: l.Name, state: newState(l.Name)}
	r.state.counters = &s.Counters
	r.box = actor.New(linkBound, &inputs, r.run)
	if s.opt.Bans != nil {
		bans, err := s.opt.Bans.Bans(l.Name)
		if err != nil {
			s.opt.Log.Error("the bans of a link can't be read: nobody is banned", "link", l.Name, "error", err)
		}
		for _, b := range bans {
			r.state.bans[b.Person] = b
		}
	}
	return r
}

func (r *runner) run(batch []input) {
	for i := range batch {
		r.state.now = time.Now()
		if in := &batch[i]; in.do != nil {
			in.do(r.state)
		} else {
			r.state.take(in.event)
		}
		r.act()
	}
}

// act carries out what the state wants done.
func (r *runner) act() {
	st, opt := r.state, r.side.opt
	for _, e := range st.out.ask {
		r.side.core.Publish(e)
	}
	for _, a := range st.out.audit {
		if opt.Audit != nil {
			opt.Audit.Record(a)
		}
	}
	for _, l := range st.out.log {
		opt.Log.Log(context.Background(), l.level, l.text, append([]any{"link", r.name}, l.args...)...)
	}
	for _, b := range st.out.bans {
		r.keepBan(b)
	}
	if st.out.changed && opt.Changed != nil {
		opt.Changed()
	}
	st.out.reset()
	r.sleep(st.wake)
}

func (r *runner) keepBan(b banChange) {
	bans := r.side.opt.Bans
	if bans == nil {
		return
	}
	var err error
	if b.lift {
		err = bans.LiftBan(r.name, b.ban.Person)
	} else {
		err = bans.SetBan(r.name, b.ban)
	}
	if err != nil {
		r.side.opt.Log.Error("a ban would not outlive a restart", "link", r.name, "person", b.ban.Person, "error", err)
	}
}

// sleep sees to it that the state is woken at a time, the zero one for never.
func (r *runner) sleep(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || until.IsZero() || !r.wakeAt.IsZero() && !until.Before(r.wakeAt) {
		return
	}
	r.wakeAt = until
	wait := max(time.Until(until), time.Millisecond)
	if r.timer == nil {
		r.timer = time.AfterFunc(wait, r.woken)
	} else {
		r.timer.Reset(wait)
	}
}

func (r *runner) woken() {
	r.mu.Lock()
	r.wakeAt = time.Time{}
	r.mu.Unlock()
	r.box.Post(input{do: (*state).tick})
}

func (r *runner) close() {
	r.mu.Lock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Unlock()
	r.box.Close()
}
