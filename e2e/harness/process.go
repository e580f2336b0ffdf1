package harness

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A command is how to start a program.
type command struct {
	path  string
	args  []string
	env   []string // added to ours
	dir   string
	log   string              // file that gets its output, appended
	stdin io.Reader           // nil: nothing to read
	as    *syscall.Credential // nil: as we are
	out   io.WriteCloser      // gets standard output instead of the log, closed at the end
}

// A process is a running program and those it started.
type process struct {
	pid  int
	done chan struct{} // closed when it has ended
	err  error         // how, once done is closed
}

// start runs c in a process group of its own. The kernel kills it when we die:
// that is tied to the thread that started it, so that one waits for its end.
func start(c command) (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(c.path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Dir = c.dir
	cmd.Stdin = c.stdin
	cmd.Stdout, cmd.Stderr = log, log
	if c.out != nil {
		cmd.Stdout = c.out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: c.as}
	// A grandchild that keeps our pipe open must not keep us.
	cmd.WaitDelay = time.Second

	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer log.Close()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		if c.out != nil {
			c.out.Close()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.path, err)
	}
	return p, nil
}

// end sends sig to the whole group, waits, and kills what is still there
// after patience. It tells how long the program took, and whether it ended by
// itself.
func (p *process) end(sig syscall.Signal, patience time.Duration) (time.Duration, bool) {
	began := time.Now()
	_ = syscall.Kill(-p.pid, sig) // it may be gone already
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		// Children that outlived it, if any.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		return time.Since(began), true
	case <-timer.C:
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		<-p.done
		return time.Since(began), false
	}
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// tail returns the last lines of a log file.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
