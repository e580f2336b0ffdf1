package guest

import (
	"strconv"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// The namespaces of what a room and its guests say to each other.
const (
	nsMUC       = "http://jabber.org/protocol/muc"
	nsUser      = nsMUC + "#user"
	nsAdmin     = nsMUC + "#admin"
	nsRequest   = nsMUC + "#request"
	nsRoomInfo  = nsMUC + "#roominfo"
	nsStanzaID  = "urn:xmpp:sid:0"                        // XEP-0359
	nsDelay     = "urn:xmpp:delay"                        // XEP-0203
	nsPing      = "urn:xmpp:ping"                         // XEP-0199
	nsChat      = "http://jabber.org/protocol/chatstates" // XEP-0085
	nsDiscoInfo = "http://jabber.org/protocol/disco#info" // XEP-0030
	nsData      = "jabber:x:data"                         // XEP-0004
	nsRegister  = "jabber:iq:register"                    // XEP-0077
	nsOOB       = "jabber:x:oob"                          // XEP-0066
	nsCaptcha   = "urn:xmpp:captcha"                      // XEP-0158
	nsSharing   = "urn:xmpp:sfs:0"                        // XEP-0447
	nsMarkers   = "urn:xmpp:chat-markers:0"               // XEP-0333
	nsPhoto     = "vcard-temp:x:update"                   // XEP-0153
	nsCaps      = "http://jabber.org/protocol/caps"       // XEP-0115
)

// Node is by what people of this software are known (XEP-0115 §4), and so another
// bridge of its kind that is in the same room.
const Node = "urn:isthmus"

// The status codes (XEP-0045 §15.6).
const (
	codeConfigured = 104
	codeSelf       = 110
	codeCreated    = 201
	codeBanned     = 301
	codeRenamed    = 303
	codeKicked     = 307
	codeLostRights = 321
	codeMembers    = 322
	codeShutdown   = 332
	codeRemoved    = 333
)

// codes are the status codes of one stanza, those above as bits.
type codes uint16

var codeBits = map[string]codes{
	"104": 1 << 0, "110": 1 << 1, "201": 1 << 2, "301": 1 << 3, "303": 1 << 4,
	"307": 1 << 5, "321": 1 << 6, "322": 1 << 7, "332": 1 << 8, "333": 1 << 9,
}

func codesOf(x wire.Element) (c codes) {
	for child := range x.Children() {
		if child.Is(nsUser, "status") {
			c |= codeBits[child.Attr("code")]
		}
	}
	return c
}

func (c codes) has(code int) bool { return c&codeBits[strconv.Itoa(code)] != 0 }

// affiliation and role are what the room lets somebody do (XEP-0045 §5).
type (
	affiliation uint8
	role        uint8
)

const (
	affiliationNone affiliation = iota
	affiliationOutcast
	affiliationMember
	affiliationAdmin
	affiliationOwner
)

const (
	roleNone role = iota
	roleVisitor
	roleParticipant
	roleModerator
)

var (
	affiliations = map[string]affiliation{"outcast": affiliationOutcast, "member": affiliationMember, "admin": affiliationAdmin, "owner": affiliationOwner}
	roles        = map[string]role{"visitor": roleVisitor, "participant": roleParticipant, "moderator": roleModerator}
)

// power is what the core calls an occupant's role. Moderators may remove
// people, administrators may do so for good; members are RoleVoiced, for they
// may speak whether or not the room is moderated.
func (o *occupant) power() bridge.Role {
	switch {
	case o.role == roleModerator && o.affiliation == affiliationOwner:
		return bridge.RoleOwner
	case o.role == roleModerator && o.affiliation == affiliationAdmin:
		return bridge.RoleAdmin
	case o.role == roleModerator:
		return bridge.RoleModerator
	case o.role == roleParticipant && o.affiliation == affiliationMember:
		return bridge.RoleVoiced
	case o.role == roleParticipant:
		return bridge.RoleParticipant
	}
	return bridge.RoleVisitor
}

// grant is what is asked of the room so that o gets a role: an attribute of
// the item of a muc#admin query and its value (XEP-0045 §8.3 to §10.6).
func (o *occupant) grant(wished bridge.Role) (attr, value string) {
	high := o.affiliation == affiliationAdmin || o.affiliation == affiliationOwner
	switch wished {
	case bridge.RoleOwner:
		return "affiliation", "owner"
	case bridge.RoleAdmin:
		return "affiliation", "admin"
	case bridge.RoleModerator, bridge.RoleHalfOp:
		if high { // what is more than that is taken away
			return "affiliation", "member"
		}
		return "role", "moderator"
	case bridge.RoleVoiced:
		if o.role == roleVisitor {
			return "role", "participant"
		}
		return "affiliation", "member"
	case bridge.RoleVisitor:
		return "role", "visitor"
	}
	if high || o.role == roleParticipant && o.affiliation == affiliationMember {
		return "affiliation", "none"
	}
	return "role", "participant"
}

// shows are the values of <show/> (RFC 6121 §4.7.2.1).
var shows = map[string]bridge.Show{"chat": bridge.ShowChat, "away": bridge.ShowAway, "xa": bridge.ShowXA, "dnd": bridge.ShowDND}

var showNames = map[bridge.Show]string{
	bridge.ShowChat: "chat", bridge.ShowAway: "away", bridge.ShowXA: "xa", bridge.ShowDND: "dnd", bridge.ShowOffline: "xa",
}

// read takes what a presence says of an occupant.
func (o *occupant) read(st *wire.Stanza, item wire.Element) {
	o.affiliation, o.role = affiliations[item.Attr("affiliation")], roles[item.Attr("role")]
	if real := jidOf(item); !real.IsZero() {
		o.jid = real
	}
	o.show = shows[st.ChildText(wire.NSComponent, "show")]
	o.status = plain(st.ChildText(wire.NSComponent, "status"), maxText)
	o.avatar = photoOf(st)
}

// photoOf is the hash of the picture that a presence announces (XEP-0153), "" for none.
func photoOf(st *wire.Stanza) string {
	x, _ := st.Child(nsPhoto, "x")
	return strings.Clone(hashOf(x.ChildText(nsPhoto, "photo")))
}

func jidOf(item wire.Element) jid.JID {
	s := item.Attr("jid")
	if s == "" {
		return jid.JID{}
	}
	j, err := jid.Parse(strings.Clone(s))
	if err != nil {
		return jid.JID{}
	}
	return j.Bare()
}

func actorOf(item wire.Element) string {
	actor, _ := item.Child(nsUser, "actor")
	return plain(actor.Attr("nick"), maxNick)
}

// departure tells how somebody went.
func (r *Room) departure(nick string, st *wire.Stanza, x wire.Element, c codes) bridge.Leave {
	item, _ := x.Child(nsUser, "item")
	l := bridge.Leave{Reason: plain(item.ChildText(nsUser, "reason"), maxReason), Actor: actorOf(item)}
	if l.Reason == "" {
		l.Reason = plain(st.ChildText(wire.NSComponent, "status"), maxReason)
	}
	switch {
	case c.has(codeBanned):
		l.Cause = bridge.CauseBan
	case c.has(codeRemoved), c.has(codeShutdown):
		l.Cause = bridge.CauseQuit
	case c.has(codeKicked):
		l.Cause = bridge.CauseKick
	case c.has(codeLostRights), c.has(codeMembers):
		// It is this room that wants members, and nothing that they have done.
		l.Cause = bridge.CausePart
		if l.Reason == "" {
			l.Reason = "Only members may be in this room now."
		}
	}
	if l.Cause == bridge.CauseKick || l.Cause == bridge.CauseBan {
		l.Actor = r.actor(l.Actor, nick, "")
	}
	return l
}

// appendAvailability appends what a puppet's presence says in every room.
func (r *Room) appendAvailability(b []byte, from jid.JID, p bridge.Presence, avatar string) []byte {
	if s := showNames[p.Show]; s != "" {
		b = wire.AppendElement(b, "show", s)
	}
	if p.Status != "" {
		b = wire.AppendElement(b, "status", cut(p.Status, maxReason))
	}
	if r.opt.Caps != nil {
		b = r.opt.Caps(b, from)
	}
	b = append(b, "<x xmlns='"+nsPhoto+"'>"...)
	b = wire.AppendElement(b, "photo", avatar)
	return append(b, "</x>"...)
}

// stampOf is when a message was sent that was kept somewhere (XEP-0203); zero
// for one that comes at once.
func stampOf(st *wire.Stanza) time.Time {
	delay, ok := st.Child(nsDelay, "delay")
	if !ok {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, delay.Attr("stamp"))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// nativeOf is the id that the room gave a message (XEP-0359 §3), "" for none.
func (r *Room) nativeOf(st *wire.Stanza) string {
	for c := range st.Children() {
		if c.Is(nsStanzaID, "stanza-id") && c.Attr("by") == r.jid.String() {
			if id := c.Attr("id"); len(id) <= maxNick {
				return strings.Clone(id)
			}
		}
	}
	return ""
}
