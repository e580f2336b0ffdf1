package muc

import (
	"strconv"

	"isthmus/xmppside/wire"
)

// info is what service discovery tells about a room.
type info struct {
	typ, name    string
	avatar       string
	subject      string
	occupants    int
	unlisted     bool
	nonanonymous bool
}

// features are what every room understands.
var features = []string{
	nsMUC,
	nsDiscoInfo,
	nsDiscoItems,
	nsOccupantID,
	nsStanzaID,
	nsPing,
	nsVCard,
	"http://jabber.org/protocol/muc#self-ping-optimization", // XEP-0410 §3.3
	"http://jabber.org/protocol/muc#stable_id",              // XEP-0045 §7.4
	"muc_open",
	"muc_temporary",
	"muc_unsecured",
}

// appendInfo appends the <query/> that answers disco#info (XEP-0045 §6.4).
func appendInfo(b []byte, i info) []byte {
	b = append(b, "<query xmlns='"+nsDiscoInfo+"'><identity category='conference' type='"...)
	b = append(wire.AppendAttr(b, i.typ), "' name='"...)
	b = wire.AppendAttr(b, i.name)
	b = append(b, "'/>"...)
	for _, f := range features {
		b = appendFeature(b, f)
	}
	if i.unlisted {
		b = appendFeature(b, "muc_hidden")
	} else {
		b = appendFeature(b, "muc_public")
	}
	if i.nonanonymous {
		b = appendFeature(b, "muc_nonanonymous")
	} else {
		b = appendFeature(b, "muc_semianonymous")
	}
	b = append(b, "<x xmlns='"+nsData+"' type='result'><field var='FORM_TYPE' type='hidden'>"+
		"<value>http://jabber.org/protocol/muc#roominfo</value></field>"...)
	b = appendInfoField(b, "muc#roomconfig_roomname", i.name)
	b = appendInfoField(b, "muc#roominfo_description", i.name)
	b = appendInfoField(b, "muc#roominfo_subject", i.subject)
	b = appendInfoField(b, "muc#roominfo_occupants", strconv.Itoa(i.occupants))
	if i.avatar != "" { // XEP-0486
		b = append(b, "<field var='muc#roominfo_avatarhash' type='text-multi'>"...)
		b = append(wire.AppendElement(b, "value", i.avatar), "</field>"...)
	}
	return append(b, "</x></query>"...)
}

func appendFeature(b []byte, name string) []byte {
	b = append(b, "<feature var='"...)
	b = append(b, name...)
	return append(b, "'/>"...)
}

func appendInfoField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, "<field var='"...)
	b = append(b, name...)
	b = append(b, "' type='text-single'>"...)
	b = wire.AppendElement(b, "value", value)
	return append(b, "</field>"...)
}

func (r *Room) handleInfo(st *wire.Stanza, q wire.Element) {
	switch q.Attr("node") {
	case "":
	case "x-roomuser-item":
		// XEP-0045 §7.12: "If the user does not have a registered nickname,
		// the room MUST return a service discovery <query/> element that is empty".
		r.result(st.Header, "<query xmlns='"+nsDiscoInfo+"' node='x-roomuser-item'/>")
		return
	case nsMUC + "#traffic":
		// XEP-0045 §17.1.1: "If the room does not support the "#traffic" node,
		// it MUST return a <feature-not-implemented/> error".
		r.refuseWith(st.Header, wire.ConditionFeatureNotImplemented, "")
		return
	default:
		r.refuseWith(st.Header, wire.ConditionItemNotFound, "") // XEP-0030 §7
		return
	}
	i := info{typ: r.opt.Type, name: r.name(), avatar: r.info.Avatar, unlisted: r.unlisted, nonanonymous: r.opt.Nonanonymous}
	// A secret channel tells its people's number and subject only to them.
	if u, _ := r.sender(st); u != nil || !r.unlisted {
		i.subject, i.occupants = r.subject.Text, len(r.people)
	}
	r.result(st.Header, string(appendInfo(nil, i)))
}
