package guest

import (
	"hash/fnv"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// The times of a puppet.
const (
	joinTime    = time.Minute      // that a room has to let somebody in
	riddleTime  = 5 * time.Minute  // that somebody has to show that they are human (XEP-0158)
	leaveTime   = 15 * time.Second // that a room has to let somebody go
	answerTime  = 30 * time.Second // that a room has to take a message
	quietTime   = 15 * time.Minute // of silence until a puppet asks whether it is in the room (XEP-0410)
	quietSpread = 3 * time.Minute  // over which the puppets of a server ask
	doubtTime   = time.Minute      // until it asks again when it got no clear answer
	maxDoubts   = 3                // after so many it comes anew
	firstRetry  = 5 * time.Second
	mostRetry   = 10 * time.Minute
	openTime    = 5 * time.Second // that a room has for its subject and its name, after its occupants
)

// state is how far a puppet has come.
type state uint8

const (
	waiting state = iota // until it is their turn to join; see door
	joining              // a join was sent
	inside               // the room has let them in
	lost                 // they were inside, and can't be heard until they are again
	leaving              // they are to leave, which the room has yet to confirm
)

// puppet is one of ours in the room, or on the way into it or out.
type puppet struct {
	person bridge.Person
	jid    jid.JID // full
	state  state
	due    time.Time // when the state's time is over; zero for never
	heard  time.Time // when the room last sent something

	wish     string // the nick they want, as the room would spell it
	try      int    // how many others were tried in its place
	nick     string // the nick they have, while inside or lost
	password string
	known    bool          // the core has been told that they are in, and is told when they are not
	told     bool          // and that they can be heard
	ask      bridge.Event  // the Join without an answer; without Body for none
	renaming bridge.Event  // the Rename without an answer, likewise
	to       string        // the nick that it asks for
	toTry    int           // which of those that would do
	next     *bridge.Event // a Rename that waits for the answer to that one
	was      bridge.Person // who they were before they became person; see Room.formerly
	passing  bool          // on the way in or out
	farewell string        // what they say when it is their turn to go
	riddle   string        // what the room wants to know of a human
	asked    bool          // for voice, in this stay
	check    bool          // while lost: they may still be in the room, and ask first
	pinging  bool
	read     int // how far they have read, by spoken
	doubts   int // pings without a clear answer
	retry    *backoff.ExponentialBackOff

	presence bridge.Presence
	avatar   string
}

// suffixes are what is tried when a nick is taken: of somebody on Matrix first
// what tells them from their namesake.
func suffixes(p bridge.Person) []string {
	if p.Network == bridge.NetworkMatrix {
		return []string{"", "[m]", "_", "_2"}
	}
	return []string{"", "_", "__", "_2"}
}

// wished is the nick that a puppet asks for at the moment; spelled is the one
// by which the room knows it, if it does.
func (p *puppet) wished() string { return p.wish + suffixes(p.person)[p.try] }

// spelled; see wished.
func (p *puppet) spelled() string {
	if p.state == joining {
		return p.wished()
	}
	return p.nick
}

// enter takes somebody into the room, by the address as.
func (r *Room) enter(e bridge.Event, j bridge.Join, as jid.JID) {
	if r.waits(e.By) {
		r.judge(time.Now())
	}
	nick := r.nickFor(e.Name)
	if nick == "" {
		nick = r.nickFor(as.Local())
	}
	p := r.byPerson[e.By]
	switch {
	case nick == "":
		r.fail(e, bridge.ErrBadName, "XMPP can't hold such a nick.")
		return
	case p == nil && len(r.puppets) >= maxPuppets:
		r.fail(e, bridge.ErrTooMany, "Too many people of this gateway are in that room.")
		return
	case p == nil:
		delete(r.formerly, e.By)
		p = &puppet{person: e.By, jid: r.vacant(as), wish: nick}
		r.puppets[p.jid], r.byPerson[e.By] = p, p
		r.order = append(r.order, p)
		r.opt.Counters.Puppets.Add(1)
	}
	if p.ask.Body != nil {
		r.fail(p.ask, bridge.ErrConflict, "Another attempt to join came after this one.")
	}
	p.ask, p.password = e, j.Password
	switch {
	case p.state == inside && p.known:
		r.admitted(p)
	case p.state == inside: // the list of occupants is still to come
		r.unhold(p)
		r.admitted(p)
	case p.state == leaving: // when they are out
		p.wish = nick
	case p.state == joining:
		p.wish, p.try = nick, 0
		r.sendJoin(p)
	case p.keeps():
		r.mapped = true
		p.wish, p.try = nick, 0
		r.askService(p)
	default:
		p.wish, p.try = nick, 0
		r.approach(p)
	}
}

// sendJoin asks the room to let a puppet in (XEP-0045 §7.2). Without an
// observer it is the one that watches.
func (r *Room) sendJoin(p *puppet) {
	for r.isSibling(p, p.wished()) {
		if p.try++; p.try == len(suffixes(p.person)) {
			p.try = 0
			r.notIn(p, bridge.ErrConflict, refusals[wire.ConditionConflict].text, true)
			return
		}
	}
	at, err := r.jid.WithResource(p.wished())
	if err != nil {
		r.refuse(p, bridge.ErrBadName, "XMPP can't hold such a nick.")
		return
	}
	if p.state != inside {
		p.state, p.due = joining, time.Now().Add(joinTime)
		r.plan(p.due)
		r.passes(p, true)
	}
	if r.watcher == nil {
		r.watch(p, false)
	}
	if r.watcher == p && !r.informed {
		r.askInfo(p)
	}
	password := p.password
	r.send(p.jid, func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Presence, To: at, From: p.jid, ID: "join"})
		b = r.appendAvailability(b, p.jid, p.presence, p.avatar)
		b = append(b, "<x xmlns='"+nsMUC+"'>"...)
		if password != "" {
			b = wire.AppendElement(b, "password", password)
		}
		b = append(b, "<history maxstanzas='0'/></x>"...)
		return wire.AppendClose(b, wire.Presence)
	})
}

