package session

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"isthmus/ircside/line"
)

const (
	// maxPending is how many requests may be on the wire; others wait.
	maxPending = 128
	// maxReplies is how many reply lines a Result holds.
	maxReplies = 2000
)

// Line is one line to be sent.
type Line struct {
	Command string
	Params  []string
}

// Request is one or several lines whose fate somebody wants to know.
//
// Where the server has labeled-response, each line gets a label and the answer
// names it. Elsewhere a PING follows the lines (a barrier): since a server
// answers in order, what it has not refused when the PONG comes, it took. An
// error before the PONG is this request's if it names its command or one of
// its parameters, or names nothing at all.
type Request struct {
	// Lines are sent in order and without others in between. They must not be
	// changed until the request is done.
	Lines []Line
	// Collect are the commands or numerics ("322") of replies to be handed
	// over in Result.Lines; they don't reach Handler.Line then.
	Collect []string
	// End are the replies of which one ends the answer. Some servers are not
	// done with a LIST, or have not heard from another server, when they
	// answer a barrier: the request goes on until then, or an error.
	End []string
	// Spare lets it take more places than Config.QueueLines, as Send does.
	Spare bool
	// Flow names to whom it goes, where one session speaks to many: of what
	// waits, flows take turns, and what has none goes first.
	Flow string
	// Timeout is how long the answer may take once the last line is out; 0
	// means Config.RequestTimeout. Time in the queue does not count.
	Timeout time.Duration
}

// Result is how a request went.
type Result struct {
	// Err is nil when the server took all lines; a *ReplyError, the first one,
	// when it refused; ErrTimeout or ErrClosed when nobody knows.
	Err error
	// Native is the msgid of the last line that was echoed (echo-message).
	Native string
	// Lines are the replies that were asked for, copied.
	Lines []*line.Message
	// Cut tells that there were more of them than are kept.
	Cut bool
}

// pending is a request that was accepted.
type pending struct {
	Request
	done    func(Result)
	first   uint64    // the label of its first line; a barrier has the one after the last
	labels  bool      // labels, not a barrier
	answers int       // labels not yet answered
	passed  bool      // the barrier was answered, but End is still to come
	ended   bool      // by one of End
	due     time.Time // when it has taken too long; zero until the last line is out
	result  Result
}

// end is the last id it uses.
func (p *pending) end() uint64 { return p.first + uint64(len(p.Lines)) }

func (p *pending) finish(err error) {
	if p.result.Err == nil {
		p.result.Err = err
	}
	p.done(p.result)
}

