package xmppside

import (
	"isthmus/bridge"
	"isthmus/xmppside/muc"
)

// standing is how a role is shown in a hosted room.
type standing struct {
	affiliation muc.Affiliation
	role        muc.Role
}

// standings tells how clients show each role best. Badges, and which menus a
// client offers, hang on the affiliation: whoever may ban is "admin" (IRC +o,
// +a), the founder alone "owner", since owners are offered to configure the
// room. Who may only kick (+h) is "moderator" without being admin, and both
// they and the voiced (+v) are "member", which is what tells them apart from
// everybody else where a room is not moderated.
var standings = [...]standing{
	bridge.RoleVisitor:     {muc.AffiliationNone, muc.RoleVisitor},
	bridge.RoleParticipant: {muc.AffiliationNone, muc.RoleParticipant},
	bridge.RoleVoiced:      {muc.AffiliationMember, muc.RoleParticipant},
	bridge.RoleHalfOp:      {muc.AffiliationMember, muc.RoleModerator},
	bridge.RoleModerator:   {muc.AffiliationAdmin, muc.RoleModerator},
	bridge.RoleAdmin:       {muc.AffiliationAdmin, muc.RoleModerator},
	bridge.RoleOwner:       {muc.AffiliationOwner, muc.RoleModerator},
}

// affiliationRoles are the roles that a change of affiliation asks for.
// Outcasts are expelled instead.
var affiliationRoles = map[muc.Affiliation]bridge.Role{
	muc.AffiliationNone:   bridge.RoleParticipant,
	muc.AffiliationMember: bridge.RoleVoiced,
	muc.AffiliationAdmin:  bridge.RoleModerator,
	muc.AffiliationOwner:  bridge.RoleOwner,
}

// roleWished is the role that a change of role asks for. "participant" means
// to a visitor that they are given voice (XEP-0045 §8.3), to a moderator that
// they are one no more (§9.7).
func roleWished(w muc.GrantRole) bridge.Role {
	switch {
	case w.Role == muc.RoleModerator:
		return bridge.RoleModerator
	case w.Role == muc.RoleVisitor:
		return bridge.RoleVisitor
	case w.Has == muc.RoleModerator:
		return bridge.RoleParticipant
	}
	return bridge.RoleVoiced
}
