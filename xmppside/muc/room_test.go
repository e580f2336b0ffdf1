package muc

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// quiet is an owner that grants nothing and a link that leads nowhere.
type quiet struct {
	mu    sync.Mutex
	buf   []byte
	sends int
}

func (q *quiet) Ask(*Room, Request) {}

func (q *quiet) Send(f func(b []byte) []byte) {
	q.mu.Lock()
	q.buf = f(q.buf[:0])
	q.sends++
	q.mu.Unlock()
}

func newQuiet() (*Room, *quiet) {
	q := &quiet{}
	var n atomic.Uint64
	return New(testRoom, Options{Owner: q, Sender: q, Key: []byte("0123456789abcdef"), Name: "#go",
		Addresses: address.Domains{testRoom.Domain(): ""}.People(testRoom.Domain(), "net"),
		NewID:     func() string { return strconv.FormatUint(n.Add(1), 36) }}), q
}

func native(i int) Member {
	return Member{Nick: fmt.Sprintf("native-%04d", i), Role: RoleParticipant}
}

func natives(n int) []Member {
	list := make([]Member, n)
	for i := range list {
		list[i] = native(i)
	}
	return list
}

func userJID(i int) jid.JID {
	return jid.MustParse(fmt.Sprintf("user-%04d@example.org/client", i))
}

func joinStanza(t testing.TB, i int) *wire.Stanza {
	return parse(t, fmt.Sprintf("<presence from='%s' to='%s/u%d'><x xmlns='%s'/></presence>", userJID(i), testRoom, i, nsMUC))
}

func enter(t testing.TB, r *Room, i int) {
	r.Handle(joinStanza(t, i))
	r.Enter(Member{User: userJID(i).Bare(), Nick: "u" + strconv.Itoa(i), Role: RoleParticipant}, false)
}

// A message to 200 is encoded once and sent in one piece.
func BenchmarkSay200(b *testing.B) {
	r, q := newQuiet()
	for i := range 200 {
		enter(b, r, i)
	}
	body := strings.Repeat("what is said, ", 6)
	q.sends = 0
	b.ReportAllocs()
	for b.Loop() {
		r.Say(Said{By: Who{Nick: "native-0001"}, Content: text(body), ID: "id"})
	}
	if q.sends != b.N {
		b.Errorf("%d sends for %d messages", q.sends, b.N)
	}
	perStanza(b, 200)
}

// One user joins a room of 5,000.
func BenchmarkJoin5000(b *testing.B) {
	r, _ := newQuiet()
	r.SetMembers(natives(5000), false)
	join := joinStanza(b, 0)
	gone := parse(b, fmt.Sprintf("<presence from='%s' to='%s/u0' type='unavailable'/>", userJID(0), testRoom))
	b.ReportAllocs()
	for b.Loop() {
		r.Handle(join)
		r.Enter(Member{User: userJID(0).Bare(), Nick: "u0", Role: RoleParticipant}, false)
		r.Handle(gone)
	}
	perStanza(b, 5000)
}

