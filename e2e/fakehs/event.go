package fakehs

import (
	"encoding/json"
	"time"
)

// Event is something that happened in a room. It doesn't change.
type Event struct {
	ID       string
	Type     string
	Room     string
	Sender   string
	StateKey *string
	Content  map[string]any
	At       time.Time
	Redacts  string

	before     map[string]any // content of the state that it replaced
	visibility string         // history visibility when it was sent
	pos        int            // its place among all events, from 1 on
	raw        json.RawMessage
}

// Text is a string in the content, "" if there is none.
func (e *Event) Text(key string) string { return str(e.Content, key) }

// IsState reports whether it is a piece of state.
func (e *Event) IsState() bool { return e.StateKey != nil }

// json is the event as clients are given it. Made once: a room may have
// 20,000 members. The caller holds the server's mu.
func (e *Event) json() json.RawMessage {
	if e.raw == nil {
		e.raw = mustJSON(e.client(nil))
	}
	return e.raw
}

func (e *Event) client(unsigned map[string]any) map[string]any {
	fields := map[string]any{
		"event_id": e.ID, "type": e.Type, "room_id": e.Room, "sender": e.Sender,
		"content": e.Content, "origin_server_ts": e.At.UnixMilli(),
	}
	if e.StateKey != nil {
		fields["state_key"] = *e.StateKey
	}
	if e.Redacts != "" {
		fields["redacts"] = e.Redacts
	}
	if unsigned != nil {
		fields["unsigned"] = unsigned
	}
	return fields
}

// signal is an ephemeral event: typing, a receipt, presence.
type signal struct {
	Type    string         `json:"type"`
	Room    string         `json:"room_id,omitempty"`
	Sender  string         `json:"sender,omitempty"`
	Content map[string]any `json:"content"`
	private string         // the only user who is shown it, if there is one
}

// object is any value that is an object in JSON, as JSON has it.
func object(v any) map[string]any {
	if v == nil {
		return map[string]any{}
	}
	var o map[string]any
	if err := json.Unmarshal(mustJSON(v), &o); err != nil {
		panic(err)
	}
	return o
}

// mustJSON encodes what can be encoded.
func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// str, sub and integer look into objects; what isn't there is zero.
func str(o map[string]any, key string) string {
	text, _ := o[key].(string)
	return text
}

func sub(o map[string]any, key string) map[string]any {
	inner, _ := o[key].(map[string]any)
	return inner
}

func integer(o map[string]any, key string, missing int) int {
	if n, ok := o[key].(float64); ok {
		return int(n)
	}
	return missing
}

func list(o map[string]any, key string) []any {
	all, _ := o[key].([]any)
	return all
}
