package mapping

import (
	"log/slog"
	"time"

	"isthmus/bridge"
)

// The waits between attempts to bring the Keeper into a room: they double.
const (
	retryFirst = 5 * time.Second
	retryMost  = 5 * time.Minute
	// retryRefused is between attempts where somebody has to do something
	// first: a ban, a key, an invitation.
	retryRefused = 15 * time.Minute
	// retryInvited is that where it may have been done a moment later: the room
	// was made, or the bridge asked in.
	retryInvited = time.Minute
	// joinPatience is how long the answer to a Join may take.
	joinPatience = 5 * time.Minute
)

// keeperState is whether the Keeper is in a room.
type keeperState uint8

const (
	joining keeperState = iota // asked for
	joined
	offline // in, but its session is down
	waiting // not in; it is tried again
	refused // not in; somebody has to do something
)

var keeperStates = [...]string{"joining", "joined", "offline", "waiting", "refused"}

// keeper is the bridge itself in a room.
type keeper struct {
	state   keeperState
	kind    bridge.ErrorKind
	why     string
	lastWhy string // the last one there was
	since   time.Time
	retry   time.Time
	tries   int
	asked   string // the Join that is not answered
	name    string
	role    bridge.Role
	started bool
	noticed bool // other rooms have been told that it is away
}

// keep brings the Keeper into a room that is new, or where what it comes with
// is otherwise than before.
func (s *state) keep(k *leg, before Room) {
	switch {
	case !k.keeper.started:
		k.keeper = keeper{started: true}
		s.joinKeeper(k)
	case before.Password != k.set.Password && k.keeper.state >= waiting:
		s.joinKeeper(k)
	case before.Nick != k.set.Nick && k.keeper.state == joined:
		s.ask(k, bridge.Event{By: bridge.Keeper, Name: k.keeper.name, Body: bridge.Rename{To: k.set.Nick, Person: bridge.Keeper}})
	}
}

func (s *state) joinKeeper(k *leg) {
	s.keeperIs(k, joining, bridge.Failure{})
	k.keeper.retry = s.now.Add(joinPatience)
	s.wakeBy(k.keeper.retry)
	k.keeper.asked = s.ask(k, bridge.Event{By: bridge.Keeper, Name: k.set.Nick, Body: bridge.Join{Password: k.set.Password}})
}

// keeperIs notes how it is.
func (s *state) keeperIs(k *leg, now keeperState, why bridge.Failure) {
	kp := &k.keeper
	if kp.state != now || kp.since.IsZero() {
		kp.since = s.now
		s.out.changed = true
	}
	kp.state, kp.kind, kp.why = now, why.Kind, why.Text
	if why.Text != "" {
		kp.lastWhy = why.Text
	}
}

// takeKeeper handles what a room tells of the Keeper.
func (s *state) takeKeeper(k *leg, e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Join:
		s.keeperIn(k, e.Name, b.Role)
	case bridge.Failure:
		if e.Ref == k.keeper.asked && e.Ref != "" {
			k.keeper.asked = ""
			s.keeperOut(k, b)
		} else {
			s.moderationFailed(k, e.Ref, b)
		}
	case bridge.Leave:
		kind := bridge.ErrOffline
		if b.Cause == bridge.CauseBan {
			kind = bridge.ErrBanned
		} else if thrownOut(b) || b.Cause == bridge.CauseKill {
			kind = bridge.ErrPolicy
		}
		s.keeperOut(k, bridge.Failure{Kind: kind, Text: removal(b, "The bridge was")})
	case bridge.Attachment:
		if b.Attached {
			s.keeperIn(k, k.keeper.name, k.keeper.role)
		} else if k.keeper.state == joined {
			s.keeperIs(k, offline, bridge.Failure{Kind: bridge.ErrOffline, Text: b.Text})
			s.cutOff(k)
		}
	case bridge.Rename:
		k.keeper.name = b.To
	case bridge.RoleChange:
		k.keeper.role, k.powerless = b.Role, false
	case bridge.Topic:
		k.topic = b.Text // what another room's people have set
	case bridge.Confirm:
		s.confirmed(k, e)
	}
}