// 200 users join one room: 40,000 presences.
func BenchmarkJoin200Users(b *testing.B) {
	joins := make([]*wire.Stanza, 200)
	for i := range joins {
		joins[i] = joinStanza(b, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, _ := newQuiet()
		for i, j := range joins {
			r.Handle(j)
			r.Enter(Member{User: j.From.Bare(), Nick: "u" + strconv.Itoa(i), Role: RoleParticipant}, false)
		}
	}
	perStanza(b, 40000)
}

// 500 natives are split off, seen by 50 users.
func BenchmarkSplit500(b *testing.B) {
	r, _ := newQuiet()
	for i := range 50 {
		enter(b, r, i)
	}
	for b.Loop() {
		for i := range 500 {
			r.Enter(native(i), false)
		}
		for i := range 500 {
			r.Leave(Who{Nick: native(i).Nick}, Departure{Reason: "hub.example leaf.example"})
		}
	}
	perStanza(b, 2*500*50)
}

func perStanza(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/stanza")
}

// A native costs less than 200 bytes, the name included.
func TestMemory(t *testing.T) {
	const n = 5000
	r, _ := newQuiet()
	list := natives(n)
	r.locked(func() {}) // whatever is lazy
	before := heap()
	r.SetMembers(list, false)
	used := heap() - before + n*16 // the names were there before
	t.Logf("%d bytes for each of %d natives", used/n, n)
	if used/n > 200 {
		t.Errorf("%d bytes for each native", used/n)
	}
	runtime.KeepAlive(r)
	runtime.KeepAlive(list)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Too many requests without an answer are refused, and answers make room.
func TestTooManyRequests(t *testing.T) {
	p := newPlay(t)
	enter(t, p.room, 0)
	say := parse(t, fmt.Sprintf("<message from='%s' to='%s' type='groupchat' id='m'><body>x</body></message>", userJID(0), testRoom))
	for range maxAsked {
		p.room.Handle(say)
	}
	p.log = nil
	p.room.Handle(say)
	if len(p.log) != 1 || !strings.Contains(p.log[0], "resource-constraint") {
		t.Fatal(p.log)
	}
	p.room.Say(Said{By: Who{User: userJID(0).Bare()}, Ref: p.asks[1], ID: "e"})
	p.room.Refuse(p.asks[2], wire.StanzaError{Condition: wire.ConditionForbidden})
	p.log = nil
	p.room.Handle(say)
	p.room.Handle(say)
	if len(p.log) != 2 || !strings.Contains(p.log[1], "muc.Say") {
		t.Fatal(p.log)
	}
}

// A client that joins over and over is not shown everybody each time.
func TestTooManyWelcomes(t *testing.T) {
	p := newPlay(t)
	enter(t, p.room, 0)
	p.room.SetMembers(natives(100), false)
	for range maxWelcomes {
		p.room.Handle(joinStanza(t, 0))
	}
	p.log = nil
	p.room.Handle(joinStanza(t, 0))
	if len(p.log) != 1 || !strings.Contains(p.log[0], "resource-constraint") {
		t.Fatal(p.log)
	}
	p.room.users[0].counted = time.Now().Add(-2 * time.Minute)
	p.log = nil
	p.room.Handle(joinStanza(t, 0))
	if len(p.log) != 100+2 {
		t.Errorf("%d stanzas", len(p.log))
	}
}

// Servers end the whole link over a stanza that is too large: nobody can make
// the room send one.
func TestLargestStanza(t *testing.T) {
	p := newPlay(t)
	enter(t, p.room, 0)
	enter(t, p.room, 1)
	list := natives(3000)
	for i := range list {
		list[i].Nick += strings.Repeat("'", 100)
	}
	p.room.SetMembers(list, false)
	large := strings.Repeat(">", 400<<10)
	for _, s := range []string{
		"<iq from='%[1]s' to='%[3]s' type='get' id='q'><query xmlns='" + nsAdmin + "'><item role='participant'/></query></iq>",
		"<iq from='%[1]s' to='%[3]s/u1' type='get' id='q'><query xmlns='u'>" + large + "</query></iq>",
		"<iq from='%[1]s' to='%[3]s/u1' type='get' id='q'><query xmlns='u'/></iq>",
		"<iq from='%[2]s' to='%[3]s/u0' type='error' id='%[4]s'><error type='" + large[:9999] + "'><" + strings.Repeat("x", 9999) + " xmlns='" + wire.NSStanzas + "'/><text xmlns='" + wire.NSStanzas + "'>" + large + "</text></error></iq>",
		"<iq from='%[1]s' to='%[3]s/u1' type='get' id='q'><query xmlns='u'/></iq>",
		"<iq from='%[2]s' to='%[3]s/u0' type='result' id='%[4]s'><query xmlns='u'>" + large + "</query></iq>",
		"<message from='%[1]s' to='%[3]s' type='groupchat'><body>" + large + "</body></message>",
	} {
		p.log = nil
		p.room.Handle(parse(t, fmt.Sprintf(s, userJID(0), userJID(1), testRoom, "id"+strconv.Itoa(p.ids))))
		if len(p.log) != 1 || len(p.log[0]) > 300<<10 {
			t.Errorf("%.150s: %d stanzas, %.150s", s, len(p.log), strings.Join(p.log, ""))
		}
	}
}

// slowOwner notes requests, the first of them only when it is let go.
type slowOwner struct {
	asked   chan string
	release chan struct{}
}

func (o slowOwner) Ask(_ *Room, q Request) {
	if wish(q.What) == `muc.Say{Body:"first"}` {
		<-o.release
	}
	o.asked <- wish(q.What)
}

// However slow the owner, no request overtakes another, and a room does not
// close before the last is known.
func TestRequestsKeepTheirOrder(t *testing.T) {
	o := slowOwner{make(chan string, 10), make(chan struct{})}
	r := New(testRoom, Options{Owner: o, Sender: &quiet{}, Key: []byte("0123456789abcdef"), NewID: func() string { return rand.Text() }})
	enter(t, r, 0)
	<-o.asked
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Handle(parse(t, fmt.Sprintf("<message from='%s' to='%s' type='groupchat'><body>first</body></message>", userJID(0), testRoom)))
	}()
	for asking := false; !asking; {
		r.mu.Lock()
		asking = r.asking
		r.mu.Unlock()
	}
	r.Handle(parse(t, fmt.Sprintf("<message from='%s' to='%s' type='groupchat'><body>second</body></message>", userJID(0), testRoom)))
	r.Handle(parse(t, fmt.Sprintf("<presence from='%s' to='%s/u0' type='unavailable'/>", userJID(0), testRoom)))
	if r.CloseIfEmpty() {
		t.Error("closed too early")
	}
	close(o.release)
	<-done
	if got := <-o.asked + <-o.asked + <-o.asked; got != `muc.Say{Body:"first"}muc.Say{Body:"second"}muc.Leave{Reason:""}` {
		t.Error(got)
	}
	if !r.CloseIfEmpty() {
		t.Error("not closed")
	}
}

// One who asks and asks leaves room for the questions of others.
func TestTooManyQuestions(t *testing.T) {
	p := newPlay(t)
	for i := range 3 {
		enter(t, p.room, i)
	}
	ask := func(i int) string {
		p.log = nil
		p.room.Handle(parse(t, fmt.Sprintf("<iq from='%s' to='%s/u2' type='get' id='q'><query xmlns='jabber:iq:version'/></iq>", userJID(i), testRoom)))
		return strings.Join(p.log, "")
	}
	for range maxRelayedOf {
		ask(0)
	}
	if got := ask(0); !strings.Contains(got, "resource-constraint") {
		t.Error(got)
	}
	if got := ask(1); !strings.Contains(got, "to='"+userJID(2).String()+"' from='"+testRoom.String()+"/u1'") {
		t.Error(got)
	}
}

// Answers that were lost are not waited for: each request is refused once.
func TestGiveUp(t *testing.T) {
	p := newPlay(t)
	enter(t, p.room, 0)
	p.room.Handle(joinStanza(t, 1))
	p.room.Handle(parse(t, fmt.Sprintf("<message from='%s' to='%s' type='groupchat' id='m'><body>x</body></message>", userJID(0), testRoom)))
	p.room.Handle(parse(t, fmt.Sprintf("<iq from='%s' to='%s' type='set' id='i'><query xmlns='%s'><item nick='a' role='none'/><item nick='b' role='none'/></query></iq>",
		userJID(0), testRoom, nsAdmin)))
	p.log = nil
	for range 2 {
		p.room.GiveUp(wire.StanzaError{Condition: wire.ConditionInternalServerError})
	}
	if len(p.log) != 2 || len(p.room.asked) != 1 || p.room.users[0].asked != 0 {
		t.Error(p.log, len(p.room.asked), p.room.users[0].asked)
	}
	p.log = nil
	p.room.SetMembers([]Member{{User: userJID(1).Bare(), Nick: "late"}}, false)
	if len(p.room.users) != 2 || len(p.room.asked) != 0 {
		t.Error("word of a join was lost, and the list did not make up for it")
	}
}

// What one message makes the room send is bounded.
func TestLargeMessage(t *testing.T) {
	p := newPlay(t)
	enter(t, p.room, 0)
	p.log = nil
	p.room.Handle(parse(t, fmt.Sprintf("<message from='%s' to='%s' type='groupchat' id='m'><body>%s</body></message>",
		userJID(0), testRoom, strings.Repeat("x", maxContent))))
	if len(p.log) != 1 || !strings.Contains(p.log[0], "policy-violation") {
		t.Fatal(p.log)
	}
}

// Clients, couriers and whoever closes empty rooms may all come at once.
func TestConcurrent(t *testing.T) {
	r, _ := newQuiet()
	r.SetMembers(natives(10), false)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			who := Who{User: userJID(i).Bare(), Nick: "u" + strconv.Itoa(i)}
			for range 50 {
				enter(t, r, i)
				r.Say(Said{By: who, Content: text("x")})
				r.Attach(who, false, "gone")
				r.Leave(Who{Nick: native(i).Nick}, Departure{})
				r.Enter(native(i), false)
				r.Attach(who, true, "back")
				r.Leave(who, Departure{Cause: Kicked})
			}
		})
	}
	all.Wait()
	if !r.CloseIfEmpty() || r.Handle(joinStanza(t, 0)) {
		t.Error("an empty room was not closed")
	}
	if len(r.gone) != 0 || len(r.asked) != 0 || len(r.people) != 10 {
		t.Error("left over:", len(r.gone), len(r.asked), len(r.people))
	}
}

