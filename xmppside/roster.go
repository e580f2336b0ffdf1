package xmppside

import (
	"sync"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// roster shows users the presence of what they have in theirs: the gateway
// (there as long as it is), networks (there while the user's session is up)
// and people (there as their network says).
//
// Users' servers keep the subscriptions, and probe us whenever a user comes
// online (RFC 6121 §4.3); all that is here is whom to tell now. We keep them
// too (notes), to find out who is online after we were away. To hear when a
// user has gone, so as to stop watching, we ask to see their presence as well.
type roster struct {
	side *Side

	mu       sync.Mutex
	contacts map[bridge.Room]*contact // by conversation
	perUser  map[bridge.Person]int
}

// contact is somebody, or a network, whom a user watches.
type contact struct {
	at, user jid.JID // bare
	// clients are the user's resources that showed themselves to the contact, and
	// how; mine is how available the user is over all of them, as it was told.
	clients  map[jid.JID]bridge.Presence
	mine     bridge.Presence
	probed   bool            // since a client showed itself last
	presence bridge.Presence // the last that was heard; at first, offline
	avatar   string          // SHA-1 of their picture in hex; "" for none, or if nobody said
}

// Bounds of what is kept.
const (
	maxContacts = 256   // that a user may watch
	maxClients  = 32    // of a user, that a contact counts
	maxWatched  = 65536 // contacts of all users
)

func newRoster(s *Side) *roster {
	return &roster{side: s, contacts: map[bridge.Room]*contact{}, perUser: map[bridge.Person]int{}}
}

// handle takes a presence that is not for a channel.
func (r *roster) handle(st *wire.Stanza, to address.Address) {
	room, err := conversation(st.To, st.From)
	if err != nil {
		return // Parse has seen that the address is right
	}
	if _, enters := st.Child(nsMUC, "x"); enters && st.Type == "" {
		r.side.refuse(st.Header, wire.StanzaError{Condition: wire.ConditionNotAllowed, Text: "This is not a room: the names of channels begin with one of " + address.ChannelPrefixes})
		return
	}
	at, user := st.To.Bare(), st.From.Bare()
	gateway := to.Kind == address.Gateway
	switch st.Type {
	case "subscribe": // RFC 6121 §3.1
		if !gateway && !r.watch(room, at, st.From) {
			r.side.refuse(st.Header, wire.StanzaError{Condition: wire.ConditionResourceConstraint, Text: "You watch too many people."})
			return
		}
		r.side.notes.put(room, true)
		r.send(at, user, "subscribed")
		r.send(at, user, "subscribe")
		r.answer(room, at, user, gateway)
	case "unsubscribe":
		r.side.notes.put(room, false)
		r.unwatch(room)
		r.send(at, user, "unsubscribed")
		r.show(at, user, bridge.Presence{Show: bridge.ShowOffline}, "")
	case "unsubscribed": // a probe of ours would find out nothing
		r.side.notes.put(room, false)
	case "probe": // RFC 6121 §4.3.2
		if gateway || r.watch(room, at, user) {
			r.answer(room, at, st.From, gateway)
		}
	case "":
		if !gateway && r.watch(room, at, st.From) && to.Kind == address.User && to.Network == bridge.NetworkMatrix {
			r.share(room, st)
		}
	case "unavailable":
		r.clientGone(room, st.From)
	case "error":
		r.unwatch(room)
	}
}

// watch begins to watch a contact, unless it is watched already or the user
// has too many. A client of the user is noted.
func (r *roster) watch(room bridge.Room, at, from jid.JID) bool {
	r.mu.Lock()
	c := r.contacts[room]
	isNew := c == nil
	if isNew {
		if r.perUser[room.Owner] >= maxContacts || len(r.contacts) >= maxWatched {
			r.mu.Unlock()
			return false
		}
		c = &contact{at: at, user: from.Bare(), clients: map[jid.JID]bridge.Presence{},
			presence: bridge.Presence{Show: bridge.ShowOffline}, mine: bridge.Presence{Show: bridge.ShowOffline}}
		r.contacts[room] = c
		r.perUser[room.Owner]++
	}
	if !from.IsBare() && len(c.clients) < maxClients {
		c.clients[from], c.probed = bridge.Presence{}, false
	}
	r.mu.Unlock()
	if isNew {
		r.publish(room, true)
	}
	return true
}

// publish asks the core to be told of a contact, or no more.
func (r *roster) publish(room bridge.Room, on bool) {
	r.side.ask(bridge.Event{Room: room, By: room.Owner, Body: bridge.Watch{On: on}}, func(answer bridge.Body) {
		if f, failed := answer.(bridge.Failure); failed && on {
			r.changed(room, bridge.Presence{Show: bridge.ShowOffline, Status: f.Text})
		}
	})
}

func (r *roster) unwatch(room bridge.Room) {
	r.mu.Lock()
	_, watched := r.contacts[room]
	if watched {
		r.drop(room)
	}
	r.mu.Unlock()
	if watched {
		r.publish(room, false)
	}
}

// drop forgets a contact. The caller holds the lock.
func (r *roster) drop(room bridge.Room) {
	delete(r.contacts, room)
	if r.perUser[room.Owner]--; r.perUser[room.Owner] <= 0 {
		delete(r.perUser, room.Owner)
	}
}

// clientGone notes that a client is offline. When it was the last, nobody is
// there to be shown anything. A server says so itself, from the bare JID, when
// we probe; at other times that is only its word that it has taken our request
// to subscribe (Prosody does that).
func (r *roster) clientGone(room bridge.Room, from jid.JID) {
	r.mu.Lock()
	c := r.contacts[room]
	var tell *bridge.Presence
	last := false
	if c != nil && (c.probed || !from.IsBare()) {
		delete(c.clients, from)
		if c.mine.Show != bridge.ShowOffline {
			tell = c.shares(jid.JID{})
		}
		if last = len(c.clients) == 0; last {
			r.drop(room)
		}
	}
	r.mu.Unlock()
	if tell != nil {
		r.tell(room, *tell)
	}
	if last {
		r.publish(room, false)
	}
}

// share tells a contact on Matrix how available the user is, who has let the
// gateway see that; IRC hears of it from the user's session.
func (r *roster) share(room bridge.Room, st *wire.Stanza) {
	p := bridge.Presence{Status: format.Plain(st.ChildText(wire.NSComponent, "status"))}
	for show, word := range shows {
		if word == st.ChildText(wire.NSComponent, "show") {
			p.Show = show
		}
	}
	var tell *bridge.Presence
	r.mu.Lock()
	if c := r.contacts[room]; c != nil {
		if _, known := c.clients[st.From]; known {
			c.clients[st.From] = p
			tell = c.shares(st.From)
		}
	}
	r.mu.Unlock()
	if tell != nil {
		r.tell(room, *tell)
	}
}

func (r *roster) tell(room bridge.Room, p bridge.Presence) {
	r.side.core.Publish(bridge.Event{Room: room, By: room.Owner, Body: p})
}

// shares is how available the user is over all their clients, if the contact is
// to be told of it: as the most available one, of several alike the latest.
func (c *contact) shares(latest jid.JID) *bridge.Presence {
	ranks := [...]int{bridge.ShowChat: 0, bridge.ShowOnline: 1, bridge.ShowDND: 2, bridge.ShowAway: 3, bridge.ShowXA: 4, bridge.ShowOffline: 5}
	best, of := bridge.Presence{Show: bridge.ShowOffline}, jid.JID{}
	for at, p := range c.clients {
		switch better := ranks[p.Show] - ranks[best.Show]; {
		case better < 0, better == 0 && of != latest && (at == latest || at.String() < of.String()):
			best, of = p, at
		}
	}
	if best == c.mine {
		return nil
	}
	c.mine = best
	return &best
}

// on returns the conversations with the contacts of a domain.
func (r *roster) on(domain string) (list []bridge.Room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for room, c := range r.contacts {
		if c.at.Domain() == domain {
			list = append(list, room)
		}
	}
	return list
}

// watched reports whether somebody is.
func (r *roster) watched(conversation bridge.Room) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.contacts[conversation] != nil
}

