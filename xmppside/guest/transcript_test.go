package guest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus/bridge"
	"isthmus/e2e/golden"
	"isthmus/xmppside/component"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// TestTranscripts plays testdata/*.txt. What goes in:
//
//	> <stanza from='room/nick' to='puppet'/>   the room's server says something
//	= join by=bob name=Bob id=1 {"password":"x"}   the core delivers something
//	* 15m           time passes
//	a 2 <payload/>  the second question is answered; "a 2 error item-not-found", "a 2 timeout"
//	down, up, evict bob, shutdown (down irc.gw: that domain)
//
// What comes out: "<" a stanza, "?" a question with its number, "!" an event
// for the core, "closed". All else is left as it stands.
func TestTranscripts(t *testing.T) {
	golden.Test(t, "testdata/*.txt", func(t *testing.T, script string) (out string) {
		synctest.Test(t, func(t *testing.T) { out = newPlay(t).all(script) })
		return out
	})
}

var (
	testRoom = jid.MustParse("go@muc.example")
	testLeg  = bridge.Room{Network: bridge.NetworkXMPP, ID: "go@muc.example"}
)

// play is a room between a core and a server that only take notes.
type play struct {
	t        testing.TB
	room     *Room
	counters Counters

	mu    sync.Mutex // the room's timer is another goroutine
	log   []string
	last  string // the id of the last event that has one, "LAST" in transcripts
	asked []func(*wire.Stanza, error)
}

func (p *play) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, line)
}

func newPlay(t testing.TB) *play {
	p := &play{t: t}
	p.room = New(testLeg, testRoom, Options{
		Core: p, Sender: p, Counters: &p.counters, Origins: NewOrigins(),
		Person: func(at jid.JID) (bridge.Person, bool) {
			name, network, _ := strings.Cut(at.Local(), "%")
			switch at.Domain() {
			case "matrix.gw":
				return bridge.Person{Network: bridge.NetworkMatrix, ID: "@" + name + ":hs"}, true
			case "irc.gw":
				return bridge.Person{Network: network, ID: name}, true
			}
			return bridge.Person{Network: bridge.NetworkXMPP, ID: at.Bare().String()}, true
		},
		Address: func(p bridge.Person) (jid.JID, error) {
			switch p.Network {
			case bridge.NetworkXMPP:
				return jid.Parse(p.ID)
			case "libera":
				return jid.JID{}, errors.New("no address")
			}
			return puppetJID(p).Bare(), nil
		},
		Closed: func(*Room) { p.note("closed") },
	})
	return p
}

func (p *play) Publish(e bridge.Event) {
	if e.ID != "" {
		p.mu.Lock()
		p.last = e.ID
		p.mu.Unlock()
	}
	p.note("! " + formatEvent(e))
}

func (p *play) Send(domain string, f func(b []byte) []byte) {
	d := wire.NewDecoder(strings.NewReader(string(f(nil))), wire.DefaultLimits)
	for st, err := d.Next(); err == nil; st, err = d.Next() {
		if st.From.Domain() != domain {
			p.t.Errorf("sent by way of %s: %s", domain, st.Raw())
		}
		p.note("< " + st.Raw())
	}
}

func (p *play) Query(h wire.Header, payload func(b []byte) []byte, done func(*wire.Stanza, error)) {
	p.mu.Lock()
	p.asked = append(p.asked, done)
	n := len(p.asked)
	p.mu.Unlock()
	p.note(fmt.Sprintf("? %d %s to %s: %s", n, h.From, h.To, payload(nil)))
}

// formatEvent writes one event: who, as whom, in answer to what, and what.
func formatEvent(e bridge.Event) string {
	var w struct {
		Kind string
		Body json.RawMessage
	}
	b, _ := json.Marshal(e)
	_ = json.Unmarshal(b, &w)
	out := w.Kind
	if e.Room != testLeg {
		out += " in=" + e.Room.ID + "," + e.Room.Owner.ID
	}
	for _, f := range [][2]string{{"by", strings.TrimPrefix(e.By.ID, "go@muc.example")}, {"name", e.Name}, {"ref", e.Ref}} {
		if f[1] != "" {
			out += " " + f[0] + "=" + strconv.Quote(f[1])
		}
	}
	if !e.At.IsZero() {
		out += " at=" + e.At.Format(time.RFC3339)
	}
	return out + " " + string(w.Body)
}

