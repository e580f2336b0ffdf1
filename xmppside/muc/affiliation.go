package muc

import "slices"

// Affiliation is a lasting relation to the room (XEP-0045 §5.2).
type Affiliation uint8

// The affiliations, in growing power.
const (
	AffiliationNone Affiliation = iota
	AffiliationOutcast
	AffiliationMember
	AffiliationAdmin
	AffiliationOwner
)

var affiliations = [...]string{"none", "outcast", "member", "admin", "owner"}

func (a Affiliation) String() string { return affiliations[a] }

func parseAffiliation(s string) (Affiliation, bool) {
	i := slices.Index(affiliations[:], s)
	return Affiliation(max(i, 0)), i >= 0
}

// Role is what an occupant may do until they leave (XEP-0045 §5.1).
type Role uint8

// The roles, in growing power.
const (
	RoleNone Role = iota
	RoleVisitor
	RoleParticipant
	RoleModerator
)

var roles = [...]string{"none", "visitor", "participant", "moderator"}

func (r Role) String() string { return roles[r] }

func parseRole(s string) (Role, bool) {
	i := slices.Index(roles[:], s)
	return Role(max(i, 0)), i >= 0
}

// Show is availability (RFC 6121 §4.7.2.1). The zero value is plainly online.
type Show uint8

// The availabilities, in the order in which one resource outdoes another.
const (
	ShowOnline Show = iota
	ShowChat
	ShowDND
	ShowAway
	ShowXA
)

var shows = [...]string{"", "chat", "dnd", "away", "xa"}

func (s Show) String() string { return shows[s] }

func parseShow(s string) Show {
	return Show(max(slices.Index(shows[:], s), 0))
}
