package xmppside

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"isthmus/xmppside/component"
	"isthmus/xmppside/jid"
)

// links holds the component link of each domain.
type links struct {
	side *Side

	mu       sync.RWMutex
	running  bool
	byDomain map[string]*runningLink
	work     sync.WaitGroup // of all that run, also of domains that are gone
}

type runningLink struct {
	*component.Link
	domain Domain
	cancel context.CancelFunc
	ended  chan struct{}
}

func newLinks(s *Side) *links { return &links{side: s, byDomain: map[string]*runningLink{}} }

// get returns the link of a domain, or nil.
func (l *links) get(domain string) *component.Link {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if r := l.byDomain[domain]; r != nil {
		return r.Link
	}
	return nil
}

func (l *links) start(domains []Domain) {
	l.mu.Lock()
	l.running = true
	l.mu.Unlock()
	l.change(domains)
}

// change ends the links of domains that are gone or different, and starts
// those that are new. Before start it does nothing.
func (l *links) change(domains []Domain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		return
	}
	old := l.byDomain
	l.byDomain = map[string]*runningLink{}
	for _, d := range domains {
		before := old[d.Name]
		if before != nil && before.domain.equal(d) {
			l.byDomain[d.Name] = before
			delete(old, d.Name)
			continue
		}
		l.byDomain[d.Name] = l.run(d, before)
	}
	for _, r := range old {
		r.cancel()
	}
}

// stop ends all links, and returns when they have said goodbye.
func (l *links) stop() {
	l.mu.Lock()
	l.running = false
	l.mu.Unlock()
	l.cancel()
	l.work.Wait()
}

// cancel has all links end.
func (l *links) cancel() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, r := range l.byDomain {
		r.cancel()
	}
}

// run starts a link, once the one that it replaces is over: the server takes
// only one of a name.
func (l *links) run(d Domain, before *runningLink) *runningLink {
	s := l.side
	name, err := jid.New("", d.Name, "")
	if err != nil {
		panic(err) // newSettings checked it
	}
	k, changed := newKeeper(s, d.Name), s.set.Load().Changed
	o := component.Options{
		Domain: name, Server: d.Server, Secret: d.Secret,
		Handler: s.handle, Counters: &s.Counters.Link, Log: s.log,
		Changed: func(err error) {
			k.isUp.Store(err == nil)
			if err == nil {
				signal(k.up)
			} else {
				signal(k.down)
			}
			if changed != nil {
				changed(d.Name, err)
			}
		},
		GaveUp: func() { signal(k.gaveUp) },
	}
	if d.TLS {
		host, _, _ := net.SplitHostPort(d.Server)
		o.TLS = &tls.Config{RootCAs: d.Roots, ServerName: host}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &runningLink{Link: component.New(o), domain: d, cancel: cancel, ended: make(chan struct{})}
	l.work.Go(func() { k.run(ctx) })
	l.work.Go(func() {
		defer close(r.ended)
		if before != nil {
			<-before.ended
		}
		r.Run(ctx)
	})
	return r
}
