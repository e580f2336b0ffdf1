package matrixside

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

const (
	// maxHeld bounds what one user says while their Join is under way.
	maxHeld = 32
	// maxGone bounds those of whom it is remembered when they left.
	maxGone = 256
	// maxShown is how many messages a receipt may point back at.
	maxShown = 256
	// tellAgain is how long a user isn't told once more that we can't read
	// what is encrypted.
	tellAgain = 10 * time.Minute
)

// portalState is all that is known of one portal room. Its methods do nothing
// but compute: what is to be done they leave in out, in order.
type portalState struct {
	room bridge.Room // what the core calls it
	// network and there are the room that it stands for, and home what people
	// call its network.
	network, there, home string
	bot                  id.UserID
	admit                func(id.UserID) string // why a user may not come in, "" if they may
	dropped              func(id.UserID)        // they are no more in the room
	key                  func(id.UserID) string // the room's, as the user has given it
	now                  func() time.Time
	ghostOf              func(bridge.Person) id.UserID
	isOurs               func(id.UserID) bool
	personOf             func(id.UserID) (bridge.Person, bool)
	parse                func(*event.Event) (bridge.Message, bool)
	newID                func() string

	users  map[id.UserID]*portalUser
	gone   map[id.UserID]since // of those who left last
	banned map[id.UserID]bool  // ghosts, by Matrix users
	crowd  crowd
	asked  map[string]*portalAsked // requests that are not answered, by id
	levels map[id.UserID]int       // what the room's power levels say, but for 0
	shown  shownMessages
	topic  string // as Matrix has it
	name   string
	avatar string // of the picture, SHA-1
	listed listed
	typing map[id.UserID]bool

	out []act
}

// userPhase is how far a Matrix user is on their way into the room.
type userPhase uint8

const (
	userOut     userPhase = iota // in the Matrix room, not in the one that it stands for
	userJoining                  // a Join is under way
	userIn
)

// listed is whether a room may be in the public directory.
type listed uint8

const (
	listedUnknown listed = iota
	listedOpenly
	listedNowhere // +s, +p, members only
)

func listing(secret bool) listed {
	if secret {
		return listedNowhere
	}
	return listedOpenly
}

// portalUser is a Matrix user in the room on Matrix.
type portalUser struct {
	phase userPhase
	name  string // as Matrix has it
	nick  string // as the network has it
	// avatar is their picture's mxc URI, hash its SHA-1 as it was told.
	avatar, hash string
	presence     *bridge.Presence // as it was told since they are in
	again        bool             // the Join under way repeats one that had succeeded: nobody has just asked for it
	since        since
	held         []heldMessage
	told         time.Time // of encryption
	// retry is when to try again to bring them in, wait for how long was
	// waited before; zero for who needn't.
	retry time.Time
	wait  time.Duration
	// fails counts what could not be sent since failing.
	fails   int
	failing time.Time
	tries   int    // of other names
	why     string // they are out
}

// soon reports whether they are asked in again within firstRetry, for the
// first time: what they say meanwhile waits for that.
func (u *portalUser) soon() bool { return !u.retry.IsZero() && u.wait == firstRetry }

// since is when somebody's membership changed last, in ms by the clock of a server.
type since struct {
	at     int64
	server string
}

// isOld reports whether a membership came late: homeservers bring old events
// after newer ones when they were killed. Clocks of one server are compared.
func (s since) isOld(e *event.Event) bool {
	return e.Sender.Homeserver() == s.server && e.Timestamp < s.at
}

func sinceOf(e *event.Event) since { return since{e.Timestamp, e.Sender.Homeserver()} }

// heldMessage is what somebody said whose Join is under way.
type heldMessage struct {
	event *event.Event
	done  func()
}

// portalAsked is a request that is under way.
type portalAsked struct {
	event bridge.Event
	cause id.EventID // what on Matrix led to it
	ghost id.UserID  // whom it is about, of an Expel, RoleChange or Invite
	level int        // the level that a RoleChange took from them
	done  func()
}

func (s *portalState) do(a ...act) { s.out = append(s.out, a...) }

// take returns what is to be done, and forgets it.
func (s *portalState) take() []act {
	out := s.out
	s.out = nil
	return out
}

func (s *portalState) notice(text string, reply id.EventID, to id.UserID) {
	s.do(actNotice{text, reply, to})
}

