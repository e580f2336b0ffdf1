package xmppside

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/muc"
	"isthmus/xmppside/wire"
)

const (
	roomAt   = "#go%libera@gw.example"
	alicePC  = "alice@example.org/pc"
	joinXTag = "<x xmlns='http://jabber.org/protocol/muc'/>"
)

var (
	alice    = bridge.Person{Network: bridge.NetworkXMPP, ID: "alice@example.org"}
	carl     = bridge.Person{Network: "libera", ID: "carl"}
	goRoom   = bridge.Room{Network: bridge.NetworkXMPP, ID: roomAt}
	longAgo  = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	psstText = bridge.Message{Text: "psst"}
)

// border is the core and the server as rooms see them: they take notes.
type border struct {
	clients
	events []bridge.Event
	out    []string
	spoke  []string          // what was told of private conversations
	answer func(bridge.Body) // of the last request outside of the rooms
}

func newBorder(t *testing.T) *border {
	b := &border{clients: clients{t: t}}
	domains := address.Domains{"gw.example": "", "bound.example": "oftc"}
	set := &settings{Options: Options{Matrix: true, Unlisted: true, Domains: []Domain{{Name: "gw.example"}, {Name: "bound.example", Network: "oftc"}}}, domains: domains}
	b.rooms = roomsIn(surroundings{
		core:    b,
		domains: func() address.Domains { return domains },
		sender:  func(string) muc.Sender { return b },
		ask:     func(e bridge.Event, done func(bridge.Body)) { b.Publish(e); b.answer = done },
		person:  set.personAt,
		address: set.personJID,
		picture: func(at jid.JID, answer func(bridge.Body)) {
			answer(bridge.Answer{Rows: [][]string{{"image/gif", "R0lGODlh"}}})
		},
		chats:   b,
		leftOut: new(atomic.Int64),
		key:     []byte("0123456789abcdef"),
		log:     slog.New(slog.DiscardHandler),
	})
	return b
}

func (b *border) said(r bridge.Room, at jid.JID, ours, theirs string) {
	b.spoke = append(b.spoke, fmt.Sprintf("%s at %s: %q", r.ID, at, theirs))
}

func (b *border) types(r bridge.Room, on bool) {
	b.spoke = append(b.spoke, fmt.Sprintf("%s typing %v", r.ID, on))
}

func (b *border) reads(r bridge.Room, named string) {
	b.spoke = append(b.spoke, fmt.Sprintf("%s read %s", r.ID, named))
}

func (b *border) Publish(e bridge.Event) { b.events = append(b.events, e) }

func (b *border) Send(f func([]byte) []byte) { b.out = append(b.out, string(f(nil))) }

// clients are those whose servers hand their stanzas to the rooms.
type clients struct {
	t     *testing.T
	rooms *rooms
}

// from hands a client's stanza to the rooms.
func (c clients) from(xml string) {
	c.t.Helper()
	st, err := wire.Parse([]byte(xml))
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := c.rooms.domains().Parse(st.To)
	if err != nil {
		c.t.Fatal(err)
	}
	c.rooms.handle(&st, a)
}

// asked returns the one event that was published since.
func (b *border) asked() bridge.Event {
	b.t.Helper()
	if len(b.events) != 1 {
		b.t.Fatalf("%d events were published: %+v", len(b.events), b.events)
	}
	e := b.events[0]
	b.events = nil
	return e
}

// expect checks that all of this was sent since, or, without parts, nothing.
func (b *border) expect(parts ...string) {
	b.t.Helper()
	sent := strings.Join(b.out, "")
	b.out = nil
	for _, p := range parts {
		if !strings.Contains(sent, p) {
			b.t.Errorf("not sent: %s\n      in: %s", p, sent)
		}
	}
	if len(parts) == 0 && sent != "" {
		b.t.Errorf("sent: %s", sent)
	}
}

// join asks for alice to be let in, and returns the request.
func (b *border) join() bridge.Event {
	b.t.Helper()
	b.from(fmt.Sprintf("<presence from='%s' to='%s/al' id='j'>%s</presence>", alicePC, roomAt, joinXTag))
	return b.asked()
}

