package guest

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// observation is what the room looks like to the puppet that observes it.
type observation struct {
	watcher *puppet // nil while nobody is in the room, or on the way there
	people  map[string]*occupant
	before  map[string]*occupant // what the last observer knew, until the list is complete

	// The picture is complete (synced) when the occupants are listed, and the
	// room's description (informed) and subject (live) are known; for the
	// latter two it does not wait longer than openBy.
	synced, listed, informed, live bool
	openBy                         time.Time
	warned                         bool // that another bridge is here
	anew                           bool // the list has to be sent again: its beginning was missed
	info                           roomInfo
	askingInfo                     bool
	topic                          *bridge.Event
	held                           []heldFact // what is told right after the picture

	took   time.Time // when the watcher took over from another
	recent [64]uint64
	next   int // in recent
}

// occupant is one nick in the room.
type occupant struct {
	nick        string
	ours        bridge.Person          // whose puppet it is; zero for a native
	maybe       bool                   // perhaps a puppet on the way in: nobody is told of it yet
	stray       bool                   // by an address of ours, but nobody of ours: left over from before
	declined    map[bridge.Person]bool // who of ours they were told does not get what they write to them
	jid         jid.JID                // bare; zero where the room keeps it to itself
	affiliation affiliation
	role        role
	show        bridge.Show
	status      string
	avatar      string
	typing      bool
}

// heldFact is a Join or the like of a puppet that must not come before the
// picture of the room that its person is to see.
type heldFact struct {
	p    *puppet // nil for what a native did
	fact bridge.Event
}

func (o *occupant) native() bool { return o.ours == (bridge.Person{}) }

// personOf is what the core calls an occupant.
func (r *Room) personOf(o *occupant) bridge.Person {
	if !o.native() {
		return o.ours
	}
	return r.nativePerson(o.nick)
}

func (r *Room) nativePerson(nick string) bridge.Person {
	return bridge.Person{Network: bridge.NetworkXMPP, ID: r.jid.String() + "/" + nick}
}

// watch makes p the observer. It knows nothing yet, and the room sends it the
// occupants; anew says that it has missed the first of them.
func (r *Room) watch(p *puppet, anew bool) {
	if r.synced {
		r.before = r.people
	}
	r.people = map[string]*occupant{}
	r.watcher, r.anew = p, anew
	r.synced, r.listed, r.openBy = false, false, time.Time{}
	r.informed, r.live = false, false
}

// succeed finds another observer. Without a gap in what the last one heard the
// next takes over all that is known.
func (r *Room) succeed(gap bool) {
	r.watcher = nil
	for _, s := range []state{inside, joining} {
		for _, p := range r.order {
			if p.state != s {
				continue
			}
			switch {
			case s == inside && !gap && r.synced:
				r.watcher, r.took = p, time.Now()
			case s == inside:
				r.watch(p, false)
				r.sendAgain(p)
			default:
				r.watch(p, true)
			}
			return
		}
	}
	r.synced, r.listed, r.openBy = false, false, time.Time{}
	r.people, r.before = map[string]*occupant{}, nil
}

// sendAgain has the room send the whole list once more: to who joins while
// they are in it, rooms answer as to who comes.
func (r *Room) sendAgain(p *puppet) {
	p.wish, p.try = p.nick, 0
	r.sendJoin(p)
	r.openBy = time.Now().Add(answerTime)
	r.plan(r.openBy)
	r.listed = false
}

// overdueList goes on with what the last observer knew: the room does not send
// its list to who is in it already.
func (r *Room) overdueList() {
	for nick, o := range r.before {
		if r.people[nick] == nil {
			r.people[nick] = o
		}
	}
	r.listed, r.anew = true, false
	r.open()
}

// listedAll is that the watcher's own presence has come: everybody's has
// (XEP-0045 §7.2.2).
func (r *Room) listedAll() {
	if r.synced || r.listed {
		return
	}
	if r.anew {
		r.anew = false
		clear(r.people)
		r.sendAgain(r.watcher)
		return
	}
	r.listed = true
	r.openBy = time.Now().Add(openTime)
	r.open()
	if !r.synced {
		r.plan(r.openBy)
	}
}

