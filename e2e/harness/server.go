package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Server is a foreign server that we started: what all kinds have in common.
type Server struct {
	Kind string // "prosody", "inspircd" ...
	dir  string
	cmd  command
	// ready asks the server something that only a working one can answer.
	ready func(deadline time.Time) error
	proc  *process
}

// startTries is how often a server is started on other ports when it doesn't
// come up: a port that was free a moment ago may be taken.
const startTries = 3

// launch prepares a server with so many free ports and starts it; it stops
// when t ends.
func launch(t T, kind string, ports int, prepare func(dir string, ports []int) *Server) {
	t.Helper()
	for try := 1; ; try++ {
		dir := tempDir(t, kind)
		s := prepare(dir, freePorts(t, ports))
		s.Kind, s.dir, s.cmd.log = kind, dir, dir+"/"+kind+".log"
		err := s.start()
		if err == nil {
			t.Cleanup(func() { s.stop(syscall.SIGTERM) })
			return
		}
		text := tail(s.cmd.log, 30)
		s.stop(syscall.SIGKILL)
		if try == startTries {
			t.Fatalf("%s doesn't start: %v\n%s", kind, err, text)
		}
	}
}

func (s *Server) start() error {
	proc, err := start(s.cmd)
	if err != nil {
		return err
	}
	s.proc = proc
	deadline := time.Now().Add(60 * time.Second)
	return poll(deadline, proc.done, func() error { return s.ready(time.Now().Add(5 * time.Second)) })
}

func (s *Server) stop(sig syscall.Signal) {
	if s.proc != nil {
		s.proc.end(sig, 5*time.Second)
	}
}

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.stop(syscall.SIGKILL) }

// Stop ends the server as its service manager does.
func (s *Server) Stop() { s.stop(syscall.SIGTERM) }

// Freeze halts the server in the middle of whatever it does: its connections
// stay, and nothing comes from it until Thaw.
func (s *Server) Freeze(t T) { s.signal(t, syscall.SIGSTOP) }

// Thaw lets a server go on that Freeze halted.
func (s *Server) Thaw(t T) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-s.proc.pid, sig); err != nil {
		t.Fatalf("%s: %v", s.Kind, err)
	}
}

// Start starts a server that was killed or stopped again, on the same ports
// and data, and waits until it is ready.
func (s *Server) Start(t T) {
	t.Helper()
	if s.proc.running() {
		t.Fatalf("%s still runs", s.Kind)
	}
	if err := s.start(); err != nil {
		t.Fatalf("%s doesn't start again: %v\n%s", s.Kind, err, tail(s.cmd.log, 30))
	}
}

// givenPorts are those that freePorts has found: some are for a server that is to
// be started only later.
var givenPorts sync.Map

// freePorts finds TCP ports on loopback that nobody listens on, each once. They lie
// below those that the kernel gives to outgoing connections, so that a server that
// was killed finds its port free again.
func freePorts(t T, n int) []int {
	t.Helper()
	const lowest, highest, tries = 12_000, 32_000, 1_000
	var ports []int
	for range tries {
		if len(ports) == n {
			return ports
		}
		port := lowest + rand.IntN(highest-lowest)
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		l.Close()
		if _, given := givenPorts.LoadOrStore(port, true); !given {
			ports = append(ports, port)
		}
	}
	t.Fatalf("harness: no free ports")
	return nil
}

// loopback is host:port for a port here.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// dialUntil connects to addr, with a deadline for the whole conversation.
func dialUntil(addr string, deadline time.Time) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Until(deadline))
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, fmt.Errorf("deadline: %w", err)
	}
	return conn, nil
}
