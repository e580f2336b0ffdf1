package mapping

import (
	"fmt"
	"testing"
	"time"

	"isthmus/bridge"
)

// TestStorms: whatever happens to a thousand people at once, another room sees
// no more of it at a time than its budget allows, and all of it in the end.
func TestStorms(t *testing.T) {
	const people = 1200
	s := newState("l")
	s.now = time.Unix(1_000_000, 0)
	muc := Room{At: bridge.Room{Network: "xmpp", ID: "muc"}}
	irc := Room{At: bridge.Room{Network: "irc", ID: "#c"}}
	s.configure(Link{Name: "l", Rooms: []Room{muc, irc}})
	var list bridge.Members
	for i := range people {
		list.Members = append(list.Members, bridge.Member{Person: bridge.Person{Network: "xmpp", ID: fmt.Sprint(i)}, Name: fmt.Sprint("p", i)})
	}
	for _, k := range s.legs {
		s.take(bridge.Event{Room: k.own, By: bridge.Keeper, Name: "isthmus", Body: bridge.Join{}})
	}
	s.out = effects{}
	s.take(bridge.Event{Room: s.legs[0].own, Body: list})

	// answered lets what the channel was asked take effect, until nothing more
	// comes, and tells how many requests there were, and how many at once.
	answered := func() (all, most int) {
		for {
			asked := s.out.ask
			s.out = effects{}
			for _, e := range asked {
				e.Ref, e.Room = e.ID, s.legs[1].own
				if _, join := e.Body.(bridge.Join); join {
					s.take(e)
				}
			}
			all, most = all+len(asked), max(most, len(asked))
			if s.wake.IsZero() {
				return all, most
			}
			s.now = s.wake
			s.tick()
		}
	}
	if all, most := answered(); all != people || most > budgetBurst {
		t.Errorf("relayed: %d, %d at once", all, most)
	}
	irc.Puppets = true
	s.configure(Link{Name: "l", Rooms: []Room{muc, irc}})
	if all, most := answered(); all != people || most > budgetBurst/costSession {
		t.Errorf("with sessions: %d, %d at once", all, most)
	}
	irc.Puppets = false
	s.now = s.now.Add(time.Hour)
	s.configure(Link{Name: "l", Rooms: []Room{muc, irc}})
	if all, most := answered(); all != people || most > budgetBurst/costSession {
		t.Errorf("without them again: %d, %d at once", all, most)
	}
	s.now = s.now.Add(time.Hour)
	s.take(bridge.Event{Room: s.legs[0].own, Body: bridge.Members{}})
	if all, most := answered(); all != people || most > budgetBurst {
		t.Errorf("gone: %d, %d at once", all, most)
	}
	if k := s.legs[1]; len(k.guests)+len(k.as)+len(k.names)+len(k.wanted)+len(k.dirty)+len(k.joins)+k.sessions != 0 {
		t.Errorf("something is left: %+v", k)
	}
}
