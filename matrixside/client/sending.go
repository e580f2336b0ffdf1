package client

import (
	"context"
	"encoding/json"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// markKey is where the content of what we send says with which transaction.
const markKey = "org.isthmus.transaction"

// lookBack is how many of a room's last events are searched for one that may
// have arrived.
const lookBack = 50

// Sending is one message to be put into a room, once, however often it is
// tried. Its transaction id sees to that, unless the homeserver was killed in
// between: a Dendrite forgets them then. So where an answer got lost, the room
// is asked first whether the message is there.
//
//	sending := client.Sending{Room: room, Content: content, Transaction: client.TransactionID(e.ID, ghost, 0)}
//	err := c.Do(ctx, ghost, sending.Try)
//	// sending.Sent is its event id
type Sending struct {
	Room        id.RoomID
	Content     any
	Transaction string
	Sent        id.EventID // once it is there

	lost bool // an answer was, so that it may be there
}

// Try is for Do and Once.
func (s *Sending) Try(ctx context.Context, m *mautrix.Client) error {
	if s.lost {
		if s.Sent = s.find(ctx, m); s.Sent != "" {
			return nil
		}
	}
	content, err := s.marked()
	if err != nil {
		return err
	}
	answer, err := m.SendMessageEvent(ctx, s.Room, event.EventMessage, content, mautrix.ReqSendEvent{TransactionID: s.Transaction})
	if err != nil {
		s.lost = s.lost || unreachable(err) || status(err) >= 500
		return err
	}
	s.Sent = answer.EventID
	return nil
}

// marked is the content as JSON, with the mark as its last field.
func (s *Sending) marked() (json.RawMessage, error) {
	content, err := json.Marshal(s.Content)
	if err != nil {
		return nil, err
	}
	transaction, err := json.Marshal(s.Transaction)
	if err != nil {
		return nil, err
	}
	if len(content) < 2 || content[0] != '{' {
		return nil, fmt.Errorf("a message that is no object: %T", s.Content)
	}
	content = content[:len(content)-1]
	if len(content) > 1 {
		content = append(content, ',')
	}
	content = append(content, `"`+markKey+`":`...)
	return append(append(content, transaction...), '}'), nil
}

// find is the event that an earlier try has made, "" if there is none, or if
// the room can't be read: the transaction id has to do then.
func (s *Sending) find(ctx context.Context, m *mautrix.Client) id.EventID {
	page, err := m.Messages(ctx, s.Room, "", "", mautrix.DirectionBackward, nil, lookBack)
	if err != nil {
		return ""
	}
	for _, e := range page.Chunk {
		if mark, _ := e.Content.Raw[markKey].(string); mark == s.Transaction && e.Sender == m.UserID {
			return e.ID
		}
	}
	return ""
}
