package matrixside

import (
	"encoding/json"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// FuzzPortalEvents has a portal take in what users of Matrix can send, and
// answers all that it asks with a failure: nothing of that may make it panic,
// and each event is done once.
func FuzzPortalEvents(f *testing.F) {
	for _, seed := range []string{
		`[{"sender":"@bob:hs","type":"m.room.member","state_key":"@bob:hs","content":{"membership":"join"}},
		  {"sender":"@bob:hs","type":"m.room.message","content":{"msgtype":"m.text","body":"hello"}}]`,
		`[{"sender":"@bob:hs","type":"m.room.member","state_key":"@irc_libera_rob:hs","content":{"membership":"ban"}}]`,
		`[{"sender":"@bob:hs","type":"m.room.power_levels","state_key":"","content":{"users":{"@bob:hs":100,"@irc_libera_rob:hs":-5}}}]`,
		`[{"sender":"@bob:hs","type":"m.room.topic","state_key":"","content":{"topic":7}},{"type":"m.room.tombstone","state_key":"x"}]`,
		`[{"sender":"@bob:hs","type":"m.room.encryption","state_key":""},{"sender":"@bob:hs","type":"m.room.encrypted"}]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var events []*event.Event
		if json.Unmarshal([]byte(text), &events) != nil || len(events) > 100 {
			return
		}
		s := newPortalScript(t, "~#go%libera", 10)
		s.state.deliver(bridge.Event{Body: bridge.Members{Members: []bridge.Member{{Person: bridge.Person{Network: "libera", ID: "rob"}, Name: "rob"}}}})
		done := map[int]int{}
		taken := 0
		for i, e := range events {
			if e == nil {
				continue
			}
			if e.StateKey != nil {
				e.Type.Class = event.StateEventType
			} else {
				e.Type.Class = event.MessageEventType
			}
			_ = e.Content.ParseRaw(e.Type)
			taken++
			s.state.handle(e, func() { done[i]++ })
			fuzzActs(s.state, false)
		}
		for range 2 * len(events) {
			fuzzActs(s.state, true)
		}
		s.state.deliver(bridge.Event{Body: bridge.Moved{}})
		for user, u := range s.state.users {
			s.state.forsake(user, u, "")
		}
		fuzzActs(s.state, true)
		if len(done) != taken {
			t.Errorf("%d of %d events are done", len(done), taken)
		}
		for i, n := range done {
			if n != 1 {
				t.Errorf("event %d is done %d times", i, n)
			}
		}
	})
}

// fuzzActs does what is to be done, and answers requests if it is told to.
func fuzzActs(s *portalState, answer bool) {
	for _, a := range s.take() {
		switch a := a.(type) {
		case actDone:
			a.done()
		case actFlush:
			for _, h := range s.flushed(a.user) {
				s.speak(h.event, s.users[a.user], h.done)
			}
		}
	}
	if !answer {
		return
	}
	for _, ref := range sortedKeys(s.asked) {
		a := s.asked[ref]
		if _, join := a.event.Body.(bridge.Join); join && len(a.event.By.ID)%2 == 0 {
			s.deliver(bridge.Event{Ref: ref, By: a.event.By, Name: "x", Body: bridge.Join{}})
		} else {
			s.deliver(bridge.Event{Ref: ref, Body: bridge.Failure{Kind: bridge.ErrBanned}})
		}
	}
	for _, g := range s.crowd.all() {
		s.crowd.did(id.UserID(g), true)
	}
}