// finish lets the inbox forget what needs no more.
func (s *portalState) finish(done func()) {
	if done != nil {
		s.do(actDone{done})
	}
}

// ask publishes a request of a Matrix user.
func (s *portalState) ask(a portalAsked) {
	a.event.ID, a.event.Room = s.newID(), s.room
	s.asked[a.event.ID] = &a
	s.do(actPublish{a.event})
}

func matrixPerson(user id.UserID) bridge.Person {
	return bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)}
}

// deliver takes in what has happened where the room stands for.
func (s *portalState) deliver(e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Members:
		s.members(b)
	case bridge.Join:
		s.joined(e, b)
	case bridge.Leave:
		s.left(e, b)
	case bridge.Rename:
		s.renamed(e, b)
	case bridge.Message:
		s.said(e, b)
	case bridge.Topic:
		if b.Text != s.topic {
			s.topic = b.Text
			if !s.wished(e) { // it stands there already
				s.do(actState{event.StateTopic, b.Text})
			}
		}
	case bridge.RoomInfo:
		if name := cmp.Or(b.Name, s.there); name != s.name {
			s.name = name
			s.do(actState{event.StateRoomName, name})
		}
		if b.Avatar != s.avatar {
			s.avatar = b.Avatar
			s.do(actAvatar{b.Avatar})
		}
	case bridge.RoleChange:
		s.roleChanged(e, b)
	case bridge.Attachment:
		s.attached(e, b)
	case bridge.Info:
		to := id.UserID("")
		if e.By.Network == bridge.NetworkMatrix {
			to = id.UserID(e.By.ID)
		}
		s.notice(b.Text, "", to)
	case bridge.Typing:
		if g := s.crowd.here(s.ghost(e.By)); g != "" {
			s.do(actTyping{g, b.On})
		}
	case bridge.Read:
		if g, ev := s.crowd.here(s.ghost(e.By)), s.shown.event(b.Message); g != "" && ev != "" {
			s.do(actRead{g, ev})
		}
	case bridge.Presence:
		if s.crowd.here(s.ghost(e.By)) != "" {
			s.do(actPresence{e.By, b})
		}
	case bridge.Profile:
		if s.crowd.here(s.ghost(e.By)) != "" {
			s.do(actProfile{e.By, b.Avatar})
		}
	case bridge.Moved:
		s.moved(b)
	case bridge.Lost:
		s.lost(b)
	case bridge.Confirm, bridge.Failure, bridge.Answer:
		s.answered(e)
	case bridge.Invite, bridge.Session, bridge.Watch, bridge.Query, bridge.Expel, bridge.Pardon:
		// Of consoles, or asked of a room with authority: never for this one.
	default:
		panic("matrixside: unknown kind of event delivered")
	}
}

// wished reports whether a fact is what somebody in the Matrix room has just asked for.
func (s *portalState) wished(e bridge.Event) bool {
	for _, a := range s.asked {
		if a.event.By == e.By && a.event.Body == e.Body {
			return true
		}
	}
	return false
}

// ghost is who stands for somebody, "" for a Matrix user and for who can't have one.
func (s *portalState) ghost(p bridge.Person) id.UserID {
	if p.Network == bridge.NetworkMatrix || p == (bridge.Person{}) {
		return ""
	}
	return s.ghostOf(p)
}

// members takes in the whole list of who is in the room.
func (s *portalState) members(list bridge.Members) {
	present := make(map[id.UserID]bool, len(list.Members))
	levels := map[id.UserID]int{}
	for _, m := range list.Members {
		if m.Person.Network == bridge.NetworkMatrix {
			user := id.UserID(m.Person.ID)
			if u := s.users[user]; u != nil {
				u.nick = m.Name
				levels[user] = roleLevels[m.Role]
			}
			continue
		}
		g := s.ghostOf(m.Person)
		if g == "" {
			continue
		}
		present[g] = true
		s.crowd.come(g, m.Person, m.Name)
		levels[g] = roleLevels[m.Role]
		if m.Show != bridge.ShowOnline || m.Status != "" {
			s.do(actPresence{m.Person, bridge.Presence{Show: m.Show, Status: m.Status}})
		}
		if m.Avatar != "" {
			s.do(actProfile{m.Person, m.Avatar})
		}
	}
	for _, g := range s.crowd.all() {
		if !present[g] {
			s.crowd.gone(g, "")
		}
	}
	for user, level := range s.levels { // power of an earlier time
		if s.isOurs(user) && !present[user] && level != 0 {
			levels[user] = 0
		}
	}
	s.setLevels(levels)
	if now := listing(list.Secret); now != s.listed {
		s.listed = now
		s.do(actList{now == listedOpenly})
	}
	s.do(actSettle{})
}