// Request sends lines and tells done how it went: exactly once, on the reader
// goroutine, at the latest right before Handler.Closed. Nothing is sent and
// done is not called when it gives an error; those are Send's.
//
// The lines go out together as far as flood control lets them, or not at all.
func (s *Session) Request(r Request, done func(Result)) error {
	if len(r.Lines) == 0 {
		return line.ErrEmpty
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	spare := 0
	if r.Spare {
		spare = spareLines
	}
	if err := s.openLocked(len(r.Lines), spare); err != nil {
		return err
	}
	p := &pending{Request: r, done: done, first: s.lastID + 1, answers: len(r.Lines)}
	p.labels = s.has(capLabeledResponse) && s.has(capBatch)
	now := time.Now()
	direct := len(s.queue) == 0 && (r.Spare || len(s.pending) < maxPending) && s.bucket.room(now, len(r.Lines))
	if direct {
		out, err := s.appendRequest(s.outLocked(), p)
		s.out = out
		if err != nil {
			return err
		}
		for range r.Lines {
			s.bucket.take(now)
		}
		s.sentLocked(queued{req: p, first: true, last: true}, now)
	} else if err := s.queueRequestLocked(p); err != nil {
		return err
	}
	s.lastID = p.end()
	s.flushLocked()
	return nil
}

// appendRequest appends all lines of p, and its barrier. On an error b comes
// back as it was.
func (s *Session) appendRequest(b []byte, p *pending) (_ []byte, err error) {
	start := len(b)
	for i := range p.Lines {
		if b, err = p.appendLine(b, i); err != nil {
			return b[:start], err
		}
	}
	return b, nil
}

// appendLine appends line i of the request, behind the last one the barrier.
func (p *pending) appendLine(b []byte, i int) ([]byte, error) {
	l := &p.Lines[i]
	var tags []line.Tag
	if p.labels {
		tags = []line.Tag{{Name: "label", Value: token(p.first + uint64(i))}}
	}
	b, err := line.Append(b, tags, l.Command, l.Params...)
	if err == nil && !p.labels && i == len(p.Lines)-1 {
		b = append(b, "PING :"...)
		b = append(b, barrierPrefix...)
		b = strconv.AppendUint(b, p.end(), 36)
		b = append(b, '\r', '\n')
	}
	return b, err
}

func (s *Session) queueRequestLocked(p *pending) error {
	lines := make([]queued, len(p.Lines))
	for i := range p.Lines {
		data, err := p.appendLine(nil, i)
		if err != nil {
			return err
		}
		lines[i] = queued{data: data, req: p, first: i == 0, last: i == len(p.Lines)-1}
	}
	turn := s.turns.of(p.Flow, len(lines))
	for _, q := range lines {
		q.turn = turn
		s.queueLocked(q)
	}
	return nil
}

// sentLocked notes that a line of a request is on its way.
func (s *Session) sentLocked(q queued, now time.Time) {
	if q.req == nil {
		return
	}
	if q.first {
		s.pending = append(s.pending, q.req)
		s.waiting.Add(1)
	}
	if q.last {
		timeout := q.req.Timeout
		orDefault(&timeout, s.cfg.RequestTimeout)
		q.req.due = now.Add(timeout)
		s.armLocked(q.req.due)
	}
}

const (
	barrierPrefix  = "b"
	keepAliveToken = "alive"
)

func token(id uint64) string { return strconv.FormatUint(id, 36) }

func parseToken(t string) (uint64, bool) {
	id, err := strconv.ParseUint(t, 36, 64)
	return id, err == nil
}

// pong is the answer to one of our PINGs. The text that we sent is the last
// parameter, whatever the server puts before it.
func (s *Session) pong(m *line.Message) {
	text, ok := strings.CutPrefix(m.Last(), barrierPrefix)
	if !ok {
		return
	}
	id, ok := parseToken(text)
	if !ok {
		return
	}
	// A server answers in order: with this barrier all before it are passed.
	for p := s.takeHead(id); p != nil; p = s.takeHead(id) {
		p.finish(nil)
	}
}

// takeHead takes out the oldest request that the barrier id stands behind on the wire.
func (s *Session) takeHead(id uint64) *pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.pending, func(p *pending) bool { return !p.labels && p.end() == id && !p.due.IsZero() })
	for i := range at + 1 {
		p := s.pending[i]
		if p.labels || p.passed {
			continue
		}
		if len(p.End) > 0 && !p.ended && p.result.Err == nil {
			p.passed = true
			continue
		}
		s.removeLocked(i)
		return p
	}
	return nil
}

func (s *Session) removeLocked(i int) {
	s.pending = slices.Delete(s.pending, i, i+1)
	if len(s.pending) == 0 {
		s.pending = nil
	}
	s.waiting.Add(-1)
}

// firstDueLocked is the request whose time is up next, -1 for none.
func (s *Session) firstDueLocked() int {
	first := -1
	for i, p := range s.pending {
		if !p.due.IsZero() && (first < 0 || p.due.Before(s.pending[first].due)) {
			first = i
		}
	}
	return first
}

// expireLocked takes out the requests whose time is up.
func (s *Session) expireLocked(now time.Time) (expired []*pending) {
	for i := s.firstDueLocked(); i >= 0 && !now.Before(s.pending[i].due); i = s.firstDueLocked() {
		expired = append(expired, s.pending[i])
		s.removeLocked(i)
	}
	return expired
}

