package xmppside

import (
	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/wire"
)

// identity is who something is (XEP-0030 §3.1).
type identity struct{ category, typ string }

// info is what service discovery tells about a kind of address.
type info struct {
	identities []identity
	features   []string
}

var common = []string{nsDiscoInfo, nsDiscoItems, nsPing, nsTime, nsVCard, nsCaps}

// The identities of the services, which are sorted, as their hash wants it
// (XEP-0115 §5.1).
var (
	ofIRC    = []identity{{"conference", "irc"}, {"gateway", "irc"}}
	ofMatrix = []identity{{"conference", "text"}, {"gateway", "matrix"}}
	ofBoth   = []identity{{"conference", "text"}, {"gateway", "irc"}, {"gateway", "matrix"}}
)

// The features of each kind of address, sorted for the same reason.
var (
	ofGateway = sorted(common, nsMUC, nsStableID, nsOccupantID, nsVersion, nsLast)
	ofNetwork = sorted(common, nsMUC, nsStableID, nsOccupantID, nsVersion, nsCommands, nsRSM, nsChannels, nsSearch)
	// Matrix has nothing to log in to.
	ofMatrixNetwork = sorted(common, nsMUC, nsStableID, nsOccupantID, nsVersion, nsRSM, nsChannels, nsSearch)
	ofKeeper        = sorted(common, nsVersion)
	ofPerson        = sorted(common, nsChatStates, nsMarkers, nsReceipts, nsXHTMLIM, nsStyling, nsSharing)
)

// infoOf returns what there is at an address that is no channel's.
func (s *settings) infoOf(a address.Address) info {
	matrix := a.Network == bridge.NetworkMatrix
	switch {
	case a.Network == bridge.NetworkBridge:
		return info{[]identity{{"client", "bot"}}, ofKeeper}
	case a.Kind == address.User:
		return info{[]identity{{"client", "pc"}}, ofPerson}
	case a.Kind == address.Network && matrix:
		return info{ofMatrix, ofMatrixNetwork}
	case a.Kind == address.Network:
		return info{ofIRC, ofNetwork}
	case s.serves(bridge.NetworkMatrix):
		return info{ofBoth, ofGateway}
	}
	return info{ofIRC, ofGateway}
}

// hasLogin reports whether people log in to what is at an address.
func hasLogin(a address.Address) bool {
	return a.Kind == address.Network && a.Network != bridge.NetworkMatrix
}

// title is what the identity of an address is called. People have none: what
// they can do, and so its hash, is the same for all of them.
func title(a address.Address) string {
	switch {
	case a.Kind == address.Gateway, a.Network == bridge.NetworkBridge:
		return "Isthmus"
	case a.Kind == address.Network:
		return a.Network
	}
	return ""
}

// answerInfo answers disco#info (XEP-0030 §3).
func (s *Side) answerInfo(r request) {
	node := r.payload.Attr("node")
	i := s.set.Load().infoOf(r.to)
	name := title(r.to)
	switch {
	case node == "" || node == capsNode+"#"+i.hash(name): // XEP-0115 §6.2
	case node == nsCommands && hasLogin(r.to):
		i = info{[]identity{{"automation", "command-list"}}, []string{nsCommands}}
		name = "Commands"
	case node == loginNode && hasLogin(r.to): // XEP-0050 §2.3
		i = info{[]identity{{"automation", "command-node"}}, []string{nsCommands, nsData}}
		name = loginTitle(r.to)
	default:
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionItemNotFound})
		return
	}
	s.result(r, func(b []byte) []byte {
		b = appendQuery(b, nsDiscoInfo, node)
		for _, id := range i.identities {
			b = append(b, "<identity category='"+id.category+"' type='"+id.typ...)
			if name != "" {
				b = append(b, "' name='"...)
				b = wire.AppendAttr(b, name)
			}
			b = append(b, "'/>"...)
		}
		for _, f := range i.features {
			b = append(b, "<feature var='"+f+"'/>"...)
		}
		return append(b, "</query>"...)
	})
}

func appendQuery(b []byte, space, node string) []byte {
	b = append(b, "<query xmlns='"+space+"'"...)
	if node != "" {
		b = append(b, " node='"...)
		b = wire.AppendAttr(b, node)
		b = append(b, '\'')
	}
	return append(b, '>')
}

// answerItems answers disco#items (XEP-0030 §4): of the gateway, its networks;
// of a network, its channels.
func (s *Side) answerItems(r request) {
	node := r.payload.Attr("node")
	switch {
	case node == nsCommands && hasLogin(r.to):
		s.result(r, func(b []byte) []byte {
			b = appendQuery(b, nsDiscoItems, node)
			b = appendItem(b, r.To.Bare().String(), loginNode, loginTitle(r.to))
			return append(b, "</query>"...)
		})
	case node != "" && node != nsCommands && node != loginNode:
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionItemNotFound})
	case node == "" && r.to.Kind == address.Gateway:
		s.result(r, func(b []byte) []byte { return s.appendNetworks(b, r.to.Domain) })
	case node == "" && r.to.Kind == address.Network:
		p := readPaging(r.payload)
		s.listRooms(r, anything, p, func(b []byte, found page) []byte {
			b = appendQuery(b, nsDiscoItems, "")
			for _, row := range found.rows {
				b = appendItem(b, row.at.String(), "", row.title())
			}
			return append(found.appendSet(b, p.asked), "</query>"...)
		})
	default:
		s.result(r, func(b []byte) []byte { return append(appendQuery(b, nsDiscoItems, node), "</query>"...) })
	}
}

func appendItem(b []byte, jid, node, name string) []byte {
	b = append(b, "<item jid='"...)
	b = wire.AppendAttr(b, jid)
	if node != "" {
		b = append(b, "' node='"...)
		b = wire.AppendAttr(b, node)
	}
	b = append(b, "' name='"...)
	b = wire.AppendAttr(b, name)
	return append(b, "'/>"...)
}

func (s *Side) appendNetworks(b []byte, domain string) []byte {
	b = appendQuery(b, nsDiscoItems, "")
	set := s.set.Load()
	for _, network := range set.listed() {
		a := address.Address{Kind: address.Network, Domain: domain, Network: network}
		if j, err := set.domains.JID(a); err == nil {
			b = appendItem(b, j.String(), "", title(a))
		}
	}
	return append(b, "</query>"...)
}
