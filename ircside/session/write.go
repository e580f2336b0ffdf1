package session

import (
	"math"
	"slices"
	"sync"
	"time"

	"isthmus/ircside/line"
)

// maxUnwritten is how many bytes may wait while somebody else is writing. More
// piles up only when the server reads nothing.
const maxUnwritten = 64 << 10

// stuckWait is until the queue is looked at again when that is so.
const stuckWait = 100 * time.Millisecond

// outBuffer is how large a write buffer is made. One that had to grow is not
// kept.
const outBuffer = 1 << 10

// spareLines are places behind Config.QueueLines for lines that are not what
// somebody says, so that saying too much costs nobody their rooms.
const spareLines = 1000

// queued is one line that waits to go out.
type queued struct {
	data []byte
	req  *pending // whose it is; nil for Send's
	// first and last line of the request
	first, last bool
	turn        uint64 // see turns
}

// turns puts the lines that wait in order: those of a lower turn go first. Each
// flow (Request.Flow) has a turn later for every line that it has waiting, so
// that flows take turns by line, whatever one of them has to say. What is of
// no flow goes before all of them, and SendLater's last of all.
type turns struct {
	now  uint64            // the turn of the line that went out last
	next map[string]uint64 // of the flows that have lines waiting
}

// lastTurn is that of what can wait until nobody has anything else to say.
const lastTurn = math.MaxUint64

// of is the turn of so many lines of a flow.
func (t *turns) of(flow string, lines int) uint64 {
	if flow == "" {
		return t.now
	}
	turn := max(t.now+1, t.next[flow])
	if t.next == nil {
		t.next = map[string]uint64{}
	}
	t.next[flow] = turn + uint64(lines)
	return turn
}

// gone notes that a line went out.
func (t *turns) gone(q queued, left int) {
	if left == 0 {
		*t = turns{}
	} else if q.turn != lastTurn {
		t.now = max(t.now, q.turn)
	}
}

// Send gives a line to the server. It is written at once when flood control
// lets it, else in its turn. The error is one of package line for what is no
// line, ErrNotReady, ErrClosed, or ErrQueueFull.
//
// It may block for Config.WriteTimeout when the server does not read; after
// that the session is over.
func (s *Session) Send(command string, params ...string) error {
	return s.send(false, command, params)
}

// SendLater is Send for what can wait until nobody has anything else to say:
// where flood control holds it back, other lines overtake it.
func (s *Session) SendLater(command string, params ...string) error {
	return s.send(true, command, params)
}

// Signal sends a line with tags that only clients know (IRCv3 message-tags),
// which is of use now or not at all: it reports false, and sends nothing, where
// the server passes on no such tags, or where flood control would hold it back
// or, because of it, whatever comes next. It may block as Send does.
func (s *Session) Signal(tags []line.Tag, command string, params ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.has(capMessageTags) || s.openLocked(1, 0) != nil || len(s.queue) > 0 || !s.bucket.room(time.Now(), signalRoom) {
		return false
	}
	out, err := line.Append(s.outLocked(), tags, command, params...)
	s.out = out
	if err != nil {
		return false
	}
	s.bucket.take(time.Now())
	s.flushLocked()
	return true
}

// signalRoom is how many lines must be free to go for a Signal to go.
const signalRoom = 3

func (s *Session) send(later bool, command string, params []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.openLocked(1, spareLines); err != nil {
		return err
	}
	if len(s.queue) == 0 && s.bucket.room(time.Now(), 1) {
		out, err := line.Append(s.outLocked(), nil, command, params...)
		s.out = out
		if err != nil {
			return err
		}
		s.bucket.take(time.Now())
		s.flushLocked()
		return nil
	}
	data, err := line.Append(nil, nil, command, params...)
	if err != nil {
		return err
	}
	turn := s.turns.of("", 1)
	if later {
		turn = lastTurn
	}
	s.queueLocked(queued{data: data, turn: turn})
	return nil
}

// openLocked reports whether n lines can be taken now, which may use so many
// spare places.
func (s *Session) openLocked(n, spare int) error {
	switch {
	case s.overLocked():
		return ErrClosed
	case s.phase != ready:
		return ErrNotReady
	case len(s.queue)+n > s.cfg.QueueLines+spare || len(s.out) > maxUnwritten:
		return ErrQueueFull
	}
	return nil
}

// overLocked reports whether nothing will be sent any more.
func (s *Session) overLocked() bool { return s.phase >= quitting || s.failure != nil }

// queueLocked puts a line behind those that wait and are not of a later turn,
// and sees to it that somebody comes for them.
func (s *Session) queueLocked(q queued) {
	i := len(s.queue)
	for i > 0 && s.queue[i-1].turn > q.turn {
		i--
	}
	s.queue = slices.Insert(s.queue, i, q)
	if !s.draining {
		s.draining = true
		if s.stop == nil {
			s.stop = make(chan struct{})
		}
		s.drainer.Go(s.drain)
	}
}

