package harness

import (
	"fmt"
	"strings"
	"time"
)

// Lanes is how many scenarios may run at once on one XMPP server: each has a
// virtual host, with users, and a component domain to itself.
const Lanes = 6

// Users are the accounts on every virtual host. Password is that of each.
var Users = []string{"alice", "bob", "carol", "dave"}

// Password is every account's password.
const Password = "pencil"

// componentSecret is what the XMPP servers expect of the gateway.
const componentSecret = "component-secret"

// XMPPServer is a Prosody or an ejabberd with Users on several hosts, and
// component domains "irc.", "matrix." and "far." and rooms at "muc." of each.
type XMPPServer struct {
	Server
	Client    string // address for clients, host:port
	Component string // address for components, host:port
	// SecureComponent is the same by TLS, with a certificate of CA. Only an
	// ejabberd has it.
	SecureComponent string
	CA              string
	Hosts           []string
}

// laneHost is the virtual host of a lane.
func laneHost(lane int) string { return fmt.Sprintf("lane%d.localhost", lane) }

// GatewayDomain is the component domain that goes with a virtual host.
func GatewayDomain(host string) string { return "irc." + host }

// MatrixDomain is the component domain that goes with a virtual host and is
// bound to Matrix.
func MatrixDomain(host string) string { return "matrix." + host }

// MUCDomain is where a virtual host has rooms (XEP-0045) of its server's own.
func MUCDomain(host string) string { return "muc." + host }

// componentDomains are the component domains of a virtual host.
func componentDomains(host string) []string {
	return []string{GatewayDomain(host), MatrixDomain(host), FarDomain(host)}
}

func laneHosts() []string {
	hosts := make([]string, Lanes)
	for i := range hosts {
		hosts[i] = laneHost(i)
	}
	return hosts
}

// XMPPKinds are the XMPP servers there are, to be passed to StartXMPP.
var XMPPKinds = []string{"prosody", "ejabberd"}

// StartXMPP starts an XMPP server of the kind for the hosts (nil: one for each
// lane) and waits until its clients' port talks XMPP.
func StartXMPP(t T, kind string, hosts []string) *XMPPServer {
	t.Helper()
	if hosts == nil {
		hosts = laneHosts()
	}
	prepare := map[string]func(T, string, *XMPPServer) command{"prosody": prosody, "ejabberd": ejabberd}[kind]
	if prepare == nil {
		t.Fatalf("harness: no XMPP server %q", kind)
	}
	x := &XMPPServer{Hosts: hosts}
	launch(t, kind, 3, func(dir string, ports []int) *Server {
		x.Client, x.Component, x.SecureComponent = loopback(ports[0]), loopback(ports[1]), loopback(ports[2])
		x.CA = writeCertificate(t, dir)
		x.cmd = prepare(t, dir, x)
		x.ready = x.greets
		return &x.Server
	})
	return x
}

// greets succeeds when each host answers a stream header with its features and
// the components' port takes connections.
func (x *XMPPServer) greets(deadline time.Time) error {
	component, err := dialUntil(x.Component, deadline)
	if err != nil {
		return err
	}
	component.Close()
	for _, host := range x.Hosts {
		if err := x.greetsAs(host, deadline); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
	}
	return nil
}

func (x *XMPPServer) greetsAs(host string, deadline time.Time) error {
	conn, err := dialUntil(x.Client, deadline)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s'>", host); err != nil {
		return err
	}
	var seen strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(seen.String(), "mechanism>") {
		n, err := conn.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			return fmt.Errorf("%w after %q", err, seen.String())
		}
	}
	return nil
}
