package bridge

import "log/slog"

// NetworkXMPP and NetworkMatrix are the reserved network names of the two
// networks there is only one of. NetworkMapped has the legs by which mapped
// rooms are joined to each other (see package mapping); nobody else may name
// it. NetworkBridge is that of the Keeper. Every other name is an IRC network.
const (
	NetworkXMPP   = "xmpp"
	NetworkMatrix = "matrix"
	NetworkMapped = "mapped"
	NetworkBridge = "bridge"
)

// Keeper is the bridge itself as it is in mapped rooms: a bot that is always
// there, so that the room is observed, speaks for whom has no session of their
// own there (see Event.Via), and holds the rights that the room gives the bridge.
var Keeper = Person{Network: NetworkBridge, ID: "isthmus"}

// Room names one room, or one private conversation, on one network. It is
// comparable, and is the address on every envelope that crosses the border
// between the core and a side.
type Room struct {
	// Network is NetworkXMPP, NetworkMatrix or the name of an IRC network:
	// a configured one, or host[:port] where users may reach unlisted ones.
	Network string `json:"network"`
	// ID is the room in its network's own words, in the one canonical form
	// that its side gives it: "#go" on IRC, "#go%libera@irc.example.org" for
	// a hosted MUC (XEP-0106 already undone), "" for a server's console.
	ID string `json:"id"`
	// Owner is the person the conversation is private to (a direct message,
	// the server console); the zero Person for a shared room.
	Owner Person `json:"owner,omitzero"`
}

// Private reports whether the conversation belongs to one account.
func (r Room) Private() bool { return r.Owner != Person{} }

func (r Room) String() string { return r.Network + ":" + r.ID }

// LogValue implements slog.LogValuer: logs of every format have the String.
func (r Room) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Person names somebody by their home network. For XMPP the ID is the bare
// JID, for Matrix the user id, for an IRC native the nick as last seen: IRC
// has nothing more lasting, so a Rename carries the new Person too.
type Person struct {
	Network string `json:"network"`
	ID      string `json:"id"`
}

func (p Person) String() string { return p.Network + ":" + p.ID }

// LogValue implements slog.LogValuer, as Room's does.
func (p Person) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Role is what somebody may do in a room, from least to most. Each side owns
// the table that translates it.
type Role uint8

// The roles, in growing power.
const (
	RoleVisitor     Role = iota // may listen: no voice in a moderated room
	RoleParticipant             // may speak
	RoleVoiced                  // may speak also in a moderated room (IRC +v)
	RoleHalfOp                  // may moderate (IRC +h)
	RoleModerator               // runs the room (IRC +o)
	RoleAdmin                   // protected operator (IRC +a)
	RoleOwner                   // founder (IRC +q)
)

// Show is availability as every network can say it. The zero value is Online.
type Show uint8

// The availabilities. Offline is for watched people and direct conversations:
// in a room, absence is a Leave.
const (
	ShowOnline Show = iota
	ShowChat
	ShowAway
	ShowXA
	ShowDND
	ShowOffline
)

// Member is one person in a room as a snapshot lists them.
type Member struct {
	Person Person `json:"person"`
	Name   string `json:"name"` // as shown in the room
	Role   Role   `json:"role"`
	Show   Show   `json:"show,omitempty"`
	Status string `json:"status,omitempty"`
	Avatar string `json:"avatar,omitempty"` // see Profile
}
