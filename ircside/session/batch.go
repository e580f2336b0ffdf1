package session

import "isthmus/ircside/line"

const (
	maxBatches    = 32 // open at once
	maxBatchDepth = 4
	maxBatchName  = 128 // bytes of a reference
)

// Batch is a group of lines that belong together (IRCv3 batch), such as a
// netsplit. It stays the same value until its end has passed Handler.Line.
type Batch struct {
	Type   string
	Params []string
	Parent *Batch // the batch it is part of, nil for none
	Open   bool   // false while its end is handled

	ref    string
	outer  *Batch // Parent, or a batch of labeled-response, which nobody else sees
	labels string // of labeled-response: the label it answers
}

// label is the label of the request that the lines of b answer, "" for none.
func (b *Batch) label() string {
	for ; b != nil; b = b.outer {
		if b.labels != "" {
			return b.labels
		}
	}
	return ""
}

// visible is b as the handler should see it: without the batches that only
// tie answers to a label.
func (b *Batch) visible() *Batch {
	for b != nil && b.Type == labeledBatch {
		b = b.outer
	}
	return b
}

func (b *Batch) depth() (n int) {
	for ; b != nil; b = b.outer {
		n++
	}
	return n
}

const labeledBatch = "labeled-response"

// batches are the open ones, in the order they began.
type batches struct {
	open      []*Batch
	forgotten uint64 // since the session began
}

// of is the batch that m says it is part of, nil for none or one that isn't
// tracked.
func (bs *batches) of(m *line.Message) *Batch {
	if len(bs.open) == 0 {
		return nil
	}
	ref, ok := m.Tag("batch")
	if !ok {
		return nil
	}
	return bs.find(ref)
}

func (bs *batches) find(ref string) *Batch {
	for _, b := range bs.open {
		if b.ref == ref {
			return b
		}
	}
	return nil
}

// begin opens a batch. Its parent is looked up before it is known itself, so
// no batch is part of itself. nil means that it is none, or too deep. Where
// there are too many the oldest is forgotten, whose end never came.
func (bs *batches) begin(m *line.Message, ref string) *Batch {
	outer := bs.of(m)
	if len(ref) > maxBatchName || bs.find(ref) != nil || outer.depth() >= maxBatchDepth {
		return nil
	}
	if len(bs.open) >= maxBatches {
		bs.end(bs.open[0].ref)
		bs.forgotten++
	}
	b := &Batch{Type: m.Param(1), Parent: outer.visible(), Open: true, ref: ref, outer: outer}
	for i := 2; i < len(m.Params); i++ {
		b.Params = append(b.Params, m.Param(i))
	}
	if b.Type == labeledBatch {
		b.labels, _ = m.Tag("label")
	}
	bs.open = append(bs.open, b)
	return b
}

// end closes a batch, and with it those inside that were left open.
func (bs *batches) end(ref string) *Batch {
	b := bs.find(ref)
	if b == nil {
		return nil
	}
	kept := bs.open[:0]
	for _, o := range bs.open {
		if o.within(b) {
			o.Open = false
		} else {
			kept = append(kept, o)
		}
	}
	clear(bs.open[len(kept):])
	if bs.open = kept; len(kept) == 0 {
		bs.open = nil
	}
	return b
}

// within reports whether b is outer or part of it.
func (b *Batch) within(outer *Batch) bool {
	for ; b != nil; b = b.outer {
		if b == outer {
			return true
		}
	}
	return false
}

// batch handles a BATCH command: "+ref type params..." or "-ref".
func (s *Session) batch(m *line.Message) {
	name := m.Param(0)
	if len(name) < 2 {
		return
	}
	if name[0] == '+' {
		b := s.bat.begin(m, name[1:])
		if b == nil {
			s.cfg.Stats.Batches.Add(1)
			s.cfg.Logger.Warn("batch not tracked", "type", m.Param(1))
		} else if b.Type != labeledBatch {
			s.h.Line(m, b)
		}
		return
	}
	b := s.bat.end(name[1:])
	switch {
	case b == nil: // one that was not tracked
	case b.Type != labeledBatch:
		s.h.Line(m, b)
	case b.labels != "":
		s.mu.Lock()
		p := s.byLabel(b.labels)
		s.mu.Unlock()
		if p != nil && p.answered() {
			s.complete(p)
		}
	}
}
