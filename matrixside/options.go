package matrixside

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/client"
	"isthmus/matrixside/inbox"
	"isthmus/matrixside/media"
	"isthmus/matrixside/names"
)

// MembersPolicy says who is shown of a room with more than Options.MembersMost
// members.
type MembersPolicy string

// The policies.
const (
	MembersAll    MembersPolicy = "all"    // everybody
	MembersActive MembersPolicy = "active" // those who have power or spoke lately, and whoever speaks
	MembersNone   MembersPolicy = "none"   // whoever speaks, from then on
)

// Options are what a Side needs.
type Options struct {
	Names  names.Names // of our homeserver
	Client *client.Client
	Media  *media.Proxy // nil: files are not carried across
	// Inbox is how the homeserver reaches us. New puts in what takes the
	// events and answers questions: Event, Ephemeral, User, Alias and More
	// needn't be set.
	Inbox inbox.Options
	// Messages is which message has which event id.
	Messages store.MessageIDs
	// Rooms is what is remembered of rooms over a restart.
	Rooms store.MatrixRooms
	// Ghosts is what is remembered of ghosts.
	Ghosts store.MatrixGhosts
	// Allow lists the servers and user ids that may use the bridge from
	// Matrix; empty means those of our homeserver.
	Allow []string
	// MembersMost is how many members a room shows whatever MembersBeyond says.
	MembersMost   int
	MembersBeyond MembersPolicy
	Portals       PortalOptions
	// Logins keeps how people log in to networks; LoginChanged is told when
	// somebody has changed that. nil: nobody can.
	Logins       store.Logins
	LoginChanged func(who bridge.Person, network string)
	Log          *slog.Logger
}

// check reports what is missing, and fills in defaults.
func (o *Options) check() error {
	switch o.MembersBeyond {
	case "":
		o.MembersBeyond = MembersActive
	case MembersAll, MembersActive, MembersNone:
	default:
		return fmt.Errorf("matrixside: no such policy for members: %q", o.MembersBeyond)
	}
	if o.MembersMost <= 0 {
		o.MembersMost = 1000
	}
	o.Portals.setDefaults()
	if len(o.Allow) == 0 {
		o.Allow = []string{o.Names.Server}
	}
	switch {
	case o.Names.Server == "" || o.Names.Bot == "":
		return errors.New("matrixside: the homeserver's name and the bot's user id are needed")
	case o.Client == nil || o.Messages == nil || o.Rooms == nil || o.Ghosts == nil || o.Log == nil:
		return errors.New("matrixside: a client, a store and a log are needed")
	}
	return nil
}

// allows reports whether a Matrix user may use the bridge.
func (o *Options) allows(user id.UserID) bool {
	for _, a := range o.Allow {
		if strings.EqualFold(a, user.Homeserver()) || a == string(user) {
			return true
		}
	}
	return false
}
