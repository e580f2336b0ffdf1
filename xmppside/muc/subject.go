package muc

import (
	"time"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Subject is what a room is about, and who said so when.
type Subject struct {
	Text string
	By   Who       // the zero Who if nobody knows
	At   time.Time // the zero time if nobody knows
	ID   string    // the room's id for the change (XEP-0359)
	Ref  string    // the ID of the request that it grants, if any
}

// SetSubject tells the room's new subject.
//
// XEP-0045 §8.1: "The MUC service MUST reflect the message to all other
// occupants with a 'from' address equal to the room JID or to the occupant JID
// that corresponds to the sender of the subject change".
func (r *Room) SetSubject(s Subject) {
	r.locked(func() {
		if o := r.find(s.By); o != nil {
			s.By.Nick = o.nick
		}
		m := message{id: s.ID, archive: s.ID, typ: "groupchat", content: subjectXML(s.Text)}
		r.sign(&m, s.By)
		if a, ok := r.asked[s.Ref]; ok && a.header.ID != "" {
			m.id, m.lang = a.header.ID, a.header.Lang
		}
		r.subject = s
		r.toAll(wire.Message, nil, func(b []byte) []byte { return r.appendMessage(b, m) })
	})
}

// appendSubject appends the subject as a client sees it that comes in.
//
// XEP-0045 §7.2.15: "If there is no subject set, the room MUST return an
// empty <subject/> element. The <delay/> SHOULD be included if the subject was
// actively cleared".
func (r *Room) appendSubject(b []byte, to jid.JID) []byte {
	m := message{id: r.opt.NewID(), typ: "groupchat", content: subjectXML(r.subject.Text), stamp: r.subject.At}
	r.sign(&m, r.subject.By)
	stanza := r.appendMessage(nil, m)
	if to.IsZero() {
		return append(b, stanza...)
	}
	return wire.NewTemplate(wire.Message, stanza).AppendTo(b, to)
}

// sign says who a message is from: the room itself if nobody is known.
//
// XEP-0421 §4: "The <occupant-id> element MUST be attached to every message
// [...] sent by a MUC".
func (r *Room) sign(m *message, by Who) {
	if by.Nick != "" {
		o := r.author(by)
		m.nick, m.by = o.nick, &o.id
	}
}

// author returns somebody who may have left since, or speak from outside.
func (r *Room) author(by Who) *occupant {
	if o := r.find(by); o != nil {
		return o
	}
	return &occupant{nick: by.Nick, id: r.ids.of(by)}
}

func subjectXML(text string) string { return string(wire.AppendElement(nil, "subject", text)) }