// joined takes in somebody who has come, or lets a Matrix user know that they are in.
func (s *portalState) joined(e bridge.Event, j bridge.Join) {
	if e.By.Network != bridge.NetworkMatrix {
		if g := s.ghostOf(e.By); g != "" {
			s.crowd.come(g, e.By, e.Name)
			s.do(actSettle{})
			s.setLevels(map[id.UserID]int{g: roleLevels[j.Role]})
		}
		return
	}
	user := id.UserID(e.By.ID)
	a := s.answer(e.Ref)
	u := s.users[user]
	if a == nil && u != nil && u.phase == userOut {
		return // they came from another room of a mapping: what they say there is said by the bot here
	}
	if u == nil { // they left the Matrix room meanwhile, or are of another one
		if a != nil {
			s.finish(a.done)
		}
		s.do(actPublish{bridge.Event{Room: s.room, By: e.By, Body: bridge.Leave{}}})
		return
	}
	again := u.again
	u.nick, u.again, u.tries, u.wait, u.why = e.Name, false, 0, 0, ""
	if a != nil {
		s.finish(a.done)
	}
	if e.Name != u.name && !again {
		s.notice("On "+s.home+" you are called "+e.Name+".", "", user)
	}
	s.setLevels(map[id.UserID]int{user: roleLevels[j.Role]})
	u.hash, u.presence = "", nil
	s.do(actFlush{user})
	if u.avatar != "" {
		s.do(actLooks{user, u.avatar})
	}
}

// looks takes in the SHA-1 of a user's picture, "" for none.
func (s *portalState) looks(user id.UserID, avatar, hash string) {
	if u := s.users[user]; u != nil && u.avatar == avatar && u.hash != hash {
		u.hash = hash
		s.signal(user, bridge.Profile{Avatar: hash})
	}
}

// flushed returns what a user said while their Join was under way, and lets
// them speak for themselves once there is no more of it.
func (s *portalState) flushed(user id.UserID) []heldMessage {
	u := s.users[user]
	if u == nil {
		return nil
	}
	held := u.held
	u.held = nil
	if len(held) == 0 {
		u.phase = userIn
	}
	return held
}

// left takes in that somebody has gone.
func (s *portalState) left(e bridge.Event, l bridge.Leave) {
	reason := leaveText(l)
	if e.By.Network != bridge.NetworkMatrix {
		if g := s.ghostOf(e.By); g != "" {
			s.crowd.gone(g, reason)
			s.do(actSettle{})
			s.setLevels(map[id.UserID]int{g: 0})
		}
		return
	}
	user := id.UserID(e.By.ID)
	u := s.users[user]
	if u == nil {
		return
	}
	u.phase = userOut
	s.forsake(user, u, "")
	if l.Cause == bridge.CauseShutdown {
		return // they are back with us
	}
	s.drop(user)
	s.do(actKick{user: user, reason: reason})
}

// drop forgets a user who is in the Matrix room no more.
func (s *portalState) drop(user id.UserID) {
	if u := s.users[user]; u != nil {
		if len(s.gone) >= maxGone {
			for other := range s.gone {
				delete(s.gone, other)
				break
			}
		}
		s.gone[user] = u.since
	}
	delete(s.users, user)
	delete(s.typing, user)
	s.dropped(user)
}

// forsake ends all that waits for an answer to a user who is in the room no
// more. With a text they are told that it is lost.
func (s *portalState) forsake(user id.UserID, u *portalUser, text string) {
	held := u.held
	u.held = nil
	for _, h := range held {
		if text != "" {
			s.notice(text, h.event.ID, user)
		}
		s.finish(h.done)
	}
	var ids []string
	for i, a := range s.asked {
		if a.event.By == matrixPerson(user) {
			ids = append(ids, i)
		}
	}
	slices.Sort(ids)
	for _, i := range ids {
		a := s.asked[i]
		delete(s.asked, i)
		if _, message := a.event.Body.(bridge.Message); message && text != "" {
			s.notice(text, a.cause, user)
		}
		s.finish(a.done)
	}
}

