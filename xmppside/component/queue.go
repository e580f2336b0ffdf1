package component

import "sync"

// queue holds the bytes that wait for the socket, and where in them each Send
// ended. Senders append to one buffer while the writer empties the other.
type queue struct {
	max int

	mu      sync.Mutex
	room    sync.Cond // waited for by senders
	pending batch
	closed  bool
	lossy   bool          // nobody waits for room: what there is none for is lost
	ready   chan struct{} // holds a token while something may be pending
}

// batch is a run of whole Sends.
type batch struct {
	bytes []byte
	ends  []int
}

func newQueue(max int) *queue {
	q := &queue{max: max, ready: make(chan struct{}, 1)}
	q.room.L = &q.mu
	return q
}

// add appends what f appends. It waits while max bytes are pending, unless the
// queue is lossy. It returns false, without calling f, if there is no room
// then, or the queue is closed.
func (q *queue) add(f func([]byte) []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pending.bytes) >= q.max && !q.closed && !q.lossy {
		q.room.Wait()
	}
	if q.closed || len(q.pending.bytes) >= q.max {
		return false
	}
	before := len(q.pending.bytes)
	q.pending.bytes = f(q.pending.bytes)
	if len(q.pending.bytes) == before {
		return true
	}
	q.pending.ends = append(q.pending.ends, len(q.pending.bytes))
	if before == 0 {
		q.wake()
	}
	return true
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// keepCapacity is the size up to which empty buffers are kept for reuse.
const keepCapacity = 256 << 10

// take returns all that is pending and puts spare in its place.
func (q *queue) take(spare batch) batch {
	if cap(spare.bytes) > keepCapacity {
		spare = batch{}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.pending
	q.pending = batch{spare.bytes[:0], spare.ends[:0]}
	q.room.Broadcast()
	return b
}

// giveBack puts what is left of a taken batch, of which sent bytes are gone,
// before what is pending. It returns how many bytes are lost with the Send
// that was broken in two.
func (q *queue) giveBack(b batch, sent int) (lost int) {
	from := 0
	for _, end := range b.ends {
		if sent > from {
			from = end
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var left batch
	left.bytes = append(b.bytes[from:len(b.bytes):len(b.bytes)], q.pending.bytes...)
	for _, end := range b.ends {
		if end > from {
			left.ends = append(left.ends, end-from)
		}
	}
	for _, end := range q.pending.ends {
		left.ends = append(left.ends, end+len(b.bytes)-from)
	}
	q.pending = left
	if len(left.bytes) > 0 {
		q.wake()
	}
	return from - sent
}

// giveUp empties the queue and makes it lossy. It returns how many bytes are lost.
func (q *queue) giveUp() (lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lossy = true
	return q.drop()
}

// recover ends being lossy.
func (q *queue) recover() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lossy = false
}

// close lets all senders go, and returns how many bytes nobody took.
func (q *queue) close() (lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	return q.drop()
}

// drop empties the queue. The caller holds the lock.
func (q *queue) drop() (lost int) {
	lost = len(q.pending.bytes)
	q.pending = batch{}
	q.room.Broadcast()
	return lost
}
