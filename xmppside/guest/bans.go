package guest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// bans are what the bridge itself knows of who may not come in. What a room
// calls somebody is a nick, what it bans is an account: to ban, or to pardon,
// who is not there, it must be known which account they were.
type bans struct {
	seen     map[string]jid.JID // bare, of natives who have gone, by nick
	banned   map[jid.JID]ban    // by bare JID
	early    map[string]early   // accounts of who the observer has yet to hear of, by nick
	doing    map[string]deed    // what the bridge itself has asked for of late, by nick or bare JID
	look     time.Time          // when to look whether bans were lifted; zero for never
	compared bool               // the room's own list was taken over
}

// ban is whose account was banned, and when that became known.
type ban struct {
	who  bridge.Person
	name string
	at   time.Time
}

// early is an account, and when it was shown.
type early struct {
	jid jid.JID
	at  time.Time
}

// deed is who acts, should the room not say so, what they make of somebody, and
// until when that may be seen.
type deed struct {
	actor, value string
	until        time.Time
}

const (
	maxSeen   = 1024
	maxBanned = 1024
	maxDoing  = 256
	earlyTime = 10 * time.Second
	lookEvery = 5 * time.Minute // of the bans, while there are any
)

// remember keeps the account of a native who goes, or takes another nick.
func (r *Room) remember(nick string, real jid.JID) {
	if real.IsZero() || r.byPerson[bridge.Keeper] == nil {
		return
	}
	if r.seen == nil {
		r.seen = map[string]jid.JID{}
	}
	if _, known := r.seen[nick]; !known && len(r.seen) >= maxSeen {
		for forgotten := range r.seen {
			delete(r.seen, forgotten)
			break
		}
	}
	r.seen[nick] = real
}

// Account is the bare JID of an occupant, as far as the room has shown it; else zero.
func (r *Room) Account(who bridge.Person) jid.JID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.account(who)
}

// account is the bare JID by which somebody can be banned; zero if nobody knows.
func (r *Room) account(who bridge.Person) jid.JID {
	if p := r.puppetOf(who); p != nil {
		return p.jid.Bare()
	}
	at, err := jid.Parse(who.ID)
	switch {
	case who.Network != bridge.NetworkXMPP:
		at, err = r.opt.Address(who)
		if err != nil {
			return jid.JID{}
		}
		return at.Bare()
	case err != nil:
		return jid.JID{}
	case at.IsBare():
		return at
	case at.Bare() != r.jid:
		return jid.JID{}
	}
	if o := r.people[at.Resource()]; o != nil && o.native() && !o.jid.IsZero() {
		return o.jid
	}
	for real, b := range r.banned {
		if b.who == who {
			return real
		}
	}
	return r.seen[at.Resource()]
}

// whoHas is who is meant by an account that is not in the room.
func (r *Room) whoHas(real jid.JID) (who bridge.Person, name string) {
	if b, ok := r.banned[real]; ok {
		return b.who, b.name
	}
	if who, ok := r.opt.Person(real); ok && who.Network != bridge.NetworkXMPP {
		return who, ""
	}
	for nick, j := range r.seen {
		if j == real {
			return r.nativePerson(nick), nick
		}
	}
	return bridge.Person{Network: bridge.NetworkXMPP, ID: real.String()}, ""
}

// noteBan keeps whose account was banned, so that they can be pardoned, and where
// the Keeper is, that others see them pardoned.
func (r *Room) noteBan(real jid.JID, who bridge.Person, name string) {
	if real.IsZero() {
		return
	}
	if r.banned == nil {
		r.banned = map[jid.JID]ban{}
	}
	if _, known := r.banned[real]; !known && len(r.banned) >= maxBanned {
		r.opt.Counters.Ignored.Add(1)
		return
	}
	r.banned[real] = ban{who, name, time.Now()}
	if r.byPerson[bridge.Keeper] != nil {
		r.lookAt(time.Now().Add(lookEvery))
	}
}

// lifted tells that somebody may come in again.
func (r *Room) lifted(real jid.JID, actor string) {
	if slices.ContainsFunc(r.condemned, func(v verdict) bool { return v.p.jid.Bare() == real }) {
		r.judge(time.Now())
	}
	b, known := r.banned[real]
	if !known {
		return
	}
	delete(r.banned, real)
	r.publish(bridge.Event{Body: bridge.Pardon{Person: b.who, Actor: actor}})
}

// does notes that the bridge itself has asked for something that is done to
// somebody, by nick or account: not every server tells who did it.
func (r *Room) does(p *puppet, target, value string) {
	if !p.keeps() {
		return
	}
	if r.doing == nil {
		r.doing = map[string]deed{}
	}
	now := time.Now()
	for t, d := range r.doing {
		if d.until.Before(now) || len(r.doing) >= maxDoing {
			delete(r.doing, t)
		}
	}
	r.doing[target] = deed{p.nick, value, now.Add(answerTime)}
}

// actor is who did something to somebody: as the room says, or else as we know.
// value is what they are now, "" for whatever.
func (r *Room) actor(said, target, value string) string {
	d, ours := r.doing[target]
	if !ours || value != "" && value != d.value {
		return said
	}
	delete(r.doing, target)
	if said == "" && time.Now().Before(d.until) {
		return d.actor
	}
	return said
}

