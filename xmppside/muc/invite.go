package muc

import (
	"strings"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// maxInvites bounds the people whom one message may invite.
const maxInvites = 8

// handleInvites passes on a user's invitations (XEP-0045 §7.8.2): "The room
// itself MUST then add a 'from' address to the <invite/> element whose value
// is the bare JID, full JID, or occupant JID of the inviter". It is the bare
// JID: whom they invite may know who does. People of other networks are
// invited by the owner.
func (r *Room) handleInvites(st *wire.Stanza, u *user, x wire.Element) {
	var invited []jid.JID
	var reasons []string
	for c := range x.Children() {
		if !c.Is(nsUser, "invite") {
			continue
		}
		to, err := jid.Parse(c.Attr("to"))
		if err != nil {
			r.refuseWith(st.Header, wire.ConditionJIDMalformed, "There is no such address to invite.")
			return
		}
		invited = append(invited, to)
		reasons = append(reasons, cut(c.ChildText(nsUser, "reason"), maxStatus))
	}
	if len(invited) == 0 || len(invited) > maxInvites {
		r.refuseWith(st.Header, wire.ConditionNotAcceptable, "One to eight people can be invited at once; nothing else is sent this way.")
		return
	}
	for i, to := range invited {
		if r.opt.Invites(to) {
			r.ask(u, st.Header, Invite{Who: to.Bare(), Reason: strings.Clone(reasons[i])})
			continue
		}
		r.send(func(b []byte) []byte { return r.appendInvitation(b, to, "invite", u.jid, reasons[i]) })
	}
}

// handleDecline tells a user that their invitation was declined. Others are
// not written to in the room's name. Whether it was told is not said: anybody
// could find out so whose addresses are behind the nicknames here.
func (r *Room) handleDecline(st *wire.Stanza, decline wire.Element) {
	to, err := jid.Parse(decline.Attr("to"))
	if err != nil {
		r.refuseWith(st.Header, wire.ConditionJIDMalformed, "There is no such address.")
		return
	}
	reason := cut(decline.ChildText(nsUser, "reason"), maxStatus)
	if r.opt.Invites(to) {
		r.tell(st.From, "", Decline{Inviter: to.Bare(), Reason: strings.Clone(reason)})
		return
	}
	u := r.user(to.Bare())
	if u == nil {
		r.opt.Log.Debug("invitation of somebody who is not here declined", "room", r.jid, "by", st.From)
		return
	}
	r.send(func(b []byte) []byte {
		for _, c := range u.resources {
			b = r.appendInvitation(b, c.jid, "decline", st.From.Bare(), reason)
		}
		return b
	})
}

// Invite passes on that somebody outside of the room invites a user into it,
// as one of the room does.
func (r *Room) Invite(to, from jid.JID, reason string) {
	r.locked(func() {
		r.send(func(b []byte) []byte { return r.appendInvitation(b, to, "invite", from, cut(reason, maxStatus)) })
	})
}

// appendInvitation appends an invitation or that one is declined. An invitation
// is a direct one, too (XEP-0249), for clients that know no other.
func (r *Room) appendInvitation(b []byte, to jid.JID, what string, from jid.JID, reason string) []byte {
	b = wire.AppendOpen(b, wire.Header{Kind: wire.Message, To: to, From: r.jid, ID: r.opt.NewID()})
	b = append(append(append(b, "<x xmlns='"+nsUser+"'><"...), what...), " from='"...)
	b = append(wire.AppendAttr(b, from.String()), "'>"...)
	if reason != "" {
		b = wire.AppendElement(b, "reason", reason)
	}
	b = append(append(append(b, "</"...), what...), "></x>"...)
	if what == "invite" {
		b = append(b, "<x xmlns='"+nsConference+"'"...)
		b = append(wire.AppendField(b, " jid='", r.jid.String()), "/>"...)
	}
	return wire.AppendClose(b, wire.Message)
}
