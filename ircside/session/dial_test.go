package session

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"
)

func TestGuard(t *testing.T) {
	l := listen(t, nil)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		h := newRecorder()
		Open(t.Context(), Config{Nick: "a", Addresses: []Address{{Host: host, Port: l.port}}}, h)
		var err *Error
		if !errors.As(h.err(), &err) || err.Kind != Forbidden || err.Temporary() {
			t.Errorf("%s: closed with %v", host, err)
		}
	}
}

func TestFailover(t *testing.T) {
	l := listen(t, nil)
	gone := listen(t, nil)
	_ = gone.Close()
	h := newRecorder()
	s := Open(t.Context(), Config{Nick: "a", AllowPrivate: true,
		Addresses: []Address{{Host: "127.0.0.1", Port: gone.port}, {Host: "127.0.0.1", Port: l.port}}}, h)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err, ok := h.err().(*Error); !ok || err.Kind != Lost {
		t.Errorf("closed with %v", err)
	}
	if s.Send("AWAY") != ErrClosed {
		t.Error("Send after the end")
	}
	h = newRecorder()
	Open(t.Context(), Config{Nick: "a", AllowPrivate: true, Addresses: []Address{{Host: "127.0.0.1", Port: gone.port}}}, h)
	if err, ok := h.err().(*Error); !ok || err.Kind != Unreachable || !err.Temporary() {
		t.Errorf("closed with %v", err)
	}
}

func TestTLS(t *testing.T) {
	good, bad := certificate(t, "127.0.0.1"), certificate(t, "192.0.2.1")
	pool := x509.NewCertPool()
	pool.AddCert(good.Leaf)
	pool.AddCert(bad.Leaf)
	for name, c := range map[string]struct {
		server *tls.Certificate // nil for plain text
		client TLS
		want   Kind // of the error; -1 for none
		fine   bool
	}{
		"own CA":       {server: good, client: TLS{Roots: pool}, fine: true},
		"unknown CA":   {server: good, want: BadTLS},
		"insecure":     {server: bad, client: TLS{Insecure: true}, fine: true},
		"wrong name":   {server: bad, client: TLS{Roots: pool}, want: BadTLS},
		"no TLS there": {client: TLS{Roots: pool}, want: BadTLS},
		"certificate":  {server: good, client: TLS{Roots: pool, Certificate: bad}, fine: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, c.server)
			h := newRecorder()
			s := Open(t.Context(), Config{Nick: "a", AllowPrivate: true, TLS: c.client,
				Addresses: []Address{{Host: "127.0.0.1", Port: l.port, TLS: true}}}, h)
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if c.fine {
				first := make([]byte, 12)
				if _, err := conn.Read(first); err != nil || string(first) != "CAP LS 302\r\n" {
					t.Fatalf("read %q, %v", first, err)
				}
				if own := conn.(*tls.Conn).ConnectionState().PeerCertificates; (c.client.Certificate != nil) != (len(own) > 0) {
					t.Errorf("%d client certificates", len(own))
				}
				s.Close("")
			} else {
				go func() {
					_, _ = conn.Write([]byte(":irc.test NOTICE * :plain text here\r\n"))
					_, _ = conn.Read(make([]byte, 512))
				}()
				if err, ok := h.err().(*Error); !ok || err.Kind != c.want || err.Temporary() {
					t.Errorf("closed with %v", h.err())
				}
				return
			}
			_ = conn.Close()
			if err := h.err(); err != nil {
				t.Errorf("closed with %v", err)
			}
		})
	}
}

// TestTLSKeepAlive: a read deadline that passes does no harm to TLS.
func TestTLSKeepAlive(t *testing.T) {
	cert := certificate(t, "127.0.0.1")
	l := listen(t, cert)
	h := newRecorder()
	s := Open(t.Context(), Config{Nick: "a", AllowPrivate: true, TLS: TLS{Insecure: true}, PingInterval: 50 * time.Millisecond, QuitTimeout: 10 * time.Millisecond,
		Addresses: []Address{{Host: "127.0.0.1", Port: l.port, TLS: true}}}, h)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	srv := newFake(t, conn)
	srv.expect("CAP LS 302", "NICK a", "USER a 0 * a")
	srv.send(":x 001 a :hi", ":x 376 a :end")
	srv.expect("PING ready")
	for range 3 {
		for got := range srv.lines {
			if got == "PING :alive" {
				break
			}
		}
		srv.send(":x PONG x :alive")
	}
	s.Close("")
	for range srv.lines {
	}
	if err := h.err(); err != nil {
		t.Error(err)
	}
}

type listener struct {
	net.Listener
	port string
}

// listen opens a loopback listener, with TLS where there is a certificate.
func listen(t testing.TB, cert *tls.Certificate) listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if cert != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*cert}, ClientAuth: tls.RequestClientCert})
	}
	return listener{l, port}
}

// certificate makes a self-signed one for an IP.
func certificate(t testing.TB, ip string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(ip)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