// Occupant ids (XEP-0421 §3.1) depend on the person, the room and the key.
func TestOccupantID(t *testing.T) {
	a, b := jid.MustParse("a@x"), jid.MustParse("b@x")
	room, other := jid.MustParse("r@y"), jid.MustParse("q@y")
	m := newIDMaker([]byte("k"), room)
	first := m.of(Who{Nick: "nick", User: a})
	for what, same := range map[string]bool{
		"another nickname":     m.of(Who{Nick: "other", User: a}) == first,
		"after a restart":      newIDMaker([]byte("k"), room).of(Who{Nick: "nick", User: a}) == first,
		"two natives":          m.of(Who{Nick: "n"}) != m.of(Who{Nick: "m"}),
		"another user":         m.of(Who{Nick: "nick", User: b}) != first,
		"an account":           m.of(Who{"n", jid.JID{}, "@n:s"}) == m.of(Who{"m", jid.JID{}, "@n:s"}),
		"an account so called": m.of(Who{"n", jid.JID{}, "n"}) != m.of(Who{Nick: "n"}),
		"a native so called":   m.of(Who{Nick: "a@x"}) != first,
		"another room":         newIDMaker([]byte("k"), other).of(Who{Nick: "nick", User: a}) != first,
		"another key":          newIDMaker([]byte("l"), room).of(Who{Nick: "nick", User: a}) != first,
	} {
		if !same {
			t.Error(what)
		}
	}
}

