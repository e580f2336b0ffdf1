package matrixside

import (
	"context"
	"maps"
	"time"

	"maunium.net/go/mautrix/id"
)

// catchUpMargin is how long before we noticed that the homeserver was away it
// may have been killed: what it had taken by then it may never send.
const catchUpMargin = 30 * time.Second

// catchUpPatience is for one room.
const catchUpPatience = time.Minute

// all are the rooms and their places.
func (p *places) all() map[id.RoomID]place {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return maps.Clone(p.byID)
}

// catchUp asks every room for what the homeserver took and did not send,
// since it went away or a little before.
func (s *Side) catchUp(away time.Time) {
	for room, at := range s.places.all() {
		var as id.UserID // the bot
		switch at := at.(type) {
		case *native:
			if as = at.anyGhost(); as == "" {
				continue
			}
			at.awaitOwn("") // what is being said once more goes before its answers
		case *chat:
			as = at.pair.ghost
		case *direct:
			as = at.pair.ghost
		}
		ctx, cancel := context.WithTimeout(s.ctx, catchUpPatience)
		err := s.inbox.CatchUp(ctx, room, as, away.Add(-catchUpMargin))
		cancel()
		if s.ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Info("matrix: what was said in a room when the homeserver went away can't be looked up", "room", room, "error", err)
		}
	}
}
