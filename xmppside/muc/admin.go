package muc

import (
	"cmp"
	"slices"
	"strings"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// maxItems bounds the changes that one muc#admin request may ask for.
const maxItems = 16

// handleAdmin takes moderators' requests (XEP-0045 §8, §9). Whether somebody
// may do what they ask is not for the room to say.
func (r *Room) handleAdmin(st *wire.Stanza, q wire.Element) {
	u, _ := r.sender(st)
	if u == nil {
		r.refuseWith(st.Header, wire.ConditionForbidden, "You are not in this room.")
		return
	}
	var items []wire.Element
	for c := range q.Children() {
		if c.Is(nsAdmin, "item") {
			items = append(items, c)
		}
	}
	switch {
	case len(items) == 0 || len(items) > maxItems:
		r.refuseWith(st.Header, wire.ConditionBadRequest, "One to sixteen items are needed.")
	case st.Type == "get":
		r.listPeople(st, u, items[0])
	default:
		r.changePeople(st, u, items)
	}
}

// listPeople answers who has a role or an affiliation, as far as is known:
// of those who are in the room (XEP-0045 §8.5, §9.5, §9.8); who is banned is for
// the owner to say.
func (r *Room) listPeople(st *wire.Stanza, by *user, item wire.Element) {
	role, hasRole := parseRole(item.Attr("role"))
	affiliation, hasAffiliation := parseAffiliation(item.Attr("affiliation"))
	if hasRole == hasAffiliation {
		r.refuseWith(st.Header, wire.ConditionBadRequest, "A role or an affiliation is needed.")
		return
	}
	if hasAffiliation && affiliation == AffiliationOutcast { // §9.2
		if by.affiliation < AffiliationAdmin {
			r.refuseWith(st.Header, wire.ConditionForbidden, "Only those who run the room may see who is banned.")
			return
		}
		r.ask(by, st.Header, Bans{})
		return
	}
	var found []*occupant
	for _, o := range r.people {
		if hasRole && o.role == role || hasAffiliation && o.affiliation == affiliation {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *occupant) int { return cmp.Compare(a.nick, b.nick) })
	b := []byte("<query xmlns='" + nsAdmin + "'>")
	for _, o := range found {
		if len(b) > maxList {
			r.opt.Log.Debug("list of people cut", "room", r.jid, "people", len(found))
			break
		}
		b = append(b, "<item affiliation='"...)
		b = append(b, o.affiliation.String()...)
		b = append(b, "' role='"...)
		b = append(b, o.role.String()...)
		b = r.appendJID(b, o, o.user == by)
		b = append(b, "' nick='"...)
		b = wire.AppendAttr(b, o.nick)
		b = append(b, "'/>"...)
	}
	r.result(st.Header, string(append(b, "</query>"...)))
}

// changePeople asks the owner for each change of a list; the first refusal
// is the answer, or the last grant.
func (r *Room) changePeople(st *wire.Stanza, u *user, items []wire.Element) {
	wishes := make([]Wish, len(items))
	for i, item := range items {
		w, condition, why := r.change(u, item)
		if w == nil {
			r.refuseWith(st.Header, condition, why)
			return
		}
		wishes[i] = w
	}
	c := &command{left: len(wishes)}
	for _, w := range wishes {
		a := r.ask(u, st.Header, w)
		if a == nil {
			c.answered = true
			return
		}
		a.command = c
	}
}

// change reads one item of by's request.
func (r *Room) change(by *user, item wire.Element) (w Wish, refused wire.Condition, why string) {
	nick := r.target(by, item)
	if nick == "" {
		if w = r.absent(by, item); w == nil {
			return nil, wire.ConditionItemNotFound, "There is nobody of that name in this room."
		}
		return w, "", ""
	}
	reason := strings.Clone(cut(item.ChildText(nsAdmin, "reason"), maxStatus))
	role, hasRole := parseRole(item.Attr("role"))
	affiliation, hasAffiliation := parseAffiliation(item.Attr("affiliation"))
	switch {
	case hasRole && !hasAffiliation && role == RoleNone:
		return Expel{Target: nick, Reason: reason}, "", "" // §8.2
	case hasRole && !hasAffiliation:
		w := GrantRole{Target: nick, Role: role} // §8.3, §8.4, §9.6, §9.7
		if o := r.people[nick]; o != nil {
			w.Has = o.role
		}
		return w, "", ""
	case hasAffiliation && !hasRole && affiliation == AffiliationOutcast:
		return Expel{Target: nick, Ban: true, Reason: reason}, "", "" // §9.1
	case hasAffiliation && !hasRole:
		return GrantAffiliation{nick, affiliation}, "", "" // §9.3, §10.3, §10.6
	}
	return nil, wire.ConditionBadRequest, "Either a role or an affiliation is needed."
}

// absent reads an item about somebody who is not in the room: who has an address
// of the gateway's can be banned (§9.1), and whoever is on the list let in again
// (§9.2). Otherwise it is nil: whether users are here is for nobody to find out.
func (r *Room) absent(by *user, item wire.Element) Wish {
	who, err := jid.Parse(item.Attr("jid"))
	affiliation, ok := parseAffiliation(item.Attr("affiliation"))
	switch {
	case err != nil || !ok || item.Attr("role") != "":
		return nil
	case affiliation < AffiliationAdmin && affiliation != AffiliationOutcast && by.affiliation >= AffiliationAdmin:
		return Pardon{Who: who.Bare()}
	case !r.opt.Invites(who.Bare()):
		return nil
	case affiliation == AffiliationOutcast:
		return Ban{Who: who.Bare(), Reason: strings.Clone(cut(item.ChildText(nsAdmin, "reason"), maxStatus))}
	case affiliation <= AffiliationMember:
		return Pardon{Who: who.Bare()}
	}
	return nil
}

// target returns the nickname that an item is about, or "" if nobody in the
// room is meant. Clients name people by nickname, by their address in or
// outside of the room or, where by may know it, by their own.
func (r *Room) target(by *user, item wire.Element) string {
	if nick := item.Attr("nick"); nick != "" {
		return strings.Clone(nick)
	}
	j, err := jid.Parse(item.Attr("jid"))
	if err != nil {
		return ""
	}
	if j.Bare() == r.jid {
		return strings.Clone(j.Resource())
	}
	if u := r.user(j.Bare()); u != nil && (u == by || r.opt.Nonanonymous) {
		return u.nick
	}
	return r.nickAt(j.Bare())
}

// handleOwner takes requests to configure the room: there is nothing to
// configure here. Whoever has created a room (201) is asked to do so
// by their client, and need not be an owner for that.
func (r *Room) handleOwner(st *wire.Stanza, q wire.Element) {
	form, hasForm := q.Child(nsData, "x")
	switch u, _ := r.sender(st); {
	case u == nil || u.affiliation < AffiliationAdmin:
		r.refuseWith(st.Header, wire.ConditionForbidden, "Only those who run the room may do that.")
	case st.Type == "get":
		// XEP-0045 §10.1.3: "If there are no configuration options
		// available, the service MUST return an empty query element".
		r.result(st.Header, "<query xmlns='"+nsOwner+"'/>")
	case hasForm && (form.Attr("type") == "submit" || form.Attr("type") == "cancel"):
		r.result(st.Header, "") // §10.1.2, an instant room
	default:
		r.refuseWith(st.Header, wire.ConditionNotAllowed, "This can't be done from here.")
	}
}
