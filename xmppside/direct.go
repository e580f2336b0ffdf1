package xmppside

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// The namespaces of what a message tells without words, and of files.
const (
	nsChatStates = "http://jabber.org/protocol/chatstates"
	nsMarkers    = "urn:xmpp:chat-markers:0"
	nsReceipts   = "urn:xmpp:receipts"
	nsHints      = "urn:xmpp:hints"
	nsSharing    = "urn:xmpp:sfs:0"
	nsStyling    = "urn:xmpp:styling:0"
	nsXHTMLIM    = "http://jabber.org/protocol/xhtml-im"
)

// direct carries conversations one to one: with people on other networks, and
// with the networks themselves (their consoles).
type direct struct {
	side *Side

	mu    sync.Mutex
	chats map[bridge.Room]*chat
}

func newDirect(s *Side) *direct { return &direct{side: s, chats: map[bridge.Room]*chat{}} }

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
	_, shares := st.Child(nsSharing, "file-sharing")
	says := body != "" || shares
	if helpful(to) {
		if says {
			d.help(st.Header, to)
		}
		return
	}
	room, err := conversation(st.To, st.From)
	switch {
	case err != nil && says:
		d.side.refuse(st.Header, addressError(err))
	case err != nil:
	case !says:
		d.signals(st, room)
	case to.Kind == address.Network:
		d.say(st, bridge.Event{Room: room, Body: bridge.Message{Text: format.Plain(strings.Clone(body))}}) // a raw line
	default:
		d.say(st, bridge.Event{Room: room, Body: format.Parse(st.Element, talkNames{d.side})})
	}
}

// signals takes what a message tells without words: chat states (XEP-0085)
// and markers (XEP-0333).
func (d *direct) signals(st *wire.Stanza, room bridge.Room) {
	for c := range st.Children() {
		switch {
		case c.Space == nsChatStates:
			d.types(room, c.Local == "composing")
		case c.Is(nsMarkers, "displayed"), c.Is(nsMarkers, "acknowledged"):
			d.reads(room, strings.Clone(c.Attr("id")))
		}
	}
}

// say passes on what a user says.
//
// A receipt (XEP-0184 §7) that is asked for comes when the other network has
// taken it, which is all that can be known there.
func (d *direct) say(st *wire.Stanza, e bridge.Event) {
	h := st.Header
	h.ID, h.Type = strings.Clone(h.ID), strings.Clone(h.Type)
	_, receipt := st.Child(nsReceipts, "request")
	receipt = receipt && h.ID != ""
	e.ID, e.By = bridge.NewID(), e.Room.Owner
	d.said(e.Room, jid.JID{}, e.ID, h.ID)
	d.side.ask(e, func(answer bridge.Body) {
		switch b := answer.(type) {
		case bridge.Failure:
			d.side.refuse(h, stanzaError(b))
		case bridge.Confirm:
			if receipt {
				d.send(wire.Header{To: h.From, From: h.To, ID: bridge.NewID(), Type: h.Type}, referring("received", nsReceipts, h.ID))
			}
		}
	})
}

// referring is an element that names a message.
func referring(name, space, id string) string {
	b := append([]byte("<"), name...)
	b = append(append(append(b, " xmlns='"...), space...), "' id='"...)
	return string(append(wire.AppendAttr(b, id), "'/>"...))
}

// send sends a message from an address of ours.
func (d *direct) send(h wire.Header, content string) {
	h.Kind = wire.Message
	d.side.send(h.From.Domain(), func(b []byte) []byte {
		b = append(wire.AppendOpen(b, h), content...)
		return wire.AppendClose(b, wire.Message)
	})
}