// joined brings alice into the room.
func (b *border) joined() {
	b.t.Helper()
	ask := b.join()
	b.rooms.deliver(bridge.Event{Room: goRoom, Body: bridge.Members{Members: []bridge.Member{
		{Person: carl, Name: "carl", Role: bridge.RoleModerator},
	}}})
	b.rooms.deliver(bridge.Event{Room: goRoom, By: alice, Name: "al", Ref: ask.ID, Body: bridge.Join{Role: bridge.RoleParticipant}})
	b.expect("<item affiliation='admin' role='moderator' jid='carl%libera@gw.example'/>", "<status code='110'/>", "<subject></subject>")
}

// What users wish reaches the core as these events.
func TestAsk(t *testing.T) {
	admin := func(item string) string {
		return "<iq from='" + alicePC + "' to='" + roomAt + "' id='i' type='set'><query xmlns='http://jabber.org/protocol/muc#admin'>" + item + "</query></iq>"
	}
	say := func(content string) string {
		return "<message from='" + alicePC + "' to='" + roomAt + "' type='groupchat'>" + content + "</message>"
	}
	appear := func(nick, attr, content string) string {
		return "<presence from='" + alicePC + "' to='" + roomAt + "/" + nick + "' " + attr + ">" + content + "</presence>"
	}
	for _, c := range []struct {
		stanza string
		want   bridge.Body
	}{
		{say("<body>hi there&#13;&#10;you\u0085</body>"), bridge.Message{Text: "hi there\nyou"}},
		{say("<body>/me waves</body>"), bridge.Message{Text: "waves", Emote: true}},
		{say("<subject>new</subject>"), bridge.Topic{Text: "new"}},
		{appear("al", "", "<show>dnd</show><status>busy</status>"), bridge.Presence{Show: bridge.ShowDND, Status: "busy"}},
		{appear("alice", "", ""), bridge.Rename{To: "alice", Person: alice}},
		{appear("al", "type='unavailable'", "<status>bye</status>"), bridge.Leave{Reason: "bye"}},
		{admin("<item nick='carl' role='none'><reason>go</reason></item>"), bridge.Expel{Target: "carl", Reason: "go"}},
		{admin("<item nick='carl' affiliation='outcast'/>"), bridge.Expel{Target: "carl", Ban: true}},
		{admin("<item jid='carl%libera@gw.example' affiliation='outcast'/>"), bridge.Expel{Target: "carl", Ban: true}},
		{admin("<item nick='carl' role='participant'/>"), bridge.RoleChange{Target: "carl", Role: bridge.RoleParticipant}},
		{admin("<item nick='al' role='participant'/>"), bridge.RoleChange{Target: "al", Role: bridge.RoleVoiced}},
		{admin("<item nick='al' role='moderator'/>"), bridge.RoleChange{Target: "al", Role: bridge.RoleModerator}},
		{admin("<item nick='al' role='visitor'/>"), bridge.RoleChange{Target: "al", Role: bridge.RoleVisitor}},
		{admin("<item nick='carl' affiliation='none'/>"), bridge.RoleChange{Target: "carl", Role: bridge.RoleParticipant}},
		{admin("<item nick='carl' affiliation='owner'/>"), bridge.RoleChange{Target: "carl", Role: bridge.RoleOwner}},
	} {
		b := newBorder(t)
		b.joined()
		b.from(c.stanza)
		e := b.asked()
		if e.Room != goRoom || e.By != alice || e.Name != "al" || e.ID == "" || !reflect.DeepEqual(e.Body, c.want) {
			t.Errorf("%s\n got %+v", c.stanza, e)
		}
	}
}