// open tells the core what the room looks like, once that is known.
func (r *Room) open() {
	if !r.listed || r.synced || (!r.informed || !r.live) && time.Now().Before(r.openBy) {
		return
	}
	r.synced, r.live, r.before = true, true, nil
	list := make([]bridge.Member, 0, len(r.people))
	for _, o := range r.people {
		if !o.maybe {
			list = append(list, bridge.Member{
				Person: r.personOf(o), Name: o.nick, Role: o.power(), Show: o.show, Status: o.status, Avatar: o.avatar,
			})
		}
	}
	slices.SortFunc(list, func(a, b bridge.Member) int { return strings.Compare(a.Name, b.Name) })
	r.publish(bridge.Event{Body: bridge.Members{Members: list, Secret: r.info.secret}})
	if r.info.body() != (bridge.RoomInfo{}) {
		r.publish(bridge.Event{Body: r.info.body()})
	}
	if r.topic != nil {
		r.publish(*r.topic)
	}
	held := r.held
	r.held = nil
	for _, h := range held {
		r.tell(h.p, h.fact)
	}
}

// hold tells something of a puppet, or of what is said, when the picture of
// the room has been told.
func (r *Room) hold(p *puppet, fact bridge.Event) {
	switch {
	case r.synced:
		r.tell(p, fact)
	case p == nil && len(r.held) >= maxHeld:
		r.opt.Counters.Ignored.Add(1)
	default:
		r.held = append(r.held, heldFact{p, fact})
	}
}

func (r *Room) tell(p *puppet, fact bridge.Event) {
	if _, join := fact.Body.(bridge.Join); join {
		p.known, p.told, p.ask = true, true, bridge.Event{}
	}
	r.publish(fact)
}

// unhold drops what is held of a puppet: it is not so any more.
func (r *Room) unhold(p *puppet) {
	r.held = slices.DeleteFunc(r.held, func(h heldFact) bool { return h.p == p })
}

// appeared is that an occupant is there, or looks different (XEP-0045 §7.2.2, §7.7).
func (r *Room) appeared(st *wire.Stanza, nick string, item wire.Element) {
	o := r.people[nick]
	isNew := o == nil
	if isNew {
		if len(nick) > maxNick || len(r.people) >= maxOccupants {
			r.opt.Counters.Crowded.Add(1)
			return
		}
		o = &occupant{nick: strings.Clone(nick)}
		o.ours, o.maybe, o.stray = r.whose(nick, item)
		if caps, has := st.Child(nsCaps, "c"); has && o.native() && !o.maybe && caps.Attr("node") == Node && r.byPerson[bridge.Keeper] != nil {
			r.neighbour(o)
		}
		r.people[o.nick] = o
	}
	was := *o
	o.read(st, item)
	if isNew {
		r.identified(o)
	}
	if o.affiliation != was.affiliation {
		r.empowered(o)
	}
	if !r.synced || o.maybe {
		return
	}
	if isNew {
		if o.native() {
			r.introduce(o)
		}
		return
	}
	if o.power() != was.power() {
		actor := r.actor(actorOf(item), o.nick, "")
		r.publish(bridge.Event{By: r.personOf(o), Name: o.nick, Body: bridge.RoleChange{Role: o.power(), Actor: actor}})
	}
	if !o.native() {
		return
	}
	if o.show != was.show || o.status != was.status {
		r.publish(bridge.Event{By: r.personOf(o), Name: o.nick, Body: bridge.Presence{Show: o.show, Status: o.status}})
	}
	if o.avatar != was.avatar {
		r.publish(bridge.Event{By: r.personOf(o), Name: o.nick, Body: bridge.Profile{Avatar: o.avatar}})
	}
}

// introduce tells of a native who has come.
func (r *Room) introduce(o *occupant) {
	e := bridge.Event{By: r.personOf(o), Name: o.nick}
	tell := func(b bridge.Body) {
		e.Body = b
		r.publish(e)
	}
	tell(bridge.Join{Role: o.power()})
	if o.show != bridge.ShowOnline || o.status != "" {
		tell(bridge.Presence{Show: o.show, Status: o.status})
	}
	if o.avatar != "" {
		tell(bridge.Profile{Avatar: o.avatar})
	}
}

