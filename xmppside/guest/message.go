package guest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/format"
	"isthmus/xmppside/wire"
)

// sent is something that a puppet has sent, and that the room has yet to take.
type sent struct {
	p     *puppet
	event bridge.Event // the request
	due   time.Time
	// ids are those of the stanzas that it takes; the first one's is the
	// event's own. left counts those that the room has yet to take, and native
	// is what it calls the first one.
	ids    []string
	left   int
	native string
}

// await keeps a request, which takes so many stanzas, until the room has taken
// them or refused one, and returns their ids; none, with the request answered,
// if too much is waiting.
func (r *Room) await(p *puppet, e bridge.Event, stanzas int) []string {
	if len(r.sent)+stanzas > maxSent {
		r.fail(e, bridge.ErrTooMany, "Too much is waiting for this room. Try again in a moment.")
		return nil
	}
	s := &sent{p: p, event: e, due: time.Now().Add(answerTime), ids: []string{e.ID}, left: stanzas}
	for i := 1; i < stanzas; i++ {
		s.ids = append(s.ids, e.ID+"."+strconv.Itoa(i+1))
	}
	for _, id := range s.ids {
		r.sent[id] = s
	}
	r.plan(s.due)
	return s.ids
}

// settle forgets a request: it is answered.
func (r *Room) settle(s *sent) {
	for _, id := range s.ids {
		if r.sent[id] == s {
			delete(r.sent, id)
		}
	}
}

// overdue is that the room has said nothing to a request. Nothing is what it
// says to an invitation, and to a whisper that reached somebody.
func (r *Room) overdue(s *sent) {
	switch s.event.Body.(type) {
	case bridge.Message, bridge.Topic:
		if s.event.Room.Private() {
			return
		}
		r.opt.Counters.Timeouts.Add(1)
		r.fail(s.event, bridge.ErrTimeout, "The room did not answer. It is not known whether this reached it.")
		if s.p.state == inside {
			r.ping(s.p)
		}
	case bridge.Invite:
		r.confirm(s.event, "")
	case bridge.Rename:
		r.renameOverdue(s.p)
	}
}

// failSent answers all that a puppet has sent, and will not hear of any more.
func (r *Room) failSent(p *puppet, text string) {
	var theirs []*sent
	for _, s := range r.sent {
		if s.p == p && !slices.Contains(theirs, s) { // a long one is there several times
			theirs = append(theirs, s)
		}
	}
	slices.SortFunc(theirs, func(a, b *sent) int { return a.due.Compare(b.due) }) // as they were said
	for _, s := range theirs {
		r.settle(s)
		if !s.event.Room.Private() {
			r.fail(s.event, bridge.ErrOffline, text+" It is not known whether this reached the room.")
		}
	}
	p.renaming, p.to = bridge.Event{}, ""
	if p.next != nil {
		r.fail(*p.next, bridge.ErrOffline, text)
		p.next = nil
	}
}

// message takes what is said to p: in the room, or to p alone.
func (r *Room) message(p *puppet, st *wire.Stanza) {
	nick := st.From.Resource()
	switch {
	case st.Type == "error":
		r.bounced(p, st)
	case nick == "" && r.told(p, st):
	case st.Type == "groupchat":
		if p.state == inside && nick == p.nick {
			r.reflected(p, st)
		}
		if p == r.watcher {
			r.heard(st, nick)
		}
	case nick != "":
		r.whispered(p, st, nick)
	default:
		r.roomSays(p, st)
	}
}

// reflected is that what a puppet has said stands in the room (XEP-0045 §7.4).
func (r *Room) reflected(p *puppet, st *wire.Stanza) {
	id := st.ID
	s := r.sent[id]
	if s == nil || s.p != p {
		origin, _ := st.Child(nsStanzaID, "origin-id")
		id = origin.Attr("id")
		if s = r.sent[id]; s == nil || s.p != p {
			if s = r.subjectOf(p, st); s == nil {
				return // only a chat state, or too late
			}
			id = s.event.ID
		}
	}
	delete(r.sent, id)
	if id == s.event.ID {
		s.native = r.nativeOf(st)
		r.spoken.note(spokenMessage{id: s.event.ID, native: orText(s.native, s.event.ID)})
	}
	if s.left--; s.left <= 0 {
		r.confirm(s.event, s.native)
	}
}

// subjectOf is the change of subject by p that has taken effect with st: Prosody
// makes a message of its own of it, without the id.
func (r *Room) subjectOf(p *puppet, st *wire.Stanza) *sent {
	subject, has := st.Child(wire.NSComponent, "subject")
	if !has || !stampOf(st).IsZero() {
		return nil
	}
	for _, s := range r.sent {
		if t, ok := s.event.Body.(bridge.Topic); ok && s.p == p && t.Text == subject.Text() {
			return s
		}
	}
	return nil
}

