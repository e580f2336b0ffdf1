package ircside

import (
	"slices"
	"sync"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

const (
	// askAgain is how long the member list may take before it is asked for again.
	askAgain = time.Minute
	// whoMembers is up to how many members we ask who of them is away.
	whoMembers = 200
)

// membership is one of our people in one channel, or on the way into it.
type membership struct {
	client *client
	ch     *channel

	// Under the client's lock.
	key    string // the channel's, for coming back
	name   string // the nick that the core was last told of
	asked  string // ID of the Join that waits for an answer
	joined bool   // our JOIN was seen on this connection
	known  bool   // the core has been told that they are in
	lost   bool   // the core has been told that their session is down
	parts  int    // PARTs on the wire
	typed  typed  // of what they write here
	// disguise is the keeper's, from when it first speaks for somebody.
	disguise *disguise
	wanted   bool // of the keeper's: the core has asked for it, not only lodgers
	// presence is how available they are by what they say in this room.
	presence bridge.Presence

	// Under the channel's lock.
	present bool            // may observe
	table   *isupport.Table // of the session
}

// channel is one channel of a network in which some of ours are. One of them
// observes it for all.
type channel struct {
	net  *network
	room bridge.Room
	name string

	mu      sync.Mutex
	ours    []*membership // in the order in which they came
	watcher *membership   // whose session observes; nil while none is present
	obs     *observer     // nil before the first one
	asked   time.Time     // when the member list was last asked for
	counted int           // places that the member list takes
	held    []heldFact    // what is told right after the member list
	voices  []voice       // for whom the Keeper has spoken, who did so last at the end
	lodgers []*lodger     // in the order in which they came
}

// heldFact is a Join or the like of one of ours that must not come before the
// picture of the channel that they are to see.
type heldFact struct {
	m    *membership
	fact bridge.Event
}

func without[T comparable](list []T, v T) []T {
	if i := slices.Index(list, v); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// attach notes that m is in the channel now, and gives what may be told of it
// at once: fact, unless it must wait for the member list. The first one there
// observes; the server sends the member list unasked.
func (ch *channel) attach(m *membership, t *isupport.Table, fact bridge.Event) []bridge.Event {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	m.present, m.table = true, t
	if ch.watcher == nil {
		ch.watch(m)
	}
	if !ch.obs.synced {
		ch.held = append(ch.held, heldFact{m, fact})
		return nil
	}
	out := append(ch.obs.claim(fact.Name, m.client.who(), time.Now()), fact)
	return append(out, ch.letIn()...)
}

// watch makes m the observer, who knows nothing yet.
func (ch *channel) watch(m *membership) {
	if ch.obs == nil {
		ch.obs = &observer{room: &ch.room, decode: ch.net.decode, ours: ch.whose}
	}
	ch.obs.table = m.table
	ch.obs.begin()
	ch.watcher, ch.asked = m, time.Now()
	m.client.watch(ch)
}

// whose tells who of ours in this channel has the nick. The observer calls
// it, under the lock.
func (ch *channel) whose(nick string) (bridge.Person, bool) {
	c := ch.net.byNick(nick)
	if c == nil || !slices.ContainsFunc(ch.ours, func(m *membership) bool { return m.client == c }) {
		return bridge.Person{}, false
	}
	return c.who(), true
}

// detach notes that m can't be heard there any more, and gives the fact of m,
// if any, that was still held back: nobody has been told of it. When m was the
// observer, the oldest of the others takes over; it is given, and must ask.
func (ch *channel) detach(m *membership) (untold bridge.Event, next *membership) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	m.present = false
	untold = ch.unhold(m)
	if ch.watcher != m {
		return untold, nil
	}
	ch.watcher = nil
	m.client.unwatch(ch)
	for _, other := range ch.ours {
		if other.present {
			topic := ch.obs.topic // stays, unless what it asks for tells of another
			ch.watch(other)
			ch.obs.topic = topic
			return untold, other
		}
	}
	ch.obs.begin()
	return untold, nil
}

// unhold takes out the fact of m that is held back; without one it has no body.
// It is called under the lock.
func (ch *channel) unhold(m *membership) (fact bridge.Event) {
	if i := slices.IndexFunc(ch.held, func(h heldFact) bool { return h.m == m }); i >= 0 {
		fact = ch.held[i].fact
		ch.held = slices.Delete(ch.held, i, i+1)
	}
	return fact
}

// giveUp drops what is held back of m, who has left.
func (ch *channel) giveUp(m *membership) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.unhold(m)
}

