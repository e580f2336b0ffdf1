package fakehs

import (
	"reflect"
	"slices"
	"time"
)

// chat is a room: its timeline and its present state. The server's mu guards it.
type chat struct {
	id     string
	events []*Event
	state  map[stateKey]*Event
	listed bool
	typing []string
	read   map[string]string // event by user and receipt type
}

type stateKey struct{ typ, key string }

func (r *chat) content(typ, key string) map[string]any {
	if e := r.state[stateKey{typ, key}]; e != nil {
		return e.Content
	}
	return nil
}

// membership is "join", "invite", "leave", "ban", "knock" or, of a stranger, "leave".
func (r *chat) membership(user string) string {
	if m := str(r.content("m.room.member", user), "membership"); m != "" {
		return m
	}
	return "leave"
}

// members are those of one membership.
func (r *chat) members(membership string) (users []string) {
	for k, e := range r.state {
		if k.typ == "m.room.member" && str(e.Content, "membership") == membership {
			users = append(users, k.key)
		}
	}
	slices.Sort(users)
	return users
}

func (r *chat) joinRule() string {
	if rule := str(r.content("m.room.join_rules", ""), "join_rule"); rule != "" {
		return rule
	}
	return "invite"
}

func (r *chat) visibility() string {
	if v := str(r.content("m.room.history_visibility", ""), "history_visibility"); v != "" {
		return v
	}
	return "shared"
}

// power is somebody's level; need is the level for an action ("ban", "kick",
// "invite", "redact") and needFor that for an event.
func (r *chat) power(user string) int {
	levels := r.content("m.room.power_levels", "")
	if levels == nil {
		if create := r.state[stateKey{"m.room.create", ""}]; create != nil && create.Sender == user {
			return 100
		}
		return 0
	}
	return integer(sub(levels, "users"), user, integer(levels, "users_default", 0))
}

func (r *chat) need(action string) int {
	missing := 50
	if action == "invite" {
		missing = 0
	}
	return integer(r.content("m.room.power_levels", ""), action, missing)
}

func (r *chat) needFor(typ string, state bool) int {
	levels := r.content("m.room.power_levels", "")
	if state {
		return integer(sub(levels, "events"), typ, integer(levels, "state_default", 50))
	}
	return integer(sub(levels, "events"), typ, integer(levels, "events_default", 0))
}

// add puts an event into a room, checked or not: the caller has done that, and
// holds mu. State that changes nothing is no event.
func (s *Server) add(r *chat, sender, typ string, key *string, content map[string]any) *Event {
	if content == nil {
		content = map[string]any{}
	}
	e := &Event{
		ID: s.newID("$e"), Type: typ, Room: r.id, Sender: sender, StateKey: key, Content: content,
		At: time.Now(), visibility: r.visibility(),
	}
	if key != nil {
		old := r.state[stateKey{typ, *key}]
		if old != nil && reflect.DeepEqual(old.Content, content) && old.Sender == sender {
			return old
		}
		if old != nil {
			e.before = old.Content
		}
		r.state[stateKey{typ, *key}] = e
	}
	r.events = append(r.events, e)
	s.events = append(s.events, e)
	e.pos = len(s.events)
	s.byID[e.ID] = e
	if s.o.OnEvent != nil {
		s.o.OnEvent(e)
	}
	if s.interesting(r, e) && (typ != "m.room.redaction" || s.kind == Synapse) {
		s.enqueue(outgoing{event: e})
	}
	s.wake()
	return e
}

// sendState is add of state with the checks that it needs.
func (s *Server) sendState(r *chat, sender, typ, key string, content map[string]any) (*Event, error) {
	if typ == "m.room.member" {
		return s.setMember(r, sender, key, str(content, "membership"), content)
	}
	if r.membership(sender) != "join" {
		return nil, forbidden("%s is not in %s", sender, r.id)
	}
	if r.power(sender) < r.needFor(typ, true) {
		return nil, forbidden("%s has no power to change %s", sender, typ)
	}
	if len(key) > 0 && key[0] == '@' && key != sender {
		return nil, forbidden("%s is not yours to say", key)
	}
	return s.add(r, sender, typ, &key, content), nil
}

// sendMessage is add of what is no state with the checks that it needs.
func (s *Server) sendMessage(r *chat, sender, typ string, content map[string]any) (*Event, error) {
	if r.membership(sender) != "join" {
		return nil, forbidden("%s is not in %s", sender, r.id)
	}
	if r.power(sender) < r.needFor(typ, false) {
		return nil, forbidden("%s has no power to send %s", sender, typ)
	}
	if len(mustJSON(content)) > 64<<10 {
		return nil, &Error{Status: 413, Code: "M_TOO_LARGE", Text: "event too large"}
	}
	return s.add(r, sender, typ, nil, content), nil
}

// redact takes the content of an event away.
func (s *Server) redact(r *chat, sender, target, reason string) (*Event, error) {
	old := s.byID[target]
	if old == nil || old.Room != r.id {
		return nil, notFound("no event %s", target)
	}
	if r.membership(sender) != "join" || old.Sender != sender && r.power(sender) < r.need("redact") {
		return nil, forbidden("%s may not redact %s", sender, target)
	}
	content := map[string]any{"redacts": target}
	if reason != "" {
		content["reason"] = reason
	}
	e := s.add(r, sender, "m.room.redaction", nil, content)
	e.Redacts = target
	bare := *old
	bare.Content, bare.raw = map[string]any{}, nil
	for _, all := range [][]*Event{r.events, s.events} {
		if i := slices.Index(all, old); i >= 0 {
			all[i] = &bare
		}
	}
	s.byID[target] = &bare
	return e, nil
}

// visibleTo are the events of a room that a user may see, by the history
// visibility and by whether they were there (client-server API §11.20).
func (r *chat) visibleTo(user string) []*Event {
	var visible []*Event
	was, everJoined := "leave", false
	for _, e := range r.events {
		if e.Type == "m.room.member" && e.StateKey != nil && *e.StateKey == user && e.Text("membership") == "join" {
			everJoined = true
		}
	}
	for _, e := range r.events {
		if e.Type == "m.room.member" && e.StateKey != nil && *e.StateKey == user {
			was = e.Text("membership")
		}
		switch e.visibility {
		case "world_readable":
		case "shared":
			if !everJoined {
				continue
			}
		case "invited":
			if was != "join" && was != "invite" {
				continue
			}
		default:
			if was != "join" {
				continue
			}
		}
		visible = append(visible, e)
	}
	return visible
}