// heard is what the observer hears in the room.
func (r *Room) heard(st *wire.Stanza, nick string) {
	body, hasBody := st.Child(wire.NSComponent, "body")
	if _, subject := st.Child(wire.NSComponent, "subject"); subject && !hasBody {
		r.subject(st, nick)
		return
	}
	x, _ := st.Child(nsUser, "x")
	if codesOf(x).has(codeConfigured) { // XEP-0045 §10.2.1
		r.askInfo(r.watcher)
	}
	switch {
	case !r.live && !stampOf(st).IsZero():
		return // history, which we did not ask for
	case nick == "":
		if text := plain(body.Text(), maxTopic); text != "" {
			r.hold(nil, bridge.Event{Body: bridge.Info{Text: text}})
		}
		return
	case r.isOurs(nick):
		return
	case r.isEcho(st, nick):
		r.opt.Counters.Echoes.Add(1)
		r.log.Debug("not taken up: it is our own word, repeated by somebody else", "nick", nick)
		return
	case !hasBody && !hasContent(st):
		r.signal(st, nick)
		return
	}
	native := r.nativeOf(st)
	if r.repeated(st, native) {
		return
	}
	said := format.Parse(st.Element, names{r})
	if said.Text == "" && len(said.Files) == 0 {
		return
	}
	said, said.Native = r.greet(said), native
	_, markable := st.Child(nsMarkers, "markable")
	id := bridge.NewID()
	r.spoken.note(spokenMessage{id: id, native: orText(native, strings.Clone(st.ID)), markable: markable})
	if o := r.people[nick]; o != nil {
		o.typing = false
	}
	nick = strings.Clone(nick)
	r.hold(nil, bridge.Event{ID: id, By: r.nativePerson(nick), Name: nick, At: stampOf(st), Body: said})
}

// hasContent reports whether a message without a body says something all the same.
func hasContent(st *wire.Stanza) bool {
	_, linked := st.Child(nsOOB, "x")
	_, shared := st.Child(nsSharing, "file-sharing")
	return linked || shared
}

// isOurs reports whether a nick is that of one of ours.
func (r *Room) isOurs(nick string) bool {
	if o := r.people[nick]; o != nil && (!o.native() || r.synced && !o.maybe) {
		return !o.native()
	}
	for _, p := range r.order {
		if p.state == inside && p.nick == nick {
			return true
		}
	}
	return false
}

// isEcho reports whether what a native says was said by us, here or elsewhere.
func (r *Room) isEcho(st *wire.Stanza, nick string) bool {
	if o := r.people[nick]; o != nil && o.stray {
		return true
	}
	origin, _ := st.Child(nsStanzaID, "origin-id")
	return r.opt.Origins.has(origin.Attr("id")) || r.opt.Origins.has(st.ID)
}

// subject is the room's topic, when somebody comes in (XEP-0045 §7.2.15), or
// changes it (§8.1).
func (r *Room) subject(st *wire.Stanza, nick string) {
	e := bridge.Event{At: stampOf(st), Name: strings.Clone(nick),
		Body: bridge.Topic{Text: plain(st.ChildText(wire.NSComponent, "subject"), maxTopic)}}
	if o := r.people[nick]; o != nil {
		e.By = r.personOf(o)
	} else if nick != "" {
		e.By = r.nativePerson(e.Name)
	}
	r.topic, r.live = &e, true
	if r.synced {
		r.publish(e)
	} else {
		r.open()
	}
}

// signal is a chat state in the room (XEP-0085), or a marker (XEP-0333).
func (r *Room) signal(st *wire.Stanza, nick string) {
	o := r.people[nick]
	if marker, ok := st.Child(nsMarkers, "displayed"); ok && o != nil {
		r.hasRead(o, marker)
	}
	for c := range st.Children() {
		if c.Space != nsChat || o == nil || !r.synced {
			continue
		}
		if on := c.Local == "composing"; on != o.typing {
			o.typing = on
			r.publish(bridge.Event{By: r.personOf(o), Name: o.nick, Body: bridge.Typing{On: on}})
		}
		return
	}
}

// whispered is a private message from an occupant (XEP-0045 §7.5).
func (r *Room) whispered(p *puppet, st *wire.Stanza, nick string) {
	_, hasBody := st.Child(wire.NSComponent, "body")
	switch {
	case st.Type == "headline", !hasBody && !hasContent(st):
		return // chat states and the like
	case !r.whispers.Allow():
		r.opt.Counters.Flooded.Add(1)
		return
	}
	if !p.converses() {
		r.decline(p, st, nick)
		return
	}
	said := format.Parse(st.Element, names{r})
	if said.Text == "" && len(said.Files) == 0 {
		return
	}
	who := r.nativePerson(strings.Clone(nick))
	r.publish(bridge.Event{
		Room: bridge.Room{Network: bridge.NetworkXMPP, ID: who.ID, Owner: p.person},
		By:   who, Name: strings.Clone(nick), At: stampOf(st), Body: said,
	})
}

