package matrixside

import (
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// The power levels that Matrix clients call moderator and administrator
// (client-server API, m.room.power_levels).
const (
	levelModerator = 50
	levelAdmin     = 75
	levelOwner     = 100
)

// nativePower is who may do what in a room of Matrix.
type nativePower struct {
	levels *event.PowerLevelsEventContent
	create *event.Event
}

// set takes new power levels; nil stands for those of a room that has none.
func (p *nativePower) set(levels *event.PowerLevelsEventContent) {
	if levels == nil {
		levels = &event.PowerLevelsEventContent{}
		if p.create != nil {
			levels.Users = map[id.UserID]int{p.create.Sender: levelOwner}
		}
	}
	levels.CreateEvent = p.create
	p.levels = levels
}

// role is what somebody may do. Who can kick others is at least half an
// operator, wherever the room has drawn that line; who has more power than
// most, and not that, is voiced.
func (p *nativePower) role(user id.UserID) bridge.Role {
	if p.levels == nil {
		return bridge.RoleParticipant
	}
	level, speak := p.levels.GetUserLevel(user), p.levels.GetEventLevel(event.EventMessage)
	switch {
	case level >= levelOwner:
		return bridge.RoleOwner
	case level >= levelAdmin:
		return bridge.RoleAdmin
	case level >= levelModerator:
		return bridge.RoleModerator
	case level > p.levels.UsersDefault && level >= p.levels.Kick():
		return bridge.RoleHalfOp
	case level < speak:
		return bridge.RoleVisitor
	case level > p.levels.UsersDefault:
		return bridge.RoleVoiced
	}
	return bridge.RoleParticipant
}

// level is the power that gives somebody a role, as role has it.
func (p *nativePower) level(role bridge.Role) int {
	if p.levels == nil {
		p.set(nil)
	}
	usual, speak := p.levels.UsersDefault, p.levels.GetEventLevel(event.EventMessage)
	switch role {
	case bridge.RoleOwner:
		return levelOwner
	case bridge.RoleAdmin:
		return levelAdmin
	case bridge.RoleModerator:
		return levelModerator
	case bridge.RoleHalfOp:
		return max(p.levels.Kick(), usual+1)
	case bridge.RoleVoiced:
		return max(speak, usual+1)
	case bridge.RoleParticipant:
		return max(usual, speak)
	}
	return min(speak, usual+1) - 1
}

// mighty are those whom the power levels name with more power than is usual.
func (p *nativePower) mighty() map[id.UserID]bool {
	all := map[id.UserID]bool{}
	if p.levels != nil {
		for user, level := range p.levels.Users {
			if level > p.levels.UsersDefault {
				all[user] = true
			}
		}
	}
	if p.create != nil && p.create.Content.AsCreate().SupportsCreatorPower() {
		all[p.create.Sender] = true
		for _, user := range p.create.Content.AsCreate().AdditionalCreators {
			all[user] = true
		}
	}
	return all
}
