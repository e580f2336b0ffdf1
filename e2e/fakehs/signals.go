package fakehs

import "slices"

// Presence is how somebody is.
type Presence struct {
	State  string // "online", "unavailable", "offline" or "" for never told
	Status string
}

func (s *Server) putTyping(c *call) (any, error) {
	r, err := s.room(c.params[0])
	if err != nil {
		return nil, err
	}
	if c.params[1] != c.user || r.membership(c.user) != "join" {
		return nil, forbidden("%s can't type for %s in %s", c.user, c.params[1], r.id)
	}
	on, _ := c.body["typing"].(bool)
	s.setTyping(r, c.user, on)
	return map[string]any{}, nil
}

func (s *Server) setTyping(r *chat, user string, on bool) {
	if on == slices.Contains(r.typing, user) {
		return
	}
	if on {
		r.typing = append(slices.Clone(r.typing), user)
	} else {
		r.typing = slices.DeleteFunc(slices.Clone(r.typing), func(u string) bool { return u == user })
	}
	users := r.typing
	if users == nil {
		users = []string{}
	}
	s.signal(signal{Type: "m.typing", Room: r.id, Content: object(map[string]any{"user_ids": users})})
}

func (s *Server) postReceipt(c *call) (any, error) {
	r, err := s.room(c.params[0])
	if err != nil {
		return nil, err
	}
	return map[string]any{}, s.setRead(r, c.user, c.params[1], c.params[2])
}

func (s *Server) postMarkers(c *call) (any, error) {
	r, err := s.room(c.params[0])
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{"m.read", "m.read.private"} {
		if id := str(c.body, kind); id != "" {
			if err := s.setRead(r, c.user, kind, id); err != nil {
				return nil, err
			}
		}
	}
	return map[string]any{}, nil
}

func (s *Server) setRead(r *chat, user, kind, event string) error {
	if r.membership(user) != "join" {
		return forbidden("%s is not in %s", user, r.id)
	}
	if s.byID[event] == nil {
		return notFound("no event %s", event)
	}
	r.read[user+" "+kind] = event
	receipt := signal{Type: "m.receipt", Room: r.id, Content: object(map[string]any{
		event: map[string]any{kind: map[string]any{user: map[string]any{"ts": s.byID[event].At.UnixMilli()}}},
	})}
	if kind == "m.read.private" {
		receipt.private = user
	}
	s.signal(receipt)
	return nil
}

func (s *Server) putPresence(c *call) (any, error) {
	if c.params[0] != c.user {
		return nil, forbidden("%s is not %s", c.user, c.params[0])
	}
	p := Presence{str(c.body, "presence"), str(c.body, "status_msg")}
	if _, given := c.body["status_msg"]; !given && s.o.Kind == Dendrite {
		p.Status = s.users[c.user].presence.Status
	}
	s.setPresence(c.user, p)
	return map[string]any{}, nil
}

func (s *Server) setPresence(user string, p Presence) {
	s.users[user].presence = p
	content := map[string]any{"presence": p.State, "currently_active": p.State == "online", "last_active_ago": 0}
	if p.Status != "" {
		content["status_msg"] = p.Status
	}
	s.signal(signal{Type: "m.presence", Sender: user, Content: object(content)})
}

func (s *Server) getPresence(c *call) (any, error) {
	u := s.users[c.params[0]]
	if u == nil {
		return nil, notFound("no user %s", c.params[0])
	}
	state := u.presence.State
	if state == "" {
		state = "offline"
	}
	answer := map[string]any{"presence": state}
	if u.presence.Status != "" {
		answer["status_msg"] = u.presence.Status
	}
	return answer, nil
}

// signal keeps an ephemeral event for those who sync, and sends it to the
// bridge where the homeserver does that: private receipts too, as a Synapse does.
func (s *Server) signal(e signal) {
	s.signals = append(s.signals, e)
	interesting := true
	if r := s.rooms[e.Room]; r != nil {
		interesting = s.hasOurs(r)
	}
	if s.kind == Synapse && s.Registration.Ephemeral && interesting {
		s.enqueue(outgoing{signal: &e})
	}
	s.wake()
}
