package matrixside

import (
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// showPresence tells of a ghost's availability.
func (s *Side) showPresence(ghost id.UserID, p bridge.Presence) {}

// showProfile tells of how a ghost looks.
func (s *Side) showProfile(e bridge.Event) {}
