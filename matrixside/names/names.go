// Package names is how Matrix and the bridge call people and rooms: which
// ghost stands for whom, which alias leads where, and what the core calls a
// room of Matrix. Everything here is pure and reversible.
//
// What the core (bridge.Room with Network "matrix") calls them (see Room):
//
//	#room%server.org      a Matrix room by its alias #room:server.org
//	!opaque%server.org    the same by its id; "!opaque" where ids have no server (room version 12)
//	user%server.org       with an Owner: the conversation with @user:server.org
//	~#go%libera           a portal room: a room that we made on the homeserver for
//	                      the channel #go of libera. With an Owner, ~rob%libera is the direct
//	                      chat with rob's ghost and ~%libera the console of libera
//	~muc@example.org%xmpp the same for a MUC of any XMPP server; with an Owner
//	                      ~juliet@example.org%xmpp is the direct chat with juliet's ghost
//
// The last "%" ends the name, as in the gateway's JIDs: no server and no
// network has one in its name.
//
// Ghosts (see Ghost):
//
//	@xmpp_juliet_example.org:hs            juliet@example.org; the last "_" stands for the "@"
//	@xmpp_example.org:hs                   example.org
//	@xmpp_room_muc.example.org/=4eick:hs   room@muc.example.org/Nick
//	@irc_libera_rob:hs                     rob on libera; the first "_" ends the network
//
// What can't stand there is "=" and two lower-case hex digits per byte of
// UTF-8, as the Matrix specification proposes for such ghosts ("Mapping from
// other character sets"). Everybody has exactly one spelling.
//
// Aliases of portal rooms (see Alias) are typed by people, so that they have
// as few of these as can be:
//
//	#xmpp_room_muc.example.org:hs
//	#irc_libera_#go:hs
//	#irc_libera_#été:hs
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// The first parts of what is ours on the homeserver.
const (
	prefixXMPP = "xmpp_"
	prefixIRC  = "irc_"
)

const (
	// maxUserID is the longest user id in bytes, sigil and server with it.
	// The specification has 255, of which Synapse takes 254.
	maxUserID = 254
	// maxAlias is the longest alias in bytes, sigil and server with it.
	maxAlias = 255
	// digestBytes of a hash, in hex behind "==", end what is too long.
	digestBytes = 10
)

// Names is all that one needs to know to name people and rooms on one
// homeserver. Any goroutine may use it.
type Names struct {
	// Server is the homeserver's name, which stands behind the ":".
	Server string
	// Bot is the localpart of the bridge's own user.
	Bot string
	// Fold is a nick in lower case, as its network has it: two nicks are one
	// person when their folds are the same. It must be idempotent, and say
	// the same for ever: ghosts are called by what it says. Nil means ASCII
	// lower case, which is right on every network for almost all nicks, and
	// never makes one ghost of two people: where {}|~ are the lower case of
	// []\^ (FoldRFC1459), who changes between them gets a second one.
	Fold func(network, nick string) string
}

// BotID is the user id of the bridge's own user.
func (n Names) BotID() id.UserID { return id.NewUserID(n.Bot, n.Server) }

// Native is the Person of a Matrix user.
func Native(user id.UserID) bridge.Person {
	return bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)}
}

// User is who p is on Matrix: their own user id if they are from there, the bot
// if they are the Keeper, otherwise their ghost's.
func (n Names) User(p bridge.Person) id.UserID {
	switch {
	case p == bridge.Keeper:
		return n.BotID()
	case p.Network == bridge.NetworkMatrix:
		return id.UserID(p.ID)
	}
	return n.Ghost(p)
}

// Ghost is the user id of the ghost that stands for p, who is not from Matrix.
// Nicks of IRC are folded first, and so are JIDs, to ASCII lower case, up to
// their resource. An id that would be longer than a homeserver takes, or that
// nobody could have (a JID without a domain, control characters), ends with a
// digest: Person can't read such a one, so that whoever makes it has to keep
// whom it stands for. It is never empty, and no two people have the same.
func (n Names) Ghost(p bridge.Person) id.UserID {
	local, ok := n.ghostLocal(p)
	most := maxUserID - len("@:") - len(n.Server)
	if !ok || len(local) > most {
		sum := sha256.Sum256([]byte(p.Network + "\x00" + n.fold(p)))
		end := "==" + hex.EncodeToString(sum[:digestBytes])
		local = local[:max(min(len(local), most-len(end)), 0)] + end
	}
	return id.UserID("@" + local + ":" + n.Server)
}

// Person is whom the ghost called user stands for. It is false for everybody
// who is no ghost of ours, for spellings that Ghost does not make, and for
// ghosts whose id had to be cut (see IsGhost).
func (n Names) Person(user id.UserID) (bridge.Person, bool) {
	local, ours := n.local(user)
	if !ours {
		return bridge.Person{}, false
	}
	p, ok := parseGhost(local)
	if !ok || n.Ghost(p) != user {
		return bridge.Person{}, false
	}
	p.ID = n.fold(p)
	return p, true
}

// IsGhost reports whether user is in the namespace of our ghosts, readable or not.
func (n Names) IsGhost(user id.UserID) bool {
	local, ours := n.local(user)
	return ours && (strings.HasPrefix(local, prefixXMPP) || strings.HasPrefix(local, prefixIRC))
}

