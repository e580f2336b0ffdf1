package xmppside

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
)

// Options is all that can be set. Reload changes it while the side runs,
// except for Key and Log.
type Options struct {
	Domains []Domain
	// Networks are the listed ones, for whom asks what there is.
	Networks []string
	// Matrix tells that there is Matrix, too. A domain that is bound to it says
	// so as well.
	Matrix bool
	// Unlisted lets people name other networks, as host or host:port.
	Unlisted bool
	// Allow and Deny hold bare JIDs and domains in canonical form. An empty
	// Allow lets everybody in; Deny wins.
	Allow, Deny []string
	// Messages of one user over all rooms: so many at once, then one per
	// interval; no interval means no limit.
	MessageBurst    int
	MessageInterval time.Duration
	// RoomsPerPerson is in how many rooms of other people's servers somebody of
	// another network may be; 0 for no limit.
	RoomsPerPerson int
	// RelayTemplate is what stands before the words of whom the Keeper speaks
	// for, with {name} for who that is; "" for guest.RelayTemplate.
	RelayTemplate string

	// Key makes the occupant ids (XEP-0421): 16 bytes or more, the same after a restart.
	Key []byte
	// Version is what we say we are.
	Version string
	// Logins keeps how people log in to networks.
	Logins store.Logins
	// LoginChanged is told when somebody has changed how they do. nil for nobody.
	LoginChanged func(who bridge.Person, network string)
	// Subscriptions keeps who has subscribed to whose presence.
	Subscriptions store.Subscriptions
	// Changed is told when a domain's link comes up (nil) and when it is lost
	// or could not be made (why). It must not block. nil for nobody.
	Changed func(domain string, err error)
	Log     *slog.Logger
}

// Domain is one component domain and the way to its server.
type Domain struct {
	Name    string // in canonical form
	Network string // the only one of this domain; empty: all of them
	Server  string // host:port
	TLS     bool
	Roots   *x509.CertPool // whom to trust for TLS; nil: the system's
	Secret  string
}

func (d Domain) equal(other Domain) bool {
	roots := d.Roots.Equal(other.Roots)
	d.Roots, other.Roots = nil, nil
	return roots && d == other
}

// settings are Options as they are looked up.
type settings struct {
	Options
	domains address.Domains
	access  access
	keeper  jid.JID // bare: by which the Keeper is in rooms
}

func newSettings(o Options) (*settings, error) {
	s := &settings{Options: o, domains: address.Domains{}, access: newAccess(o.Allow, o.Deny)}
	for _, d := range o.Domains {
		j, err := jid.New("", d.Name, "")
		if err != nil {
			return nil, fmt.Errorf("domain %q: %w", d.Name, err)
		}
		if _, twice := s.domains[j.Domain()]; twice || j.Domain() != d.Name {
			return nil, fmt.Errorf("domain %q: given twice or not in canonical form (%s)", d.Name, j)
		}
		s.domains[d.Name] = d.Network
	}
	if len(s.domains) == 0 {
		return nil, errors.New("no domains")
	}
	var err error
	if s.keeper, err = s.keeperJID(); err != nil {
		return nil, err
	}
	return s, nil
}

var errUnserved = errors.New("its network is not known")

// find tells what there is at an address.
func (s *settings) find(j jid.JID) (address.Address, error) {
	if j.Bare() == s.keeper {
		return address.Address{Kind: address.User, Domain: j.Domain(), Network: bridge.NetworkBridge, Name: bridge.Keeper.ID}, nil
	}
	a, err := s.domains.Parse(j)
	if err == nil && a.Kind != address.Gateway && !s.serves(a.Network) {
		err = errUnserved
	}
	return a, err
}

// serves reports whether there may be such a network.
func (s *settings) serves(network string) bool {
	switch network {
	case bridge.NetworkXMPP, bridge.NetworkMapped, bridge.NetworkBridge:
		return false
	case bridge.NetworkMatrix:
		return s.Matrix || s.bound(network)
	}
	return s.Unlisted || slices.Contains(s.Networks, network) || s.bound(network)
}

// listed are the networks that a domain of all networks leads to.
func (s *settings) listed() []string {
	if s.serves(bridge.NetworkMatrix) {
		return append(slices.Clone(s.Networks), bridge.NetworkMatrix)
	}
	return s.Networks
}

func (s *settings) bound(network string) bool {
	for _, b := range s.domains {
		if b == network {
			return true
		}
	}
	return false
}
