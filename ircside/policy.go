package ircside

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
)

const (
	// maxConsents bounds the channels whose consent is known; whose operators
	// want no bridge is always known.
	maxConsents = 65536
	// ledgerTimeout is how long it may take to read or to keep what they said.
	ledgerTimeout = 10 * time.Second
	// keepAgain is when it is tried again.
	keepAgain = time.Minute
)

// ledger is what operators of channels said last of having us there.
type ledger struct {
	store Consents // nil for none
	log   *slog.Logger

	reading sync.Mutex // held while the store is asked
	keeping sync.Mutex // and while it is told

	mu     sync.RWMutex
	read   bool
	said   map[bridge.Room]Consent // by channelKey
	unkept map[bridge.Room]bool    // what the store could not keep yet
	again  *time.Timer             // when it is tried again; nil while there is none
}

// channelKey is one name for all spellings of a channel. A server's own case
// mapping isn't known before there is a session; names that differ in more than
// the strictest one tells apart are as good as never two channels.
func channelKey(network, name string) bridge.Room {
	return bridge.Room{Network: network, ID: isupport.RFC1459.Fold(strings.ToLower(name))}
}

// load reads what was said before we were started, once. Until that works
// nobody may enter any channel.
func (l *ledger) load() error {
	l.reading.Lock()
	defer l.reading.Unlock()
	l.mu.RLock()
	read := l.read
	l.mu.RUnlock()
	if read {
		return nil
	}
	var all []Consent
	if l.store != nil {
		ctx, cancel := context.WithTimeout(context.Background(), ledgerTimeout)
		defer cancel()
		var err error
		if all, err = l.store.Consents(ctx); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said == nil {
		l.said = map[bridge.Room]Consent{}
	}
	for _, c := range all {
		key := channelKey(c.Room.Network, c.Room.ID)
		if _, newer := l.said[key]; !newer {
			l.said[key] = c
		}
	}
	l.read = true
	return nil
}

// of is what was said last of a channel, false if nothing was.
func (l *ledger) of(network, name string) (Consent, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c, ok := l.said[channelKey(network, name)]
	return c, ok
}

// refusing are the channels of a network whose operators want no bridge.
func (l *ledger) refusing(network string) (all []Consent) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for key, c := range l.said {
		if key.Network == network && !c.Allowed {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Consent) int { return strings.Compare(a.Room.ID, b.Room.ID) })
	return all
}

var errCrowded = errors.New("as many channels are known as can be")

// note takes a word that holds from this moment on.
func (l *ledger) note(c Consent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said == nil {
		l.said = map[bridge.Room]Consent{}
	}
	if c.Allowed && len(l.said) >= maxConsents {
		return errCrowded
	}
	l.said[channelKey(c.Room.Network, c.Room.ID)] = c
	return nil
}

// keep has the store keep what was noted of a channel. What it can't keep now
// is tried again, until it can. It blocks.
func (l *ledger) keep(key bridge.Room) error {
	if l.store == nil {
		return nil
	}
	l.keeping.Lock()
	defer l.keeping.Unlock()
	c, _ := l.of(key.Network, key.ID) // what was said since counts
	c.Room = key
	ctx, cancel := context.WithTimeout(context.Background(), ledgerTimeout)
	defer cancel()
	err := l.store.SetConsent(ctx, c)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.unkept, key)
	if err != nil {
		l.log.Error("what a channel's operator said can't be kept: it holds until a restart, and is tried again", "room", key, "allowed", c.Allowed, "error", err)
		if l.unkept == nil {
			l.unkept = map[bridge.Room]bool{}
		}
		l.unkept[key] = true
		if l.again == nil {
			l.again = time.AfterFunc(keepAgain, l.keepAgain)
		}
	}
	return err
}

// keepAgain tries what could not be kept.
func (l *ledger) keepAgain() {
	l.mu.Lock()
	l.again = nil
	keys := slices.Collect(maps.Keys(l.unkept))
	l.mu.Unlock()
	for _, key := range keys {
		if l.keep(key) != nil {
			return
		}
	}
}

// close keeps what can still be kept.
func (l *ledger) close() {
	l.mu.Lock()
	if l.again != nil {
		l.again.Stop()
	}
	l.mu.Unlock()
	l.keepAgain()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.again != nil {
		l.again.Stop()
	}
}

// letsIn reports whether the network's policy and the channel's operators let
// us into a channel, or why not.
func (n *network) letsIn(name string) (bridge.Failure, bool) {
	said, known := n.side.ledger.of(n.name, name)
	set := n.set.Load()
	policy := func(text string) (bridge.Failure, bool) {
		return bridge.Failure{Kind: bridge.ErrPolicy, Text: text}, false
	}
	switch {
	case known && !said.Allowed:
		return policy(said.By + " said !unbridge in " + name + " on " + said.At.Format("2 January 2006") +
			". An operator of it can take that back: " + n.howToAllow(name))
	case set.Policy == PolicyMapped && !slices.ContainsFunc(set.Mapped, func(m string) bool { return channelKey("", m) == channelKey("", name) }):
		return policy("On " + n.name + " this gateway has only the channels that its administrator has linked.")
	case set.Policy == PolicyConsent && !known:
		return policy("No operator of " + name + " has agreed yet that this gateway be there. One of them can: " + n.howToAllow(name))
	}
	return bridge.Failure{}, true
}

// howToAllow says what an operator does who wants us in a channel.
func (n *network) howToAllow(name string) string {
	nick := n.keeperNick()
	return "/invite " + nick + " " + name + ", or /msg " + nick + " !bridge " + name
}

// enforce takes us out of the channels that the network's policy, which may be
// a new one, doesn't let us be in.
func (n *network) enforce() {
	n.mu.Lock()
	channels := make([]*channel, 0, len(n.channels))
	for _, ch := range n.channels {
		channels = append(channels, ch)
	}
	n.mu.Unlock()
	for _, ch := range channels {
		why, ok := n.letsIn(ch.name)
		if ok {
			continue
		}
		for _, m := range ch.everybody() {
			m.client.lock()
			m.client.dismiss(m, bridge.Leave{Cause: bridge.CausePart, Reason: why.Text}, why)
			m.client.unlock()
		}
	}
}
