package guest

import "time"

// door is who of ours waits to come in or to go. A room tells everybody in it of
// each who does, and each who comes of everybody: a thousand at once would have
// it send a million stanzas, and all that is said would wait behind them. So
// only some pass at a time, the next ones as the room lets those through.
type door struct {
	going, coming []*puppet
	passing       int // of ours who are on their way in or out
}

// How many of ours may be on their way into a room, or out of it: fewest in large
// rooms, where each costs the room two stanzas for everybody in it.
const (
	maxPassing = 8
	minPassing = 2
	maxNews    = 2000 // occupants times those on their way
)

func (r *Room) places() int {
	return max(minPassing, min(maxPassing, maxNews/max(len(r.people), 1)))
}

// approach has a puppet join when it is its turn. The bridge itself goes first.
func (r *Room) approach(p *puppet) {
	p.state, p.due = waiting, time.Time{}
	if p.keeps() {
		r.coming = append([]*puppet{p}, r.coming...)
	} else {
		r.coming = append(r.coming, p)
	}
}

// depart has a puppet leave when it is its turn, which comes before those of
// who would join.
func (r *Room) depart(p *puppet, reason string) {
	p.farewell, p.state, p.due = reason, leaving, time.Time{}
	r.going = append(r.going, p)
}

// openDoor lets pass whose turn it is.
func (r *Room) openDoor() {
	for r.passing < r.places() && len(r.going)+len(r.coming) > 0 {
		from, state := &r.coming, waiting
		if len(r.going) > 0 {
			from, state = &r.going, leaving
		}
		p := (*from)[0]
		(*from)[0] = nil
		if *from = (*from)[1:]; len(*from) == 0 {
			*from = nil
		}
		switch {
		case r.puppets[p.jid] != p || p.state != state || p.passing: // it was otherwise decided meanwhile
		case state == waiting:
			r.sendJoin(p)
		default:
			r.sendLeave(p, p.farewell)
			r.passes(p, true)
			p.due = time.Now().Add(leaveTime)
			r.plan(p.due)
		}
	}
}

// passes notes whether a puppet is on its way in or out.
func (r *Room) passes(p *puppet, is bool) {
	if p.passing == is {
		return
	}
	p.passing = is
	if is {
		r.passing++
	} else {
		r.passing--
	}
}
