package jid

import (
	"net/url"
	"strings"
)

// URI returns the xmpp: IRI of an address (RFC 5122 §2.2): what would begin a
// query, a fragment or an escape stands as an escape itself.
func (j JID) URI() string { return "xmpp:" + iriEscaper.Replace(j.String()) }

var iriEscaper = strings.NewReplacer(
	" ", "%20", `"`, "%22", "<", "%3C", ">", "%3E",
	"%", "%25", "#", "%23", "?", "%3F", "[", "%5B", "\\", "%5C", "]", "%5D",
	"^", "%5E", "`", "%60", "{", "%7B", "|", "%7C", "}", "%7D",
)

// ParseURI reads the address out of an xmpp: URI or IRI; what it asks to be
// done with it (XEP-0147) is left out, and URIs that name an account to do it
// with are refused.
func ParseURI(s string) (JID, bool) {
	const scheme = "xmpp:"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) || strings.HasPrefix(s[len(scheme):], "//") {
		return JID{}, false
	}
	s = s[len(scheme):]
	if end := strings.IndexAny(s, "?#"); end >= 0 {
		s = s[:end]
	}
	s, err := url.PathUnescape(s)
	if err != nil {
		return JID{}, false
	}
	j, err := Parse(strings.Clone(s))
	return j, err == nil
}
