package matrixside

import (
	"context"
	"sync"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge/store"
)

// pair is a ghost and a Matrix user who talk one to one.
type pair struct{ ghost, user id.UserID }

// pairs is which room each pair talks in, whoever of them began it. It is
// remembered over a restart.
type pairs struct {
	side *Side

	mu    sync.Mutex
	rooms map[pair]id.RoomID
}

func newPairs(s *Side) *pairs { return &pairs{side: s, rooms: map[pair]id.RoomID{}} }

// recall takes up what was remembered.
func (p *pairs) recall(r store.MatrixRoom) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rooms[pair{id.UserID(r.Ghost), id.UserID(r.User)}] = id.RoomID(r.ID)
}

// room is where they talk, "" if they don't yet.
func (p *pairs) room(of pair) id.RoomID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rooms[of]
}

// set remembers where they talk from now on. r.Kind is kindDirect.
func (p *pairs) set(ctx context.Context, r store.MatrixRoom) error {
	p.recall(r)
	return p.side.options().Rooms.SetMatrixRoom(ctx, r)
}

// forget is for a room that one of them has left.
func (p *pairs) forget(ctx context.Context, of pair, room id.RoomID) error {
	p.mu.Lock()
	if p.rooms[of] == room {
		delete(p.rooms, of)
	}
	p.mu.Unlock()
	return p.side.options().Rooms.DeleteMatrixRoom(ctx, string(room), string(of.ghost))
}
