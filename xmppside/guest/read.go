package guest

import (
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/wire"
)

// maxSpoken is how many of the last messages can be said to be read.
const maxSpoken = 64

// spoken are the last messages of the room, by what the core and the room call
// them, so that it can be told who has read how far (XEP-0333).
type spoken struct {
	ring [maxSpoken]spokenMessage
	last int // counts all
}

type spokenMessage struct {
	id, native string
	markable   bool // who said it wants to know
}

func (s *spoken) note(m spokenMessage) {
	if m.native == "" || len(m.native) > maxNick {
		return
	}
	s.last++
	s.ring[s.last%maxSpoken] = m
}

// find returns the message that fits, and its number; 0 for none.
func (s *spoken) find(fits func(m *spokenMessage) bool) (m *spokenMessage, number int) {
	for n := s.last; n > 0 && n > s.last-maxSpoken; n-- {
		if m := &s.ring[n%maxSpoken]; fits(m) {
			return m, n
		}
	}
	return nil, 0
}

// hasRead is a marker of an occupant (XEP-0333 §5).
func (r *Room) hasRead(o *occupant, marker wire.Element) {
	id := marker.Attr("id")
	m, _ := r.spoken.find(func(m *spokenMessage) bool { return m.native == id })
	if m != nil && r.synced {
		r.publish(bridge.Event{By: r.personOf(o), Name: o.nick, Body: bridge.Read{Message: m.id}})
	}
}

// showRead tells the room how far a puppet has read, if whoever said that wants
// to know, and the room was not told more already.
func (r *Room) showRead(p *puppet, e bridge.Event, b bridge.Read) {
	m, number := r.spoken.find(func(m *spokenMessage) bool { return m.id == b.Message })
	if m == nil || e.Room.Private() || number <= p.read {
		return
	}
	p.read = number
	if !m.markable {
		return
	}
	if !r.signals.Allow() {
		r.opt.Counters.Signals.Add(1)
		return
	}
	native := strings.Clone(m.native)
	r.send(p.jid, func(out []byte) []byte {
		out = wire.AppendOpen(out, wire.Header{Kind: wire.Message, To: r.jid, From: p.jid, Type: "groupchat"})
		out = append(out, "<displayed xmlns='"+nsMarkers+"' id='"...)
		out = append(wire.AppendAttr(out, native), "'/>"...)
		return wire.AppendClose(out, wire.Message)
	})
}
