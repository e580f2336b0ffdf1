package xmppside

import (
	"strconv"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/wire"
)

// The nodes at which people's pictures are (XEP-0084).
const (
	nsPubSub         = "http://jabber.org/protocol/pubsub" // XEP-0060
	nodeAvatar       = "urn:xmpp:avatar:data"
	nodeAvatarAbout  = "urn:xmpp:avatar:metadata"
	maxItemRequested = 64 // bytes of an item's id: a hash is shorter
)

// answerAvatarNode answers what is at a node of somebody's: their picture
// (XEP-0084 §4.3), or what kind of picture it is (§4.2). It is the one that
// their vCard has. Nobody can subscribe to these nodes: presences tell of a new
// picture (XEP-0153).
func (s *Side) answerAvatarNode(r request) {
	items, _ := r.payload.Child(nsPubSub, "items")
	node := strings.Clone(items.Attr("node"))
	item, _ := items.Child(nsPubSub, "item")
	id := strings.Clone(item.Attr("id"))
	switch {
	case r.to.Kind != address.User:
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
		return
	case node != nodeAvatar && node != nodeAvatarAbout || len(id) > maxItemRequested:
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionItemNotFound})
		return
	}
	s.query(r, bridge.Query{What: bridge.QueryAvatar}, func(a bridge.Answer) {
		p, data, err := pictureIn(a)
		if err != nil || id != "" && id != hash(data) {
			s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionItemNotFound, Text: "There is no such picture."})
			return
		}
		s.result(r, func(b []byte) []byte {
			sum := hash(data)
			b = append(b, "<pubsub xmlns='"+nsPubSub+"'><items node='"+node+"'><item id='"+sum+"'>"...)
			if node == nodeAvatar {
				b = append(append(append(b, "<data xmlns='"+nodeAvatar+"'>"...), p.base64...), "</data>"...)
			} else {
				b = append(b, "<metadata xmlns='"+nodeAvatarAbout+"'><info id='"+sum+"' type='"+p.typ+"' bytes='"...)
				b = append(strconv.AppendInt(b, int64(len(data)), 10), "'/></metadata>"...)
			}
			return append(b, "</item></items></pubsub>"...)
		})
	})
}
