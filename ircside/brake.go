package ircside

import (
	"errors"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

const (
	// brakeAfter people whom a network has thrown out, or not let in, within
	// brakeWindow are a sign that it is not they whom it means: all of ours have
	// one address.
	brakeAfter  = 3
	brakeWindow = 10 * time.Minute
	// brakeFirst is how long nobody else tries then, brakeMost how long at most
	// when it goes on so.
	brakeFirst = 10 * time.Minute
	brakeMost  = 2 * time.Hour
)

// brake keeps our people from hammering a network that does not want them. It
// is under the network's lock.
type brake struct {
	recent []thrown
	until  time.Time     // nobody tries before
	hold   time.Duration // how long that was
	why    string        // what the network said last
	times  int
}

// thrown is somebody whom the network would not have.
type thrown struct {
	who bridge.Person
	at  time.Time
}

// note notes that the network would not have who, and reports whether nobody
// else should try for a while now.
func (b *brake) note(who bridge.Person, why string, now time.Time) bool {
	kept := b.recent[:0]
	for _, t := range b.recent {
		if t.who != who && now.Sub(t.at) <= brakeWindow {
			kept = append(kept, t)
		}
	}
	b.recent, b.why = append(kept, thrown{who, now}), why
	again := b.hold > 0 && now.Sub(b.until) <= brakeMost // it would not have one more after the last time
	if now.Before(b.until) || len(b.recent) < brakeAfter && !(again && len(b.recent) > 0) {
		return false
	}
	if again {
		b.hold = min(2*b.hold, brakeMost)
	} else {
		b.hold = brakeFirst
	}
	b.until, b.recent = now.Add(b.hold), nil
	b.times++
	return true
}

// heldBack is why nobody new may try to connect at the moment. The Keeper may:
// its attempts are few, and it is whom operators can talk to.
func (n *network) heldBack(who bridge.Person, now time.Time) (why bridge.Failure, wait time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	wait = n.brake.until.Sub(now)
	if who == bridge.Keeper || wait <= 0 {
		return bridge.Failure{}, 0
	}
	return bridge.Failure{Kind: bridge.ErrTooFast, Text: n.name + " has refused several people of this gateway, so that nobody else tries for " +
		wait.Round(time.Second).String() + ". It said: " + n.brake.why}, wait
}

// pull notes for the brake that the network would not have somebody, if err is
// that: a limit of connections isn't.
func (n *network) pull(who bridge.Person, err error, why bridge.Failure, now time.Time) {
	var ended *session.Error
	if !errors.As(err, &ended) || ended.Kind != session.Banned && ended.Kind != session.Killed {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.brake.note(who, why.Text, now) {
		n.side.Counters.Braked.Add(1)
		n.log.Warn("the network refuses our people: nobody new connects for a while", "until", n.brake.until, "said", why.Text)
	}
}

// errHeld is why somebody whose turn came does not connect.
type errHeld struct{ why bridge.Failure }

func (e errHeld) Error() string { return e.why.Text }

// thrownOff is how the end of a session is told in its rooms, whose person is
// not connected again: that is between them and the network, and no ban from
// any of the rooms.
func thrownOff(err error, why bridge.Failure) bridge.Leave {
	how := bridge.Leave{Cause: bridge.CauseKill, Reason: why.Text}
	var ended *session.Error
	if !errors.As(err, &ended) || ended.Kind != session.Killed {
		return how
	}
	how.Actor = ended.By
	if at := strings.Index(strings.ToLower(why.Text), "killed "); at >= 0 && how.Actor == "" {
		how.Actor, _ = killOf(why.Text[at:])
	}
	return how
}
