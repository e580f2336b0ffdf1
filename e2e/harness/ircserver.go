package harness

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"
)

// What Oper takes on every IRC server.
const (
	operName     = "oper"
	operPassword = "oper-password"
)

// IRCServer is an InspIRCd, an ngIRCd or an Ergo.
type IRCServer struct {
	Server
	Addr    string // plain text, host:port
	TLSAddr string // TLS with a certificate of CA
	Link    string // where other servers connect, if it takes them
	CA      string // PEM file of who signed its certificate
	ports   []int
}

// IRCKinds are the IRC servers there are, to be passed to StartIRC.
var IRCKinds = []string{"inspircd", "ngircd", "ergo"}

// prepareIRC says how each kind is configured and started.
var prepareIRC = map[string]func(T, string, *IRCServer) command{"inspircd": inspircd, "ngircd": ngircd, "ergo": ergo}

// StartIRC starts an IRC server of the kind and waits until it registers clients.
func StartIRC(t T, kind string) *IRCServer {
	t.Helper()
	if prepareIRC[kind] == nil {
		t.Fatalf("harness: no IRC server %q", kind)
	}
	return startIRC(t, kind, prepareIRC[kind])
}

func startIRC(t T, kind string, prepare func(T, string, *IRCServer) command) *IRCServer {
	t.Helper()
	s := &IRCServer{}
	launch(t, kind, 3, func(dir string, ports []int) *Server {
		s.ports = ports
		s.Addr, s.TLSAddr, s.Link = loopback(ports[0]), loopback(ports[1]), loopback(ports[2])
		s.CA = writeCertificate(t, dir)
		s.cmd = prepare(t, dir, s)
		s.ready = s.registers
		return &s.Server
	})
	return s
}

// registers succeeds when a client has been welcomed (001).
func (s *IRCServer) registers(deadline time.Time) error {
	conn, err := dialUntil(s.Addr, deadline)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "NICK ready%d\r\nUSER ready 0 * :ready\r\n", time.Now().UnixNano()%1e9); err != nil {
		return err
	}
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		if rest, ok := strings.CutPrefix(line, "PING"); ok {
			fmt.Fprintf(conn, "PONG%s", rest)
		}
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == "001" {
			_, err := fmt.Fprint(conn, "QUIT\r\n")
			return err
		}
	}
}

// port is the number in one of our addresses.
func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}
