package fakehs

import (
	"slices"
	"strings"
)

// createRoom sends a room's first events in the order that the specification
// has (client-server API §10.1).
func (s *Server) createRoom(c *call) (any, error) {
	alias := ""
	if name := str(c.body, "room_alias_name"); name != "" {
		alias = s.Alias(name)
		if s.aliases[alias] != "" {
			return nil, bad("M_ROOM_IN_USE", "Room alias already taken")
		}
		if err := s.mayName(c.user, c.as, alias); err != nil {
			return nil, err
		}
	}
	r := &chat{id: s.newID("!r"), state: map[stateKey]*Event{}, read: map[string]string{}}
	if !s.o.NoServerInIDs {
		r.id += ":" + s.ServerName
	}
	s.rooms[r.id] = r
	none := ""
	put := func(typ string, content map[string]any) { s.add(r, c.user, typ, &none, content) }

	create := object(c.body["creation_content"])
	create["creator"], create["room_version"] = c.user, "10"
	if version := str(c.body, "room_version"); version != "" {
		create["room_version"] = version
	}
	put("m.room.create", create)
	s.add(r, c.user, "m.room.member", &c.user, s.profileContent(c.user, "join"))
	put("m.room.power_levels", powerLevels(c))
	if alias != "" {
		s.aliases[alias] = r.id
		put("m.room.canonical_alias", map[string]any{"alias": alias})
	}
	preset := str(c.body, "preset")
	if preset == "" && str(c.body, "visibility") == "public" {
		preset = "public_chat"
	}
	rule := "invite"
	if preset == "public_chat" {
		rule = "public"
	}
	put("m.room.join_rules", map[string]any{"join_rule": rule})
	put("m.room.history_visibility", map[string]any{"history_visibility": "shared"})
	for _, v := range list(c.body, "initial_state") {
		e, _ := v.(map[string]any)
		key := str(e, "state_key")
		s.add(r, c.user, str(e, "type"), &key, sub(e, "content"))
	}
	if name := str(c.body, "name"); name != "" {
		put("m.room.name", map[string]any{"name": name})
	}
	if topic := str(c.body, "topic"); topic != "" {
		put("m.room.topic", map[string]any{"topic": topic})
	}
	direct, _ := c.body["is_direct"].(bool)
	for _, v := range list(c.body, "invite") {
		user, _ := v.(string)
		content := map[string]any{}
		if direct {
			content["is_direct"] = true
		}
		if _, err := s.setMember(r, c.user, user, "invite", content); err != nil {
			return nil, err
		}
	}
	r.listed = str(c.body, "visibility") == "public"
	return map[string]any{"room_id": r.id}, nil
}

func powerLevels(c *call) map[string]any {
	levels := object(map[string]any{
		"users": map[string]int{c.user: 100}, "users_default": 0, "events_default": 0, "state_default": 50,
		"ban": 50, "kick": 50, "redact": 50, "invite": 0,
		"events": map[string]int{"m.room.name": 50, "m.room.power_levels": 100, "m.room.tombstone": 100},
	})
	if str(c.body, "preset") == "trusted_private_chat" {
		for _, v := range list(c.body, "invite") {
			user, _ := v.(string)
			sub(levels, "users")[user] = float64(100)
		}
	}
	for k, v := range sub(c.body, "power_level_content_override") {
		levels[k] = v
	}
	return levels
}

func (s *Server) profileContent(user, membership string) map[string]any {
	content := map[string]any{"membership": membership}
	if u := s.users[user]; u != nil {
		if u.name != "" {
			content["displayname"] = u.name
		}
		if u.avatar != "" {
			content["avatar_url"] = u.avatar
		}
	}
	return content
}

// named is the room of an id or an alias. An alias of the bridge's that nobody
// knows is asked of the bridge first (application service API §5.1.5).
func (s *Server) named(name string) (*chat, error) {
	if !strings.HasPrefix(name, "#") {
		return s.room(name)
	}
	if s.aliases[name] == "" && anyMatches(s.Registration.aliases, name) {
		s.outside(func() { s.ask("rooms/", name) })
	}
	if r := s.rooms[s.aliases[name]]; r != nil {
		return r, nil
	}
	return nil, notFound("Room alias %s not found", name)
}

func (s *Server) joinByName(c *call) (any, error) {
	r, err := s.named(c.params[0])
	if err != nil {
		return nil, err
	}
	content := map[string]any{}
	if reason := str(c.body, "reason"); reason != "" {
		content["reason"] = reason
	}
	if r.membership(c.user) != "join" {
		if _, err := s.setMember(r, c.user, c.user, "join", content); err != nil {
			return nil, err
		}
	}
	return map[string]any{"room_id": r.id}, nil
}

func (s *Server) knock(c *call) (any, error) {
	r, err := s.named(c.params[0])
	if err != nil {
		return nil, err
	}
	content := map[string]any{}
	if reason := str(c.body, "reason"); reason != "" {
		content["reason"] = reason
	}
	if _, err := s.setMember(r, c.user, c.user, "knock", content); err != nil {
		return nil, err
	}
	return map[string]any{"room_id": r.id}, nil
}

// move is an endpoint that changes the membership of the caller or of whom they name.
func move(to string, self bool) func(*Server, *call) (any, error) {
	return func(s *Server, c *call) (any, error) {
		r, err := s.room(c.params[0])
		if err != nil {
			return nil, err
		}
		target := c.user
		if !self {
			target = str(c.body, "user_id")
		}
		content := map[string]any{}
		if reason := str(c.body, "reason"); reason != "" {
			content["reason"] = reason
		}
		if strings.HasSuffix(c.path, "/unban") && r.membership(target) != "ban" {
			return nil, forbidden("%s is not banned", target)
		}
		_, err = s.setMember(r, c.user, target, to, content)
		return map[string]any{}, err
	}
}

func (s *Server) joinedRooms(c *call) (any, error) {
	ids := []string{}
	for _, r := range s.sortedRooms() {
		if r.membership(c.user) == "join" {
			ids = append(ids, r.id)
		}
	}
	return map[string]any{"joined_rooms": ids}, nil
}

func (s *Server) sortedRooms() []*chat {
	all := make([]*chat, 0, len(s.rooms))
	for _, r := range s.rooms {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *chat) int { return strings.Compare(a.id, b.id) })
	return all
}
