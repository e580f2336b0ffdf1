package matrixside

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// firstRetry and mostRetry bound the wait until somebody who was in the room
// before a restart is asked in again.
const (
	firstRetry = 15 * time.Second
	mostRetry  = 10 * time.Minute
)

// answered takes in how a request went.
func (s *portalState) answered(e bridge.Event) {
	a := s.answer(e.Ref)
	if a == nil {
		return
	}
	f, failed := e.Body.(bridge.Failure)
	if !failed {
		s.finish(a.done)
		return
	}
	user := id.UserID(a.event.By.ID)
	why := sentence(cmp.Or(f.Text, failureTexts[f.Kind], "That did not work."))
	switch b := a.event.Body.(type) {
	case bridge.Join:
		s.refused(user, a, f, why)
	case bridge.Message:
		s.notSent(user, why, a.cause)
	case bridge.Topic:
		s.notice("The topic stays as it was. "+why, a.cause, user)
		s.do(actState{event.StateTopic, s.topic})
	case bridge.Expel:
		if b.Target == "" {
			s.notice("The ban of "+b.Person.ID+" counts on Matrix alone. "+why, a.cause, user)
			break
		}
		s.notice(b.Target+" stays. "+why, a.cause, user)
		if s.crowd.name(a.ghost) != "" {
			s.do(actReadmit{a.ghost, b.Ban})
		}
	case bridge.Pardon:
		s.notice("The ban of "+b.Person.ID+" is lifted on Matrix alone. "+why, a.cause, user)
	case bridge.RoleChange:
		s.notice(why, a.cause, user)
		s.setLevels(map[id.UserID]int{a.ghost: a.level})
	case bridge.Rename:
		s.notice("On "+s.home+" you are still called "+a.event.Name+". "+why, a.cause, user)
	case bridge.Invite:
		s.notice("The invitation did not reach "+b.Person.ID+". "+why, a.cause, user)
		s.do(actDecline{a.ghost, why})
	}
	s.finish(a.done)
}

// failBurst failures to send are told to a user each by itself within
// failInterval, then they are only counted: who floods a room is not helped
// by a flood of answers.
const (
	failBurst    = 10
	failInterval = time.Minute
)

// notSent tells a user that what they said was not sent.
func (s *portalState) notSent(user id.UserID, why string, cause id.EventID) {
	u := s.users[user]
	if u == nil {
		s.notice("This was not sent. "+why, cause, user)
		return
	}
	before := ""
	if now := s.now(); now.Sub(u.failing) > failInterval {
		if more := u.fails - failBurst; more > 0 {
			before = " Nor were " + plural(more, "message", "messages") + " before it."
		}
		u.failing, u.fails = now, 0
	}
	switch u.fails++; {
	case u.fails < failBurst:
		s.notice("This was not sent. "+why+before, cause, user)
	case u.fails == failBurst:
		s.notice("This was not sent. "+why+" Whatever else fails within the next minute is not told.", cause, user)
	}
}

// maxTries is how many other names are tried for somebody whose own is taken:
// nobody on Matrix has chosen theirs with a view to that room.
const maxTries = 4

// wish is the name that is tried for a user: their own, then one that tells where
// they are from.
func (s *portalState) wish(u *portalUser) string {
	mark, n := "", ""
	if u.tries > 1 {
		n = strconv.Itoa(u.tries)
	}
	switch {
	case u.tries == 0:
	case s.network == bridge.NetworkXMPP:
		mark = " (" + strings.TrimSpace("Matrix "+n) + ")"
	default:
		mark = "[m]" + n
	}
	return u.name + mark
}

// failureTexts are for failures without a text.
var failureTexts = map[bridge.ErrorKind]string{
	bridge.ErrNotFound: "There is no such room.", bridge.ErrBanned: "You are banned.",
	bridge.ErrMembersOnly: "The room is for members only.", bridge.ErrPassword: "The room needs a key.",
	bridge.ErrFull: "The room is full.", bridge.ErrNoVoice: "You may not speak here.",
	bridge.ErrNoPrivileges: "You may not do that here.", bridge.ErrTimeout: "There was no answer.",
	bridge.ErrOffline: "The network can't be reached.",
}

// passing reports whether a failure may be another one in a while.
func passing(k bridge.ErrorKind) bool {
	switch k {
	case bridge.ErrOffline, bridge.ErrTimeout, bridge.ErrTooFast, bridge.ErrTooMany, bridge.ErrInternal, bridge.ErrConflict:
		return true
	}
	return false
}

// refused tells a user why they can't come in, and puts them out of the Matrix
// room, too: they would hear nothing of the other. Who was in it before a
// restart stays while it may still succeed.
func (s *portalState) refused(user id.UserID, a *portalAsked, f bridge.Failure, why string) {
	u := s.users[user]
	if u == nil {
		return
	}
	if f.Kind == bridge.ErrConflict && u.tries < maxTries {
		u.tries++
		s.join(user, u, u.again, a.done)
		a.done = nil
		return
	}
	u.phase, u.why, u.tries = userOut, why, 0
	if u.again && passing(f.Kind) {
		if u.wait == 0 {
			s.notice("You can't be brought back into "+s.there+" at the moment: "+why+" This is tried again.", "", user)
		} else {
			s.forsake(user, u, "You are not in the room at the moment. This was not sent.")
		}
		u.wait = min(max(2*u.wait, firstRetry), mostRetry)
		u.retry = s.now().Add(u.wait)
		s.do(actRetry{})
		return
	}
	switch f.Kind {
	case bridge.ErrPassword:
		room := s.home + " " + s.there
		if s.network == bridge.NetworkXMPP {
			room = s.there
		}
		why += fmt.Sprintf(" If you know its key, say to %s: join %s KEY", s.bot, room)
	case bridge.ErrMoved:
		why = "The room is elsewhere: " + why
	}
	why = "You can't be in " + s.there + " on " + s.home + ". " + why
	s.notice(why, "", user)
	s.forsake(user, u, "This was not sent.")
	s.drop(user)
	s.do(actKick{user: user, reason: why})
}

// tick asks those in again for whom it is time, and reports whether there are
// more.
func (s *portalState) tick() (more bool) {
	now := s.now()
	for _, user := range sortedKeys(s.users) {
		switch u := s.users[user]; {
		case u.phase != userOut || u.retry.IsZero():
		case now.Before(u.retry):
			more = true
		default:
			u.retry = time.Time{}
			s.join(user, u, true, nil)
		}
	}
	return more
}

// shownMessages is which of our messages has which event in the room, of the
// last maxShown.
type shownMessages struct {
	last []shownMessage
	next int
}

type shownMessage struct {
	message string
	event   id.EventID
}

func (m *shownMessages) add(message string, ev id.EventID) {
	if len(m.last) < maxShown {
		m.last = append(m.last, shownMessage{message, ev})
		return
	}
	m.last[m.next] = shownMessage{message, ev}
	m.next = (m.next + 1) % maxShown
}

func (m *shownMessages) event(message string) id.EventID {
	for _, s := range m.last {
		if s.message == message {
			return s.event
		}
	}
	return ""
}

func (m *shownMessages) message(ev id.EventID) string {
	for _, s := range m.last {
		if s.event == ev {
			return s.message
		}
	}
	return ""
}

// sentence ends a text as one.
func sentence(s string) string {
	if s = strings.TrimSpace(s); s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// plural is "1 thing" or "3 things".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// cleanLine is s in one line, without control characters and not longer than
// most bytes.
func cleanLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return strings.TrimSpace(s)
}
