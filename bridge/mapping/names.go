package mapping

import (
	"strconv"
	"strings"

	"isthmus/bridge"
)

// nameFor is what somebody is to be called in a room: as the template says or,
// where somebody else has that name, with their network behind it.
func (s *state) nameFor(k *leg, p bridge.Person, g *guest, name string) string {
	plain := expand(k.set.Name, name, p.Network)
	if g.tries == 0 && !k.taken(plain, g) {
		return plain
	}
	for i := max(g.tries, 1); ; i++ {
		other := plain + "[" + p.Network + "]"
		if i > 1 {
			other = plain + "[" + p.Network + "]" + strconv.Itoa(i)
		}
		if !k.taken(other, g) {
			return other
		}
	}
}

// expand puts somebody's name and network into a template.
func expand(template, name, network string) string {
	if template == "" || template == "{name}" {
		return name
	}
	return strings.NewReplacer("{name}", name, "{network}", network).Replace(template)
}

// taken reports whether somebody else in the room, or the Keeper, has a name.
func (k *leg) taken(name string, g *guest) bool {
	if fold(name) == fold(k.keeper.name) {
		return true
	}
	n := k.names[fold(name)]
	if g.name != "" && fold(g.name) == fold(name) {
		n--
	}
	return n > 0
}

// call notes that a guest is called so in the room; "" that they are not there.
func (k *leg) call(g *guest, name string) {
	k.rename(g.name, name)
	g.name = name
}

// rename notes that somebody has another name; "" that they have none.
func (k *leg) rename(from, to string) {
	if k.names == nil {
		k.names = map[string]int{}
	}
	if from != "" {
		if from = fold(from); k.names[from] > 1 {
			k.names[from]--
		} else {
			delete(k.names, from)
		}
	}
	if to != "" {
		k.names[fold(to)]++
	}
}

// fold makes names the same that people take for the same.
func fold(name string) string { return strings.ToLower(name) }

// reclaim wants everybody in a room who would have the name that is free now.
func (s *state) reclaim(k *leg, name string) {
	for p, g := range k.guests {
		if _, n := s.origin(k, p); n != nil && g.name != "" && g.name != name && fold(expand(k.set.Name, n.name, p.Network)) == fold(name) {
			g.tries = 0
			s.want(k, p)
		}
	}
}

// tellName tells somebody what they are called in a room, if it is neither
// their name nor what the template makes of it, or is so again.
func (s *state) tellName(k *leg, p bridge.Person, g *guest) {
	o, n := s.origin(k, p)
	if n == nil || g.name == g.told {
		return
	}
	was := g.other
	g.told, g.other = g.name, g.name != expand(k.set.Name, n.name, p.Network)
	if was || g.other {
		s.tell(o, p, "", "You are called "+g.name+" in "+place(k)+".")
	}
}
