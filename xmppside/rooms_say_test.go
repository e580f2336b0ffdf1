package xmppside

import (
	"reflect"
	"strings"
	"testing"

	"isthmus/bridge"
)

const sayTag = "<message from='" + alicePC + "' to='" + roomAt + "' type='groupchat' id='m'>"

// Who is mentioned in a room: by a reference (XEP-0372), or as people do it.
func TestMentionsOut(t *testing.T) {
	dave := bridge.Person{Network: bridge.NetworkXMPP, ID: "dave@example.net"}
	mention := func(from, to int, who bridge.Person) []bridge.Span {
		return []bridge.Span{{Start: from, End: to, Style: bridge.StyleMention, Person: who}}
	}
	ref := func(uri string) string {
		return "<body>x carl</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='2' end='6' uri='" + uri + "'/>"
	}
	for _, c := range []struct {
		content string
		want    bridge.Message
	}{
		{"<body>carl: hi</body>", bridge.Message{Text: "carl: hi", Spans: mention(0, 4, carl)}},
		{"<body>carl,</body>", bridge.Message{Text: "carl,", Spans: mention(0, 4, carl)}},
		{"<body>@carl: hi</body>", bridge.Message{Text: "@carl: hi", Spans: mention(1, 5, carl)}},
		{"<body>al: me</body>", bridge.Message{Text: "al: me", Spans: mention(0, 2, alice)}},
		{"<body>carl:hi</body>", bridge.Message{Text: "carl:hi"}},
		{"<body>nobody: hi, carl</body>", bridge.Message{Text: "nobody: hi, carl"}},
		{"<body>" + strings.Repeat("x", 200) + "\ncarl: hi</body>", bridge.Message{Text: strings.Repeat("x", 200) + "\ncarl: hi"}},
		{ref("xmpp:%23go%25libera@gw.example/carl"), bridge.Message{Text: "x carl", Spans: mention(2, 6, carl)}},
		{ref("xmpp:carl%25libera@gw.example"), bridge.Message{Text: "x carl", Spans: mention(2, 6, carl)}},
		{ref("xmpp:dave@example.net/pc"), bridge.Message{Text: "x carl", Spans: mention(2, 6, dave)}},
		{ref("xmpp:%23go%25libera@gw.example/nobody"), bridge.Message{Text: "x carl"}},
		{ref("xmpp:gw.example"), bridge.Message{Text: "x carl"}},
		{ref("https://example.org/carl"), bridge.Message{Text: "x carl"}},
	} {
		b := newBorder(t)
		b.joined()
		b.from(sayTag + c.content + "</message>")
		if e := b.asked(); !reflect.DeepEqual(e.Body, c.want) {
			t.Errorf("%s\n got %+v", c.content, e.Body)
		}
	}
}

// In a room, people are called what they are called there.
func TestMentionsIn(t *testing.T) {
	b := newBorder(t)
	b.joined()
	said := bridge.Message{Text: "alice@example.org: ask carl or eve", Spans: []bridge.Span{
		{Start: 0, End: 17, Style: bridge.StyleMention, Person: alice},
		{Start: 23, End: 27, Style: bridge.StyleMention, Person: carl},
		{Start: 31, End: 34, Style: bridge.StyleMention, Person: bridge.Person{Network: "libera", ID: "eve"}},
	}}
	b.rooms.deliver(bridge.Event{ID: "e", Room: goRoom, By: carl, Name: "carl", Body: said})
	b.expect("<body>al: ask carl or eve</body>"+
		"<reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='2' uri='xmpp:%23go%25libera@gw.example/al'/>"+
		"<reference xmlns='urn:xmpp:reference:0' type='mention' begin='8' end='12' uri='xmpp:%23go%25libera@gw.example/carl'/><stanza-id ", "")
}

// In a room of Matrix the nick tells nobody's id; the account does.
func TestMentionsOnMatrix(t *testing.T) {
	const at = "#go%server.org%matrix@gw.example"
	room := bridge.Room{Network: bridge.NetworkXMPP, ID: at}
	bob := bridge.Person{Network: bridge.NetworkMatrix, ID: "@bob:server.org"}
	b := newBorder(t)
	b.from("<presence from='" + alicePC + "' to='" + at + "/al'>" + joinXTag + "</presence>")
	b.rooms.deliver(bridge.Event{Room: room, Body: bridge.Members{Members: []bridge.Member{{Person: bob, Name: "Bob B"}}}})
	b.rooms.deliver(bridge.Event{Room: room, By: alice, Name: "al", Ref: b.asked().ID, Body: bridge.Join{}})
	b.out = nil
	b.from("<message from='" + alicePC + "' to='" + at + "' type='groupchat'><body>Bob B: hi</body></message>")
	mention := []bridge.Span{{End: 5, Style: bridge.StyleMention, Person: bob}}
	if e := b.asked(); !reflect.DeepEqual(e.Body, bridge.Message{Text: "Bob B: hi", Spans: mention}) {
		t.Errorf("%+v", e.Body)
	}
	b.rooms.deliver(bridge.Event{ID: "e", Room: room, By: alice, Name: "al", Body: bridge.Message{Text: "@bob:server.org: hi", Spans: []bridge.Span{
		{End: 15, Style: bridge.StyleMention, Person: bob}}}})
	b.expect("<body>Bob B: hi</body><reference ", "/Bob%20B'/>")
}

