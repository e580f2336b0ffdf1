package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"isthmus/bridge"
	"isthmus/bridge/control"
)

// traceBound is how many steps wait for whoever traces; traceIDs how many
// messages are followed at once.
const (
	traceBound = 1024
	traceIDs   = 1024
)

// traceStep is one crossing of the border between the core and a side, as an
// administrator sees it.
type traceStep struct {
	At time.Time `json:"at"`
	// Way is from (the room's network told it), to (it was told), or of a link:
	// hears and asks.
	Way    string        `json:"way"`
	Room   string        `json:"room"`
	Link   string        `json:"link,omitempty"`
	Kind   string        `json:"kind"`
	ID     string        `json:"id"`
	Ref    string        `json:"ref,omitempty"`
	By     string        `json:"by,omitempty"`
	Name   string        `json:"name,omitempty"`
	Via    string        `json:"via,omitempty"`
	Detail string        `json:"detail,omitempty"`
	Event  *bridge.Event `json:"event,omitempty"` // with what people wrote, if that was asked for
	Lost   int           `json:"lost,omitempty"`  // steps before this one that there was no time for
}

// tracer picks the steps that somebody wants to see: those in a room or of a
// person, and whatever became of them in other rooms.
type tracer struct {
	room   bridge.Room
	person string
	text   bool
	out    chan traceStep

	mu   sync.Mutex
	ids  map[string]bool // that are followed
	old  []string        // the same, oldest first
	lost int
}

func newTracer(q url.Values) *tracer {
	t := &tracer{person: q.Get("person"), text: q.Get("text") != "", out: make(chan traceStep, traceBound), ids: map[string]bool{}}
	if room := q.Get("room"); room != "" {
		t.room = roomNamed(room)
	}
	return t
}

// serveTrace sends steps until whoever asked hangs up.
func (g *gateway) serveTrace(w http.ResponseWriter, r *http.Request) {
	t := newTracer(r.URL.Query())
	if r.URL.Query().Get("room") != "" && t.room.ID == "" {
		control.Refuse(w, http.StatusBadRequest, errors.New("that is no room: write it as in libera:#lounge, lounge@conference.example.org or \"#lounge:example.org\""))
		return
	}
	stop := g.hub.Trace(t.see)
	defer stop()
	control.Stream(w, r, t.out)
}

// see takes a step; it is called from many goroutines and doesn't block.
func (t *tracer) see(s bridge.Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := s.Event
	if !t.ids[e.ID] && (e.Ref == "" || !t.ids[e.Ref]) && !t.begins(s) {
		return
	}
	t.follow(e.ID)
	step := t.step(s)
	step.Lost = t.lost
	select {
	case t.out <- step:
		t.lost = 0
	default:
		t.lost++
	}
}

// begins reports whether s is the first step of what was asked for: nobody is
// shown the rest of what began before. Private conversations, in which
// passwords are told to services, never are.
func (t *tracer) begins(s bridge.Step) bool {
	e := s.Event
	if s.Delivered || e.Ref != "" || e.Room.Private() {
		return false
	}
	link, room := legOf(e.Room)
	if t.room.ID != "" && room != t.room.String() || t.room.ID == "" && t.person != "" && link != "" {
		return false
	}
	return t.person == "" || strings.EqualFold(e.Name, t.person) || e.By.ID == t.person || e.By.String() == t.person
}

// follow notes an id, and forgets the oldest beyond the bound.
func (t *tracer) follow(id string) {
	if t.ids[id] {
		return
	}
	t.ids[id] = true
	if t.old = append(t.old, id); len(t.old) > traceIDs {
		delete(t.ids, t.old[0])
		t.old = t.old[1:]
	}
}

// legOf tells the link of a mapping's own room, and the String of the room that
// it stands for; of every other room its own.
func legOf(room bridge.Room) (link, at string) {
	if room.Network == bridge.NetworkMapped {
		link, at, _ = strings.Cut(room.ID, "/")
		return link, at
	}
	return "", room.String()
}

func (t *tracer) step(s bridge.Step) traceStep {
	e := s.Event
	st := traceStep{
		At: s.At, Way: "from", Room: shown(e.Room), Kind: strings.ToLower(reflect.TypeOf(e.Body).Name()),
		ID: e.ID, Ref: e.Ref, By: whoever(e.By), Name: e.Name, Via: whoever(e.Via), Detail: detail(e.Body),
	}
	if s.Delivered {
		st.Way = "to"
	}
	if link, at := legOf(e.Room); link != "" {
		network, name, _ := strings.Cut(at, ":")
		st.Link, st.Room, st.Way = link, shown(bridge.Room{Network: network, ID: name}), "asks"
		if s.Delivered {
			st.Way = "hears"
		}
	}
	if t.text {
		st.Event = &e
		if m, message := e.Body.(bridge.Message); message {
			st.Detail = m.Text
		}
		if j, join := e.Body.(bridge.Join); join && j.Password != "" {
			j.Password = "[secret]"
			st.Event.Body = j
		}
	}
	return st
}

