// Package address is the grammar of the gateway's JIDs. It is biboumi's, so
// that bookmarks survive a move. On a domain for all networks:
//
//	gw.example.org                     the gateway itself
//	libera@gw.example.org              a network: its console, its settings
//	#go%libera@gw.example.org          a channel
//	#go%libera@gw.example.org/rob      an occupant of the channel
//	rob%libera@gw.example.org          a person
//	#go%irc.host.org\3a6697@gw…        a channel of a network that isn't listed
//
// On a domain that is bound to one network, libera:
//
//	libera.example.org                 the network (and its console)
//	#go@libera.example.org             a channel
//	rob@libera.example.org             a person
//
// The part after the last "%" names the network, so "#50%off%libera" is the
// channel "#50%off". Channels are told from people by their first character.
//
// Matrix is a network like the others, with names of two parts: the ":" between
// them becomes a "%".
//
//	#go%server.org%matrix@gw.example.org       the room #go:server.org
//	!AbC%server.org%matrix@gw…                 a room by its id, which looks like !\u{41}b\u{43}%server…
//	rob%server.org%matrix@gw.example.org       the person @rob:server.org
//	#go%server.org@matrix.example.org          the same on a domain that is bound to matrix
//	rob%server.org\3a8448@matrix.example.org   a server's port
//
// What a localpart can't hold is escaped by XEP-0106 ("#a/b" is "#a\2fb") and,
// beyond that, by code point: an upper-case "É", a "☃" or a control character
// would be folded away or refused, so "#☃" is "#\u{2603}". IRC knows no
// upper-case ASCII letters; Matrix tells "!AbC" from "!abc", so that on it
// those are escaped, too. Every text has exactly one spelling, in both directions.
package address

import (
	"errors"
	"fmt"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
)

// Kind is what an address names.
type Kind uint8

// The kinds.
const (
	Gateway Kind = iota // the component itself
	Network             // a network, through its console
	Channel             // a room of a network
	User                // a person on a network
)

// ChannelPrefixes are the first characters of channels (RFC 2811 §2.1); no
// nick starts with one of them. Of these, Matrix's rooms have "#" and "!".
const ChannelPrefixes = "#&+!"

const matrixPrefixes = "#!"

// Address is a parsed address; its resource stays with the JID.
type Address struct {
	Kind    Kind
	Domain  string
	Network string // empty for the Gateway
	Name    string // channel or nick, for Channel and User
}

// Errors that Parse and RoomID wrap.
var (
	ErrNotOurs     = errors.New("not a domain of this gateway")
	ErrNoNetwork   = errors.New("no network named")
	ErrEmpty       = errors.New("empty name")
	ErrOtherwise   = errors.New("spelled differently here")
	ErrUnspellable = errors.New("too long for an address")
)

// Domains maps each domain of the gateway to the network that it is bound to,
// or to "" for a domain of all networks.
type Domains map[string]string

// Parse tells what j, with or without a resource, names.
func (d Domains) Parse(j jid.JID) (Address, error) {
	bound, ours := d[j.Domain()]
	if !ours {
		return Address{}, fmt.Errorf("%w: %s", ErrNotOurs, j.Domain())
	}
	a := Address{Domain: j.Domain(), Network: bound}
	if j.Local() == "" {
		if bound != "" {
			a.Kind = Network
		}
		return a, nil
	}
	text, err := localText(j, networkOf(j.Local(), bound))
	if err != nil {
		return Address{}, err
	}
	if bound != "" {
		a.Name = text
		a.Kind = kindOf(text, bound)
		return a, nil
	}
	at := strings.LastIndexByte(text, '%')
	if at < 0 {
		if kindOf(text, "") == Channel {
			return Address{}, fmt.Errorf("%w: write %s%%network@%s", ErrNoNetwork, j.Local(), j.Domain())
		}
		a.Kind, a.Network = Network, text
		return a, nil
	}
	a.Name, a.Network = text[:at], text[at+1:]
	if a.Network == "" {
		return Address{}, fmt.Errorf("%w: write %snetwork@%s", ErrNoNetwork, j.Local(), j.Domain())
	}
	if a.Name == "" {
		return Address{}, fmt.Errorf("%w before %%%s", ErrEmpty, a.Network)
	}
	a.Kind = kindOf(a.Name, a.Network)
	return a, nil
}

