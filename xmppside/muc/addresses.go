package muc

import (
	"strings"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Addresses are those by which occupants can be reached from outside of the
// room. Everybody is shown them for who has no client here, whatever else is
// hidden: they are only another spelling of the nickname, and the one by which
// most clients ban people and write to them.
type Addresses interface {
	// Append appends the bare JID of the occupant so called, whose account may
	// be "", or nothing; there is nothing in a bare JID that an attribute can't
	// hold. It is called for every presence.
	Append(b []byte, nick, account string) []byte
	// Find returns who has that address: a nickname, but for the case of
	// letters, or an account; both are "" if nobody can have it.
	Find(j jid.JID) (nick, account string)
}

type noAddresses struct{}

func (noAddresses) Append(b []byte, _, _ string) []byte { return b }
func (noAddresses) Find(jid.JID) (nick, account string) { return "", "" }

// appendJID appends, within an item, the address of an occupant, if it may be
// told to those who get it; self says that these are the occupant's own clients.
func (r *Room) appendJID(b []byte, o *occupant, self bool) []byte {
	const attribute = "' jid='"
	switch {
	case o.user == nil && !self:
		end := len(b)
		b = r.opt.Addresses.Append(append(b, attribute...), o.nick, o.more().account)
		if len(b) == end+len(attribute) {
			return b[:end]
		}
	case o.user != nil && (self || r.opt.Nonanonymous):
		b = append(b, attribute...)
		b = wire.AppendAttr(b, o.user.best().jid.String())
	}
	return b
}

// nickAt returns the nickname of the occupant whose address j is, or "". There
// is no list of them, since only who kicks or bans asks for one.
func (r *Room) nickAt(j jid.JID) string {
	wanted, account := r.opt.Addresses.Find(j)
	if wanted == "" && account == "" || wanted != "" && r.people[wanted] != nil {
		return wanted
	}
	for nick, o := range r.people {
		switch {
		case account != "" && o.more().account == account:
			return nick
		case wanted != "" && strings.EqualFold(nick, wanted) && string(r.opt.Addresses.Append(nil, nick, "")) == j.String():
			return nick
		}
	}
	return ""
}
