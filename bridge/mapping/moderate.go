package mapping

import (
	"log/slog"

	"isthmus/bridge"
)

// act is moderation that a room was asked for and has not answered.
type act struct {
	action string
	from   *leg
	actor  bridge.Person // who did it
	by     string        // and their name there
	target bridge.Person
	name   string // of target, in from
	reason string
	mutes  bool // what a role comes to
}

// actsBound is how many of them one room may owe an answer.
const actsBound = 256

// request asks a room for moderation in the name of whoever did it elsewhere.
func (s *state) request(k *leg, a act, body bridge.Body) {
	if k.acts == nil {
		k.acts = map[string]act{}
	}
	if len(k.acts) >= actsBound {
		s.audit(k, a.action, a.target, a.name, a.by, a.reason, a.from, "too many at once")
		return
	}
	id := s.ask(k, bridge.Event{By: a.actor, Name: a.by, Via: bridge.Keeper, Body: body})
	k.acts[id] = a
}

// confirmed is that a request took effect.
func (s *state) confirmed(k *leg, e bridge.Event) {
	if a, ok := k.acts[e.Ref]; ok {
		delete(k.acts, e.Ref)
		if a.action == "role" {
			k.mutes(a.target, a.mutes)
		}
		s.audit(k, a.action, a.target, a.name, a.by, a.reason, a.from, "done")
	}
}

// mutes notes whether somebody may not speak in a room by the bridge's doing.
func (k *leg) mutes(p bridge.Person, is bool) {
	if !is {
		delete(k.muted, p)
		return
	}
	if k.muted == nil || len(k.muted) >= actsBound {
		k.muted = map[bridge.Person]bool{}
	}
	k.muted[p] = true
}

// unmute is for a guest who has come in: a room such as Matrix's, that keeps what
// one may do while one is away, is to forget what the bridge took from them if
// they may speak again in their own.
func (s *state) unmute(k *leg, p bridge.Person, g *guest) {
	from, n := s.origin(k, p)
	if !k.muted[p] || n == nil || n.role == bridge.RoleVisitor {
		return
	}
	k.mutes(p, false)
	if g.role == bridge.RoleVisitor && g.state == present {
		a := act{action: "role", from: from, actor: bridge.Keeper, by: from.keeper.name, target: p, name: n.name}
		s.request(k, a, bridge.RoleChange{Target: g.name, Role: bridge.RoleParticipant})
	}
}

// moderationFailed is that a room did not let the bridge do it: it is
// explained where it was done.
func (s *state) moderationFailed(k *leg, ref string, f bridge.Failure) {
	a, ok := k.acts[ref]
	if !ok {
		return
	}
	delete(k.acts, ref)
	s.audit(k, a.action, a.target, a.name, a.by, a.reason, a.from, f.Text)
	if a.action == "unban" && f.Kind == bridge.ErrNotFound && k.set.At.Network != a.target.Network {
		return // they were not banned there
	}
	var what string
	switch a.action {
	case "kick":
		what = a.name + " can't be removed from " + place(k)
	case "ban":
		what = a.name + " can't be banned from " + place(k) + ". What they say there is not carried on"
	case "unban":
		what = "The ban of " + a.name + " was not lifted in " + place(k)
	case "role":
		k.powerless = k.powerless || f.Kind == bridge.ErrNoPrivileges
		what = "What " + a.name + " may do in " + place(k) + " stays as it was"
	case "topic":
		what = "The topic of " + place(k) + " stays as it was"
	}
	if a.actor != bridge.Keeper && a.actor != (bridge.Person{}) { // else nobody is there to be told
		s.tell(a.from, a.actor, "", what+": "+f.Text)
	}
	if g := a.from.guests[a.target]; a.action == "kick" && g != nil && g.state == out && s.link.Moderation == Undo {
		a.from.be(g, absent)
		s.audit(a.from, "kick", a.target, a.name, a.by, a.reason, a.from, "undone: "+f.Text)
		s.want(a.from, a.target)
	}
}

