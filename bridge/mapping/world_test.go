package mapping

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"isthmus/bridge"
)

// TestConverges: whatever has happened, and in whatever order the rooms were
// slow to tell it, in the end everybody is where they should be, by the name of
// who they are, and no message has arrived twice. (That none is lost, FuzzState
// shows; that they keep their order, TestEverywhereOnceInOrder.)
func TestConverges(t *testing.T) {
	for seed := range int64(400) {
		w := newModel(t, seed)
		for range 400 {
			w.something()
		}
		w.rest()
		w.check()
	}
}

// model is a link and its rooms, as portals show them.
type model struct {
	t     *testing.T
	seed  int64
	rand  *rand.Rand
	s     *state
	rooms []*modelRoom
	calm  bool // nothing is refused any more
	ids   int
}

type modelRoom struct {
	own     bridge.Room
	network string
	keeper  bool
	natives map[bridge.Person]string
	guests  map[bridge.Person]*modelGuest
	asked   []bridge.Event // not handled yet
	told    []bridge.Event // not taken yet
	heard   []string       // ids of messages that arrived
}

type modelGuest struct {
	name    string
	relayed bool
}

func newModel(t *testing.T, seed int64) *model {
	w := &model{t: t, seed: seed, rand: rand.New(rand.NewSource(seed)), s: newState("l")}
	w.s.now = time.Unix(1_000_000, 0)
	w.s.newID = func() string { w.ids++; return fmt.Sprint("i", w.ids) }
	var l Link
	l.Name = "l"
	for _, r := range []Room{
		{At: bridge.Room{Network: "xmpp", ID: "muc"}, Puppets: true},
		{At: bridge.Room{Network: "irc", ID: "#c"}, Puppets: true, Lazy: true, Most: 3, Idle: time.Hour},
		{At: bridge.Room{Network: "irc", ID: "#d"}},
		{At: bridge.Room{Network: "matrix", ID: "#r"}, Puppets: true, Name: "{name} ({network})"},
	} {
		l.Rooms = append(l.Rooms, r)
		w.rooms = append(w.rooms, &modelRoom{own: l.id(r), network: r.At.Network, natives: map[bridge.Person]string{}, guests: map[bridge.Person]*modelGuest{}})
	}
	w.s.configure(l)
	w.collect()
	return w
}

// collect hands the requests of the link to the rooms.
func (w *model) collect() {
	for _, e := range w.s.out.ask {
		for _, r := range w.rooms {
			if r.own == e.Room {
				r.asked = append(r.asked, e)
			}
		}
	}
	w.s.out = effects{}
}

func (r *modelRoom) tell(e bridge.Event) {
	e.Room = r.own
	if r.keeper || len(r.guests) > 0 || e.By == bridge.Keeper || e.Ref != "" { // else nobody of the mapping is there
		r.told = append(r.told, e)
	}
}

// something is one thing that happens somewhere.
func (w *model) something() {
	r := w.rooms[w.rand.Intn(len(w.rooms))]
	p := bridge.Person{Network: r.network, ID: string(rune('a' + w.rand.Intn(4)))}
	name := r.natives[p]
	switch w.rand.Intn(16) {
	default:
		if len(r.told) > 0 {
			w.take(r)
		}
	case 0, 1, 2, 3:
		if len(r.asked) > 0 {
			w.handle(r)
		}
	case 4, 5:
		if name == "" {
			w.comes(r, p)
		}
	case 6:
		if name != "" {
			delete(r.natives, p)
			r.tell(bridge.Event{By: p, Name: name, Body: bridge.Leave{Cause: []bridge.Cause{bridge.CausePart, bridge.CauseQuit, bridge.CauseSplit}[w.rand.Intn(3)]}})
		}
	case 7:
		w.renames(p, string(rune('a'+w.rand.Intn(4))))
	case 8, 9:
		if name != "" {
			w.ids++
			r.tell(bridge.Event{ID: fmt.Sprint("m", w.ids), By: p, Name: name, Body: bridge.Message{Text: fmt.Sprint(w.ids)}})
		}
	case 10:
		if w.rand.Intn(10) == 0 && r.keeper {
			r.tell(bridge.Event{By: bridge.Keeper, Name: "isthmus", Body: bridge.Leave{Cause: bridge.CauseQuit}})
			r.keeper = false
		} else if g := r.guests[bridge.Person{Network: "xmpp", ID: "a"}]; g != nil && !g.relayed {
			r.tell(bridge.Event{By: bridge.Person{Network: "xmpp", ID: "a"}, Name: g.name, Body: bridge.Leave{Cause: bridge.CauseQuit}})
			delete(r.guests, bridge.Person{Network: "xmpp", ID: "a"})
		}
	case 11:
		w.s.now = w.s.now.Add(time.Duration(w.rand.Intn(200)) * time.Second)
		w.s.tick()
		w.collect()
	}
}

func (w *model) comes(r *modelRoom, p bridge.Person) {
	if g := r.guests[p]; g != nil && !g.relayed {
		return // can't be: they are on their network by themselves
	}
	if g := r.guests[p]; g != nil && g.name != p.ID {
		r.tell(bridge.Event{By: p, Name: g.name, Body: bridge.Rename{To: p.ID, Person: p}})
	}
	delete(r.guests, p)
	r.natives[p] = p.ID
	r.tell(bridge.Event{By: p, Name: p.ID, Body: bridge.Join{}})
}

