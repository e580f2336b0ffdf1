package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/e2e/golden"
)

// TestTranscripts plays testdata/*.txt: what the rooms of a link tell ("> "),
// and below it what the link asks of rooms ("< "), what it says in the log
// ("! ") and what the audit log gets ("= "). Lines are
//
//	person alice xmpp alice@example.org
//	room muc xmpp lounge@conference.example.org {options as JSON}
//	                      (ref=asked and ref=last name what that person, or room, was asked last)
//	link [undo|off]       the link of those rooms begins; again: with what they are now
//	> muc kind by=person name=Name id=1 ref=1 {body}
//	pass 10s              time passes
//	in muc: alice bob     shorthand: the Keeper joins, and those are there
//	status
//	who NAME
//	unban NAME
func TestTranscripts(t *testing.T) { golden.Test(t, "testdata/*.txt", play) }

type script struct {
	t       *testing.T
	state   *state
	link    Link
	rooms   map[string]bridge.Room // their own, of the mapping
	at      map[string]bridge.Room
	persons map[string]bridge.Person
	last    map[bridge.Room]string // the id of what a room was asked last
	ids     int
	out     strings.Builder
}

func play(t *testing.T, text string) string {
	s := &script{t: t, last: map[bridge.Room]string{}, rooms: map[string]bridge.Room{}, at: map[string]bridge.Room{}, persons: map[string]bridge.Person{"keeper": bridge.Keeper}}
	s.link.Name = "link"
	s.state = newState("link")
	s.state.now = time.Unix(1_000_000, 0).UTC()
	s.state.newID = func() string { s.ids++; return fmt.Sprint("i", s.ids) }
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		f := strings.Fields(line)
		if len(f) == 0 {
			s.out.WriteString("\n")
			continue
		}
		if strings.Contains("< ! =", f[0]) {
			continue
		}
		s.out.WriteString(line + "\n")
		s.line(line, f)
		s.effects()
	}
	return s.out.String()
}