// What happens reaches users as these stanzas.
func TestDeliver(t *testing.T) {
	for _, c := range []struct {
		event bridge.Event
		want  []string
	}{
		{bridge.Event{By: carl, Name: "carl", ID: "m1", Body: bridge.Message{Text: "hi"}},
			[]string{"from='" + roomAt + "/carl' id='m1' type='groupchat'><body>hi</body>"}},
		{bridge.Event{By: carl, Name: "carl", At: longAgo, Body: bridge.Message{Text: "waves", Emote: true}},
			[]string{"<body>/me waves</body><delay", "stamp='2020-01-02T03:04:05.000Z'"}},
		{bridge.Event{By: carl, ID: "m2", At: time.Now(), Body: bridge.Message{Text: "psst", Notice: true}},
			[]string{"from='" + roomAt + "/carl'", "<body>[notice] psst</body><stanza-id"}},
		{bridge.Event{Body: bridge.Message{Text: "from the server"}},
			[]string{"from='" + roomAt + "' id="}},
		{bridge.Event{By: bridge.Person{Network: "libera", ID: "dora"}, Name: "dora", Body: bridge.Join{Role: bridge.RoleVoiced}},
			[]string{"/dora'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant' jid='dora%libera@gw.example'/>"}},
		{bridge.Event{By: bridge.Person{Network: "libera", ID: "☃"}, Name: "☃", Body: bridge.Join{Role: bridge.RoleOwner}},
			[]string{`<item affiliation='owner' role='moderator' jid='\u{2603}%libera@gw.example'/>`}},
		{bridge.Event{By: carl, Name: "carl", Body: bridge.Leave{Cause: bridge.CauseSplit, Reason: "a.b c.d"}},
			[]string{"type='unavailable'><status>Netsplit: a.b c.d</status>"}},
		{bridge.Event{By: carl, Body: bridge.Leave{Cause: bridge.CauseQuit}},
			[]string{"type='unavailable'><status>Quit</status>"}},
		{bridge.Event{By: carl, Body: bridge.Leave{Cause: bridge.CauseQuit, Reason: "Quit: bye"}}, []string{"<status>Quit: bye</status>"}},
		{bridge.Event{By: alice, Body: bridge.Leave{Cause: bridge.CauseKick, Reason: "out", Actor: "carl"}},
			[]string{"<actor nick='carl'/><reason>out</reason></item><status code='110'/><status code='307'/>"}},
		{bridge.Event{By: alice, Body: bridge.Leave{Cause: bridge.CauseBan}}, []string{"'outcast'", "code='301'"}},
		{bridge.Event{By: alice, Body: bridge.Leave{Cause: bridge.CauseKill, Reason: "spam"}}, []string{"Killed: spam", "code='333'"}},
		{bridge.Event{By: alice, Body: bridge.Leave{Cause: bridge.CauseShutdown}}, []string{"code='332'"}},
		{bridge.Event{By: carl, Body: bridge.Rename{To: "karl", Person: bridge.Person{Network: "libera", ID: "karl"}}},
			[]string{"nick='karl'/><status code='303'/>", "/karl'>"}},
		{bridge.Event{By: carl, Body: bridge.Presence{Show: bridge.ShowAway, Status: "lunch"}},
			[]string{"<show>away</show><status>lunch</status>"}},
		{bridge.Event{By: carl, Body: bridge.RoleChange{Role: bridge.RoleHalfOp, Actor: "dora"}},
			[]string{"<item affiliation='member' role='moderator' jid='carl%libera@gw.example'><actor nick='dora'/></item>"}},
		{bridge.Event{By: carl, Name: "carl", ID: "t", Body: bridge.Topic{Text: "about"}},
			[]string{"from='" + roomAt + "/carl'", "<subject>about</subject>"}},
		{bridge.Event{By: alice, Body: bridge.Attachment{Text: "Connection lost."}},
			[]string{"<body>Connection lost.</body>"}},
		{bridge.Event{Body: bridge.Info{Text: "Hear ye"}}, []string{"<body>Hear ye</body>"}},
		{bridge.Event{Body: bridge.Lost{Count: 3}}, []string{"3 things"}},
		{bridge.Event{Body: bridge.Session{}}, nil},
		{bridge.Event{Body: bridge.Answer{}}, nil},
		{bridge.Event{Ref: "unknown", Body: bridge.Confirm{}}, nil},
		{bridge.Event{Ref: "unknown", Body: bridge.Failure{}}, nil},
	} {
		b := newBorder(t)
		b.joined()
		c.event.Room = goRoom
		b.rooms.deliver(c.event)
		b.expect(c.want...)
		if len(b.events) != 0 {
			t.Errorf("%+v: published %+v", c.event, b.events)
		}
	}
}

