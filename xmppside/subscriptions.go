package xmppside

import (
	"context"
	"sync"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
)

// notes are the changes of subscriptions that have yet to be kept: the streams
// do not wait for a database.
type notes struct {
	side    *Side
	mu      sync.Mutex
	changes map[bridge.Room]bool
	some    chan struct{} // there are some
}

const (
	// maxNotes bounds notes.changes. What is beyond it is not kept.
	maxNotes = 16384
	// noteTime is how long the last of them may take when the side ends.
	noteTime = 2 * time.Second
)

func newNotes(s *Side) *notes {
	return &notes{side: s, changes: map[bridge.Room]bool{}, some: make(chan struct{}, 1)}
}

// put notes whether the owner of a conversation has subscribed.
func (n *notes) put(conversation bridge.Room, subscribed bool) {
	n.mu.Lock()
	_, known := n.changes[conversation]
	full := !known && len(n.changes) >= maxNotes
	if !full {
		n.changes[conversation] = subscribed
	}
	n.mu.Unlock()
	if full {
		n.side.Counters.Forgotten.Add(1)
		return
	}
	signal(n.some)
}

// run keeps what is noted until ctx ends.
func (n *notes) run(ctx context.Context) {
	for {
		select {
		case <-n.some:
			n.keep(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
			defer cancel()
			n.keep(last)
			return
		}
	}
}

// keep keeps all that is noted.
func (n *notes) keep(ctx context.Context) {
	n.mu.Lock()
	changes := n.changes
	n.changes = map[bridge.Room]bool{}
	n.mu.Unlock()
	if len(changes) == 0 {
		return
	}
	if err := n.side.set.Load().Subscriptions.SetSubscriptions(ctx, changes); err != nil {
		n.side.Counters.Forgotten.Add(int64(len(changes)))
		n.side.log.Warn("subscriptions are not kept", "subscriptions", len(changes), "error", err)
	}
}

// subscribed returns those who have subscribed to somebody of a domain, or to
// the domain, and may.
func (s *Side) subscribed(ctx context.Context, domain string) (list []subscription) {
	set := s.set.Load()
	all, err := set.Subscriptions.Subscriptions(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("it is not known who has subscribed", "domain", domain, "error", err)
	}
	for _, conversation := range all {
		at, err := address.RoomJID(conversation.ID)
		if err != nil || at.Domain() != domain {
			continue
		}
		what, err := set.find(at)
		if err != nil {
			continue
		}
		user, err := jid.Parse(conversation.Owner.ID)
		if err != nil || !set.access.allows(user) {
			continue
		}
		list = append(list, subscription{conversation, at, user, what.Kind == address.Gateway})
	}
	return list
}

// subscription is that a user has subscribed to a contact.
type subscription struct {
	conversation bridge.Room
	at, user     jid.JID // bare
	gateway      bool
}

// resume shows a contact to who has subscribed, after the link was down or the
// gateway was, and asks which of their clients are there (RFC 6121 §4.3): when
// those answer, the contact is watched.
func (r *roster) resume(s subscription) {
	r.answer(s.conversation, s.at, s.user, s.gateway)
	if !s.gateway {
		r.send(s.at, s.user, "probe")
	}
}
