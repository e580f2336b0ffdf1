package muc

import (
	"time"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// relayTimeout is how long a client has for its answer to another's question
// before its place may be given to the next one.
const relayTimeout = time.Minute

// relayed is a question of one client to another that is not answered yet.
type relayed struct {
	header wire.Header // of the question
	to     jid.JID     // who must answer
	at     time.Time
}

// passOn hands a question to one of another user's clients, under an id of
// the room's own, so that neither learns the other's address.
//
// XEP-0045 §16.4: "the MUC service MUST NOT reveal the sender's real JID to the
// recipient at any time, nor reveal the recipient's real JID to the sender." A
// vCard is asked of the user's account; all else of a client.
func (r *Room) passOn(st *wire.Stanza, from, to *user, q wire.Element) {
	if len(r.relayed) >= maxRelayedOf {
		r.expireRelayed()
	}
	if len(r.relayed) >= maxRelayed || r.relayedOf(from) >= maxRelayedOf {
		r.refuseWith(st.Header, wire.ConditionResourceConstraint, "Too many questions are waiting for an answer in this room.")
		return
	}
	raw := q.Raw()
	if len(raw) > maxIQ {
		r.refuseWith(st.Header, wire.ConditionPolicyViolation, "This question is too large.")
		return
	}
	target := to.best().jid
	if q.Is(nsVCard, "vCard") {
		target = to.jid
	}
	id := r.opt.NewID()
	r.relayed = noted(r.relayed, id, relayed{kept(st.Header), target, time.Now()})
	r.send(func(b []byte) []byte { return r.appendIQ(b, target, from.nick, id, st.Type, raw) })
}

// relayedOf counts a user's questions.
func (r *Room) relayedOf(u *user) (n int) {
	for _, w := range r.relayed {
		if w.header.From.Bare() == u.jid {
			n++
		}
	}
	return n
}

// handleReply brings an answer back to who asked.
func (r *Room) handleReply(st *wire.Stanza) {
	w, ok := r.relayed[st.ID]
	if !ok || w.to != st.From {
		return
	}
	delete(r.relayed, st.ID)
	if st.Type == "error" {
		e := st.Err()
		e.By = "" // the address of who answered, perhaps
		r.send(func(b []byte) []byte { return wire.AppendErrorReply(b, w.header, e) })
		return
	}
	answer := payload(st).Raw()
	if len(answer) > maxIQ {
		r.refuseWith(w.header, wire.ConditionPolicyViolation, "The answer is too large.")
		return
	}
	r.result(w.header, answer)
}

func (r *Room) appendIQ(b []byte, to jid.JID, nick, id, typ, payload string) []byte {
	b = append(b, "<iq to='"...)
	b = wire.AppendAttr(b, to.String())
	b = append(b, '\'')
	b = r.appendFrom(b, nick)
	b = wire.AppendField(b, " id='", id)
	b = wire.AppendField(b, " type='", typ)
	b = append(b, '>')
	b = append(b, payload...)
	return append(b, "</iq>"...)
}

// dropRelayed answers the questions to a client that has left, and forgets its own.
func (r *Room) dropRelayed(client jid.JID) {
	for id, w := range r.relayed {
		if w.to == client {
			r.refuseWith(w.header, wire.ConditionRecipientUnavailable, "")
		}
		if w.to == client || w.header.From == client {
			delete(r.relayed, id)
		}
	}
}

// expireRelayed gives up the questions that nobody will answer any more.
func (r *Room) expireRelayed() {
	for id, w := range r.relayed {
		if time.Since(w.at) > relayTimeout {
			delete(r.relayed, id)
			r.refuseWith(w.header, wire.ConditionRemoteServerTimeout, "")
		}
	}
}
