package xmppside

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/muc"
	"isthmus/xmppside/wire"
)

// overloaded answers what was asked when answers were lost.
var overloaded = wire.StanzaError{
	Type: "wait", Condition: wire.ConditionResourceConstraint,
	Text: "The bridge was overloaded. It is not known whether this reached the room.",
}

// deliver takes an event for a hosted room. One for a room that nobody is in
// any more has nobody to be told.
func (r *rooms) deliver(e bridge.Event) {
	r.mu.Lock()
	h := r.byID[e.Room.ID]
	r.mu.Unlock()
	if h == nil {
		if j, asks := e.Body.(bridge.Join); asks && e.Ref == "" && len(j.History) == 0 && e.By.Network != bridge.NetworkXMPP {
			// Perhaps somebody of another network who would enter by way of XMPP; if
			// it is only news, nobody waits for the answer.
			r.core.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Failure{Kind: bridge.ErrPolicy, Text: ownRoom}})
		}
		r.log.Debug("event of a room that everybody has left", "room", e.Room.ID, "event", e.ID)
		return
	}
	h.deliver(e)
	r.release(h)
}

func (h *hosted) deliver(e bridge.Event) {
	room := h.room
	switch b := e.Body.(type) {
	case bridge.Message:
		h.say(e, b)
	case bridge.Join:
		room.Enter(h.newMember(bridge.Member{Person: e.By, Name: e.Name, Role: b.Role}), b.Created, h.history(b.History)...)
	case bridge.Leave:
		room.Leave(h.who(e.By, e.Name), departure(b))
	case bridge.Rename:
		room.Rename(h.who(e.By, e.Name), h.who(b.Person, b.To))
	case bridge.Presence:
		room.SetAvailability(h.who(e.By, e.Name), mucShow[b.Show], b.Status)
	case bridge.RoleChange:
		s := standings[b.Role]
		room.SetRole(h.who(e.By, e.Name), s.affiliation, s.role, resource(b.Actor))
	case bridge.Topic:
		s := muc.Subject{Text: b.Text, At: e.At, ID: e.ID, Ref: e.Ref}
		if e.Name != "" || e.By != (bridge.Person{}) {
			s.By = h.who(e.By, e.Name)
		}
		room.SetSubject(s)
	case bridge.Members:
		list := make([]muc.Member, len(b.Members))
		for i, m := range b.Members {
			list[i] = h.newMember(m)
		}
		room.SetMembers(list, b.Secret)
	case bridge.Attachment:
		room.Attach(h.who(e.By, e.Name), b.Attached, b.Text)
	case bridge.Info:
		if e.By == (bridge.Person{}) {
			room.Notice(b.Text)
		} else {
			room.NoticeTo(h.who(e.By, e.Name), b.Text)
		}
	case bridge.Lost:
		room.GiveUp(overloaded)
		room.Notice(fmt.Sprintf("The bridge was overloaded: %d things that happened here were not shown.", b.Count))
	case bridge.Confirm:
		room.Confirm(e.Ref)
	case bridge.Failure:
		room.Refuse(e.Ref, h.stanzaError(b))
	case bridge.Profile:
		room.SetAvatar(h.who(e.By, e.Name), avatarHash(b.Avatar))
	case bridge.RoomInfo:
		room.SetInfo(muc.Info{Name: format.Plain(b.Name), Avatar: avatarHash(b.Avatar)})
	case bridge.Moved:
		to, uri, text := h.moved(b.To)
		room.Destroy(to, uri, cmp.Or(b.Reason, text))
	case bridge.Typing:
		room.SetTyping(h.who(e.By, e.Name), b.On)
	case bridge.Read:
		room.SetRead(h.who(e.By, e.Name), b.Message)
	case bridge.Session, bridge.Answer:
		// Of a console or a conversation: a room has neither.
	case bridge.Expel, bridge.Pardon, bridge.Invite, bridge.Watch, bridge.Query:
		// A hosted room has no authority: nobody asks it for anything.
		h.rooms.core.Publish(bridge.Event{Room: e.Room, Ref: e.ID,
			Body: bridge.Failure{Kind: bridge.ErrUnsupported, Text: "This can't be asked of a room of the bridge."}})
	default:
		panic("xmppside: unknown kind of event delivered")
	}
}

