package xmppside

import (
	"strings"
	"testing"

	"isthmus/bridge"
)

const (
	matrixAt    = "#go%server.org%matrix@gw.example"
	matrixBobAt = "bob%server.org%matrix@gw.example"
	someAvatar  = "0123456789abcdef0123456789abcdef01234567"
)

var (
	matrixRoom = bridge.Room{Network: bridge.NetworkXMPP, ID: matrixAt}
	matrixBob  = bridge.Person{Network: bridge.NetworkMatrix, ID: "@bob:server.org"}
	withBob    = bridge.Room{Network: bridge.NetworkXMPP, ID: matrixBobAt, Owner: alice}
)

// joinedMatrix brings alice into a room of Matrix, in which is Bob.
func (b *border) joinedMatrix() {
	b.t.Helper()
	b.from("<presence from='" + alicePC + "' to='" + matrixAt + "/al' id='j'>" + joinXTag + "</presence>")
	ask := b.asked()
	b.rooms.deliver(bridge.Event{Room: matrixRoom, Body: bridge.Members{Members: []bridge.Member{{Person: matrixBob, Name: "Bob", Avatar: strings.ToUpper(someAvatar)}}}})
	b.rooms.deliver(bridge.Event{Room: matrixRoom, By: alice, Name: "al", Ref: ask.ID, Body: bridge.Join{}})
	b.expect("<photo>"+someAvatar+"</photo>", "jid='"+matrixBobAt+"'", "<status code='110'/>")
}

// On Matrix people are known by their ids, whatever they are called in a room.
func TestPeopleOfMatrixRoom(t *testing.T) {
	b := newBorder(t)
	b.joinedMatrix()
	b.from("<message from='" + alicePC + "' to='" + matrixAt + "/Bob' id='w' type='chat'><body>psst</body></message>")
	if e := b.asked(); e.Room != withBob {
		t.Errorf("%+v", e)
	}
	b.from("<message from='" + alicePC + "' to='" + matrixAt + "/Nobody' id='w' type='chat'><body>psst</body></message>")
	b.expect("<item-not-found ")
	b.rooms.deliver(bridge.Event{Room: matrixRoom, By: matrixBob, Name: "Bob", Body: bridge.Profile{Avatar: "no hash <at all/>"}})
	b.expect("<photo/>")
}

func TestRoomInfo(t *testing.T) {
	b := newBorder(t)
	b.joinedMatrix()
	info := "<iq from='" + alicePC + "' to='" + matrixAt + "' id='d' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
	b.from(info)
	b.expect("<identity category='conference' type='text' name='#go:server.org'/>")
	b.rooms.deliver(bridge.Event{Room: matrixRoom, Body: bridge.RoomInfo{Name: "Go\x01phers", Avatar: someAvatar}})
	b.expect("<status code='104'/>", "<presence to='"+alicePC+"' from='"+matrixAt+"'><x xmlns='vcard-temp:x:update'><photo>"+someAvatar+"</photo>")
	b.from(info)
	b.expect("name='Gophers'/>", "muc#roominfo_avatarhash")
	b.from("<iq from='" + alicePC + "' to='" + matrixAt + "' id='v' type='get'><vCard xmlns='vcard-temp'/></iq>")
	if e := b.asked(); e.Room != (bridge.Room{Network: "xmpp", ID: matrixAt, Owner: alice}) || e.Body != (bridge.Query{What: bridge.QueryAvatar}) {
		t.Errorf("%+v", e)
	}
	b.answer(bridge.Answer{Rows: [][]string{{"image/png", dotBase64}}})
	b.expect("id='v' type='result'><vCard xmlns='vcard-temp'><FN>Gophers</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>" + dotBase64 + "</BINVAL></PHOTO></vCard>")
	b.from("<iq from='" + alicePC + "' to='" + matrixAt + "' id='v' type='get'><vCard xmlns='vcard-temp'/></iq>")
	b.asked()
	b.answer(bridge.Failure{Kind: bridge.ErrTimeout})
	b.expect("id='v' type='error'", "<remote-server-timeout ")
}