// leaveText is the reason that people see beside somebody's leaving.
func leaveText(l bridge.Leave) string {
	how := ""
	switch l.Cause {
	case bridge.CausePart:
	case bridge.CauseQuit:
		how = "Quit"
	case bridge.CauseKick:
		how = "Kicked"
	case bridge.CauseBan:
		how = "Banned"
	case bridge.CauseSplit:
		how = "Netsplit"
	case bridge.CauseKill:
		how = "Killed"
	case bridge.CauseShutdown:
		how = "The gateway is shutting down"
	default:
		panic("matrixside: unknown cause of a leave")
	}
	if l.Actor != "" {
		how += " by " + l.Actor
	}
	switch {
	case how == "":
		return l.Reason
	case l.Reason == "" || strings.HasPrefix(l.Reason, how):
		return cmp.Or(l.Reason, how)
	}
	return how + ": " + l.Reason
}

// renamed takes in another name, which on IRC is another person.
func (s *portalState) renamed(e bridge.Event, r bridge.Rename) {
	if e.By.Network == bridge.NetworkMatrix {
		user := id.UserID(e.By.ID)
		if u := s.users[user]; u != nil && u.nick != r.To {
			if u.nick = r.To; u.name == r.To {
				return
			}
			s.notice("On "+s.home+" you are called "+r.To+" now.", "", user)
		}
		return
	}
	to := r.Person
	if to == (bridge.Person{}) {
		to = e.By
	}
	before, after := s.ghostOf(e.By), s.ghostOf(to)
	if after != "" {
		s.crowd.come(after, to, r.To)
	}
	if before != after && before != "" {
		s.crowd.gone(before, "is now known as "+r.To)
		s.setLevels(map[id.UserID]int{before: 0, after: s.levels[before]})
	}
	s.do(actSettle{})
}

// said shows a message, unless it was said here.
func (s *portalState) said(e bridge.Event, m bridge.Message) {
	if a := s.answer(e.ID); a != nil {
		s.shown.add(e.ID, a.cause)
		s.finish(a.done)
		return
	}
	g := s.ghost(e.By)
	if g != "" {
		s.crowd.come(g, e.By, e.Name)
		s.crowd.spoke(g)
	}
	s.do(actSay{g, e})
}

// attached tells a Matrix user whether they can be heard.
func (s *portalState) attached(e bridge.Event, a bridge.Attachment) {
	if e.By.Network != bridge.NetworkMatrix || s.users[id.UserID(e.By.ID)] == nil {
		return
	}
	text := a.Text
	switch {
	case text != "":
	case a.Attached:
		text = "You are connected to " + s.home + " again."
	default:
		text = "Your connection to " + s.home + " is lost. Until it is back you are not heard there, and what is said is not for you to see."
	}
	s.notice(text, "", id.UserID(e.By.ID))
}

// moved tells that the room is no more.
func (s *portalState) moved(m bridge.Moved) {
	for user, u := range s.users {
		u.phase = userOut
		s.forsake(user, u, "The room is no more. This was not sent.")
	}
	for _, g := range s.crowd.all() {
		s.crowd.gone(g, m.Reason)
	}
	s.do(actSettle{}, actMoved{m.To, m.Reason})
}

// lost ends what was asked when answers were lost.
func (s *portalState) lost(l bridge.Lost) {
	users := make([]id.UserID, 0, len(s.users))
	for user := range s.users {
		users = append(users, user)
	}
	slices.Sort(users)
	for _, user := range users {
		u := s.users[user]
		joining := u.phase == userJoining
		held := u.held
		u.held = nil
		s.forsake(user, u, "The bridge was overloaded. It is not known whether this reached the room.")
		if u.held = held; joining {
			s.join(user, u, u.again, nil)
		}
	}
	s.notice(plural(l.Count, "thing that happened here was", "things that happened here were")+" not shown: the bridge was overloaded.", "", "")
}

// answer takes the request out that an event answers, nil for none.
func (s *portalState) answer(ref string) *portalAsked {
	a := s.asked[ref]
	delete(s.asked, ref)
	return a
}