func (s *state) keeperIn(k *leg, name string, role bridge.Role) {
	was := k.keeper
	k.keeper.name, k.keeper.role, k.keeper.asked, k.keeper.tries = name, role, "", 0
	k.powerless = false
	k.topicKnown, k.absence.down = true, time.Time{}
	s.keeperIs(k, joined, bridge.Failure{})
	if was.state == joined {
		return
	}
	s.log(slog.LevelInfo, "a mapped room is joined", "room", k.set.At, "as", name)
	if was.noticed {
		k.keeper.noticed = false
		s.notice(k, "The connection to "+place(k)+" is back.")
	}
	s.bringAll(k)
}

// keeperOut is that the Keeper could not come in, or is out again.
func (s *state) keeperOut(k *leg, why bridge.Failure) {
	kp := &k.keeper
	kp.tries++
	state, wait := waiting, retryFirst<<min(kp.tries-1, 10)
	switch why.Kind {
	case bridge.ErrMembersOnly, bridge.ErrNotFound:
		state, wait = refused, retryInvited
	case bridge.ErrBanned, bridge.ErrPassword, bridge.ErrPolicy, bridge.ErrBadName,
		bridge.ErrAuth, bridge.ErrUnsupported, bridge.ErrMoved, bridge.ErrGone, bridge.ErrNoPrivileges:
		state, wait = refused, retryRefused
	}
	if wait <= 0 || wait > retryMost && state == waiting {
		wait = retryMost
	}
	if kp.state != state || kp.why != why.Text {
		s.log(slog.LevelWarn, "a mapped room is not joined", "room", k.set.At, "why", why.Text, "again", wait)
	}
	s.keeperIs(k, state, why)
	if state == refused { // nobody stays where the bridge must not be
		for _, p := range sorted(k.guests) {
			k.guests[p].reason = why.Text
			s.want(k, p)
		}
	}
	kp.retry = s.now.Add(wait)
	s.wakeBy(kp.retry)
	s.cutOff(k)
}

// retryKeeper tries again when it is time.
func (s *state) retryKeeper(k *leg) {
	switch kp := &k.keeper; {
	case kp.state == joined || kp.state == offline:
	case s.now.Before(kp.retry):
		s.wakeBy(kp.retry)
	case kp.state == joining:
		s.keeperOut(k, bridge.Failure{Kind: bridge.ErrTimeout, Text: "The room's network did not answer."})
	default:
		s.joinKeeper(k)
	}
}

// moved is that the room is no more.
func (s *state) moved(k *leg, m bridge.Moved) {
	text := "The room is no more."
	if m.To != "" {
		text = "The room is " + m.To + " now."
	}
	if m.Reason != "" {
		text += " " + m.Reason
	}
	for _, p := range sorted(k.natives) {
		s.gone(k, p, "")
	}
	s.unanswered(k)
	for _, p := range sorted(k.guests) {
		s.forget(k, p, k.guests[p])
	}
	s.keeperOut(k, bridge.Failure{Kind: bridge.ErrMoved, Text: text})
}

// removal says how somebody was removed: "rob was" kicked by ann: spam.
func removal(l bridge.Leave, whomWas string) string {
	text := whomWas + " gone"
	switch l.Cause {
	case bridge.CauseKick:
		text = whomWas + " kicked"
	case bridge.CauseBan:
		text = whomWas + " banned"
	case bridge.CauseKill:
		text = whomWas + " removed from the network"
	}
	if l.Actor != "" {
		text += " by " + l.Actor
	}
	if l.Reason != "" {
		return text + ": " + l.Reason
	}
	return text + "."
}

// place is what people call a room: #lounge on libera.
func place(k *leg) string { return k.set.At.ID + " (" + k.set.At.Network + ")" }
