package names

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// channelTypes is what a channel's name begins with (RFC 2812 1.3).
const channelTypes = "#&+!"

// Alias is the alias of the portal room that the core calls portal, in the one
// spelling that we show. ASCII letters are in lower case there, as they are in
// the core's names of rooms. It is "" for what is no portal for a channel or
// MUC, or has a name too long for an alias.
func (n Names) Alias(portal string) id.RoomAlias {
	name, network, ok := SplitPortal(portal)
	if !ok || !isRoomName(name, network) {
		return ""
	}
	name = lowerASCII(name)
	var local string
	if network == bridge.NetworkXMPP {
		local = prefixXMPP + aliasOfJID(name)
	} else {
		local = prefixIRC + escapeAlias(network, "") + "_" + escapeAlias(name, "_")
	}
	alias := "#" + local + ":" + n.Server
	if len(alias) > maxAlias {
		return ""
	}
	return id.RoomAlias(alias)
}

// SpaceAlias is the alias of the space that the portal rooms of a network are
// in: "#irc_libera", "#xmpp_", which is none of a room.
func (n Names) SpaceAlias(network string) id.RoomAlias {
	local := prefixXMPP
	if network != bridge.NetworkXMPP {
		local = prefixIRC + escapeAlias(network, "")
	}
	return id.RoomAlias("#" + local + ":" + n.Server)
}

func aliasOfJID(bare string) string {
	local, domain, at := strings.Cut(bare, "@")
	if !at {
		return escapeAlias(bare, "")
	}
	return escapeAlias(local, "_") + "_" + escapeAlias(domain, "")
}

// Portal is what the core calls the portal room of an alias in our namespace,
// as somebody may have typed it: with upper-case letters, with what Alias
// would escape, or with the percent signs of a URL. So several aliases may
// lead to one room, though never one to two: give that room the one that was
// asked for beside Alias(portal). It is false for all other aliases.
func (n Names) Portal(alias id.RoomAlias) (portal string, ok bool) {
	local, ok := strings.CutPrefix(string(alias), "#")
	if !ok {
		return "", false
	}
	if local, ok = strings.CutSuffix(local, ":"+n.Server); !ok || strings.ContainsRune(local, ':') {
		return "", false
	}
	local = unescapeURL(local)
	var name, network string
	if rest, irc := strings.CutPrefix(local, prefixIRC); irc {
		network, name, _ = strings.Cut(rest, "_")
		network, ok = unescape(lowerASCII(network))
		if ok {
			name, ok = unescape(lowerASCII(name))
		}
		ok = ok && isNetwork(network)
	} else if rest, ok = strings.CutPrefix(local, prefixXMPP); ok {
		network = bridge.NetworkXMPP
		name, ok = parseBare(lowerASCII(rest))
	}
	if name = lowerASCII(name); !ok || !isRoomName(name, network) || network != lowerASCII(network) {
		return "", false
	}
	return PortalID(name, network), true
}

// IsOurAlias reports whether alias is in our namespace, readable or not.
func (n Names) IsOurAlias(alias id.RoomAlias) bool {
	s := string(alias)
	return strings.HasSuffix(s, ":"+n.Server) && (strings.HasPrefix(s, "#"+prefixXMPP) || strings.HasPrefix(s, "#"+prefixIRC))
}

// IsChannel reports whether a name on IRC is a channel's.
func IsChannel(name string) bool { return name != "" && strings.IndexByte(channelTypes, name[0]) >= 0 }

// isRoomName reports whether name can be a channel of network, or a MUC.
func isRoomName(name, network string) bool {
	if name == "" || !isClean(name) || strings.IndexByte(name, ' ') >= 0 {
		return false
	}
	if network != bridge.NetworkXMPP {
		return isNetwork(network) && len(name) > 1 && IsChannel(name)
	}
	local, domain, at := strings.Cut(name, "@")
	return strings.IndexByte(name, '/') < 0 && local != "" && (domain != "") == at
}

// escapeAlias escapes what an alias must not have or would not survive: ":"
// and NUL ("Room Aliases"), "=" and "%", which begin escapes, "/", which some
// homeservers and libraries lose from URLs, capitals, and what nobody sees. Of
// "_", which ends names, only what is in plain stays.
func escapeAlias(s, plain string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		must := strings.ContainsRune(":=%/", r) || r == '_' && plain != "_" || r >= 'A' && r <= 'Z' || r == ' ' ||
			!unicode.IsPrint(r) || r == utf8.RuneError && size == 1
		for _, c := range []byte(s[i : i+size]) {
			if must {
				b.Write([]byte{'=', lowerHex[c>>4], lowerHex[c&15]})
			} else {
				b.WriteByte(c)
			}
		}
		i += size
	}
	return b.String()
}

// unescapeURL undoes the escapes of a URL where there are any.
func unescapeURL(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			lowered := lowerASCII(s[i+1 : i+3])
			if c, ok := unescape("=" + lowered); ok {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
