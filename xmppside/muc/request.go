package muc

import (
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Request is what a user wishes of the room's owner.
type Request struct {
	// ID is what the answer names: by Room.Refuse, Room.Confirm, Room.Answer
	// or the ref of a fact. Leave, SetPresence, SetAvatar, Decline, Typing and
	// Read are told, not asked, and need no answer.
	ID string
	// By is the resource that asks.
	By jid.JID
	// Nick is how By is called in the room; empty for a Join.
	Nick string
	// What is wished.
	What Wish
}

// Wish is the closed set of what can be wished.
type Wish interface{ wish() }

// The wishes.
type (
	// Join asks to be let in. Granted by Enter.
	Join struct {
		Nick     string
		Password string
		Wanted   int // how many earlier messages they want to see, at most
	}
	// Leave tells that a user's last resource has gone.
	Leave struct{ Reason string }
	// Say asks to speak to the room. Granted by Say, refused by Refuse.
	// Message is the whole stanza, whose memory it shares.
	Say struct{ Message wire.Element }
	// Whisper asks to speak to somebody who is no user of this room.
	// Granted by Confirm.
	Whisper struct {
		To      string
		Message wire.Element
	}
	// Typing tells that somebody is writing, or no longer: to the room, or
	// to the one called To, who is no user of this room. It is told, not asked.
	Typing struct {
		To string
		On bool
	}
	// Read tells how far somebody has read, likewise: ID is that of a Said,
	// or of a Room.Whisper of To's.
	Read struct{ To, ID string }
	// Rename asks for another nickname. Granted by Confirm; the
	// fact is Room.Rename.
	Rename struct{ To string }
	// ChangeSubject is granted by Confirm; the fact is Room.SetSubject.
	ChangeSubject struct{ Text string }
	// SetPresence tells how available a user is, over all resources.
	SetPresence struct {
		Show   Show
		Status string
	}
	// SetAvatar tells which picture a user has: its SHA-1 in hex, "" for none.
	SetAvatar struct{ Hash string }
	// Invite asks that somebody be let in whom Options.Invites knows. Granted
	// by Confirm.
	Invite struct {
		Who    jid.JID
		Reason string
	}
	// Decline tells that somebody who is not here does not accept an invitation
	// in the name of Inviter, whom Options.Invites knows.
	Decline struct {
		Inviter jid.JID
		Reason  string
	}
	// GrantRole asks for somebody's role to be changed, which is Has so far.
	// Granted by Confirm.
	GrantRole struct {
		Target string
		Has    Role // RoleNone if the room does not know
		Role   Role
	}
	// GrantAffiliation is the same for an affiliation.
	GrantAffiliation struct {
		Target      string
		Affiliation Affiliation
	}
	// Expel asks for somebody's removal. Granted by Confirm.
	Expel struct {
		Target string
		Ban    bool
		Reason string
	}
	// Ban asks that somebody be kept out who is not here and whom Options.Invites
	// knows, and Pardon that anybody be no longer. Granted by Confirm.
	Ban struct {
		Who    jid.JID
		Reason string
	}
	Pardon struct{ Who jid.JID }
	// Bans asks for the list of those who are banned. Granted by Answer, with a
	// muc#admin query.
	Bans struct{}
	// Query is an IQ get to somebody who is no user of this room or, without
	// a Target, to the room itself, about its picture. Granted by Answer.
	Query struct {
		Target  string
		Payload wire.Element
	}
)

func (Join) wish()             {}
func (Leave) wish()            {}
func (Say) wish()              {}
func (Whisper) wish()          {}
func (Typing) wish()           {}
func (Read) wish()             {}
func (Rename) wish()           {}
func (ChangeSubject) wish()    {}
func (SetPresence) wish()      {}
func (SetAvatar) wish()        {}
func (Invite) wish()           {}
func (Decline) wish()          {}
func (GrantRole) wish()        {}
func (GrantAffiliation) wish() {}
func (Expel) wish()            {}
func (Ban) wish()              {}
func (Pardon) wish()           {}
func (Bans) wish()             {}
func (Query) wish()            {}