// A message with files is shown in several, under ids of one.
func TestFilesInRoom(t *testing.T) {
	b := newBorder(t)
	b.joined()
	files := []bridge.File{{URL: "https://x.example/1", Type: "image/png"}, {URL: "https://x.example/2"}}
	b.rooms.deliver(bridge.Event{ID: "e", Room: goRoom, By: carl, Name: "carl", Body: bridge.Message{Text: "two", Files: files}})
	if len(b.out) != 3 {
		t.Fatal(b.out)
	}
	b.expect("id='e' type='groupchat'><body>two</body><stanza-id ", "<stanza-id xmlns='urn:xmpp:sid:0' by='"+roomAt+"' id='e'/>",
		"id='e.2' type='groupchat'><body>https://x.example/1</body><x xmlns='jabber:x:oob'>", "id='e.3' ", "<body>https://x.example/2</body>")
	b.from(sayTag + displayed("e.3") + "</message>")
	if e := b.asked(); e.Body != (bridge.Read{Message: "e"}) {
		t.Errorf("%+v", e)
	}
	b.out = nil
	// What one of ours shares is shown once, and as it was.
	b.from(sayTag + "<body>https://x.example/1</body><x xmlns='jabber:x:oob'><url>https://x.example/1</url></x><y xmlns='z'/></message>")
	e := b.asked()
	if !reflect.DeepEqual(e.Body, bridge.Message{Files: []bridge.File{{URL: "https://x.example/1"}}}) {
		t.Errorf("%+v", e.Body)
	}
	m := bridge.Message{Text: "two", Files: files}
	b.rooms.deliver(bridge.Event{ID: "f", Room: goRoom, By: alice, Name: "al", Ref: e.ID, Body: m})
	if len(b.out) != 1 {
		t.Error(b.out)
	}
	b.expect("id='m' type='groupchat'><body>https://x.example/1</body>", "<y xmlns='z'/>")
}

// Typing and reading, both ways, as events.
func TestRoomSignals(t *testing.T) {
	b := newBorder(t)
	b.joined()
	b.from(sayTag + state("composing") + "</message>")
	if e := b.asked(); e.Room != goRoom || e.By != alice || e.Name != "al" || e.Body != (bridge.Typing{On: true}) {
		t.Errorf("%+v", e)
	}
	b.out = nil
	b.rooms.deliver(bridge.Event{Room: goRoom, By: carl, Name: "carl", Body: bridge.Typing{On: true}})
	b.expect("from='"+roomAt+"/carl'", state("composing")+"<no-store ")
	b.rooms.deliver(bridge.Event{Room: goRoom, By: carl, Name: "carl", Body: bridge.Read{Message: "e"}})
	b.expect("from='"+roomAt+"/carl'", displayed("e"))

	// In a private message they concern the conversation.
	whisper := "<message from='" + alicePC + "' to='" + roomAt + "/carl' type='chat' id='w'>"
	b.from(whisper + state("composing") + "</message>")
	b.from(whisper + displayed("x") + "</message>")
	if want := []string{"carl%libera@gw.example typing true", "carl%libera@gw.example read x"}; !reflect.DeepEqual(b.spoke, want) || len(b.events) != 0 {
		t.Error(b.spoke, b.events)
	}
	b.from(whisper + "<body>psst</body><request xmlns='" + nsReceipts + "'/></message>")
	b.asked()
	b.answer(bridge.Confirm{})
	b.expect("to='"+alicePC+"' from='"+roomAt+"/carl'", "<received xmlns='urn:xmpp:receipts' id='w'/>")
}

// What was said before comes with the join.
func TestHistory(t *testing.T) {
	b := newBorder(t)
	b.from("<presence from='" + alicePC + "' to='" + roomAt + "/al'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='5'/></x></presence>")
	ask := b.asked()
	if !reflect.DeepEqual(ask.Body, bridge.Join{Wanted: 5}) {
		t.Errorf("%+v", ask.Body)
	}
	b.rooms.deliver(bridge.Event{Room: goRoom, By: alice, Name: "al", Ref: ask.ID, Body: bridge.Join{History: []bridge.Said{
		{ID: "h1", At: longAgo, By: carl, Name: "carl", Message: bridge.Message{Text: "so bold", Spans: []bridge.Span{{Start: 3, End: 7}}}},
		{ID: "h2", At: longAgo, By: carl, Name: "carl", Message: bridge.Message{Text: "see", Files: []bridge.File{{URL: "https://x.example/1"}}}},
		{At: longAgo, By: bridge.Person{Network: "libera", ID: "gone"}, Message: bridge.Message{Text: "waves", Emote: true}},
	}}})
	sent := strings.Join(b.out, "")
	for _, part := range []string{
		"<status code='110'/>",
		"from='" + roomAt + "/carl' id='h1' type='groupchat'><body>so *bold*</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>so <strong>bold</strong></body></html><delay xmlns='urn:xmpp:delay' from='" + roomAt + "' stamp='2020-01-02T03:04:05.000Z'/><stanza-id ", "id='h1'/><occupant-id ",
		"id='h2' type='groupchat'><body>see</body>", "id='h2.2' type='groupchat'><body>https://x.example/1</body>",
		"from='" + roomAt + "/gone' type='groupchat'><body>/me waves</body><delay ",
		"<subject></subject>",
	} {
		_, rest, found := strings.Cut(sent, part)
		if !found {
			t.Errorf("not sent, or not then: %s\n in %s", part, sent)
		}
		sent = rest
	}
}
