package matrixside

import (
	"maps"
	"slices"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// maxTopic bounds a topic that Matrix users wish for, in bytes.
const maxTopic = 4096

// handle takes in an event of the Matrix room. done is called when it is
// answered, or needs no answer.
func (s *portalState) handle(e *event.Event, done func()) {
	if e.Type == event.StateMember && e.StateKey != nil {
		s.member(e, id.UserID(*e.StateKey), e.Content.AsMember(), done)
		return
	}
	if e.Type == event.StateTombstone && e.StateKey != nil { // whoever may, may do so in the bot's name
		if to := e.Content.AsTombstone().ReplacementRoom; to != "" {
			s.do(actFollow{to})
		}
		s.finish(done)
		return
	}
	if s.isOurs(e.Sender) {
		s.finish(done) // an echo
		return
	}
	switch {
	case e.Type == event.StateTopic && e.StateKey != nil:
		s.topicSet(e, e.Content.AsTopic().Topic, done)
	case e.Type == event.StatePowerLevels && e.StateKey != nil:
		s.powers(e.Sender, e.Content.AsPowerLevels().Users, e.ID, done)
	case e.Type == event.StateEncryption && e.StateKey != nil:
		s.notice("This room is encrypted now, which the bridge can't read: nothing that is said here reaches "+s.home+" any more.", "", "")
		s.finish(done)
	case e.Type == event.EventEncrypted:
		s.encrypted(e)
		s.finish(done)
	case e.StateKey != nil, e.Type == event.EventRedaction, e.Type == event.EventReaction:
		// No other network has them, or is told yet.
		s.finish(done)
	default:
		s.says(e, done)
	}
}

// member takes in that somebody's membership has changed, or their name.
func (s *portalState) member(e *event.Event, who id.UserID, m *event.MemberEventContent, done func()) {
	switch {
	case who == s.bot:
		s.finish(done)
	case s.isOurs(who):
		s.ghostMember(e, who, m, done)
	case m.Membership == event.MembershipJoin:
		s.userJoins(e, who, m, done)
	case m.Membership == event.MembershipLeave || m.Membership == event.MembershipBan:
		s.userLeaves(e, who, m)
		s.finish(done)
	default: // invited, or knocking: they come when they come
		s.finish(done)
	}
}

func (s *portalState) userJoins(e *event.Event, who id.UserID, m *event.MemberEventContent, done func()) {
	u := s.users[who]
	if u != nil && u.since.isOld(e) || u == nil && s.gone[who].isOld(e) {
		s.finish(done)
		return
	}
	name := displayName(who, m.Displayname)
	if u == nil || u.phase == userOut && u.retry.IsZero() {
		if why := s.admit(who); why != "" {
			s.do(actKick{user: who, reason: why})
			s.finish(done)
			return
		}
		u = &portalUser{}
		s.users[who] = u
		u.since, u.name, u.avatar = sinceOf(e), name, string(m.AvatarURL)
		s.join(who, u, false, done)
		return
	}
	before := u.name
	u.since, u.name = sinceOf(e), name
	if avatar := string(m.AvatarURL); avatar != u.avatar {
		if u.avatar = avatar; avatar == "" {
			s.looks(who, "", "")
		} else if u.phase == userIn {
			s.do(actLooks{who, avatar})
		}
	}
	if before != name && s.network == bridge.NetworkXMPP && u.phase == userIn {
		// On IRC a name is for all rooms, so it doesn't follow that of one.
		s.ask(portalAsked{event: bridge.Event{By: matrixPerson(who), Name: u.nick, Body: bridge.Rename{To: name}}, cause: e.ID, done: done})
		return
	}
	s.finish(done)
}

// join asks that a user be let in. again is for those who were in before.
func (s *portalState) join(who id.UserID, u *portalUser, again bool, done func()) {
	u.phase, u.again = userJoining, again
	s.ask(portalAsked{event: bridge.Event{By: matrixPerson(who), Name: s.wish(u), Body: bridge.Join{Password: s.key(who)}}, done: done})
}

func (s *portalState) userLeaves(e *event.Event, who id.UserID, m *event.MemberEventContent) {
	u := s.users[who]
	if u == nil || u.since.isOld(e) {
		return
	}
	u.since = sinceOf(e)
	s.drop(who)
	s.forsake(who, u, "")
	reason := m.Reason
	if e.Sender != who && !s.isOurs(e.Sender) {
		reason = strings.TrimSpace("Removed from the room on Matrix by " + string(e.Sender) + ". " + reason)
	}
	if u.phase != userOut {
		s.do(actPublish{bridge.Event{ID: s.newID(), Room: s.room, By: matrixPerson(who), Name: u.nick, Body: bridge.Leave{Reason: cleanLine(reason, maxTopic)}}})
	}
	s.setLevels(map[id.UserID]int{who: 0})
}

// maxBanned bounds the ghosts who are known to be banned. Whoever is forgotten has
// their ban lifted on Matrix alone, where the homeserver doesn't tell of it.
const maxBanned = 1024

// ghostMember takes in what a Matrix user did to a ghost.
func (s *portalState) ghostMember(e *event.Event, g id.UserID, m *event.MemberEventContent, done func()) {
	if s.isOurs(e.Sender) { // our own doing, which we know
		delete(s.banned, g)
		s.finish(done)
		return
	}
	switch m.Membership {
	case event.MembershipInvite:
		s.ghostInvited(e, g, m, done)
	case event.MembershipBan:
		if len(s.banned) >= maxBanned {
			clear(s.banned)
		}
		s.banned[g] = true
		s.ghostExpelled(e, g, m, done)
	case event.MembershipLeave:
		banned := s.banned[g] || wasMember(e) == event.MembershipBan
		delete(s.banned, g)
		switch who, ok := s.personOf(g); {
		case banned && ok:
			s.ask(portalAsked{event: bridge.Event{By: matrixPerson(e.Sender), Body: bridge.Pardon{Person: who}}, cause: e.ID, ghost: g, done: done})
		case s.crowd.here(g) == "": // an invitation taken back
			s.finish(done)
		default:
			s.ghostExpelled(e, g, m, done)
		}
	default:
		s.finish(done)
	}
}

// ghostExpelled asks that somebody be removed, and with a ban also if they are
// not in the room.
func (s *portalState) ghostExpelled(e *event.Event, g id.UserID, m *event.MemberEventContent, done func()) {
	b := bridge.Expel{Target: s.crowd.name(g), Ban: m.Membership == event.MembershipBan, Reason: cleanLine(m.Reason, maxTopic)}
	s.crowd.did(g, false)
	who, known := s.personOf(g)
	if b.Target == "" && (!b.Ban || !known) {
		s.finish(done)
		return
	}
	if b.Target == "" {
		b.Person = who
	}
	s.ask(portalAsked{event: bridge.Event{By: matrixPerson(e.Sender), Body: b}, cause: e.ID, ghost: g, done: done})
}

func (s *portalState) ghostInvited(e *event.Event, g id.UserID, m *event.MemberEventContent, done func()) {
	if s.crowd.name(g) != "" { // they are in the room, and their ghost may stand in it
		s.crowd.spoke(g)
		s.crowd.enqueue(g, s.crowd.ghosts[g])
		s.do(actSettle{})
		s.finish(done)
		return
	}
	person, ok := s.personOf(g)
	if !ok {
		s.finish(done)
		return
	}
	s.ask(portalAsked{
		event: bridge.Event{By: matrixPerson(e.Sender), Body: bridge.Invite{Person: person, Reason: cleanLine(m.Reason, maxTopic)}},
		cause: e.ID, ghost: g, done: done,
	})
}

func (s *portalState) topicSet(e *event.Event, topic string, done func()) {
	topic = cleanLine(topic, maxTopic)
	if topic == s.topic {
		s.finish(done)
		return
	}
	s.ask(portalAsked{event: bridge.Event{By: matrixPerson(e.Sender), Body: bridge.Topic{Text: topic}}, cause: e.ID, done: done})
}

// encrypted tells somebody, now and then, that nobody reads them.
func (s *portalState) encrypted(e *event.Event) {
	u, now := s.users[e.Sender], s.now()
	if u == nil || now.Sub(u.told) < tellAgain {
		return
	}
	u.told = now
	s.notice("This was encrypted, which the bridge can't read: it did not reach "+s.home+".", e.ID, e.Sender)
}

// says takes in a message.
func (s *portalState) says(e *event.Event, done func()) {
	u := s.users[e.Sender]
	switch {
	case u == nil:
		s.notice("You are not in "+s.there+" on "+s.home+". This was not sent.", e.ID, e.Sender)
		s.finish(done)
	case u.phase == userOut && !u.soon():
		s.notSent(e.Sender, strings.TrimSpace("You are not in "+s.there+" on "+s.home+" at the moment. "+u.why), e.ID)
		s.finish(done)
	case u.phase != userIn && len(u.held) >= maxHeld:
		s.notSent(e.Sender, "You are not in the room yet, and too much waits already.", e.ID)
		s.finish(done)
	case u.phase != userIn:
		u.held = append(u.held, heldMessage{e, done})
	default:
		s.speak(e, u, done)
	}
}

// speak publishes what somebody says who is in the room.
func (s *portalState) speak(e *event.Event, u *portalUser, done func()) {
	m, ok := s.parse(e)
	if !ok {
		s.finish(done) // nothing that people would read
		return
	}
	s.ask(portalAsked{event: bridge.Event{By: matrixPerson(e.Sender), Name: u.nick, Body: m}, cause: e.ID, done: done})
}

// ephemeral takes in who types, or has read how far (client-server API,
// m.typing and m.receipt). m.read.private is nobody's business.
func (s *portalState) ephemeral(e *event.Event) {
	switch e.Type {
	case event.EphemeralEventTyping:
		now := map[id.UserID]bool{}
		for _, user := range e.Content.AsTyping().UserIDs {
			if u := s.users[user]; u != nil && u.phase == userIn {
				now[user] = true
			}
		}
		for _, user := range sortedKeys(s.typing) {
			if !now[user] {
				s.signal(user, bridge.Typing{})
			}
		}
		for _, user := range sortedKeys(now) {
			if !s.typing[user] {
				s.signal(user, bridge.Typing{On: true})
			}
		}
		s.typing = now
	case event.EphemeralEventReceipt:
		receipts := *e.Content.AsReceipt()
		for _, ev := range sortedKeys(receipts) {
			message := s.shown.message(ev)
			if message == "" {
				continue
			}
			for _, user := range sortedKeys(receipts[ev][event.ReceiptTypeRead]) {
				s.signal(user, bridge.Read{Message: message})
			}
		}
	}
}

// presence takes in how available a user is. Homeservers also say when they were
// active last, which is no news elsewhere.
func (s *portalState) presence(user id.UserID, p bridge.Presence) {
	if u := s.users[user]; u != nil && u.phase == userIn && (u.presence == nil || *u.presence != p) {
		u.presence = &p
		s.signal(user, p)
	}
}

func (s *portalState) signal(user id.UserID, b bridge.Body) {
	if u := s.users[user]; u != nil && u.phase == userIn {
		s.do(actPublish{bridge.Event{ID: s.newID(), Room: s.room, By: matrixPerson(user), Name: u.nick, Body: b}})
	}
}

// arrive takes in who is in the Matrix room, as the homeserver lists them:
// users are to be let in (again, after a restart), ghosts are known to be there.
func (s *portalState) arrive(users map[id.UserID]mautrix.JoinedMember, again bool) {
	for _, user := range sortedKeys(users) {
		name := displayName(user, users[user].DisplayName)
		switch {
		case user == s.bot:
		case s.isOurs(user):
			if p, ok := s.personOf(user); ok {
				s.crowd.found(user, p, name)
			}
		case s.users[user] == nil:
			if why := s.admit(user); why != "" {
				s.do(actKick{user: user, reason: why})
				continue
			}
			u := &portalUser{name: name, avatar: users[user].AvatarURL}
			s.users[user] = u
			s.join(user, u, again, nil)
		}
	}
}

// displayName is what somebody is called who is called so in a room.
func displayName(user id.UserID, name string) string {
	if name = cleanLine(name, 200); name == "" {
		return strings.TrimPrefix(user.Localpart(), "@")
	}
	return name
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
