// Package actor gives mutable state one goroutine at a time without keeping
// one alive: a Mailbox has a goroutine to run its handler in only while there is
// work. Thousands of idle portals and connections so cost no stacks.
//
//	box := actor.New(1024, &events, func(batch []Event) { ... }) // var events actor.Pool[Event]
//	box.Post(e)  // wait for a place
//	box.Offer(e) // or be told that there is none
//	box.Do(e)    // or wait, and lend the handler this goroutine
//	box.Close()  // finish what is queued
package actor

import "sync"

// maxBatch is how many values a handler gets at once, so that places come free
// while a long queue is worked off.
const maxBatch = 256

// Mailbox is a bounded queue with one handler. The handler gets what waits, in
// order, as one batch of at most 256; it must not keep the slice. Handlers of one
// Mailbox never overlap. The zero Mailbox is not usable; see New.
type Mailbox[T any] struct {
	handle func(batch []T)
	bound  int
	pool   *Pool[T]

	mu      sync.Mutex
	changed *sync.Cond // broadcast when a place comes free or the mailbox ends; made by who first waits
	queue   []T        // what the handler has not been given yet
	taken   int        // handed to the handler, not yet finished
	running bool
	closed  bool
}

// New makes a mailbox for at most bound values, the ones being handled included.
// Mailboxes of one kind share a pool.
func New[T any](bound int, pool *Pool[T], handle func(batch []T)) *Mailbox[T] {
	return &Mailbox[T]{handle: handle, bound: bound, pool: pool}
}

// Post queues v and blocks while the mailbox is full. It reports false, with v
// not queued, once the mailbox is closed. The handler itself must not call it.
func (m *Mailbox[T]) Post(v T) bool {
	m.mu.Lock()
	m.waitLocked()
	taken, idle := m.pushLocked(v)
	m.mu.Unlock()
	if idle {
		begin(m)
	}
	return taken
}

// Do is Post for a handler that never waits for anybody: if it is idle, it
// runs on the caller's goroutine, which spares waking another. What comes
// meanwhile is left to a goroutine of its own, so that Do returns soon.
func (m *Mailbox[T]) Do(v T) bool {
	m.mu.Lock()
	m.waitLocked()
	taken, idle := m.pushLocked(v)
	if idle {
		if m.handleLocked(nil); m.running {
			begin(m)
		}
	}
	m.mu.Unlock()
	return taken
}

// Offer queues v if there is a place at once, and reports whether it did.
func (m *Mailbox[T]) Offer(v T) bool {
	m.mu.Lock()
	if len(m.queue)+m.taken >= m.bound {
		m.mu.Unlock()
		return false
	}
	taken, idle := m.pushLocked(v)
	m.mu.Unlock()
	if idle {
		begin(m)
	}
	return taken
}

// waitLocked returns when there is a place or the mailbox is closed.
func (m *Mailbox[T]) waitLocked() {
	for !m.closed && len(m.queue)+m.taken >= m.bound {
		m.awaitLocked()
	}
}

// awaitLocked returns after the next change.
func (m *Mailbox[T]) awaitLocked() {
	if m.changed == nil {
		m.changed = sync.NewCond(&m.mu)
	}
	m.changed.Wait()
}

// changedLocked wakes all who wait.
func (m *Mailbox[T]) changedLocked() {
	if m.changed != nil {
		m.changed.Broadcast()
	}
}

// pushLocked appends v. idle tells the caller that nobody is handling what is
// queued, and that it is now the caller's to see to it that somebody does.
func (m *Mailbox[T]) pushLocked(v T) (taken, idle bool) {
	if m.closed {
		return false, false
	}
	if m.queue == nil {
		m.queue = m.pool.get()
	}
	m.queue = append(m.queue, v)
	idle = !m.running
	m.running = true
	return true, idle
}

// Idle reports whether nothing is queued or being handled.
func (m *Mailbox[T]) Idle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.running
}

// Waiting reports whether more waits behind what is being handled.
func (m *Mailbox[T]) Waiting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue) > 0
}

// CloseIf closes the mailbox if there is no work in it and unneeded says so,
// and reports whether it did. No handler runs while unneeded does, so it may
// read what the handler writes; it must not call the mailbox.
func (m *Mailbox[T]) CloseIf(unneeded func() bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running || !unneeded() {
		return false
	}
	m.closed = true
	m.changedLocked()
	return true
}

// Close takes no more values and returns when those already queued have been
// handled. The handler itself must not call it.
func (m *Mailbox[T]) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.changedLocked()
	for m.running {
		m.awaitLocked()
	}
}

// run hands batch after batch to the handler until nothing waits.
func (m *Mailbox[T]) run() {
	m.mu.Lock()
	for spare := m.handleLocked(nil); m.running; {
		spare = m.handleLocked(spare)
	}
	m.mu.Unlock()
}

// handleLocked hands one batch to the handler, without the lock; m.running
// tells whether more waits. What comes meanwhile is put into spare, and the
// batch's own memory, unless it is a part of the queue's, is the next spare.
// It unlocks by hand: a deferred unlock would hide what a handler panics with.
func (m *Mailbox[T]) handleLocked(spare []T) (next []T) {
	batch := m.queue
	if len(batch) > maxBatch {
		batch, m.queue = batch[:maxBatch:maxBatch], batch[maxBatch:]
	} else {
		m.queue, next = spare[:0], batch
	}
	m.taken = len(batch)
	m.mu.Unlock()
	m.handle(batch)
	clear(batch)
	m.mu.Lock()
	m.taken = 0
	m.changedLocked()
	if len(m.queue) > 0 {
		return next
	}
	m.pool.put(m.queue)
	m.pool.put(next)
	m.running, m.queue = false, nil
	return nil
}
