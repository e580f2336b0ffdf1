package session

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"isthmus/bridge/netguard"
)

// dial connects to the first address that lets it. A server that is to have
// TLS and does not is never talked to without.
func dial(ctx context.Context, cfg *Config) (net.Conn, error) {
	var last *Error
	for _, a := range cfg.Addresses {
		conn, err := dialOne(ctx, cfg, a)
		if err == nil {
			return conn, nil
		}
		// What only waiting can cure says more than what never will be.
		if last == nil || err.Temporary() || !last.Temporary() {
			last = err
		}
		cfg.Logger.Info("address failed", "address", a.String(), "error", err)
		if ctx.Err() != nil {
			break
		}
	}
	if last == nil {
		return nil, &Error{Kind: Unreachable, Text: "no address to connect to"}
	}
	return nil, last
}

func dialOne(ctx context.Context, cfg *Config, a Address) (net.Conn, *Error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
	defer cancel()
	connect := cfg.Dial
	if connect == nil {
		// Our own PING finds dead peers; the kernel's probes would only add to it.
		d := net.Dialer{KeepAlive: -1}
		if !cfg.AllowPrivate {
			d.ControlContext = netguard.Control
		}
		connect = d.DialContext
	}
	conn, err := connect(ctx, "tcp", a.String())
	if err != nil {
		var forbidden *netguard.Error
		if errors.As(err, &forbidden) {
			return nil, &Error{Kind: Forbidden, Text: "connections to private addresses are not allowed", Err: err}
		}
		return nil, &Error{Kind: Unreachable, Text: "can't connect to " + a.String(), Err: err}
	}
	if !a.TLS {
		return conn, nil
	}
	secure := tls.Client(conn, cfg.TLS.config(a.Host))
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error is the one that counts
		return nil, tlsError(a, err)
	}
	return secure, nil
}

func (t TLS) config(host string) *tls.Config {
	c := &tls.Config{
		ServerName:         host,
		RootCAs:            t.Roots,
		InsecureSkipVerify: t.Insecure,
		MinVersion:         tls.VersionTLS12,
	}
	if t.Certificate != nil {
		c.Certificates = []tls.Certificate{*t.Certificate}
	}
	return c
}

// tlsError tells a server that is not who it should be, or that speaks no TLS,
// from a connection that broke.
func tlsError(a Address, err error) *Error {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &cert):
		return &Error{Kind: BadTLS, Text: "the certificate of " + a.String() + " can't be trusted", Err: err}
	case errors.As(err, &record), errors.As(err, &alert):
		return &Error{Kind: BadTLS, Text: a.String() + " does not speak TLS as it should", Err: err}
	}
	return &Error{Kind: Unreachable, Text: "TLS with " + a.String() + " failed", Err: err}
}

// isTLS reports whether what is sent over conn is secret.
func isTLS(conn net.Conn) bool {
	_, ok := conn.(*tls.Conn)
	return ok
}
