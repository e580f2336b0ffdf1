package matrixside

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"isthmus/bridge"
	"isthmus/matrixside/names"
)

// PortalOptions are what may be reached from Matrix, and how it looks there.
type PortalOptions struct {
	// Networks are the listed IRC networks; Unlisted lets people reach others,
	// as host or host:port.
	Networks []string
	Unlisted bool
	// XMPP lets people reach MUCs and people on XMPP, except under the
	// domains in OwnDomains, which are the bridge's.
	XMPP       bool
	OwnDomains []string
	// Published puts the rooms of channels and MUCs that aren't secret into
	// the homeserver's directory; Spaces gathers those of a network in a space.
	Published, Spaces bool
	// Ghosts is how many people of other networks stand in a room although
	// they don't speak; 0 means what the homeserver bears: 1000 on Synapse, 100
	// elsewhere.
	Ghosts int
	// RoomsPerUser and RoomsMost bound the rooms that one user is in, and that
	// there are; 0 means 100 and 10,000.
	RoomsPerUser, RoomsMost int
}

func (o *PortalOptions) setDefaults() {
	for _, f := range []struct {
		field *int
		value int
	}{{&o.RoomsPerUser, 100}, {&o.RoomsMost, 10000}} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
}

// refuse is why what the core calls portal can't be had, "" if it can: a
// channel or MUC if shared, else a nick, JID or console.
func (o *PortalOptions) refuse(portal string, shared bool) string {
	name, network, ok := names.SplitPortal(portal)
	switch {
	case !ok || name == "" && shared:
		return "That is no room."
	case network == bridge.NetworkXMPP && shared && o.XMPP && !strings.Contains(name, "@"):
		return "The address of a room on XMPP is like room@muc.example.org."
	case network == bridge.NetworkXMPP:
		return o.refuseXMPP(name)
	case slices.Contains(o.Networks, network):
		return ""
	case !o.Unlisted || !isHost(network):
		return "There is no network called " + network + " here."
	}
	return ""
}

func (o *PortalOptions) refuseXMPP(jid string) string {
	bare, _, _ := strings.Cut(jid, "/")
	domain := bare[strings.LastIndexByte(bare, '@')+1:]
	switch {
	case !o.XMPP:
		return "XMPP can't be reached from here."
	case domain == "":
		return "That is no address of XMPP."
	case slices.Contains(o.OwnDomains, strings.ToLower(domain)):
		return domain + " is the bridge itself. Use the room's own address on Matrix, or #irc_NETWORK_CHANNEL here."
	}
	return ""
}

// isHost reports whether a network that isn't listed can be one: host or
// host:port.
func isHost(network string) bool {
	host, port, err := net.SplitHostPort(network)
	if err != nil {
		host, port = network, "6697"
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil && strings.Contains(host, ".") && !strings.ContainsAny(host, "/ _%@")
}
