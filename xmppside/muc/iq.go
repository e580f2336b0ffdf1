package muc

import (
	"isthmus/xmppside/wire"
)

// handleIQ takes a client's question to the room or an occupant, or its
// answer to one that was passed on.
func (r *Room) handleIQ(st *wire.Stanza) {
	switch st.Type {
	case "result", "error":
		r.handleReply(st)
	case "get", "set":
		if st.To.IsBare() {
			r.handleRoomIQ(st)
		} else {
			r.handleOccupantIQ(st)
		}
	default:
		r.refuseWith(st.Header, wire.ConditionBadRequest, "Unknown type of iq.")
	}
}

// payload returns the one element of a request (RFC 6120 §8.2.3).
func payload(st *wire.Stanza) wire.Element {
	for c := range st.Children() {
		return c
	}
	return wire.Element{}
}

// handleRoomIQ takes a question to the room itself.
func (r *Room) handleRoomIQ(st *wire.Stanza) {
	q := payload(st)
	get := st.Type == "get"
	switch {
	case get && q.Is(nsPing, "ping"):
		r.result(st.Header, "") // XEP-0199 §4
	case get && q.Is(nsDiscoInfo, "query"):
		r.handleInfo(st, q)
	case get && q.Is(nsDiscoItems, "query"):
		// XEP-0045 §6.5: the list of occupants may be kept to oneself.
		r.result(st.Header, "<query xmlns='"+nsDiscoItems+"'/>")
	case get && q.Is(nsVCard, "vCard"):
		r.handleRoomVCard(st, q)
	case q.Is(nsAdmin, "query"):
		r.handleAdmin(st, q)
	case q.Is(nsOwner, "query"):
		r.handleOwner(st, q)
	default:
		r.refuseWith(st.Header, wire.ConditionServiceUnavailable, "")
	}
}

// strangers is what those get who are not in the room, and ask somebody who
// may be.
func strangers(q wire.Element) wire.Condition {
	if q.Space == nsDiscoInfo || q.Space == nsDiscoItems {
		// XEP-0045 §6.6: "If a non-occupant attempts to send a disco request
		// to [an occupant JID], a MUC service MUST return a <bad-request/>".
		return wire.ConditionBadRequest
	}
	return wire.ConditionNotAcceptable // XEP-0410 §3.2, for a ping
}

// handleOccupantIQ takes a question to somebody in the room.
func (r *Room) handleOccupantIQ(st *wire.Stanza) {
	u, _ := r.sender(st)
	q := payload(st)
	if u == nil {
		r.refuseWith(st.Header, strangers(q), "You are not in this room.")
		return
	}
	target := r.people[st.To.Resource()]
	switch ping := st.Type == "get" && q.Is(nsPing, "ping"); {
	case target == nil:
		// XEP-0410 §3.2: to a client that pings itself this says that its
		// nickname was changed without its knowing.
		r.refuseWith(st.Header, wire.ConditionItemNotFound, "There is nobody of that name in this room.")
	case target.user == u && ping:
		// XEP-0410 §3.3: "a MUC service supporting this protocol may
		// directly respond to a occupant's Ping request to the occupant's
		// own nickname, as opposed to routing it to any of the occupant's
		// clients."
		r.result(st.Header, "")
	case target.user != nil:
		r.passOn(st, u, target.user, q)
	case ping:
		r.result(st.Header, "") // a native is there as long as the room says so
	case st.Type == "get":
		r.ask(u, st.Header, Query{Target: target.nick, Payload: q})
	default:
		r.refuseWith(st.Header, wire.ConditionServiceUnavailable, "")
	}
}
