// Package mapping joins rooms of any networks into one conversation, as the
// administrator has written it into the links of the configuration.
//
// Each room keeps the portal that it has without a mapping: the room itself
// decides there, and gateway users come in by hosted rooms. A mapping is one
// leg more in each of those portals, the leg of a network that no side else
// serves. Through it the mapping hears what happens in a room, and asks the
// other rooms to let the same happen there:
//
//	MUC ─ portal ─┐
//	              ├─ mapping ─ portal ─ channel
//	room ─ portal ┘                └─── hosted room of gateway users
//
// What it asks for is carried out as for any person of another network: by a
// session of that person's own (a puppet), or by the Keeper, who is in every
// mapped room and speaks for those who have none (a relay).
//
//	m := mapping.New(hub, opts)
//	hub.Register(bridge.NetworkMapped, m)
//	err := hub.SetLinks(append(mapping.Rules(links), gateways...))
//	m.Set(links)
//	m.Run(ctx)
//
// Who speaks as whom, names, budgets, moderation and loops are decided in a
// state without goroutines, clocks and networks (state.go), from events and
// the time; side.go runs one for each link.
package mapping

import (
	"time"

	"isthmus/bridge"
)

// Link is rooms that are one conversation.
type Link struct {
	Name  string // unique; names it in logs and status
	Rooms []Room // two or more, none of them twice or in another link
	// Moderation says what becomes of kicks, bans, roles and topics in the
	// other rooms.
	Moderation Moderation
}

// Room is one room of a Link, and how people of the others are in it.
type Room struct {
	At       bridge.Room
	Nick     string // of the Keeper, wished for
	Password string // of the room: a channel's key, a MUC's password

	// Puppets gives people of other networks sessions of their own here. Those
	// of the room's own network, and all where it is false, are relayed.
	Puppets bool
	// Lazy brings a puppet in with its person's first word, not before.
	Lazy bool
	// Idle is after what silence a puppet goes; its person is relayed then,
	// until they speak. 0 is never.
	Idle time.Duration
	// Most bounds the puppets here; who comes beyond is relayed. 0 is no bound.
	Most int
	// Name is what people of other rooms are called here: a text with {name}
	// and, perhaps, {network}.
	Name string

	Mute bool // its people are not heard in the other rooms
	Deaf bool // people of the other rooms are not heard in it
}

// Moderation is what a mapping makes of what moderators do.
type Moderation uint8

// The kinds of Moderation.
const (
	// Apply does in the other rooms what was done in one, as far as the bridge
	// has the right, and explains where it has not.
	Apply Moderation = iota
	// Undo is Apply; but who was removed from a room and can't be from their own, is let in again.
	Undo
	// Off leaves each room to its own moderators: who is thrown out of one is not in that one.
	Off
)

// id is the mapping's own room in the portal of r.
func (l Link) id(r Room) bridge.Room {
	return bridge.Room{Network: bridge.NetworkMapped, ID: l.Name + "/" + r.At.String()}
}

// Rules are the links that the core needs for mapped rooms. They come before
// the gateways' own.
func Rules(links []Link) []bridge.Link {
	var all []bridge.Link
	for _, l := range links {
		for _, r := range l.Rooms {
			own := l.id(r)
			all = append(all, bridge.Link{Name: own.ID, Legs: []bridge.LegRule{
				{Network: own.Network, Room: own.ID},
				{Network: r.At.Network, Room: r.At.ID, Authority: true},
			}})
		}
	}
	return all
}

// Audit keeps who did what to whom, and where it took effect.
type Audit interface {
	// Record must not block.
	Record(AuditRecord)
}

// AuditRecord is one act of moderation in one room of a link.
type AuditRecord struct {
	At     time.Time     `json:"at"`
	Link   string        `json:"link"`
	Action string        `json:"action"`          // kick, ban, unban, role, topic
	Actor  string        `json:"actor,omitempty"` // name of who did it, in the room From
	From   bridge.Room   `json:"from"`            // where it was done
	Target bridge.Person `json:"target,omitzero"`
	Name   string        `json:"name,omitempty"` // of Target
	Reason string        `json:"reason,omitempty"`
	Room   bridge.Room   `json:"room"`   // where it was to take effect; From itself for the act
	Result string        `json:"result"` // done, or why not
}

// Bans remembers over a restart who is banned from a link.
type Bans interface {
	// Bans gives those of a link.
	Bans(link string) ([]Ban, error)
	// SetBan and LiftBan must not block for long: a conversation waits for them.
	SetBan(link string, b Ban) error
	LiftBan(link string, who bridge.Person) error
}

// Ban is somebody who may not take part in a link.
type Ban struct {
	Person bridge.Person `json:"person"`
	Name   string        `json:"name"`
	By     string        `json:"by,omitempty"`
	From   bridge.Room   `json:"from"` // the room that they were banned from
	Reason string        `json:"reason,omitempty"`
	At     time.Time     `json:"at"`
}
