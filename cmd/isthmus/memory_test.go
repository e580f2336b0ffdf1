package main

import "testing"

func TestTrimmer(t *testing.T) {
	var tr trimmer
	const mib = 1 << 20
	for i, look := range []struct {
		allocated, live uint64
		due             bool
	}{
		{mib / 2, 0, false},             // starting
		{mib / 2, 0, false},             // quiet, but nothing to gain
		{9 * mib, 2 * mib, false},       // busy
		{9 * mib, 2 * mib, true},        // over
		{9 * mib, 2 * mib, false},       // done already
		{9*mib + 1, 2 * mib, false},     // a little
		{9*mib + 1, 2 * mib, false},     //
		{60 * mib, 100 * mib, false},    // busy, with a large heap
		{60 * mib, 100 * mib, true},     // 51 MiB since: more than half of it
		{100 * mib, 100 * mib, false},   //
		{100 * mib, 100 * mib, false},   // 40 MiB since
		{111*mib + 1, 100 * mib, false}, // busy
		{111*mib + 2, 100 * mib, true},
	} {
		if due := tr.due(look.allocated, look.live); due != look.due {
			t.Errorf("look %d: %v", i, due)
		}
	}
}
