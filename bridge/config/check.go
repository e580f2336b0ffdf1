package config

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"

	"isthmus/bridge"
)

// checker finds what is well written but can't work, and puts names into
// their canonical form.
type checker struct {
	source
	wrong    map[string]bool // paths that are blamed already
	problems Problems
	warnings Problems
}

func (c *checker) fail(path, format string, args ...any) {
	if !c.wrong[path] {
		c.problems = append(c.problems, c.problem(path, format, args...))
	}
}

func (c *checker) warn(path, format string, args ...any) {
	c.warnings = append(c.warnings, c.problem(path, format, args...))
}

// given reports whether the file has the path.
func (c *checker) given(path string) bool {
	_, given := c.at[path]
	return given
}

func (c *checker) check(cfg *Config) {
	c.xmpp(&cfg.XMPP, cfg)
	for _, name := range slices.Sorted(maps.Keys(cfg.Networks)) {
		network := cfg.Networks[name]
		c.network(joinPath("networks", name), name, &network)
		cfg.Networks[name] = network
	}
	c.matrix(&cfg.Matrix)
	if len(cfg.Networks) == 0 && !cfg.Access.UnlistedNetworks && !c.given("matrix") {
		c.fail("networks", "is empty: give at least one network, a matrix section, or set access.unlisted_networks")
	}
	c.links(cfg)
	c.access(&cfg.Access, cfg.XMPP.Domains)
	c.atLeast("limits.networks_per_user", cfg.Limits.NetworksPerUser, 1)
	c.atLeast("limits.rooms_per_user", cfg.Limits.RoomsPerUser, 1)
	c.rate("limits.messages", cfg.Limits.Messages)
	if _, err := postgresURL(cfg.Store.Path); err != nil {
		c.fail("store.path", "%v", err)
	} else if cfg.Store.Path == "" {
		c.fail("store.path", "is empty: name a file")
	}
	if cfg.Store.Keep.Age < 0 {
		c.fail("store.keep.age", "must not be negative (0s keeps all)")
	}
	if cfg.Store.Keep.Messages < 0 {
		c.fail("store.keep.messages", "must not be negative (0 keeps all)")
	}
	c.oneOf("log.level", cfg.Log.Level, "debug", "info", "warn", "error")
	c.oneOf("log.format", cfg.Log.Format, "text", "json")
	if cfg.Metrics != "" {
		c.listenAddress("metrics", cfg.Metrics)
	}
	if len(cfg.Control) > maxSocketPath {
		c.fail("control", "is longer than %d bytes, which no socket's path may be", maxSocketPath)
	}
	if cfg.Audit.Most < minAudit {
		c.fail("audit.most", "must be %v or more", minAudit)
	}
}

const (
	// maxSocketPath is what fits into sockaddr_un on every system, without its NUL.
	maxSocketPath = 103
	// minAudit holds some hundred records.
	minAudit Size = 64 << 10
)

func (c *checker) xmpp(x *XMPP, cfg *Config) {
	c.scheme("xmpp.server", x.Server, "", "tls")
	if len(x.Domains) == 0 {
		c.fail("xmpp.domains", "is missing: give at least one, as in - name: irc.example.org")
	}
	if strings.TrimSpace(x.Relay.Nick) == "" || strings.ContainsFunc(x.Relay.Nick, isControl) {
		c.fail("xmpp.relay.nick", "must be a name without control characters")
	}
	c.nameTemplate("xmpp.relay.template", x.Relay.Template, "name")
	c.mapped("xmpp.mapped", &x.Mapped)
	seen := map[string]int{}
	for i := range x.Domains {
		d := &x.Domains[i]
		path := fmt.Sprintf("xmpp.domains[%d]", i)
		c.domain(path, d, cfg)
		if d.Server == (Endpoint{}) {
			d.Server = x.Server
		}
		if first, again := seen[d.Name]; again && d.Name != "" {
			c.fail(path+".name", "%s is domain %d already: remove one", d.Name, first+1)
		} else {
			seen[d.Name] = i
		}
	}
}

func (c *checker) domain(path string, d *Domain, cfg *Config) {
	if c.wrong[path] {
		return
	}
	if d.Name == "" {
		c.fail(path+".name", "is missing: write the component's domain")
	} else if name, err := canonicalDomain(d.Name); err != nil {
		c.fail(path+".name", "%v", err)
	} else {
		d.Name = name
	}
	switch _, known := cfg.Networks[d.Network]; {
	case known || d.Network == "":
	case d.Network == "matrix" && !cfg.Matrix.On():
		c.fail(path+".network", "there is no homeserver: add a matrix section")
	case d.Network != "matrix":
		c.fail(path+".network", "%s is not under networks: add it there, or use one of %s",
			strconv.QuoteToASCII(d.Network), list(cfg.Networks))
	}
	if d.Server != (Endpoint{}) {
		c.scheme(path+".server", d.Server, "", "tls")
	}
}

func list(networks map[string]Network) string {
	if len(networks) == 0 {
		return "(none yet)"
	}
	return strings.Join(slices.Sorted(maps.Keys(networks)), ", ")
}

// networkName is what may stand behind the last % of a gateway JID.
var networkName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

