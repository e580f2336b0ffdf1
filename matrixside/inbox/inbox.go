// Package inbox takes what the homeserver brings: it answers a transaction
// when the events in it are safe, gives each event on once, in the order of its room.
package inbox

import (
	"context"
	"log/slog"
	"net/http"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/matrixside/client"
)

// Options are what an Inbox needs.
type Options struct {
	Listen  string // host:port where the homeserver reaches us
	HSToken string
	Bot     id.UserID
	Client  *client.Client // for the bot's /sync where the homeserver sends no ephemeral events
	// Event takes one event of a room. The events of one room come in order,
	// one at a time. Event is remembered, also over a restart, until done has
	// been called, which may be later and from any goroutine: call it when the
	// event has been carried on, or can't be.
	Event func(e *event.Event, done func())
	// Ephemeral takes typing, receipts and presence, which nobody remembers.
	Ephemeral func(e *event.Event)
	// User and Alias answer whether there is such a ghost or room, having
	// made it if it can be made.
	User  func(ctx context.Context, user id.UserID) bool
	Alias func(ctx context.Context, alias id.RoomAlias) bool
	// More serves what is not for an application service (media, third-party look-ups).
	More http.Handler
	Log  *slog.Logger
}

// Inbox is the bridge's end of the application service API.
type Inbox struct{}

// New makes an inbox that listens nowhere yet.
func New(o Options) *Inbox { panic("inbox: not yet") }

// Run listens until ctx ends.
func (in *Inbox) Run(ctx context.Context) error { panic("inbox: not yet") }