// letIn is that a puppet's own presence has come: it is in the room.
func (r *Room) letIn(p *puppet, nick string, o *occupant, created bool) {
	if created {
		r.surprised(p)
		return
	}
	renamed := p.known && p.nick != nick
	if renamed {
		r.publish(bridge.Event{By: p.person, Name: p.nick, Body: bridge.Rename{To: nick, Person: p.person}})
	}
	if p.wished() != nick {
		r.disclaim(p.wished())
	}
	p.nick, p.state, p.retry, p.doubts, p.riddle = nick, inside, nil, 0, ""
	r.passes(p, false)
	r.claim(nick, p.person)
	r.quietUntil(p, time.Now().Add(quietTime))
	if p.known && !p.told {
		p.told = true
		r.hold(p, bridge.Event{By: p.person, Name: nick, Body: bridge.Attachment{Attached: true, Text: "In the room again."}})
	}
	if p.ask.Body != nil {
		r.admittedAs(p, o)
	}
}

// admitted answers the Join of somebody who is in the room already.
func (r *Room) admitted(p *puppet) { r.admittedAs(p, r.people[p.nick]) }

// admittedAs answers a Join, after the list of occupants.
func (r *Room) admittedAs(p *puppet, o *occupant) {
	j := bridge.Join{Role: bridge.RoleParticipant}
	if o != nil {
		j.Role = o.power()
	}
	r.hold(p, bridge.Event{By: p.person, Name: p.nick, Ref: p.ask.ID, Body: j})
}

// surprised leaves a room that is only there because we came: nobody else's
// room is to be made, or kept locked (XEP-0045 §10.1), by a typo.
func (r *Room) surprised(p *puppet) {
	r.opt.Counters.Surprises.Add(1)
	r.sendLeave(p, "")
	r.refuse(p, bridge.ErrNotFound, "There is no room "+r.jid.String()+".")
}