func (c *checker) network(path, name string, n *Network) {
	if c.wrong[path] {
		return
	}
	switch {
	case !networkName.MatchString(name):
		c.fail(path, "is no name for a network: use up to 63 of a-z, 0-9, dot, dash and underscore")
	case slices.Contains([]string{bridge.NetworkXMPP, bridge.NetworkMatrix, bridge.NetworkMapped, bridge.NetworkBridge}, name):
		c.fail(path, "is a reserved name: use another")
	}
	if len(n.Addresses) == 0 {
		c.fail(path+".addresses", "is missing: give at least one, as in - ircs://irc.example.org:6697")
	}
	for i, a := range n.Addresses {
		at := fmt.Sprintf("%s.addresses[%d]", path, i)
		if c.wrong[at] {
			continue
		}
		c.scheme(at, a, "ircs", "irc")
		if first := slices.Index(n.Addresses, a); first < i {
			c.fail(at, "is there twice (it is address %d already): remove one", first+1)
		}
	}
	if n.TLSInsecure && n.CAFile != "" {
		c.fail(path+".tls_insecure", "makes ca_file useless: remove one of the two")
	} else if n.TLSInsecure {
		c.warn(path+".tls_insecure", "anybody on the way can read and change what is said: use ca_file")
	}
	c.template(path+".nick", n.Nick, "nick", "local")
	c.template(path+".username", n.Username, "nick", "local")
	c.template(path+".realname", n.RealName, "nick", "local", "jid")
	if _, err := htmlindex.Get(n.Encoding); err != nil {
		c.fail(path+".encoding", "%s is not an encoding: use a WHATWG name such as windows-1252, iso-8859-15, koi8-r or shift_jis",
			strconv.QuoteToASCII(n.Encoding))
	}
	c.rate(path+".flood", n.Flood)
	c.atLeast(path+".sessions", n.Sessions, 1)
	c.rate(path+".connect_rate", n.ConnectRate)
	c.positive(path+".reconnect.first", n.Reconnect.First)
	if n.Reconnect.Most < n.Reconnect.First {
		c.fail(path+".reconnect.most", "must not be less than first (%v)", n.Reconnect.First)
	}
	if n.Linger < 0 {
		c.fail(path+".linger", "must not be negative")
	}
	c.positive(path+".ping", n.Ping)
	c.preset(path, n)
	c.oneOf(path+".policy", n.Policy, PolicyOpen, PolicyMapped, PolicyConsent)
	c.oneOf(path+".gateway", n.Gateway, GatewaySessions, GatewayRelay)
	c.oneOf(path+".private_messages", n.PrivateMessages, MessagesAll, MessagesKnown)
	if n.Contact != "" {
		c.contact(path+".contact", n.Contact)
	}
	c.relay(path+".relay", &n.Relay)
	c.mapped(path+".mapped", &n.Mapped)
}

func (c *checker) access(a *Access, domains []Domain) {
	for i := range a.Allow {
		c.jid(fmt.Sprintf("access.allow[%d]", i), &a.Allow[i])
	}
	for i := range a.Deny {
		c.jid(fmt.Sprintf("access.deny[%d]", i), &a.Deny[i])
	}
	if !a.LocalOnly {
		return
	}
	for _, d := range domains {
		if _, parent, _ := strings.Cut(d.Name, "."); parent != "" && !slices.Contains(a.Allow, parent) {
			a.Allow = append(a.Allow, parent)
		}
	}
	if len(a.Allow) == 0 {
		c.fail("access.local_only", "would shut everybody out: no domain of ours has one above it; list yours under allow")
	}
}

func (c *checker) jid(path string, s *string) {
	bare, err := canonicalBare(*s)
	if err != nil {
		c.fail(path, "%v", err)
		return
	}
	*s = bare
}

func (c *checker) scheme(path string, e Endpoint, allowed ...string) {
	if e.Host == "" || slices.Contains(allowed, e.Scheme) { // no host: blamed already
		return
	}
	if allowed[0] == "" {
		c.fail(path, "must be host:port, or tls://host:port")
		return
	}
	c.fail(path, "must begin with ircs:// (TLS) or irc:// (plain text)")
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

var placeholder = regexp.MustCompile(`\{[^{}]*\}|[{}]`)

func (c *checker) template(path, text string, names ...string) {
	if text == "" {
		c.fail(path, "is empty: give text, or one of {%s}", strings.Join(names, "}, {"))
	}
	if strings.ContainsFunc(text, isControl) {
		c.fail(path, "holds a control character: remove it")
	}
	for _, p := range placeholder.FindAllString(text, -1) {
		if !slices.Contains(names, strings.Trim(p, "{}")) {
			c.fail(path, "%s is not known here: use {%s}", strconv.QuoteToASCII(p), strings.Join(names, "}, {"))
		}
	}
}

func (c *checker) rate(path string, r Rate) {
	c.atLeast(path+".burst", r.Burst, 1)
	c.positive(path+".interval", r.Interval)
}

// mostCount bounds every count: more is a slip of the keyboard.
const mostCount = 1_000_000

func (c *checker) atLeast(path string, n, least int) {
	if n < least || n > mostCount {
		c.fail(path, "must be a number from %d to %d", least, mostCount)
	}
}

func (c *checker) positive(path string, d time.Duration) {
	if d <= 0 {
		c.fail(path, "must be longer than nothing, as in 2s")
	}
}

func (c *checker) oneOf(path, value string, words ...string) {
	if !slices.Contains(words, value) {
		c.fail(path, "must be one of %s", strings.Join(words, ", "))
	}
}

func (c *checker) listenAddress(path, address string) {
	host, port, err := net.SplitHostPort(address)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || n == 0 || (host != "" && checkHost(host) != nil) {
		c.fail(path, "must be host:port, as in 127.0.0.1:9180")
	}
}
