package fakehs

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) getState(c *call) (any, error) {
	r, err := s.in(c)
	if err != nil {
		return nil, err
	}
	key := ""
	if len(c.params) > 2 {
		key = c.params[2]
	}
	e := r.state[stateKey{c.params[1], key}]
	if e == nil {
		return nil, notFound("no %s", c.params[1])
	}
	return e.Content, nil
}

func (s *Server) allState(c *call) (any, error) {
	r, err := s.in(c)
	if err != nil {
		return nil, err
	}
	return r.stateJSON(func(*Event) bool { return true }), nil
}

// stateJSON is the state that fits, in the order in which it came to be.
func (r *chat) stateJSON(fits func(*Event) bool) []json.RawMessage {
	events := make([]*Event, 0, len(r.state))
	for _, e := range r.state {
		if fits(e) {
			events = append(events, e)
		}
	}
	slices.SortFunc(events, func(a, b *Event) int { return a.pos - b.pos })
	raw := make([]json.RawMessage, len(events))
	for i, e := range events {
		raw[i] = e.json()
	}
	return raw
}

func (s *Server) roomMembers(c *call) (any, error) {
	r, err := s.in(c)
	if err != nil {
		return nil, err
	}
	is, not := c.query.Get("membership"), c.query.Get("not_membership")
	return map[string]any{"chunk": r.stateJSON(func(e *Event) bool {
		m := e.Text("membership")
		return e.Type == "m.room.member" && (is == "" || m == is) && (not == "" || m != not)
	})}, nil
}

func (s *Server) joinedMembers(c *call) (any, error) {
	r, err := s.in(c)
	if err != nil {
		return nil, err
	}
	joined := map[string]any{}
	for k, e := range r.state {
		if k.typ == "m.room.member" && e.Text("membership") == "join" {
			member := map[string]any{}
			if name := e.Text("displayname"); name != "" {
				member["display_name"] = name
			}
			if avatar := e.Text("avatar_url"); avatar != "" {
				member["avatar_url"] = avatar
			}
			joined[k.key] = member
		}
	}
	return map[string]any{"joined": joined}, nil
}

func (s *Server) oneEvent(c *call) (any, error) {
	r, err := s.in(c)
	if err != nil {
		return nil, err
	}
	e := s.byID[c.params[1]]
	if e == nil || !slices.Contains(r.visibleTo(c.user), e) {
		return nil, notFound("no event %s", c.params[1])
	}
	return e.json(), nil
}

// position reads a token of /sync or /messages: "t" and the place among all
// events after which it points.
func position(token string) int {
	digits, _, _ := strings.Cut(strings.TrimPrefix(token, "t"), "_")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// messages pages through a room (client-server API §8.3.2).
func (s *Server) messages(c *call) (any, error) {
	r, err := s.in(c)
	if err != nil {
		return nil, err
	}
	limit, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil || limit <= 0 {
		limit = 10
	}
	limit = min(limit, 1000)
	visible := r.visibleTo(c.user)
	filter := parseFilter(c.query.Get("filter"))
	from := c.query.Get("from")
	back := c.query.Get("dir") != "f"
	at := position(from)
	if from == "" && back {
		at = len(s.events)
	}
	if back {
		slices.Reverse(visible)
	}
	chunk, end := []json.RawMessage{}, ""
	for _, e := range visible {
		if back != (e.pos <= at) {
			continue
		}
		if len(chunk) == limit {
			end = token(e.pos, back)
			break
		}
		if filter.allows(e) {
			chunk = append(chunk, e.json())
		}
	}
	answer := map[string]any{"start": fmt.Sprintf("t%d", at), "chunk": chunk, "state": []any{}}
	if end != "" {
		answer["end"] = end
	}
	return answer, nil
}

// token is where a reader goes on who is to see the event at pos next.
func token(pos int, back bool) string {
	if back {
		return fmt.Sprintf("t%d", pos)
	}
	return fmt.Sprintf("t%d", pos-1)
}

// filter is a RoomEventFilter, as far as it is obeyed.
type filter struct {
	Types    []string `json:"types"`
	NotTypes []string `json:"not_types"`
	Limit    int      `json:"limit"`
}

func parseFilter(text string) (f filter) {
	if unescaped, err := url.QueryUnescape(text); err == nil && strings.HasPrefix(unescaped, "{") && !strings.HasPrefix(text, "{") {
		text = unescaped
	}
	_ = json.Unmarshal([]byte(text), &f) // what is no filter filters nothing
	return f
}

func (f filter) allows(e *Event) bool { return f.allowsType(e.Type) }

func (f filter) allowsType(typ string) bool {
	return (f.Types == nil || anyLike(f.Types, typ)) && !anyLike(f.NotTypes, typ)
}

func anyLike(patterns []string, typ string) bool {
	for _, p := range patterns {
		if prefix, wild := strings.CutSuffix(p, "*"); p == typ || wild && strings.HasPrefix(typ, prefix) {
			return true
		}
	}
	return false
}
