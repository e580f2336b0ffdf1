package jid

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// excludedLocal are the ASCII characters that UsernameCaseMapped allows but
// localparts must not have (RFC 7622 §3.3.1).
const excludedLocal = `"&'/:<>@`

// usernames is precis.UsernameCaseMapped without its Bidi Rule, which it
// applies to all text; RFC 8265 §3.3.2 wants it only where something is
// written from right to left ("#café" starts with no letter).
var usernames = precis.NewIdentifier(precis.FoldWidth, precis.LowerCase(), precis.Norm(norm.NFC))

// canonicalLocal enforces the UsernameCaseMapped profile (RFC 8265 §3.3) and
// RFC 7622 §3.3.
func canonicalLocal(s string) (string, error) {
	if s == "" || plainASCII(s, isPlainLocal) {
		return s, checkLength(s, "local")
	}
	if len(s) > 4*maxPart {
		return "", fmt.Errorf("%w: local", ErrTooLong)
	}
	out, err := stable(usernames, s)
	rightToLeft := bidirule.DirectionString(out) == bidi.RightToLeft
	if err != nil || strings.ContainsAny(out, excludedLocal) || rightToLeft && !bidirule.ValidString(out) {
		return "", fmt.Errorf("%w: local", ErrInvalid)
	}
	return out, checkLength(out, "local")
}

// canonicalResource enforces the OpaqueString profile (RFC 8265 §4.2) and
// RFC 7622 §3.4.
func canonicalResource(s string) (string, error) {
	if s == "" || plainASCII(s, isPlainResource) {
		return s, checkLength(s, "resource")
	}
	if len(s) > 4*maxPart {
		return "", fmt.Errorf("%w: resource", ErrTooLong)
	}
	out, err := stable(precis.OpaqueString, s)
	if err != nil {
		return "", fmt.Errorf("%w: resource", ErrInvalid)
	}
	return out, checkLength(out, "resource")
}

// stable applies a profile and refuses the few strings that the profile would
// change again: RFC 8264 §7 asks for idempotence, and equal addresses must be
// equal values.
func stable(p *precis.Profile, s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", ErrInvalid
	}
	once, err := p.String(s)
	if err != nil {
		return "", err
	}
	twice, err := p.String(once)
	if err != nil || once != twice {
		return "", ErrInvalid
	}
	return once, nil
}

// domains maps and checks international names as RFC 7622 §3.2 wants them:
// U-labels, case-mapped, STD3 characters only.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true))

// canonicalDomain brings a domain, IPv4 address or bracketed IPv6 address
// into canonical form.
func canonicalDomain(s string) (string, error) {
	s = strings.TrimSuffix(s, ".") // RFC 7622 §3.2: the root's dot is no part of it
	if s == "" {
		return "", fmt.Errorf("%w: domain", ErrEmpty)
	}
	if len(s) > maxPart {
		return "", fmt.Errorf("%w: domain", ErrTooLong)
	}
	if s[0] == '[' {
		return canonicalIPv6(s)
	}
	if plainASCII(s, isPlainDomain) && !strings.Contains(s, "xn--") {
		return s, checkLabels(s)
	}
	if ascii := strings.ToLower(s); plainASCII(ascii, isPlainDomain) && !strings.Contains(ascii, "xn--") {
		return ascii, checkLabels(ascii)
	}
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: domain", ErrInvalid)
	}
	once, err := domains.ToUnicode(s)
	if err != nil {
		return "", fmt.Errorf("%w: domain", ErrInvalid)
	}
	if twice, err := domains.ToUnicode(once); err != nil || once != twice || strings.ContainsAny(once, "@/[") {
		return "", fmt.Errorf("%w: domain", ErrInvalid)
	}
	if err := checkLabels(once); err != nil {
		return "", err
	}
	return once, checkLength(once, "domain")
}

func canonicalIPv6(s string) (string, error) {
	a, err := netip.ParseAddr(strings.TrimSuffix(s[1:], "]"))
	if err != nil || !a.Is6() || a.Zone() != "" || s[len(s)-1] != ']' {
		return "", fmt.Errorf("%w: domain", ErrInvalid)
	}
	if out := "[" + a.String() + "]"; out != s {
		return out, nil
	}
	return s, nil
}

// checkLabels refuses empty labels and those longer than DNS can hold.
func checkLabels(domain string) error {
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || len(label) > 4*63 {
			return fmt.Errorf("%w: domain", ErrInvalid)
		}
	}
	return nil
}

func checkLength(s, part string) error {
	if len(s) > maxPart {
		return fmt.Errorf("%w: %s", ErrTooLong, part)
	}
	return nil
}

// plainASCII reports whether s consists of bytes that are canonical as they
// stand: the usual case, which needs no tables.
func plainASCII(s string, plain func(byte) bool) bool {
	for i := range len(s) {
		if !plain(s[i]) {
			return false
		}
	}
	return true
}

func isPlainLocal(c byte) bool {
	switch c {
	case '"', '&', '\'', '/', ':', '<', '>', '@':
		return false
	}
	return c > ' ' && c < 0x7f && (c < 'A' || c > 'Z')
}

func isPlainResource(c byte) bool { return c >= ' ' && c < 0x7f }

// isPlainDomain allows the underscore too: it is in names of the real world.
func isPlainDomain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}
