package matrixside

import (
	"context"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/names"
)

// maxKnocks bounds the rooms whose names are known where somebody has knocked.
const maxKnocks = 1024

// knock asks a room for leave to come in (client-server API, "Knocking on
// rooms"), and reports whether it can be asked: that is known to the homeserver
// alone as long as nobody of ours is in it.
func (n *natives) knock(ctx context.Context, ghost id.UserID, room bridge.Room, at id.RoomID, via []string, reason string) bool {
	err := n.side.options().Client.Once(ctx, ghost, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.KnockRoom(ctx, string(at), &mautrix.ReqKnockRoom{Via: via, Reason: reason})
		return err
	})
	if err != nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.knocks) >= maxKnocks {
		clear(n.knocks)
	}
	n.knocks[at] = room.ID
	return true
}

// knockEvery is how often somebody asks a mapped room to be let in: a mapping
// tries again and again.
const knockEvery = time.Hour

// mayAsk reports whether somebody may ask the room to be let in now.
func (n *native) mayAsk(who bridge.Person) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ours[bridge.Keeper] == nil {
		return true
	}
	now := time.Now()
	if now.Sub(n.knocked[who]) < knockEvery {
		return false
	}
	if n.knocked == nil || len(n.knocked) >= maxKnocks {
		n.knocked = map[bridge.Person]time.Time{}
	}
	n.knocked[who] = now
	return true
}

// turnedDown takes the news that a ghost who had knocked will not be let in, and
// tells its person; it reports whether e is that. Only homeservers that have
// knocking know it, and those say how it was before.
func (n *natives) turnedDown(e *event.Event, ghost id.UserID) bool {
	if e.Sender == ghost || wasMember(e) != event.MembershipKnock {
		return false
	}
	c := e.Content.AsMember()
	who, known := n.side.ghosts.person(ghost)
	talk := names.OfUser(e.Sender)
	if c.Membership != event.MembershipLeave && c.Membership != event.MembershipBan || !known || who == bridge.Keeper || talk == "" {
		return false
	}
	n.mu.Lock()
	room := n.knocks[e.RoomID]
	n.mu.Unlock()
	if room == "" {
		room = names.OfRoomID(e.RoomID)
	}
	text := "You are not let into " + room + ", where you had asked."
	if c.Reason != "" {
		text += " " + cleanText(c.Reason)
	}
	n.side.core.Publish(bridge.Event{
		Room: bridge.Room{Network: bridge.NetworkMatrix, ID: talk, Owner: who},
		At:   time.UnixMilli(e.Timestamp), Body: bridge.Info{Text: text},
	})
	return true
}

// wasMember is the membership before an event that changes it, "" if the
// homeserver doesn't say.
func wasMember(e *event.Event) event.Membership {
	before := e.Unsigned.PrevContent
	if before == nil || before.Parsed == nil && before.ParseRaw(e.Type) != nil {
		return ""
	}
	return before.AsMember().Membership
}
