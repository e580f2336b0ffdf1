package matrixside

import (
	"context"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
)

// natives are the rooms of Matrix that people of other networks are in, and
// their conversations with Matrix users one to one.
type natives struct{ side *Side }

func newNatives(s *Side) *natives { return &natives{side: s} }

// run leaves, until ctx ends, the rooms that nobody came back to.
func (n *natives) run(ctx context.Context) {}

// recall takes up what was remembered.
func (n *natives) recall(r store.MatrixRoom) {}

// invited handles the invitation of a ghost to a room.
func (n *natives) invited(e *event.Event, ghost id.UserID) {}

// presence takes the presence of a Matrix user.
func (n *natives) presence(e *event.Event) {}

// deliver takes an event for a room of Matrix.
func (n *natives) deliver(e bridge.Event) {
	n.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "There are no such rooms here."})
}

// deliverDirect takes an event for a Matrix user, or for the homeserver, from
// somebody of another network.
func (n *natives) deliverDirect(e bridge.Event) {
	n.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "There are no such conversations here."})
}
