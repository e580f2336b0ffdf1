package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/audit"
	"isthmus/bridge/config"
	"isthmus/bridge/mapping"
	"isthmus/bridge/store"
	"isthmus/ircside"
	"isthmus/matrixside"
	"isthmus/matrixside/client"
	"isthmus/matrixside/media"
	"isthmus/xmppside"
)

// gateway is the wiring: the store, the core and the sides.
type gateway struct {
	mu    sync.Mutex
	cfg   *config.Config // under mu; only reload changes it
	log   *slog.Logger
	since time.Time // when it started
	store *store.Store
	hub   *bridge.Hub
	maps  *mapping.Side
	xmpp  *xmppside.Side
	irc   *ircside.Side
	ready *readiness

	matrix     *matrixside.Side // nil where there is no homeserver
	matrixAs   config.Matrix    // the settings that it runs with
	homeserver *client.Client
	media      *media.Proxy

	metrics net.Listener // nil where there are none
	control net.Listener // nil where there is none
	audit   *audit.Log

	failed chan error // what ends the gateway by itself
	// Each part runs until its own context ends, so that they can end in order.
	controlRun, xmppRun, matrixRun, ircRun, coreRun part
}

// openPatience is how long the database may take to open.
const openPatience = 30 * time.Second

// newGateway opens what can fail, and starts nothing.
func newGateway(cfg *config.Config, log *slog.Logger) (_ *gateway, err error) {
	g := &gateway{cfg: cfg, log: log, since: time.Now(), failed: make(chan error, 1)}
	if err := g.listenControl(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && g.control != nil {
			g.control.Close()
		}
	}()
	g.audit = audit.Open(cfg.Audit.File, int64(cfg.Audit.Most), log)
	ctx, cancel := context.WithTimeout(context.Background(), openPatience)
	defer cancel()
	g.store, err = store.Open(ctx, store.Options{
		Path: cfg.Store.Path, Key: string(cfg.Store.Key), KeyFile: cfg.Store.KeyFile,
		KeepAge: cfg.Store.Keep.Age, KeepCount: int64(cfg.Store.Keep.Messages), Log: log,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			g.store.Close()
		}
	}()
	g.hub = bridge.NewHub(g.store, log)
	if err := g.hub.SetLinks(links(cfg)); err != nil {
		return nil, err
	}
	g.maps = mapping.New(g.hub, mapping.Options{
		Audit: g.audit, Bans: g.store, Log: log,
		Changed: func() { g.ready.poke() },
	})
	g.ready = newReadiness(log, g.maps.Status)
	g.ready.expect(cfg)
	g.hub.Register(bridge.NetworkMapped, g.maps)
	irc, err := ircOptions(cfg)
	if err != nil {
		return nil, err
	}
	irc.Consents = consents{g.store}
	g.irc = ircside.New(g.hub, logins{g.store}, irc, log)
	if g.xmpp, err = xmppside.New(g.hub, g.xmppOptions(cfg)); err != nil {
		return nil, err
	}
	g.hub.Register(bridge.NetworkXMPP, g.xmpp)
	if cfg.Matrix.On() {
		if g.matrix, err = g.newMatrix(cfg); err != nil {
			return nil, err
		}
		g.matrixAs = cfg.Matrix
		g.hub.Register(bridge.NetworkMatrix, g.matrix)
	}
	g.hub.RegisterOthers(g.irc)
	if cfg.Metrics != "" {
		if g.metrics, err = net.Listen("tcp", cfg.Metrics); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return g, nil
}

func (g *gateway) start() {
	g.coreRun.start(g.hub.Run)
	g.coreRun.start(g.maps.Run)
	g.coreRun.start(g.ready.run)
	g.coreRun.start(trimMemory)
	if g.metrics != nil {
		g.coreRun.start(g.serveMetrics)
	}
	g.ircRun.start(g.irc.Run)
	if g.matrix != nil {
		g.matrixRun.start(g.newCheck(g.cfg).Run)
		g.matrixRun.start(g.runMatrix)
	}
	g.xmpp.Start() // before somebody is to enter a room
	g.xmppRun.start(g.xmpp.Run)
	g.maps.Set(mappings(g.cfg))
	if g.control != nil {
		g.controlRun.start(g.serveControl)
	}
}

// stop ends the gateway in order: people in rooms are told first, then Matrix
// and IRC, then what is queued is done, and at last remembered.
func (g *gateway) stop() {
	if g.matrix != nil {
		g.matrix.Ending() // so that nobody's ghost leaves a room because of that
	}
	g.controlRun.stop()
	g.xmppRun.stop()
	g.matrixRun.stop()
	g.ircRun.stop()
	g.coreRun.stop()
	if err := g.audit.Close(); err != nil {
		g.log.Error("audit", "error", err)
	}
	if err := g.store.Close(); err != nil {
		g.log.Error("store", "error", err)
	}
}

// fail ends the gateway; the first reason counts.
func (g *gateway) fail(err error) {
	select {
	case g.failed <- err:
	default:
	}
}

// reload applies the difference to next, which is valid. On an error, which
// names what can't be had, nothing has changed.
func (g *gateway) reload(next *config.Config) error {
	changes := config.Diff(g.cfg, next)
	if len(changes) == 0 {
		g.log.Info("reloaded: nothing has changed")
		return nil
	}
	irc, err := ircOptions(next)
	if err != nil {
		return err
	}
	now := g.withMatrix(next)
	if err := g.hub.SetLinks(links(now)); err != nil {
		return err
	}
	if err := g.xmpp.Reload(g.xmppOptions(now)); err != nil {
		return err
	}
	if g.matrix != nil {
		if err := g.matrix.Reload(g.matrixOptions(now)); err != nil {
			return err
		}
	}
	g.irc.Reload(irc)
	g.maps.Set(mappings(now))
	g.ready.expect(now)
	for _, c := range changes {
		if needsRestart(c.Path) {
			g.log.Warn("reloaded: this counts after a restart", "change", c.String())
		} else {
			g.log.Info("reloaded", "change", c.String())
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cfg, g.matrixAs = next, now.Matrix
	return nil
}

// withMatrix is next as far as it counts without a restart: a homeserver neither
// comes nor goes.
func (g *gateway) withMatrix(next *config.Config) *config.Config {
	if next.Matrix.On() == (g.matrix != nil) {
		return next
	}
	now := *next
	now.Matrix = g.matrixAs
	if g.matrix == nil {
		now.Links = withoutMatrix(next.Links)
	}
	return &now
}

// part is some of the gateway's goroutines, which run until it is stopped.
type part struct {
	cancel []context.CancelFunc
	work   sync.WaitGroup
}

func (p *part) start(run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = append(p.cancel, cancel)
	p.work.Go(func() { run(ctx) })
}

// stop returns when all of them have ended.
func (p *part) stop() {
	for _, cancel := range p.cancel {
		cancel()
	}
	p.work.Wait()
}