// told takes what a room tells its moderators of somebody who is not in it
// (XEP-0045 §9.1, §9.2), and reports false for what is no such thing.
func (r *Room) told(p *puppet, st *wire.Stanza) bool {
	x, ok := st.Child(nsUser, "x")
	item, has := x.Child(nsUser, "item")
	real := jidOf(item)
	if !ok || !has || real.IsZero() {
		return false
	}
	if k := r.keeper(); k != nil && p != k || k == nil && p != r.watcher {
		return true // the other one is told as well
	}
	actor := r.actor(actorOf(item), real.String(), item.Attr("affiliation"))
	_, known := r.banned[real]
	switch outcast := affiliations[item.Attr("affiliation")] == affiliationOutcast; {
	case outcast && known, r.isHere(real), real.Local() == "": // a whole domain is nobody
	case outcast:
		who, name := r.whoHas(real)
		reason := plain(item.ChildText(nsUser, "reason"), maxReason)
		r.publish(bridge.Event{By: who, Name: name, Body: bridge.Leave{Cause: bridge.CauseBan, Reason: reason, Actor: actor}})
		r.noteBan(real, who, name)
	default:
		r.lifted(real, actor)
	}
	return true
}

// isHere reports whether an account has an occupant: what happens to it, their
// presence tells.
func (r *Room) isHere(real jid.JID) bool {
	for _, o := range r.people {
		if o.jid == real {
			return true
		}
	}
	return false
}

// lookAt has the bans looked at then, if not before.
func (r *Room) lookAt(at time.Time) {
	if r.look.IsZero() || at.Before(r.look) {
		r.look = at
	}
	r.plan(r.look)
}

// bansDue looks whether bans were lifted, when it is time to.
func (r *Room) bansDue(now time.Time) {
	switch {
	case r.look.IsZero():
	case r.look.After(now):
		r.plan(r.look)
	default:
		r.look = time.Time{}
		r.askBanned()
	}
}

// empowered is that the bridge itself has got other rights: an administrator
// may see who is banned.
func (r *Room) empowered(o *occupant) {
	if o.ours == bridge.Keeper && o.affiliation >= affiliationAdmin && !r.compared {
		r.lookAt(time.Now())
	}
}

// askBanned asks for the list of those who are banned (XEP-0045 §9.4).
func (r *Room) askBanned() {
	k := r.keeper()
	if k == nil {
		return
	}
	if o := r.people[k.nick]; o == nil || o.affiliation < affiliationAdmin {
		return
	}
	asked := time.Now()
	payload := func(b []byte) []byte {
		return append(b, "<query xmlns='"+nsAdmin+"'><item affiliation='outcast'/></query>"...)
	}
	r.query(wire.Header{To: r.jid, From: k.jid}, payload, func(st *wire.Stanza, err error) func() {
		list := map[jid.JID]bool{}
		if err == nil {
			query, _ := st.Child(nsAdmin, "query")
			for c := range query.Children() {
				if real := jidOf(c); !real.IsZero() {
					list[real] = true
				}
			}
		}
		return func() {
			if err == nil {
				r.compareBans(list, asked)
			}
			if len(r.banned) > 0 {
				r.lookAt(asked.Add(lookEvery))
			}
		}
	})
}

// compareBans tells who is not banned any more. Of those of whom we hear for
// the first time, who is ours is kept in mind: others have no name.
func (r *Room) compareBans(list map[jid.JID]bool, asked time.Time) {
	for _, real := range slices.SortedFunc(maps.Keys(r.banned), byAddress) {
		if !list[real] && r.banned[real].at.Before(asked) {
			r.lifted(real, "")
		}
	}
	if r.compared {
		return
	}
	r.compared = true
	for real := range list {
		if who, ok := r.opt.Person(real); ok && who.Network != bridge.NetworkXMPP {
			if _, known := r.banned[real]; !known {
				r.noteBan(real, who, "")
			}
		}
	}
}

func byAddress(a, b jid.JID) int { return strings.Compare(a.String(), b.String()) }

// pardon lifts somebody's ban (XEP-0045 §9.2).
func (r *Room) pardon(p *puppet, e bridge.Event, b bridge.Pardon) {
	real := r.account(b.Person)
	if real.IsZero() {
		r.fail(e, bridge.ErrNotFound, "It is not known here which account that was.")
		return
	}
	was, known := r.banned[real]
	delete(r.banned, real) // it is lifted by us: nobody is to be told
	r.admin(p, e, change{attr: "affiliation", value: "none", jid: real}, func(err error) {
		if err != nil && known {
			r.noteBan(real, was.who, was.name)
		}
	})
}

// nickOf is the nick in the name of an occupant of this room.
func (r *Room) nickOf(who bridge.Person) (string, bool) {
	if who.Network != bridge.NetworkXMPP {
		return "", false
	}
	return strings.CutPrefix(who.ID, r.jid.String()+"/")
}

// identify takes note of whose account an occupant has, which the room may show
// to the bridge itself alone.
func (r *Room) identify(nick string, item wire.Element) {
	real := jidOf(item)
	switch o := r.people[nick]; {
	case real.IsZero():
	case o != nil:
		o.jid = real
	default: // the observer hears of them in a moment
		if r.early == nil || len(r.early) >= maxDoing {
			r.early = map[string]early{}
		}
		r.early[strings.Clone(nick)] = early{real, time.Now()}
	}
}

// identified gives a new occupant the account that the room showed to the
// bridge itself a moment ago.
func (r *Room) identified(o *occupant) {
	e, shown := r.early[o.nick]
	if !shown {
		return
	}
	delete(r.early, o.nick)
	if o.jid.IsZero() && time.Since(e.at) < earlyTime {
		o.jid = e.jid
	}
}
