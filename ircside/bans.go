package ircside

import (
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

const (
	// leftMemory is how long after somebody has gone a ban is still told of them.
	leftMemory = 5 * time.Minute
	// aheadMemory is how long the word of another session of ours is kept that
	// was quicker than the observer's.
	aheadMemory = 10 * time.Second
	// maxLeft and maxBans bound who and what is remembered of a channel, maxOf
	// of how many people a ban is noted: one of more is of none in particular.
	maxLeft = 64
	maxBans = 256
	maxOf   = 20
)

// banlist is what is known of who is kept out of a channel: what has been set
// while we were there, and who has gone lately.
type banlist struct {
	bans []*ban   // in their order
	left []leaver // in their order
}

// ban is an entry of the list of bans, or of another that silences.
type ban struct {
	banMask
	mode  byte
	param string // folded
	raw   string // as it was set
	actor string
	at    time.Time
	// ahead is that the observer itself has not seen it yet.
	ahead bool
	wide  bool            // it fits more than maxOf
	ofAll bool            // it fits several of ours: it is of the gateway
	of    []bridge.Person // whom it was found to be of, also if they had gone
}

// leaver is somebody who has gone.
type leaver struct {
	identity
	person bridge.Person
	at     time.Time
	banned bool // it was told that they are
}

// find is the ban of a MODE change, nil if it isn't known.
func (l *banlist) find(mode byte, param string) *ban {
	for _, b := range l.bans {
		if b.mode == mode && b.param == param {
			return b
		}
	}
	return nil
}

// note remembers a ban. It is told whether it was known already.
func (l *banlist) note(t *isupport.Table, mode byte, param, actor string, now time.Time, ahead bool) (b *ban, fresh bool) {
	l.bans = slices.DeleteFunc(l.bans, func(b *ban) bool { return b.ahead && now.Sub(b.at) > aheadMemory })
	raw := bounded(param)
	param = t.Fold(raw)
	if b = l.find(mode, param); b != nil {
		fresh = b.ahead && !ahead
		b.ahead = b.ahead && ahead
		if fresh {
			b.actor = actor
		}
		return b, fresh
	}
	if len(l.bans) >= maxBans {
		l.bans = slices.Delete(l.bans, 0, 1)
	}
	b = &ban{banMask: parseBan(t, raw), mode: mode, param: param, raw: raw, actor: actor, at: now, ahead: ahead}
	if mode == 'q' && b.kind == banEnter {
		b.kind = banSpeak
	}
	l.bans = append(l.bans, b)
	return b, true
}

// entry is the ban, if any, that keeps who out: the last one.
func (l *banlist) entry(t *isupport.Table, who identity) *ban {
	for _, b := range slices.Backward(l.bans) {
		if b.kind == banEnter && b.fits(t, who) {
			return b
		}
	}
	return nil
}

// justSet is the last ban, if who kicks n has set it a moment ago, and it is of
// hosts, and nobody knows that of n.
func (l *banlist) justSet(n *member, actor string, now time.Time) *ban {
	if n.userhost != "" || len(l.bans) == 0 {
		return nil
	}
	b := l.bans[len(l.bans)-1]
	if b.kind != banEnter || b.account || b.actor != actor || now.Sub(b.at) > aheadMemory || len(b.of) > 0 || !strings.HasPrefix(b.mask, "*!") {
		return nil
	}
	return b
}

// silences reports whether a ban keeps who from speaking.
func (l *banlist) silences(t *isupport.Table, who identity) bool {
	return slices.ContainsFunc(l.bans, func(b *ban) bool {
		return !b.wide && b.silencing(t) && b.fits(t, who)
	})
}

// silencing reports whether whom the ban fits may not speak.
func (b *ban) silencing(t *isupport.Table) bool {
	return b.kind == banSpeak || b.kind == banEnter && bansSilence(t)
}

// names notes that the ban is one of who. It is false where it is of too many.
func (b *ban) names(who bridge.Person) bool {
	if slices.Contains(b.of, who) {
		return true
	}
	if len(b.of) >= maxOf {
		return false
	}
	b.of = append(b.of, who)
	return true
}

// of are the bans that were noted for somebody.
func (l *banlist) of(who bridge.Person) (found []*ban) {
	for _, b := range l.bans {
		if slices.Contains(b.of, who) {
			found = append(found, b)
		}
	}
	return found
}

// gone notes that somebody has left.
func (l *banlist) gone(who leaver) {
	stale := 0
	for stale < len(l.left) && (who.at.Sub(l.left[stale].at) > leftMemory || len(l.left)-stale >= maxLeft) {
		stale++
	}
	l.left = append(slices.Delete(l.left, 0, stale), who)
}

// renamed has bans go with who has another nick, and so is another person.
func (l *banlist) renamed(from, to bridge.Person) {
	for _, b := range l.bans {
		if i := slices.Index(b.of, from); i >= 0 {
			b.of[i] = to
		}
	}
}

// lastOf is who was last called nick, or is one of ours, of those who have gone.
func (l *banlist) lastOf(t *isupport.Table, nick string, who bridge.Person) (leaver, bool) {
	for _, old := range slices.Backward(l.left) {
		if who != (bridge.Person{}) && old.person == who || nick != "" && t.Fold(old.nick) == t.Fold(nick) {
			return old, true
		}
	}
	return leaver{}, false
}

// isBanMode reports whether a mode has a list of those who may not enter or,
// Solanum's +q, not speak.
func isBanMode(t *isupport.Table, mode byte) bool {
	return mode == 'b' || mode == 'q' && strings.IndexByte(t.ListModes, 'q') >= 0
}

func (n *member) identity() identity {
	return identity{nick: n.nick, userhost: n.userhost, account: n.account}
}

// banChanged is an entry of the list that was set or taken back. Whoever it is
// of and has gone is told of as banned. A kick may follow; of who stays it is
// told that they may not speak, once the server has answered a question of ours
// and so has nothing more to say of it.
func (o *observer) banChanged(c modeChange, actor string) {
	param := o.decode(c.param)
	if !c.set {
		o.pardoned(c.mode, o.table.Fold(bounded(param)), actor)
		return
	}
	b, fresh := o.bans.note(o.table, c.mode, param, actor, o.now, false)
	if !fresh || b.kind == banOther {
		return
	}
	var fit []*member
	for n := range o.members.Values() {
		if b.fits(o.table, n.identity()) {
			if fit = append(fit, n); len(fit) > maxOf {
				b.wide, b.ofAll = true, true
				return
			}
		}
	}
	ours := 0
	for _, n := range fit {
		if !o.native(n) {
			ours++
		}
	}
	b.ofAll = ours > 1
	for _, n := range fit {
		if o.native(n) || !b.ofAll {
			b.names(o.person(n))
		}
	}
	if b.kind == banEnter {
		o.bannedAfter(b)
	}
	if len(fit) > 0 && b.silencing(o.table) {
		o.silencer, o.unsure = actor, true
	}
}

// bannedAfter tells of those who had gone when they were banned.
func (o *observer) bannedAfter(b *ban) {
	told := map[bridge.Person]bool{}
	for i := range slices.Backward(o.bans.left) {
		l := &o.bans.left[i]
		if l.banned || told[l.person] || o.now.Sub(l.at) > leftMemory || o.member([]byte(l.nick)) != nil || !b.fits(o.table, l.identity) || !b.names(l.person) {
			continue
		}
		l.banned, told[l.person] = true, true
		if o.synced {
			o.out = append(o.out, bridge.Event{Room: *o.room, By: l.person, Name: l.nick, At: o.now,
				Body: bridge.Leave{Cause: bridge.CauseBan, Actor: b.actor}})
		}
	}
}

// pardoned is an entry that was taken off the list.
func (o *observer) pardoned(mode byte, param, actor string) {
	b := o.bans.find(mode, param)
	if b == nil {
		return
	}
	o.bans.bans = without(o.bans.bans, b)
	for i := range o.bans.left {
		if slices.Contains(b.of, o.bans.left[i].person) {
			o.bans.left[i].banned = false
		}
	}
	if b.kind == banEnter && o.synced {
		for _, who := range b.of {
			if len(o.bans.of(who)) == 0 {
				o.out = append(o.out, bridge.Event{Room: *o.room, At: o.now, Body: bridge.Pardon{Person: who, Actor: actor}})
			}
		}
	}
	o.weighAll(func(n *member) bool { return n.silenced }, actor)
}

// stayed is that those who were banned have not been kicked.
func (o *observer) stayed() {
	if o.silencer != "" {
		o.weighAll(func(n *member) bool { return !n.silenced && o.bans.silences(o.table, n.identity()) }, o.silencer)
		o.silencer = ""
	}
}

func (o *observer) weighAll(which func(*member) bool, actor string) {
	var some []*member
	for n := range o.members.Values() {
		if which(n) {
			some = append(some, n)
		}
	}
	o.weigh(some, actor)
}

// weigh finds anew whether bans silence members, and tells of whom that
// changes what they may do.
func (o *observer) weigh(members []*member, actor string) {
	slices.SortFunc(members, func(a, b *member) int { return strings.Compare(a.nick, b.nick) })
	for _, n := range members {
		before := o.role(n)
		n.silenced = o.bans.silences(o.table, n.identity())
		if now := o.role(n); now != before && o.synced {
			o.emit(n, bridge.RoleChange{Role: now, Actor: actor})
		}
	}
}

// banned makes of how n goes that they are banned, where a ban has been set
// that fits them: a kick after it is for good, and who goes by themselves soon
// after can't come back.
func (o *observer) banned(n *member, how bridge.Leave) bridge.Leave {
	b := o.bans.entry(o.table, n.identity())
	if b == nil && how.Cause == bridge.CauseKick {
		b = o.bans.justSet(n, how.Actor, o.now)
	}
	switch {
	case b == nil:
	case b.ofAll && !o.native(n):
	case how.Cause == bridge.CauseKick && b.names(o.person(n)):
		how.Cause = bridge.CauseBan
	case (how.Cause == bridge.CausePart || how.Cause == bridge.CauseQuit) && !b.wide && o.now.Sub(b.at) <= leftMemory && b.names(o.person(n)):
		how.Cause, how.Actor = bridge.CauseBan, b.actor
	}
	return how
}

// noteBans remembers the bans of a MODE line that another session of ours has
// heard before the observer: a kick may complete them.
func (o *observer) noteBans(m *line.Message, now time.Time) {
	for c := range modeChanges(m, o.table) {
		if c.set && c.mode == 'b' {
			o.bans.note(o.table, c.mode, o.decode(c.param), o.decode(m.Nick()), now, true)
		}
	}
}