// pumpLocked moves lines that wait to what goes out next, as many as may.
func (s *Session) pumpLocked(now time.Time) {
	for !s.overLocked() && len(s.out) <= maxUnwritten && len(s.queue) > 0 && !s.crowdedLocked() && s.bucket.room(now, 1) {
		q := s.queue[0]
		s.bucket.take(now)
		s.out = append(s.outLocked(), q.data...)
		s.sentLocked(q, now)
		s.queue[0] = queued{}
		s.queue = s.queue[1:]
		s.turns.gone(q, len(s.queue))
	}
	if len(s.queue) == 0 {
		s.queue = nil
	}
}

// crowdedLocked reports whether the first line that waits begins a request, and
// as many as may be are on the wire.
func (s *Session) crowdedLocked() bool {
	q := &s.queue[0]
	return q.first && !q.req.Spare && len(s.pending) >= maxPending
}

// drain writes the queue at the pace of the bucket and ends with it.
func (s *Session) drain() {
	for {
		s.mu.Lock()
		now := time.Now()
		s.pumpLocked(now)
		s.flushLocked()
		if len(s.queue) == 0 || s.overLocked() { // finish sees to what is left
			s.draining = false
			s.mu.Unlock()
			return
		}
		wait := max(s.bucket.wait(now, 1), 0)
		if len(s.out) > maxUnwritten || s.crowdedLocked() { // the server takes, or answers, nothing; flush sees when it does
			wait = max(wait, stuckWait)
		}
		s.mu.Unlock()

		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.stop:
			timer.Stop()
		}
	}
}

// buffers lends write buffers, so that an idle session has none.
var buffers = sync.Pool{New: func() any { return new([outBuffer]byte) }}

// outLocked is the buffer that goes out next, to be appended to.
func (s *Session) outLocked() []byte {
	if s.out == nil {
		return buffers.Get().(*[outBuffer]byte)[:0]
	}
	return s.out
}

// reply writes a line past flood control: registration and PONG. It goes
// out with the next flush, before the reader sleeps.
// What is no line is not sent, and logged.
func (s *Session) reply(command string, params ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == closed || s.failure != nil {
		return ErrClosed
	}
	if len(s.out) > maxUnwritten {
		s.failLocked(&Error{Kind: Hostile, Text: "the server sends but does not read"})
		return ErrClosed
	}
	out, err := line.Append(s.outLocked(), nil, command, params...)
	s.out = out
	if err != nil {
		s.cfg.Logger.Warn("line not sent", "command", command, "error", err)
	}
	return err
}

// flush writes what is waiting to be written, and may be.
func (s *Session) flush() {
	s.mu.Lock()
	if len(s.queue) > 0 {
		s.pumpLocked(time.Now())
	}
	s.flushLocked()
	s.mu.Unlock()
}

// Hold keeps lines back until Release, as long as they fill no more than half
// a write buffer: for who has several to send at once. The two go in pairs,
// and several may hold at a time.
func (s *Session) Hold() {
	s.mu.Lock()
	s.holds++
	s.mu.Unlock()
}

// Release ends a Hold and writes what it kept back. It may block as Send does.
func (s *Session) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds--; s.holds == 0 {
		s.flushLocked()
	}
}

// flushLocked writes s.out, and what others add to it meanwhile. It lets go
// of the lock during the write. When somebody is writing already, it is theirs.
func (s *Session) flushLocked() {
	if s.writing || s.conn == nil || s.holds > 0 && len(s.out) < outBuffer/2 {
		return
	}
	s.writing = true
	for len(s.out) > 0 && s.failure == nil {
		out, conn := s.out, s.conn
		s.out = nil
		s.mu.Unlock()
		_ = conn.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout)) // a dead connection tells the Write
		_, err := conn.Write(out)
		if cap(out) == outBuffer {
			buffers.Put((*[outBuffer]byte)(out[:outBuffer]))
		}
		s.mu.Lock()
		if err != nil {
			s.failLocked(&Error{Kind: Lost, Text: "connection lost", Err: err})
		}
	}
	s.writing = false
}

// failGrace is how long the reader goes on after a failed write: a server that
// hangs up says why first.
const failGrace = time.Second

// failLocked ends the session from outside the reader.
func (s *Session) failLocked(err error) {
	if s.failure == nil {
		s.failure = err
	}
	s.out = nil
	s.phaseBy = time.Now()
	if s.conn != nil {
		s.armLocked(time.Now().Add(failGrace))
	}
}

// bucket is a token bucket that holds one time instead of a count (GCRA): the
// moment at which it would be full again.
type bucket struct {
	burst    int
	interval time.Duration // negative: no limit
	full     time.Time
}

// wait is how long until n tokens are there.
func (b *bucket) wait(now time.Time, n int) time.Duration {
	if b.interval < 0 {
		return 0
	}
	if n > b.burst {
		return math.MaxInt64
	}
	return b.full.Add(-time.Duration(b.burst-n) * b.interval).Sub(now)
}

// room reports whether n tokens are there.
func (b *bucket) room(now time.Time, n int) bool { return b.wait(now, n) <= 0 }

// take takes a token. It is for the caller to see that one is there.
func (b *bucket) take(now time.Time) {
	if b.interval < 0 {
		return
	}
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(b.interval)
}