// byBridge reports whether the bridge itself has done something in a room.
func (k *leg) byBridge(actor string) bool {
	return actor != "" && k.keeper.name != "" && fold(actor) == fold(k.keeper.name)
}

// personNamed is who has a name in a room, the zero Person for nobody.
func (k *leg) personNamed(name string) bridge.Person {
	if name == "" {
		return bridge.Person{}
	}
	for p, n := range k.natives {
		if n.name == name {
			return p
		}
	}
	for p, g := range k.guests {
		if g.name == name {
			return p
		}
	}
	return bridge.Person{}
}

// nameOf is what somebody is called in the first room that has them, or else who they are.
func (s *state) nameOf(p bridge.Person) string {
	for _, k := range s.legs {
		if n := k.natives[p]; n != nil {
			return n.name
		}
	}
	return p.ID
}

// removed is that p, called name in k, was kicked (a guest) or banned there.
func (s *state) removed(k *leg, p bridge.Person, name string, l bridge.Leave) {
	if k.byBridge(l.Actor) || p == bridge.Keeper {
		return
	}
	if name == "" {
		name = s.nameOf(p)
	}
	a := act{action: "kick", from: k, actor: k.personNamed(l.Actor), by: l.Actor, target: p, name: name, reason: l.Reason}
	if l.Cause == bridge.CauseBan {
		a.action = "ban"
	}
	s.audit(k, a.action, p, name, l.Actor, l.Reason, k, "done")
	if s.link.Moderation == Off {
		return
	}
	if l.Cause == bridge.CauseBan {
		if _, already := s.bans[p]; already {
			return
		}
		s.setBan(Ban{Person: p, Name: name, By: l.Actor, From: k.set.At, Reason: l.Reason, At: s.now})
	}
	reason := l.Reason
	if l.Actor != "" {
		reason = "by " + l.Actor + " in " + k.set.At.ID
		if l.Reason != "" {
			reason = l.Reason + " (" + reason + ")"
		}
	}
	for _, o := range s.legs {
		if o == k {
			continue
		}
		if n := o.natives[p]; n != nil {
			s.tell(o, p, "", "From "+place(k)+": "+removal(l, "you were"))
			s.request(o, a, bridge.Expel{Target: n.name, Person: p, Ban: a.action == "ban", Reason: reason})
		} else if g := o.guests[p]; g != nil && a.action == "ban" {
			g.reason = removal(l, name+" was")
			s.want(o, p)
		}
	}
	if a.action == "ban" {
		s.want(k, p)
	}
}

// where tells who banned somebody, as far as that is known, and in which room.
func (b Ban) where() string {
	if b.By == "" {
		return "in " + b.From.ID
	}
	return "by " + b.By + " in " + b.From.ID
}

func (s *state) setBan(b Ban) {
	s.bans[b.Person] = b
	s.out.bans = append(s.out.bans, banChange{ban: b})
}

// pardoned is that a ban was lifted in a room: it is in all of them.
func (s *state) pardoned(k *leg, b bridge.Pardon) {
	ban, banned := s.bans[b.Person]
	if !banned || k.byBridge(b.Actor) {
		if g := k.guests[b.Person]; g != nil && g.state == out {
			k.be(g, absent)
			s.want(k, b.Person)
		}
		return
	}
	s.lift(ban, act{action: "unban", from: k, actor: k.personNamed(b.Actor), by: b.Actor, target: b.Person, name: ban.Name})
}

// lift ends a ban in all rooms but the one where that was done, also under the
// names that its person took meanwhile.
func (s *state) lift(ban Ban, a act) {
	for _, p := range sorted(s.bans) {
		same := s.bans[p]
		if same.Person = ban.Person; same == ban {
			a.target = p
			s.liftOne(s.bans[p], a)
		}
	}
}

