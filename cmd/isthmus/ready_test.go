package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/bridge/config"
	"isthmus/bridge/mapping"
)

func TestReady(t *testing.T) {
	var out bytes.Buffer
	log, _ := newLogger(config.Log{Level: "info"}, &out)
	var links []mapping.LinkStatus
	r := newReadiness(log, func() []mapping.LinkStatus { return links })
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
		r.check()
		if n := strings.Count(out.String(), "msg=ready"); n != step.said {
			t.Fatalf("said %d times, want %d", n, step.said)
		}
	}
}

// A mapped room is waited for until it is joined, or has refused us: then it is
// named, and why.
func TestReadyLinks(t *testing.T) {
	var out bytes.Buffer
	log, _ := newLogger(config.Log{Level: "info"}, &out)
	channel := mapping.RoomStatus{Room: bridge.Room{Network: "libera", ID: "#go"}, State: "joining"}
	room := mapping.RoomStatus{Room: bridge.Room{Network: "matrix", ID: "#go%example.org"}, State: "waiting"}
	var links []mapping.LinkStatus
	r := newReadiness(log, func() []mapping.LinkStatus { return links })
	r.expect(&config.Config{Links: []config.Link{{Name: "go", Rooms: make([]config.LinkRoom, 2)}}})
	r.check() // the links are not set yet
	for _, states := range [][2]string{{"joining", "waiting"}, {"joined", "waiting"}, {"offline", "joined"}, {"joined", "joining"}} {
		channel.State, room.State = states[0], states[1]
		links = []mapping.LinkStatus{{Name: "go", Rooms: []mapping.RoomStatus{channel, room}}}
		if r.check(); out.Len() > 0 {
			t.Fatalf("%v: %s", states, &out)
		}
	}
	links[0].Rooms[1].State, links[0].Rooms[1].Why = "refused", "You are banned."
	for range 2 {
		r.check()
	}
	const want = `msg=ready domains=0 matrix=false rooms=1 not_joined="[#go:example.org: You are banned.]"`
	if strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), want) {
		t.Errorf("%s, want %s", &out, want)
	}
	if all, ready := r.status(); len(all) != 0 || !ready {
		t.Errorf("%v, %v", all, ready)
	}
}

// Whoever looks is woken by a change, and ends with the gateway.
func TestReadyRuns(t *testing.T) {
	var out lockedBuffer
	log, _ := newLogger(config.Log{Level: "info"}, &out)
	looked := make(chan struct{})
	r := newReadiness(log, func() []mapping.LinkStatus { looked <- struct{}{}; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.run(ctx); close(ended) }()
	r.expect(&config.Config{XMPP: config.XMPP{Domains: []config.Domain{{Name: "a"}}}})
	r.changed("a", errors.New("refused"))
	if all, ready := r.status(); ready || len(all) != 1 || all[0].Up || all[0].Why != "refused" {
		t.Errorf("%+v, %v", all, ready)
	}
	r.changed("a", nil)
	<-looked
	cancel()
	<-ended
	if all, _ := r.status(); !all[0].Up || all[0].Why != "" {
		t.Errorf("%+v", all)
	}
}
