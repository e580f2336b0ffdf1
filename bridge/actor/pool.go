package actor

import "sync"

// lent is for how many values a queue has a place before it must grow: more than
// come at once in a busy room.
const lent = 32

// Pool lends mailboxes of one kind the memory for what waits in them, so that
// passing something on costs none. The zero Pool is ready.
type Pool[T any] struct{ arrays sync.Pool }

func (p *Pool[T]) get() []T {
	if array, ok := p.arrays.Get().(*[lent]T); ok {
		return array[:0]
	}
	return new([lent]T)[:0]
}

// put takes back a queue that nothing is left in. One that had to grow is not kept.
func (p *Pool[T]) put(queue []T) {
	if cap(queue) == lent {
		p.arrays.Put((*[lent]T)(queue[:lent]))
	}
}
