package guest

import (
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
