package guest

import (
	"errors"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// presence takes what the room says of an occupant to p: of p itself, it is
// for p to tell; of others, for the observer.
func (r *Room) presence(p *puppet, st *wire.Stanza) {
	nick := st.From.Resource()
	x, _ := st.Child(nsUser, "x")
	switch {
	case st.Type == "error":
		r.presenceFailed(p, st, nick)
		return
	case nick == "": // of the room itself (XEP-0486)
		r.pictured(p, st)
		return
	case len(nick) > maxNick && nick != p.spelled():
		r.opt.Counters.Crowded.Add(1)
		return
	}
	c := codesOf(x)
	self := c.has(codeSelf) || (p.state == inside || p.state == leaving) && nick == p.nick
	switch {
	case st.Type == "":
		item, _ := x.Child(nsUser, "item")
		if p == r.watcher {
			r.appeared(st, nick, item)
		} else if p.keeps() {
			r.identify(nick, item)
		}
		if self {
			r.here(p, strings.Clone(nick), st, item, c)
		}
	case st.Type != "unavailable":
		r.opt.Counters.Ignored.Add(1)
	case self:
		r.out(p, nick, st, x, c)
	case p == r.watcher:
		r.vanished(nick, st, x, c)
	}
}

// here is a puppet's own presence: it is in the room (XEP-0045 §7.2.2), or
// goes on being there.
func (r *Room) here(p *puppet, nick string, st *wire.Stanza, item wire.Element, c codes) {
	switch p.state {
	case waiting, joining, lost: // or it was let in later than we waited
		var o occupant
		o.read(st, item)
		r.letIn(p, nick, &o, c.has(codeCreated))
	case leaving: // the room had yet to hear of that
		return
	}
	if p == r.watcher && p.state == inside {
		r.listedAll()
	}
}

// out is that a puppet is not in the room any more, or not by that name.
func (r *Room) out(p *puppet, nick string, st *wire.Stanza, x wire.Element, c codes) {
	if d, ok := x.Child(nsUser, "destroy"); ok {
		r.moved(strings.Clone(d.Attr("jid")), plain(d.ChildText(nsUser, "reason"), maxReason))
		return
	}
	item, _ := x.Child(nsUser, "item")
	if to := item.Attr("nick"); c.has(codeRenamed) && to != "" {
		r.ownRename(p, nick, strings.Clone(to))
		return
	}
	if o := r.people[nick]; o != nil && (p == r.watcher || o.maybe) {
		delete(r.people, nick)
	}
	how := r.departure(nick, st, x, c)
	forced := how.Cause == bridge.CauseBan || how.Cause == bridge.CauseKick || how.Cause == bridge.CausePart && (c.has(codeLostRights) || c.has(codeMembers))
	switch {
	case p.state == leaving:
		r.left(p)
	case forced:
		r.thrownOut(p, how)
	case p.state == joining:
		r.notIn(p, bridge.ErrOffline, orText(how.Reason, "The room closed its door."), true)
	case p.state == inside && c.has(codeShutdown):
		r.loseAll(func(*puppet) bool { return true }, orText(how.Reason, "The room's server is shutting down."), (*puppet).nextRetry)
	case p.state == inside:
		r.lose(p, orText(how.Reason, "The room lost you."), p.nextRetry())
	}
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// thrownOut ends a puppet's stay against its will; it does not come back by itself.
func (r *Room) thrownOut(p *puppet, how bridge.Leave) {
	if p.ask.Body != nil {
		kind := bridge.ErrPolicy
		if how.Cause == bridge.CauseBan {
			kind = bridge.ErrBanned
		}
		r.fail(p.ask, kind, strings.TrimSpace("You were thrown out of the room. "+how.Reason))
	}
	fact := bridge.Event{By: p.person, Name: p.nick, Body: how}
	switch {
	case !p.known:
	case how.Cause == bridge.CauseBan:
		r.condemn(p, fact)
	default:
		r.publish(fact)
	}
	r.drop(p, false)
}

// moved is that the room is no more (XEP-0045 §10.9), or elsewhere.
func (r *Room) moved(to, reason string) {
	r.watcher = nil
	for _, p := range append([]*puppet(nil), r.order...) {
		if p.ask.Body != nil {
			kind, text := bridge.ErrGone, orText(reason, "The room is no more.")
			if to != "" {
				kind, text = bridge.ErrMoved, to
			}
			r.fail(p.ask, kind, text)
		}
		r.drop(p, false)
	}
	r.publish(bridge.Event{Body: bridge.Moved{To: to, Reason: reason}})
}

// presenceFailed is that the room did not take a presence: the one that asked
// to be let in, mostly.
func (r *Room) presenceFailed(p *puppet, st *wire.Stanza, nick string) {
	err := st.Err()
	if p.renaming.Body != nil && (nick == p.to || nick == "" && p.state == inside) {
		r.notRenamed(p, err)
		return
	}
	switch p.state {
	case leaving:
		r.left(p)
	case joining:
		r.notLetIn(p, err)
	case inside: // we are not there, whatever we thought
		r.lose(p, "The room does not know you any more.", p.nextRetry())
	}
}

// notLetIn is that the room refuses to let a puppet in (XEP-0045 §7.2.4 to §7.2.11).
func (r *Room) notLetIn(p *puppet, err wire.StanzaError) {
	if err.Condition == wire.ConditionConflict {
		r.disclaim(p.wished())
		if p.try+1 < len(suffixes(p.person)) {
			p.try++
			r.sendJoin(p)
			return
		}
	}
	if to, ok := roomOf(err.URI); ok && (err.Condition == wire.ConditionGone || err.Condition == wire.ConditionRedirect) {
		if p.known {
			r.moved(to, err.Text)
		} else {
			r.refuse(p, bridge.ErrMoved, to)
		}
		return
	}
	f := refusals[err.Condition]
	switch {
	case f.kind == bridge.ErrMembersOnly:
		r.askRegistration(p, f.with(err))
		return
	case f.kind == bridge.ErrBanned:
		r.askExistence(p, f.with(err))
		return
	}
	r.notIn(p, f.kind, f.with(err), f.passing || err.Type == "wait" && f.kind == bridge.ErrInternal)
}

// refusal is what an error tells somebody who is refused. Passing are those
// that may be otherwise in a while: who was in the room before tries again.
type refusal struct {
	kind    bridge.ErrorKind
	text    string
	passing bool
}

// refusals are those of a presence, with which somebody asked to be let in.
// What is in none of them is an internal error.
var refusals = map[wire.Condition]refusal{
	wire.ConditionRegistrationRequired:  {kind: bridge.ErrMembersOnly, text: "Only members may enter this room."}, // §7.2.6
	wire.ConditionNotAuthorized:         {kind: bridge.ErrPassword, text: "This room has a password, and it is not this one."},
	wire.ConditionForbidden:             {kind: bridge.ErrBanned, text: "You are banned from this room."},
	wire.ConditionServiceUnavailable:    {kind: bridge.ErrFull, text: "The room has no place left.", passing: true},
	wire.ConditionConflict:              {kind: bridge.ErrConflict, text: "Somebody else has that nick, and those like it.", passing: true},
	wire.ConditionItemNotFound:          {kind: bridge.ErrNotFound, text: "There is no such room, or its owner has not opened it yet."}, // §7.2.10
	wire.ConditionNotAllowed:            {kind: bridge.ErrNotFound, text: "There is no such room, and you may not make it."},
	wire.ConditionNotAcceptable:         {kind: bridge.ErrBadName, text: "The room does not let you in by that nick."},
	wire.ConditionJIDMalformed:          {kind: bridge.ErrBadName, text: "There can be no such room, or nick."},
	wire.ConditionGone:                  {kind: bridge.ErrGone, text: "The room is no more."},
	wire.ConditionRedirect:              {kind: bridge.ErrGone, text: "The room is elsewhere."},
	wire.ConditionRemoteServerNotFound:  {kind: bridge.ErrNotFound, text: "There is no such server, or it can't be reached.", passing: true},
	wire.ConditionRemoteServerTimeout:   {kind: bridge.ErrTimeout, text: "The room's server does not answer.", passing: true},
	wire.ConditionRecipientUnavailable:  {kind: bridge.ErrOffline, text: "The room can't be reached.", passing: true},
	wire.ConditionResourceConstraint:    {kind: bridge.ErrFull, text: "The room has no place left, or its server.", passing: true}, // §7.2.9, an ejabberd
	wire.ConditionPolicyViolation:       {kind: bridge.ErrPolicy, text: "The room's server does not allow this."},
	wire.ConditionInternalServerError:   {kind: bridge.ErrInternal, text: "Something is wrong with the room's server.", passing: true},
	wire.ConditionFeatureNotImplemented: {kind: bridge.ErrUnsupported, text: "That is no room."},
}

// with adds what the server says to what is known.
func (f refusal) with(err wire.StanzaError) string {
	said := plain(err.Text, maxReason)
	switch {
	case f.text == "" && said == "":
		return "The room's server refused this: " + string(err.Condition) + "."
	case f.text == "":
		return said
	case said == "":
		return f.text
	}
	return f.text + " (" + said + ")"
}

// askRegistration asks the room how one becomes a member (XEP-0045 §7.10), and
// tells who may not come in for not being one.
func (r *Room) askRegistration(p *puppet, text string) {
	if p.known {
		r.refuse(p, bridge.ErrMembersOnly, text)
		return
	}
	p.due = time.Now().Add(joinTime)
	ask := p.ask.ID
	query := func(b []byte) []byte { return append(b, "<query xmlns='"+nsRegister+"'/>"...) }
	r.query(wire.Header{To: r.jid, From: p.jid}, query, func(st *wire.Stanza, err error) func() {
		how := "Its owners can let you in, as " + p.jid.Bare().String() + "."
		if err == nil {
			if q, ok := st.Child(nsRegister, "query"); ok {
				how = registration(q, how)
			}
		}
		return func() {
			if r.puppets[p.jid] == p && p.state == joining && p.ask.ID == ask {
				r.refuse(p, bridge.ErrMembersOnly, text+" "+how)
			}
		}
	})
}

// askExistence asks whether there is a room from which somebody seems to be
// banned: an ejabberd answers like that who may not make the room.
func (r *Room) askExistence(p *puppet, text string) {
	p.due = time.Now().Add(joinTime)
	ask := p.ask.ID
	query := func(b []byte) []byte { return append(b, "<query xmlns='"+nsDiscoInfo+"'/>"...) }
	r.query(wire.Header{To: r.jid, From: p.jid}, query, func(_ *wire.Stanza, err error) func() {
		kind := bridge.ErrBanned
		var se wire.StanzaError
		if errors.As(err, &se) && se.Condition == wire.ConditionItemNotFound {
			kind, text = bridge.ErrNotFound, "There is no room "+r.jid.String()+"."
		}
		return func() {
			if r.puppets[p.jid] == p && p.state == joining && p.ask.ID == ask {
				r.refuse(p, kind, text)
			}
		}
	})
}

// registration is what a form for registering tells a person.
func registration(q wire.Element, otherwise string) string {
	if _, already := q.Child(nsRegister, "registered"); already {
		return otherwise
	}
	var words []string
	add := func(s string) {
		if s = plain(s, maxReason); s != "" && len(words) < 4 {
			words = append(words, s)
		}
	}
	form, _ := q.Child(nsData, "x")
	add(q.ChildText(nsRegister, "instructions"))
	if len(words) == 0 {
		add(form.ChildText(nsData, "instructions"))
	}
	oob, _ := q.Child(nsOOB, "x")
	add(oob.ChildText(nsOOB, "url"))
	for field := range form.Children() {
		if field.Is(nsData, "field") && field.Attr("type") == "fixed" {
			add(field.ChildText(nsData, "value"))
		}
	}
	return strings.Join(append([]string{otherwise}, words...), " ")
}

// roomOf is the room that a URI names (XEP-0147): "xmpp:room@muc.example?join".
func roomOf(uri string) (string, bool) {
	j, ok := jid.ParseURI(strings.Clone(uri))
	return j.Bare().String(), ok && j.Local() != ""
}
