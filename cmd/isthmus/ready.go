package main

import (
	"log/slog"
	"sync"

	"isthmus/bridge/config"
)

// homeserver is what the connection with the homeserver is called among the
// domains that are waited for.
const homeserver = "the homeserver"

// readiness says "ready" when every domain has joined its XMPP server, and the
// homeserver reaches us and takes our tokens, once after the start and after each reload.
type readiness struct {
	log *slog.Logger

	mu   sync.Mutex
	want map[string]bool // domains and the homeserver, and whether they are up
	said bool
}

// expect says what there is from now on.
func (r *readiness) expect(cfg *config.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := map[string]bool{}
	for _, d := range cfg.XMPP.Domains {
		want[d.Name] = r.want[d.Name]
	}
	if cfg.Matrix.On() {
		want[homeserver] = r.want[homeserver]
	}
	r.want, r.said = want, false
	r.check()
}

// changed notes that a domain, or the homeserver, came up (nil) or went down.
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
		_, matrix := r.want[homeserver]
		domains := len(r.want)
		if matrix {
			domains--
		}
		r.log.Info("ready", "domains", domains, "matrix", matrix)
		r.said = true
	}
}
