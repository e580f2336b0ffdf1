package ircside

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

// takeTurn is when the network's rate lets somebody connect: now, or as soon
// as a turn is free.
func (n *network) takeTurn(now time.Time) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	past, _ := slices.BinarySearchFunc(n.freed, now, time.Time.Compare)
	n.freed = slices.Delete(n.freed, 0, past)
	if len(n.freed) > 0 {
		turn := n.freed[0]
		n.freed = slices.Delete(n.freed, 0, 1)
		return turn
	}
	return now.Add(n.connects.ReserveN(now, 1).DelayFrom(now))
}

// mostTurn is how long somebody may have to wait for their turn; who would
// wait longer had better be told.
const mostTurn = 10 * time.Minute

// crowded is the wait for a turn, if it is too long.
func (n *network) crowded(now time.Time) (wait time.Duration, too bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	limit := n.connects.Limit()
	if limit == rate.Inf || len(n.freed) > 0 {
		return 0, false
	}
	wait = time.Duration((1 - n.connects.TokensAt(now)) / float64(limit) * float64(time.Second))
	return wait, wait > mostTurn
}

// giveBack lets somebody else have the turn of who does not want it any more,
// so that nobody can use up the turns of all by coming and going.
func (n *network) giveBack(turn, now time.Time) {
	if !turn.After(now) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	at, _ := slices.BinarySearchFunc(n.freed, turn, time.Time.Compare)
	n.freed = slices.Insert(n.freed, at, turn)
}

// refusal is what a network has against somebody. Once they may try again at
// once, then after longer and longer: their client may do so by itself, and a
// network that has banned them would take it out on all of us.
type refusal struct {
	why   bridge.Failure
	times int
	until time.Time // nothing is tried before
}

// unwelcome reports whether a network has something against who was to
// connect, rather than against the nick they wished for.
func unwelcome(err error) bool {
	var ended *session.Error
	if !errors.As(err, &ended) {
		return false
	}
	switch ended.Kind {
	case session.Banned, session.Throttled, session.Full, session.Killed, session.BadPassword, session.BadLogin:
		return true
	}
	return false
}

// noteRefusal notes that the network would not have somebody.
func (n *network) noteRefusal(who bridge.Person, why bridge.Failure, now time.Time) {
	set := n.set.Load()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refusals == nil {
		n.refusals = map[bridge.Person]refusal{}
	}
	n.sweepRefusals(now)
	r := n.refusals[who]
	var wait time.Duration
	if r.times > 0 {
		wait = min(set.ReconnectFirst<<min(r.times, 16), set.ReconnectMost)
	}
	n.refusals[who] = refusal{why: why, times: r.times + 1, until: now.Add(wait)}
}

// sweepRefusals forgets those that are long over. It is called under the lock.
func (n *network) sweepRefusals(now time.Time) {
	for who, r := range n.refusals {
		if now.Sub(r.until) > n.set.Load().ReconnectMost {
			delete(n.refusals, who)
		}
	}
}

// forgive forgets what the network had against somebody.
func (n *network) forgive(who bridge.Person) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.refusals, who)
}

// welcome reports whether somebody may try to connect, or why not yet.
func (n *network) welcome(who bridge.Person, now time.Time) (bridge.Failure, bool) {
	if why, wait := n.heldBack(who, now); wait > 0 {
		return why, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.refusals[who]
	if !now.Before(r.until) {
		return bridge.Failure{}, true
	}
	why := r.why
	why.Text += " (Not tried again for " + r.until.Sub(now).Round(time.Second).String() + ".)"
	return why, false
}