func kindOf(name, network string) Kind {
	prefixes := ChannelPrefixes
	if network == bridge.NetworkMatrix {
		prefixes = matrixPrefixes
	}
	if strings.IndexByte(prefixes, name[0]) >= 0 {
		return Channel
	}
	return User
}

// networkOf returns the network that a localpart leads to, on a domain that is
// bound to one or to none.
func networkOf(local, bound string) string {
	if bound != "" {
		return bound
	}
	return local[strings.LastIndexByte(local, '%')+1:]
}

// JID returns the bare address that Parse reads as a, but on IRC for the case
// of ASCII letters. Its errors wrap ErrNotOurs, ErrNoNetwork (a's network is not the
// one that the domain is bound to), ErrEmpty or ErrUnspellable.
func (d Domains) JID(a Address) (jid.JID, error) {
	bound, ours := d[a.Domain]
	switch {
	case !ours:
		return jid.JID{}, fmt.Errorf("%w: %s", ErrNotOurs, a.Domain)
	case a.Kind == Gateway && bound == "", a.Kind == Network && bound != "" && a.Network == bound:
		return jid.New("", a.Domain, "")
	case a.Network == "", a.Kind == Gateway, bound != "" && a.Network != bound:
		return jid.JID{}, fmt.Errorf("%w that %s leads to", ErrNoNetwork, a.Domain)
	case a.Kind == Network:
		return spell(a.Network, a.Domain, a.Network)
	case a.Name == "" || a.Kind != kindOf(a.Name, a.Network):
		return jid.JID{}, fmt.Errorf("%w: %q", ErrEmpty, a.Name)
	case bound != "":
		return spell(a.Name, a.Domain, bound)
	}
	return spell(a.Name+"%"+a.Network, a.Domain, a.Network)
}

// RoomID returns how the core calls the hosted room or conversation at j: the
// localpart with nothing escaped, "@" and the domain, or the domain alone. It
// refuses a j that RoomJID would spell in another way, since two addresses of
// one room would be two rooms to every client. Whether j's network knows upper
// case is for Parse to say.
func RoomID(j jid.JID) (string, error) {
	if j.Local() == "" {
		return j.Domain(), nil
	}
	text, err := localText(j, bridge.NetworkMatrix)
	if err != nil {
		return "", err
	}
	return text + "@" + j.Domain(), nil
}

// RoomJID is the inverse of RoomID. Ids of IRC's rooms have no upper-case
// ASCII letters.
func RoomJID(id string) (jid.JID, error) {
	at := strings.LastIndexByte(id, '@')
	if at < 0 {
		return jid.New("", id, "")
	}
	return spell(id[:at], id[at+1:], bridge.NetworkMatrix)
}

// localText returns what j's localpart says, and refuses those that say it in
// another spelling than ours of that network.
func localText(j jid.JID, network string) (string, error) {
	local := j.Local()
	if strings.IndexByte(local, '\\') < 0 {
		return local, nil
	}
	text := unescapeRunes(jid.Unescape(local))
	ours, err := spell(text, j.Domain(), network)
	if err != nil {
		return "", err
	}
	if ours != j.Bare() {
		return "", fmt.Errorf("%w: write %s", ErrOtherwise, ours)
	}
	return text, nil
}

// spell writes text, which names something of a network, into a localpart.
func spell(text, domain, network string) (jid.JID, error) {
	keepCase := network == bridge.NetworkMatrix
	local := escapeBackslashes(text)
	if keepCase {
		local = escapeUpper(local)
	}
	local = jid.Escape(local)
	j, err := jid.New(local, domain, "")
	if err == nil && j.Local() == lowerASCII(local) && !spaceAtEnds(text) {
		return j, nil
	}
	local = escapeRunes(text)
	if keepCase {
		local = escapeUpper(local)
	}
	j, err = jid.New(jid.Escape(local), domain, "")
	if err != nil {
		return jid.JID{}, fmt.Errorf("%w: %w", ErrUnspellable, err)
	}
	return j, nil
}

// Resource writes a name into the resource of an occupant's JID. Almost all
// names stand there as they are.
func Resource(name string) string {
	plain := escapeBackslashes(name)
	if j, err := jid.New("", "x", plain); err == nil && j.Resource() == plain {
		return plain
	}
	return escapeRunes(name)
}

// Name is the inverse of Resource.
func Name(resource string) string { return unescapeRunes(resource) }

func spaceAtEnds(s string) bool { return strings.Trim(s, " ") != s }

// lowerASCII folds only what every IRC network folds.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
