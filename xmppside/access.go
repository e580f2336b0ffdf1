package xmppside

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// access tells who may use the gateway.
type access struct{ allow, deny map[string]bool }

func newAccess(allow, deny []string) access {
	return access{setOf(allow), setOf(deny)}
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

// allows tells by the bare JID and by the domain of who it is.
func (a access) allows(j jid.JID) bool {
	bare, domain := j.Bare().String(), j.Domain()
	if a.deny[bare] || a.deny[domain] {
		return false
	}
	return len(a.allow) == 0 || a.allow[bare] || a.allow[domain]
}

// denies tells whether somebody, or a room, is not to be dealt with at all.
func (a access) denies(j jid.JID) bool { return a.deny[j.Bare().String()] || a.deny[j.Domain()] }

// The rate of messages that say nothing: chat states, markers, subjects. Each
// may go to hundreds.
const (
	signalBurst    = 100
	signalInterval = 100 * time.Millisecond
)

// The rate of all that is not a message: presences and questions. A client
// that comes back into a hundred rooms, and asks about each, stays below.
const (
	otherBurst    = 1000
	otherInterval = 50 * time.Millisecond
)

// maxGuests bounds guests.byJID. A server can make up as many users as it
// likes: those beyond share one place, under the zero JID.
const maxGuests = 65536

// guests counts what each user does.
type guests struct {
	mu    sync.Mutex
	byJID map[jid.JID]*deeds
	swept time.Time
}

// deeds are what somebody did: a bucket for each kind of it.
type deeds [kinds]*rate.Limiter

// deed is what is counted for itself.
type deed int

const (
	says    deed = iota // a message with words in it
	signals             // another message
	other
	kinds
)

func newGuests() *guests { return &guests{byJID: map[jid.JID]*deeds{}} }

// sweepEvery is how often guests who have been quiet are forgotten.
const sweepEvery = time.Minute

// bucket is where what somebody does is counted. It is made when they first do
// it: most do nothing but come into a room, and sit there.
func (g *guests) bucket(who jid.JID, what deed, set *settings, now time.Time) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.swept) > sweepEvery {
		g.sweep(now)
	}
	key := who.Bare()
	if g.byJID[key] == nil && len(g.byJID) >= maxGuests {
		key = jid.JID{}
	}
	u := g.byJID[key]
	if u == nil {
		u = new(deeds)
		g.byJID[key] = u
	}
	if u[what] == nil {
		u[what] = newBucket(what, set)
	}
	return u[what]
}

func newBucket(what deed, set *settings) *rate.Limiter {
	switch what {
	case says:
		return rate.NewLimiter(rate.Every(set.MessageInterval), set.MessageBurst)
	case signals:
		return rate.NewLimiter(rate.Every(signalInterval), signalBurst)
	default:
		return rate.NewLimiter(rate.Every(otherInterval), otherBurst)
	}
}

// sweep forgets everybody whose buckets are full again: nothing is lost.
func (g *guests) sweep(now time.Time) {
	for j, u := range g.byJID {
		if !slices.ContainsFunc(u[:], func(l *rate.Limiter) bool { return l != nil && !full(l, now) }) {
			delete(g.byJID, j)
		}
	}
	g.swept = now
}

func full(l *rate.Limiter, now time.Time) bool {
	return l.Limit() == rate.Inf || l.TokensAt(now) >= float64(l.Burst())
}

// admit decides whether a stanza's sender may use the gateway, and now. Who
// leaves, or answers us, is not held up by a rate.
func (s *Side) admit(set *settings, st *wire.Stanza) (wire.StanzaError, bool) {
	if st.Type == "unavailable" {
		return wire.StanzaError{}, true
	}
	if !set.access.allows(st.From) && !s.foreign.expects(set, st) {
		s.Counters.Refused.Add(1)
		s.complain.Do(func() { s.log.Info("stanza of somebody who may not use the gateway", "from", st.From) })
		return wire.StanzaError{Condition: wire.ConditionNotAuthorized, Text: "You may not use this gateway."}, false
	}
	if st.Type == "error" || st.Kind == wire.IQ && st.Type == "result" {
		return wire.StanzaError{}, true
	}
	now := time.Now()
	if s.guests.bucket(st.From, deedOf(st), set, now).AllowN(now, 1) {
		return wire.StanzaError{}, true
	}
	s.Counters.TooFast.Add(1)
	s.complain.Do(func() { s.log.Info("stanza over the rate of its sender", "from", st.From) })
	return wire.StanzaError{Type: "wait", Condition: wire.ConditionPolicyViolation, Text: "Too fast. Wait a moment."}, false
}

// deedOf tells what a stanza is counted as. A message that asks others to write
// to people in its sender's place says something, too.
func deedOf(st *wire.Stanza) deed {
	if st.Kind != wire.Message {
		return other
	}
	x, _ := st.Child(nsMUCUser, "x")
	_, invites := x.Child(nsMUCUser, "invite")
	_, declines := x.Child(nsMUCUser, "decline")
	_, calls := st.Child(nsConference, "x")
	_, shares := st.Child(nsSharing, "file-sharing")
	if _, body := st.Child(wire.NSComponent, "body"); body || shares || invites || declines || calls {
		return says
	}
	return signals
}
