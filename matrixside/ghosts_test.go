package matrixside

import (
	"context"
	"errors"
	"sync"
	"testing"
	"unsafe"

	"isthmus/bridge"
)

// There is one of them for each person of each channel.
func TestGhostSize(t *testing.T) {
	if size := unsafe.Sizeof(ghost{}); size > 96 {
		t.Errorf("%d bytes", size)
	}
}

// One at a time has the turn, and whoever waits for it can give up.
func TestGhostTurn(t *testing.T) {
	g, k := &ghosts{}, &ghost{}
	n := 0 // unguarded: the race detector sees two at once
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if err := g.hold(t.Context(), k); err != nil {
					t.Error(err)
					return
				}
				n++
				g.release(k)
			}
		})
	}
	wg.Wait()
	if n != 800 {
		t.Error(n, "turns")
	}
	if err := g.hold(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	why := errors.New("no time")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := g.hold(ctx, k); !errors.Is(err, why) {
		t.Error(err)
	}
	g.release(k)
	if k.turn || k.freed != nil {
		t.Error("the turn is not free")
	}
}

// What few ghosts have takes no memory of the others.
func TestGhostExtra(t *testing.T) {
	k := &ghost{}
	k.setMore(func(e *extra) { e.status = "" })
	if k.extra != nil {
		t.Error("nothing takes memory")
	}
	k.setMore(func(e *extra) { e.status, e.wanted = "tea", "abc" })
	if p := k.presence(); p != (bridge.Presence{Status: "tea"}) || k.more().wanted != "abc" {
		t.Error(p, k.more())
	}
	k.setMore(func(e *extra) { *e = extra{} })
	if k.extra != nil {
		t.Error("nothing takes memory any more")
	}
}
