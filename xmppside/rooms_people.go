package xmppside

import (
	"errors"
	"fmt"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/muc"
)

// who is how the room calls somebody whom the core names. Where nobody said
// what they are called, a native's name is all there is to know of them.
func (h *hosted) who(p bridge.Person, name string) muc.Who {
	if p.Network == bridge.NetworkXMPP {
		at, err := jid.Parse(p.ID)
		switch {
		case err != nil:
			return muc.Who{Nick: resource(name)}
		case at.IsBare():
			return muc.Who{Nick: resource(name), User: at}
		case name == "": // an occupant of a room that this one's is mapped to
			name = at.Resource()
		}
	} else if name == "" {
		name = p.ID
	}
	return muc.Who{Nick: resource(name), Account: h.account(p)}
}

// account is what the room knows somebody by who is on Matrix, or on another
// network than the room's own, as people of mapped rooms are: a Matrix user's
// id, or the network and the id there. Of all others it is "".
func (h *hosted) account(p bridge.Person) string {
	switch {
	case p == bridge.Person{}:
		return ""
	case p.Network == bridge.NetworkMatrix:
		return p.ID
	case p.Network == h.address.Network:
		return ""
	}
	return p.Network + " " + p.ID
}

// accountPerson is the inverse of account. There are no spaces in a Matrix
// user's id.
func accountPerson(account string) bridge.Person {
	if network, id, other := strings.Cut(account, " "); other {
		return bridge.Person{Network: network, ID: id}
	}
	return bridge.Person{Network: bridge.NetworkMatrix, ID: account}
}

// people are the addresses of a room's occupants: those of its own network are
// known by what they are called in it, others by who they are.
type people struct {
	rooms   *rooms
	own     *address.People
	network string
}

var _ muc.Addresses = people{}

// Append implements muc.Addresses.
func (p people) Append(b []byte, nick, account string) []byte {
	if account == "" {
		return p.own.Append(b, nick, "")
	}
	who := accountPerson(account)
	switch who.Network {
	case p.network:
		return p.own.Append(b, nick, account)
	case bridge.NetworkXMPP: // what is shown there of them is for that room to say
		return b
	}
	if at, err := p.rooms.address(who); err == nil {
		b = append(b, at.String()...)
	}
	return b
}

// Find implements muc.Addresses.
func (p people) Find(j jid.JID) (nick, account string) {
	if nick, account = p.own.Find(j); nick != "" || account != "" {
		return nick, account
	}
	if who, ok := p.rooms.person(j); ok {
		other := hosted{address: address.Address{Network: p.network}}
		return "", other.account(who)
	}
	return "", ""
}

var errElsewhere = errors.New("they are in another room on XMPP, which this one is connected to: write to them there")

// elsewhere is where an occupant is who is in another room on XMPP, that this
// one is mapped to, and reports false for all others.
func (h *hosted) elsewhere(nick string) (at jid.JID, is bool) {
	who := accountPerson(h.room.Account(nick))
	if who.Network != bridge.NetworkXMPP {
		return jid.JID{}, false
	}
	at, err := jid.Parse(who.ID)
	return at, err == nil
}

// conversation is the private one of a user with an occupant, who is on a network.
func (h *hosted) conversation(user jid.JID, nick string) (room bridge.Room, network string, err error) {
	var at jid.JID
	account := h.room.Account(nick)
	switch who := accountPerson(account); {
	case account == "" || who.Network == h.address.Network:
		other := h.address
		other.Kind, other.Name = address.User, address.Name(nick)
		if other.Network == bridge.NetworkMatrix { // a name in a room is only that
			other.Name, _ = address.MatrixName(account)
		}
		network = other.Network
		at, err = h.rooms.domains().JID(other)
	case who.Network == bridge.NetworkXMPP:
		err = fmt.Errorf("%w, %s", errElsewhere, who.ID)
	default:
		network = who.Network
		at, err = h.rooms.address(who)
	}
	if err != nil {
		return bridge.Room{}, "", err
	}
	room, err = conversation(at, user)
	return room, network, err
}
