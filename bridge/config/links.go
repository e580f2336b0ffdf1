package config

import (
	"strings"
	"time"

	"isthmus/bridge"
)

// Link joins rooms into one conversation.
type Link struct {
	Name  string     `yaml:"name"`
	Rooms []LinkRoom `yaml:"rooms"` // two or more
	// Moderation says what becomes of what a moderator did in one of the rooms:
	// apply (it is done in the others; where the bridge has not the right, that
	// is explained to them), undo (else it is undone), off.
	Moderation string `yaml:"moderation"`
}

func (l *Link) setDefaults() { l.Moderation = "apply" }

func (l Link) name() string { return l.Name }

// summary names the rooms.
func (l Link) summary() string {
	rooms := make([]string, len(l.Rooms))
	for i, r := range l.Rooms {
		rooms[i] = r.String()
	}
	return strings.Join(rooms, " + ")
}

// LinkRoom is one room of a Link: of XMPP, IRC or Matrix.
type LinkRoom struct {
	XMPP    string `yaml:"xmpp"`    // a MUC's bare JID, canonical
	IRC     string `yaml:"irc"`     // a network
	Channel string `yaml:"channel"` // of that network, in lower case
	Matrix  string `yaml:"matrix"`  // an alias or a room id
	// Direction is both, in (its people are heard elsewhere, nothing is said
	// here) or out (the other way round).
	Direction    string `yaml:"direction"`
	PasswordFile string `yaml:"password_file"` // of a channel's key or a MUC's password
	// Mapped holds what the file says here, and for the rest what it says for
	// the room's network.
	Mapped

	Password Secret `yaml:"-"`
}

func (r *LinkRoom) setDefaults() { r.Direction = DirectionBoth }

// Network is the network that the room is on.
func (r LinkRoom) Network() string {
	switch {
	case r.XMPP != "":
		return bridge.NetworkXMPP
	case r.Matrix != "":
		return bridge.NetworkMatrix
	}
	return r.IRC
}

// String names the room for people, as in libera:#lounge.
func (r LinkRoom) String() string {
	switch {
	case r.XMPP != "":
		return r.XMPP
	case r.Matrix != "":
		return r.Matrix
	}
	return r.IRC + ":" + r.Channel
}

// Mapped is how people of other networks are in a mapped room.
type Mapped struct {
	As string `yaml:"as"` // puppets: each by themselves; relay: one speaks for all
	// Enter says when a puppet comes: join (with its person) or speak (with
	// their first word).
	Enter string `yaml:"enter"`
	// Idle is how long a puppet may be silent until it goes; its person stays,
	// and is relayed. 0 is for ever.
	Idle    time.Duration `yaml:"idle"`
	Puppets int           `yaml:"puppets"` // most of them; who is beyond is relayed
	Name    string        `yaml:"name"`    // of {name} and {network}
}

// The words of Mapped, LinkRoom and Network.
const (
	AsRelay   = "relay"
	AsPuppets = "puppets"

	EnterJoin  = "join"
	EnterSpeak = "speak"

	DirectionBoth = "both"
	DirectionIn   = "in"
	DirectionOut  = "out"

	PolicyOpen    = "open"
	PolicyMapped  = "mapped"
	PolicyConsent = "consent"

	GatewaySessions = "sessions"
	GatewayRelay    = "relay"

	MessagesAll   = "all"
	MessagesKnown = "known"
)

// Occupant is who we are in mapped MUCs, and how we say what others said.
type Occupant struct {
	Nick     string `yaml:"nick"`
	Template string `yaml:"template"` // what stands before the text; of {name}
}

// Relay is who we are on an IRC network, and how we say what others said.
type Relay struct {
	Nick     string `yaml:"nick"`
	Template string `yaml:"template"` // what stands before the text; of {name} and {network}
	Colour   bool   `yaml:"colour"`   // of names, each always the same
	RelayMsg string `yaml:"relaymsg"` // auto: RELAYMSG where the server has it and lets us; off
	Guard    bool   `yaml:"guard"`    // keep names from highlighting those who have them
	// Account and PasswordFile are what it logs in to the network's services with.
	Account      string `yaml:"account"`
	PasswordFile string `yaml:"password_file"`

	Password Secret `yaml:"-"`
}

// Audit is the file of who did what to whom.
type Audit struct {
	// File is a path; "off" for none. After Load it is where it is, and empty
	// for none.
	File string `yaml:"file"`
	Most Size   `yaml:"most"` // until it becomes FILE.1, in place of an older one
}
