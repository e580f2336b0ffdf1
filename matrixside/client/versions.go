package client

import (
	"context"
	"errors"
	"time"

	"maunium.net/go/mautrix"
)

// versionsAgain is how long a homeserver that doesn't say which versions it
// speaks is not asked again.
const versionsAgain = time.Minute

// spokenVersions is what the homeserver said of itself.
type spokenVersions struct {
	*mautrix.RespVersions
	until time.Time // zero: it has said, and isn't asked again
}

// spoken returns which versions of the API the homeserver speaks, having asked
// it the first time: without them mautrix uses media without authentication.
func (c *Client) spoken(ctx context.Context) (*mautrix.RespVersions, error) {
	if v := c.Versions(); v != nil {
		return v, nil
	}
	select {
	case c.asking <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-c.asking }()
	if v := c.Versions(); v != nil {
		return v, nil
	}
	v, err := c.as("", c.http).Versions(ctx)
	if again, _ := judge(err); again || errors.Is(err, context.Canceled) {
		return nil, err
	}
	said := &spokenVersions{RespVersions: v}
	if err != nil || v == nil {
		said = &spokenVersions{RespVersions: new(mautrix.RespVersions), until: time.Now().Add(versionsAgain)}
	}
	c.versions.Store(said)
	return said.RespVersions, nil
}

// Versions returns which versions of the API the homeserver speaks; nil as
// long as it could not be asked. The first request asks.
func (c *Client) Versions() *mautrix.RespVersions {
	v := c.versions.Load()
	if v == nil || !v.until.IsZero() && time.Now().After(v.until) {
		return nil
	}
	return v.RespVersions
}
