package fakehs

// once carries f out unless the same client has had the same transaction: by
// token and URL, not by ghost (client-server API §3.4, and what both real
// homeservers make of it for application services).
func (s *Server) once(c *call, f func() (*Event, error)) (any, error) {
	key := "user " + c.user
	if c.as {
		key = "as"
	}
	key += " " + c.path
	id := s.sent[key]
	if id == "" {
		e, err := f()
		if err != nil {
			return nil, err
		}
		id = e.ID
		s.sent[key] = id
	}
	return map[string]any{"event_id": id}, nil
}

func (s *Server) send(c *call) (any, error) {
	r, err := s.room(c.params[0])
	if err != nil {
		return nil, err
	}
	return s.once(c, func() (*Event, error) {
		if c.params[1] == "m.reaction" && s.kind == Synapse && r.reacted(c.user, c.body) {
			return nil, bad("M_DUPLICATE_ANNOTATION", "Can't send same reaction twice")
		}
		return s.sendMessage(r, c.user, c.params[1], c.body)
	})
}

// reacted reports whether a user has sent the same reaction before.
func (r *chat) reacted(user string, content map[string]any) bool {
	relation := sub(content, "m.relates_to")
	for _, e := range r.events {
		if e.Type == "m.reaction" && e.Sender == user {
			other := sub(e.Content, "m.relates_to")
			if str(other, "event_id") == str(relation, "event_id") && str(other, "key") == str(relation, "key") {
				return true
			}
		}
	}
	return false
}

func (s *Server) sendRedaction(c *call) (any, error) {
	r, err := s.room(c.params[0])
	if err != nil {
		return nil, err
	}
	return s.once(c, func() (*Event, error) { return s.redact(r, c.user, c.params[1], str(c.body, "reason")) })
}

func (s *Server) putState(c *call) (any, error) {
	r, err := s.room(c.params[0])
	if err != nil {
		return nil, err
	}
	key := ""
	if len(c.params) > 2 {
		key = c.params[2]
	}
	e, err := s.sendState(r, c.user, c.params[1], key, c.body)
	if err != nil {
		return nil, err
	}
	return map[string]any{"event_id": e.ID}, nil
}