// detail is what an event says, without what people wrote.
func detail(body bridge.Body) string {
	switch b := body.(type) {
	case bridge.Message:
		return fmt.Sprintf("%d characters", utf8.RuneCountInString(b.Text))
	case bridge.Join:
		if b.Relayed {
			return "relayed"
		}
	case bridge.Leave:
		return words(causes[b.Cause], b.Actor, b.Reason)
	case bridge.Rename:
		return "to " + b.To
	case bridge.RoleChange:
		return words(b.Target, roles[b.Role], b.Actor)
	case bridge.Expel:
		if b.Ban {
			return words("ban "+b.Target, b.Reason)
		}
		return words(b.Target, b.Reason)
	case bridge.Pardon:
		return words(whoever(b.Person), b.Actor)
	case bridge.Members:
		return fmt.Sprintf("%d people", len(b.Members))
	case bridge.Attachment:
		if !b.Attached {
			return words("cut off", b.Text)
		}
		return "back"
	case bridge.Confirm:
		return b.Native
	case bridge.Failure:
		return b.Text
	case bridge.Lost:
		return fmt.Sprintf("%d events", b.Count)
	}
	return ""
}

// causes are what the causes of a Leave are called.
var causes = map[bridge.Cause]string{
	bridge.CauseQuit: "quit", bridge.CauseKick: "kick", bridge.CauseBan: "ban", bridge.CauseSplit: "netsplit",
	bridge.CauseKill: "kill", bridge.CauseShutdown: "shutdown", bridge.CauseDecline: "declined",
}

// words joins those that are not empty.
func words(all ...string) string {
	var some []string
	for _, w := range all {
		if w != "" {
			some = append(some, w)
		}
	}
	return strings.Join(some, ", ")
}

func traceCommand() *cobra.Command {
	var a asking
	var f traceFlags
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Follow what is said through all rooms of a link",
		Long: `Shows, as it happens, what the running gateway hears from rooms and tells others:
a message keeps its id through all of them. With --room or --person it shows what
happens there or is done by them, and whatever becomes of it elsewhere. What people
write is shown with --text only, and nothing of private conversations.`,
		Example: `  isthmus trace --room libera:#lounge
  isthmus trace --person @bob:example.org --count 1    # the next thing that Bob does, to its end`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.dial()
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), c, cmd.OutOrStdout(), a.json)
		},
	}
	a.flags(cmd)
	cmd.Flags().StringVar(&f.room, "room", "", "what happens in this room")
	cmd.Flags().StringVar(&f.person, "person", "", "what this person does: an address, NETWORK:NICK or a name")
	cmd.Flags().DurationVar(&f.lasting, "for", 0, "end after this time (default: never)")
	cmd.Flags().IntVar(&f.count, "count", 0, "follow so many messages and the like to their end (default: all)")
	cmd.Flags().BoolVar(&f.text, "text", false, "show what people write")
	return cmd
}

type traceFlags struct {
	room, person string
	lasting      time.Duration
	count        int
	text         bool
}

// traceQuiet is how long nothing happens any more to what --count follows.
const traceQuiet = 2 * time.Second

func (f traceFlags) run(ctx context.Context, c *control.Client, out io.Writer, asJSON bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f.lasting > 0 {
		defer time.AfterFunc(f.lasting, cancel).Stop()
	}
	q := url.Values{"room": {f.room}, "person": {f.person}}
	if f.text {
		q.Set("text", "1")
	}
	began := map[string]time.Time{} // when what is followed did
	root := map[string]string{}     // what an id is a consequence of
	var quiet *time.Timer
	return c.Stream(ctx, "/trace", q, func(raw json.RawMessage) error {
		var s traceStep
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		id, known := root[s.ID]
		if !known {
			if id = root[s.Ref]; s.Ref == "" || id == "" {
				id = s.ID
			}
			root[s.ID] = id
		}
		start, followed := began[id]
		if !followed {
			if f.count > 0 && len(began) == f.count {
				return nil
			}
			start, began[id] = s.At, s.At
		}
		if f.count > 0 && len(began) == f.count {
			if quiet == nil {
				quiet = time.AfterFunc(traceQuiet, cancel)
			}
			quiet.Reset(traceQuiet)
		}
		if f.count == 0 && len(root) > traceIDs { // what is as old is not followed there either
			clear(root)
			clear(began)
		}
		if asJSON {
			_, err := fmt.Fprintf(out, "%s\n", raw)
			return err
		}
		return s.print(out, s.At.Sub(start))
	})
}

func (s traceStep) print(out io.Writer, after time.Duration) error {
	if s.Lost > 0 {
		fmt.Fprintf(out, "(left out, for there were too many: %d)\n", s.Lost)
	}
	place := s.Room
	if s.Link != "" {
		place = s.Link + ": " + s.Room
	}
	who := s.By
	if s.Name != "" && s.Name != s.By {
		who = words(s.Name, s.By)
	}
	if s.Via != "" {
		who += " via " + s.Via
	}
	_, err := fmt.Fprintf(out, "%s %9s  %-5s %-40s %-8s %s  %s\n", s.At.Local().Format("15:04:05.000"),
		"+"+after.Round(10*time.Microsecond).String(), s.Way, place, s.Kind, who, s.Detail)
	return err
}