// The picture of an occupant is asked for besides who they are.
func TestOccupantVCard(t *testing.T) {
	b := newBorder(t)
	b.joinedMatrix()
	ask := func() {
		b.from("<iq from='" + alicePC + "' to='" + matrixAt + "/Bob' id='v' type='get'><vCard xmlns='vcard-temp'/></iq>")
		if e := b.asked(); e.Room != withBob || e.Body != (bridge.Query{What: bridge.QueryWho}) {
			t.Errorf("%+v", e)
		}
	}
	ask()
	b.answer(bridge.Answer{Rows: [][]string{{"id", "@bob:server.org"}}})
	if e := b.asked(); e.Room != withBob || e.Body != (bridge.Query{What: bridge.QueryAvatar}) {
		t.Errorf("%+v", e)
	}
	b.expect()
	b.answer(bridge.Answer{Rows: [][]string{{"image/png", dotBase64}}})
	b.expect("<NICKNAME>Bob</NICKNAME><DESC>id: @bob:server.org</DESC><PHOTO><TYPE>image/png</TYPE><BINVAL>" + dotBase64 + "</BINVAL></PHOTO></vCard>")
	ask()
	b.answer(bridge.Failure{Kind: bridge.ErrUnsupported})
	b.asked()
	b.answer(bridge.Answer{Rows: [][]string{{"image/png", dotBase64}}})
	b.expect("<NICKNAME>Bob</NICKNAME><PHOTO>")
	ask()
	b.answer(bridge.Failure{Kind: bridge.ErrTimeout})
	b.asked()
	b.answer(bridge.Failure{Kind: bridge.ErrNotFound})
	b.expect("<remote-server-timeout ")
}

func TestDestroyed(t *testing.T) {
	for _, c := range []struct{ to, reason, jid, text string }{
		{"!New%server.org", "", ` jid='!\u{4e}ew%server.org%matrix@gw.example'`, "This room has moved to !New:server.org."},
		{"!New:server.org", "Come along.", ` jid='!\u{4e}ew%server.org%matrix@gw.example'`, "Come along."},
		{"", "", "", "This room is no more."},
		{"#" + strings.Repeat("☃", 200), "", "", "This room has moved to #☃"},
	} {
		b := newBorder(t)
		b.joinedMatrix()
		b.rooms.deliver(bridge.Event{Room: matrixRoom, Body: bridge.Moved{To: c.to, Reason: c.reason}})
		b.expect("<destroy"+c.jid+"><reason>"+c.text, "</destroy><status code='110'/>")
		if len(b.rooms.byID) != 0 {
			t.Error("the room is still there")
		}
	}
}

func TestInviteFromRoom(t *testing.T) {
	b := newBorder(t)
	b.joinedMatrix()
	invite := func(to string) {
		b.from("<message from='" + alicePC + "' to='" + matrixAt + "' id='i'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='" + to + "'><reason>come</reason></invite></x></message>")
	}
	invite(matrixBobAt)
	e := b.asked()
	if e.Room != matrixRoom || e.By != alice || e.Body != (bridge.Invite{Person: matrixBob, Reason: "come"}) {
		t.Errorf("%+v", e)
	}
	b.rooms.deliver(bridge.Event{Room: matrixRoom, Ref: e.ID, Body: bridge.Confirm{}})
	b.expect()
	invite(matrixBobAt)
	b.rooms.deliver(bridge.Event{Room: matrixRoom, Ref: b.asked().ID, Body: bridge.Failure{Kind: bridge.ErrNoPrivileges, Text: "You may not."}})
	b.expect("id='i' type='error'", "<forbidden ", "You may not.")
	invite("eve@example.org")
	b.expect("to='eve@example.org'", "<invite from='alice@example.org'>")
	// Who is not in the room turns an invitation down.
	b.from("<message from='eve@example.org/pc' to='" + matrixAt + "' id='i'><x xmlns='http://jabber.org/protocol/muc#user'><decline to='" + matrixBobAt + "'><reason>no</reason></decline></x></message>")
	if e := b.asked(); e.Room != matrixRoom || e.By.ID != "eve@example.org" || e.Body != (bridge.Leave{Cause: bridge.CauseDecline, Reason: "no"}) {
		t.Errorf("%+v", e)
	}
}

func TestAvatarOfUser(t *testing.T) {
	b := newBorder(t)
	b.joinedMatrix()
	b.from("<presence from='" + alicePC + "' to='" + matrixAt + "/al'><x xmlns='vcard-temp:x:update'><photo>" + someAvatar + "</photo></x></presence>")
	if e := b.asked(); e.Room != matrixRoom || e.By != alice || e.Body != (bridge.Profile{Avatar: someAvatar}) {
		t.Errorf("%+v", e)
	}
}
