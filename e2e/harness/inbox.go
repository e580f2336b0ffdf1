package harness

import (
	"slices"
	"sync"
	"time"
)

// inbox holds what a client has received and nobody has asked for yet. What
// is taken goes, the rest stays in order: so a check may wait for things that
// come from different places in whichever order they do.
type inbox[V any] struct {
	mu      sync.Mutex
	items   []V
	history []V // the last ones of all, for the report of a failure
	closed  bool
	changed chan struct{} // closed and replaced at each change
}

const historyLength = 40

func newInbox[V any]() *inbox[V] { return &inbox[V]{changed: make(chan struct{})} }

func (b *inbox[V]) put(v V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, v)
	b.history = append(b.history, v)
	if len(b.history) > historyLength {
		b.history = b.history[1:]
	}
	b.wake()
}

// close tells that nothing more comes.
func (b *inbox[V]) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.wake()
}

func (b *inbox[V]) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// take removes and returns the first item that fits, waiting for it if need be.
func (b *inbox[V]) take(fits func(V) bool, patience time.Duration) (V, bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		b.mu.Lock()
		i := slices.IndexFunc(b.items, fits)
		closed, changed := b.closed, b.changed
		var v V
		if i >= 0 {
			v = b.items[i]
			b.items = slices.Delete(b.items, i, i+1)
		}
		b.mu.Unlock()
		if i >= 0 {
			return v, true
		}
		if closed {
			return v, false
		}
		select {
		case <-changed:
		case <-timer.C:
			return v, false
		}
	}
}

// drain forgets what came so far and returns it.
func (b *inbox[V]) drain() []V {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.items
	b.items = nil
	return all
}

func (b *inbox[V]) recent() []V {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.history)
}
