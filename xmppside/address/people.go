package address

import (
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
)

// maxLocal is the longest that a localpart may be, in bytes (RFC 7622 §3.3).
const maxLocal = 1023

// plain are the characters that a localpart holds as they are, in lower case;
// 0 stands for those that may need an escape. exact is the same for names
// that know upper case.
var plain, exact = func() (plain, exact [256]byte) {
	for c := byte('!'); c <= '~'; c++ {
		if s := string(rune(c)); c != '\\' && jid.Escape(s) == s {
			plain[c] = lowerASCII(s)[0]
			if !isUpper(rune(c)) {
				exact[c] = c
			}
		}
	}
	return plain, exact
}()

// People spells the addresses of one network's people on one domain, as
// Domains.JID does. On IRC they are named as rooms name their occupants: see
// Resource. On Matrix a name in a room is only that, and people are known by
// their accounts, which are user ids. Member lists are long, so a name that
// needs no escape costs a few nanoseconds, and no memory.
type People struct {
	domains         Domains
	domain, network string
	suffix          string // what follows a plain name: "%libera@gw.example.org"
	longest         int    // bytes of a plain name
}

// People returns the people of network on domain; they have no addresses if
// it doesn't lead there.
func (d Domains) People(domain, network string) *People {
	p := &People{domains: d, domain: domain, network: network}
	if j, err := p.jid("x"); err == nil {
		p.suffix, p.longest = j.String()[1:], maxLocal-len(j.Local())+1
	}
	return p
}

// Append appends the bare JID of whom rooms call resource and whose account
// that is; nothing if there is none.
func (p *People) Append(b []byte, resource, account string) []byte {
	if p.network == bridge.NetworkMatrix {
		return p.appendAccount(b, account)
	}
	if resource == "" {
		return b
	}
	if len(resource) <= p.longest && kindOf(resource, p.network) == User {
		start := len(b)
		if b = appendPlain(b, resource, &plain); len(b) > start {
			return append(b, p.suffix...)
		}
	}
	return p.appendName(b, Name(resource))
}

// appendAccount appends the address of a Matrix user by their id.
func (p *People) appendAccount(b []byte, id string) []byte {
	local, server, _ := strings.Cut(strings.TrimPrefix(id, "@"), ":")
	whole := len(local)+2+len(server) == len(id) && local != "" && strings.IndexByte(server, '%') < 0
	if whole && p.suffix != "" && len(id) <= p.longest && kindOf(local, p.network) == User {
		start := len(b)
		if b = appendPlain(b, local, &exact); len(b) > start {
			middle := len(b)
			if b = appendPlain(append(b, '%'), server, &exact); len(b) > middle+1 {
				return append(b, p.suffix...)
			}
		}
		b = b[:start]
	}
	name, ok := MatrixName(id)
	if !ok || id[0] != '@' {
		return b
	}
	return p.appendName(b, name)
}

func (p *People) appendName(b []byte, name string) []byte {
	j, err := p.jid(name)
	if err != nil {
		return b
	}
	return append(b, j.String()...)
}

// Find is the inverse of Append: it returns what rooms call the one at j, on
// IRC up to the case of ASCII letters, or which account theirs is; both are
// "" if that is none of these people.
func (p *People) Find(j jid.JID) (resource, account string) {
	a, err := p.domains.Parse(j)
	if err != nil || a.Kind != User || a.Domain != p.domain || a.Network != lowerASCII(p.network) {
		return "", ""
	}
	if p.network == bridge.NetworkMatrix {
		id, _ := MatrixID(a.Name)
		return "", id
	}
	return Resource(a.Name), ""
}

func (p *People) jid(name string) (jid.JID, error) {
	return p.domains.JID(Address{User, p.domain, p.network, name})
}

// appendPlain appends s as table writes it, or nothing if it may need an escape.
func appendPlain(b []byte, s string, table *[256]byte) []byte {
	start := len(b)
	b = append(b, s...)
	for i, c := range b[start:] {
		if table[c] == 0 {
			return b[:start]
		}
		b[start+i] = table[c]
	}
	return b
}
