// Package client is the way to the homeserver: requests in the name of the
// bridge's bot or of a ghost, tried again until they succeed or are refused.
package client

import (
	"context"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// Client makes requests to one homeserver. Any goroutine may use it.
type Client struct{}

// Do runs f, which makes one request or a few, in the name of as (the zero
// UserID: the bot). While the homeserver is away, busy or asks for patience it
// runs f again, after a wait that grows, until ctx ends. f must be safe to
// repeat: sending takes a transaction id of its own (TransactionID). A refusal
// is returned at once; Failure says what it means.
func (c *Client) Do(ctx context.Context, as id.UserID, f func(context.Context, *mautrix.Client) error) error {
	panic("client: not yet")
}

// Once is Do without a second try.
func (c *Client) Once(ctx context.Context, as id.UserID, f func(context.Context, *mautrix.Client) error) error {
	panic("client: not yet")
}

// TransactionID names one part of what event brings to a room in the name of
// as. The homeserver scopes transaction ids to our token, not to the ghost.
func TransactionID(event string, as id.UserID, part int) string { panic("client: not yet") }

// Failure is what an error of Do means to whoever asked.
func Failure(err error) bridge.Failure { panic("client: not yet") }
