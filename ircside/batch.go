package ircside

import "isthmus/bridge"

var _ bridge.Batcher = (*Side)(nil)

// DeliverAll implements bridge.Batcher: what one person says in a row goes out
// in as few writes as it fits.
func (s *Side) DeliverAll(batch []bridge.Event) {
	for len(batch) > 0 {
		row := inARow(batch)
		release := func() {}
		if len(row) > 1 {
			release = s.hold(row[0])
		}
		for _, e := range row {
			s.Deliver(e)
		}
		release()
		batch = batch[len(row):]
	}
}

// inARow is the beginning of batch that one person is behind.
func inARow(batch []bridge.Event) []bridge.Event {
	n := 1
	for n < len(batch) && behind(batch[n]) == behind(batch[0]) {
		n++
	}
	return batch[:n]
}

// hold has the session that e goes to wait with its writes until release.
func (s *Side) hold(e bridge.Event) (release func()) {
	n, _ := s.network(e.Room.Network, false)
	if n == nil {
		return func() {}
	}
	c := n.lockClient(behind(e), false)
	if c == nil {
		return func() {}
	}
	defer c.unlock()
	if c.sess == nil {
		return func() {}
	}
	c.sess.Hold()
	return c.sess.Release
}
