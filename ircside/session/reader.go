package session

import (
	"bytes"
	"io"
	"sync"

	"isthmus/ircside/line"
)

// smallBuffer is what an idle connection holds: enough for most lines. A read
// that fills it is followed by one into a large buffer, which goes back to the
// pool as soon as it is empty and the rush is over.
const smallBuffer = 256

// largeBuffer holds any line that may come.
const largeBuffer = 16 << 10

// A large buffer must hold the longest line with its CR LF.
var _ [largeBuffer - line.MaxLine - 2]struct{}

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// reader cuts a stream into lines. A line that does not fit the large buffer
// is skipped to its end and counted.
type reader struct {
	small    *[smallBuffer]byte // made at the first fill
	large    *[largeBuffer]byte // nil while the small one does
	r, w     int                // what is read and not yet handed out
	scanned  int                // no LF is before this
	rush     bool               // the last read filled the buffer: more is waiting
	skipping bool               // inside an over-long line
	skipped  int32
}

func (b *reader) buf() []byte {
	if b.large != nil {
		return b.large[:]
	}
	return b.small[:]
}

// fill reads once. Slices that line gave out are invalid after it.
func (b *reader) fill(conn io.Reader) (int, error) {
	b.makeRoom()
	buf := b.buf()
	n, err := conn.Read(buf[b.w:])
	b.w += n
	b.rush = b.w == len(buf)
	return n, err
}

// makeRoom picks the buffer for the next read and moves the beginning of a
// line that is not complete to its front.
func (b *reader) makeRoom() {
	if b.small == nil {
		b.small = new([smallBuffer]byte)
	}
	rest := b.buf()[b.r:b.w]
	switch {
	case b.large == nil && (b.rush || len(rest) == smallBuffer):
		b.large = largeBuffers.Get().(*[largeBuffer]byte)
		copy(b.large[:], rest)
	case b.large != nil && !b.rush && len(rest) < smallBuffer:
		copy(b.small[:], rest)
		b.release()
	case len(rest) == largeBuffer:
		b.skipping, rest = true, nil
	case b.r > 0:
		copy(b.buf(), rest)
	}
	b.scanned -= b.r
	b.r, b.w = 0, len(rest)
	if b.w == 0 {
		b.scanned = 0
	}
}

// line gives the next complete line with its end, valid until the next fill.
func (b *reader) line() ([]byte, bool) {
	for {
		buf := b.buf()
		i := bytes.IndexByte(buf[b.scanned:b.w], '\n')
		if i < 0 {
			b.scanned = b.w
			return nil, false
		}
		end := b.scanned + i + 1
		l := buf[b.r:end]
		b.r, b.scanned = end, end
		if !b.skipping {
			return l, true
		}
		b.skipping = false
		b.skipped++
	}
}

// takeSkipped tells how many lines were skipped since it was last asked.
func (b *reader) takeSkipped() int {
	n := b.skipped
	b.skipped = 0
	return int(n)
}

// release gives the large buffer back.
func (b *reader) release() {
	if b.large != nil {
		largeBuffers.Put(b.large)
		b.large = nil
	}
}
