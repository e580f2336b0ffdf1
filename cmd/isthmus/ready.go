package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"isthmus/bridge/config"
	"isthmus/bridge/mapping"
)

// homeserver is what the connection with the homeserver is called among the
// domains that are waited for.
const homeserver = "the homeserver"

// readiness says "ready" when every domain has joined its XMPP server, the
// homeserver reaches us and takes our tokens, and every mapped room is joined
// or has refused us; once after the start and after each reload.
type readiness struct {
	log   *slog.Logger
	links func() []mapping.LinkStatus // how the mapped rooms are
	poked chan struct{}               // of one place: something has changed

	mu    sync.Mutex
	want  map[string]up // domains and the homeserver
	rooms int           // in links
	said  bool
}

// up is whether a domain, or the homeserver, is.
type up struct {
	Name  string    `json:"name"`
	Up    bool      `json:"up"`
	Why   string    `json:"why,omitempty"` // it isn't
	Since time.Time `json:"since"`
}

func newReadiness(log *slog.Logger, links func() []mapping.LinkStatus) *readiness {
	return &readiness{log: log, links: links, poked: make(chan struct{}, 1)}
}

// expect says what there is from now on.
func (r *readiness) expect(cfg *config.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := map[string]up{}
	keep := func(name string) {
		if u, known := r.want[name]; known {
			want[name] = u
		} else {
			want[name] = up{Name: name, Why: "not tried yet", Since: time.Now()}
		}
	}
	for _, d := range cfg.XMPP.Domains {
		keep(d.Name)
	}
	if cfg.Matrix.On() {
		keep(homeserver)
	}
	r.want, r.rooms, r.said = want, 0, false
	for _, l := range cfg.Links {
		r.rooms += len(l.Rooms)
	}
	r.poke()
}

// changed notes that a domain, or the homeserver, came up (nil) or went down.
func (r *readiness) changed(domain string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, wanted := r.want[domain]
	if !wanted {
		return
	}
	now := up{Name: domain, Up: err == nil, Since: was.Since}
	if err != nil {
		now.Why = err.Error()
	}
	if now.Up != was.Up {
		now.Since = time.Now()
	}
	r.want[domain] = now
	r.poke()
}

// poke has run look. It never blocks.
func (r *readiness) poke() {
	select {
	case r.poked <- struct{}{}:
	default:
	}
}

// run looks whenever something has changed, until ctx ends. The mappings wait
// for those who are asked, so nobody who is asked may.
func (r *readiness) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.poked:
			r.check()
		}
	}
}

func (r *readiness) check() {
	r.mu.Lock()
	waits := r.said || slices.ContainsFunc(slices.Collect(maps.Values(r.want)), func(u up) bool { return !u.Up })
	r.mu.Unlock()
	if waits {
		return
	}
	rooms, out := 0, []string(nil)
	for _, l := range r.links() {
		for _, room := range l.Rooms {
			switch room.State {
			case "joined":
			case "refused":
				out = append(out, shown(room.Room)+": "+room.Why)
			default:
				return
			}
			rooms++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said || rooms != r.rooms { // the links are not those that are expected yet
		return
	}
	r.said = true
	_, matrix := r.want[homeserver]
	domains := len(r.want)
	if matrix {
		domains--
	}
	args := []any{"domains", domains, "matrix", matrix}
	if rooms > 0 {
		args = append(args, "rooms", rooms-len(out))
	}
	if len(out) > 0 {
		args = append(args, "not_joined", out)
	}
	r.log.Info("ready", args...)
}

// status is how all that is waited for is, by name, and whether it was ready.
func (r *readiness) status() (all []up, ready bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.want)) {
		all = append(all, r.want[name])
	}
	return all, r.said
}
