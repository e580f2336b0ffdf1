package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/audit"
	"isthmus/bridge/config"
	"isthmus/bridge/mapping"
)

const linked = `
links:
  - name: lounge
    rooms:
      - { xmpp: lounge@conference.example.org }
      - { irc: libera, channel: "#Lounge" }
`

// running starts a gateway whose servers can't be reached, and gives its file.
func running(t *testing.T, more string) (*gateway, string) {
	t.Helper()
	path := gatewayFile(t, t.TempDir(), more)
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var out lockedBuffer
	log, _ := newLogger(cfg.Log, &out)
	g, err := newGateway(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	g.start()
	t.Cleanup(g.stop)
	return g, path
}

// asked runs a command, and fails the test unless what it prints, its error
// included, has each of want.
func asked(t *testing.T, args []string, want ...string) string {
	t.Helper()
	out, err := command(t, "", args...)
	if err != nil {
		out += err.Error()
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("%v: no %q in\n%s", args, w, out)
		}
	}
	return out
}

func TestStatus(t *testing.T) {
	_, path := running(t, linked)
	asked(t, []string{"status", "-c", path}, "isthmus "+version+", not ready yet", "irc.example.org", "down for", "link lounge",
		"lounge@conference.example.org", "libera:#lounge", "not joined: 3")
	out, err := command(t, "", "status", "--json", "-c", path)
	var s statusAnswer
	if err == nil || json.Unmarshal([]byte(out), &s) != nil || len(s.Links) != 1 || len(s.Links[0].Rooms) != 2 || len(s.Ways) != 1 || s.Ways[0].Up {
		t.Errorf("%v: %s", err, out)
	}
}

// A file that is being changed still tells where the gateway is.
func TestStatusOfBrokenFile(t *testing.T) {
	_, path := running(t, "")
	gatewayFile(t, filepath.Dir(path), "nonsense: 1\nlinks: none\n")
	asked(t, []string{"unban", "nobody", "-c", path}, "nobody is not banned from a link")
	asked(t, []string{"status", "-c", path}, "isthmus "+version)
	gatewayFile(t, filepath.Dir(path), "nonsense: [\n")
	asked(t, []string{"status", "-c", path}, "not YAML", "--socket")
	asked(t, []string{"status", "--socket", filepath.Join(filepath.Dir(path), "control.sock")}, "isthmus "+version)
}

func TestSecondGateway(t *testing.T) {
	g, path := running(t, "")
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newGateway(cfg, g.log); err == nil || !strings.Contains(err.Error(), "another isthmus is running") {
		t.Error(err)
	}
}

func TestExplain(t *testing.T) {
	_, path := running(t, linked)
	for _, what := range []string{"libera:#Lounge", "lounge@conference.example.org", "xmpp:Lounge@conference.example.org"} {
		asked(t, []string{"explain", "-c", path, what}, "link lounge", "lounge")
	}
	asked(t, []string{"explain", "-c", path, "rob"}, "rob is no mapped room, and nobody of that name is in one")
	asked(t, []string{"explain", "-c", path, "--json", "rob"}, `"people": []`)
}

func TestNobodyRuns(t *testing.T) {
	path := gatewayFile(t, t.TempDir(), linked)
	for _, args := range [][]string{{"status"}, {"explain", "rob"}, {"trace"}} {
		asked(t, append(args, "-c", path), "no isthmus is running with the socket", "control.sock")
	}
	off := gatewayFile(t, t.TempDir(), "control: off\n")
	asked(t, []string{"status", "-c", off}, "control: off")
}

func TestPlan(t *testing.T) {
	g, path := running(t, linked)
	dir := filepath.Dir(path)
	asked(t, []string{"plan", "-c", path}, "nothing would change")

	gatewayFile(t, dir, strings.Replace(linked, `"#Lounge" }`, `"#lobby", as: puppets }`, 1)+`
  - name: dev
    rooms:
      - { xmpp: dev@conference.example.org }
      - { irc: libera, channel: "#dev" }
log: { level: debug }
metrics: 127.0.0.1:1
`)
	asked(t, []string{"plan", "-c", path}, "compared with what runs", "  + links.dev: dev@conference.example.org + libera:#dev\n",
		`  + links.lounge."libera:#lobby"`, `  - links.lounge."libera:#lounge"`, `  ~ log.level: "info" → "debug"`+"\n",
		`  ~ metrics: "" → "127.0.0.1:1" (after a restart)`, "A restart is needed for metrics; SIGHUP applies the rest.")
	if reload(g, path) == nil {
		t.Fatal("not reloaded")
	}
	asked(t, []string{"plan", "-c", path}, "nothing would change")
	asked(t, []string{"explain", "-c", path, "libera:#lobby"}, "link lounge")
	asked(t, []string{"explain", "-c", path, "libera:#lounge"}, "no mapped room")

	gatewayFile(t, dir, "links: [{ name: one }]\n")
	asked(t, []string{"plan", "-c", path}, "links[0].rooms: needs two rooms or more", "can't be used")
	asked(t, []string{"plan", "-c", path, "--json"}, `"running": true`, `"problems": [`)
	asked(t, []string{"plan", "-c", filepath.Join(dir, "nowhere.yaml")}, "no such file")
}

