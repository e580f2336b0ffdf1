package ircside

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"isthmus/bridge"
	"isthmus/ircside/text"
)

// nickWished is the nick to ask for, as its person or the settings have it.
func (c *client) nickWished() string {
	if c.login != nil && c.login.Nick != "" {
		return c.login.Nick
	}
	set := c.net.set.Load()
	if c.keeper() {
		return cmp.Or(c.wish, set.Relay.Nick, DefaultRelay.Nick)
	}
	return c.fill(set.Nick)
}

// realname is who we say somebody is. Of who has no account of ours it says
// where they are from, which everybody there can see anyway.
func (c *client) realname(set *Network) string {
	if c.keeper() {
		if set.Relay.Realname == "" && set.Contact != "" {
			return "Isthmus bridge, contact " + set.Contact
		}
		return cmp.Or(set.Relay.Realname, DefaultRelay.Realname)
	}
	name := c.fill(set.Realname)
	if from := origin(c.who()); from != "" {
		name += " (from " + from + ")"
	}
	return name
}

// fill puts what is known of somebody into a pattern.
func (c *client) fill(pattern string) string {
	local := localPart(c.who())
	var b strings.Builder
	for {
		text, rest, found := strings.Cut(pattern, "{")
		b.WriteString(text)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		switch name {
		case "nick":
			b.WriteString(cmp.Or(c.wish, local))
		case "local":
			b.WriteString(local)
		case "jid":
			b.WriteString(c.who().ID)
		default:
			b.WriteByte('{')
			after = rest
		}
		pattern = after
	}
}

// localPart is what somebody is called at home: the localpart of a JID or of a
// Matrix user id, the nick of an occupant of a MUC or of somebody on IRC.
func localPart(who bridge.Person) string {
	switch who.Network {
	case bridge.NetworkMatrix:
		local, _, _ := strings.Cut(strings.TrimPrefix(who.ID, "@"), ":")
		return local
	case bridge.NetworkXMPP:
		if _, nick, occupant := strings.Cut(who.ID, "/"); occupant {
			return nick
		}
		local, _, _ := strings.Cut(who.ID, "@")
		return local
	}
	return who.ID
}

// origin is where somebody is from who is known by the name that they have in
// one place only: a MUC, or an IRC network. It is "" for accounts.
func origin(who bridge.Person) string {
	switch who.Network {
	case bridge.NetworkMatrix:
		return ""
	case bridge.NetworkXMPP:
		room, _, occupant := strings.Cut(who.ID, "/")
		if !occupant {
			return ""
		}
		return room
	}
	return who.Network
}

// exactNick reports whether a nick that can't be had is refused rather than
// varied: it is the one that somebody asked for as they entered, and none is
// known yet as theirs.
func (c *client) exactNick() bool {
	return !c.keeper() && c.nickWished() == c.wish && len(c.rooms) > 0 && !slices.ContainsFunc(c.rooms, func(m *membership) bool { return m.known })
}

// picky reports whether somebody hears that IRC can't hold the nick that they
// wish for, rather than get one like it: users of XMPP choose nicks themselves,
// all others have names that are for people.
func (c *client) picky() bool {
	who := c.who()
	return who.Network == bridge.NetworkXMPP && origin(who) == ""
}

// nickFrom makes a nick that most servers take of a name that somebody
// chose elsewhere (RFC 2812 2.3.1, "nickname"): what can't be in one is "_".
// Letters beyond ASCII stay; a server that knows none of them says so, and
// the session tries another nick.
func nickFrom(name string) string {
	nick := strings.Map(func(r rune) rune {
		switch {
		case r <= ' ' || strings.ContainsRune("!@#%&*+~,:.$?'\"/()<>=;", r), r >= 0x7f && r < 0xa1:
			return '_'
		}
		return r
	}, strings.TrimSpace(name))
	if nick == "" {
		return "_"
	}
	if nick[0] == '-' || nick[0] >= '0' && nick[0] <= '9' {
		nick = "_" + nick
	}
	return bounded(nick)
}

const (
	// maxUsername and maxRealname are how many bytes we say of what servers
	// cut anyway (USERLEN is 10 on many), so that a long JID fits the line.
	maxUsername = 32
	maxRealname = 200
)

// nickFor is the nick that a name makes here: what the network takes, as far
// as that is known, where its person does not choose nicks themselves.
func (c *client) nickFor(name string) string {
	nick := nickFrom(name)
	if c.picky() {
		return nick
	}
	if c.net.plain.Load() {
		nick = plainNick(nick)
	}
	return shortened(nick, int(c.net.nickLen.Load()))
}

// plainer are the nicks to try where a server doesn't take nick.
func (c *client) plainer(nick string) (others []string) {
	if c.picky() {
		return nil
	}
	if plain := plainNick(nick); plain != nick {
		others, nick = append(others, plain), plain
	}
	if short := shortened(nick, shortNick); short != nick {
		others = append(others, short)
	}
	return others
}

// shortNick is the length of nick that every server takes (RFC 1459 1.2).
const shortNick = 9

// shortened is a nick of so many bytes at most, 0 for no limit. What stands in
// brackets at its end, to tell it from others, stays.
func shortened(nick string, most int) string {
	if most <= 0 || len(nick) <= most {
		return nick
	}
	tail := ""
	if i := strings.LastIndexByte(nick, '['); i > 0 && len(nick)-i <= most-utf8.UTFMax {
		nick, tail = nick[:i], nick[i:]
	}
	return text.Split(nick, most-len(tail))[0] + tail
}

// letters are those of which taking the accents off leaves no ASCII.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "Æ", "Ae", "œ", "oe", "Œ", "Oe", "ø", "o", "Ø", "O", "ł", "l", "Ł", "L",
	"đ", "d", "Đ", "D", "ı", "i", "þ", "th", "Þ", "Th", "ð", "d", "Ð", "D")

// plainNick is a nick in ASCII: letters without their accents, "_" for others.
func plainNick(nick string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r >= utf8.RuneSelf:
			return '_'
		}
		return r
	}, norm.NFKD.String(letters.Replace(nick)))
	return nickFrom(plain)
}

// username makes an ident: ASCII letters, digits and a few signs.
func username(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		case r < 0x80:
			return -1
		}
		return '_'
	}, name)
	return name[:min(len(name), maxUsername)]
}
