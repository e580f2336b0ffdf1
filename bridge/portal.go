package bridge

import (
	"sync"
	"sync/atomic"

	"isthmus/bridge/actor"
)

// Bounds of a portal's queues, in events.
const (
	mailboxBound = 4096
	courierBound = 16384
)

// portal runs one conversation: its state, one event at a time, and a courier
// for each leg. It has a goroutine only while there is something to do.
type portal struct {
	hub      *Hub
	state    *state
	couriers []*courier // one for each leg
	box      *actor.Mailbox[change]
}

// change is what a portal is to do: to take in an event, unless do says what.
type change struct {
	event Event
	do    func(*portal)
}

// What the mailboxes of all portals and couriers are lent.
var (
	changes actor.Pool[change]
	events  actor.Pool[Event]
)

func newPortal(h *Hub, legs []leg) *portal {
	p := &portal{hub: h, state: newState(legs)}
	p.box = actor.New(mailboxBound, &changes, p.run)
	for _, l := range p.state.legs {
		p.addCourier(l)
	}
	return p
}

// post hands an event to the portal. It blocks while the mailbox is full.
func (p *portal) post(e Event) bool {
	return p.box.Do(change{event: e})
}

// addLeg joins one more room to a running conversation.
func (p *portal) addLeg(l leg) {
	p.box.Post(change{do: func(p *portal) {
		p.addCourier(p.state.addLeg(l))
	}})
}

func (p *portal) addCourier(l *leg) {
	p.couriers = append(p.couriers, newCourier(p, l))
}

func (p *portal) courier(room Room) *courier {
	for _, c := range p.couriers {
		if c.leg.room == room {
			return c
		}
	}
	panic("bridge: no courier for " + room.String())
}

// lists are lent to portals while they work: there are many, and idle mostly.
var lists = sync.Pool{New: func() any { return new(effects) }}

func (p *portal) run(batch []change) {
	out := lists.Get().(*effects)
	p.state.out = out
	for i := range batch {
		if c := &batch[i]; c.do != nil {
			c.do(p)
		} else {
			p.state.step(c.event)
		}
		p.act()
	}
	p.state.rest()
	lists.Put(out)
}

// act carries out what the state wants done.
func (p *portal) act() {
	out := p.state.out
	for _, r := range out.record {
		p.hub.recorder.Record(r)
	}
	out.record = out.record[:0]
	// A refusal adds an answer to the list while it is gone through.
	for i := 0; i < len(out.deliver); i++ {
		if e := out.deliver[i]; !p.courier(e.Room).offer(e) {
			p.hub.Counters.Lost.Add(1)
			if _, asked := p.state.pending[e.ID]; asked && p.state.authority().room == e.Room {
				p.state.refuse(e)
			}
		}
	}
	clear(out.deliver)
	out.deliver = out.deliver[:0]
	if cap(out.deliver) > 64 { // a burst's memory is not kept
		out.deliver = nil
	}
}

// closeIfIdle ends the portal unless somebody needs it, or would miss it, and
// reports whether it did. The hub calls it under its lock, so that nobody finds
// it meanwhile.
func (p *portal) closeIfIdle(missed func(*state) bool) bool {
	return p.box.CloseIf(func() bool {
		for _, c := range p.couriers {
			if !c.box.Idle() {
				return false
			}
		}
		return p.state.idle() && !missed(p.state)
	})
}

// close handles all that is queued, then ends.
func (p *portal) close() {
	p.box.Close()
	for _, c := range p.couriers {
		c.box.Close()
	}
}

// courier carries deliveries out to one leg, in order, without holding up the
// portal or another leg. When it is full, what comes is given up and counted;
// once it has caught up, the leg is told how much, and shown the room anew.
type courier struct {
	portal *portal
	leg    *leg // of which only the room is the courier's to read
	side   Side
	box    *actor.Mailbox[Event]
	lost   atomic.Int64
}

func newCourier(p *portal, l *leg) *courier {
	c := &courier{portal: p, leg: l, side: p.hub.side(l.room.Network)}
	c.box = actor.New(courierBound, &events, c.carry)
	return c
}

func (c *courier) offer(e Event) bool {
	if c.box.Offer(e) {
		return true
	}
	c.lost.Add(1)
	return false
}

func (c *courier) carry(batch []Event) {
	for _, e := range batch {
		c.portal.hub.tracers.tell(true, e)
	}
	if side, ok := c.side.(Batcher); ok {
		side.DeliverAll(batch)
	} else {
		for _, e := range batch {
			c.side.Deliver(e)
		}
	}
	if c.box.Waiting() {
		return
	}
	if n := c.lost.Swap(0); n > 0 {
		c.portal.box.Post(change{do: func(p *portal) { p.state.resync(c.leg.room, int(n)) }})
	}
}
