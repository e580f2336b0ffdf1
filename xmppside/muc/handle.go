package muc

import (
	"isthmus/xmppside/wire"
)

// Handle takes a stanza that is addressed to the room or to somebody in it.
// It reports false, and does nothing, if the room is closed.
func (r *Room) Handle(st *wire.Stanza) bool {
	return r.locked(func() {
		switch st.Kind {
		case wire.Presence:
			r.handlePresence(st)
		case wire.Message:
			r.handleMessage(st)
		case wire.IQ:
			r.handleIQ(st)
		}
	})
}

// sender returns the client that a stanza came from, if it is in the room.
func (r *Room) sender(st *wire.Stanza) (*user, *resource) {
	if u := r.user(st.From.Bare()); u != nil {
		if c := u.resource(st.From); c != nil {
			return u, c
		}
	}
	return nil, nil
}

// ghostly are the conditions of an error that say that nobody is there to
// receive anything (XEP-0045 §17.1.2: "To help prevent ghost users, a MUC
// service SHOULD remove a user if the service receives a delivery-related error
// in relation to a stanza it has previously sent to the user"), among them what
// servers really answer.
var ghostly = map[wire.Condition]bool{
	wire.ConditionGone:                 true,
	wire.ConditionInternalServerError:  true,
	wire.ConditionItemNotFound:         true,
	wire.ConditionJIDMalformed:         true,
	wire.ConditionRecipientUnavailable: true,
	wire.ConditionRedirect:             true,
	wire.ConditionRemoteServerNotFound: true,
	wire.ConditionRemoteServerTimeout:  true,
	wire.ConditionServiceUnavailable:   true,
}

// nothing is a message that no client shows and no archive keeps (XEP-0334 §4.4).
const nothing = "<no-store xmlns='urn:xmpp:hints'/>"

// Probe finds out which clients have gone without a word (XEP-0045 §17.1.2:
// "similar methods to periodically check the availability of room occupants"),
// by sending each of them something to bounce. A client takes no notice of a message with nothing
// in it; a server that has no such client answers <service-unavailable/> (RFC
// 6121 §8.5.3.2.1). A ping would not do: that is also the answer of a client
// that doesn't know what a ping is.
func (r *Room) Probe() {
	r.locked(func() {
		m := message{id: r.opt.NewID(), typ: "groupchat", content: nothing}
		r.template(wire.Message, func(b []byte) []byte { return r.appendMessage(b, m) }, func(t wire.Template) {
			r.send(func(b []byte) []byte {
				for _, u := range r.users {
					b = u.addressed(b, t)
				}
				return b
			})
		})
	})
}

// bounced removes the client that something of ours could not be delivered to.
func (r *Room) bounced(st *wire.Stanza) {
	e := st.Err()
	u, c := r.sender(st)
	if c == nil || st.Kind != wire.Presence && !ghostly[e.Condition] {
		return
	}
	r.opt.Log.Info("client removed from room: stanzas to it bounce", "room", r.jid, "client", c.jid, "error", e)
	r.leave(u, c, presence{reason: "Disconnected: " + string(e.Condition), codes: [4]int{codeRemoved}})
}