func (s *state) liftOne(ban Ban, a act) {
	delete(s.bans, ban.Person)
	s.out.bans = append(s.out.bans, banChange{ban: ban, lift: true})
	s.audit(a.from, a.action, a.target, a.name, a.by, "", a.from, "done")
	for _, o := range s.legs {
		if o != a.from {
			s.request(o, a, bridge.Pardon{Person: ban.Person})
		}
		if g := o.guests[ban.Person]; g != nil && g.state == out {
			o.be(g, absent)
		}
		s.want(o, ban.Person)
	}
}

// administrator is who lifts bans from outside of any room.
const administrator = "the administrator"

// unban ends the bans of whoever what names: a Person's String, its ID, or a
// name. All rooms are asked for it.
func (s *state) unban(what string) []Ban {
	var lifted []Ban
	for _, p := range sorted(s.bans) {
		if b, still := s.bans[p]; still && (p.String() == what || p.ID == what || fold(b.Name) == fold(what)) {
			lifted = append(lifted, b)
			s.lift(b, act{action: "unban", from: new(leg), actor: bridge.Keeper, by: administrator, target: p, name: b.Name})
		}
	}
	s.settleAll()
	return lifted
}

// topic is that a room has another topic: the others get it, too, unless it is
// what the bridge has set there itself.
func (s *state) topic(k *leg, e bridge.Event, b bridge.Topic) {
	before, first := k.topic, !k.topicKnown
	k.topic, k.topicKnown = b.Text, true
	if first || before == b.Text || s.link.Moderation == Off || k.set.Mute || k.byBridge(e.Name) || e.By == (bridge.Person{}) && e.Name == "" {
		return
	}
	a := act{action: "topic", from: k, actor: e.By, by: e.Name, target: e.By, name: e.Name, reason: b.Text}
	s.audit(k, "topic", e.By, e.Name, e.Name, b.Text, k, "done")
	for _, o := range s.legs {
		if o != k && !o.set.Deaf && o.topic != b.Text && o.keeper.state == joined {
			o.topic = b.Text
			s.request(o, a, b)
		}
	}
}

// role is that somebody may do more or less in a room: so in the others.
// Nobody is made more than a moderator by that, and no moderator is silenced:
// where a channel is moderated, all who have no voice are.
func (s *state) role(k *leg, e bridge.Event, b bridge.RoleChange) {
	p, name := e.By, e.Name
	if n := k.natives[p]; n != nil {
		n.role, name = b.Role, n.name
	} else if g := k.as[p]; g != nil {
		p, name = k.personOf(g), g.name
	}
	if b.Actor == "" || k.byBridge(b.Actor) || s.link.Moderation == Off {
		return // as it is from the start, or our own doing
	}
	role := min(b.Role, bridge.RoleModerator)
	k.mutes(p, false) // if they may not speak, it is by somebody there
	a := act{action: "role", from: k, actor: k.personNamed(b.Actor), by: b.Actor, target: p, name: name, mutes: role == bridge.RoleVisitor}
	s.audit(k, "role", p, name, b.Actor, "", k, "done")
	for _, o := range s.legs {
		if o == k || o.keeper.state != joined || o.powerless && !a.mutes {
			continue
		}
		if n := o.natives[p]; n != nil && n.role != role && (role != bridge.RoleVisitor || n.role < bridge.RoleHalfOp) {
			s.request(o, a, bridge.RoleChange{Target: n.name, Role: role})
		} else if g := o.guests[p]; g != nil && g.state == present && g.role != role {
			s.request(o, a, bridge.RoleChange{Target: g.name, Role: role})
		}
	}
}

// audit keeps what was done to whom, and how it went in one room.
func (s *state) audit(k *leg, action string, target bridge.Person, name, by, reason string, from *leg, result string) {
	s.out.audit = append(s.out.audit, AuditRecord{
		At: s.now, Link: s.link.Name, Action: action, Actor: by, From: from.set.At,
		Target: target, Name: name, Reason: reason, Room: k.set.At, Result: result,
	})
	s.log(slog.LevelInfo, "moderation", "action", action, "by", by, "in", from.set.At, "person", target, "room", k.set.At, "result", result)
}