// refuse ends an attempt to get into the room: the first one, or one to come back.
func (r *Room) refuse(p *puppet, kind bridge.ErrorKind, text string) {
	if p.ask.Body != nil {
		r.fail(p.ask, kind, text)
		p.ask = bridge.Event{}
	}
	if p.known { // that they can't come back is no verdict on them: the room may be otherwise now, or gone
		r.publish(bridge.Event{By: p.person, Name: p.nick, Body: bridge.Leave{Reason: text}})
	}
	r.drop(p, true)
}

// lose is that a puppet can't be heard any more, and will try to come back.
func (r *Room) lose(p *puppet, text string, at time.Time) {
	if p.state == leaving {
		r.left(p)
		return
	}
	if p.known && p.told {
		p.told = false
		r.publish(bridge.Event{By: p.person, Name: p.nick, Body: bridge.Attachment{Text: text}})
	}
	r.unhold(p)
	if p.state == joining {
		r.disclaim(p.wished())
	}
	p.state, p.due, p.doubts = lost, at, 0
	r.passes(p, false)
	if p.becomesOther(p.renaming) {
		r.goesOn(p, p.nick)
	}
	r.plan(at)
	r.failSent(p, text)
	if r.watcher == p {
		r.succeed(true)
	}
}

// nextRetry is when a puppet tries again to come back: later each time, and
// never all at once.
func (p *puppet) nextRetry() time.Time {
	if p.retry == nil {
		p.retry = backoff.NewExponentialBackOff()
		p.retry.InitialInterval, p.retry.MaxInterval, p.retry.Multiplier = firstRetry, mostRetry, 2
		p.retry.Reset()
	}
	return time.Now().Add(p.retry.NextBackOff())
}

// puppetDue is that the time of a puppet's state is over.
func (r *Room) puppetDue(p *puppet) {
	switch p.state {
	case joining:
		r.opt.Counters.Timeouts.Add(1)
		text := "The room " + r.jid.String() + " did not answer."
		if p.riddle != "" {
			text = "The room waited for this: " + p.riddle
		}
		r.sendLeave(p, "") // should it let them in yet, nobody is there any more
		r.notIn(p, bridge.ErrTimeout, text, true)
	case inside:
		r.askWhenQuiet(p)
	case lost:
		if p.check && r.watcher != nil {
			r.ping(p)
			return
		}
		r.opt.Counters.Rejoins.Add(1)
		p.try, p.check = 0, false
		r.approach(p)
	case leaving:
		r.left(p)
	}
}

// notIn is that an attempt to get in has failed, for good or for now: who has
// been in before tries again.
func (r *Room) notIn(p *puppet, kind bridge.ErrorKind, text string, passing bool) {
	if !passing || !p.known {
		r.refuse(p, kind, text)
		return
	}
	r.lose(p, text, p.nextRetry())
}

// leave takes somebody out of the room, as they wish. The room confirms it.
func (r *Room) leave(p *puppet, l bridge.Leave) {
	p.ask, p.known, p.told = bridge.Event{}, false, false
	r.unhold(p)
	r.failSent(p, "You have left the room.")
	switch p.state {
	case waiting, lost:
		r.drop(p, false)
	case inside:
		r.depart(p, l.Reason)
	case joining:
		r.sendLeave(p, l.Reason)
		p.nick, p.state, p.due = p.wished(), leaving, time.Now().Add(leaveTime)
		r.plan(p.due)
	}
}

// sendLeave says that a puppet goes (XEP-0045 §7.14).
func (r *Room) sendLeave(p *puppet, reason string) {
	at, err := r.jid.WithResource(p.spelled())
	if err != nil {
		return // no room could have let them in
	}
	r.send(p.jid, func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Presence, To: at, From: p.jid, Type: "unavailable"})
		if reason != "" {
			b = wire.AppendElement(b, "status", cut(reason, maxReason))
		}
		return wire.AppendClose(b, wire.Presence)
	})
}

