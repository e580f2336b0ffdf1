package xmppside

import (
	"context"
	"sync/atomic"
	"time"

	"isthmus/xmppside/jid"
)

// keeper looks after the rooms and contacts of one domain. People may go
// without a word: their server, or ours, was away when they did. Nobody else
// would ever notice, and their sessions on other networks would stay.
type keeper struct {
	side   *Side
	domain string
	up     chan struct{} // the link has come up
	down   chan struct{} // it has gone down
	isUp   atomic.Bool   // what it did last
	gaveUp chan struct{} // it has been down for so long that much is lost
}

const (
	// probeEvery is how often people are looked for who are gone without a word.
	probeEvery = time.Hour
	// probePace is the time between two rooms, so that the server is not flooded.
	probePace = 10 * time.Millisecond
)

func newKeeper(s *Side, domain string) *keeper {
	return &keeper{
		side: s, domain: domain,
		up: make(chan struct{}, 1), down: make(chan struct{}, 1), gaveUp: make(chan struct{}, 1),
	}
}

// signal tells a keeper something that it need not be told twice.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run keeps until ctx ends.
func (k *keeper) run(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-k.down:
			if !k.isUp.Load() {
				k.side.foreign.down(k.domain)
			}
		case <-k.up:
			if k.isUp.Load() {
				k.side.foreign.up(k.domain)
			}
			k.probe(ctx)
			k.resume(ctx)
		case <-tick.C:
			k.probe(ctx)
		case <-k.gaveUp:
			k.side.rooms.evict(func(h *hosted, _ jid.JID) bool { return h.address.Domain == k.domain },
				"The gateway had no connection to the XMPP server.")
		case <-ctx.Done():
			return
		}
	}
}

// probe sends something to everybody that bounces off who is not there.
func (k *keeper) probe(ctx context.Context) {
	pace := time.NewTicker(probePace)
	defer pace.Stop()
	for _, h := range k.side.rooms.all() {
		if h.address.Domain == k.domain {
			h.room.Probe()
			k.side.rooms.release(h)
			if !wait(ctx, pace) {
				return
			}
		}
	}
	for _, conversation := range k.side.roster.on(k.domain) {
		k.side.roster.probe(conversation)
		if !wait(ctx, pace) {
			return
		}
	}
}

// resume looks for the users who have subscribed to a contact that nobody
// watches: they may have come online while the link was down.
func (k *keeper) resume(ctx context.Context) {
	pace := time.NewTicker(probePace)
	defer pace.Stop()
	for _, s := range k.side.subscribed(ctx, k.domain) {
		if k.side.roster.watched(s.conversation) {
			continue
		}
		k.side.roster.resume(s)
		if !wait(ctx, pace) {
			return
		}
	}
}

// wait returns at the next tick; false when ctx has ended.
func wait(ctx context.Context, pace *time.Ticker) bool {
	select {
	case <-pace.C:
		return true
	case <-ctx.Done():
		return false
	}
}
