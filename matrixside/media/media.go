// Package media brings files across: it serves Matrix media to people of
// other networks by signed links that expire, and fetches what others link,
// within limits and never from private addresses.
package media

import (
	"context"
	"net/http"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// Proxy serves Matrix media by links of ours.
type Proxy struct{}

// URL is a link to a file on Matrix, "" if links can't be had (no public URL is set).
func (p *Proxy) URL(uri id.ContentURI, name string) string { panic("media: not yet") }

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) { panic("media: not yet") }

// Upload fetches what f links and puts it onto the homeserver. It returns the
// file with what was found out about it.
func (p *Proxy) Upload(ctx context.Context, as id.UserID, f bridge.File) (id.ContentURI, bridge.File, error) {
	panic("media: not yet")
}
