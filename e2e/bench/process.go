package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// process is a bridge that is being measured.
type process struct {
	cmd     *exec.Cmd
	log     *os.File
	started time.Time
	ended   chan struct{} // closed when it has ended
}

// startProcess runs argv with its output in the file logPath. It dies with
// the bench.
func startProcess(logPath string, argv ...string) (*process, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, log: log, started: time.Now(), ended: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, err
	}
	go func() {
		cmd.Wait() //nolint:errcheck // it is killed: the status says nothing
		log.Close()
		close(p.ended)
	}()
	return p, nil
}

// stop kills the process and waits for its end.
func (p *process) stop() {
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended by itself
	<-p.ended
}

// over reports whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// cpu is how much CPU time all threads of the process have used, those that
// have ended included. It is the clock that clock_getcpuclockid(3) names:
// exact to the nanosecond, where /proc/PID/stat counts ticks of 10 ms.
func (p *process) cpu() (time.Duration, error) {
	const cpuclockSched = 2
	clock := ^p.cmd.Process.Pid<<3 | cpuclockSched
	var t syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("CPU clock of the bridge: %w", errno)
	}
	return time.Duration(t.Nano()), nil
}

// rss is the resident memory of the process, in KiB.
func (p *process) rss() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		if rest, ok := bytes.CutPrefix(lines.Bytes(), []byte("Rss:")); ok {
			return strconv.ParseFloat(string(bytes.TrimSpace(bytes.TrimSuffix(rest, []byte("kB")))), 64)
		}
	}
	return 0, fmt.Errorf("no Rss in smaps_rollup")
}
