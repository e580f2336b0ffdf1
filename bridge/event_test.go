package bridge

import (
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestJSON: every kind of event survives JSON, as a side in another process would need.
func TestJSON(t *testing.T) {
	bob := Person{"libera", "bob"}
	samples := []Body{
		Message{
			Text: "a\nb", Emote: true, Notice: true, Native: "n",
			Spans: []Span{{0, 1, StyleLink, "https://example.org", bob}},
			Files: []File{{"https://example.org/a.png", "a.png", "image/png", 1, 2, 3, 4}},
		},
		Join{
			Password: "p", Created: true, Role: RoleOwner, Wanted: 20, Relayed: true,
			History: []Said{{"i", time.Unix(1, 0).UTC(), bob, "bob", Message{Text: "t"}}},
		},
		Profile{"0a"}, Typing{true}, Read{"i"}, Invite{bob, "#r%hs", "r"}, RoomInfo{"n", "0a"}, Moved{"#r%hs", "r"},
		Leave{Cause: CauseSplit, Reason: "r", Actor: "a"},
		Rename{To: "bob2", Person: bob}, Presence{ShowDND, "busy"},
		RoleChange{"bob", RoleVoiced, "op"}, Expel{"bob", bob, true, "r"}, Pardon{bob, "op"}, Topic{"t"},
		Members{[]Member{{bob, "bob", RoleModerator, ShowAway, "s", "0a"}}, true},
		Attachment{true, "t"}, Session{true, "t"}, Info{"t"}, Watch{true},
		Query{QueryWho, "s", "a", 3}, Answer{[][]string{{"a", "b"}}, true, "n", 9},
		Confirm{"n"}, Failure{ErrBanned, "t"}, Lost{3},
	}
	if len(samples) != len(bodies) {
		t.Fatalf("%d samples for %d kinds", len(samples), len(bodies))
	}
	for _, body := range samples {
		e := Event{
			ID: NewID(), Room: Room{"xmpp", "#go%libera@gw", Person{"xmpp", "alice@example.org"}}, By: bob,
			Name: "bob", Via: Keeper, Ref: NewID(), At: time.Unix(1, 2).UTC(), Body: body,
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back Event
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(e, back) {
			t.Errorf("%s\n came back as %+v (%v)", text, back, err)
		}
	}
	var e Event
	if err := json.Unmarshal([]byte(`{"kind":"party","body":{}}`), &e); err == nil {
		t.Error("an unknown kind must be an error")
	}
}

// TestLogged: rooms and people are the same text in logs of both formats.
func TestLogged(t *testing.T) {
	var out strings.Builder
	for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(h).Info("", "room", Room{Network: "libera", ID: "#go"}, "session", Person{"xmpp", "alice@example.org"})
	}
	for _, want := range []string{
		`"room":"libera:#go","session":"xmpp:alice@example.org"`, "room=libera:#go session=xmpp:alice@example.org",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, &out)
		}
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if seen[id] || len(id) != 26 {
			t.Fatalf("bad id %q", id)
		}
		seen[id] = true
	}
}
