package fakehs

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Expect waits for an event that fits and that no earlier Expect has had.
func (s *Server) Expect(what string, fits func(*Event) bool) *Event {
	s.t.Helper()
	var found *Event
	s.until(what, func() bool {
		i := slices.IndexFunc(s.events, func(e *Event) bool { return !s.taken[e.ID] && fits(e) })
		if i < 0 {
			return false
		}
		found = s.events[i]
		s.taken[found.ID] = true
		return true
	})
	return found
}

// ExpectNone fails the test if an event has come that fits and that no Expect
// has had. Wait for something that comes later first.
func (s *Server) ExpectNone(what string, fits func(*Event) bool) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if !s.taken[e.ID] && fits(e) {
			s.t.Fatalf("fakehs: %s came: %s", what, e.json())
		}
	}
}

// ExpectMessage waits for a message of somebody.
func (s *Server) ExpectMessage(room, sender, body string) *Event {
	s.t.Helper()
	return s.Expect(fmt.Sprintf("%s in %s: %q", sender, room, body), func(e *Event) bool {
		return e.Room == room && e.Sender == sender && e.Type == "m.room.message" && e.Text("body") == body
	})
}

// ExpectMember waits until somebody's membership is this.
func (s *Server) ExpectMember(room, user, membership string) {
	s.t.Helper()
	s.until(fmt.Sprintf("%s to be %s in %s", user, membership, room), func() bool {
		r := s.rooms[room]
		return r != nil && r.membership(user) == membership
	})
}

// Until waits for something to become true, that is for check to return true.
// It is called each time that anything has happened.
func (s *Server) Until(what string, check func() bool) {
	s.t.Helper()
	s.wait(what, check)
}

// until is Until with the lock held in check.
func (s *Server) until(what string, check func() bool) {
	s.t.Helper()
	s.wait(what, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return check()
	})
}

func (s *Server) wait(what string, check func() bool) {
	s.t.Helper()
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if check() {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			s.t.Fatalf("fakehs: waited in vain for %s\nthe last events:\n%s", what, s.recent())
		}
	}
}

func (s *Server) recent() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.events[max(0, len(s.events)-15):] {
		fmt.Fprintf(&b, "  %s\n", e.json())
	}
	return b.String()
}

// Events are all of a room, in order.
func (s *Server) Events(room string) []*Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil {
		return slices.Clone(r.events)
	}
	return nil
}

// Messages are the texts of a room, in order, of one sender or (for "") of all.
func (s *Server) Messages(room, sender string) (texts []string) {
	for _, e := range s.Events(room) {
		if e.Type == "m.room.message" && (sender == "" || e.Sender == sender) {
			texts = append(texts, e.Text("body"))
		}
	}
	return texts
}

// Content is a piece of a room's state, nil if it has none.
func (s *Server) Content(room, typ, key string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil {
		return r.content(typ, key)
	}
	return nil
}

// Members are the user ids of one membership ("join").
func (s *Server) Members(room, membership string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil {
		return r.members(membership)
	}
	return nil
}

// RoomOf is the room that an alias leads to, "" if there is none. It asks nobody.
func (s *Server) RoomOf(alias string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aliases[alias]
}

// Registered tells whether there is such a user.
func (s *Server) Registered(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[user] != nil
}

// Profile is a user's display name and avatar.
func (s *Server) Profile(user string) (name, avatar string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[user]; u != nil {
		return u.name, u.avatar
	}
	return "", ""
}

// Presence is how a user is, as they last told.
func (s *Server) Presence(user string) Presence {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[user]; u != nil {
		return u.presence
	}
	return Presence{}
}

// TypingIn are those who are writing in a room.
func (s *Server) TypingIn(room string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil {
		return r.typing
	}
	return nil
}

// ReadBy is the last event that somebody has said to have read, "" for none.
func (s *Server) ReadBy(room, user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil {
		return r.read[user+" m.read"]
	}
	return ""
}

// Crowd puts many members into a room, @member0 and so on, who are there and
// do nothing. The bridge is not told: have them come before it does.
func (s *Server) Crowd(room string, members int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[room]
	for i := range members {
		user := s.ID(fmt.Sprintf("member%d", i))
		e := &Event{
			ID: s.newID("$e"), Type: "m.room.member", Room: room, Sender: user, StateKey: &user,
			Content: map[string]any{"membership": "join", "displayname": fmt.Sprintf("Member %d", i)},
			At:      time.Now(), visibility: r.visibility(), pos: len(s.events),
		}
		r.state[stateKey{e.Type, user}] = e
	}
	s.wake()
}
