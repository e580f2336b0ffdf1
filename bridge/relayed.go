package bridge

// mapped reports whether the leg joins the room to others of a mapping.
func (l *leg) mapped() bool { return l.room.Network == NetworkMapped }

// relayed reports whether somebody who came through home has no session here.
func (s *state) relayed(who Person, home *leg) bool {
	m := s.member(who)
	return m != nil && m.entered && m.relayed && m.home == home
}

// enterRelayed lets somebody in for the others to see, who has no session in
// the room, or from now on none.
func (s *state) enterRelayed(home *leg, e Event) {
	if m := s.member(e.By); m != nil && m.entered && !m.relayed {
		s.forward(Event{ID: s.newID(), By: e.By, Name: m.name, At: e.At, Body: Leave{}})
		m.relayed = true
		if e.Name == "" {
			e.Name = m.name
		}
	}
	role := RoleParticipant
	if m := s.member(e.By); m != nil {
		role = m.role
	}
	e.Ref = e.ID
	s.enter(home, e, Join{Role: role, Relayed: true})
}

// comesNatively is that somebody is in the room by themselves. Who was relayed
// into it until now, because they are in another room of the mapping, is not
// any more.
func (s *state) comesNatively(m *member, from *leg, e Event, role Role) {
	was := m.home
	if m.name != e.Name {
		s.calls(m, e)
	}
	was.occupants--
	m.home, m.role, m.relayed = from, role, false
	e.Room, e.Body = was.room, Join{Role: role}
	s.out.deliver = append(s.out.deliver, e)
}

// calls shows that m, who is known, has the name that e gives them.
func (s *state) calls(m *member, e Event) {
	to := Rename{To: e.Name, Person: e.By}
	s.renamed(Event{ID: s.newID(), By: e.By, Name: m.name, At: e.At, Body: to}, to)
}

// inform says the bridge's own word: to everybody, or to one person where they are.
func (s *state) inform(from *leg, e Event) {
	if m := s.member(e.By); m != nil && !m.home.authority {
		e.Room = m.home.room
		s.out.deliver = append(s.out.deliver, e)
		return
	}
	if e.By == (Person{}) {
		s.show(e, from)
	}
	s.forward(e)
}

// callsKeeper reports whether a fact is that somebody asks the Keeper into a
// room. It is for the mapping, also while nobody of ours is in the room.
func callsKeeper(e Event) bool {
	i, invite := e.Body.(Invite)
	return invite && i.Person == Keeper && !e.Room.Private()
}

// tellMapped delivers a fact to the legs of mappings alone, whoever is there.
func (s *state) tellMapped(e Event) {
	for _, l := range s.legs {
		if l.mapped() {
			e.Room = l.room
			s.out.deliver = append(s.out.deliver, e)
		}
	}
}
