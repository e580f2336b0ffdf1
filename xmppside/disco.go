package xmppside

import (
	"strings"

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

// infos are sorted, as their hash wants it (XEP-0115 §5.1).
var infos = map[address.Kind]info{
	address.Gateway: {
		[]identity{{"conference", "irc"}, {"gateway", "irc"}},
		sorted(common, nsMUC, nsStableID, nsOccupantID, nsVersion, nsLast),
	},
	address.Network: {
		[]identity{{"conference", "irc"}, {"gateway", "irc"}},
		sorted(common, nsMUC, nsStableID, nsOccupantID, nsVersion, nsCommands),
	},
	address.User: {
		[]identity{{"client", "pc"}},
		sorted(common),
	},
}

// title is what the identity of an address is called. People have none: what
// they can do, and so its hash, is the same for all of them.
func title(a address.Address) string {
	switch a.Kind {
	case address.Gateway:
		return "Isthmus"
	case address.Network:
		return a.Network
	}
	return ""
}

// answerInfo answers disco#info (XEP-0030 §3).
func (s *Side) answerInfo(r request) {
	node := r.payload.Attr("node")
	i := infos[r.to.Kind]
	name := title(r.to)
	switch {
	case node == "" || node == capsNode+"#"+i.hash(name): // XEP-0115 §6.2
	case node == nsCommands && r.to.Kind == address.Network:
		i = info{[]identity{{"automation", "command-list"}}, []string{nsCommands}}
		name = "Commands"
	case node == loginNode && r.to.Kind == address.Network: // XEP-0050 §2.3
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
	case node == nsCommands && r.to.Kind == address.Network:
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
		s.query(r, bridge.QueryRooms, func(b []byte, a bridge.Answer) []byte { return s.appendRooms(b, r.to, a) })
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

// maxItems bounds the size of a list in bytes: servers end the stream of a
// component whose stanzas are larger than 512 KiB.
const maxItems = 256 << 10

// appendRooms lists channels: rows of name, topic and number of members.
func (s *Side) appendRooms(b []byte, network address.Address, a bridge.Answer) []byte {
	b = appendQuery(b, nsDiscoItems, "")
	domains := s.set.Load().domains
	before := len(b)
	for _, row := range a.Rows {
		if len(b)-before > maxItems {
			s.log.Debug("list of channels cut", "network", network.Network, "channels", len(a.Rows))
			break
		}
		if len(row) == 0 {
			continue
		}
		j, err := domains.JID(address.Address{Kind: address.Channel, Domain: network.Domain, Network: network.Network, Name: row[0]})
		if err != nil {
			continue // no channel that anybody could name
		}
		b = appendItem(b, j.String(), "", roomTitle(row))
	}
	return append(b, "</query>"...)
}

// roomTitle is a channel's line in a list: "#go (42): The Go language".
func roomTitle(row []string) string {
	title := row[0]
	if len(row) > 2 && row[2] != "" {
		title += " (" + row[2] + ")"
	}
	if len(row) > 1 && row[1] != "" {
		title += ": " + strings.TrimSpace(row[1])
	}
	return title
}
