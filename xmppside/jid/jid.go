// Package jid holds XMPP addresses (RFC 7622): local@domain/resource, each
// part in the one canonical form that makes equal addresses equal values, and
// the escaping (XEP-0106) for localparts that have to carry other alphabets.
//
//	j, err := jid.Parse("Alice@Example.ORG/phone")
//	j.Bare().String() // alice@example.org
package jid

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// maxPart is the longest that each part may be, in bytes (RFC 7622 §3.1).
const maxPart = 1023

// JID is an XMPP address in canonical form. It is comparable (== compares as
// RFC 7622 says), can be a map key, and costs nothing to print. The zero JID
// is no address; of the others each has a domain.
type JID struct {
	s                 string // local@domain/resource
	localLen, bareLen uint16
}

// Errors that Parse and New wrap; the text names the part.
var (
	ErrEmpty   = errors.New("jid: empty part")
	ErrTooLong = errors.New("jid: part longer than 1023 bytes")
	ErrInvalid = errors.New("jid: characters that are not allowed")
)

// Parse reads an address and brings it into canonical form. The result may
// share s's memory.
func Parse(s string) (JID, error) {
	// RFC 7622 §3.2: first the resource is cut at the first "/", then the
	// localpart at the first "@" of the rest.
	bare, resource, hasResource := strings.Cut(s, "/")
	local, domain, hasLocal := strings.Cut(bare, "@")
	if !hasLocal {
		local, domain = "", bare
	}
	if hasLocal && local == "" {
		return JID{}, fmt.Errorf("%w: local", ErrEmpty)
	}
	if hasResource && resource == "" {
		return JID{}, fmt.Errorf("%w: resource", ErrEmpty)
	}
	return build(s, local, domain, resource)
}

// New makes an address of its parts; local and resource may be empty.
// Localparts are taken as they are: see Escape.
func New(local, domain, resource string) (JID, error) {
	return build("", local, domain, resource)
}

// MustParse is Parse for addresses that are known to be right, such as those
// in tests. It panics on others.
func MustParse(s string) JID {
	j, err := Parse(s)
	if err != nil {
		panic(fmt.Sprintf("%v: %q", err, s))
	}
	return j
}

// build puts canonical parts together. whole, if not empty, is what the parts
// were cut from: it becomes the address when it is canonical already.
func build(whole, local, domain, resource string) (JID, error) {
	l, err := canonicalLocal(local)
	if err != nil {
		return JID{}, err
	}
	d, err := canonicalDomain(domain)
	if err != nil {
		return JID{}, err
	}
	r, err := canonicalResource(resource)
	if err != nil {
		return JID{}, err
	}
	if whole != "" && l == local && d == domain && r == resource {
		return join(whole, len(l), len(d)), nil
	}
	var b strings.Builder
	b.Grow(len(l) + len(d) + len(r) + 2)
	if l != "" {
		b.WriteString(l)
		b.WriteByte('@')
	}
	b.WriteString(d)
	if r != "" {
		b.WriteByte('/')
		b.WriteString(r)
	}
	return join(b.String(), len(l), len(d)), nil
}

func join(s string, local, domain int) JID {
	bare := domain
	if local > 0 {
		bare += local + 1
	}
	return JID{s: s, localLen: uint16(local), bareLen: uint16(bare)}
}

// String returns the canonical address; it is free.
func (j JID) String() string { return j.s }

// LogValue implements slog.LogValuer: logs of every format have the String.
func (j JID) LogValue() slog.Value { return slog.StringValue(j.s) }

// Local returns the part before the "@", or "".
func (j JID) Local() string { return j.s[:j.localLen] }

// Domain returns the domain, with international labels in Unicode.
func (j JID) Domain() string {
	if j.localLen == 0 {
		return j.s[:j.bareLen]
	}
	return j.s[j.localLen+1 : j.bareLen]
}

// Resource returns the part after the "/", or "".
func (j JID) Resource() string {
	if j.IsBare() {
		return ""
	}
	return j.s[j.bareLen+1:]
}

// Bare returns the address without its resource; it is free.
func (j JID) Bare() JID {
	j.s = j.s[:j.bareLen]
	return j
}

// WithResource returns the bare address with another resource; "" takes it away.
func (j JID) WithResource(resource string) (JID, error) {
	bare := j.Bare()
	if resource == "" {
		return bare, nil
	}
	r, err := canonicalResource(resource)
	if err != nil {
		return JID{}, err
	}
	bare.s += "/" + r
	return bare, nil
}

// IsBare reports whether there is no resource.
func (j JID) IsBare() bool { return len(j.s) == int(j.bareLen) }

// IsZero reports whether j is no address.
func (j JID) IsZero() bool { return j.s == "" }