// deliver takes an event of a private conversation.
func (d *direct) deliver(e bridge.Event) {
	s := d.side
	switch b := e.Body.(type) {
	case bridge.Message:
		if e.By != e.Room.Owner { // what they said elsewhere can't be said in their name
			d.show(e, b)
		}
	case bridge.Info:
		d.inform(e, b.Text)
	case bridge.Lost:
		d.inform(e, fmt.Sprintf("The gateway was too busy: %d things that happened here are lost.", b.Count))
	case bridge.Session:
		p := bridge.Presence{Show: bridge.ShowOffline, Status: b.Text}
		if b.Up {
			p.Show = bridge.ShowOnline
		}
		if !s.roster.changed(e.Room, p) && b.Text != "" {
			d.inform(e, b.Text)
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
	case bridge.Typing:
		if e.By != e.Room.Owner {
			d.tell(e, e.ID, d.showTyping(e.Room, b.On))
		}
	case bridge.Read:
		if e.By == e.Room.Owner {
			return
		}
		if id := d.showRead(e.Room, b.Message); id != "" {
			d.tell(e, e.ID, referring("displayed", nsMarkers, id))
		}
	case bridge.RoomInfo, bridge.Moved:
	case bridge.Join, bridge.Leave, bridge.Rename, bridge.RoleChange, bridge.Expel, bridge.Pardon, bridge.Topic,
		bridge.Members, bridge.Attachment, bridge.Watch, bridge.Query:
		// A conversation has no members, and nobody here is asked.
	default:
		panic("xmppside: unknown kind of event delivered")
	}
}

// late is how old something must be to be marked as such (XEP-0203).
const late = 10 * time.Second

// appendMarkable asks to be told when a message of somebody's is read
// (XEP-0333), if they are on Matrix and can see that. On IRC nobody can be told,
// in rooms everybody's markers would go to everybody: clients would send them
// for nothing.
func appendMarkable(b []byte, by bridge.Person) []byte {
	if by.Network != bridge.NetworkMatrix {
		return b
	}
	return append(b, "<markable xmlns='"+nsMarkers+"'/>"...)
}

// show shows the owner of a conversation what was said in it.
func (d *direct) show(e bridge.Event, m bridge.Message) {
	d.chatIn(e.Room, true, func(t *chat) {
		t.add(line{ours: e.ID})
		t.shown = false // who has said something types no more
	})
	for i, part := range format.Parts(m) {
		content := format.Append(make([]byte, 0, format.Size(part)+64), part, talkNames{d.side})
		d.tell(e, partID(e.ID, i), string(appendMarkable(content, e.By)))
	}
}

// inform tells the owner of a conversation something in the bridge's own words.
func (d *direct) inform(e bridge.Event, text string) {
	d.tell(e, e.ID, string(format.Append(nil, bridge.Message{Text: text}, nil)))
}

// tell sends the owner of a conversation content as from the other party: to
// the bare JID, so that their server's own rules apply, unless they spoke from
// within a room. Without content there is nothing to tell.
func (d *direct) tell(e bridge.Event, id, content string) {
	if content == "" {
		return
	}
	user, err := jid.Parse(e.Room.Owner.ID)
	if err != nil || e.Room.Owner.Network != bridge.NetworkXMPP {
		d.side.log.Warn("message to somebody who is not on XMPP", "room", e.Room)
		return
	}
	var at jid.JID
	d.chatIn(e.Room, false, func(t *chat) {
		if t != nil {
			at = t.at
		}
	})
	if !at.IsZero() && d.side.rooms.whisper(at, user, id, content) {
		return
	}
	from, err := address.RoomJID(e.Room.ID)
	if err != nil {
		d.side.log.Warn("message from an unspeakable address", "room", e.Room, "error", err)
		return
	}
	if !e.At.IsZero() && time.Since(e.At) > late {
		stamp := e.At.UTC().Format("2006-01-02T15:04:05.000Z") // XEP-0082
		content += "<delay xmlns='urn:xmpp:delay' stamp='" + stamp + "'/>"
	}
	d.send(wire.Header{To: user, From: from, ID: id, Type: "chat"}, content)
}