// probe asks the server of who watches a contact which of their clients are
// there (RFC 6121 §4.3).
func (r *roster) probe(room bridge.Room) {
	r.mu.Lock()
	c := r.contacts[room]
	if c == nil {
		r.mu.Unlock()
		return
	}
	clear(c.clients)
	c.probed = true
	at, user := c.at, c.user
	r.mu.Unlock()
	r.send(at, user, "probe")
}

// evict shows contacts offline, and stops watching them, where gone says that
// there is no such contact for that user any more.
func (r *roster) evict(gone func(at, user jid.JID) bool) {
	r.mu.Lock()
	var evicted []bridge.Room
	for room, c := range r.contacts {
		if gone(c.at, c.user) {
			evicted = append(evicted, room)
		}
	}
	r.mu.Unlock()
	for _, room := range evicted {
		r.changed(room, bridge.Presence{Show: bridge.ShowOffline})
		r.unwatch(room)
	}
}

// changed takes a contact's new presence, and reports whether anybody watches.
func (r *roster) changed(room bridge.Room, p bridge.Presence) bool {
	r.mu.Lock()
	c := r.contacts[room]
	if c == nil {
		r.mu.Unlock()
		return false
	}
	known := c.presence == p
	c.presence = p
	now := *c
	r.mu.Unlock()
	if !known {
		r.show(now.at, now.user, p, now.avatar)
	}
	return true
}

