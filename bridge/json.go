package bridge

import (
	"encoding/json"
	"fmt"
)

// bodies decodes each kind of Body by its name: the one list of all kinds.
var bodies = map[string]func(json.RawMessage) (Body, error){
	Message{}.kind():    decodeBody[Message],
	Join{}.kind():       decodeBody[Join],
	Leave{}.kind():      decodeBody[Leave],
	Rename{}.kind():     decodeBody[Rename],
	Presence{}.kind():   decodeBody[Presence],
	Profile{}.kind():    decodeBody[Profile],
	Typing{}.kind():     decodeBody[Typing],
	Read{}.kind():       decodeBody[Read],
	Invite{}.kind():     decodeBody[Invite],
	RoomInfo{}.kind():   decodeBody[RoomInfo],
	Moved{}.kind():      decodeBody[Moved],
	RoleChange{}.kind(): decodeBody[RoleChange],
	Expel{}.kind():      decodeBody[Expel],
	Pardon{}.kind():     decodeBody[Pardon],
	Topic{}.kind():      decodeBody[Topic],
	Members{}.kind():    decodeBody[Members],
	Attachment{}.kind(): decodeBody[Attachment],
	Session{}.kind():    decodeBody[Session],
	Info{}.kind():       decodeBody[Info],
	Watch{}.kind():      decodeBody[Watch],
	Query{}.kind():      decodeBody[Query],
	Answer{}.kind():     decodeBody[Answer],
	Confirm{}.kind():    decodeBody[Confirm],
	Failure{}.kind():    decodeBody[Failure],
	Lost{}.kind():       decodeBody[Lost],
}

func decodeBody[B Body](raw json.RawMessage) (Body, error) {
	var b B
	err := json.Unmarshal(raw, &b)
	return b, err
}

// plainEvent is Event without its methods, so that they can use the standard encoding.
type plainEvent Event

type wireEvent struct {
	plainEvent
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// MarshalJSON writes the envelope with the body's kind beside it.
func (e Event) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireEvent{plainEvent(e), e.Body.kind(), body})
}

// UnmarshalJSON reads what MarshalJSON wrote. An unknown kind is an error.
func (e *Event) UnmarshalJSON(data []byte) error {
	var w wireEvent
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	decode := bodies[w.Kind]
	if decode == nil {
		return fmt.Errorf("bridge: unknown kind of event %q", w.Kind)
	}
	body, err := decode(w.Body)
	if err != nil {
		return err
	}
	*e = Event(w.plainEvent)
	e.Body = body
	return nil
}
