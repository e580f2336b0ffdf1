//go:build !unix

package client

import "net"

// stale can't tell here: a request on a connection that the other end has
// closed fails, and is made again.
func stale(net.Conn) bool { return false }
