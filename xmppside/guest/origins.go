package guest

import (
	"hash/maphash"
	"strings"
	"sync"
)

// maxOrigins is how many of the last messages are known as our own.
const maxOrigins = 4096

// Origins are the ids of what we have said of late, in all rooms: what comes
// from somebody else under one of them (XEP-0359) was repeated by another
// bridge, or is the same room by another way. Its methods may be called by any
// goroutine.
type Origins struct {
	mu   sync.Mutex
	ring [maxOrigins]uint64
	next int
	set  map[uint64]struct{}
}

// NewOrigins makes one that knows nothing.
func NewOrigins() *Origins { return &Origins{set: map[uint64]struct{}{}} }

// said notes an event's id.
func (o *Origins) said(id string) {
	h := maphash.String(seed, id)
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.set[h]; known {
		return
	}
	delete(o.set, o.ring[o.next])
	o.ring[o.next] = h
	o.set[h] = struct{}{}
	o.next = (o.next + 1) % maxOrigins
}

// has reports whether a stanza's id is that of something said by us, or of a
// part of that.
func (o *Origins) has(id string) bool {
	if id == "" {
		return false
	}
	whole, _, _ := strings.Cut(id, ".")
	h := maphash.String(seed, whole)
	o.mu.Lock()
	defer o.mu.Unlock()
	_, known := o.set[h]
	return known
}
