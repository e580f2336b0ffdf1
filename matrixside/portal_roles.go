package matrixside

import (
	"maps"
	"sync/atomic"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// roleLevels are the power levels of a portal's people. Who runs the room may
// kick, ban and redact, as at 50 (client-server API, m.room.power_levels);
// nobody but the bot has 100, so that it can always set things right. A
// visitor's level is everybody's: what they say is refused with a word why.
var roleLevels = [...]int{
	bridge.RoleVisitor:     0,
	bridge.RoleParticipant: 0,
	bridge.RoleVoiced:      10,
	bridge.RoleHalfOp:      50,
	bridge.RoleModerator:   60,
	bridge.RoleAdmin:       75,
	bridge.RoleOwner:       90,
}

// roleOf is the role that a power level asks for.
func roleOf(level int) bridge.Role {
	switch {
	case level >= 90:
		return bridge.RoleOwner
	case level >= 75:
		return bridge.RoleAdmin
	case level >= 50: // "Moderator" in clients
		return bridge.RoleModerator
	case level >= 40:
		return bridge.RoleHalfOp
	case level >= 10:
		return bridge.RoleVoiced
	case level >= 0:
		return bridge.RoleParticipant
	}
	return bridge.RoleVisitor
}

// maxLevels bounds the power levels that a room has beside the bot's: the
// event that holds them all is sent anew with each change, and no event may
// be longer than 64 KiB. Who is beyond has no power on Matrix.
const maxLevels = 300

// setLevels has the room's power levels follow, where they differ.
func (s *portalState) setLevels(wanted map[id.UserID]int) {
	changed := map[id.UserID]int{}
	for user, level := range wanted {
		switch {
		case user == "" || s.levels[user] == level:
			continue
		case level == 0:
			delete(s.levels, user)
		case s.levels[user] == 0 && len(s.levels) >= maxLevels:
			continue
		default:
			s.levels[user] = level
		}
		changed[user] = level
	}
	if len(changed) > 0 {
		s.do(actPowers{changed})
	}
}

// roleChanged takes in what somebody may do from now on.
func (s *portalState) roleChanged(e bridge.Event, r bridge.RoleChange) {
	user := id.UserID(e.By.ID)
	if e.By.Network != bridge.NetworkMatrix {
		user = s.ghostOf(e.By)
	} else if s.users[user] == nil {
		return
	}
	s.setLevels(map[id.UserID]int{user: roleLevels[r.Role]})
}

// powers takes in the room's power levels as sender has set them. Each change
// of one is a request; what was changed beside that stays as it is.
func (s *portalState) powers(sender id.UserID, levels map[id.UserID]int, cause id.EventID, done func()) {
	before := maps.Clone(s.levels)
	changed := map[id.UserID]bool{}
	for user, level := range levels {
		changed[user] = before[user] != level
	}
	for user := range before {
		if _, there := levels[user]; !there {
			changed[user] = true
		}
	}
	var left atomic.Int32
	last := func() {
		if left.Add(-1) == 0 && done != nil {
			done()
		}
	}
	var asks []portalAsked
	back := map[id.UserID]int{}
	for _, user := range sortedKeys(changed) {
		if !changed[user] || user == s.bot {
			continue
		}
		name := s.crowd.name(user)
		if u := s.users[user]; u != nil && u.phase == userIn {
			name = u.nick
		}
		if name == "" {
			back[user] = before[user]
			continue
		}
		if level := levels[user]; level == 0 {
			delete(s.levels, user)
		} else {
			s.levels[user] = level
		}
		if roleOf(levels[user]) == roleOf(before[user]) {
			continue
		}
		asks = append(asks, portalAsked{
			event: bridge.Event{By: matrixPerson(sender), Body: bridge.RoleChange{Target: name, Role: roleOf(levels[user])}},
			cause: cause, ghost: user, level: before[user], done: last,
		})
	}
	if len(back) > 0 {
		s.do(actPowers{back})
		s.notice("Only who is in the room can be given power.", cause, sender)
	}
	if len(asks) == 0 {
		s.finish(done)
		return
	}
	left.Store(int32(len(asks)))
	for _, a := range asks {
		s.ask(a)
	}
}
