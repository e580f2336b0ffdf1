package harness

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
)

// Stage is a T that outlives a single test: servers that many tests share, or
// the demo, hang on it. What fails on it ends the program.
type Stage struct {
	mu       sync.Mutex
	cleanups []func()
	failed   bool
	closed   bool
}

// Helper does nothing: a Stage names no lines.
func (*Stage) Helper() {}

// Logf writes to standard error.
func (*Stage) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Errorf writes to standard error and remembers the failure.
func (s *Stage) Errorf(format string, args ...any) {
	s.mu.Lock()
	s.failed = true
	s.mu.Unlock()
	s.Logf(format, args...)
}

// Fatalf tells what failed, cleans up and ends the program. When it is being
// closed already, things fail because of that: only the goroutine ends.
func (s *Stage) Fatalf(format string, args ...any) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		runtime.Goexit()
	}
	s.Errorf(format, args...)
	s.Close()
	os.Exit(1)
}

// Failed tells whether Errorf was called.
func (s *Stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Cleanup has f called by Close, at once if that has been called.
func (s *Stage) Cleanup(f func()) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.cleanups = append(s.cleanups, f)
	}
	s.mu.Unlock()
	if closed {
		f()
	}
}

// Close cleans up, the last thing first. Closing twice does nothing.
func (s *Stage) Close() {
	s.mu.Lock()
	cleanups := s.cleanups
	s.cleanups, s.closed = nil, true
	s.mu.Unlock()
	for _, f := range slices.Backward(cleanups) {
		f()
	}
}
