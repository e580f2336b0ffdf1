package guest

import (
	"slices"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
)

// names are who is who in a room, under its lock.
type names struct{ *Room }

var _ format.Names = names{}

// Person implements format.Names.
func (n names) Person(at jid.JID) (bridge.Person, bool) {
	if at.Bare() != n.jid {
		return n.opt.Person(at)
	}
	if o := n.find(at.Resource()); o != nil {
		return n.personOf(o), true
	}
	return bridge.Person{}, false
}

// Call implements format.Names.
func (n names) Call(who bridge.Person) (name string, at jid.JID) {
	if p := n.byPerson[who]; p != nil && p.state == inside {
		name = p.nick
	} else if who.Network == bridge.NetworkXMPP {
		j, err := jid.Parse(who.ID)
		if err != nil {
			return "", jid.JID{}
		}
		if j.Bare() != n.jid { // not of this room: as they are called where it was said
			return "", j.Bare()
		}
		if n.find(j.Resource()) == nil {
			return "", jid.JID{}
		}
		name = j.Resource()
	} else {
		at, _ = n.opt.Address(who)
		return "", at
	}
	at, err := n.jid.WithResource(name)
	if err != nil {
		return "", jid.JID{}
	}
	return name, at
}

// longestGreeting is how far into a message somebody's nick is looked for, in bytes.
const longestGreeting = 128

// greet marks whom a message begins with, as "bob: hi" does: that is how
// clients of rooms mention people.
func (r *Room) greet(m bridge.Message) bridge.Message {
	if slices.ContainsFunc(m.Spans, func(s bridge.Span) bool { return s.Style == bridge.StyleMention }) {
		return m
	}
	start := 0
	if strings.HasPrefix(m.Text, "@") {
		start = 1
	}
	for i := start; i < min(len(m.Text), longestGreeting) && m.Text[i] != '\n'; i++ {
		ends := m.Text[i] == ':' || m.Text[i] == ','
		if !ends || i+1 < len(m.Text) && m.Text[i+1] != ' ' && m.Text[i+1] != '\n' {
			continue
		}
		if o := r.find(m.Text[start:i]); o != nil {
			m.Spans = bridge.Normalize(m.Text, append(m.Spans,
				bridge.Span{Start: start, End: i, Style: bridge.StyleMention, Person: r.personOf(o)}))
			return m
		}
	}
	return m
}
