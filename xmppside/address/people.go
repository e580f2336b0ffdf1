package address

import "isthmus/xmppside/jid"

// maxLocal is the longest that a localpart may be, in bytes (RFC 7622 §3.3).
const maxLocal = 1023

// plain are the characters that a localpart holds as they are, in lower case;
// 0 stands for those that may need an escape.
var plain = func() (table [256]byte) {
	for c := byte('!'); c <= '~'; c++ {
		if s := string(rune(c)); c != '\\' && jid.Escape(s) == s {
			table[c] = lowerASCII(s)[0]
		}
	}
	return table
}()

// People spells the addresses of one network's people on one domain, as
// Domains.JID does. They are named as rooms name their occupants: see Resource.
// Member lists are long, so a name that needs no escape costs a few
// nanoseconds, and no memory.
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

// Append appends the bare JID of whom rooms call so; nothing if there is none.
func (p *People) Append(b []byte, resource string) []byte {
	if resource == "" {
		return b
	}
	if len(resource) <= p.longest && kindOf(resource) == User {
		start := len(b)
		if b = appendPlain(b, resource); len(b) > start {
			return append(b, p.suffix...)
		}
	}
	j, err := p.jid(Name(resource))
	if err != nil {
		return b
	}
	return append(b, j.String()...)
}

// Nick is the inverse of Append, up to the case of ASCII letters: it returns
// what rooms call the one at j, or "" if that is none of these people.
func (p *People) Nick(j jid.JID) string {
	a, err := p.domains.Parse(j)
	if err != nil || a.Kind != User || a.Domain != p.domain || a.Network != lowerASCII(p.network) {
		return ""
	}
	return Resource(a.Name)
}

func (p *People) jid(name string) (jid.JID, error) {
	return p.domains.JID(Address{User, p.domain, p.network, name})
}

// appendPlain appends s in lower case, or nothing if it may need an escape.
func appendPlain(b []byte, s string) []byte {
	start := len(b)
	b = append(b, s...)
	for i, c := range b[start:] {
		if plain[c] == 0 {
			return b[:start]
		}
		b[start+i] = plain[c]
	}
	return b
}