// renames gives somebody another nick, in all rooms of their network.
func (w *model) renames(p bridge.Person, to string) {
	now := p
	if p.Network == "irc" {
		if w.seed%2 == 0 { // a nick that nobody had before
			w.ids++
			to = fmt.Sprint("n", w.ids)
		}
		now.ID = to
		for _, r := range w.rooms {
			if r.natives[now] != "" || r.guests[now] != nil {
				return
			}
		}
	}
	for _, r := range w.rooms {
		if name := r.natives[p]; name != "" && r.network == p.Network {
			delete(r.natives, p)
			r.natives[now] = to
			r.tell(bridge.Event{By: p, Name: name, Body: bridge.Rename{To: to, Person: now}})
		}
	}
}

func (w *model) take(r *modelRoom) {
	e := r.told[0]
	r.told = r.told[1:]
	w.s.take(e)
	w.collect()
}

// handle carries out one request, as a portal and its network would.
func (w *model) handle(r *modelRoom) {
	e := r.asked[0]
	r.asked = r.asked[1:]
	g := r.guests[e.By]
	fail := func(kind bridge.ErrorKind) {
		r.tell(bridge.Event{By: e.By, Name: e.Name, Ref: e.ID, Body: bridge.Failure{Kind: kind, Text: "no"}})
	}
	refuse := !w.calm && w.rand.Intn(8) == 0
	switch b := e.Body.(type) {
	case bridge.Join:
		switch {
		case e.By == bridge.Keeper && refuse:
			fail(bridge.ErrOffline)
		case e.By == bridge.Keeper:
			r.keeper = true
			var list bridge.Members
			for _, p := range sorted(r.natives) {
				list.Members = append(list.Members, bridge.Member{Person: p, Name: r.natives[p]})
			}
			r.tell(bridge.Event{Body: list})
			r.tell(bridge.Event{By: e.By, Name: "isthmus", Ref: e.ID, Body: bridge.Join{}})
		case r.natives[e.By] != "":
			fail(bridge.ErrConflict)
		case b.Relayed:
			r.guests[e.By] = &modelGuest{e.Name, true}
			r.tell(bridge.Event{By: e.By, Name: e.Name, Ref: e.ID, Body: b})
		case refuse:
			fail([]bridge.ErrorKind{bridge.ErrFull, bridge.ErrConflict, bridge.ErrTooFast}[w.rand.Intn(3)])
		default:
			r.guests[e.By] = &modelGuest{e.Name, false}
			r.tell(bridge.Event{By: e.By, Name: e.Name, Ref: e.ID, Body: b})
		}
	case bridge.Leave:
		delete(r.guests, e.By)
	case bridge.Rename:
		switch {
		case g == nil:
			fail(bridge.ErrNotInRoom)
		case !g.relayed && refuse:
			fail([]bridge.ErrorKind{bridge.ErrConflict, bridge.ErrTooFast}[w.rand.Intn(2)])
		case b.Person != e.By && (r.guests[b.Person] != nil || r.natives[b.Person] != ""):
			fail(bridge.ErrConflict)
		default:
			delete(r.guests, e.By)
			r.guests[b.Person] = g
			r.tell(bridge.Event{By: e.By, Name: g.name, Body: b})
			g.name = b.To
			r.tell(bridge.Event{By: e.By, Name: e.Name, Ref: e.ID, Body: bridge.Confirm{}})
		}
	case bridge.Message:
		switch {
		case e.Via == bridge.Keeper && !r.keeper || e.Via != bridge.Keeper && (g == nil || g.relayed):
			fail(bridge.ErrNotInRoom)
		case refuse:
			fail(bridge.ErrNoVoice)
		default:
			r.heard = append(r.heard, e.ID)
			r.told = append(r.told, bridge.Event{ID: e.ID, Room: r.own, By: e.By, Name: e.Name, Ref: e.ID, Body: b})
		}
	}
}

// rest lets everything be handled that is under way, and time pass.
func (w *model) rest() {
	w.calm = true
	for range 2000 {
		busy := false
		for _, r := range w.rooms {
			for len(r.asked) > 0 {
				w.handle(r)
				busy = true
			}
			for len(r.told) > 0 {
				w.take(r)
				busy = true
			}
		}
		if busy {
			continue
		}
		if w.s.wake.IsZero() {
			return
		}
		w.s.now = w.s.wake
		w.s.tick()
		w.collect()
	}
	w.t.Errorf("seed %d: no rest", w.seed)
}

func (w *model) check() {
	for i, r := range w.rooms {
		k := w.s.legs[i]
		if len(k.queue)+len(k.inflight)+len(k.dirty) > 0 {
			w.t.Errorf("seed %d: %v: %d wait, %d are on their way, %d are to be settled", w.seed, k.set.At, len(k.queue), len(k.inflight), len(k.dirty))
		}
		want := map[bridge.Person]bool{}
		for j, o := range w.rooms {
			for p := range o.natives {
				if j != i && r.natives[p] == "" {
					want[p] = true
				}
			}
		}
		if got := sorted(r.guests); !slices.Equal(got, sorted(want)) {
			w.t.Errorf("seed %d: %v has %v, not %v", w.seed, k.set.At, got, sorted(want))
		}
		for p, g := range k.guests {
			if m := r.guests[p]; m == nil || g.as != p || m.name != g.name || g.asked != "" || m.relayed != (g.state == relayed) {
				w.t.Errorf("seed %d: %v: %v is %+v, there %+v", w.seed, k.set.At, p, g, m)
			}
		}
		if got := sorted(k.natives); !slices.Equal(got, sorted(r.natives)) {
			w.t.Errorf("seed %d: %v: natives %v, not %v", w.seed, k.set.At, got, sorted(r.natives))
		}
		seen := map[string]bool{}
		for _, id := range r.heard {
			if seen[id] {
				w.t.Errorf("seed %d: %v: %s came twice", w.seed, k.set.At, id)
			}
			seen[id] = true
		}
	}
}
