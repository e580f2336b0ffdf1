package matrixside

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/e2e/golden"
	"isthmus/matrixside/format"
	"isthmus/matrixside/names"
)

// TestPortalTranscripts plays testdata/portal/*.txt: what is delivered to a portal
// ("> ") and what happens in its Matrix room ("@ "), and below it what is to be
// done ("< "). A line is
//
//	> kind by=network:id name=Name id=1 ref=1 {body}
//	@ sender type key=key id=$1 {content}
//
// "settle" has all ghosts come and go that are due, "later" is half a minute.
func TestPortalTranscripts(t *testing.T) { golden.Test(t, "testdata/portal/*.txt", playPortal) }

var testNames = names.Names{Server: "hs", Bot: "isthmusbot"}

// portalScript is a transcript being played.
type portalScript struct {
	t     *testing.T
	state *portalState
	out   strings.Builder
	now   time.Time
	keys  map[id.UserID]string
	deny  map[id.UserID]string
}

func newPortalScript(t *testing.T, room string, most int) *portalScript {
	s := &portalScript{t: t, now: time.Unix(1000, 0), keys: map[id.UserID]string{}, deny: map[id.UserID]string{}}
	there, network, _ := names.SplitPortal(room)
	n := 100
	s.state = &portalState{
		room: bridge.Room{Network: bridge.NetworkMatrix, ID: room}, network: network, there: there, home: network, bot: testNames.BotID(),
		admit:   func(user id.UserID) string { return s.deny[user] },
		dropped: func(user id.UserID) { fmt.Fprintf(&s.out, "< dropped %s\n", user) },
		key:     func(user id.UserID) string { return s.keys[user] }, now: func() time.Time { return s.now },
		newID: func() string { n++; return fmt.Sprint(n) },
		ghostOf: func(p bridge.Person) id.UserID {
			if p.Network == bridge.NetworkMatrix || p == (bridge.Person{}) {
				return ""
			}
			return testNames.Ghost(p)
		},
		isOurs: testNames.IsOurs, personOf: testNames.Person,
		parse: func(e *event.Event) (bridge.Message, bool) { return format.Parse(e, format.In{}) },
		users: map[id.UserID]*portalUser{}, gone: map[id.UserID]since{}, banned: map[id.UserID]bool{}, asked: map[string]*portalAsked{}, levels: map[id.UserID]int{}, typing: map[id.UserID]bool{},
		crowd: newCrowd(most, func(bridge.Person, int) {}), name: there,
	}
	return s
}

func playPortal(t *testing.T, text string) string {
	var s *portalScript
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "<" {
			if line == "" && s != nil {
				s.out.WriteString("\n")
			}
			continue
		}
		if f[0] == "room" { // room ~#go%libera 3
			var most int
			fmt.Sscan(f[2], &most)
			s = newPortalScript(t, f[1], most)
		}
		s.out.WriteString(line + "\n")
		switch f[0] {
		case "#", "room":
		case "key":
			s.keys[id.UserID(f[1])] = f[2]
		case "deny":
			s.deny[id.UserID(f[1])] = strings.Join(f[2:], " ")
		case ">":
			s.state.deliver(s.event(line[2:]))
		case "@":
			e := s.matrixEvent(line[2:])
			s.state.handle(e, func() { fmt.Fprintf(&s.out, "< done %s\n", e.ID) })
		case "~":
			s.state.ephemeral(s.matrixEvent(line[2:]))
		case "arrive": // arrive @bob:hs=Bob ...
			users := map[id.UserID]mautrix.JoinedMember{}
			for _, u := range f[1:] {
				user, name, _ := strings.Cut(u, "=")
				users[id.UserID(user)] = mautrix.JoinedMember{DisplayName: name}
			}
			s.state.arrive(users, true)
		case "later":
			s.now = s.now.Add(30 * time.Second)
			s.state.tick()
		case "looks": // looks @bob:hs uri hash
			s.state.looks(id.UserID(f[1]), f[2], f[3])
		case "settle":
			s.settle()
		case "shown": // shown id $event: what we sent
			s.state.shown.add(f[1], id.EventID(f[2]))
		default:
			t.Fatalf("what is %q?", line)
		}
		s.acts()
	}
	return s.out.String()
}

