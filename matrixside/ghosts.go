package matrixside

import (
	"context"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// ghosts are the users on the homeserver who stand for people of other
// networks: who is registered, and what their profiles say.
type ghosts struct{ side *Side }

func newGhosts(s *Side) *ghosts { return &ghosts{side: s} }

// ours reports whether user stands for somebody of another network.
func (g *ghosts) ours(user id.UserID) bool { return false }

// person is who user stands for.
func (g *ghosts) person(user id.UserID) (bridge.Person, bool) { return bridge.Person{}, false }

// of is the ghost of who, registered or not. It fails for people whom no user
// id can stand for.
func (g *ghosts) of(who bridge.Person) (id.UserID, error) { return "", nil }

// ensure returns the ghost of who, registered, with name in the profile. It
// waits for the homeserver until ctx ends. An empty name leaves the profile
// as it is.
func (g *ghosts) ensure(ctx context.Context, who bridge.Person, name string) (id.UserID, error) {
	return g.of(who)
}

// exists answers the homeserver's question whether there is such a ghost.
func (g *ghosts) exists(ctx context.Context, user id.UserID) bool { return false }
