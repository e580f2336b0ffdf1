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
// XEP-0045 §8.1: "the service MUST send the subject change to all occupants".
func (r *Room) SetSubject(s Subject) {
	r.locked(func() {
		m := message{nick: s.By.Nick, id: s.ID, archive: s.ID, typ: "groupchat", content: subjectXML(s.Text)}
		if o := r.find(s.By); o != nil {
			m.nick, m.by = o.nick, &o.id
		}
		if a, ok := r.asked[s.Ref]; ok && a.header.ID != "" {
			m.id, m.lang = a.header.ID, a.header.Lang
		}
		s.By.Nick = m.nick
		r.subject = s
		r.toAll(wire.Message, nil, func(b []byte) []byte { return r.appendMessage(b, m) })
	})
}

// appendSubject appends the subject as a client sees it that comes in.
//
// XEP-0045 §7.2.15: "If there is no subject set, the room MUST return an
// empty <subject/> element."
func (r *Room) appendSubject(b []byte, to jid.JID) []byte {
	m := message{nick: r.subject.By.Nick, id: r.opt.NewID(), typ: "groupchat", content: subjectXML(r.subject.Text)}
	if r.subject.Text != "" {
		m.stamp = r.subject.At
	}
	stanza := r.appendMessage(nil, m)
	if to.IsZero() {
		return append(b, stanza...)
	}
	return wire.NewTemplate(wire.Message, stanza).AppendTo(b, to)
}

func subjectXML(text string) string { return string(wire.AppendElement(nil, "subject", text)) }
