package matrixside

import (
	"context"
	"net/http"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
)

// portals are the rooms of ours for channels and MUCs of other networks.
type portals struct{ side *Side }

func newPortals(s *Side) *portals { return &portals{side: s} }

// recall takes up a room that was remembered.
func (p *portals) recall(r store.MatrixRoom) {}

// run does what is to be done from time to time, until ctx ends.
func (p *portals) run(ctx context.Context) {}

// exists makes the portal that an alias of ours names, if it can be had.
func (p *portals) exists(ctx context.Context, alias id.RoomAlias) bool { return false }

// serve answers what is not for an application service: media and look-ups.
func (p *portals) serve(media http.Handler) http.Handler { return media }

// deliver takes an event for a portal room.
func (p *portals) deliver(e bridge.Event) {
	p.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "There are no such rooms here."})
}
