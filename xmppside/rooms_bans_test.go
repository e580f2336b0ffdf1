package xmppside

import (
	"testing"

	"isthmus/bridge"
)

// XEP-0045 §9.2: who is banned from a room of Matrix is listed. IRC bans masks.
func TestBanList(t *testing.T) {
	b := newBorder(t)
	b.joinedMatrix()
	runs := func(room bridge.Room) {
		b.rooms.deliver(bridge.Event{Room: room, By: alice, Name: "al", Body: bridge.RoleChange{Role: bridge.RoleOwner}})
		b.expect("affiliation='owner'")
	}
	runs(matrixRoom)
	const list = "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast'/></query>"
	ask := func() {
		t.Helper()
		b.from("<iq from='" + alicePC + "' to='" + matrixAt + "' id='l' type='get'>" + list + "</iq>")
		if e := b.asked(); e.Room.ID != matrixAt || e.Room.Owner != alice || e.Body != (bridge.Query{What: bridge.QueryBans}) {
			t.Errorf("%+v", e)
		}
	}
	ask()
	b.answer(bridge.Answer{Rows: [][]string{
		{"matrix", "@eve:server.org", "spam & more"}, {"xmpp", "carl@example.net", ""}, {"matrix", "no id", ""}, {"short"},
	}})
	b.expect("id='l' type='result'><query xmlns='http://jabber.org/protocol/muc#admin'>" +
		"<item affiliation='outcast' jid='eve%server.org%matrix@gw.example'><reason>spam &amp; more</reason></item>" +
		"<item affiliation='outcast' jid='carl@example.net'></item></query></iq>")
	ask()
	b.answer(bridge.Failure{Kind: bridge.ErrNoPrivileges, Text: "You may not."})
	b.expect("id='l' type='error'", "You may not.")

	b = newBorder(t)
	b.joined()
	runs(goRoom)
	b.from("<iq from='" + alicePC + "' to='" + roomAt + "' id='l' type='get'>" + list + "</iq>")
	b.expect("id='l' type='result'><query xmlns='http://jabber.org/protocol/muc#admin'/></iq>")
}
