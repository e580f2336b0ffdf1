package matrixside

import (
	"sync"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// The kinds of store.MatrixRoom.
const (
	kindNative = "native" // a room of Matrix that Ghost is in
	kindDirect = "direct" // the room where Ghost and User talk one to one
)

// place is one room on the homeserver that the bridge has something to do with.
type place interface {
	// handle takes an event of the room; see inbox.Options. It must not wait
	// for the homeserver, except to push back: one place's queue is its own.
	handle(e *event.Event, done func())
	// ephemeral takes typing and receipts of the room. It never waits.
	ephemeral(e *event.Event)
}

// places are all of them, by the homeserver's id and by what the core calls
// them. A room has one place, which may have several names in the core.
type places struct {
	mu     sync.RWMutex
	byID   map[id.RoomID]place
	byRoom map[bridge.Room]id.RoomID
}

func newPlaces() *places {
	return &places{byID: map[id.RoomID]place{}, byRoom: map[bridge.Room]id.RoomID{}}
}

// at is the place of a room, nil for none.
func (p *places) at(room id.RoomID) place {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byID[room]
}

// add puts a place in, unless its room has one already, which it returns.
func (p *places) add(room id.RoomID, at place, names ...bridge.Room) (taken place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if there := p.byID[room]; there != nil && there != at {
		return there
	}
	p.byID[room] = at
	for _, name := range names {
		p.byRoom[name] = room
	}
	return nil
}

// swap puts a place in where another was.
func (p *places) swap(room id.RoomID, was, at place, names ...bridge.Room) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID[room] != was {
		return false
	}
	p.byID[room] = at
	for _, name := range names {
		p.byRoom[name] = room
	}
	return true
}

// name is what the core calls a room, any of its names.
func (p *places) name(room id.RoomID) (bridge.Room, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for name, at := range p.byRoom {
		if at == room {
			return name, true
		}
	}
	return bridge.Room{}, false
}

// removeIf takes a place out if the room has no other by now.
func (p *places) removeIf(room id.RoomID, at place) {
	if p.at(room) == at {
		p.remove(room)
	}
}

// move gives the names of a room to the one that takes its place, and takes
// the first one out.
func (p *places) move(from, to id.RoomID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byID, from)
	for name, at := range p.byRoom {
		if at == from {
			p.byRoom[name] = to
		}
	}
}

// remove takes a place out, with all its names.
func (p *places) remove(room id.RoomID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byID, room)
	for name, at := range p.byRoom {
		if at == room {
			delete(p.byRoom, name)
		}
	}
}
