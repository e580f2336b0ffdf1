package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"isthmus/bridge/config"
)

func TestReady(t *testing.T) {
	var out bytes.Buffer
	log, _ := newLogger(config.Log{Level: "info"}, &out)
	r := readiness{log: log}
	down := errors.New("down")
	domains := func(matrix string, names ...string) *config.Config {
		cfg := &config.Config{Matrix: config.Matrix{Homeserver: matrix}}
		for _, name := range names {
			cfg.XMPP.Domains = append(cfg.XMPP.Domains, config.Domain{Name: name})
		}
		return cfg
	}
	for _, step := range []struct {
		do   func()
		said int // in all, after it
	}{
		{func() { r.expect(domains("", "a", "b")) }, 0},
		{func() { r.changed("a", nil) }, 0},
		{func() { r.changed("b", down) }, 0},
		{func() { r.changed("b", nil) }, 1},
		{func() { r.changed("a", down) }, 1},
		{func() { r.changed("a", nil) }, 1},
		{func() { r.expect(domains("", "a")) }, 2},
		{func() { r.expect(domains("", "a", "c")) }, 2},
		{func() { r.changed("b", nil) }, 2},
		{func() { r.changed("c", nil) }, 3},
		{func() { r.expect(domains("http://hs", "a")) }, 3},
		{func() { r.changed(homeserver, down) }, 3},
		{func() { r.changed(homeserver, nil) }, 4},
	} {
		step.do()
		if n := strings.Count(out.String(), "msg=ready"); n != step.said {
			t.Fatalf("said %d times, want %d", n, step.said)
		}
	}
}
