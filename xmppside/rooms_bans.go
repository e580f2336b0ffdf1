package xmppside

import (
	"isthmus/bridge"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// nsMUCAdmin is the namespace of lists of people (XEP-0045 §9).
const nsMUCAdmin = "http://jabber.org/protocol/muc#admin"

// queryBans asks Matrix who is banned from the room, as queryPicture asks. IRC bans
// masks, which nobody has for an address: the list is empty there.
func (h *hosted) queryBans(ref string, user jid.JID) {
	if h.address.Network != bridge.NetworkMatrix {
		h.room.Answer(ref, "<query xmlns='"+nsMUCAdmin+"'/>")
		return
	}
	room, err := conversation(h.room.JID(), user)
	if err != nil {
		h.room.Refuse(ref, addressError(err))
		return
	}
	h.rooms.ask(bridge.Event{Room: room, By: room.Owner, Body: bridge.Query{What: bridge.QueryBans}}, func(answer bridge.Body) {
		switch b := answer.(type) {
		case bridge.Answer:
			h.room.Answer(ref, string(h.appendBans(nil, b)))
		case bridge.Failure:
			h.room.Refuse(ref, stanzaError(b))
		default:
			h.room.Refuse(ref, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
		}
	})
}

// appendBans writes the list (XEP-0045 §9.2) of those who have an address, as
// far as a stanza holds it.
func (h *hosted) appendBans(b []byte, a bridge.Answer) []byte {
	b = append(b, "<query xmlns='"+nsMUCAdmin+"'>"...)
	for _, row := range a.Rows {
		if len(row) < 3 || len(b) > maxItems {
			continue
		}
		who, err := h.rooms.address(bridge.Person{Network: row[0], ID: row[1]})
		if err != nil {
			continue
		}
		b = wire.AppendField(append(b, "<item affiliation='outcast'"...), " jid='", who.String())
		b = append(b, '>')
		if reason := shorten(format.Plain(row[2]), maxReason); reason != "" {
			b = wire.AppendElement(b, "reason", reason)
		}
		b = append(b, "</item>"...)
	}
	return append(b, "</query>"...)
}
