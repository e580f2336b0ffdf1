package muc

import (
	"strings"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// fromRoom marks a message as private in a room (XEP-0045 §7.5: "The service
// SHOULD add the <x/> element if the message does not contain it already"), so
// that clients don't take it for one of a contact.
const fromRoom = "<x xmlns='" + nsUser + "'/>"

// handlePrivate takes a message to one occupant.
//
// XEP-0045 §7.5: "The service is responsible for changing the 'from' address
// to the sender's occupant JID and delivering the message to the intended
// recipient's full JID."
func (r *Room) handlePrivate(st *wire.Stanza, u *user, content string) {
	target := r.people[st.To.Resource()]
	switch {
	case target == nil:
		// "If the sender attempts to send a private message to an occupant
		// JID that does not exist, the service MUST return an
		// <item-not-found/> error to the sender."
		r.refuseWith(st.Header, wire.ConditionItemNotFound, "There is nobody of that name in this room.")
	case target.user != nil:
		m := message{nick: u.nick, id: st.ID, typ: st.Type, lang: st.Lang, content: content + fromRoom, by: &u.id}
		r.toUser(wire.Message, target.user, func(b []byte) []byte { return r.appendMessage(b, m) })
	default:
		if body := st.ChildText(wire.NSComponent, "body"); body != "" {
			r.ask(u, st.Header, Whisper{To: target.nick, Body: strings.Clone(body)})
		}
		// Chat states and the like end here: the other network has none.
	}
}

// Whisper passes a private message on to a user, from the occupant called
// nick, and reports whether that user is in the room.
func (r *Room) Whisper(to jid.JID, nick, id, body string) bool {
	heard := false
	r.locked(func() {
		u := r.user(to.Bare())
		if u == nil {
			return
		}
		heard = true
		m := message{nick: nick, id: id, typ: "chat", content: text(body) + fromRoom}
		if o := r.people[nick]; o != nil {
			m.by = &o.id
		}
		r.toUser(wire.Message, u, func(b []byte) []byte { return r.appendMessage(b, m) })
	})
	return heard
}