// Each failure reaches the one client that asked, as a stanza error; nobody
// is in the room then.
func TestFailures(t *testing.T) {
	for kind := bridge.ErrInternal; kind <= bridge.ErrGone; kind++ {
		b := newBorder(t)
		ask := b.join()
		b.rooms.deliver(bridge.Event{Room: goRoom, Ref: ask.ID, Body: bridge.Failure{Kind: kind, Text: "##new"}})
		b.expect("<presence to='"+alicePC+"' from='"+roomAt+"/al' id='j' type='error'>",
			"<"+string(errorKinds[kind].Condition)+" xmlns=", "##new")
		if len(b.rooms.byID)+len(b.rooms.byJID) != 0 {
			t.Error("a room that nobody got into is kept")
		}
	}
}

// A room that has moved tells where to (RFC 6120 §8.3.3.14, XEP-0147).
func TestMoved(t *testing.T) {
	b := newBorder(t)
	ask := b.join()
	b.rooms.deliver(bridge.Event{Room: goRoom, Ref: ask.ID, Body: bridge.Failure{Kind: bridge.ErrMoved, Text: "##go"}})
	b.expect(">xmpp:%23%23go%25libera@gw.example?join</")
}

// A channel answers while nobody is in it, and is not kept for that.
func TestEmptyRoom(t *testing.T) {
	b := newBorder(t)
	b.from(`<presence from='` + alicePC + `' to='#a\2fb@bound.example/al'>` + joinXTag + `</presence>`)
	if e := b.asked(); e.Room.ID != "#a/b@bound.example" {
		t.Errorf("%+v", e)
	}
	b.from("<iq from='eve@z/a' to='#empty%libera@gw.example' id='d' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	b.expect("category='conference' type='irc' name='#empty on libera'")
	b.from("<iq from='eve@z/a' to='#empty%libera@gw.example/eve' id='p' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
	b.expect("<not-acceptable")
	b.from("<message from='eve@z/a' to='#empty%libera@gw.example' type='groupchat'><body>x</body></message>")
	b.expect("<not-acceptable")
	b.from("<presence from='eve@z/a' to='#empty%libera@gw.example/eve' type='unavailable'/>")
	b.expect()
	if len(b.rooms.byID) != 1 {
		t.Error("a room that nobody is in is kept")
	}
}

// A private message to a native is said in their conversation, and how that
// went is told where it was asked.
func TestWhisper(t *testing.T) {
	b := newBorder(t)
	b.joined()
	conversation := bridge.Room{Network: bridge.NetworkXMPP, ID: "carl%libera@gw.example", Owner: alice}
	whisper := "<message from='" + alicePC + "' to='" + roomAt + "/carl' type='chat' id='w'><body>psst</body></message>"
	b.from(whisper)
	if e := b.asked(); e.Room != conversation || e.By != alice || !reflect.DeepEqual(e.Body, psstText) {
		t.Fatalf("%+v", e)
	}
	if want := []string{conversation.ID + " at " + roomAt + `/carl: "w"`}; !reflect.DeepEqual(b.spoke, want) {
		t.Error(b.spoke)
	}
	b.answer(bridge.Failure{Kind: bridge.ErrNotFound, Text: "No such nick"})
	b.expect("from='"+roomAt+"/carl' id='w' type='error'", "item-not-found", "No such nick")
	b.from(whisper)
	b.asked()
	b.answer(bridge.Confirm{})
	b.expect()

	at := jid.MustParse(roomAt + "/carl")
	if !b.rooms.whisper(at, jid.MustParse("alice@example.org"), "r", "<body>what?</body>") {
		t.Error("alice is not in the room")
	}
	b.expect("to='"+alicePC+"' from='"+roomAt+"/carl' id='r' type='chat'", "<body>what?</body>")
	if b.rooms.whisper(at, jid.MustParse("eve@example.org"), "r", "<body>what?</body>") {
		t.Error("eve is in the room")
	}
}

// What the network tells about a native is their vCard; no more is known.
func TestQuery(t *testing.T) {
	b := newBorder(t)
	b.joined()
	query := func(payload string) string {
		return "<iq from='" + alicePC + "' to='" + roomAt + "/carl' id='v' type='get'>" + payload + "</iq>"
	}
	b.from(query("<vCard xmlns='vcard-temp'/>"))
	if e := b.asked(); e.Room.ID != "carl%libera@gw.example" || e.Room.Owner != alice || e.Body != (bridge.Query{What: bridge.QueryWho}) {
		t.Fatalf("%+v", e)
	}
	b.answer(bridge.Answer{Rows: [][]string{{"server", "a <b>"}, {"idle", "3s"}}})
	b.expect("id='v' type='result'><vCard xmlns='vcard-temp'><NICKNAME>carl</NICKNAME><DESC>server: a &lt;b&gt;\nidle: 3s</DESC></vCard>")
	b.from(query("<vCard xmlns='vcard-temp'/>"))
	b.asked()
	b.answer(bridge.Failure{Kind: bridge.ErrTimeout})
	b.expect("id='v' type='error'", "remote-server-timeout")
	b.from(query("<query xmlns='jabber:iq:version'/>"))
	b.expect("service-unavailable")
	if len(b.events) != 0 {
		t.Error("asked:", b.events)
	}
}

// A hosted room is asked for nothing; should it be, it says so.
func TestRequestsRefused(t *testing.T) {
	b := newBorder(t)
	b.joined()
	for _, body := range []bridge.Body{bridge.Expel{}, bridge.Watch{}, bridge.Query{}} {
		b.rooms.deliver(bridge.Event{ID: "x", Room: goRoom, Body: body})
		if e := b.asked(); e.Ref != "x" || e.Body.(bridge.Failure).Kind != bridge.ErrUnsupported {
			t.Errorf("%+v", e)
		}
	}
}

func TestRoomsShutdown(t *testing.T) {
	b := newBorder(t)
	b.joined()
	b.rooms.shutdown("The gateway restarts.")
	b.expect("<status>The gateway restarts.</status>", "code='332'")
	b.rooms.deliver(bridge.Event{Room: goRoom, Body: bridge.Info{Text: "too late"}})
	b.expect()
}

// Whatever a name is, its spelling is a resource, and nobody else's.
func TestResource(t *testing.T) {
	long := strings.Repeat("\u20ac\u2603", 200)
	seen := map[string]string{}
	for _, name := range []string{"a", "A", " a", "☃", `\u{2603}`, long, long + "a", long + "b", "\xff", strings.Repeat("x", 2000)} {
		r := resource(name)
		if j, err := jid.New("a", "b", r); err != nil || j.Resource() != r {
			t.Errorf("%.20q is spelled %q: %v", name, r, err)
		}
		if other, taken := seen[r]; taken {
			t.Errorf("%q and %q are both spelled %q", name, other, r)
		}
		seen[r] = name
	}
	if resource("") != "" {
		t.Error("nobody has a name")
	}
}

// What a line from the network costs before it fans out, and what each of a
// channel's people costs when the channel is opened.
func BenchmarkMember(b *testing.B) {
	m := bridge.Member{Person: bridge.Person{Network: "libera", ID: "some_nick42"}, Name: "some_nick42"}
	h := &hosted{address: address.Address{Network: "libera"}}
	b.ReportAllocs()
	for b.Loop() {
		h.newMember(m)
	}
}

func BenchmarkOwnMember(b *testing.B) {
	m := bridge.Member{Person: alice, Name: "some_nick42"}
	h := &hosted{address: address.Address{Network: "libera"}}
	b.ReportAllocs()
	for b.Loop() {
		h.newMember(m)
	}
}
