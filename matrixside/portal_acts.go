package matrixside

import (
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// The acts of a portal.
type (
	act interface{ act() }
	// actPublish hands an event to the core.
	actPublish struct{ event bridge.Event }
	// actFlush publishes what a user has said meanwhile; see flushed.
	actFlush struct{ user id.UserID }
	// actSay shows a message in the name of a ghost, which it brings in before.
	actSay struct {
		ghost id.UserID
		event bridge.Event
	}
	// actNotice is the bot's own word, in answer to reply where there is one
	// and for to where it is for somebody.
	actNotice struct {
		text  string
		reply id.EventID
		to    id.UserID
	}
	// actKick puts a user out of the room on Matrix.
	actKick struct {
		user   id.UserID
		reason string
	}
	// actReadmit brings a ghost back that was put out in vain.
	actReadmit struct {
		ghost id.UserID
		ban   bool
	}
	// actDecline has a ghost leave, or refuse an invitation.
	actDecline struct {
		ghost  id.UserID
		reason string
	}
	// actLooks finds out the SHA-1 of a user's picture, for looks.
	actLooks struct {
		user   id.UserID
		avatar string
	}
	// actRetry has tick called until there is nobody left to ask in again.
	actRetry struct{}
	// actSettle wakes up who brings ghosts in and out.
	actSettle struct{}
	// actState sets a state event of the room in the bot's name.
	actState struct {
		kind event.Type
		text string
	}
	// actPowers sets power levels.
	actPowers struct{ levels map[id.UserID]int }
	// actList puts the room into the public directory and its network's space,
	// where there are, or takes it out.
	actList struct{ public bool }
	// actTyping and actRead are signals of ghosts, actPresence tells of their availability.
	actTyping struct {
		ghost id.UserID
		on    bool
	}
	actRead struct {
		ghost id.UserID
		event id.EventID
	}
	actPresence struct {
		who      bridge.Person
		presence bridge.Presence
	}
	// actProfile brings a ghost's picture up to date.
	actProfile struct {
		who    bridge.Person
		avatar string
	}
	// actAvatar gets the room's picture, of which this is the SHA-1, and shows it;
	// actPicture shows what was got.
	actAvatar  struct{ hash string }
	actPicture struct{ uri id.ContentURIString }
	// actFollow goes with the Matrix room to another that takes its place.
	actFollow struct{ to id.RoomID }
	// actMoved tells that the room is elsewhere.
	actMoved struct{ to, reason string }
	// actDone lets the inbox forget an event.
	actDone struct{ done func() }
)

func (actPublish) act()  {}
func (actFlush) act()    {}
func (actSay) act()      {}
func (actNotice) act()   {}
func (actKick) act()     {}
func (actReadmit) act()  {}
func (actDecline) act()  {}
func (actSettle) act()   {}
func (actState) act()    {}
func (actPowers) act()   {}
func (actList) act()     {}
func (actTyping) act()   {}
func (actRead) act()     {}
func (actPresence) act() {}
func (actProfile) act()  {}
func (actMoved) act()    {}
func (actDone) act()     {}
func (actAvatar) act()   {}
func (actPicture) act()  {}
func (actFollow) act()   {}
func (actRetry) act()    {}
func (actLooks) act()    {}
