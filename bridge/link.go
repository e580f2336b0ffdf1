package bridge

import (
	"fmt"
	"slices"
	"strings"
)

// Link is a rule that makes portals. Without variables it maps rooms onto
// each other; with {network} or {room} it is a gateway, which makes a portal
// for each room that somebody asks for:
//
//	Link{Name: "irc.example.org", Legs: []LegRule{
//		{Network: "xmpp", Room: "{room}%{network}@irc.example.org"},
//		{Network: "{network}", Room: "{room}", Authority: true},
//	}}
type Link struct {
	Name string // names it in logs; unique
	Legs []LegRule
}

// LegRule is one leg of a Link: where its rooms are.
type LegRule struct {
	Network, Room string // patterns of text, {network} and {room}
	// Authority marks the leg that decides what happened. Exactly one has it.
	Authority bool
}

// The variables of a pattern.
const (
	varNetwork = "{network}"
	varRoom    = "{room}"
)

// Check reports what makes the link unusable.
func (l Link) Check() error {
	authorities := 0
	for _, r := range l.Legs {
		if r.Authority {
			authorities++
		}
		for _, pattern := range []string{r.Network, r.Room} {
			if strings.Contains(pattern, "}{") {
				return fmt.Errorf("link %s: two variables without text between them in %q", l.Name, pattern)
			}
		}
	}
	switch {
	case len(l.Legs) < 2:
		return fmt.Errorf("link %s: needs two rooms or more", l.Name)
	case authorities != 1:
		return fmt.Errorf("link %s: needs exactly one room with authority", l.Name)
	}
	return nil
}

// serves reports whether a conversation that is private to owner, or with the
// zero Person a shared one, may be the link's: the owner's own end of it is on
// their network, and the other end decides.
func (l Link) serves(owner Person) bool {
	return owner == Person{} || slices.ContainsFunc(l.Legs, func(r LegRule) bool {
		return !r.Authority && r.Network == owner.Network
	})
}

// legs gives the rooms that the link joins to room, or nil if room is none of its.
func (l Link) legs(room Room) []leg {
	if !l.serves(room.Owner) {
		return nil
	}
	for _, rule := range l.Legs {
		vars := map[string]string{}
		if !match(rule.Network, room.Network, vars) || !match(rule.Room, room.ID, vars) {
			continue
		}
		legs := make([]leg, len(l.Legs))
		for i, r := range l.Legs {
			legs[i] = leg{
				room:      Room{Network: expand(r.Network, vars), ID: expand(r.Room, vars), Owner: room.Owner},
				authority: r.Authority,
			}
			// A remote party chooses the variables: "#go%xmpp@gw" must not
			// turn an IRC leg into an XMPP one.
			if r.Network == varNetwork && reserved(legs[i].room.Network) {
				return nil
			}
		}
		return legs
	}
	return nil
}

func reserved(network string) bool {
	switch network {
	case "", NetworkXMPP, NetworkMatrix, NetworkMapped, NetworkBridge:
		return true
	}
	return false
}

// match fits text to pattern and notes the variables. It goes from the right,
// each variable taking as little as it can, so that the part after the last
// "%" names the network whatever a room is called. A variable that is known
// already must have the same value.
func match(pattern, text string, vars map[string]string) bool {
	start := strings.LastIndexByte(pattern, '{')
	if start < 0 {
		return pattern == text
	}
	end := start + strings.IndexByte(pattern[start:], '}') + 1
	name, tail, rest := pattern[start:end], pattern[end:], pattern[:start]
	text, found := strings.CutSuffix(text, tail)
	if !found {
		return false
	}
	cut := 0
	if last := strings.LastIndexByte(rest, '}'); last < 0 { // the leftmost variable takes the rest
		if !strings.HasPrefix(text, rest) {
			return false
		}
		cut = len(rest)
	} else {
		before := rest[last+1:]
		if cut = strings.LastIndex(text, before); cut < 0 {
			return false
		}
		cut += len(before)
	}
	value := text[cut:]
	if known, ok := vars[name]; value == "" || ok && known != value {
		return false
	}
	vars[name] = value
	return match(rest, text[:cut], vars)
}

// expand puts the variables into pattern.
func expand(pattern string, vars map[string]string) string {
	var b strings.Builder
	for {
		start := strings.IndexByte(pattern, '{')
		if start < 0 {
			b.WriteString(pattern)
			return b.String()
		}
		end := start + strings.IndexByte(pattern[start:], '}') + 1
		b.WriteString(pattern[:start])
		b.WriteString(vars[pattern[start:end]])
		pattern = pattern[end:]
	}
}
