package muc

import (
	"strings"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// asked is a request that the owner has not answered yet.
type asked struct {
	header  wire.Header // of the stanza that asked
	user    *user       // who asked; nil for a join
	content string      // of a Say: what the others are shown when it is granted
	receipt bool        // of a Whisper: its sender wants to know when it is granted
	command *command    // of an IQ
}

// command is an IQ that may hold several requests; it is answered once.
type command struct {
	left     int // requests without an answer
	answered bool
}

// ask queues a request of an occupant's client for the owner. It refuses it
// at once if too many of that user's have no answer yet.
func (r *Room) ask(u *user, h wire.Header, w Wish) *asked {
	if u.asked >= maxAsked {
		r.refuseWith(h, wire.ConditionResourceConstraint, "Too many of your requests are waiting for an answer.")
		return nil
	}
	u.asked++
	a := &asked{header: kept(h), user: u}
	id := r.opt.NewID()
	r.asked = noted(r.asked, id, a)
	r.queue = append(r.queue, Request{ID: id, By: h.From, Nick: u.nick, What: w})
	return a
}

// tell queues what the owner has to know and does not answer.
func (r *Room) tell(by jid.JID, nick string, w Wish) {
	r.queue = append(r.queue, Request{ID: r.opt.NewID(), By: by, Nick: nick, What: w})
}

// take ends the wait for an answer.
func (r *Room) take(ref string) (*asked, bool) {
	a, ok := r.asked[ref]
	if ok {
		delete(r.asked, ref)
		if a.user != nil {
			a.user.asked--
		}
	}
	return a, ok
}

// kept returns h in memory of its own: stanzas are large, headers are kept.
func kept(h wire.Header) wire.Header {
	h.ID, h.Type, h.Lang = strings.Clone(h.ID), strings.Clone(h.Type), strings.Clone(h.Lang)
	return h
}

// Confirm tells that the request ref was granted, where no other fact says so.
func (r *Room) Confirm(ref string) {
	r.locked(func() {
		a, ok := r.asked[ref]
		if !ok || a.content != "" || a.user == nil {
			return // a Say and a Join are granted by their own facts
		}
		r.take(ref)
		if a.receipt {
			r.receive(a)
		}
		if c := a.command; c != nil {
			c.left--
			if c.left == 0 && !c.answered {
				c.answered = true
				r.result(a.header, "")
			}
		}
	})
}

// Refuse tells the one who asked that the request ref was not granted.
func (r *Room) Refuse(ref string, e wire.StanzaError) {
	r.locked(func() {
		a, ok := r.take(ref)
		if !ok {
			return
		}
		if a.user == nil {
			r.refuseJoin(a.header.From.Bare(), ref, e)
			return
		}
		if c := a.command; c != nil {
			if c.answered {
				return
			}
			c.answered = true
		}
		r.refuse(a.header, e)
	})
}

// GiveUp refuses all requests but joins that wait for an answer: answers were
// lost, and nobody knows which.
func (r *Room) GiveUp(e wire.StanzaError) {
	r.locked(func() {
		for ref, a := range r.asked {
			if a.user == nil {
				continue
			}
			r.take(ref)
			if a.command == nil || !a.command.answered {
				r.refuse(a.header, e)
			}
			if a.command != nil {
				a.command.answered = true
			}
		}
	})
}

// Answer answers a Query with an element, already XML.
func (r *Room) Answer(ref, element string) {
	r.locked(func() {
		if a, ok := r.take(ref); ok && a.header.Kind == wire.IQ {
			r.result(a.header, element)
		}
	})
}

// result answers an IQ.
func (r *Room) result(h wire.Header, element string) {
	r.send(func(b []byte) []byte {
		if element == "" {
			return wire.AppendEmpty(b, h.Reply("result"))
		}
		b = wire.AppendOpen(b, h.Reply("result"))
		b = append(b, element...)
		return wire.AppendClose(b, wire.IQ)
	})
}