func (s *script) line(line string, f []string) {
	switch f[0] {
	case "#":
	case "person":
		s.persons[f[1]] = bridge.Person{Network: f[2], ID: f[3]}
	case "room":
		at := bridge.Room{Network: f[2], ID: f[3]}
		r := Room{At: at, Nick: "isthmus"}
		if _, opts, ok := strings.Cut(line, "{"); ok {
			if err := json.Unmarshal([]byte("{"+opts), &r); err != nil {
				s.t.Fatal(line, err)
			}
		}
		s.drop(f[1])
		s.at[f[1]], s.rooms[f[1]] = at, s.link.id(r)
		s.link.Rooms = append(s.link.Rooms, r)
	case "unroom":
		s.drop(f[1])
	case "link":
		if len(f) > 1 {
			s.link.Moderation = map[string]Moderation{"undo": Undo, "off": Off, "apply": Apply}[f[1]]
		}
		l := s.link
		l.Rooms = append([]Room(nil), l.Rooms...)
		s.state.configure(l)
	case "dissolve":
		s.state.dissolve()
	case ">":
		s.state.take(s.parse(line[2:]))
	case "in":
		s.comeIn(strings.TrimSuffix(f[1], ":"), f[2:])
	case "pass":
		d, err := time.ParseDuration(f[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.pass(d)
	case "status":
		s.dump(s.state.status())
	case "unban":
		for _, b := range s.state.unban(f[1]) {
			fmt.Fprintf(&s.out, "= lifted %s\n", s.personName(b.Person))
		}
	case "who":
		for _, p := range s.state.explain(f[1]) {
			fmt.Fprintf(&s.out, "= %s in %s: %s %s\n", p.Name, s.roomName(bridge.Room{Network: bridge.NetworkMapped, ID: "link/" + p.Room.String()}), p.How, p.Why)
		}
	default:
		s.t.Fatalf("what is %q?", line)
	}
}

func (s *script) drop(name string) {
	for i, r := range s.link.Rooms {
		if r.At == s.at[name] {
			s.link.Rooms = append(append([]Room(nil), s.link.Rooms[:i]...), s.link.Rooms[i+1:]...)
			return
		}
	}
}

// pass lets time pass, waking the state when it wants to be.
func (s *script) pass(d time.Duration) {
	end := s.state.now.Add(d)
	for !s.state.wake.IsZero() && !s.state.wake.After(end) {
		if s.state.wake.After(s.state.now) {
			s.state.now = s.state.wake
		}
		s.state.tick()
		s.effects()
	}
	s.state.now = end
}

// comeIn answers the Keeper's Join, and has people there.
func (s *script) comeIn(room string, people []string) {
	k := s.state.legOf(s.rooms[room])
	var list bridge.Members
	for _, name := range people {
		list.Members = append(list.Members, bridge.Member{Person: s.persons[name], Name: name, Role: bridge.RoleParticipant})
	}
	s.state.take(bridge.Event{Room: s.rooms[room], Body: list})
	s.state.take(bridge.Event{Room: s.rooms[room], By: bridge.Keeper, Name: "isthmus", Ref: k.keeper.asked, Body: bridge.Join{Role: bridge.RoleModerator}})
}

func (s *script) effects() {
	for _, e := range s.state.out.ask {
		fmt.Fprintf(&s.out, "< %s\n", s.format(e))
		s.last[e.Room] = e.ID
	}
	for _, a := range s.state.out.audit {
		fmt.Fprintf(&s.out, "= audit %s %s by %q in %s, in %s: %s\n", a.Action, a.Name, a.Actor, a.From.Network, a.Room.Network, a.Result)
	}
	for _, l := range s.state.out.log {
		if l.text != "moderation" {
			fmt.Fprintf(&s.out, "! %s\n", l.text)
		}
	}
	for _, b := range s.state.out.bans {
		fmt.Fprintf(&s.out, "= ban %s lift=%v\n", s.personName(b.ban.Person), b.lift)
	}
	s.state.out = effects{}
}

func (s *script) dump(st LinkStatus) {
	for _, r := range st.Rooms {
		fmt.Fprintf(&s.out, "= %s %s %q natives=%d puppets=%d relayed=%d waiting=%d delivered=%d failed=%d ignored=%d\n",
			r.Room, r.State, r.Why, r.Natives, r.Puppets, r.Relayed, r.Waiting, r.Delivered, r.Failed, len(r.Ignored))
	}
}

func (s *script) parse(line string) bridge.Event {
	head, body, _ := strings.Cut(line, " {")
	f := strings.Fields(head)
	e := bridge.Event{Room: s.rooms[f[0]], At: s.state.now}
	if e.Room.Network == "" {
		s.t.Fatalf("no such room: %q", line)
	}
	fields := map[string]any{"kind": f[1]}
	for _, field := range f[2:] {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "by":
			e.By = s.persons[value]
		case "name", "id", "ref":
			fields[key] = value
		default:
			s.t.Fatalf("what is %q in %q?", key, line)
		}
	}
	for name, p := range s.persons { // "@bob" stands for a Person in a body
		j, _ := json.Marshal(p)
		body = strings.ReplaceAll(body, `"@`+name+`"`, string(j))
	}
	if body == "" {
		body = "}"
	}
	fields["body"] = json.RawMessage("{" + body)
	fields["room"] = e.Room
	text, err := json.Marshal(fields)
	if err != nil {
		s.t.Fatalf("%v in %q", err, line)
	}
	var got bridge.Event
	if err := json.Unmarshal(text, &got); err != nil {
		s.t.Fatalf("%v in %q", err, line)
	}
	got.By, got.At = e.By, e.At
	if k := s.state.legOf(e.Room); got.Ref == "asked" { // the Join or Rename of that person there
		if got.Ref = k.keeper.asked; e.By != bridge.Keeper {
			got.Ref = k.as[e.By].asked
		}
	} else if got.Ref == "last" { // what that room was asked last
		got.Ref = s.last[e.Room]
	}
	return got
}

func (s *script) format(e bridge.Event) string {
	text, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	var w struct {
		Kind string          `json:"kind"`
		Body json.RawMessage `json:"body"`
	}
	if err := json.Unmarshal(text, &w); err != nil {
		s.t.Fatal(err)
	}
	line := s.roomName(e.Room) + " " + w.Kind
	for _, f := range [][2]string{{"by", s.personName(e.By)}, {"via", s.personName(e.Via)}, {"name", e.Name}, {"id", e.ID}, {"ref", e.Ref}} {
		if f[1] != "" {
			line += " " + f[0] + "=" + f[1]
		}
	}
	for name, p := range s.persons {
		j, _ := json.Marshal(p)
		w.Body = bytes.ReplaceAll(w.Body, j, []byte(`"@`+name+`"`))
	}
	return line + " " + string(w.Body)
}

func (s *script) personName(p bridge.Person) string {
	for name, known := range s.persons {
		if known == p {
			return name
		}
	}
	if p == (bridge.Person{}) {
		return ""
	}
	return p.String()
}

func (s *script) roomName(r bridge.Room) string {
	for name, known := range s.rooms {
		if known == r {
			return name
		}
	}
	return r.String()
}
