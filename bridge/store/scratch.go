package store

import (
	"sync"

	"modernc.org/libc"
)

// scratchBytes is of the size class (8 to 16 KiB) that SQLite takes a block of,
// and frees at once, whenever it splits a page of an index.
const scratchBytes = 16 << 10

// keepScratch has SQLite's memory stay mapped. Its allocator unmaps a region
// when the last block of a size is freed, so that each split would map one anew
// and have every processor forget it: up to a quarter of what recording a
// message costs. A block of the same size that is never freed prevents it.
var keepScratch = sync.OnceFunc(func() { libc.Xmalloc(libc.NewTLS(), scratchBytes) })