// FuzzRoom: whatever clients send, what the room sends can be read, is from
// the room, and to somebody who was named in what it got.
func FuzzRoom(f *testing.F) {
	for _, s := range []string{
		"<presence from='a@x/1' to='#go%net@gw.example/al'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
		"<presence from='a@x/1' to='#go%net@gw.example/n&lt;2'><show>x&amp;a</show><status>\u202e]]&gt;</status></presence>",
		"<message from='a@x/1' to='#go%net@gw.example' type='groupchat' id='&quot;'><body xml:lang='x'>a<![CDATA[<b>]]></body><a:b xmlns:a='urn:a'><a:c d='e'/></a:b></message>",
		"<message from='a@x/1' to='#go%net@gw.example/al' type='chat'><body/></message>",
		"<iq from='a@x/1' to='#go%net@gw.example/al' type='get' id='i'><q xmlns='x'/></iq>",
		"<iq from='a@x/1' to='#go%net@gw.example' type='set'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='/' role='none'/></query></iq>",
		"<presence from='a@x/1' to='#go%net@gw.example/al' type='unavailable'/>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		p := newPlay(t)
		p.room.SetMembers(natives(2), false)
		enter(t, p.room, 0)
		d := wire.NewDecoder(strings.NewReader(script), wire.DefaultLimits)
		for range 20 {
			st, err := d.Next()
			if err != nil {
				return
			}
			if st.From.IsZero() || st.To.Bare() != testRoom {
				continue
			}
			p.room.Handle(&st)
			p.room.Enter(Member{User: st.From.Bare(), Nick: "fuzzy", Role: RoleModerator}, true)
			for _, id := range p.asks {
				p.room.Say(Said{By: Who{User: st.From.Bare(), Nick: "fuzzy"}, Content: text(script), ID: id, Ref: id})
				p.room.Confirm(id)
				p.room.Refuse(id, wire.StanzaError{Condition: wire.ConditionForbidden, Text: script})
			}
			p.asks = nil
		}
	})
}

