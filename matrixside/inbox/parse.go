package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const (
	// maxID is how long ids and types may be, in bytes (client-server API §4.2).
	maxID = 255
	// maxDepth is how deep an event may nest. Others walk what is in it.
	maxDepth = 64
)

// transaction is what a homeserver sends. What is to a device is left out:
// there is no encryption yet.
type transaction struct {
	Events    []json.RawMessage `json:"events"`
	Ephemeral []json.RawMessage `json:"ephemeral"`
	// Synapse sends both where the registration asks for both.
	Unstable []json.RawMessage `json:"de.sorunome.msc2409.ephemeral"`
}

func (t *transaction) ephemeral() []json.RawMessage {
	if t.Ephemeral != nil {
		return t.Ephemeral
	}
	return t.Unstable
}

// events returns those that are well-formed.
func (in *Inbox) events(raws []json.RawMessage) []received {
	all := make([]received, 0, len(raws))
	for _, raw := range raws {
		// A database of text has no place for what is no text.
		if !utf8.Valid(raw) {
			raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
		}
		if e, echo, wanted := in.echo(raw); wanted {
			all = append(all, received{event: e, echo: true})
			continue
		} else if echo {
			in.Counters.Echoes.Add(1)
			continue
		}
		e, err := parse(raw)
		if err != nil {
			in.malformed(eventID(raw), err)
			continue
		}
		all = append(all, received{event: e, body: string(raw)})
	}
	return all
}

// echo is an event without its content, and what Options.Echo says of it. Half
// of all that comes is an echo, and reading it whole costs as much as all else
// that is done with it.
func (in *Inbox) echo(raw []byte) (e *event.Event, echo, wanted bool) {
	if in.opt.Echo == nil {
		return nil, false, false
	}
	var head struct {
		ID        id.EventID `json:"event_id"`
		RoomID    id.RoomID  `json:"room_id"`
		Sender    id.UserID  `json:"sender"`
		Type      string     `json:"type"`
		StateKey  *string    `json:"state_key"`
		Timestamp int64      `json:"origin_server_ts"`
	}
	if json.Unmarshal(raw, &head) != nil {
		return nil, false, false
	}
	e = &event.Event{ID: head.ID, RoomID: head.RoomID, Sender: head.Sender, Type: event.Type{Type: head.Type},
		StateKey: head.StateKey, Timestamp: head.Timestamp}
	if named(e) != nil {
		return nil, false, false
	}
	echo, wanted = in.opt.Echo(e)
	return e, echo, echo && wanted
}

// eventID is the id of an event that is in no order, for the log.
func eventID(raw []byte) string {
	var named struct {
		ID string `json:"event_id"`
	}
	_ = json.Unmarshal(raw, &named) // then it has no name
	return named.ID[:min(len(named.ID), maxID)]
}

// parse makes an event of a room from JSON.
func parse(raw []byte) (*event.Event, error) {
	e, err := read(raw)
	if err != nil {
		return nil, err
	}
	if err := named(e); err != nil {
		return nil, err
	}
	if err := parseContent(e); err != nil {
		return nil, err
	}
	if e.Type == event.EventRedaction && e.Redacts == "" { // room version 11
		text, _ := e.Content.Raw["redacts"].(string)
		e.Redacts = id.EventID(text)
	}
	return e, nil
}

// named checks that an event of a room has all that every one has, and gives
// it its class.
func named(e *event.Event) error {
	for _, name := range [...][2]string{{"event_id", e.ID.String()}, {"room_id", e.RoomID.String()},
		{"sender", e.Sender.String()}, {"type", e.Type.Type}} {
		if text := name[1]; text == "" || len(text) > maxID || strings.ContainsRune(text, 0) {
			return fmt.Errorf("its %s is unusable", name[0])
		}
	}
	e.Type.Class, e.Mautrix.EventSource = event.MessageEventType, event.SourceTimeline
	if e.StateKey != nil {
		e.Type.Class = event.StateEventType
	}
	return nil
}

// read makes any event from JSON. What the libraries do with it is theirs:
// should they panic, the event is unusable, and no other.
func read(raw []byte) (e *event.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, err = nil, fmt.Errorf("reading it panics: %v", p)
		}
	}()
	if depth(raw) > maxDepth {
		return nil, fmt.Errorf("it nests deeper than %d", maxDepth)
	}
	e = new(event.Event)
	if err := json.Unmarshal(raw, e); err != nil {
		return nil, err
	}
	if e.Content.Raw == nil {
		return nil, errors.New("it has no content")
	}
	e.Mautrix.ReceivedAt = time.Now()
	return e, nil
}

// parseContent parses the content of an event whose type is known; of a
// message at least what it says.
func parseContent(e *event.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading its content panics: %v", p)
		}
	}()
	err = e.Content.ParseRaw(e.Type)
	if err == nil || errors.Is(err, event.ErrUnsupportedContentType) {
		return nil
	}
	kind, _ := e.Content.Raw["msgtype"].(string)
	body, isText := e.Content.Raw["body"].(string)
	if e.Type != event.EventMessage || !isText {
		return err
	}
	e.Content.Parsed = &event.MessageEventContent{MsgType: event.MessageType(kind), Body: body}
	return nil
}

// depth is how deep JSON nests. It need not be well-formed.
func depth(raw []byte) (most int) {
	now, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}

// signal gives on an ephemeral event, of room if that isn't "".
func (in *Inbox) signal(raw []byte, room id.RoomID) {
	e, err := readSignal(raw, room)
	if err != nil {
		in.malformed("", err)
		return
	}
	if e != nil && !in.signals.Offer(e) {
		in.Counters.SignalsLost.Add(1)
	}
}

// readSignal makes an ephemeral event from JSON; nil if it is none of ours.
func readSignal(raw []byte, room id.RoomID) (*event.Event, error) {
	e, err := read(raw)
	if err != nil {
		return nil, err
	}
	e.Type.Class, e.Mautrix.EventSource = event.EphemeralEventType, event.SourceEphemeral
	if room != "" {
		e.RoomID = room
	}
	switch e.Type {
	case event.EphemeralEventTyping, event.EphemeralEventReceipt:
		if e.RoomID == "" || len(e.RoomID) > maxID {
			return nil, errors.New("its room_id is unusable")
		}
	case event.EphemeralEventPresence:
		if e.Sender == "" || len(e.Sender) > maxID {
			return nil, errors.New("its sender is unusable")
		}
	default:
		return nil, nil
	}
	if err := parseContent(e); err != nil {
		return nil, err
	}
	if receipts, ok := e.Content.Parsed.(*event.ReceiptEventContent); ok {
		if !public(*receipts) {
			return nil, nil
		}
	}
	return e, nil
}

// public takes private receipts out and reports whether others are left
// (client-server API §11.6.3: nobody but their user may see them).
func public(receipts event.ReceiptEventContent) bool {
	for message, kinds := range receipts {
		delete(kinds, event.ReceiptTypeReadPrivate)
		if len(kinds) == 0 {
			delete(receipts, message)
		}
	}
	return len(receipts) > 0
}