// rename changes the name in a fact of m that has not been told yet, and
// reports whether there is one. mistaken is for whom they were taken meanwhile
// by an observer that is ahead of them.
func (ch *channel) rename(m *membership, name string) (mistaken []bridge.Event, untold bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for i := range ch.held {
		if ch.held[i].m == m {
			ch.held[i].fact.Name = name
			untold = true
		}
	}
	return ch.obs.claim(name, m.client.who(), time.Now()), untold
}

// questions is what the observer's session should ask the server.
type questions uint8

const (
	askNames questions = 1 << iota
	askModes
	askWho
	toObey // no question: somebody has said something to us
)

// feed hands a line of c's session to the observer if that is c, and gives
// what it led to.
func (ch *channel) feed(c *client, m *line.Message, now time.Time, split bool) ([]bridge.Event, questions) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.watcher == nil || ch.watcher.client != c {
		return nil, 0
	}
	was := ch.obs.synced
	ch.obs.elsewhere = ch.net.elsewhere(ch.counted)
	events := ch.obs.feed(m, now, split)
	ch.count()
	if ch.crossed(events) {
		events = append(ch.giveWay(nil), events...)
	}
	switch {
	case !was && ch.obs.synced:
		return ch.release(events), ch.unknown()
	case !was && time.Since(ch.asked) > askAgain:
		ch.asked = time.Now()
		return events, askNames
	case ch.obs.unsure:
		ch.obs.unsure = false
		return events, askModes
	case ch.obs.order != nil:
		return events, toObey
	}
	return events, 0
}

// count notes how many places the member list takes, and who got none.
func (ch *channel) count() {
	size := ch.obs.members.Len() + ch.obs.before.Len()
	if size != ch.counted {
		ch.net.members.Add(int64(size - ch.counted))
		ch.counted = size
	}
	if ch.obs.crowded > 0 {
		ch.net.side.Counters.Crowded.Add(int64(ch.obs.crowded))
		ch.obs.crowded = 0
	}
}

// release adds what was held back for the member list to what leads to it.
func (ch *channel) release(events []bridge.Event) []bridge.Event {
	for _, h := range ch.held {
		if j, ok := h.fact.Body.(bridge.Join); ok && h.m == ch.watcher && ch.obs.members.Len() == 1 {
			for n := range ch.obs.members.Values() {
				j.Role, j.Created = ch.obs.role(n), n.modes != 0
			}
			h.fact.Body = j
		}
		events = append(events, h.fact)
	}
	ch.held = nil
	return append(events, ch.letIn()...)
}

// unknown is what the member list leaves open: the channel's modes, unless we
// are alone there with power, having made it; and who is away, where there are
// natives, not too many, and no more often than the network's budget allows.
func (ch *channel) unknown() questions {
	members := &ch.obs.members
	if members.Len() == 1 {
		for n := range members.Values() {
			if n.modes != 0 && !ch.obs.native(n) {
				return 0
			}
		}
	}
	if natives := members.Len() - len(ch.ours); natives <= 0 || members.Len() > whoMembers || !ch.net.asks.Allow() {
		return askModes
	}
	return askModes | askWho
}

// settle ends the wait for a member list that the server should have sent by
// now: its answer to m's JOIN is complete.
func (ch *channel) settle(m *membership) []bridge.Event {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.watcher != m || ch.obs.synced {
		return nil
	}
	ch.obs.now, ch.obs.out = time.Now(), nil
	ch.obs.namesEnd(nil)
	return ch.release(ch.obs.out)
}

// find gives what the observer knows of a nick: the nick itself as it is
// written, the modes, and the host where it was seen.
func (ch *channel) find(nick string) (n member, ok bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.obs == nil {
		return member{}, false
	}
	if found := ch.obs.member([]byte(nick)); found != nil {
		return *found, true
	}
	return member{}, false
}

// bannedAlone reports whether a ban was seen of one of ours, m, and not of
// several of them: that is one of the gateway, and of nobody in it.
func (ch *channel) bannedAlone(m *membership, as identity) bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.obs == nil || ch.obs.table == nil {
		return false
	}
	b := ch.obs.bans.entry(ch.obs.table, as)
	return b != nil && !b.ofAll && b.names(m.client.who())
}

// takeOrder is what somebody has said to us.
func (ch *channel) takeOrder() (order, bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.obs == nil || ch.obs.order == nil {
		return order{}, false
	}
	o := *ch.obs.order
	ch.obs.order = nil
	return o, true
}
