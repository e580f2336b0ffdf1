package guest

import (
	"strconv"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// becomesOther reports whether a Rename makes another Person of p's: on a
// network that knows people by their nicks. They are that already, whatever
// the room says of the nick.
func (p *puppet) becomesOther(e bridge.Event) bool {
	b, ok := e.Body.(bridge.Rename)
	return ok && b.Person != (bridge.Person{}) && b.Person != p.person
}

// rename asks for another nick (XEP-0045 §7.6). The address that p is in the
// room by stays, also where its person has another one from now on.
func (r *Room) rename(p *puppet, e bridge.Event, b bridge.Rename) {
	becomes := p.becomesOther(e)
	to := r.nickFor(b.To)
	switch {
	case becomes && r.byPerson[b.Person] != nil:
		r.fail(e, bridge.ErrConflict, "They are in this room already, as "+r.byPerson[b.Person].spelled()+".")
	case p.renaming.Body != nil && becomes && p.next == nil:
		p.next = &e
	case p.renaming.Body != nil:
		r.fail(e, bridge.ErrTooFast, "Your last change of nick is not answered yet.")
	case becomes && (p.state != inside || to == ""): // who is lost comes back by the new one
		p.renaming = e
		r.goesOn(p, p.nick)
		if to != "" {
			p.wish, p.try = to, 0
		}
	case to == "":
		r.fail(e, bridge.ErrBadName, "XMPP can't hold such a nick.")
	case to == p.nick && becomes:
		p.renaming = e
		r.goesOn(p, to)
	case to == p.nick:
		r.confirm(e, "")
	case r.await(p, e, 1) != nil:
		p.renaming, p.to, p.toTry = e, to, -1
		r.sendRename(p)
	}
}

// sendRename asks for the next of the nicks that would do. Only who is somebody
// else by now takes any but the first.
func (r *Room) sendRename(p *puppet) {
	b := p.renaming.Body.(bridge.Rename)
	wish, endings := r.nickFor(b.To), suffixes(b.Person)
	if !p.becomesOther(p.renaming) {
		endings = endings[:1]
	}
	for p.toTry++; p.toTry < len(endings); p.toTry++ {
		p.to = wish + endings[p.toTry]
		at, err := r.jid.WithResource(p.to)
		if err != nil || p.to != p.nick && r.isSibling(p, p.to) {
			continue
		}
		if p.to == p.nick {
			break
		}
		id, presence, avatar := p.renaming.ID, p.presence, p.avatar
		r.send(p.jid, func(b []byte) []byte {
			b = wire.AppendOpen(b, wire.Header{Kind: wire.Presence, To: at, From: p.jid, ID: id})
			b = r.appendAvailability(b, p.jid, presence, avatar)
			return wire.AppendClose(b, wire.Presence)
		})
		return
	}
	if p.becomesOther(p.renaming) {
		r.goesOn(p, p.nick)
		return
	}
	r.noRename(p, bridge.ErrConflict, "Somebody else has that nick.")
}

// isSibling reports whether another of ours by p's address has a nick, or may
// get it. Rooms take both for one person with two clients, and let them share it.
func (r *Room) isSibling(p *puppet, nick string) bool {
	for _, o := range r.order {
		if o != p && o.jid.Bare() == p.jid.Bare() && (o.spelled() == nick || o.renaming.Body != nil && o.to == nick) {
			return true
		}
	}
	return false
}

// ownRename is that a puppet has another nick, by its own wish or the room's.
func (r *Room) ownRename(p *puppet, nick, to string) {
	if o := r.people[nick]; o != nil && p == r.watcher {
		delete(r.people, nick)
		r.renamed(o, to)
	}
	if !p.known {
		p.nick, p.wish, p.try = to, to, 0
		r.claim(to, p.person)
		if p.ask.Body != nil && p.state == inside { // what is held has the old name
			r.unhold(p)
			r.admitted(p)
		}
		return
	}
	r.goesOn(p, to)
}

// goesOn tells that p has the nick to, and is who they wished to be, if they did.
func (r *Room) goesOn(p *puppet, to string) {
	e, by, from := p.renaming, p.person, p.nick
	if b, ok := e.Body.(bridge.Rename); ok && p.becomesOther(e) && r.byPerson[b.Person] == nil {
		r.becomes(p, b.Person)
	}
	p.nick, p.wish, p.try = to, to, 0
	r.claim(to, p.person)
	r.publish(bridge.Event{By: by, Name: from, Body: bridge.Rename{To: to, Person: p.person}})
	if e.Body == nil {
		return
	}
	if p.to != to {
		r.disclaim(p.to)
	}
	r.forgetRename(p)
	r.confirm(e, "")
	r.renameNext(p)
}

// becomes makes p the puppet of somebody, who its person is from now on. What
// is on its way here by the old name is still theirs.
func (r *Room) becomes(p *puppet, who bridge.Person) {
	if r.formerly[p.was] == p {
		delete(r.formerly, p.was)
	}
	if o := r.people[p.nick]; o != nil && o.ours == p.person {
		o.ours = who
	}
	delete(r.byPerson, p.person)
	p.was, p.person = p.person, who
	r.byPerson[who], r.formerly[p.was] = p, p
}

// puppetOf is the puppet of somebody, nil for none.
func (r *Room) puppetOf(who bridge.Person) *puppet {
	if p := r.byPerson[who]; p != nil {
		return p
	}
	return r.formerly[who]
}

// forgetRename is that the Rename of a puppet is answered.
func (r *Room) forgetRename(p *puppet) {
	delete(r.sent, p.renaming.ID)
	p.renaming, p.to, p.toTry = bridge.Event{}, "", 0
}

// renameNext carries out the Rename that waited for the last one's answer.
func (r *Room) renameNext(p *puppet) {
	if e := p.next; e != nil {
		p.next = nil
		r.rename(p, *e, e.Body.(bridge.Rename))
	}
}

// noRename answers a Rename that came to nothing.
func (r *Room) noRename(p *puppet, kind bridge.ErrorKind, text string) {
	e := p.renaming
	r.disclaim(p.to)
	r.forgetRename(p)
	r.fail(e, kind, text)
	r.renameNext(p)
}

// notRenamed is that the room refused a nick.
func (r *Room) notRenamed(p *puppet, err wire.StanzaError) {
	f := refusals[err.Condition]
	switch err.Condition {
	case wire.ConditionConflict:
		r.disclaim(p.to)
		r.sendRename(p)
		return
	case wire.ConditionNotAcceptable, wire.ConditionJIDMalformed:
		f = refusal{kind: bridge.ErrBadName, text: "The room does not let you have that nick."}
	case wire.ConditionForbidden, wire.ConditionNotAllowed:
		f = refusal{kind: bridge.ErrPolicy, text: "The room does not let you change your nick."}
	}
	if p.becomesOther(p.renaming) {
		r.goesOn(p, p.nick)
		return
	}
	r.noRename(p, f.kind, f.with(err))
}

// renameOverdue is that the room said nothing to a Rename.
func (r *Room) renameOverdue(p *puppet) {
	r.opt.Counters.Timeouts.Add(1)
	if p.becomesOther(p.renaming) {
		r.goesOn(p, p.nick)
		return
	}
	r.noRename(p, bridge.ErrTimeout, "The room did not answer.")
}

// vacant is the address by which somebody is in the room whose own is as: that,
// or with another resource if one of ours has it, whose own it was before they
// took another nick. A room knows occupants by their full JIDs.
func (r *Room) vacant(as jid.JID) jid.JID {
	resource := as.Resource()
	for n := 2; r.puppets[as] != nil; n++ {
		next, err := as.WithResource(resource + "-" + strconv.Itoa(n))
		if err != nil {
			return as // no resource can be so long
		}
		as = next
	}
	return as
}

// nickFor is how this room can call somebody: without what a resource can't
// hold (RFC 7622 §3.4), and not endless; "" if nothing is left.
func (r *Room) nickFor(name string) string {
	name = cut(strings.Join(strings.Fields(name), " "), maxNick/2)
	if at, err := r.jid.WithResource(name); err == nil && name != "" {
		return at.Resource()
	}
	name = strings.TrimSpace(strings.Map(func(c rune) rune {
		if _, err := r.jid.WithResource("x" + string(c) + "x"); err != nil {
			return -1
		}
		return c
	}, name))
	if at, err := r.jid.WithResource(name); err == nil {
		return at.Resource()
	}
	return ""
}
