package muc

import (
	"strconv"
	"time"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Namespace is that of <x/> in the presence that asks to join (XEP-0045 §7.2.1).
const Namespace = "http://jabber.org/protocol/muc"

// The namespaces of what a room says and understands.
const (
	nsMUC        = Namespace
	nsUser       = nsMUC + "#user"
	nsAdmin      = nsMUC + "#admin"
	nsOwner      = nsMUC + "#owner"
	nsRequest    = nsMUC + "#request"
	nsOccupantID = "urn:xmpp:occupant-id:0"
	nsStanzaID   = "urn:xmpp:sid:0"
	nsDelay      = "urn:xmpp:delay"
	nsPing       = "urn:xmpp:ping"
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"
	nsDiscoItems = "http://jabber.org/protocol/disco#items"
	nsData       = "jabber:x:data"
	nsVCard      = "vcard-temp"
	nsUpdate     = "vcard-temp:x:update"
	nsConference = "jabber:x:conference"
	nsAddress    = "http://jabber.org/protocol/address"
	nsChatStates = "http://jabber.org/protocol/chatstates"
	nsMarkers    = "urn:xmpp:chat-markers:0"
	nsReceipts   = "urn:xmpp:receipts"
	nsSharing    = "urn:xmpp:sfs:0"
)

// The status codes (XEP-0045 §15.6).
const (
	codeNonanonymous = 100
	codeSelf         = 110
	codeLogged       = 170
	codeCreated      = 201
	codeNickAssigned = 210
	codeBanned       = 301
	codeRenamed      = 303
	codeKicked       = 307
	codeShutdown     = 332
	codeRemoved      = 333
)

// presence is what the room tells about one occupant.
type presence struct {
	of      *occupant
	gone    bool
	reason  string // why they have gone, or what was done to them
	actor   string // nickname of who did it
	newNick string // of a rename
	outcast bool   // they were banned
	self    bool   // it goes to their own client
	codes   [4]int // status codes besides 110
}

// escaped returns an address as it stands in an attribute.
func escaped(j jid.JID) []byte { return wire.AppendAttr(nil, j.String()) }

// appendPresence appends one presence, to an escaped address or, for a
// template, without one.
func (r *Room) appendPresence(b, to []byte, p presence) []byte {
	o := p.of
	b = append(b, "<presence"...)
	if len(to) > 0 {
		b = append(b, " to='"...)
		b = append(b, to...)
		b = append(b, '\'')
	}
	b = r.appendFrom(b, o.nick)
	if p.gone {
		b = append(b, " type='unavailable'>"...)
		// The reason of a kick or ban stands in the item.
		if p.reason != "" && !p.forced() {
			b = wire.AppendElement(b, "status", p.reason)
		}
	} else {
		b = append(b, '>')
		if o.show != ShowOnline {
			b = wire.AppendElement(b, "show", o.show.String())
		}
		more := o.more()
		if more.status != "" {
			b = wire.AppendElement(b, "status", more.status)
		}
		if o.user != nil {
			b = append(b, o.user.extra.Value()...)
		} else {
			b = appendAvatar(b, more.avatar)
		}
	}
	b = r.appendItem(b, p)
	b = appendOccupantID(b, o.id)
	return append(b, "</presence>"...)
}

// forced reports whether somebody was made to go.
func (p presence) forced() bool { return p.codes[0] == codeKicked || p.codes[0] == codeBanned }

func (r *Room) appendItem(b []byte, p presence) []byte {
	o := p.of
	affiliation, role := o.affiliation, o.role
	if p.gone && p.newNick == "" {
		role = RoleNone
	}
	if p.outcast {
		affiliation = AffiliationOutcast
	}
	b = append(b, "<x xmlns='"+nsUser+"'><item affiliation='"...)
	b = append(b, affiliation.String()...)
	b = append(b, "' role='"...)
	b = append(b, role.String()...)
	b = r.appendJID(b, o, p.self)
	if p.newNick != "" {
		b = append(b, "' nick='"...)
		b = wire.AppendAttr(b, p.newNick)
	}
	if p.actor == "" && (p.reason == "" || p.gone && !p.forced()) {
		b = append(b, "'/>"...)
	} else {
		b = append(b, "'>"...)
		if p.actor != "" {
			b = append(b, "<actor nick='"...)
			b = wire.AppendAttr(b, p.actor)
			b = append(b, "'/>"...)
		}
		if p.reason != "" {
			b = wire.AppendElement(b, "reason", p.reason)
		}
		b = append(b, "</item>"...)
	}
	if p.self {
		b = appendCode(b, codeSelf)
	}
	for _, c := range p.codes {
		if c != 0 {
			b = appendCode(b, c)
		}
	}
	return append(b, "</x>"...)
}

// appendAvatar appends which picture somebody has (XEP-0153 §4.1), if that is known.
func appendAvatar(b []byte, hash string) []byte {
	if hash == "" {
		return b
	}
	b = append(b, "<x xmlns='"+nsUpdate+"'>"...)
	if hash == removed {
		b = append(b, "<photo/>"...)
	} else {
		b = wire.AppendElement(b, "photo", hash)
	}
	return append(b, "</x>"...)
}

func appendCode(b []byte, code int) []byte {
	b = append(b, "<status code='"...)
	b = strconv.AppendInt(b, int64(code), 10)
	return append(b, "'/>"...)
}

func appendOccupantID(b []byte, id occupantID) []byte {
	b = append(b, "<occupant-id xmlns='"+nsOccupantID+"' id='"...)
	return append(id.append(b), "'/>"...)
}

// appendFrom appends the sender's attribute: an occupant, or the room itself for an empty nick.
func (r *Room) appendFrom(b []byte, nick string) []byte {
	b = append(b, " from='"...)
	b = append(b, r.from...)
	if nick != "" {
		b = append(b, '/')
		b = wire.AppendAttr(b, nick)
	}
	return append(b, '\'')
}

// message is what the room passes on to users.
type message struct {
	nick    string // who says it; empty for the room itself
	id      string
	typ     string
	lang    string
	content string // elements, already XML
	stamp   time.Time
	by      *occupantID // who says it, where they are known
	archive string      // the room's stanza id (XEP-0359); "" for none
}

// appendMessage appends a message without an address, for a template.
func (r *Room) appendMessage(b []byte, m message) []byte {
	b = append(b, "<message"...)
	b = r.appendFrom(b, m.nick)
	b = wire.AppendField(b, " id='", m.id)
	b = wire.AppendField(b, " type='", m.typ)
	b = wire.AppendField(b, " xml:lang='", m.lang)
	b = append(b, '>')
	b = append(b, m.content...)
	if !m.stamp.IsZero() {
		// XEP-0203 §4
		b = append(b, "<delay xmlns='"+nsDelay+"' from='"...)
		b = append(b, r.from...)
		b = append(b, "' stamp='"...)
		b = m.stamp.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
		b = append(b, "'/>"...)
	}
	if m.archive != "" {
		// XEP-0359 §2.1: the room vouches for this id.
		b = append(b, "<stanza-id xmlns='"+nsStanzaID+"' by='"...)
		b = append(b, r.from...)
		b = wire.AppendField(b, "' id='", m.archive)
		b = append(b, "/>"...)
	}
	if m.by != nil {
		b = appendOccupantID(b, *m.by)
	}
	return append(b, "</message>"...)
}

// text encodes plain text as the content of a message.
func text(body string) string { return string(wire.AppendElement(nil, "body", body)) }
