package xmppside

import (
	"fmt"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/muc"
	"isthmus/xmppside/wire"
)

// The namespaces of what the services answer.
const (
	nsPing       = "urn:xmpp:ping"     // XEP-0199
	nsTime       = "urn:xmpp:time"     // XEP-0202
	nsVersion    = "jabber:iq:version" // XEP-0092
	nsLast       = "jabber:iq:last"    // XEP-0012
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"
	nsDiscoItems = "http://jabber.org/protocol/disco#items"
	nsCommands   = "http://jabber.org/protocol/commands" // XEP-0050
	nsData       = "jabber:x:data"                       // XEP-0004
	nsCaps       = "http://jabber.org/protocol/caps"     // XEP-0115
	nsMUC        = muc.Namespace
	nsMUCUser    = nsMUC + "#user"
	nsStableID   = nsMUC + "#stable_id"     // XEP-0045 §7.4
	nsOccupantID = "urn:xmpp:occupant-id:0" // XEP-0421 §4: of a service, if of all its rooms
)

// question is what tells one kind of request from another.
type question struct{ typ, space, local string }

// request is an IQ get or set to the gateway, a network or a person.
type request struct {
	wire.Header
	to      address.Address
	payload wire.Element
}

// services answers each kind of request. Whatever isn't here gets
// <service-unavailable/> (RFC 6120 §8.4).
var services = map[question]func(*Side, request){
	{"get", nsPing, "ping"}:        (*Side).answerPing,
	{"get", nsTime, "time"}:        (*Side).answerTime,
	{"get", nsVersion, "query"}:    (*Side).answerVersion,
	{"get", nsLast, "query"}:       (*Side).answerLast,
	{"get", nsVCard, "vCard"}:      (*Side).answerVCard,
	{"get", nsDiscoInfo, "query"}:  (*Side).answerInfo,
	{"get", nsDiscoItems, "query"}: (*Side).answerItems,
	{"set", nsCommands, "command"}: (*Side).answerCommand,
	{"get", nsPubSub, "pubsub"}:    (*Side).answerAvatarNode,
	{"get", nsSearch, "query"}:     (*Side).answerSearchForm,
	{"set", nsSearch, "query"}:     (*Side).answerSearch,
	{"get", nsChannels, "search"}:  (*Side).answerChannelSearch,
}

// handleIQ takes a request that is not for a channel.
func (s *Side) handleIQ(st *wire.Stanza, to address.Address) {
	r := request{Header: st.Header, to: to}
	// The answer may be given later, and ids may be as long as a stanza.
	r.ID = strings.Clone(r.ID)
	for child := range st.Children() {
		r.payload = child
		break
	}
	answer := services[question{st.Type, r.payload.Space, r.payload.Local}]
	if answer == nil {
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
		return
	}
	answer(s, r)
}

// result answers a request; payload appends what is in the answer, and may be nil.
func (s *Side) result(r request, payload func(b []byte) []byte) {
	s.send(r.To.Domain(), func(b []byte) []byte {
		b = wire.AppendOpen(b, r.Reply("result"))
		if payload != nil {
			b = payload(b)
		}
		return wire.AppendClose(b, wire.IQ)
	})
}

func (s *Side) answerPing(r request) { s.result(r, nil) }

func (s *Side) answerTime(r request) {
	s.result(r, func(b []byte) []byte {
		b = append(b, "<time xmlns='"+nsTime+"'><tzo>+00:00</tzo><utc>"...)
		b = time.Now().UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
		return append(b, "</utc></time>"...)
	})
}

func (s *Side) answerVersion(r request) {
	if r.to.Kind == address.User && r.to.Network != bridge.NetworkBridge {
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
		return
	}
	s.result(r, func(b []byte) []byte {
		b = append(b, "<query xmlns='"+nsVersion+"'><name>Isthmus</name>"...)
		b = wire.AppendElement(b, "version", s.set.Load().Version)
		return append(b, "</query>"...)
	})
}

// answerLast tells how long the gateway has been up (XEP-0012 §4).
func (s *Side) answerLast(r request) {
	if r.to.Kind != address.Gateway {
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
		return
	}
	s.result(r, func(b []byte) []byte {
		return fmt.Appendf(b, "<query xmlns='"+nsLast+"' seconds='%d'/>", int(time.Since(s.started).Seconds()))
	})
}

// query asks the core on behalf of whoever sent r, and answers r if nothing
// comes of that.
func (s *Side) query(r request, q bridge.Query, found func(bridge.Answer)) {
	room, err := conversation(r.To, r.From)
	if err != nil {
		s.refuse(r.Header, addressError(err))
		return
	}
	s.ask(bridge.Event{Room: room, By: room.Owner, Body: q}, func(answer bridge.Body) {
		switch a := answer.(type) {
		case bridge.Answer:
			found(a)
		case bridge.Failure:
			s.refuse(r.Header, stanzaError(a))
		default: // a bare Confirm has nothing to show
			s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
		}
	})
}