// looks takes the hash of a contact's new picture, if anybody watches.
func (r *roster) looks(room bridge.Room, hash string) {
	r.mu.Lock()
	c := r.contacts[room]
	if c == nil || c.avatar == hash {
		r.mu.Unlock()
		return
	}
	c.avatar = hash
	now := *c
	r.mu.Unlock()
	if hash == "" {
		hash = noPicture
	}
	if now.presence.Show != bridge.ShowOffline {
		r.show(now.at, now.user, now.presence, hash)
	}
}

// answer shows a contact as it is now.
func (r *roster) answer(room bridge.Room, at, to jid.JID, gateway bool) {
	var p bridge.Presence
	var avatar string
	if !gateway {
		p.Show = bridge.ShowOffline
		r.mu.Lock()
		if c := r.contacts[room]; c != nil {
			p, avatar = c.presence, c.avatar
		}
		r.mu.Unlock()
	}
	r.show(at, to, p, avatar)
}

// shutdown shows everybody offline.
func (r *roster) shutdown() {
	r.mu.Lock()
	all := r.contacts
	r.contacts, r.perUser = map[bridge.Room]*contact{}, map[bridge.Person]int{}
	r.mu.Unlock()
	for _, c := range all {
		if c.presence.Show != bridge.ShowOffline {
			r.show(c.at, c.user, bridge.Presence{Show: bridge.ShowOffline, Status: "The gateway is shutting down."}, "")
		}
	}
}

// send sends a presence that is only a word about subscriptions.
func (r *roster) send(from, to jid.JID, typ string) {
	r.side.send(from.Domain(), func(b []byte) []byte {
		return wire.AppendEmpty(b, wire.Header{Kind: wire.Presence, To: to, From: from, Type: typ})
	})
}

// shows are the values of <show/> (RFC 6121 §4.7.2.1).
var shows = map[bridge.Show]string{
	bridge.ShowChat: "chat", bridge.ShowAway: "away", bridge.ShowXA: "xa", bridge.ShowDND: "dnd",
}

// noPicture is instead of a hash of who has no picture any more: without a
// word, clients go on showing the one they had.
const noPicture = "-"

// show sends a contact's presence, and which picture they have (XEP-0153 §4.1).
func (r *roster) show(from, to jid.JID, p bridge.Presence, avatar string) {
	h := wire.Header{Kind: wire.Presence, To: to, From: from}
	if p.Show == bridge.ShowOffline {
		h.Type = "unavailable"
	}
	r.side.send(from.Domain(), func(b []byte) []byte {
		b = wire.AppendOpen(b, h)
		if s := shows[p.Show]; s != "" {
			b = wire.AppendElement(b, "show", s)
		}
		if p.Status != "" {
			b = wire.AppendElement(b, "status", p.Status)
		}
		if h.Type == "" {
			b = r.side.appendCaps(b, from)
			switch avatar {
			case "":
			case noPicture:
				b = append(b, "<x xmlns='"+nsUpdate+"'><photo/></x>"...)
			default:
				b = append(wire.AppendElement(append(b, "<x xmlns='"+nsUpdate+"'>"...), "photo", avatar), "</x>"...)
			}
		}
		return wire.AppendClose(b, wire.Presence)
	})
}
