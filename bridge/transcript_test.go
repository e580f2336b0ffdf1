package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/golden"
)

// TestTranscripts plays testdata/*.txt: what is published to a portal ("> "),
// and below it what the portal delivers ("< ") and records ("= "). A line is
//
//	> room kind by=person name=Name id=1 ref=1 {body}
//
// with the rooms and persons by the short names that the file's first lines
// give them ("room muc xmpp #go%libera@gw", "person alice xmpp alice@example.org").
func TestTranscripts(t *testing.T) { golden.Test(t, "testdata/*.txt", play) }

// script is a transcript being played.
type script struct {
	t       *testing.T
	state   *state
	rooms   map[string]Room
	persons map[string]Person
}

func play(t *testing.T, text string) string {
	s := &script{t: t, rooms: map[string]Room{}, persons: map[string]Person{}}
	var out strings.Builder
	var legs []leg
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "<" || f[0] == "=" {
			if line == "" {
				out.WriteString("\n")
			}
			continue
		}
		out.WriteString(line + "\n")
		switch f[0] {
		case "#":
		case "person": // person alice xmpp alice@example.org
			s.persons[f[1]] = Person{f[2], f[3]}
		case "room": // room muc xmpp #go%libera@gw [authority] [owner=alice]
			l := leg{room: Room{Network: f[2], ID: strings.Trim(f[3], `"`)}}
			for _, flag := range f[4:] {
				l.authority = l.authority || flag == "authority"
				if owner, ok := strings.CutPrefix(flag, "owner="); ok {
					l.room.Owner = s.persons[owner]
				}
			}
			s.rooms[f[1]] = l.room
			legs = append(legs, l)
		case ">":
			if s.state == nil {
				s.state = newState(legs)
				s.state.out = new(effects)
				n := 100
				s.state.newID = func() string { n++; return fmt.Sprint(n) }
			}
			s.state.step(s.parse(line[2:]))
			s.effects(&out)
		case "resync":
			s.state.resync(s.rooms[f[1]], 3)
			s.effects(&out)
		case "idle?":
			fmt.Fprintf(&out, "= idle %v\n", s.state.idle())
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	return out.String()
}

func (s *script) effects(out *strings.Builder) {
	for _, e := range s.state.out.deliver {
		fmt.Fprintf(out, "< %s\n", s.format(e))
	}
	for _, r := range s.state.out.record {
		fmt.Fprintf(out, "= record %s %s %s\n", r.ID, s.roomName(r.Room), r.Native)
	}
	*s.state.out = effects{}
}

func (s *script) parse(line string) Event {
	head, body, _ := strings.Cut(line, " {")
	f := strings.Fields(head)
	e := Event{Room: s.rooms[f[0]], At: time.Unix(0, 0).UTC()}
	if e.Room.Network == "" {
		s.t.Fatalf("no such room: %q", line)
	}
	for _, field := range f[2:] {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "by":
			e.By = s.persons[value]
		case "name":
			e.Name = value
		case "id":
			e.ID = value
		case "ref":
			e.Ref = value
		case "via":
			e.Via = s.persons[value]
		default:
			s.t.Fatalf("what is %q in %q?", key, line)
		}
	}
	for name, p := range s.persons { // "@bob" stands for a Person in a body
		j, _ := json.Marshal(p)
		body = strings.ReplaceAll(body, `"@`+name+`"`, string(j))
	}
	decode := bodies[f[1]]
	if decode == nil {
		s.t.Fatalf("no such kind: %q", line)
	}
	if body == "" {
		body = "}"
	}
	var err error
	if e.Body, err = decode(json.RawMessage("{" + body)); err != nil {
		s.t.Fatalf("%v in %q", err, line)
	}
	return e
}

func (s *script) format(e Event) string {
	text := s.roomName(e.Room) + " " + e.Body.kind()
	if e.By != (Person{}) {
		text += " by=" + s.personName(e.By)
	}
	if e.Via != (Person{}) {
		text += " via=" + s.personName(e.Via)
	}
	for _, f := range [][2]string{{"name", e.Name}, {"id", e.ID}, {"ref", e.Ref}} {
		if f[1] != "" {
			text += " " + f[0] + "=" + f[1]
		}
	}
	body, err := json.Marshal(e.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, p := range s.persons {
		j, _ := json.Marshal(p)
		body = bytes.ReplaceAll(body, j, []byte(`"@`+name+`"`))
	}
	return text + " " + string(body)
}

func (s *script) roomName(r Room) string {
	for name, room := range s.rooms {
		if room == r {
			return name
		}
	}
	return r.String()
}

func (s *script) personName(p Person) string {
	for name, person := range s.persons {
		if person == p {
			return name
		}
	}
	return p.String()
}
