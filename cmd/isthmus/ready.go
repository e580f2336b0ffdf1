package main

import (
	"log/slog"
	"sync"

	"isthmus/bridge/config"
)

// readiness says "ready" when every domain has joined its XMPP server, once
// after the start and after each reload.
type readiness struct {
	log *slog.Logger

	mu   sync.Mutex
	want map[string]bool // domains, and whether they are up
	said bool
}

// expect says which domains there are from now on.
func (r *readiness) expect(domains []config.Domain) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := map[string]bool{}
	for _, d := range domains {
		want[d.Name] = r.want[d.Name]
	}
	r.want, r.said = want, false
	r.check()
}

// changed notes that a domain came up (nil) or went down.
func (r *readiness) changed(domain string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, wanted := r.want[domain]; wanted {
		r.want[domain] = err == nil
		r.check()
	}
}

func (r *readiness) check() {
	for _, up := range r.want {
		if !up {
			return
		}
	}
	if !r.said {
		r.log.Info("ready", "domains", len(r.want))
		r.said = true
	}
}
