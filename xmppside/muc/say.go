package muc

import (
	"strings"
	"time"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// maxContent bounds what one message may make the room send to each user, in
// bytes of XML.
const maxContent = 64 << 10

// handleMessage takes a client's message to the room or an occupant.
func (r *Room) handleMessage(st *wire.Stanza) {
	if st.Type == "error" {
		r.bounced(st)
		return
	}
	u, _ := r.sender(st)
	x, _ := st.Child(nsUser, "x")
	decline, declines := x.Child(nsUser, "decline")
	switch {
	case declines && st.To.IsBare() && st.Type != "groupchat":
		r.handleDecline(st, decline)
		return
	case u == nil:
		// XEP-0045 §7.4: "If the sender is not an occupant of the room, the
		// service SHOULD return a <not-acceptable/> error to the sender".
		r.refuseWith(st.Header, wire.ConditionNotAcceptable, "You are not in this room.")
		return
	}
	content, ok := r.content(st)
	if !ok {
		r.refuseWith(st.Header, wire.ConditionPolicyViolation, "This message is too large.")
		return
	}
	switch groupchat := st.Type == "groupchat"; {
	case groupchat && !st.To.IsBare():
		// XEP-0045 §7.5: "If the sender attempts to send a private message
		// of type "groupchat" to a particular occupant, the service MUST
		// refuse to deliver the message [...] and return a <bad-request/>".
		r.refuseWith(st.Header, wire.ConditionBadRequest, "A private message can't be of type groupchat.")
	case groupchat:
		r.handleGroupchat(st, u, content)
	case st.To.IsBare() && asksForVoice(st):
		r.refuseWith(st.Header, wire.ConditionFeatureNotImplemented, "There are no requests for voice here: ask an operator in a private message.")
	case st.To.IsBare():
		r.handleInvites(st, u, x)
	default:
		r.handlePrivate(st, u, content)
	}
}

// asksForVoice reports whether a message holds the form by which a visitor
// asks for the right to speak (XEP-0045 §7.13).
func asksForVoice(st *wire.Stanza) bool {
	form, _ := st.Child(nsData, "x")
	for field := range form.Children() {
		if field.Attr("var") == "FORM_TYPE" {
			return field.ChildText(nsData, "value") == nsRequest
		}
	}
	return false
}

// handleGroupchat takes what is said to all.
func (r *Room) handleGroupchat(st *wire.Stanza, u *user, content string) {
	_, hasBody := st.Child(wire.NSComponent, "body")
	if _, shares := st.Child(nsSharing, "file-sharing"); shares {
		hasBody = true // XEP-0447 §3.1: "The message MAY include a suitable fallback body."
	}
	subject, hasSubject := st.Child(wire.NSComponent, "subject")
	_, hasThread := st.Child(wire.NSComponent, "thread")
	switch {
	case hasSubject && !hasBody && !hasThread:
		// XEP-0045 §8.1: "A message with a <subject/> and a <body/> or a
		// <subject/> and a <thread/> is a legitimate message, but it SHALL NOT
		// be interpreted as a subject change."
		r.ask(u, st.Header, ChangeSubject{Text: strings.Clone(subject.Text())})
	case hasBody: // also of visitors: who has voice is the owner's to say
		r.tellSignals(st, u, true)
		if a := r.ask(u, st.Header, Say{Message: st.Element}); a != nil {
			a.content = content
		}
	case u.role < RoleParticipant:
		// XEP-0045 §7.4: "If the sender is a visitor (i.e., does not have
		// voice in a moderated room), the service MUST return a
		// <forbidden/> error to the sender".
		r.refuseWith(st.Header, wire.ConditionForbidden, "You have no voice in this room.")
	case u.detached:
		r.refuseWith(st.Header, wire.ConditionServiceUnavailable, "You are not connected at the moment.")
	default:
		// Chat states, reactions, markers: our own users see all of them, the
		// owner hears of what it may know how to tell.
		r.tellSignals(st, u, false)
		r.relay(u.occupant, kept(st.Header), content, r.opt.NewID(), time.Time{})
	}
}

// relay sends all users what one of them said.
func (r *Room) relay(by *occupant, h wire.Header, content, id string, at time.Time) {
	m := message{nick: by.nick, id: h.ID, typ: "groupchat", lang: h.Lang, content: content, by: &by.id, archive: id, stamp: at}
	if m.id == "" {
		m.id = id
	}
	r.toAll(wire.Message, nil, func(b []byte) []byte { return r.appendMessage(b, m) })
}

// Said is something that was said in the room.
type Said struct {
	By Who // the zero Who for the room itself
	// Content is what the message holds, as XML. It is escaped, well-formed, and not the
	// room's business otherwise.
	Content string
	// ID becomes the room's stanza id (XEP-0359).
	ID string
	// Ref is the ID of the Say that this grants: the users are then shown
	// all that was in the stanza, not only Content.
	Ref string
	// At is when it was said, if it was not just now.
	At time.Time
}

// Say tells what was said in the room, by whomever. It reports whether all that
// was in a stanza was shown instead of s.Content.
func (r *Room) Say(s Said) (whole bool) {
	r.locked(func() {
		h, content := wire.Header{}, ""
		if a, ok := r.take(s.Ref); ok {
			h, content = a.header, a.content
		}
		whole = content != ""
		if content == "" {
			content = s.Content
		}
		if s.By == (Who{}) {
			r.announce(content)
			return
		}
		o := r.author(s.By)
		o.typing = false // every client takes it so
		if h.ID != "" {
			r.signalled().own.add(h.ID, s.ID)
		}
		r.relay(o, h, content, s.ID, s.At)
	})
	return whole
}

// Notice says something to all users in the room's own name.
func (r *Room) Notice(body string) {
	r.locked(func() { r.announce(text(body)) })
}

func (r *Room) announce(content string) {
	m := message{id: r.opt.NewID(), typ: "groupchat", content: content}
	r.toAll(wire.Message, nil, func(b []byte) []byte { return r.appendMessage(b, m) })
}

// NoticeTo says something to one user, if they are in the room, in the room's own name.
func (r *Room) NoticeTo(w Who, body string) {
	r.locked(func() {
		if u := r.user(w.User.Bare()); u != nil {
			r.noticeTo(u, body)
		}
	})
}

// noticeTo says something to one user in the room's own name, heard or not.
func (r *Room) noticeTo(u *user, body string) {
	m := message{id: r.opt.NewID(), typ: "groupchat", content: text(body)}
	r.toUser(wire.Message, u, func(b []byte) []byte { return r.appendMessage(b, m) })
}

// notice says something to one client.
func (r *Room) notice(to jid.JID, body string) {
	m := message{id: r.opt.NewID(), typ: "groupchat", content: text(body)}
	r.template(wire.Message, func(b []byte) []byte { return r.appendMessage(b, m) }, func(t wire.Template) {
		r.send(func(b []byte) []byte { return t.AppendTo(b, to) })
	})
}

// content returns what of a message is passed on, as XML, and false if that
// is too much. All is, except what the room alone may say.
func (r *Room) content(st *wire.Stanza) (string, bool) {
	var b strings.Builder
	for c := range st.Children() {
		if r.forged(c) {
			continue
		}
		b.WriteString(c.Raw())
		if b.Len() > maxContent {
			return "", false
		}
	}
	return b.String(), true
}

// forged reports whether an element pretends to be the room's own word:
// stanza ids (XEP-0359 §3: one whose 'by' is our own address must go, whatever
// it says), occupant ids (XEP-0421 §4), status codes, delays, and addresses of whom it came from.
func (r *Room) forged(c wire.Element) bool {
	switch c.Space {
	case nsStanzaID:
		return c.Local == "stanza-id" && r.isRoom(c.Attr("by"))
	case nsDelay:
		return r.isRoom(c.Attr("from"))
	case nsOccupantID, nsMUC, nsUser, nsAddress:
		return true
	}
	return false
}

// isRoom reports whether s is the room's address, in whatever spelling.
func (r *Room) isRoom(s string) bool {
	j, err := jid.Parse(s)
	return err == nil && j.Bare() == r.jid
}
