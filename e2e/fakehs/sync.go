package fakehs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// syncFilter is a Filter, as far as it is obeyed.
type syncFilter struct {
	Presence filter `json:"presence"`
	Room     struct {
		Timeline  filter `json:"timeline"`
		State     filter `json:"state"`
		Ephemeral filter `json:"ephemeral"`
	} `json:"room"`
}

func (s *Server) postFilter(c *call) (any, error) {
	s.filters = append(s.filters, c.body)
	return map[string]any{"filter_id": strconv.Itoa(len(s.filters) - 1)}, nil
}

// sync is what has happened since a token (client-server API §8.4), for the
// bridge's bot only on a Dendrite: a Synapse has no sync for those.
func (s *Server) sync(c *call) (any, error) {
	if c.as && s.kind == Synapse {
		return nil, &Error{Status: 500, Code: "M_UNKNOWN", Text: "Internal server error"}
	}
	var f syncFilter
	text := []byte(c.query.Get("filter"))
	if n, err := strconv.Atoi(string(text)); err == nil && n >= 0 && n < len(s.filters) {
		text = mustJSON(s.filters[n])
	}
	_ = json.Unmarshal(text, &f) // what is no filter filters nothing
	since := c.query.Get("since")
	events, signals := 0, 0
	if since != "" {
		events = position(since)
		if _, rest, ok := strings.Cut(since, "_"); ok {
			signals, _ = strconv.Atoi(rest) // ours, or none
		}
	}
	wait, _ := strconv.Atoi(c.query.Get("timeout")) // none: at once
	deadline := time.NewTimer(time.Duration(wait) * time.Millisecond)
	defer deadline.Stop()
	for {
		answer, news := s.since(c.user, events, signals, since == "", f)
		changed, up := s.changed, s.serving != nil && !s.closed
		if news || since == "" || wait == 0 || !up {
			return answer, nil
		}
		late := false
		s.outside(func() {
			select {
			case <-changed:
			case <-deadline.C:
				late = true
			case <-c.r.Context().Done():
				late = true
			}
		})
		if late {
			wait = 0
		}
	}
}

// since is the answer of a sync, and whether there is anything in it.
func (s *Server) since(user string, events, signals int, first bool, f syncFilter) (answer map[string]any, news bool) {
	join, invite, leave := map[string]any{}, map[string]any{}, map[string]any{}
	for _, r := range s.sortedRooms() {
		me := r.state[stateKey{"m.room.member", user}]
		switch {
		case me == nil:
		case me.Text("membership") == "join":
			if part := s.joinedSince(r, user, events, signals, first || !r.wasIn(user, events), f); part != nil {
				join[r.id] = part
			}
		case me.Text("membership") == "invite" && (first || me.pos > events):
			stripped := r.stateJSON(func(e *Event) bool {
				return e == me || slices.Contains([]string{"m.room.create", "m.room.name", "m.room.join_rules", "m.room.canonical_alias", "m.room.encryption"}, e.Type)
			})
			invite[r.id] = map[string]any{"invite_state": map[string]any{"events": stripped}}
		case !first && me.pos > events:
			leave[r.id] = map[string]any{"timeline": map[string]any{"events": []json.RawMessage{me.json()}}}
		}
	}
	presences := []json.RawMessage{}
	if f.Presence.allowsType("m.presence") {
		for _, e := range s.signals[signals:] {
			if e.Type == "m.presence" {
				presences = append(presences, mustJSON(e))
			}
		}
	}
	answer = map[string]any{
		"next_batch": fmt.Sprintf("t%d_%d", len(s.events), len(s.signals)),
		"rooms":      map[string]any{"join": join, "invite": invite, "leave": leave},
		"presence":   map[string]any{"events": presences},
	}
	return answer, len(join)+len(invite)+len(leave)+len(presences) > 0
}

// wasIn reports whether a user was in a room when so many events had happened.
func (r *chat) wasIn(user string, events int) (was bool) {
	for _, e := range r.events {
		if e.pos > events {
			break
		}
		if e.Type == "m.room.member" && *e.StateKey == user {
			was = e.Text("membership") == "join"
		}
	}
	return was
}

// joinedSince is the part of a room that the user is in, as somebody who is new
// there or not; nil if there is no news.
func (s *Server) joinedSince(r *chat, user string, events, signals int, isNew bool, f syncFilter) map[string]any {
	limit := f.Room.Timeline.Limit
	if limit <= 0 {
		limit = 20
	}
	timeline, limited, before := []json.RawMessage{}, false, events
	for _, e := range slices.Backward(r.visibleTo(user)) {
		if e.pos <= events && !isNew {
			break
		}
		if !f.Room.Timeline.allows(e) {
			continue
		}
		if len(timeline) == limit {
			limited, before = true, e.pos
			break
		}
		timeline = append(timeline, e.json())
	}
	slices.Reverse(timeline)
	ephemeral := []json.RawMessage{}
	for _, e := range s.signals[signals:] {
		if e.Room == r.id && (e.private == "" || e.private == user) && f.Room.Ephemeral.allowsType(e.Type) {
			ephemeral = append(ephemeral, mustJSON(e))
		}
	}
	if len(timeline)+len(ephemeral) == 0 {
		return nil
	}
	state := []json.RawMessage{}
	if isNew || limited {
		state = r.stateJSON(func(e *Event) bool { return f.Room.State.allows(e) })
	}
	return map[string]any{
		"state":     map[string]any{"events": state},
		"timeline":  map[string]any{"events": timeline, "limited": limited, "prev_batch": fmt.Sprintf("t%d", before)},
		"ephemeral": map[string]any{"events": ephemeral},
	}
}
