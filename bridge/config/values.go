package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/precis"
)

// Endpoint is a server to connect to: [scheme://]host[:port].
type Endpoint struct {
	// Scheme is "" or "tls" for an XMPP server, "irc" or "ircs" for IRC.
	Scheme string
	Host   string // a name or an IP address, without brackets
	Port   uint16
}

// TLS reports whether the connection is encrypted from its first byte.
func (e Endpoint) TLS() bool { return e.Scheme == "tls" || e.Scheme == "ircs" }

// Address is the host:port to dial.
func (e Endpoint) Address() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}

func (e Endpoint) String() string {
	if e.Scheme == "" {
		return e.Address()
	}
	return e.Scheme + "://" + e.Address()
}

// defaultPorts by scheme: IANA's for IRC, custom for XEP-0114.
var defaultPorts = map[string]uint16{"": 5347, "tls": 5347, "irc": 6667, "ircs": 6697}

// UnmarshalText parses what the file holds; the port may be left out.
func (e *Endpoint) UnmarshalText(text []byte) error {
	scheme, rest, found := strings.Cut(string(text), "://")
	if !found {
		scheme, rest = "", string(text)
	}
	port, known := defaultPorts[scheme]
	if !known {
		return fmt.Errorf("unknown scheme %q: use ircs:// or irc:// for IRC, tls:// for an XMPP server", scheme)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]")
	if _, err := netip.ParseAddr(host); err != nil {
		if h, p, err := net.SplitHostPort(rest); err == nil {
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil || n == 0 {
				return fmt.Errorf("bad port %q: use a number from 1 to 65535", p)
			}
			host, port = h, uint16(n)
		}
	}
	if err := checkHost(host); err != nil {
		return err
	}
	*e = Endpoint{Scheme: scheme, Host: host, Port: port}
	return nil
}

// checkHost reports what is wrong with a host name or address.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if host == "" {
		return errors.New("host is missing: write host:port")
	}
	if _, err := idna.Lookup.ToASCII(host); err != nil || len(host) > 253 {
		return fmt.Errorf("bad host %q: use a DNS name or an IP address (IPv6 in brackets), with :port", host)
	}
	return nil
}

// Secret is text that must not be seen: it formats and logs as "[secret]".
type Secret string

func (Secret) String() string { return "[secret]" }

// GoString keeps %#v from showing it.
func (Secret) GoString() string { return `"[secret]"` }

// LogValue keeps slog from showing it.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText keeps encoders from showing it.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Rate is a token bucket: Burst at once, then one per Interval.
type Rate struct {
	Burst    int           `yaml:"burst"`
	Interval time.Duration `yaml:"interval"`
}

// domainProfile follows RFC 7622 §3.2: U-labels, lower case, no mapping left undone.
var domainProfile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false),
	idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// canonicalDomain returns a JID's domain as it is compared.
func canonicalDomain(s string) (string, error) {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return s, nil
	}
	if _, err := domainProfile.ToASCII(s); err != nil { // only this way checks lengths
		return "", fmt.Errorf("%q is not a domain: write it as in irc.example.org", s)
	}
	return domainProfile.ToUnicode(s)
}

// canonicalBare returns a bare JID, or a domain, as it is compared (RFC 7622 §3.3).
func canonicalBare(s string) (string, error) {
	local, domain, found := strings.Cut(s, "@")
	if !found {
		return canonicalDomain(s)
	}
	node, err := precis.UsernameCaseMapped.String(local)
	if err != nil || node == "" || len(node) > 1023 || strings.ContainsAny(node, `"&'/:<>@`) {
		return "", fmt.Errorf("%q is not a JID: write user@example.org or example.org", s)
	}
	if strings.Contains(domain, "/") {
		return "", fmt.Errorf("%q has a resource: write the JID without it", s)
	}
	domain, err = canonicalDomain(domain)
	return node + "@" + domain, err
}

// postgresURL reports whether a store's path is a PostgreSQL URL, and what is
// wrong with it.
func postgresURL(path string) (bool, error) {
	if !strings.HasPrefix(path, "postgres://") && !strings.HasPrefix(path, "postgresql://") {
		return false, nil
	}
	u, err := url.Parse(path)
	if err != nil {
		return true, errors.New("not a URL: write postgres://user@host/database")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return true, errors.New("a password does not belong here: set PGPASSWORD, or use a .pgpass file")
	}
	return true, nil
}
