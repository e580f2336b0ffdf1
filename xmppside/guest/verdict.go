package guest

import (
	"slices"
	"time"

	"isthmus/bridge"
)

// verdicts are bans of ours that are not told yet. What is done to one of them
// is done to them in all rooms that are mapped to this one; so it has to be told
// from a room that bans everybody who comes by one domain, which looks the same.
type verdicts struct {
	mapped    bool // the bridge itself has been in the room
	condemned []verdict
	judgement time.Time            // when they are told; zero for never
	barred    map[string]time.Time // domains that are banned as such, and until when more of that is expected
}

// verdict is that a puppet was banned.
type verdict struct {
	p    *puppet
	fact bridge.Event
}

const (
	verdictTime = 2 * time.Second // that a ban waits for others of its kind
	verdictMany = 4               // of one domain in that time: no moderator is so fast
	barredTime  = time.Minute     // in which further ones belong to those
)

// condemn tells that a puppet was banned: at once, or when it is known whether
// that was for its own sake.
func (r *Room) condemn(p *puppet, fact bridge.Event) {
	if p.keeps() || !r.mapped {
		r.publish(fact)
		r.noteBan(p.jid.Bare(), p.person, p.nick)
		if p.keeps() { // who else is banned now by the same domain is so for the bridge's sake
			r.bar(p.jid.Domain(), time.Now())
		}
		return
	}
	r.condemned = append(r.condemned, verdict{p, fact})
	if r.judgement.IsZero() {
		r.judgement = time.Now().Add(verdictTime)
		r.plan(r.judgement)
	}
}

// bar notes that a domain is banned as such.
func (r *Room) bar(domain string, now time.Time) {
	if r.barred == nil {
		r.barred = map[string]time.Time{}
	}
	r.barred[domain] = now.Add(barredTime)
}

// waits reports whether somebody's ban is not told yet.
func (r *Room) waits(who bridge.Person) bool {
	return slices.ContainsFunc(r.condemned, func(v verdict) bool { return v.fact.By == who })
}

// judgeDue is judge, when it is time to.
func (r *Room) judgeDue(now time.Time) {
	if r.judgement.IsZero() {
		return
	}
	if r.judgement.After(now) {
		r.plan(r.judgement)
		return
	}
	r.judge(now)
}

// judge tells of the bans that are waiting. Who was banned for their domain's
// sake has merely gone, as far as others are concerned.
func (r *Room) judge(now time.Time) {
	of := map[string]int{}
	for _, v := range r.condemned {
		of[v.p.jid.Domain()]++
	}
	for domain, n := range of {
		if n >= verdictMany || now.Before(r.barred[domain]) {
			r.bar(domain, now)
		}
	}
	condemned := r.condemned
	r.condemned, r.judgement = nil, time.Time{}
	for _, v := range condemned {
		how := v.fact.Body.(bridge.Leave)
		if domain := v.p.jid.Domain(); now.Before(r.barred[domain]) {
			how.Cause, how.Reason = bridge.CausePart, orText(how.Reason, "The room has banned all who come by "+domain+".")
			v.fact.Body = how
		} else {
			r.noteBan(v.p.jid.Bare(), v.p.person, v.p.nick)
		}
		r.publish(v.fact)
	}
}
