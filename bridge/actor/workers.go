package actor

import "sync/atomic"

// spareWorkers is how many goroutines wait for work when there is none.
const spareWorkers = 4

// Workers are the goroutines that mailboxes run on. What a handler leads to
// goes deep, and a new goroutine's stack would be copied several times on the
// way down: so a few that have nothing left to do wait for whatever mailbox is
// next.
var (
	work  = make(chan runner)
	spare atomic.Int32
)

type runner interface{ run() }

// begin has r run, on a goroutine that waits or on a new one.
func begin(r runner) {
	select {
	case work <- r:
	default:
		go worker(r)
	}
}

func worker(r runner) {
	for {
		r.run()
		if spare.Add(1) > spareWorkers {
			spare.Add(-1)
			return
		}
		r = <-work
		spare.Add(-1)
	}
}