func (s *portalScript) settle() {
	for {
		g, due, ok := s.state.crowd.next()
		switch {
		case !ok:
			return
		case !due.wanted:
			fmt.Fprintf(&s.out, "< goes %s %q\n", g, due.reason)
			s.state.crowd.did(g, false)
		case due.in:
			fmt.Fprintf(&s.out, "< renames %s %q\n", g, due.name)
			s.state.crowd.named(g, due.name)
		default:
			fmt.Fprintf(&s.out, "< comes %s %q\n", g, due.name)
			s.state.crowd.did(g, true)
			s.state.crowd.named(g, due.name)
		}
		s.state.crowd.over(g)
	}
}

// acts writes what is to be done, and does as the portal would.
func (s *portalScript) acts() {
	for _, a := range s.state.take() {
		switch a := a.(type) {
		case actPublish:
			e := a.event
			if e.Room != s.state.room {
				s.t.Errorf("published into %s", e.Room)
			}
			fmt.Fprintf(&s.out, "< publish %s\n", s.format(e))
		case actSay:
			_, in, may := s.state.crowd.entry(a.ghost)
			if !in && may {
				fmt.Fprintf(&s.out, "< comes %s\n", a.ghost)
				s.state.crowd.did(a.ghost, true)
				s.state.crowd.named(a.ghost, a.event.Name)
			}
			fmt.Fprintf(&s.out, "< say %q %s\n", a.ghost, s.format(a.event))
		case actFlush:
			for {
				held := s.state.flushed(a.user)
				if len(held) == 0 {
					break
				}
				for _, h := range held {
					s.state.speak(h.event, s.state.users[a.user], h.done)
					s.acts()
				}
			}
		case actDone:
			a.done()
		case actSettle, actRetry:
		default:
			fmt.Fprintf(&s.out, "< %s %+v\n", strings.TrimPrefix(fmt.Sprintf("%T", a), "matrixside.act"), a)
		}
	}
}

// event reads "kind by=libera:rob name=rob id=1 ref=1 {body}".
func (s *portalScript) event(line string) (e bridge.Event) {
	head, body, _ := strings.Cut(line, " {")
	f := strings.Fields(head)
	m := map[string]any{"kind": f[0], "room": s.state.room, "body": json.RawMessage("{" + body)}
	if body == "" {
		m["body"] = json.RawMessage("{}")
	}
	for _, field := range f[1:] {
		key, value, _ := strings.Cut(field, "=")
		if key == "by" {
			m[key] = personOf(value)
		} else {
			m[key] = value
		}
	}
	j, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(j, &e)
	}
	if err != nil {
		s.t.Fatalf("%v in %q", err, line)
	}
	return e
}

func personOf(text string) bridge.Person {
	network, who, _ := strings.Cut(text, ":")
	return bridge.Person{Network: network, ID: who}
}

func (s *portalScript) format(e bridge.Event) string {
	j, err := json.Marshal(e)
	var m struct {
		Kind string
		Body json.RawMessage
	}
	if err == nil {
		err = json.Unmarshal(j, &m)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	text := m.Kind
	if e.By != (bridge.Person{}) {
		text += " by=" + e.By.String()
	}
	for _, f := range [][2]string{{"name", e.Name}, {"id", e.ID}, {"ref", e.Ref}} {
		if f[1] != "" {
			text += " " + f[0] + "=" + f[1]
		}
	}
	return text + " " + string(m.Body)
}

// matrixEvent reads "sender type key=key id=$1 at=1 {content}".
func (s *portalScript) matrixEvent(line string) *event.Event {
	head, content, _ := strings.Cut(line, " {")
	f := strings.Fields(head)
	m := map[string]any{"sender": f[0], "type": f[1], "content": json.RawMessage("{" + content), "origin_server_ts": s.now.UnixMilli()}
	for _, field := range f[2:] {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "key":
			m["state_key"] = value
		case "id":
			m["event_id"] = value
		case "at":
			var at int64
			fmt.Sscan(value, &at)
			m["origin_server_ts"] = at
		}
	}
	j, err := json.Marshal(m)
	e := &event.Event{}
	if err == nil {
		err = json.Unmarshal(j, e)
	}
	if err != nil {
		s.t.Fatalf("%v in %q", err, line)
	}
	if e.StateKey != nil {
		e.Type.Class = event.StateEventType
	} else if strings.HasPrefix(line, "-") {
		e.Type.Class = event.EphemeralEventType
	}
	if f[1] == "m.typing" || f[1] == "m.receipt" {
		e.Type.Class = event.EphemeralEventType
	}
	_ = e.Content.ParseRaw(e.Type)
	return e
}
