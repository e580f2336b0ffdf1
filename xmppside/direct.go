package xmppside

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// direct carries conversations one to one: with people on other networks, and
// with the networks themselves (their consoles).
type direct struct {
	side *Side

	mu sync.Mutex
	// at is the occupant of a room as whom the other party of a conversation
	// was last written to; without an entry it was by its own address.
	at map[bridge.Room]jid.JID
}

// maxSpoken bounds direct.at. Of what is forgotten beyond it, the answers
// come from the other party's own address.
const maxSpoken = 16384

func newDirect(s *Side) *direct { return &direct{side: s, at: map[bridge.Room]jid.JID{}} }

// conversation is the private one of user with whatever is at an address.
func conversation(at, user jid.JID) (bridge.Room, error) {
	id, err := address.RoomID(at.Bare())
	return bridge.Room{Network: bridge.NetworkXMPP, ID: id, Owner: person(user)}, err
}

// handle takes a message that is not for a channel.
func (d *direct) handle(st *wire.Stanza, to address.Address) {
	switch st.Type {
	case "error":
		d.side.Counters.Unasked.Add(1)
		return
	case "headline":
		return // RFC 6121 §5.2.2: no reply is expected
	case "groupchat":
		d.side.refuse(st.Header, wire.StanzaError{Condition: wire.ConditionNotAcceptable, Text: "This is not a room."})
		return
	}
	if d.invited(st, to) {
		return
	}
	body := st.ChildText(wire.NSComponent, "body")
	if body == "" {
		return // chat states and the like: no other network has them
	}
	if helpful(to) {
		d.help(st.Header, to)
		return
	}
	room, err := conversation(st.To, st.From)
	if err != nil {
		d.side.refuse(st.Header, addressError(err))
		return
	}
	d.mu.Lock()
	delete(d.at, room)
	d.mu.Unlock()
	said := parseBody(strings.Clone(body))
	if to.Kind == address.Network {
		said = bridge.Message{Text: plainText(strings.Clone(body))} // a raw line
	}
	h := st.Header
	h.ID, h.Type = strings.Clone(h.ID), strings.Clone(h.Type)
	d.side.ask(bridge.Event{Room: room, By: room.Owner, Body: said}, func(answer bridge.Body) {
		if f, failed := answer.(bridge.Failure); failed {
			d.side.refuse(h, stanzaError(f))
		}
	})
}

// spoke notes that a user wrote to the other party of a conversation as the
// occupant at, so that answers come from there.
func (d *direct) spoke(conversation bridge.Room, at jid.JID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.at[conversation]; !known && len(d.at) >= maxSpoken {
		for forgotten := range d.at {
			delete(d.at, forgotten)
			break
		}
	}
	d.at[conversation] = at
}

func (d *direct) spokenAt(conversation bridge.Room) (jid.JID, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := d.at[conversation]
	return at, ok
}

// deliver takes an event of a private conversation.
func (d *direct) deliver(e bridge.Event) {
	s := d.side
	switch b := e.Body.(type) {
	case bridge.Message:
		if e.By != e.Room.Owner { // what they said elsewhere can't be said in their name
			d.tell(e, renderBody(b))
		}
	case bridge.Info:
		d.tell(e, b.Text)
	case bridge.Lost:
		d.tell(e, fmt.Sprintf("The gateway was too busy: %d things that happened here are lost.", b.Count))
	case bridge.Session:
		p := bridge.Presence{Show: bridge.ShowOffline, Status: b.Text}
		if b.Up {
			p.Show = bridge.ShowOnline
		}
		if !s.roster.changed(e.Room, p) && b.Text != "" {
			d.tell(e, b.Text)
		}
	case bridge.Presence:
		if !s.roster.changed(e.Room, b) {
			s.log.Debug("presence that nobody watches", "room", e.Room)
		}
	case bridge.Confirm, bridge.Answer, bridge.Failure:
		if !s.pending.answered(e) {
			s.Counters.Unasked.Add(1)
		}
	case bridge.Invite:
		d.invite(e, b)
	case bridge.Profile:
		if e.By != e.Room.Owner {
			s.roster.looks(e.Room, avatarHash(b.Avatar))
		}
	case bridge.Typing, bridge.Read, bridge.RoomInfo, bridge.Moved:
	case bridge.Join, bridge.Leave, bridge.Rename, bridge.RoleChange, bridge.Expel, bridge.Topic,
		bridge.Members, bridge.Attachment, bridge.Watch, bridge.Query:
		// A conversation has no members, and nobody here is asked.
	default:
		panic("xmppside: unknown kind of event delivered")
	}
}

// late is how old something must be to be marked as such (XEP-0203).
const late = 10 * time.Second

// tell shows the owner of a conversation something that the other party, or
// the bridge in its place, says: to the bare JID, so that their server's own
// rules apply, unless they spoke from within a room.
func (d *direct) tell(e bridge.Event, body string) {
	user, err := jid.Parse(e.Room.Owner.ID)
	if err != nil || e.Room.Owner.Network != bridge.NetworkXMPP {
		d.side.log.Warn("message to somebody who is not on XMPP", "room", e.Room)
		return
	}
	if at, ok := d.spokenAt(e.Room); ok && d.side.rooms.whisper(at, user, e.ID, body) {
		return
	}
	from, err := address.RoomJID(e.Room.ID)
	if err != nil {
		d.side.log.Warn("message from an unspeakable address", "room", e.Room, "error", err)
		return
	}
	d.side.send(from.Domain(), func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Message, To: user, From: from, ID: e.ID, Type: "chat"})
		b = wire.AppendElement(b, "body", body)
		if !e.At.IsZero() && time.Since(e.At) > late {
			b = append(b, "<delay xmlns='urn:xmpp:delay' stamp='"...)
			b = e.At.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z") // XEP-0082
			b = append(b, "'/>"...)
		}
		return wire.AppendClose(b, wire.Message)
	})
}