// left is that a puppet is out, as it should be; unless its person has asked
// to be let in meanwhile.
func (r *Room) left(p *puppet) {
	ask := p.ask
	if ask.Body == nil {
		r.drop(p, false)
		return
	}
	r.disclaim(p.nick)
	if r.watcher == p {
		r.succeed(false)
	}
	p.state, p.try, p.nick = joining, 0, ""
	r.sendJoin(p)
}

// drop forgets a puppet. After a gap in what an observer heard, the next one
// has to look anew.
func (r *Room) drop(p *puppet, gap bool) {
	if r.puppets[p.jid] != p {
		return
	}
	delete(r.puppets, p.jid)
	delete(r.byPerson, p.person)
	if r.formerly[p.was] == p {
		delete(r.formerly, p.was)
	}
	r.passes(p, false)
	r.order = slices.DeleteFunc(r.order, func(o *puppet) bool { return o == p })
	r.opt.Counters.Puppets.Add(-1)
	if len(r.puppets) == 0 {
		r.judge(time.Now())
	}
	r.unhold(p)
	r.failSent(p, "You are not in this room any more.")
	r.disclaim(p.spelled())
	if r.watcher == p {
		r.succeed(gap)
	}
}

// quietUntil has a puppet ask, if it hears nothing until then, whether it is
// still in the room. Puppets ask at different times.
func (r *Room) quietUntil(p *puppet, at time.Time) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(p.jid.String() + r.jid.String()))
	p.due = at.Add(time.Duration(h.Sum32()) % quietSpread)
	r.plan(p.due)
}

// Down is that nothing of a domain of ours can be heard. Up is that it can,
// after it couldn't: whoever is in the room asks whether they still are.
func (r *Room) Down(domain string) {
	r.locked(func() { r.linkDown(domain) }, true)
}

// Up; see Down.
func (r *Room) Up(domain string) {
	r.locked(func() {
		r.linkDown(domain)
		at := time.Now()
		for _, p := range r.order {
			if p.jid.Domain() == domain && p.state == lost {
				p.retry, p.due = nil, at
				r.plan(at)
				at = at.Add(pace)
			}
		}
	}, true)
}

// pace is the time between two puppets that come back.
const pace = 20 * time.Millisecond

// linkDown loses the puppets of a domain. They wait for Up, or, should that
// not come, for longer.
func (r *Room) linkDown(domain string) {
	r.loseAll(func(p *puppet) bool { return p.jid.Domain() == domain }, "The gateway has no connection to the XMPP server.",
		func(p *puppet) time.Time {
			p.check = true
			return time.Now().Add(mostRetry)
		})
}

// loseAll loses at once those for whom gone says so: none of them is to
// observe for the next one. retry says when each tries to come back.
func (r *Room) loseAll(gone func(p *puppet) bool, text string, retry func(p *puppet) time.Time) {
	orphaned := r.watcher != nil && r.watcher.state == inside && gone(r.watcher)
	if orphaned {
		r.watcher = nil
	}
	for _, p := range append([]*puppet(nil), r.order...) {
		if p.state == inside && gone(p) {
			r.lose(p, text, retry(p))
		}
	}
	if orphaned && r.watcher == nil {
		r.succeed(true)
	}
}

// Evict takes out of the room whom gone names, and tells them why.
func (r *Room) Evict(gone func(who bridge.Person, as jid.JID) bool, reason string) {
	r.locked(func() {
		for _, p := range append([]*puppet(nil), r.order...) {
			if !gone(p.person, p.jid) {
				continue
			}
			if p.state == inside || p.state == joining {
				r.sendLeave(p, reason)
			}
			r.refuse(p, bridge.ErrPolicy, reason)
		}
	}, true)
}

// Shutdown leaves the room with everybody, and tells nobody but the room.
func (r *Room) Shutdown(reason string) {
	r.locked(func() {
		for _, p := range append([]*puppet(nil), r.order...) {
			if p.state == inside || p.state == joining {
				r.sendLeave(p, reason)
			}
			p.known, p.ask = false, bridge.Event{}
			r.drop(p, false)
		}
	}, true)
}
