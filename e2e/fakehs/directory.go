package fakehs

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) getAlias(c *call) (any, error) {
	r, err := s.named(c.params[0])
	if err != nil {
		return nil, err
	}
	return map[string]any{"room_id": r.id, "servers": []string{s.ServerName}}, nil
}

// mayName checks who may give names in the bridge's namespace: only the bridge,
// on a Dendrite only its bot.
func (s *Server) mayName(user string, as bool, alias string) error {
	if !anyMatches(s.Registration.aliases, alias) {
		return nil
	}
	if !as || s.kind == Dendrite && user != s.Bot() {
		return bad("M_EXCLUSIVE", "%s is reserved by an application service", alias)
	}
	return nil
}

func (s *Server) putAlias(c *call) (any, error) {
	alias := c.params[0]
	if err := s.mayName(c.user, c.as, alias); err != nil {
		return nil, err
	}
	if s.aliases[alias] != "" {
		return nil, &Error{Status: 409, Code: "M_UNKNOWN", Text: "Room alias " + alias + " already exists"}
	}
	r, err := s.room(str(c.body, "room_id"))
	if err != nil {
		return nil, err
	}
	s.aliases[alias] = r.id
	s.wake()
	return map[string]any{}, nil
}

func (s *Server) deleteAlias(c *call) (any, error) {
	if s.aliases[c.params[0]] == "" {
		return nil, notFound("Room alias %s not found", c.params[0])
	}
	delete(s.aliases, c.params[0])
	return map[string]any{}, nil
}

func (s *Server) roomAliases(c *call) (any, error) {
	r, err := s.in(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"aliases": s.aliasesOf(r.id)}, nil
}

func (s *Server) aliasesOf(room string) []string {
	found := []string{}
	for alias, id := range s.aliases {
		if id == room {
			found = append(found, alias)
		}
	}
	slices.Sort(found)
	return found
}

func (s *Server) getListed(c *call) (any, error) {
	r, err := s.room(c.params[0])
	if err != nil {
		return nil, err
	}
	return map[string]any{"visibility": map[bool]string{true: "public", false: "private"}[r.listed]}, nil
}

func (s *Server) putListed(c *call) (any, error) {
	r, err := s.room(c.params[len(c.params)-1])
	if err != nil {
		return nil, err
	}
	r.listed = str(c.body, "visibility") == "public"
	return map[string]any{}, nil
}

// publicRooms is the directory, most members first (client-server API §10.5.3).
func (s *Server) publicRooms(c *call) (any, error) {
	search := strings.ToLower(str(sub(c.body, "filter"), "generic_search_term"))
	limit, since := integer(c.body, "limit", 0), str(c.body, "since")
	if n, err := strconv.Atoi(c.query.Get("limit")); err == nil {
		limit, since = n, c.query.Get("since")
	}
	var found []map[string]any
	for _, r := range s.sortedRooms() {
		if entry := s.listing(r); r.listed && strings.Contains(strings.ToLower(fmt.Sprint(entry["name"], entry["topic"], entry["canonical_alias"])), search) {
			found = append(found, entry)
		}
	}
	slices.SortStableFunc(found, func(a, b map[string]any) int { return b["num_joined_members"].(int) - a["num_joined_members"].(int) })
	answer := map[string]any{"total_room_count_estimate": len(found)}
	begin, _ := strconv.Atoi(strings.TrimPrefix(since, "p")) // none: from the beginning
	begin = min(begin, len(found))
	rest := found[begin:]
	if limit > 0 && len(rest) > limit {
		rest = rest[:limit]
		answer["next_batch"] = fmt.Sprintf("p%d", begin+limit)
	}
	if rest == nil {
		rest = []map[string]any{}
	}
	answer["chunk"] = rest
	return answer, nil
}

func (s *Server) listing(r *chat) map[string]any {
	entry := map[string]any{
		"room_id": r.id, "num_joined_members": len(r.members("join")), "guest_can_join": false,
		"world_readable": r.visibility() == "world_readable", "join_rule": r.joinRule(),
	}
	for field, from := range map[string][2]string{
		"name": {"m.room.name", "name"}, "topic": {"m.room.topic", "topic"},
		"canonical_alias": {"m.room.canonical_alias", "alias"}, "avatar_url": {"m.room.avatar", "url"},
	} {
		if text := str(r.content(from[0], ""), from[1]); text != "" {
			entry[field] = text
		}
	}
	return entry
}

// ask asks the bridge for a room or a user that nobody knows, and reports
// whether it answers that there is one. Not to be called with mu held.
func (s *Server) ask(what, name string) bool {
	_, status := s.get(what + url.PathEscape(name))
	return status == http.StatusOK
}

// get is a request to the bridge.
func (s *Server) get(path string) (body []byte, status int) {
	s.mu.Lock()
	base := s.url
	s.mu.Unlock()
	if base == "" {
		return nil, 0
	}
	r, err := http.NewRequestWithContext(s.ctx, "GET", base+"/_matrix/app/v1/"+path, nil)
	if err != nil {
		return nil, 0
	}
	r.Header.Set("Authorization", "Bearer "+s.Registration.HSToken)
	answer, err := s.http.Do(r)
	if err != nil {
		return nil, 0
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, 0
	}
	return body, answer.StatusCode
}

// thirdParty passes a look-up on to the bridge (application service API §5.1.6).
func (s *Server) thirdParty(c *call) (any, error) {
	path := c.path[strings.Index(c.path, "/thirdparty/")+1:]
	c.query.Del("access_token")
	c.query.Del("user_id")
	if len(c.query) > 0 {
		path += "?" + c.query.Encode()
	}
	var body []byte
	var status int
	s.outside(func() { body, status = s.get(path) })
	if status != http.StatusOK || !json.Valid(body) {
		return nil, notFound("the bridge knows nothing of it (%d)", status)
	}
	return json.RawMessage(body), nil
}
