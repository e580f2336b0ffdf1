package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"isthmus/bridge/config"
)

// lockedBuffer is a log that goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// gatewayFile writes a configuration whose servers can't be reached.
func gatewayFile(t *testing.T, dir, more string) string {
	t.Helper()
	for name, text := range map[string]string{"secret": "s3cret", "c.yaml": `
xmpp:
  server: 127.0.0.1:1
  secret_file: secret
  domains: [{ name: irc.example.org }]
networks:
  libera: { addresses: [ircs://127.0.0.1:1] }
store: { path: isthmus.db, key_file: key }
` + more} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "c.yaml")
}

func TestGateway(t *testing.T) {
	dir := t.TempDir()
	path := gatewayFile(t, dir, "metrics: 127.0.0.1:0x\n")
	if _, err := config.Load(path); err == nil {
		t.Fatal("a bad address for metrics is taken")
	}
	cfg, err := config.Load(gatewayFile(t, dir, ""))
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
	defer g.stop()

	page := httptest.NewRecorder()
	g.allMetrics().Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{"isthmus_core_events_total 0", "isthmus_irc_sessions 0", "isthmus_store_lost_total 0", "isthmus_mapped_rooms 0", "isthmus_audit_lost_total 0"} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}

	for _, c := range []struct{ more, want string }{
		{"log: { level: debug }\n", `change="log.level: \"info\" → \"debug\""`},
		{"log: { level: debug }\n", "nothing has changed"},
		{"limits: { rooms_per_user: many }\n", "must be a whole number"},
		{"log: { level: debug }\n", "nothing has changed"},
		{"log: { level: debug, format: json }\n", "after a restart"},
		{"access: { allow: [example.net] }\n", "access.allow: [] → [example.net]"},
	} {
		before := len(out.String())
		next := reload(g, gatewayFile(t, dir, c.more))
		if said := out.String()[before:]; !strings.Contains(said, c.want) || (next == nil) != strings.Contains(c.want, "must be") {
			t.Errorf("%sgave %v and said\n%s", c.more, next != nil, said)
		}
	}
	if strings.Contains(out.String(), "s3cret") {
		t.Error("the secret is in the log")
	}
}

func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	var out lockedBuffer
	err := run(gatewayFile(t, dir, "logs: {}\n"), &out)
	if err == nil || !strings.Contains(err.Error(), "logs: is not a known key") {
		t.Error(err)
	}
	if err := run(filepath.Join(dir, "nowhere"), &out); err == nil {
		t.Error("runs without a file")
	}
}
