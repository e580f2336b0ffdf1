package matrixside

import (
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
)

// directs are conversations one to one that Matrix users began with a ghost,
// and the bot's.
type directs struct{ side *Side }

func newDirects(s *Side) *directs { return &directs{side: s} }

// recall takes up a direct chat that was remembered.
func (d *directs) recall(r store.MatrixRoom) {}

// invited handles the invitation of the bot anywhere, or of a ghost to a direct chat.
func (d *directs) invited(e *event.Event, who id.UserID) {}

// presence takes the presence of a Matrix user.
func (d *directs) presence(e *event.Event) {}

// deliver takes an event for a direct chat that a Matrix user owns.
func (d *directs) deliver(e bridge.Event) {
	d.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "There are no such conversations here."})
}