func TestPlanOfNothing(t *testing.T) {
	path := gatewayFile(t, t.TempDir(), linked)
	asked(t, []string{"plan", "-c", path}, "compared with nothing, for no isthmus is running", "+ links.lounge: lounge@conference.example.org + libera:#lounge",
		"+ networks.libera")
}

// Who would have to leave is told, whoever they are.
func TestLeaving(t *testing.T) {
	g, _ := running(t, "")
	out := planAnswer{Running: true, Changes: []planChange{{Path: "links.lounge", What: "removed"}},
		Leaving: []leaving{{Place: "libera:#lounge", Why: "no room any more", People: 3, Names: []string{"rob", "ann"}}}}
	var b strings.Builder
	out.print(&b)
	next := *g.cfg
	next.XMPP.Domains = []config.Domain{{Name: "other.example.org"}}
	if got := leavingDomains(g.cfg, &next); len(got) != 1 || got[0].String() != "irc.example.org: everybody would leave (no domain any more)" {
		t.Error(got)
	}
	if want := "  libera:#lounge: 3 would leave (no room any more): rob, ann and 1 more\n"; !strings.Contains(b.String(), want) {
		t.Error(b.String())
	}
}

func TestTrace(t *testing.T) {
	g, path := running(t, linked)
	type result struct {
		out string
		err error
	}
	ended := make(chan result, 1)
	go func() {
		out, err := command(t, "", "trace", "-c", path, "--room", "libera:#lounge", "--person", "rob", "--count", "1")
		ended <- result{out, err}
	}()
	// The tracer comes at some time: speak until it has heard.
	say := bridge.Event{Room: bridge.Room{Network: "libera", ID: "#lounge"}, By: bridge.Person{Network: "libera", ID: "rob"}, Name: "rob",
		Body: bridge.Message{Text: "a secret"}}
	for {
		g.hub.Publish(say)
		select {
		case r := <-ended:
			if r.err != nil || !strings.Contains(r.out, "from  libera:#lounge") || !strings.Contains(r.out, "message  rob, libera:rob  8 characters") || strings.Contains(r.out, "secret") {
				t.Errorf("%v:\n%s", r.err, r.out)
			}
			asked(t, []string{"trace", "-c", path, "--room", "nonsense@@", "--for", "1m"}, "that is no room")
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Of what is followed, everything is shown, and nothing else.
func TestTracer(t *testing.T) {
	tr := newTracer(map[string][]string{"room": {"libera:#lounge"}, "text": {"1"}})
	here, there := bridge.Room{Network: "libera", ID: "#lounge"}, bridge.Room{Network: "xmpp", ID: "lounge@conference.example.org"}
	asks := bridge.Room{Network: bridge.NetworkMapped, ID: "lounge/" + there.String()}
	rob := bridge.Person{Network: "libera", ID: "rob"}
	for _, s := range []bridge.Step{
		{Event: bridge.Event{ID: "1", Room: there, Body: bridge.Message{Text: "other"}}},
		{Event: bridge.Event{ID: "2", Room: here, By: rob, Name: "rob", Body: bridge.Message{Text: "hi"}}},
		{Event: bridge.Event{ID: "2", Room: asks, By: rob, Via: bridge.Keeper, Body: bridge.Message{Text: "hi"}}},
		{Delivered: true, Event: bridge.Event{ID: "2", Room: there, By: rob, Body: bridge.Message{Text: "hi"}}},
		{Event: bridge.Event{ID: "3", Ref: "2", Room: there, Body: bridge.Failure{Text: "no"}}},
		{Delivered: true, Event: bridge.Event{ID: "7", Room: here, By: rob, Body: bridge.Message{Text: "of earlier"}}},
		{Event: bridge.Event{ID: "8", Ref: "7", Room: here, By: rob, Body: bridge.Confirm{}}},
		{Delivered: true, Event: bridge.Event{ID: "4", Ref: "9", Room: there, Body: bridge.Confirm{}}},
		{Event: bridge.Event{ID: "6", Room: bridge.Room{Network: "libera", ID: "#lounge", Owner: rob}, Body: bridge.Message{Text: "private"}}},
		{Event: bridge.Event{ID: "5", Room: here, Body: bridge.Join{Password: "key"}}},
	} {
		tr.see(s)
	}
	close(tr.out)
	var got []string
	for s := range tr.out {
		got = append(got, strings.Join([]string{s.Way, s.Room, s.Link, s.Kind, s.ID, s.By, s.Via, s.Detail}, "|"))
		if j, join := s.Event.Body.(bridge.Join); join && j.Password == "key" {
			t.Error("a password is shown")
		}
	}
	want := []string{
		"from|libera:#lounge||message|2|libera:rob||hi",
		"asks|lounge@conference.example.org|lounge|message|2|libera:rob|the bridge|hi",
		"to|lounge@conference.example.org||message|2|libera:rob||hi",
		"from|lounge@conference.example.org||failure|3|||no",
		"from|libera:#lounge||join|5|||",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	full := newTracer(nil)
	for range traceBound + 3 {
		full.see(bridge.Step{Event: bridge.Event{ID: bridge.NewID(), Body: bridge.Typing{}}})
	}
	<-full.out
	full.see(bridge.Step{Event: bridge.Event{ID: "last", Body: bridge.Typing{}}})
	if len(full.ids) != traceIDs || full.lost != 0 {
		t.Errorf("%d followed, %d lost", len(full.ids), full.lost)
	}
	close(full.out)
	lost := 0
	for s := range full.out {
		lost += s.Lost
	}
	if lost != 3 {
		t.Errorf("%d lost", lost)
	}
}

func TestAuditCommand(t *testing.T) {
	g, path := running(t, "")
	room := bridge.Room{Network: "libera", ID: "#lounge"}
	ban := mapping.AuditRecord{At: time.Now().Add(-time.Hour), Link: "lounge", Action: "ban", Actor: "ann", From: room, Room: room,
		Target: bridge.Person{Network: "xmpp", ID: "troll@example.org"}, Name: "troll", Reason: "spam", Result: "done"}
	there := ban
	there.Room = bridge.Room{Network: "matrix", ID: "#lounge%example.org"}
	there.Result = "the bridge may not"
	topic := mapping.AuditRecord{At: time.Now(), Link: "dev", Action: "topic", Actor: "bob", From: room, Room: room, Result: "done"}
	for _, r := range []mapping.AuditRecord{ban, there, topic} {
		g.audit.Record(r)
	}
	g.audit.Close()
	g.audit = audit.Open("", 0, g.log)
	out := asked(t, []string{"audit", "-c", path}, "lounge: ban of troll (troll@example.org) by ann in libera:#lounge (spam)\n",
		"lounge:   ban of troll (troll@example.org) in #lounge:example.org: the bridge may not\n", "dev: topic of the room by bob in libera:#lounge\n")
	if strings.Count(out, "\n") != 3 {
		t.Error(out)
	}
	for _, c := range []struct {
		args  string
		lines int
	}{{"--link lounge", 2}, {"--since 30m", 1}, {"--person troll", 2}, {"--person bob", 1}, {"--json", 3}, {"--link other", 0}} {
		out := asked(t, append([]string{"audit", "-c", path}, strings.Fields(c.args)...))
		if strings.Count(out, "\n") != c.lines {
			t.Errorf("%s:\n%s", c.args, out)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "audit.jsonl")); err != nil {
		t.Error(err)
	}
}

func TestRoomNamed(t *testing.T) {
	for what, want := range map[string]bridge.Room{
		"libera:#Go":               {Network: "libera", ID: "#go"},
		"irc.example.org:6667:#go": {},
		"libera:bob":               {},
		"#go:Example.org:8448":     {Network: "matrix", ID: "#go%Example.org:8448"},
		"!id:example.org":          {Network: "matrix", ID: "!id%example.org"},
		"!hash":                    {Network: "matrix", ID: "!hash"},
		"matrix:#go%example.org":   {Network: "matrix", ID: "#go%example.org"},
		"Go@MUC.example.org/nick":  {Network: "xmpp", ID: "go@muc.example.org"},
		"xmpp:go@muc.example.org":  {Network: "xmpp", ID: "go@muc.example.org"},
		"#go":                      {},
		"":                         {},
	} {
		if got := roomNamed(what); got != want {
			t.Errorf("%s is %+v", what, got)
		}
	}
}

// FuzzRoomNamed: a room that has a name is found by the one that is shown.
func FuzzRoomNamed(f *testing.F) {
	for _, what := range []string{"libera:#Go", "#go:example.org", "!hash", "matrix:#go%example.org", "Go@muc.example.org", "xmpp:#a:b@c"} {
		f.Add(what)
	}
	f.Fuzz(func(t *testing.T, what string) {
		room := roomNamed(what)
		if room.ID == "" {
			return
		}
		if again := roomNamed(shown(room)); again != room {
			t.Errorf("%q is %+v, shown as %q, which is %+v", what, room, shown(room), again)
		}
	})
}
