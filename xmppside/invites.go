package xmppside

import (
	"errors"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

const nsConference = "jabber:x:conference" // XEP-0249

// maxReason bounds why somebody is invited, in bytes.
const maxReason = 1024

// invite tells the owner of a conversation that the other party asks them into
// a room of its network (XEP-0045 §7.8.2, XEP-0249). It comes from that room, so
// that a client may decline it there; the core is told of that as a Leave.
func (d *direct) invite(e bridge.Event, b bridge.Invite) {
	set := d.side.set.Load()
	user, err := jid.Parse(e.Room.Owner.ID)
	if err != nil || e.Room.Owner.Network != bridge.NetworkXMPP {
		d.side.log.Warn("invitation of somebody who is not on XMPP", "room", e.Room)
		return
	}
	from, err := address.RoomJID(e.Room.ID)
	var room jid.JID
	if err == nil {
		room, err = set.roomOf(from, b.Room)
	}
	if err != nil {
		e.Body = bridge.Info{Text: "You are invited to " + b.Room + ", which has no address here."}
		d.deliver(e)
		return
	}
	reason := shorten(format.Plain(b.Reason), maxReason)
	d.side.send(room.Domain(), func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Message, To: user, From: room, ID: e.ID})
		b = append(b, "<x xmlns='"+nsMUCUser+"'><invite from='"...)
		b = append(wire.AppendAttr(b, from.String()), "'>"...)
		if reason != "" {
			b = wire.AppendElement(b, "reason", reason)
		}
		b = append(b, "</invite></x><x xmlns='"+nsConference+"'"...)
		b = wire.AppendField(b, " jid='", room.String())
		b = wire.AppendField(b, " reason='", reason)
		return wire.AppendClose(append(b, "/>"...), wire.Message)
	})
}

// roomOf returns the address of a room, in its network's words, of the network
// that somebody at an address is on.
func (s *settings) roomOf(person jid.JID, room string) (jid.JID, error) {
	a, err := s.find(person)
	if err != nil {
		return jid.JID{}, err
	}
	a.Kind, a.Name = address.Channel, room
	return s.domains.JID(a)
}

// invited takes an invitation of somebody on another network (to), and reports
// false for what is none. Into a room that we host, their network invites them.
// Into any other they are asked in words: they may know how to enter it, or not.
func (d *direct) invited(st *wire.Stanza, to address.Address) bool {
	room, by, reason, err := invitation(st)
	if to.Kind != address.User || err == errNoInvitation {
		return false
	}
	isMediated := room == st.From.Bare()
	set := d.side.set.Load()
	who, isPerson := set.personAt(st.To.Bare())
	switch {
	case err != nil:
		d.side.refuse(st.Header, wire.StanzaError{Condition: wire.ConditionJIDMalformed, Text: "There is no such room."})
		return true
	case !isPerson:
		d.side.refuse(st.Header, wire.StanzaError{Condition: wire.ConditionItemNotFound, Text: "There is nobody of that address."})
		return true
	}
	e := bridge.Event{By: person(st.From)}
	if hosted, err := set.find(room); err == nil && hosted.Kind == address.Channel && !isMediated {
		id, err := address.RoomID(room.Bare())
		if err != nil {
			d.side.refuse(st.Header, addressError(err))
			return true
		}
		e.Room, e.Body = bridge.Room{Network: bridge.NetworkXMPP, ID: id}, bridge.Invite{Person: who, Reason: reason}
		d.side.request(st.Header, e)
		return true
	}
	if st.ChildText(wire.NSComponent, "body") != "" {
		return false // they use words of their own
	}
	e.Room, err = conversation(st.To, st.From)
	if err != nil {
		d.side.refuse(st.Header, addressError(err))
		return true
	}
	text := by.Bare().String() + " invites you into the room " + room.Bare().String() + " of XMPP."
	if reason != "" {
		text += " " + reason
	}
	e.Body = bridge.Message{Text: text}
	d.side.request(st.Header, e)
	return true
}

var errNoInvitation = errors.New("no invitation")

// invitation reads who (bare) asks somebody into which room, and why: by the
// room's own word (XEP-0045 §7.8.2), or by theirs (XEP-0249).
func invitation(st *wire.Stanza) (room, by jid.JID, reason string, err error) {
	conference, isDirect := st.Child(nsConference, "x")
	x, _ := st.Child(nsMUCUser, "x")
	mediated, isMediated := x.Child(nsMUCUser, "invite")
	room, by, reason = st.From.Bare(), st.From.Bare(), conference.Attr("reason")
	switch {
	case isMediated:
		reason = mediated.ChildText(nsMUCUser, "reason")
		by, err = jid.Parse(strings.Clone(mediated.Attr("from")))
	case isDirect:
		room, err = jid.Parse(strings.Clone(conference.Attr("jid")))
	default:
		return jid.JID{}, jid.JID{}, "", errNoInvitation
	}
	if err == nil && room.Local() == "" {
		err = errors.New("no room")
	}
	return room.Bare(), by.Bare(), shorten(format.Plain(strings.Clone(reason)), maxReason), err
}

// request publishes what a stanza wishes, and answers it with an error if
// nothing comes of that.
func (s *Side) request(h wire.Header, e bridge.Event) {
	h.ID, h.Type = strings.Clone(h.ID), strings.Clone(h.Type)
	s.ask(e, func(answer bridge.Body) {
		if f, failed := answer.(bridge.Failure); failed {
			s.refuse(h, stanzaError(f))
		}
	})
}
