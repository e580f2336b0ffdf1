package xmppside

import (
	"cmp"
	"fmt"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
)

// domainOf returns the domain that leads to a network: one that is bound to it
// or else the first for all of them; "" if there is none.
func (s *settings) domainOf(network string) string {
	all := ""
	for _, d := range s.Domains {
		switch {
		case d.Network == network:
			return d.Name
		case d.Network == "" && all == "":
			all = d.Name
		}
	}
	return all
}

// keeperJID makes the bare JID of the bridge itself, isthmus%bridge at the first
// domain for all networks, or else at the first: by the grammar of package
// address that is the Keeper, and no other network's person can be called so.
//
// It is not the domain alone, though that is the gateway: an ejabberd takes
// what is granted to a domain as granted to everybody there, so that whoever
// made the bridge an administrator of a room made all its people that.
func (s *settings) keeperJID() (jid.JID, error) {
	domain := cmp.Or(s.domainOf(""), s.Domains[0].Name)
	return jid.New(bridge.Keeper.ID+"%"+bridge.Keeper.Network, domain, "")
}

// personJID returns the bare JID by which XMPP users reach somebody: their own,
// or that of the gateway which stands for them. Its error wraps
// errUnserved or one of package address.
func (s *settings) personJID(p bridge.Person) (jid.JID, error) {
	if p.Network == bridge.NetworkXMPP {
		j, err := jid.Parse(p.ID)
		return j.Bare(), err
	}
	if p == bridge.Keeper {
		return s.keeper, nil
	}
	name := p.ID
	if p.Network == bridge.NetworkMatrix {
		var ok bool
		if name, ok = address.MatrixName(p.ID); !ok {
			return jid.JID{}, fmt.Errorf("%w: %q", address.ErrUnspellable, p.ID)
		}
	}
	domain := s.domainOf(p.Network)
	if domain == "" || !s.serves(p.Network) {
		return jid.JID{}, fmt.Errorf("%s: %w", p.Network, errUnserved)
	}
	j, err := s.domains.JID(address.Address{Kind: address.User, Domain: domain, Network: p.Network, Name: name})
	if err == nil && j == s.keeper {
		err = fmt.Errorf("%w: %s is the bridge's own", address.ErrUnspellable, j)
	}
	return j, err
}

// personAt is the inverse of personJID for the gateway's addresses, on IRC up
// to the case of ASCII letters. It reports false for what is nobody's address.
func (s *settings) personAt(j jid.JID) (bridge.Person, bool) {
	a, err := s.find(j)
	if err != nil || a.Kind != address.User {
		return bridge.Person{}, false
	}
	if a.Network == bridge.NetworkMatrix {
		id, ok := address.MatrixID(a.Name)
		return bridge.Person{Network: a.Network, ID: id}, ok
	}
	return bridge.Person{Network: a.Network, ID: a.Name}, true
}