// Typing and reading are told within bounds, and what is beyond is counted.
func TestSignalsAreBounded(t *testing.T) {
	p := newPlay(t)
	left := new(atomic.Int64)
	p.open(Options{LeftOut: left})
	enter(t, p.room, 0)
	p.room.SetMembers(natives(1), false)
	p.log = nil
	for i := range 4 * maxSignalsOf {
		what := [...]string{"composing", "paused"}[i%2]
		p.room.Handle(parse(t, fmt.Sprintf("<message from='%s' to='%s' type='groupchat'><%s xmlns='%s'/></message>", userJID(0), testRoom, what, nsChatStates)))
	}
	told := strings.Count(strings.Join(p.log, "\n"), "muc.Typing")
	if told < maxSignalsOf || told > maxSignalsOf+2 || left.Load() == 0 || p.room.users[0].signals.typing {
		t.Errorf("%d were told, %d left out", told, left.Load())
	}
	left.Store(0)
	p.log = nil
	native := Who{Nick: native(0).Nick}
	for range 2 * maxSignals {
		p.room.SetRead(native, "e")
	}
	if len(p.log) < maxSignals || left.Load() < maxSignals/2 {
		t.Errorf("%d were shown, %d left out", len(p.log), left.Load())
	}
}

// Which id of ours a recent message of a user has, is known; the newest counts.
func TestOwnIDs(t *testing.T) {
	var l ownIDs
	l.add("", "o")
	l.add("same", "same")
	l.add(strings.Repeat("x", maxMarker+1), "o")
	if len(l.list) != 0 {
		t.Error(l.list)
	}
	for i := range maxOwnIDs + 2 {
		l.add("t"+strconv.Itoa(i), "o"+strconv.Itoa(i))
	}
	l.add("t5", "other")
	for named, want := range map[string]string{"t0": "t0", "t2": "t2", "t3": "o3", "t5": "other", "o7": "o7", "": ""} {
		if got := l.find(named); got != want {
			t.Errorf("%q is %q", named, got)
		}
	}
}

// How much history a client wants (XEP-0045 §7.2.13).
func TestWanted(t *testing.T) {
	for attrs, want := range map[string]int{
		"":                                    usualHistory,
		"maxstanzas='7'":                      7,
		"maxstanzas='0'":                      0,
		"maxchars='0'":                        0,
		"maxchars='0' maxstanzas='7'":         0,
		"seconds='180'":                       maxHistory,
		"seconds='180' maxstanzas='7'":        7,
		"seconds='0' maxstanzas='7'":          0,
		"since='1970-01-01T00:00:00Z'":        maxHistory,
		"since='9999-01-01T00:00:00Z'":        0,
		"since='2020-01-01T00:00:00.5+02:00'": maxHistory,
		"maxstanzas='5000'":                   maxHistory,
		"maxstanzas=' 5'":                     usualHistory,
		"maxchars='-1' seconds='x' since=''":  usualHistory,
	} {
		x := parse(t, "<presence><x xmlns='"+nsMUC+"'><history "+attrs+"/></x></presence>")
		e, _ := x.Child(nsMUC, "x")
		if got := newWanted(e).most(); got != want {
			t.Errorf("%s: %d, not %d", attrs, got, want)
		}
	}
}
