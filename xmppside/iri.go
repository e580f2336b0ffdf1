package xmppside

import (
	"strings"

	"isthmus/xmppside/jid"
)

// escapeIRI writes an address into an xmpp: URI (RFC 5122 §2.2): what would
// begin a query, a fragment or an escape stands as an escape itself.
func escapeIRI(j jid.JID) string { return iriEscaper.Replace(j.String()) }

var iriEscaper = strings.NewReplacer(
	"%", "%25", "#", "%23", "?", "%3F", "[", "%5B", "\\", "%5C", "]", "%5D",
	"^", "%5E", "`", "%60", "{", "%7B", "|", "%7C", "}", "%7D",
)
