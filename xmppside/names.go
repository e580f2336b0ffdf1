package xmppside

import (
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/muc"
)

var _ format.Names = (*hosted)(nil)

// Person implements format.Names, for what is said in a room.
func (h *hosted) Person(at jid.JID) (bridge.Person, bool) {
	if at.Bare() == h.room.JID() {
		who, ok := h.room.Who(at.Resource())
		return h.person(who), ok
	}
	if _, ours := h.rooms.domains()[at.Domain()]; ours {
		return h.rooms.person(at)
	}
	return person(at), at.Local() != ""
}

// person is whom the core knows who is in the room as.
func (h *hosted) person(who muc.Who) bridge.Person {
	switch {
	case !who.User.IsZero():
		return person(who.User)
	case who.Account != "":
		return accountPerson(who.Account)
	}
	return bridge.Person{Network: h.address.Network, ID: address.Name(who.Nick)}
}

// Call implements format.Names: people are mentioned as occupants.
func (h *hosted) Call(p bridge.Person) (string, jid.JID) {
	nick := h.room.Called(h.who(p, ""))
	if nick == "" {
		return "", jid.JID{}
	}
	at, err := h.room.JID().WithResource(nick)
	if err != nil {
		return "", jid.JID{}
	}
	return address.Name(nick), at
}

// longestGreeting is how far into a message somebody's name is looked for, in bytes.
const longestGreeting = 128

// greet marks whom a message begins with, as "bob: hi" does: that is how
// clients of rooms mention people.
func (h *hosted) greet(m bridge.Message) bridge.Message {
	for _, s := range m.Spans {
		if s.Style == bridge.StyleMention {
			return m
		}
	}
	start := 0
	if strings.HasPrefix(m.Text, "@") {
		start = 1
	}
	for i := start; i < min(len(m.Text), longestGreeting) && m.Text[i] != '\n'; i++ {
		ends := m.Text[i] == ':' || m.Text[i] == ','
		if !ends || i+1 < len(m.Text) && m.Text[i+1] != ' ' && m.Text[i+1] != '\n' {
			continue
		}
		if who, ok := h.room.Who(resource(m.Text[start:i])); ok {
			m.Spans = bridge.Normalize(m.Text, append(m.Spans,
				bridge.Span{Start: start, End: i, Style: bridge.StyleMention, Person: h.person(who)}))
			return m
		}
	}
	return m
}
