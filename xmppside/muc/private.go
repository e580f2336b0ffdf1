package muc

import (
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
		_, shares := st.Child(nsSharing, "file-sharing")
		if !shares && st.ChildText(wire.NSComponent, "body") == "" {
			r.tellPrivateSignals(st, u, target.nick)
		} else if a := r.ask(u, st.Header, Whisper{To: target.nick, Message: st.Element}); a != nil {
			_, wants := st.Child(nsReceipts, "request")
			a.receipt = wants && st.ID != ""
		}
	}
}

// receive tells who whispered that it has reached the other network.
//
// XEP-0184 §7: "When the recipient sends an ack message, it SHOULD ensure that
// the message stanza contains only one child element, namely the <received/>
// element". A private message of a room has one more, that says what it is.
func (r *Room) receive(a *asked) {
	to := a.header.To.Resource()
	m := message{nick: to, id: r.opt.NewID(), typ: a.header.Type, content: received(a.header.ID) + fromRoom}
	if o := r.people[to]; o != nil {
		m.by = &o.id
	}
	r.template(wire.Message, func(b []byte) []byte { return r.appendMessage(b, m) }, func(t wire.Template) {
		r.send(func(b []byte) []byte { return t.AppendTo(b, a.header.From) })
	})
}

func received(id string) string {
	b := append([]byte("<received xmlns='"+nsReceipts+"'"), " id='"...)
	return string(append(wire.AppendAttr(b, id), "'/>"...))
}

// Whisper passes a private message on to a user, from the occupant called
// nick, and reports whether that user is in the room. content is as in Said;
// it may say nothing aloud, as chat states do.
func (r *Room) Whisper(to jid.JID, nick, id, content string) bool {
	heard := false
	r.locked(func() {
		u := r.user(to.Bare())
		if u == nil {
			return
		}
		heard = true
		m := message{nick: nick, id: id, typ: "chat", content: content + fromRoom}
		if o := r.people[nick]; o != nil {
			m.by = &o.id
		}
		r.toUser(wire.Message, u, func(b []byte) []byte { return r.appendMessage(b, m) })
	})
	return heard
}
