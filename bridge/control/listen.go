// Package control is the local socket by which a running Isthmus is asked how
// it is: HTTP and JSON on a Unix socket that nobody but its user may open. It
// carries whatever handler it is given, and knows nothing of the bridge.
//
//	l, err := control.Listen(path)
//	go control.Serve(ctx, l, handler)
//	...
//	err := control.Dial(path).Get(ctx, "/status", nil, &status)
package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// ErrRunning means that another process serves the socket.
var ErrRunning = errors.New("another isthmus is running with it")

// listener is a socket whose file is ours alone.
type listener struct {
	net.Listener
	lock *os.File
}

// Listen makes the socket, mode 0600. One that a process left behind when it
// was killed is replaced; whose process still runs is ErrRunning. A lock beside
// it, which ends with its process, tells the two apart.
func Listen(path string) (net.Listener, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	l, err := listen(path, lock)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &listener{l, lock}, nil
}

func listen(path string, lock *os.File) (net.Listener, error) {
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w", path, ErrRunning)
	} else if err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is there, and no socket: remove it", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	defer syscall.Umask(syscall.Umask(0o177)) // before anybody could open it
	return net.Listen("unix", path)
}

// Close removes the socket.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.lock.Close()
	return err
}
