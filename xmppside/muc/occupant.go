package muc

import (
	"slices"
	"strings"
	"time"
	"unique"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Who names somebody in a fact. Nick is how they are called in the room, User
// the bare JID of those who are on XMPP; either will do for a user who has
// clients in the room, others are found by Nick. Account is the lasting id of
// who is not on XMPP, where their network knows people by more than a nickname.
type Who struct {
	Nick    string
	User    jid.JID
	Account string
}

// Member is somebody who is in the room, as the owner knows them.
type Member struct {
	Nick        string
	User        jid.JID // bare; zero for who is not on XMPP
	Account     string  // see Who
	Affiliation Affiliation
	Role        Role
	Show        Show // of users who have clients here, the room knows better
	Status      string
	Avatar      string // SHA-1 of their picture in hex, "" for none
}

func (m Member) who() Who { return Who{m.Nick, m.User, m.Account} }

// occupant is one nickname in the room. There may be many thousands of them,
// so there is nothing in here that only users need.
type occupant struct {
	nick        string
	about       *about // nil if there is nothing in it
	user        *user  // nil unless they have clients here
	since       uint32 // Room.clock at their entrance
	id          occupantID
	show        Show
	role        Role
	affiliation Affiliation
	typing      bool // as everybody was shown
}

// about is what not everybody has. It is not changed, but replaced, so that a
// copy of an occupant shows how they were.
type about struct {
	status  string
	account string
	avatar  string // as in Member; or removed
}

// removed is the avatar of who has none any more, which must be said: without a
// word, clients go on showing the one they had.
const removed = "-"

// more is what there is about an occupant.
func (o *occupant) more() about {
	if o.about == nil {
		return about{}
	}
	return *o.about
}

// tellMore sets it.
func (o *occupant) tellMore(a about) {
	switch {
	case a == about{}:
		o.about = nil
	case o.about == nil || *o.about != a:
		o.about = &a
	}
}

func (o *occupant) status() string { return o.more().status }

func (o *occupant) setStatus(status string) {
	a := o.more()
	a.status = cut(status, maxStatus)
	o.tellMore(a)
}

func (o *occupant) setAvatar(hash string) {
	a := o.more()
	if hash == "" && a.avatar != "" {
		hash = removed
	}
	a.avatar = hash
	o.tellMore(a)
}

// user is an occupant with clients of their own in the room.
type user struct {
	*occupant
	jid        jid.JID // bare
	resources  []*resource
	extra      unique.Handle[string] // presence payload that is shown
	avatar     string                // the one that the owner knows of; see resource
	asked      int                   // requests without an answer
	welcomes   int                   // clients let in since counted
	counted    time.Time
	signals    *told  // nil until there was one
	detached   bool   // hears nothing for now
	detachedAt uint32 // Room.clock then
}

// resource is one client in the room.
type resource struct {
	jid    jid.JID
	show   Show
	status string
	extra  unique.Handle[string]
	avatar string // SHA-1 of the picture in hex, removed for none; "" if its presence does not say
	order  uint32 // Room.clock at its last presence
}

// newResource reads what a client's presence says about it.
func (r *Room) newResource(st *wire.Stanza) *resource {
	r.clock++
	status := st.ChildText(wire.NSComponent, "status")
	return &resource{
		jid:    st.From,
		show:   parseShow(st.ChildText(wire.NSComponent, "show")),
		status: strings.Clone(cut(status, maxStatus)),
		extra:  presenceExtra(st),
		avatar: avatarOf(st),
		order:  r.clock,
	}
}

// shownPayloads are the extensions of a client's presence that others are
// shown: entity capabilities (XEP-0115), the avatar's hash (XEP-0153) and idle
// time (XEP-0319). All else is between the client and its server, or for the
// room alone.
var shownPayloads = map[string]string{
	"http://jabber.org/protocol/caps": "c",
	nsUpdate:                          "x",
	"urn:xmpp:idle:1":                 "idle",
}

// presenceExtra returns those of st, shared among all who send the same.
func presenceExtra(st *wire.Stanza) unique.Handle[string] {
	var b strings.Builder
	for c := range st.Children() {
		if name, ok := shownPayloads[c.Space]; !ok || name != c.Local {
			continue
		}
		if raw := c.Raw(); b.Len()+len(raw) <= maxExtra {
			b.WriteString(raw)
		}
	}
	return unique.Make(b.String())
}

// maxHash bounds the hash of a picture: SHA-1 in hex is as long.
const maxHash = 40

// avatarOf reads which picture a client says that its user has (XEP-0153
// §4.1): without a <photo/> it does not know yet.
func avatarOf(st *wire.Stanza) string {
	x, _ := st.Child(nsUpdate, "x")
	photo, says := x.Child(nsUpdate, "photo")
	hash := strings.TrimSpace(photo.Text())
	switch {
	case !says || len(hash) > maxHash:
		return ""
	case hash == "":
		return removed
	}
	return strings.Clone(hash)
}

// fewUsers are looked through one by one.
const fewUsers = 8

// user returns who has that bare JID, or nil.
func (r *Room) user(bare jid.JID) *user {
	if r.byJID != nil {
		return r.byJID[bare]
	}
	for _, u := range r.users {
		if u.jid == bare {
			return u
		}
	}
	return nil
}

func (r *Room) addUser(u *user) {
	r.users = append(r.users, u)
	if r.byJID != nil {
		r.byJID[u.jid] = u
	} else if len(r.users) > fewUsers {
		r.byJID = make(map[jid.JID]*user)
		for _, known := range r.users {
			r.byJID[known.jid] = known
		}
	}
}

func (r *Room) removeUser(u *user) {
	r.users = slices.DeleteFunc(r.users, func(x *user) bool { return x == u })
	if delete(r.byJID, u.jid); len(r.users) == 0 {
		r.byJID = nil
	}
}

// find returns who a fact is about, or nil.
func (r *Room) find(w Who) *occupant {
	if !w.User.IsZero() {
		if u := r.user(w.User.Bare()); u != nil {
			return u.occupant
		}
	}
	if o := r.people[w.Nick]; o != nil && o.user == nil && o.mayBe(w) {
		return o
	}
	return nil
}

// mayBe tells by the accounts, where they are known, whether o can be w.
func (o *occupant) mayBe(w Who) bool {
	account := o.more().account
	return account == "" || w.Account == "" || account == w.Account
}

// resource returns the client with that full JID, or nil.
func (u *user) resource(full jid.JID) *resource {
	if i := u.indexOf(full); i >= 0 {
		return u.resources[i]
	}
	return nil
}

func (u *user) indexOf(full jid.JID) int {
	return slices.IndexFunc(u.resources, func(c *resource) bool { return c.jid == full })
}

// refresh works out how available a user is: as available as their most
// available resource, and among equals as the one that spoke last says. It
// reports whether that is news to the room, and to the owner.
func (u *user) refresh() (visible, told bool) {
	best := u.best()
	told = u.show != best.show || u.status() != best.status
	visible = told || u.extra != best.extra
	u.show, u.extra = best.show, best.extra
	u.setStatus(best.status)
	return visible, told
}

func (u *user) best() *resource {
	return slices.MinFunc(u.resources, func(a, b *resource) int {
		if a.show != b.show {
			return int(a.show) - int(b.show)
		}
		return int(b.order) - int(a.order)
	})
}

// insert puts an occupant into the room.
func (r *Room) insert(m Member) *occupant {
	r.clock++
	o := &occupant{
		nick: m.Nick, since: r.clock, id: r.ids.of(m.who()),
		show: m.Show, role: m.Role, affiliation: m.Affiliation,
	}
	o.tellMore(about{cut(m.Status, maxStatus), m.Account, m.Avatar})
	r.people[o.nick] = o
	return o
}

// remove takes an occupant out.
func (r *Room) remove(o *occupant) {
	r.noteDeparture(o)
	delete(r.people, o.nick)
	if u := o.user; u != nil {
		r.removeUser(u)
		r.forgetDepartures()
		for _, c := range u.resources {
			r.dropRelayed(c.jid)
		}
	}
}

// cut shortens s to at most n bytes, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
