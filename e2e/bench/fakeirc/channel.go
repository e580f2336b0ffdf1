package fakeirc

import "slices"

// member is somebody in a channel. Natives have no client.
type member struct {
	nick, mask string
	op         bool
	client     *client
}

// prefixed is how NAMES and WHO show the member's status.
func (m *member) prefix() string {
	if m.op {
		return "@"
	}
	return ""
}

type channel struct {
	name    string
	topic   string
	members map[string]*member // by folded nick
	order   []*member          // as they came
}

// channel finds or makes a channel. The caller holds s.mu.
func (s *Server) channel(name string) *channel {
	ch := s.channels[fold(name)]
	if ch == nil {
		ch = &channel{name: name, members: make(map[string]*member)}
		s.channels[fold(name)] = ch
	}
	return ch
}

func (ch *channel) add(m *member) {
	ch.members[fold(m.nick)] = m
	ch.order = append(ch.order, m)
}

func (ch *channel) remove(m *member) {
	delete(ch.members, fold(m.nick))
	if i := slices.Index(ch.order, m); i >= 0 {
		ch.order = slices.Delete(ch.order, i, i+1)
	}
}

// clientsOf are the clients in the channel except one, from another member
// on every time: no client may count on being served first.
func (s *Server) clientsOf(ch *channel, except *client) []*client {
	all := make([]*client, 0, len(ch.order))
	for _, m := range ch.order {
		if m.client != nil && m.client != except {
			all = append(all, m.client)
		}
	}
	if len(all) == 0 {
		return nil
	}
	s.start = (s.start + 7919) % len(all)
	return slices.Concat(all[s.start:], all[:s.start])
}

// broadcast queues e to the clients in ch, except one. The caller holds s.mu.
func (s *Server) broadcast(ch *channel, except *client, e event) {
	for _, c := range s.clientsOf(ch, except) {
		c.queue(e)
	}
}

// broadcastIf is broadcast to those who have a capability.
func (s *Server) broadcastIf(ch *channel, want capability, e event) {
	for _, c := range s.clientsOf(ch, nil) {
		if c.caps&want != 0 {
			c.queue(e)
		}
	}
}
