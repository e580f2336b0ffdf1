// Package netguard keeps connections that strangers ask for on the public
// Internet: the servers and links that they name must not lead into the
// network that the bridge runs in.
//
//	d := net.Dialer{ControlContext: netguard.Control}
package netguard

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// Control is a net.Dialer.ControlContext that refuses addresses which are not
// of the public Internet, with an *Error. It sees what the name resolved to,
// right before the connect, so a name that changes its mind between check and
// use gains nothing.
func Control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !Public(ap.Addr()) {
		return &Error{Address: address}
	}
	return nil
}

// Error says that an address is not one to connect to.
type Error struct{ Address string }

func (e *Error) Error() string { return fmt.Sprintf("%s is not a public address", e.Address) }

// special is what the IANA registries of special-purpose addresses (RFC 6890)
// hold for IPv4, and within 2000::/3, the only range given out for IPv6. The
// 6to4, Teredo and NAT64 ranges are in it because they lead to IPv4 addresses.
var special = func() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
		"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}()

// globalUnicast is all of IPv6 that is in public use: what is outside, ::1,
// fc00::/7, fe80::/10, ff00::/8, 64:ff9b::/96 and the rest, is not.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// Public reports whether an address is one that strangers may send us to.
// An IPv4 address in IPv6 clothes is judged as what it is.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.Is6() && !globalUnicast.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}