// roomSays is what the room itself tells a puppet, such as what it wants to
// know before it lets it in (XEP-0158 §3): that is for a human to answer. A
// room that is told a link's answer goes on with the join.
func (r *Room) roomSays(p *puppet, st *wire.Stanza) {
	var words []string
	for _, s := range []string{st.ChildText(wire.NSComponent, "body"), urlOf(st)} {
		if s = plain(s, maxReason); s != "" && !strings.Contains(strings.Join(words, " "), s) {
			words = append(words, s)
		}
	}
	if len(words) == 0 {
		r.opt.Counters.Ignored.Add(1)
		return
	}
	text := strings.Join(words, " ")
	if _, riddle := st.Child(nsCaptcha, "captcha"); riddle && p.state == joining {
		p.riddle, p.due = text, time.Now().Add(riddleTime)
		r.plan(p.due)
		r.passes(p, false) // others are not to wait for that
	}
	if !p.converses() { // there is no console to tell them in
		r.log.Info("the room says something to one of ours", "to", p.person, "text", text)
		return
	}
	r.publish(bridge.Event{
		Room: bridge.Room{Network: bridge.NetworkXMPP, ID: r.jid.String(), Owner: p.person},
		Body: bridge.Info{Text: r.jid.String() + ": " + text},
	})
}

func urlOf(st *wire.Stanza) string {
	x, _ := st.Child(nsOOB, "x")
	return x.ChildText(nsOOB, "url")
}

// bounced is that the room did not take a message.
func (r *Room) bounced(p *puppet, st *wire.Stanza) {
	err := st.Err()
	s := r.sent[st.ID]
	if s == nil || s.p != p {
		r.opt.Counters.Ignored.Add(1)
		return
	}
	r.settle(s)
	f := bounces[err.Condition]
	if s.event.Room.Private() {
		if err.Condition == wire.ConditionItemNotFound {
			f.text = "They are not in the room any more."
		}
		r.publish(bridge.Event{Room: s.event.Room, Body: bridge.Info{Text: "This was not sent. " + f.with(err)}})
		return
	}
	_, message := s.event.Body.(bridge.Message)
	switch {
	case !message && (err.Condition == wire.ConditionForbidden || err.Condition == wire.ConditionNotAllowed):
		f = refusal{kind: bridge.ErrNoPrivileges, text: p.denied(s.event, "You may not do this here.")}
	case err.Condition == wire.ConditionForbidden && s.event.Via != bridge.Person{}:
		r.askVoice(p)
		f.text = "The room is moderated, and the bridge may not speak in it."
	case err.Condition == wire.ConditionForbidden:
		f.text += r.askVoice(p)
	case err.Condition == wire.ConditionPolicyViolation && err.Type == "wait":
		f = refusal{kind: bridge.ErrTooFast, text: "Too fast for this room."}
	}
	r.fail(s.event, f.kind, f.with(err))
	if f.kind == bridge.ErrNotInRoom && p.state == inside {
		r.lose(p, "The room does not know you any more.", p.nextRetry())
	}
}

// bounces are the refusals of a message (XEP-0045 §7.4, §7.5).
var bounces = map[wire.Condition]refusal{
	wire.ConditionForbidden:            {kind: bridge.ErrNoVoice, text: "The room is moderated, and you may not speak in it."},
	wire.ConditionNotAcceptable:        {kind: bridge.ErrNotInRoom, text: "You are not in this room any more."},
	wire.ConditionItemNotFound:         {kind: bridge.ErrGone, text: "The room is no more."},
	wire.ConditionGone:                 {kind: bridge.ErrGone, text: "The room is no more."},
	wire.ConditionNotAllowed:           {kind: bridge.ErrPolicy, text: "The room does not allow this."},
	wire.ConditionPolicyViolation:      {kind: bridge.ErrTooLong, text: "The room does not take this."},
	wire.ConditionResourceConstraint:   {kind: bridge.ErrTooFast, text: "Too fast for this room."},
	wire.ConditionServiceUnavailable:   {kind: bridge.ErrOffline, text: "It can't be reached."},
	wire.ConditionRecipientUnavailable: {kind: bridge.ErrOffline, text: "It can't be reached."},
	wire.ConditionRemoteServerNotFound: {kind: bridge.ErrOffline, text: "Its server can't be reached."},
	wire.ConditionRemoteServerTimeout:  {kind: bridge.ErrOffline, text: "Its server does not answer."},
}

// askVoice asks the moderators to let a puppet speak (XEP-0045 §7.13), once in
// a stay, and is what to tell its person of that.
func (r *Room) askVoice(p *puppet) string {
	if p.asked {
		return " Its moderators have been asked to let you."
	}
	p.asked = true
	r.send(p.jid, func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Message, To: r.jid, From: p.jid, ID: "voice"})
		b = append(b, "<x xmlns='"+nsData+"' type='submit'><field var='FORM_TYPE'><value>"+nsRequest+"</value></field>"+
			"<field var='muc#role'><value>participant</value></field></x>"...)
		return wire.AppendClose(b, wire.Message)
	})
	return " Its moderators are asked to let you: try again when they have."
}
