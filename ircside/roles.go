package ircside

import (
	"math/bits"
	"strings"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
)

// modeSet is which of the modes in isupport.Table.PrefixModes somebody has;
// bit 0 is the first, the strongest.
type modeSet uint16

// letterRoles are the prefix modes that mean the same everywhere. A mode that
// isn't here, such as InspIRCd's official join (+Y), stands by its place in
// PREFIX: above +o for an admin, below it for half an operator.
var letterRoles = map[byte]bridge.Role{
	'q': bridge.RoleOwner,
	'a': bridge.RoleAdmin,
	'o': bridge.RoleModerator,
	'h': bridge.RoleHalfOp,
	'v': bridge.RoleVoiced,
}

// roleOfMode is what the i-th prefix mode of a network gives.
func roleOfMode(t *isupport.Table, i int) bridge.Role {
	if r, ok := letterRoles[t.PrefixModes[i]]; ok {
		return r
	}
	if i < strings.IndexByte(t.PrefixModes, 'o') {
		return bridge.RoleAdmin
	}
	return bridge.RoleHalfOp
}

// role is the power of the strongest mode somebody has.
func (s modeSet) role(t *isupport.Table) bridge.Role {
	i := bits.TrailingZeros16(uint16(s))
	if i >= len(t.PrefixModes) {
		return bridge.RoleParticipant
	}
	return roleOfMode(t, i)
}

// with is s with the mode c gained or lost.
func (s modeSet) with(t *isupport.Table, c byte, set bool) modeSet {
	i := strings.IndexByte(t.PrefixModes, c)
	switch {
	case i < 0:
		return s
	case set:
		return s | 1<<i
	}
	return s &^ (1 << i)
}

// change is the mode changes, without parameters, that make somebody with the
// modes s one with the given role: what is above it goes, what it needs comes.
// It is false where the network has no such role.
func (s modeSet) change(t *isupport.Table, role bridge.Role) (add, remove string, ok bool) {
	ok = role <= bridge.RoleParticipant
	for i := range len(t.PrefixModes) {
		has, gives := s&(1<<i) != 0, roleOfMode(t, i)
		letter := t.PrefixModes[i : i+1]
		switch {
		case has && gives > role:
			remove += letter
		case gives == role && letterRoles[letter[0]] == role:
			ok = true
			if !has {
				add += letter
			}
		}
	}
	return add, remove, ok
}

// nearestRole is the strongest role that the network has and that is not above
// role.
func nearestRole(t *isupport.Table, role bridge.Role) bridge.Role {
	nearest := min(role, bridge.RoleParticipant)
	for i := range len(t.PrefixModes) {
		if gives := letterRoles[t.PrefixModes[i]]; gives <= role {
			nearest = max(nearest, gives)
		}
	}
	return nearest
}
