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
	for _, step := range []struct {
		do   func()
		said int // in all, after it
	}{
		{func() { r.expect([]config.Domain{{Name: "a"}, {Name: "b"}}) }, 0},
		{func() { r.changed("a", nil) }, 0},
		{func() { r.changed("b", down) }, 0},
		{func() { r.changed("b", nil) }, 1},
		{func() { r.changed("a", down) }, 1},
		{func() { r.changed("a", nil) }, 1},
		{func() { r.expect([]config.Domain{{Name: "a"}}) }, 2},
		{func() { r.expect([]config.Domain{{Name: "a"}, {Name: "c"}}) }, 2},
		{func() { r.changed("b", nil) }, 2},
		{func() { r.changed("c", nil) }, 3},
	} {
		step.do()
		if n := strings.Count(out.String(), "msg=ready"); n != step.said {
			t.Fatalf("said %d times, want %d", n, step.said)
		}
	}
}
