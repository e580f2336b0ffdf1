package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The Go runtime keeps what a busy minute took: garbage up to the next
// collection, which may be minutes away once it is quiet, and free pages. A
// gateway is quiet most of the time, so it collects then, when nobody waits.

const (
	// trimInterval is how often it looks.
	trimInterval = time.Second
	// quietBytes is what may be allocated in that time for it to be quiet.
	quietBytes = 256 << 10
	// trimBytes is what must have been allocated for it to be worth while; a
	// large heap costs more to look through, and asks for half its size.
	trimBytes = 1 << 20
	// busyGrowth is how much the heap may grow between two collections while it
	// is busy, in percent of what is in use. Go's own is 100; twice that halves
	// the time spent collecting, and trimming gives the memory back.
	busyGrowth = 200
)

// trimmer decides when to collect.
type trimmer struct{ last, trimmed uint64 } // bytes allocated: a look ago, when it last collected

// due takes the bytes allocated since the start, and those in use.
func (t *trimmer) due(allocated, live uint64) bool {
	quiet := allocated-t.last < quietBytes
	t.last = allocated
	if !quiet || allocated-t.trimmed < max(trimBytes, live/2) {
		return false
	}
	t.trimmed = allocated
	return true
}

// trimMemory gives memory back whenever a busy time is over, until ctx ends.
// While it runs the heap may grow by busyGrowth, unless the environment has
// another wish.
func trimMemory(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(busyGrowth))
	}
	var t trimmer
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(trimInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(sample)
		if t.due(sample[0].Value.Uint64(), sample[1].Value.Uint64()) {
			runtime.GC() // pools let go of what they keep at the second one
			debug.FreeOSMemory()
		}
	}
}