// IsOurs reports whether user is a ghost or the bot: nobody whom a homeserver
// tells us of as somebody new.
func (n Names) IsOurs(user id.UserID) bool { return n.IsGhost(user) || user == n.BotID() }

// local is the localpart of a user of our homeserver.
func (n Names) local(user id.UserID) (string, bool) {
	local, ok := strings.CutPrefix(string(user), "@")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(local, ":"+n.Server)
}

// fold is p's ID with nothing in it that does not tell people apart.
func (n Names) fold(p bridge.Person) string {
	switch {
	case p.Network == bridge.NetworkXMPP:
		bare, resource, occupant := strings.Cut(p.ID, "/")
		if bare = lowerASCII(bare); occupant {
			return bare + "/" + resource
		}
		return bare
	case n.Fold != nil:
		return n.Fold(p.Network, p.ID)
	}
	return lowerASCII(p.ID)
}

// ghostLocal is the localpart of p's ghost, which may be too long. It is false
// if it can't be read back.
func (n Names) ghostLocal(p bridge.Person) (string, bool) {
	name := n.fold(p)
	if p.Network != bridge.NetworkXMPP {
		ok := isNetwork(p.Network) && name != "" && isClean(name)
		return prefixIRC + escapeUser(p.Network, "") + "_" + escapeUser(name, "_/"), ok
	}
	bare, resource, occupant := strings.Cut(name, "/")
	local, domain, at := strings.Cut(bare, "@")
	if !at {
		local, domain = "", bare
	}
	out := prefixXMPP
	if at {
		out += escapeUser(local, "_") + "_"
	}
	out += escapeUser(domain, "")
	if occupant {
		out += "/" + escapeUser(resource, "_/")
	}
	return out, (local != "") == at && domain != "" && (resource != "") == occupant && isClean(name)
}

// parseGhost undoes ghostLocal. It is lenient: whoever calls it compares.
func parseGhost(local string) (bridge.Person, bool) {
	if rest, ok := strings.CutPrefix(local, prefixIRC); ok {
		network, nick, ok := strings.Cut(rest, "_")
		network, okNetwork := unescape(network)
		nick, okNick := unescape(nick)
		return bridge.Person{Network: network, ID: nick}, ok && okNetwork && okNick && isNetwork(network)
	}
	rest, ok := strings.CutPrefix(local, prefixXMPP)
	if !ok {
		return bridge.Person{}, false
	}
	bare, resource, occupant := strings.Cut(rest, "/")
	jid, ok := parseBare(bare)
	if ok && occupant {
		resource, ok = unescape(resource)
		jid += "/" + resource
	}
	return bridge.Person{Network: bridge.NetworkXMPP, ID: jid}, ok
}

// parseBare reads "juliet_example.org" and "example.org".
func parseBare(s string) (string, bool) {
	at := strings.LastIndexByte(s, '_')
	domain, ok := unescape(s[at+1:])
	if !ok || at < 0 {
		return domain, ok
	}
	local, ok := unescape(s[:at])
	return local + "@" + domain, ok
}

// isNetwork reports whether name can be an IRC network's: the others are no
// networks of IRC, and "%" would end the name of a portal in the wrong place.
func isNetwork(name string) bool {
	switch name {
	case "", bridge.NetworkXMPP, bridge.NetworkMatrix, bridge.NetworkMapped, bridge.NetworkBridge:
		return false
	}
	return strings.IndexByte(name, '%') < 0 && isClean(name)
}

// isClean reports whether s is text that a name can be made of.
func isClean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

const lowerHex = "0123456789abcdef"

// escapeUser writes s with what a user id may have ("User Identifiers"). What
// means something else in such a place, of "_" and "/", is left as it is only
// if it is in plain.
func escapeUser(s, plain string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '-', c == '+', strings.IndexByte(plain, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'=', lowerHex[c>>4], lowerHex[c&15]})
		}
	}
	return b.String()
}

// unescape undoes escapes of bytes, false where one is not whole.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '=') < 0 {
		return s, true
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		high, low := strings.IndexByte(lowerHex, s[i+1]), strings.IndexByte(lowerHex, s[i+2])
		if high < 0 || low < 0 {
			return "", false
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return b.String(), true
}

// FoldRFC1459 is a nick in lower case by the rule of RFC 2812 2.2, whatever
// the network: {}|~ are the lower case of []\^, and of letters only A to Z have one.
func FoldRFC1459(_, nick string) string { return lowered(nick, `[\]^`) }

// lowerASCII leaves all bytes as they are but A to Z.
func lowerASCII(s string) string { return lowered(s, "") }

// lowered is s in ASCII lower case, with more that is counted as upper case.
func lowered(s, more string) string {
	out := []byte(s)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' || strings.IndexByte(more, c) >= 0 {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

// Namespaces are the regular expressions for the registration file: the users
// and aliases that are nobody's but ours.
func (n Names) Namespaces() (users, aliases []string) {
	server := regexp.QuoteMeta(n.Server)
	users = []string{`^@(xmpp|irc)_.*:` + server + `$`, `^@` + regexp.QuoteMeta(n.Bot) + `:` + server + `$`}
	aliases = []string{`^#(xmpp|irc)_.*:` + server + `$`}
	return users, aliases
}
