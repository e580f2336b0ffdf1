package xmppside

import (
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/muc"
	"isthmus/xmppside/wire"
)

// Ask implements muc.Owner: what a user wishes becomes an event.
func (h *hosted) Ask(_ *muc.Room, q muc.Request) {
	e := bridge.Event{ID: q.ID, Room: bridge.Room{Network: bridge.NetworkXMPP, ID: h.id}, By: person(q.By), Name: address.Name(q.Nick)}
	switch w := q.What.(type) {
	case muc.Join:
		e.Name, e.Body = address.Name(w.Nick), bridge.Join{Password: w.Password, Wanted: w.Wanted}
	case muc.Leave:
		e.Body = bridge.Leave{Cause: bridge.CausePart, Reason: format.Plain(w.Reason)}
	case muc.Say:
		e.Body = h.greet(format.Parse(w.Message, h))
	case muc.Typing:
		if w.To != "" {
			h.signal(q.By, w.To, func(room bridge.Room) { h.rooms.chats.types(room, w.On) })
			return
		}
		e.Body = bridge.Typing{On: w.On}
	case muc.Read:
		if w.To != "" {
			h.signal(q.By, w.To, func(room bridge.Room) { h.rooms.chats.reads(room, w.ID) })
			return
		}
		e.Body = bridge.Read{Message: wholeID(w.ID)}
	case muc.Rename:
		e.Body = bridge.Rename{To: address.Name(w.To), Person: e.By}
	case muc.ChangeSubject:
		e.Body = bridge.Topic{Text: format.Plain(w.Text)}
	case muc.SetPresence:
		e.Body = bridge.Presence{Show: showOf[w.Show], Status: format.Plain(w.Status)}
	case muc.SetAvatar:
		e.Body = bridge.Profile{Avatar: avatarHash(w.Hash)}
	case muc.Invite:
		invited, ok := h.rooms.person(w.Who)
		if !ok {
			h.unknown(q.ID)
			return
		}
		e.Body = bridge.Invite{Person: invited, Reason: format.Plain(w.Reason)}
	case muc.Decline:
		e.Body = bridge.Leave{Cause: bridge.CauseDecline, Reason: format.Plain(w.Reason)}
	case muc.GrantRole:
		e.Body = bridge.RoleChange{Target: address.Name(w.Target), Role: roleWished(w)}
	case muc.GrantAffiliation:
		e.Body = bridge.RoleChange{Target: address.Name(w.Target), Role: affiliationRoles[w.Affiliation]}
	case muc.Expel:
		e.Body = bridge.Expel{Target: address.Name(w.Target), Ban: w.Ban, Reason: format.Plain(w.Reason)}
	case muc.Ban:
		who, ok := h.rooms.person(w.Who)
		if !ok {
			h.unknown(q.ID)
			return
		}
		e.Body = bridge.Expel{Person: who, Ban: true, Reason: format.Plain(w.Reason)}
	case muc.Pardon:
		who, ok := h.rooms.person(w.Who)
		if !ok {
			who = person(w.Who)
		}
		e.Body = bridge.Pardon{Person: who}
	case muc.Whisper:
		h.whisper(e, q.By, w)
		return
	case muc.Bans:
		h.queryBans(e.ID, q.By)
		return
	case muc.Query:
		h.query(e, q.By, w)
		return
	default:
		panic("xmppside: unknown wish")
	}
	h.rooms.core.Publish(e)
}

// unknown refuses what is about an address that is nobody's.
func (h *hosted) unknown(ref string) {
	h.room.Refuse(ref, wire.StanzaError{Condition: wire.ConditionItemNotFound, Text: "There is nobody of that address."})
}

// whisper says something in the conversation with an occupant, and tells the
// sender in the room how that went.
func (h *hosted) whisper(e bridge.Event, user jid.JID, w muc.Whisper) {
	ref := e.ID
	room, _, err := h.conversation(user, w.To)
	if err != nil {
		h.room.Refuse(ref, addressError(err))
		return
	}
	at, err := h.room.JID().WithResource(w.To)
	if err != nil {
		h.room.Refuse(ref, addressError(err))
		return
	}
	h.rooms.chats.said(room, at, e.ID, strings.Clone(w.Message.Attr("id")))
	e.Room, e.Body = room, format.Parse(w.Message, h)
	h.rooms.ask(e, func(answer bridge.Body) {
		if f, failed := answer.(bridge.Failure); failed {
			h.room.Refuse(ref, stanzaError(f))
			return
		}
		h.room.Confirm(ref)
	})
}

// signal tells something in the conversation with an occupant, if there can
// be one.
func (h *hosted) signal(user jid.JID, nick string, tell func(conversation bridge.Room)) {
	if room, _, err := h.conversation(user, nick); err == nil {
		tell(room)
	}
}

// query asks the network about an occupant, as a vCard shows it, or for the
// room's own picture; of natives nothing else is known.
func (h *hosted) query(e bridge.Event, user jid.JID, w muc.Query) {
	ref := e.ID
	if w.Target == "" {
		h.queryPicture(ref, user)
		return
	}
	if at, elsewhere := h.elsewhere(w.Target); elsewhere && w.Payload.Is(nsVCard, "vCard") {
		h.rooms.picture(at, func(answer bridge.Body) {
			c := vCard{nickname: address.Name(w.Target)}
			if a, ok := answer.(bridge.Answer); ok {
				c.photo, _, _ = pictureIn(a) // one that can't be sent is none
			}
			h.room.Answer(ref, string(c.append(nil)))
		})
		return
	}
	room, network, err := h.conversation(user, w.Target)
	if err != nil || !w.Payload.Is(nsVCard, "vCard") {
		h.room.Refuse(ref, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
		return
	}
	askVCard(h.rooms.ask, room, network, func(c vCard, f *bridge.Failure) {
		if f != nil {
			h.room.Refuse(ref, stanzaError(*f))
			return
		}
		c.nickname = address.Name(w.Target)
		h.room.Answer(ref, string(c.append(nil)))
	})
}

// queryPicture asks the network for the room's picture: in the conversation
// that a user has with the room's address, as all questions are asked.
func (h *hosted) queryPicture(ref string, user jid.JID) {
	room, err := conversation(h.room.JID(), user)
	if err != nil {
		h.room.Refuse(ref, addressError(err))
		return
	}
	h.rooms.ask(bridge.Event{Room: room, By: room.Owner, Body: bridge.Query{What: bridge.QueryAvatar}}, func(answer bridge.Body) {
		switch b := answer.(type) {
		case bridge.Answer:
			c := vCard{name: h.room.Name()}
			c.photo, _, _ = pictureIn(b) // one that can't be sent is none
			h.room.Answer(ref, string(c.append(nil)))
		case bridge.Failure:
			h.room.Refuse(ref, stanzaError(b))
		default:
			h.room.Refuse(ref, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
		}
	})
}

// showOf and mucShow translate availability.
var showOf = [...]bridge.Show{
	muc.ShowOnline: bridge.ShowOnline,
	muc.ShowChat:   bridge.ShowChat,
	muc.ShowDND:    bridge.ShowDND,
	muc.ShowAway:   bridge.ShowAway,
	muc.ShowXA:     bridge.ShowXA,
}

var mucShow = [...]muc.Show{
	bridge.ShowOnline:  muc.ShowOnline,
	bridge.ShowChat:    muc.ShowChat,
	bridge.ShowAway:    muc.ShowAway,
	bridge.ShowXA:      muc.ShowXA,
	bridge.ShowDND:     muc.ShowDND,
	bridge.ShowOffline: muc.ShowXA, // not said of people in a room
}