// parseEvent reads "kind by=bob name=Bob id=1 in=room {body}".
func parseEvent(t testing.TB, line string) bridge.Event {
	head, body, has := strings.Cut(line, " {")
	if body = "{" + body; !has {
		body = "{}"
	}
	f := strings.Fields(head)
	e := bridge.Event{Room: testLeg, Body: bridge.Info{}}
	for _, field := range f[1:] {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "by":
			e.By = testPerson(value)
		case "via":
			e.Via = testPerson(value)
		case "name":
			e.Name = value
		case "id":
			e.ID = value
		case "in":
			e.Room = bridge.Room{Network: bridge.NetworkXMPP, ID: value, Owner: e.By}
		}
	}
	var whole map[string]json.RawMessage
	b, _ := json.Marshal(e)
	_ = json.Unmarshal(b, &whole)
	whole["kind"], whole["body"] = json.RawMessage(strconv.Quote(f[0])), json.RawMessage(body)
	b, _ = json.Marshal(whole)
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return e
}

// testPerson is somebody of Matrix ("bob"), of IRC ("net:rob"), the bridge
// itself ("keeper") or somebody in the room ("/romeo").
func testPerson(s string) bridge.Person {
	switch nick, irc := strings.CutPrefix(s, "net:"); {
	case irc:
		return bridge.Person{Network: "net", ID: nick}
	case s == "keeper":
		return bridge.Keeper
	case s[0] == '/':
		return bridge.Person{Network: bridge.NetworkXMPP, ID: testRoom.String() + s}
	}
	return bridge.Person{Network: bridge.NetworkMatrix, ID: "@" + s + ":hs"}
}

func puppetJID(who bridge.Person) jid.JID {
	if who.Network != bridge.NetworkMatrix {
		return jid.MustParse(who.ID + "%" + who.Network + "@irc.gw/isthmus")
	}
	name := strings.TrimSuffix(strings.TrimPrefix(who.ID, "@"), ":hs")
	return jid.MustParse(name + "%hs@matrix.gw/isthmus")
}

// all plays a whole transcript and returns it with what came of it.
func (p *play) all(script string) string {
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		verb, rest, _ := strings.Cut(line, " ")
		if slices.Contains([]string{"<", "?", "!", "closed"}, verb) {
			continue
		}
		p.step(verb, rest)
		synctest.Wait()
		out.WriteString(line + "\n")
		p.mu.Lock()
		for _, l := range p.log {
			out.WriteString(l + "\n")
		}
		p.log = nil
		p.mu.Unlock()
	}
	p.room.Shutdown("the end") // its timer would outlive the test
	return out.String()
}

func (p *play) step(verb, rest string) {
	switch verb {
	case ">":
		st, err := wire.Parse([]byte(rest))
		if err != nil {
			p.t.Fatalf("%v: %s", err, rest)
		}
		if !p.room.Handle(&st) {
			p.note("! not of this room")
		}
	case "=":
		e := parseEvent(p.t, strings.ReplaceAll(rest, "LAST", p.last))
		who := e.By
		if e.Via != (bridge.Person{}) {
			who = e.Via
		}
		if !p.room.Deliver(e, puppetJID(who)) {
			p.note("closed already")
		}
	case "*":
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(d)
	case "a":
		p.answer(rest)
	case "down":
		p.room.Down(cmp.Or(rest, "matrix.gw"))
	case "up":
		p.room.Up("matrix.gw")
	case "evict":
		p.room.Evict(func(who bridge.Person, _ jid.JID) bool { return who.ID == "@"+rest+":hs" }, "You may not be here.")
	case "shutdown":
		p.room.Shutdown("The gateway is shutting down.")
	}
}

func (p *play) answer(rest string) {
	number, how, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	if err != nil || n > len(p.asked) {
		p.t.Fatalf("no such question: %s", rest)
	}
	p.mu.Lock()
	done := p.asked[n-1]
	p.mu.Unlock()
	condition, failed := strings.CutPrefix(how, "error ")
	switch {
	case how == "timeout":
		done(nil, component.ErrTimeout)
	case failed:
		done(nil, wire.StanzaError{Condition: wire.Condition(condition)})
	default:
		st, err := wire.Parse([]byte("<iq xmlns='" + wire.NSComponent + "' from='go@muc.example' to='x@y' type='result'>" + how + "</iq>"))
		if err != nil {
			p.t.Fatal(err)
		}
		done(&st, nil)
	}
}