// claim gives a line to the request that it answers. It reports whether the
// line is used up: an error, an echo or a reply that was asked for; and the
// request, if that is complete with it.
func (s *Session) claim(m *line.Message, b *Batch) (used bool, done *pending) {
	if s.waiting.Load() == 0 {
		return false, nil
	}
	s.mu.Lock()
	p, answered, labelled := s.requestOf(m, b)
	s.mu.Unlock()
	if p == nil {
		return false, nil
	}
	used = p.take(m, s, labelled)
	p.ended = p.ended || slices.Contains(p.End, m.Command)
	if answered && p.answered() || p.passed && p.ended {
		done = p
	}
	return used, done
}

// requestOf finds the request that m may answer. answered says that no more
// comes for that line of the request; labelled, that the server says so itself.
func (s *Session) requestOf(m *line.Message, b *Batch) (p *pending, answered, labelled bool) {
	if label, ok := m.Tag("label"); ok && s.has(capLabeledResponse) {
		return s.byLabel(label), true, true
	}
	if label := b.label(); label != "" {
		return s.byLabel(label), false, true
	}
	for _, p := range s.pending {
		if !p.labels && (!p.passed || slices.Contains(p.Collect, m.Command) || slices.Contains(p.End, m.Command)) {
			return p, false, false
		}
	}
	return nil, false, false
}

func (s *Session) byLabel(label string) *pending {
	id, ok := parseToken(label)
	if !ok {
		return nil
	}
	for _, p := range s.pending {
		if p.labels && p.first <= id && id < p.end() {
			return p
		}
	}
	return nil
}

// answered counts one labelled answer, and reports whether it was the last.
func (p *pending) answered() bool {
	p.answers--
	return p.answers <= 0
}

// complete ends a request that the server has answered.
func (s *Session) complete(p *pending) {
	s.mu.Lock()
	if i := slices.Index(s.pending, p); i >= 0 {
		s.removeLocked(i)
	}
	s.mu.Unlock()
	p.finish(nil)
}

// take lets p have its part of m, and reports whether m is used up with it.
func (p *pending) take(m *line.Message, s *Session, labelled bool) bool {
	switch {
	case m.Command == "ACK" && labelled: // labeled-response: taken, and nothing to say
		return true
	case slices.Contains(p.Collect, m.Command):
		p.collect(m, s.cfg.Stats)
		return true
	case isError(m) && (labelled || p.refusedBy(m, s.sup)):
		if p.result.Err == nil {
			p.result.Err = replyError(m)
		}
		return true
	case p.echoed(m, s):
		p.result.Native, _ = m.Tag("msgid")
		return true
	}
	return false
}

// collect keeps a copy of a reply, as long as there is place.
func (p *pending) collect(m *line.Message, stats *Stats) {
	if len(p.result.Lines) >= maxReplies {
		p.result.Cut = true
		stats.Replies.Add(1)
		return
	}
	p.result.Lines = append(p.result.Lines, clone(m))
}

// clone copies what m points to.
func clone(m *line.Message) *line.Message {
	c := &line.Message{Tags: slices.Clone(m.Tags), Source: slices.Clone(m.Source), Command: m.Command}
	c.Params = make([][]byte, len(m.Params))
	for i, p := range m.Params {
		c.Params[i] = slices.Clone(p)
	}
	return c
}

// echoed reports whether m is the echo of one of the request's messages. That
// of a RELAYMSG comes unasked, from the nick that was made up.
func (p *pending) echoed(m *line.Message, s *Session) bool {
	if m.Command != "PRIVMSG" && m.Command != "NOTICE" && m.Command != "TAGMSG" || len(m.Params) == 0 {
		return false
	}
	own := s.has(capEchoMessage) && string(m.Nick()) == s.who.nick
	for i := range p.Lines {
		l := &p.Lines[i]
		if len(l.Params) == 0 || !s.sup.CaseMapping.Equal(m.Params[0], l.Params[0]) {
			continue
		}
		if own && l.Command == m.Command || l.Command == "RELAYMSG" && len(l.Params) > 1 && s.sup.CaseMapping.Equal(m.Nick(), l.Params[1]) {
			return true
		}
	}
	return false
}
