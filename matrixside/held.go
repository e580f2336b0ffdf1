package matrixside

import (
	"sync"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge/store"
)

// heldBound is how many events of a mapped room wait for the Keeper to come
// back into it. What is beyond is left out, and counted.
const heldBound = 1024

// heldEvent is an event that waits.
type heldEvent struct {
	event *event.Event
	done  func()
}

// heldRoom is the place of a room that the Keeper was in before a restart, and
// has yet to come back into: what happened there meanwhile is brought by the
// homeserver at once, and waits.
type heldRoom struct {
	side *Side

	mu     sync.Mutex
	events []heldEvent
	over   bool
}

// hold gives a room such a place, until abandon takes it away.
func (n *natives) hold(r store.MatrixRoom) {
	n.side.places.add(id.RoomID(r.ID), &heldRoom{side: n.side})
}

// handle implements place.
func (h *heldRoom) handle(e *event.Event, done func()) {
	h.mu.Lock()
	over, full := h.over, len(h.events) >= heldBound
	if !over && !full {
		h.events = append(h.events, heldEvent{e, done})
	}
	h.mu.Unlock()
	switch {
	case over: // it has another place by now
		h.side.handle(e, done)
	case full:
		h.side.Counters.GivenUp.Add(1)
		done()
	}
}

// ephemeral implements place: what is over soon does not wait.
func (h *heldRoom) ephemeral(*event.Event) {}

// take ends the waiting.
func (h *heldRoom) take() []heldEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := h.events
	h.events, h.over = nil, true
	return events
}

// unhold is for a room that the Keeper does not come back into.
func (n *natives) unhold(at id.RoomID) {
	if h, ok := n.side.places.at(at).(*heldRoom); ok {
		n.side.places.removeIf(at, h)
		dropped(h.take())
	}
}

// dropped lets the inbox forget events that nobody is shown.
func dropped(events []heldEvent) {
	for _, h := range events {
		h.done()
	}
}

// awaitsKeeper reports whether an event of a room that is not open yet is to wait
// for the Keeper, who is on its way in, and notes it then.
func (n *native) awaitsKeeper(e *event.Event, done func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open || !n.keeping || n.id != e.RoomID {
		return false
	}
	if len(n.held) >= heldBound {
		n.side.Counters.GivenUp.Add(1)
		return false
	}
	n.held = append(n.held, heldEvent{e, done})
	return true
}

// release takes in what has waited for the Keeper, who is in now. It is the
// mailbox's.
func (n *native) release() {
	for _, h := range n.unheld() {
		n.take(h.event)
		h.done()
	}
}

// unheld ends the waiting for the Keeper.
func (n *native) unheld() []heldEvent {
	n.mu.Lock()
	defer n.mu.Unlock()
	held := n.held
	n.held, n.keeping = nil, false
	return held
}

// giveBack has what waits for the Keeper wait on, in a room that everybody else
// has left. The room has no place any more.
func (n *native) giveBack(at id.RoomID) {
	if held := n.unheld(); len(held) > 0 && n.side.places.add(at, &heldRoom{side: n.side, events: held}) != nil {
		dropped(held)
	}
}