// say shows the room what was said. What nobody said, the network did.
func (h *hosted) say(e bridge.Event, m bridge.Message) {
	s := muc.Said{ID: e.ID, Ref: e.Ref}
	if e.By != (bridge.Person{}) || e.Name != "" {
		s.By = h.who(e.By, e.Name)
	}
	if !e.At.IsZero() && time.Since(e.At) > late {
		s.At = e.At
	}
	if len(m.Files) == 0 {
		s.Content = h.content(m)
		h.room.Say(s)
		return
	}
	for i, part := range format.Parts(m) {
		s.ID, s.Content = partID(e.ID, i), h.content(part)
		if h.room.Say(s) {
			return
		}
	}
}

func (h *hosted) content(m bridge.Message) string {
	return string(format.Append(make([]byte, 0, format.Size(m)), m, h))
}

// history is what was said before, as the room shows it.
func (h *hosted) history(before []bridge.Said) []muc.Said {
	var list []muc.Said
	for _, b := range before {
		s := muc.Said{By: h.who(b.By, b.Name), At: b.At}
		for i, part := range format.Parts(b.Message) {
			s.ID, s.Content = partID(b.ID, i), h.content(part)
			list = append(list, s)
		}
	}
	return list
}

// partID is the id of the stanza that shows part i of a message; wholeID is
// the message's id. There is no "." in those that NewID makes.
func partID(id string, i int) string {
	if i == 0 || id == "" {
		return id
	}
	return id + "." + strconv.Itoa(i+1)
}

func wholeID(id string) string {
	id, _, _ = strings.Cut(id, ".")
	return id
}

// stanzaError tells a client of a failure in the room, and where the room is
// now if it has moved.
func (h *hosted) stanzaError(f bridge.Failure) wire.StanzaError {
	e := stanzaError(f)
	if f.Kind == bridge.ErrMoved {
		_, e.URI, e.Text = h.moved(f.Text)
	}
	return e
}

// moved tells where a room is now that has moved to id, if to anywhere that
// has an address here.
func (h *hosted) moved(id string) (to jid.JID, uri, text string) {
	if id == "" {
		return to, "", "This room is no more."
	}
	there := h.address
	there.Name = id
	if there.Network == bridge.NetworkMatrix {
		if called, ok := address.MatrixID(id); ok {
			id = called
		} else if name, ok := address.MatrixName(id); ok {
			there.Name = name
		}
	}
	text = "This room has moved to " + id + "."
	to, err := h.rooms.domains().JID(there)
	if err != nil {
		return jid.JID{}, "", text
	}
	return to, to.URI() + "?join", text // XEP-0147
}

// whisper passes content on to a user from the occupant at of a hosted room,
// and reports false if the user is not in that room.
func (r *rooms) whisper(at, user jid.JID, id, content string) bool {
	r.mu.Lock()
	h := r.byJID[at.Bare()]
	r.mu.Unlock()
	return h != nil && h.room.Whisper(user, at.Resource(), id, content)
}

func (h *hosted) newMember(m bridge.Member) muc.Member {
	w, s := h.who(m.Person, m.Name), standings[m.Role]
	return muc.Member{
		Nick: w.Nick, User: w.User, Account: w.Account, Affiliation: s.affiliation, Role: s.role,
		Show: mucShow[m.Show], Status: m.Status, Avatar: avatarHash(m.Avatar),
	}
}

// departure tells how somebody's leaving is shown.
func departure(l bridge.Leave) muc.Departure {
	d := muc.Departure{Reason: l.Reason, Actor: resource(l.Actor)}
	switch l.Cause {
	case bridge.CausePart, bridge.CauseDecline:
	case bridge.CauseQuit:
		d.Reason = labelled("Quit", l.Reason)
	case bridge.CauseKick:
		d.Cause = muc.Kicked
	case bridge.CauseBan:
		d.Cause = muc.Banned
	case bridge.CauseSplit:
		d.Reason = labelled("Netsplit", l.Reason)
	case bridge.CauseKill:
		d.Cause = muc.Removed
		d.Reason = labelled("Killed", l.Reason)
	case bridge.CauseShutdown:
		d.Cause = muc.Shutdown
	default:
		panic("xmppside: unknown cause of a leave")
	}
	return d
}

// labelled puts label before reason, unless the IRC server has done that:
// "Quit: bye", "Killed (oper (spam))".
func labelled(label, reason string) string {
	after, has := strings.CutPrefix(reason, label)
	switch {
	case reason == "" || has && strings.Trim(after, ": ") == "":
		return label
	case has && (after[0] == ':' || strings.HasPrefix(after, " (")):
		return reason
	}
	return label + ": " + reason
}
