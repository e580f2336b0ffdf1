package fakehs

// setMember moves somebody into another membership, if the room's rules let
// sender do that (room version 10, §authorization rules, as far as a bridge can
// notice). The caller holds mu.
func (s *Server) setMember(r *chat, sender, target, to string, content map[string]any) (*Event, error) {
	is, self := r.membership(target), sender == target
	err := func() error {
		switch {
		case to == "join" && self:
			return s.mayJoin(r, target, is)
		case to == "knock" && self:
			return s.mayKnock(r, target, is)
		case to == "invite":
			return r.mayInvite(sender, target, is)
		case to == "leave" && self:
			if is == "ban" || is == "leave" {
				return forbidden("%s is not in %s", target, r.id)
			}
			return nil
		case to == "leave" && is == "ban":
			return r.mayRemove(sender, target, "ban")
		case to == "leave":
			if is == "leave" {
				return forbidden("%s is not in %s", target, r.id)
			}
			return r.mayRemove(sender, target, "kick")
		case to == "ban":
			return r.mayRemove(sender, target, "ban")
		}
		return forbidden("%s can't make %s %q", sender, target, to)
	}()
	if err != nil {
		return nil, err
	}
	full := map[string]any{}
	for k, v := range content {
		full[k] = v
	}
	full["membership"] = to
	if u := s.users[target]; u != nil && (to == "join" || to == "knock" || to == "invite") {
		if _, set := full["displayname"]; !set && u.name != "" {
			full["displayname"] = u.name
		}
		if _, set := full["avatar_url"]; !set && u.avatar != "" {
			full["avatar_url"] = u.avatar
		}
	}
	return s.add(r, sender, "m.room.member", &target, full), nil
}

func (s *Server) mayJoin(r *chat, user, is string) error {
	switch {
	case is == "join", is == "invite":
		return nil
	case is == "ban":
		return forbidden("%s is banned from %s", user, r.id)
	}
	switch r.joinRule() {
	case "public":
		return nil
	case "restricted", "knock_restricted":
		for _, allowed := range list(r.content("m.room.join_rules", ""), "allow") {
			rule, _ := allowed.(map[string]any)
			if other := s.rooms[str(rule, "room_id")]; other != nil && other.membership(user) == "join" {
				return nil
			}
		}
		if s.kind == Dendrite {
			return &Error{Status: 500, Code: "M_UNKNOWN", Text: "Internal Server Error"}
		}
		return forbidden("You do not belong to any of the required rooms/spaces to join this room.")
	}
	return forbidden("You are not invited to this room.")
}

func (s *Server) mayKnock(r *chat, user, is string) error {
	if s.kind == Dendrite {
		return unrecognized()
	}
	rule := r.joinRule()
	if is == "ban" || is == "join" || is == "invite" || rule != "knock" && rule != "knock_restricted" {
		return forbidden("You don't have permission to knock")
	}
	return nil
}

func (r *chat) mayInvite(sender, target, is string) error {
	switch {
	case r.membership(sender) != "join":
		return forbidden("%s is not in %s", sender, r.id)
	case is == "ban" || is == "join":
		return forbidden("%s is %s", target, map[string]string{"ban": "banned", "join": "already in the room"}[is])
	case r.power(sender) < r.need("invite"):
		return forbidden("You don't have permission to invite users")
	}
	return nil
}

// mayRemove checks a kick, a ban or the lifting of one.
func (r *chat) mayRemove(sender, target, action string) error {
	if r.membership(sender) != "join" {
		return forbidden("%s is not in %s", sender, r.id)
	}
	if r.power(sender) < r.need(action) || r.power(sender) <= r.power(target) {
		return forbidden("You don't have permission to %s %s", action, target)
	}
	return nil
}
