package guest

import (
	"fmt"
	"runtime"
	"testing"

	"isthmus/bridge"
	"isthmus/xmppside/component"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// quiet is a core and a server that keep nothing.
type quiet struct{ joins int }

func (q *quiet) Publish(e bridge.Event) {
	if _, in := e.Body.(bridge.Join); in && e.Ref != "" {
		q.joins++
	}
}
func (q *quiet) Send(_ string, f func(b []byte) []byte) { f(nil) }
func (q *quiet) Query(_ wire.Header, _ func(b []byte) []byte, done func(*wire.Stanza, error)) {
	done(nil, component.ErrTimeout)
}

// A puppet costs at most 2 KiB beyond the room: who of a thousand stays to be seen.
func TestPuppetMemory(t *testing.T) {
	const many = 1000
	q := &quiet{}
	r := New(testLeg, testRoom, Options{Core: q, Sender: q, Counters: &Counters{}, Origins: NewOrigins(),
		Person:  func(at jid.JID) (bridge.Person, bool) { return bridge.Person{Network: "net", ID: at.Local()}, true },
		Address: func(p bridge.Person) (jid.JID, error) { return puppetJID(p).Bare(), nil },
	})
	defer r.Shutdown("")
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	handle := func(format string, args ...any) {
		st, err := wire.Parse(fmt.Appendf(nil, format, args...))
		if err != nil {
			t.Fatal(err)
		}
		r.Handle(&st)
	}
	before := heap()
	for i := range many {
		nick := fmt.Sprintf("somebody%d", i)
		who := bridge.Person{Network: "net", ID: nick}
		as := puppetJID(who)
		r.Deliver(bridge.Event{ID: "j" + nick, Room: testLeg, By: who, Name: nick, Body: bridge.Join{}}, as)
		if i > 0 {
			handle("<presence from='go@muc.example/%s' to='somebody0%%net@irc.gw/isthmus'><x xmlns='http://jabber.org/protocol/muc#user'><item jid='%s' affiliation='none' role='participant'/></x></presence>", nick, as)
		}
		handle("<presence from='go@muc.example/%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>", nick, as)
		if i == 0 {
			handle("<message from='go@muc.example' to='%s' type='groupchat'><subject/></message>", as)
		}
	}
	each := (heap() - before) / many
	t.Logf("%d bytes each", each)
	if q.joins != many || each > 2<<10 {
		t.Errorf("%d of %d are in, with %d bytes each", q.joins, many, each)
	}
}
