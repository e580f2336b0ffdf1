//go:build unix

package client

import (
	"net"
	"syscall"
)

// stale reports whether the other end has closed a connection that nobody was
// using, or has said what nobody had asked for: neither is fit for a request.
func stale(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:]) // it doesn't block
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err != nil || !quiet
}
