package matrixside

import (
	"maps"
	"slices"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// crowd is who of other networks is in a portal's room, and who of them has
// a ghost standing in the Matrix room. Ghosts come and go one after the other,
// in the order in which it became due; only who speaks comes at once.
type crowd struct {
	ghosts map[id.UserID]*standIn
	queue  []id.UserID // for whom something may be due
	// count ghosts are in the Matrix room. Not more than most come unless they
	// speak, and not more than twice as many at all: homeservers suffer by the
	// size of a room (Dendrite by its square).
	count, most int
	beyond      int // ghosts that would come, had there been a place
	// stays is told whose ghost is in one Matrix room more (1) or less (-1).
	stays func(who bridge.Person, n int)
}

// standIn is one ghost.
type standIn struct {
	person bridge.Person
	name   string
	called string // what they are called in the Matrix room
	wanted bool   // their person is in the room
	in     bool   // they are in the Matrix room
	queued bool
	busy   bool // they are on their way in or out
	left   bool // beyond the places that there are
	talker bool
	reason string // for their leaving
}

func newCrowd(most int, stays func(bridge.Person, int)) crowd {
	return crowd{ghosts: map[id.UserID]*standIn{}, most: most, stays: stays}
}

// found notes a ghost that is in the Matrix room, as was found out there.
func (c *crowd) found(g id.UserID, p bridge.Person, name string) {
	i := c.ghosts[g]
	if i == nil {
		i = &standIn{person: p, name: name, called: name}
		c.ghosts[g] = i
	}
	if !i.in {
		i.in = true
		c.count++
		c.stays(p, 1)
	}
}

// come wants a ghost in the room, under that name.
func (c *crowd) come(g id.UserID, p bridge.Person, name string) {
	i := c.ghosts[g]
	if i == nil {
		i = &standIn{}
		c.ghosts[g] = i
	}
	i.person, i.name, i.wanted, i.reason = p, name, true, ""
	if !i.in || i.called != name {
		c.enqueue(g, i)
	}
}

// gone wants a ghost out of the room.
func (c *crowd) gone(g id.UserID, reason string) {
	i := c.ghosts[g]
	switch {
	case i == nil:
	case !i.in && !i.queued && !i.busy:
		c.forget(g, i)
	default:
		i.wanted, i.reason = false, reason
		c.enqueue(g, i)
	}
}

func (c *crowd) enqueue(g id.UserID, i *standIn) {
	if !i.queued {
		i.queued = true
		c.queue = append(c.queue, g)
	}
}

func (c *crowd) forget(g id.UserID, i *standIn) {
	if i.left {
		c.beyond--
	}
	delete(c.ghosts, g)
}

// next takes out the ghost for whom something is due next: to come, under
// their name, or to go. It is false where nothing is. Whoever does it calls
// over then, however it went.
func (c *crowd) next() (g id.UserID, due standIn, ok bool) {
	for len(c.queue) > 0 {
		g = c.queue[0]
		c.queue = c.queue[1:]
		i := c.ghosts[g]
		if i == nil {
			continue
		}
		i.queued = false
		switch {
		case !i.wanted && !i.in:
			c.forget(g, i)
		case i.wanted && i.in && i.called == i.name: // so it is already
		case i.wanted && !i.in && !c.hasPlace(i):
			if !i.left {
				i.left = true
				c.beyond++
			}
		default:
			i.busy = true
			return g, *i, true
		}
	}
	c.queue = nil
	return "", standIn{}, false
}

// over notes that what was due for a ghost was done, or failed.
func (c *crowd) over(g id.UserID) {
	if i := c.ghosts[g]; i != nil {
		if i.busy = false; !i.wanted && !i.in && !i.queued {
			c.forget(g, i)
		}
	}
}

// hasPlace reports whether there is a place for one more.
func (c *crowd) hasPlace(i *standIn) bool {
	return c.count < c.most || i.talker && c.count < 2*c.most
}

// named notes what a ghost is called in the Matrix room.
func (c *crowd) named(g id.UserID, name string) {
	if i := c.ghosts[g]; i != nil {
		i.called = name
	}
}

// did notes that a ghost is in the Matrix room, or out of it.
func (c *crowd) did(g id.UserID, in bool) {
	i := c.ghosts[g]
	if i == nil {
		return
	}
	if i.in != in {
		if i.in = in; in {
			c.count++
			c.stays(i.person, 1)
		} else {
			c.count--
			i.called = ""
			c.stays(i.person, -1)
			c.fill()
		}
	}
	switch {
	case in && i.left:
		i.left = false
		c.beyond--
	case in && !i.wanted:
		c.enqueue(g, i) // they went while they were coming
	case !in && !i.wanted && !i.queued && !i.busy:
		c.forget(g, i)
	}
}

// fill lets one come for whom there was no place.
func (c *crowd) fill() {
	if c.beyond == 0 || c.count >= c.most {
		return
	}
	for _, g := range c.all() {
		if i := c.ghosts[g]; i.left && i.wanted {
			i.left = false
			c.beyond--
			c.enqueue(g, i)
			return
		}
	}
}

// spoke notes that somebody speaks, and so has a better right to be seen.
func (c *crowd) spoke(g id.UserID) {
	if i := c.ghosts[g]; i != nil {
		i.talker = true
	}
}

// entry reports who must come before they can speak, and whether they may.
func (c *crowd) entry(g id.UserID) (who standIn, in, may bool) {
	i := c.ghosts[g]
	if i == nil {
		return standIn{}, false, false
	}
	return *i, i.in, i.in || c.count < 2*c.most
}

// here is g if they are in the Matrix room, else "".
func (c *crowd) here(g id.UserID) id.UserID {
	if i := c.ghosts[g]; i != nil && i.in {
		return g
	}
	return ""
}

// name is what a ghost's person is called in the room, "" for who isn't there.
func (c *crowd) name(g id.UserID) string {
	if i := c.ghosts[g]; i != nil && i.wanted {
		return i.name
	}
	return ""
}

// all are the ghosts, in order.
func (c *crowd) all() []id.UserID { return slices.Sorted(maps.Keys(c.ghosts)) }
