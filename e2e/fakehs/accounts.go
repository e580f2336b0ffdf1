package fakehs

import (
	"strings"
)

// software is what servers ask each other (server-server API §3).
func (s *Server) software(*call) (any, error) {
	if s.o.Software == "" {
		return nil, unrecognized()
	}
	return map[string]any{"server": map[string]any{"name": s.o.Software, "version": "1.160.0"}}, nil
}

// versions are what a Dendrite 0.13 and a Synapse of today answer.
func (s *Server) versions(*call) (any, error) {
	versions, features := []string{"r0.6.1", "v1.1", "v1.2"}, map[string]bool{"org.matrix.msc3916.stable": true}
	if s.kind == Synapse {
		versions = append(versions, "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12")
	}
	return map[string]any{"versions": versions, "unstable_features": features}, nil
}

func (s *Server) capabilities(*call) (any, error) {
	return map[string]any{"capabilities": map[string]any{
		"m.room_versions": map[string]any{"default": "10", "available": map[string]string{"10": "stable", "11": "stable"}},
	}}, nil
}

func (s *Server) whoami(c *call) (any, error) { return map[string]any{"user_id": c.user}, nil }

// register makes a ghost (application service API §5.2.2). Names are checked as
// far as the homeserver does that: a Synapse takes anything.
func (s *Server) register(c *call) (any, error) {
	if !c.as || str(c.body, "type") != "m.login.application_service" {
		return nil, forbidden("Registration has been disabled.")
	}
	localpart := str(c.body, "username")
	if s.kind == Dendrite {
		localpart = strings.ToLower(localpart)
		if strings.Trim(localpart, "abcdefghijklmnopqrstuvwxyz0123456789._=-/+") != "" {
			return nil, bad("M_INVALID_USERNAME", "Username can only contain characters a-z, 0-9, or '_+-./='")
		}
	}
	user := s.ID(localpart)
	switch {
	case localpart == "" || len(user) > 255:
		return nil, bad("M_INVALID_USERNAME", "%q can't be a name", localpart)
	case !s.ours(user):
		return nil, bad("M_EXCLUSIVE", "%s is not in the application service's namespace", user)
	case s.users[user] != nil:
		return nil, bad("M_USER_IN_USE", "User ID already taken.")
	}
	s.users[user] = &account{id: user, name: localpart}
	s.wake()
	return map[string]any{"user_id": user, "home_server": s.ServerName}, nil
}

func (s *Server) getProfile(c *call) (any, error) {
	u := s.users[c.params[0]]
	if u == nil && s.ours(c.params[0]) {
		s.outside(func() { s.ask("users/", c.params[0]) })
		u = s.users[c.params[0]]
	}
	if u == nil {
		return nil, notFound("no profile of %s", c.params[0])
	}
	profile := map[string]any{}
	if u.name != "" {
		profile["displayname"] = u.name
	}
	if u.avatar != "" {
		profile["avatar_url"] = u.avatar
	}
	if len(c.params) > 1 {
		return map[string]any{c.params[1]: profile[c.params[1]]}, nil
	}
	return profile, nil
}

func (s *Server) putProfile(c *call) (any, error) {
	if c.params[0] != c.user {
		return nil, forbidden("%s is not %s", c.user, c.params[0])
	}
	s.setProfile(c.user, c.params[1], str(c.body, c.params[1]))
	return map[string]any{}, nil
}

// setProfile changes a profile, and the member events with it in every room
// that the user is in.
func (s *Server) setProfile(user, field, value string) {
	u := s.users[user]
	switch field {
	case "displayname":
		u.name = value
	case "avatar_url":
		u.avatar = value
	}
	for _, r := range s.sortedRooms() {
		if r.membership(user) != "join" {
			continue
		}
		content := map[string]any{"membership": "join"}
		if u.name != "" {
			content["displayname"] = u.name
		}
		if u.avatar != "" {
			content["avatar_url"] = u.avatar
		}
		s.add(r, user, "m.room.member", &user, content)
	}
	s.wake()
}

func (s *Server) getAccountData(c *call) (any, error) {
	if data := s.account[c.user+" "+c.params[1]]; data != nil && c.params[0] == c.user {
		return data, nil
	}
	return nil, notFound("no %s", c.params[1])
}

func (s *Server) putAccountData(c *call) (any, error) {
	if c.params[0] != c.user {
		return nil, forbidden("%s is not %s", c.user, c.params[0])
	}
	s.account[c.user+" "+c.params[1]] = c.body
	return map[string]any{}, nil
}
