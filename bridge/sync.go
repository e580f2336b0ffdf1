package bridge

import (
	"slices"
	"strings"
)

// sync takes in the authority's whole member list. The first one opens the
// leg and lets in who waits; a later one is told to the others as differences,
// but for a change in whether the room may be listed, which is part of a list.
func (s *state) sync(from *leg, e Event, list Members) {
	hides := from.synced && s.secret != list.Secret
	s.secret = list.Secret
	present := make(map[Person]bool, len(list.Members))
	for _, now := range list.Members {
		present[now.Person] = true
		if now.Person.Network != from.room.Network {
			s.syncOurs(e, now)
		} else if m := s.member(now.Person); m == nil {
			s.syncNew(from, e, now)
		} else {
			if m.relayed {
				s.comesNatively(m, from, Event{ID: s.newID(), By: now.Person, Name: now.Name, At: e.At}, now.Role)
			}
			s.syncKnown(m, e, now)
		}
	}
	var gone []Event
	for p, m := range s.members.All() {
		if m.home == from && !present[p] {
			gone = append(gone, Event{ID: s.newID(), By: p, Name: m.name, At: e.At, Body: Leave{}})
		}
	}
	slices.SortFunc(gone, func(a, b Event) int { return strings.Compare(a.Name, b.Name) })
	for _, g := range gone {
		s.show(g, nil)
		s.remove(g.By)
	}

	if hides {
		for _, l := range s.legs {
			if l != from && l.occupants > 0 {
				s.list(l)
			}
		}
	}

	from.synced = true
	waiting := s.waiting
	s.waiting = nil
	for _, j := range waiting {
		s.joined(from, j, j.Body.(Join))
	}
}

// syncOurs takes over what the authority lets one of ours do. Whether they
// are there at all, their own session tells.
func (s *state) syncOurs(e Event, now Member) {
	if m := s.member(now.Person); m == nil || m.role != now.Role {
		s.roleChanged(Event{ID: s.newID(), Room: e.Room, By: now.Person, Name: now.Name, At: e.At}, RoleChange{Role: now.Role})
	}
}

func (s *state) syncNew(from *leg, e Event, now Member) {
	s.members.Set(now.Person, &member{
		name: now.Name, status: now.Status, avatar: now.Avatar, home: from, role: now.Role, show: now.Show, entered: true, attached: true,
	})
	s.show(Event{ID: s.newID(), By: now.Person, Name: now.Name, At: e.At, Body: Join{Role: now.Role}}, nil)
	if now.Show != ShowOnline || now.Status != "" {
		s.show(Event{ID: s.newID(), By: now.Person, Name: now.Name, At: e.At, Body: Presence{now.Show, now.Status}}, nil)
	}
	if now.Avatar != "" {
		s.show(Event{ID: s.newID(), By: now.Person, Name: now.Name, At: e.At, Body: Profile{now.Avatar}}, nil)
	}
}

func (s *state) syncKnown(m *member, e Event, now Member) {
	if m.role != now.Role {
		m.role = now.Role
		s.show(Event{ID: s.newID(), By: now.Person, Name: now.Name, At: e.At, Body: RoleChange{Role: now.Role}}, nil)
	}
	if m.show != now.Show || m.status != now.Status {
		m.show, m.status = now.Show, now.Status
		s.show(Event{ID: s.newID(), By: now.Person, Name: now.Name, At: e.At, Body: Presence{now.Show, now.Status}}, nil)
	}
	if m.avatar != now.Avatar {
		m.avatar = now.Avatar
		s.show(Event{ID: s.newID(), By: now.Person, Name: now.Name, At: e.At, Body: Profile{now.Avatar}}, nil)
	}
}