// whose tells who of ours a new nick is, or that it may be one of ours who is
// on the way in, or to another nick; or that it is by an address of ours by
// which nobody is here any more. Of those who are left over from before, the
// room is told when it next says something to them (see foreign.stray).
func (r *Room) whose(nick string, item wire.Element) (who bridge.Person, maybe, stray bool) {
	real, err := jid.Parse(item.Attr("jid"))
	if err == nil {
		if p := r.puppets[real]; p != nil {
			return p.person, false, false
		}
	}
	for _, p := range r.order {
		switch {
		case p.state == inside && p.nick == nick, err == nil && p.jid.Bare() == real:
			return p.person, false, false
		case p.state == joining && p.wished() == nick, p.state == leaving && p.nick == nick:
			maybe = true
		case p.renaming.Body != nil && p.to == nick:
			maybe = true
		}
	}
	if who, known := r.opt.Person(real.Bare()); err == nil && known && who.Network != bridge.NetworkXMPP {
		return bridge.Person{}, true, true
	}
	return bridge.Person{}, maybe, false
}

// claim is that a nick is one of ours: the native that they may have been
// taken for goes.
func (r *Room) claim(nick string, who bridge.Person) {
	o := r.people[nick]
	if o == nil {
		return
	}
	if o.native() && !o.maybe && r.synced {
		r.publish(bridge.Event{By: r.personOf(o), Name: nick, Body: bridge.Leave{}})
	}
	o.ours, o.maybe, o.stray = who, false, false
	r.empowered(o)
}

// disclaim is that one of ours does not have a nick after all: if somebody
// has, they are a native.
func (r *Room) disclaim(nick string) {
	if o := r.people[nick]; o != nil && o.maybe && !o.stray {
		o.maybe = false
		if r.synced {
			r.introduce(o)
		}
	}
}

// vanished is that an occupant has gone (XEP-0045 §7.14), or goes on under
// another nick (§7.6).
func (r *Room) vanished(nick string, st *wire.Stanza, x wire.Element, c codes) {
	o := r.people[nick]
	if o == nil {
		return
	}
	delete(r.people, nick)
	item, _ := x.Child(nsUser, "item")
	if to := item.Attr("nick"); c.has(codeRenamed) && to != "" {
		r.renamed(o, strings.Clone(to))
		return
	}
	if !o.native() {
		return // they tell it themselves
	}
	how := r.departure(nick, st, x, c)
	if real := jidOf(item); !real.IsZero() { // we may have become a moderator after they came
		o.jid = real
	}
	r.remember(o.nick, o.jid)
	if how.Cause == bridge.CauseBan {
		r.noteBan(o.jid, r.personOf(o), o.nick)
	}
	r.gone(o, how)
}

// gone tells that a native has gone.
func (r *Room) gone(o *occupant, how bridge.Leave) {
	if r.synced && o.native() && !o.maybe {
		r.publish(bridge.Event{By: r.personOf(o), Name: o.nick, Body: how})
	}
}

func (r *Room) renamed(o *occupant, to string) {
	if before := r.people[to]; before != nil {
		r.gone(before, bridge.Leave{}) // we had missed their end
	}
	from, by := o.nick, r.personOf(o)
	if o.native() {
		r.remember(from, o.jid)
	}
	o.nick = to
	r.people[to] = o
	if r.synced && o.native() && !o.maybe {
		r.publish(bridge.Event{By: by, Name: from, Body: bridge.Rename{To: to, Person: r.personOf(o)}})
	}
}

var seed = maphash.MakeSeed()

// repeated reports whether a message was told before the observer changed.
func (r *Room) repeated(st *wire.Stanza, native string) bool {
	key := native
	if key == "" {
		key = st.From.Resource() + "\x00" + st.ID + "\x00" + st.ChildText(wire.NSComponent, "body")
	}
	h := maphash.String(seed, key)
	if time.Since(r.took) < answerTime && slices.Contains(r.recent[:], h) {
		return true
	}
	r.recent[r.next] = h
	r.next = (r.next + 1) % len(r.recent)
	return false
}
