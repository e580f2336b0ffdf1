// Package metrics shows the bridge's counters to Prometheus.
//
// A counter is an atomic.Int64 (or Uint64) of the package that counts: adding to it costs
// a hot path a nanosecond, and needs nothing from here. Whoever wires the
// packages names their counters:
//
//	m := metrics.New()
//	metrics.Counter(m, "isthmus_core_events_total", "Events taken in.", &hub.Counters.Published)
//	m.Gauge("isthmus_core_portals", "Conversations.", hub.Portals)
//	err := m.Serve(ctx, listener)
package metrics

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is what is shown.
type Metrics struct{ registry *prometheus.Registry }

// New makes one that shows the process and the Go runtime.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Counter shows what only grows, an *atomic.Int64 or *atomic.Uint64. A name
// that is taken already panics, as a bad name does.
func Counter[N int64 | uint64](m *Metrics, name, help string, value interface{ Load() N }) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(value.Load()) }))
}

// Gauge shows what goes up and down; value is called for each look.
func (m *Metrics) Gauge(name, help string, value func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// Handler serves what is shown.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// patience is how long a request may take, and the end waits for it.
const patience = 5 * time.Second

// Serve answers /metrics on l until ctx ends, then closes it and returns nil.
func (m *Metrics) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	server := &http.Server{
		Handler: mux, MaxHeaderBytes: 16 << 10,
		ReadTimeout: patience, WriteTimeout: 2 * patience, IdleTimeout: time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := server.Shutdown(wait)
	if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}
