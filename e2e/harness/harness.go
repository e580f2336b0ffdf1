// Package harness starts real servers and foreign clients for the scenarios,
// the demo and nobody else: Prosody and ejabberd, InspIRCd, ngIRCd and Ergo,
// Dendrite and Synapse, Isthmus itself, clients that we didn't write
// (@xmpp/client, slixmpp and matrix-js-sdk, each in a driver process of its own)
// and a raw IRC client.
//
// Everything listens on loopback, on ports that were free, with its data in a
// folder of its own. Every process is the leader of its own group and dies
// with us. A call that can't do what it says ends the test through T.Fatalf.
package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// T is the part of testing.TB that the harness needs, so that the demo, which
// is no test, can use it too.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	Failed() bool
}

// Patience is how long anything may take that should happen at once. It is
// generous because a loaded machine is no failure.
const Patience = 15 * time.Second

// Root is the folder of the module.
func Root() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		panic("harness: no caller information")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// tempDir makes a folder, in memory where the machine has one for that: the
// servers' databases would wait for a disk otherwise. It is removed when the
// test ends well, and kept, with the logs in it, when it fails.
func tempDir(t T, name string) string {
	t.Helper()
	parent := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent = "/dev/shm"
	}
	dir, err := os.MkdirTemp(parent, "isthmus-e2e-"+name+"-")
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() && os.Getenv("E2E_KEEP") != "" {
			t.Logf("kept %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("harness: %v", err)
		}
	})
	return dir
}

// writeFile writes a file that only we may read.
func writeFile(t T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("harness: %v", err)
	}
}

// poll calls try until it succeeds, done is closed or the deadline passes, and
// returns try's last error.
func poll(deadline time.Time, done <-chan struct{}, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready in time: %w", err)
		}
		select {
		case <-done:
			return fmt.Errorf("ended before it was ready: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
