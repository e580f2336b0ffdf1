// Package wire reads and writes stanzas as they stand on a component's stream
// (RFC 6120, XEP-0114): strictly, since whatever arrives was written by a
// stranger, and fast, since most of what the bridge does is this.
//
//	d := wire.NewDecoder(conn, wire.DefaultLimits)
//	stanza, err := d.Next() // *BadStanza costs that stanza alone
//	body := stanza.ChildText(wire.NSComponent, "body")
//
//	b = wire.AppendOpen(b, wire.Header{Kind: wire.Message, To: stanza.From, From: stanza.To})
//	b = append(b, "<body>"...)
//	b = wire.AppendText(b, "hello")
//	b = append(b, "</body>"...)
//	b = wire.AppendClose(b, wire.Message)
//
// Reading is limited to restricted XML (RFC 6120 §11.1): no comments,
// processing instructions, document types or entities of one's own; element
// and attribute names are ASCII. What stanzas mean is left to others.
package wire

import (
	"fmt"

	"isthmus/xmppside/jid"
)

// The namespaces that every stanza needs.
const (
	NSComponent = "jabber:component:accept"             // XEP-0114
	NSStream    = "http://etherx.jabber.org/streams"    // RFC 6120 §4.8.1
	NSStanzas   = "urn:ietf:params:xml:ns:xmpp-stanzas" // RFC 6120 §8.3
	nsXML       = "http://www.w3.org/XML/1998/namespace"
)

// Kind is one of the three kinds of stanza, or Other for the rest of what
// stands directly below a stream (<handshake/>, <stream:error/>).
type Kind uint8

// The kinds.
const (
	Other Kind = iota
	Message
	Presence
	IQ
)

var kindNames = [...]string{Other: "", Message: "message", Presence: "presence", IQ: "iq"}

// String returns the element's name, or "" for Other.
func (k Kind) String() string { return kindNames[k] }

func kindOf(space, local string) Kind {
	if space != NSComponent {
		return Other
	}
	switch local {
	case "message":
		return Message
	case "presence":
		return Presence
	case "iq":
		return IQ
	}
	return Other
}

// Header holds the attributes that all stanzas have (RFC 6120 §8.1). When
// writing, zero fields are left out.
type Header struct {
	Kind     Kind
	To, From jid.JID
	ID       string
	Type     string
	Lang     string // xml:lang
}

// Reply returns the header of an answer of the given type: addresses turned
// round, the same id.
func (h Header) Reply(typ string) Header {
	return Header{Kind: h.Kind, To: h.From, From: h.To, ID: h.ID, Type: typ}
}

// Stanza is one parsed element below the stream. All of its strings share one
// piece of memory as large as the stanza: clone those that outlive it. The
// JIDs are their own.
type Stanza struct {
	Header
	Element
}

// BadStanza says that one stanza could not be taken; the stream goes on.
type BadStanza struct {
	// Header is what was understood of it before the error: a From says
	// whom to answer.
	Header Header
	// Condition is what to answer: ConditionBadRequest, ConditionJIDMalformed
	// or ConditionPolicyViolation (a limit).
	Condition Condition
	Reason    string
}

func (e *BadStanza) Error() string {
	return fmt.Sprintf("bad stanza from %q: %s", e.Header.From, e.Reason)
}

// Limits bound what a stanza may cost to read.
type Limits struct {
	Size       int // bytes
	Depth      int // elements within each other, the stanza being the first
	Elements   int // in one stanza
	Attributes int // in one element
}

// DefaultLimits are as generous as the servers are (Prosody's limit for
// components is 512 KiB).
var DefaultLimits = Limits{Size: 512 << 10, Depth: 64, Elements: 8192, Attributes: 64}
