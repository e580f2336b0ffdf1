package bridge

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Step is one crossing of the border between the core and a side.
type Step struct {
	At time.Time `json:"at"`
	// Delivered tells that the core gave the event to the side of Event.Room;
	// else that side published it.
	Delivered bool  `json:"delivered"`
	Event     Event `json:"event"`
}

// tracers are those who watch what crosses the border. While there are none,
// they cost one load.
type tracers struct {
	mu  sync.Mutex
	all atomic.Pointer[[]*func(Step)]
}

// Trace calls f for everything that crosses the border, until stop is called.
// A message keeps its ID through all rooms of a mapping, and is the Ref of
// what is answered to it. f is called from many goroutines and must not block.
func (h *Hub) Trace(f func(Step)) (stop func()) {
	t := &h.tracers
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(append(t.list(), &f))
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.set(slices.DeleteFunc(t.list(), func(g *func(Step)) bool { return g == &f }))
	}
}

func (t *tracers) list() []*func(Step) {
	if all := t.all.Load(); all != nil {
		return slices.Clone(*all)
	}
	return nil
}

func (t *tracers) set(all []*func(Step)) {
	if len(all) == 0 {
		t.all.Store(nil)
		return
	}
	t.all.Store(&all)
}

func (t *tracers) tell(delivered bool, e Event) {
	all := t.all.Load()
	if all == nil {
		return
	}
	step := Step{time.Now(), delivered, e}
	for _, f := range *all {
		(*f)(step)
	}
}
