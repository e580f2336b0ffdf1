package muc

import (
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Info is how a room presents itself. Its zero value is a room that has no
// more than its address.
type Info struct {
	Name   string // for people; "" for Options.Name
	Avatar string // SHA-1 of its picture in hex, "" for none
}

// SetInfo tells how the room presents itself from now on. Those who are here
// are told to look anew (XEP-0045 §10.2.1: the status code 104, for a change
// that is nobody's privacy), and of a picture by its hash (XEP-0486).
func (r *Room) SetInfo(i Info) {
	r.locked(func() {
		if i == r.info {
			return
		}
		repainted := i.Avatar != r.info.Avatar
		r.info = i
		m := r.changed()
		r.toAll(wire.Message, nil, func(b []byte) []byte { return r.appendMessage(b, m) })
		if repainted {
			r.toAll(wire.Presence, nil, func(b []byte) []byte { return r.appendRoomAvatar(b, nil) })
		}
	})
}

func (r *Room) changed() message {
	return message{id: r.opt.NewID(), typ: "groupchat", content: "<x xmlns='" + nsUser + "'><status code='104'/></x>"}
}

// tellChanged has a client look anew that may have done so before it came in:
// of a room that nobody is in, only the address is known.
func (r *Room) tellChanged(to jid.JID) {
	m := r.changed()
	r.template(wire.Message, func(b []byte) []byte { return r.appendMessage(b, m) }, func(t wire.Template) {
		r.send(func(b []byte) []byte { return t.AppendTo(b, to) })
	})
}

// Name is what service discovery calls the room.
func (r *Room) Name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name()
}

// name is what service discovery calls the room.
func (r *Room) name() string {
	if r.info.Name != "" {
		return r.info.Name
	}
	return r.opt.Name
}

// appendRoomAvatar appends the presence of the room itself, which tells its
// picture (XEP-0486), to an escaped address or, for a template, without one.
func (r *Room) appendRoomAvatar(b, to []byte) []byte {
	b = append(b, "<presence"...)
	if len(to) > 0 {
		b = append(append(append(b, " to='"...), to...), '\'')
	}
	b = append(r.appendFrom(b, ""), '>')
	hash := r.info.Avatar
	if hash == "" {
		hash = removed
	}
	return append(appendAvatar(b, hash), "</presence>"...)
}

// handleRoomVCard answers what the room looks like (XEP-0486). Its
// picture is the owner's to bring, to who is in the room; to others it is only
// a name.
func (r *Room) handleRoomVCard(st *wire.Stanza, q wire.Element) {
	if u, _ := r.sender(st); u != nil && r.info.Avatar != "" {
		r.ask(u, st.Header, Query{Payload: q})
		return
	}
	b := append([]byte(nil), "<vCard xmlns='"+nsVCard+"'>"...)
	b = wire.AppendElement(b, "FN", r.name())
	r.result(st.Header, string(append(b, "</vCard>"...)))
}

// Destroy tells everybody that the room is no more, and closes it. to is the
// room that takes its place, or zero; uri is the same as an xmpp: URI.
// (XEP-0045 §10.9).
func (r *Room) Destroy(to jid.JID, uri, reason string) {
	r.locked(func() {
		r.closed = true
		for _, u := range r.users { // each of themselves alone
			r.toUser(wire.Presence, u, func(b []byte) []byte { return r.appendDestroyed(b, u, to, reason) })
		}
		for _, j := range r.joining {
			r.refuseArrivals(j, wire.StanzaError{Condition: wire.ConditionGone, URI: uri, Text: reason})
		}
	})
}

func (r *Room) appendDestroyed(b []byte, u *user, to jid.JID, reason string) []byte {
	b = append(r.appendFrom(append(b, "<presence"...), u.nick), " type='unavailable'>"...)
	b = append(b, "<x xmlns='"+nsUser+"'><item affiliation='none' role='none'/><destroy"...)
	b = append(wire.AppendField(b, " jid='", to.String()), '>')
	if reason != "" {
		b = wire.AppendElement(b, "reason", reason)
	}
	b = appendCode(append(b, "</destroy>"...), codeSelf)
	b = appendOccupantID(append(b, "</x>"...), u.id)
	return append(b, "</presence>"...)
}
