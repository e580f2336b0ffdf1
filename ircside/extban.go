package ircside

import (
	"net/netip"
	"strings"

	"isthmus/ircside/isupport"
)

// identity is what a ban can be about, as far as it is known. What isn't is
// "", and only a mask that anything fits fits it.
type identity struct {
	nick     string
	userhost string // user@host
	account  string // that they are logged in to
}

// A banKind is what a mask in a list of bans does to those whom it fits.
type banKind uint8

const (
	banOther banKind = iota // something that we don't understand: it fits nobody
	banEnter                // they may not enter and, on most servers, not speak
	banSpeak                // they may not speak
)

// A banMask is a mask of a ban list, taken apart.
type banMask struct {
	kind    banKind
	account bool   // it is of accounts, not of nick!user@host
	mask    string // folded
}

// maxExtbans is how deep bans stand in each other: "~t:60:~q:~a:rob".
const maxExtbans = 4

// parseBan reads a parameter of MODE +b: nick!user@host with * and ? (RFC 2811
// 4.3.1), or an extended ban (RPL_ISUPPORT EXTBAN: the sign before it, which
// may be none, and its letters). Of those it knows the accounts' and the mutes'.
func parseBan(t *isupport.Table, param string) banMask {
	b := banMask{kind: banEnter}
	prefix, letters := t.ExtBan()
	for range maxExtbans {
		rest, ok := strings.CutPrefix(param, prefix)
		name, arg, extended := strings.Cut(rest, ":")
		if !ok || len(letters) == 0 || !extended || strings.ContainsAny(name, "!@*?") {
			break
		}
		switch {
		case isAccountBan(t, prefix, name):
			b.account, b.mask = true, t.Fold(arg)
			return b
		case isMute(prefix, name):
			b.kind = banSpeak
		case prefix == "~" && (name == "t" || name == "time"): // UnrealIRCd: minutes, and the ban
			_, arg, _ = strings.Cut(arg, ":")
		case prefix == "" && !strings.Contains(letters, name):
			return b.ofHosts(t, param) // an IPv6 address
		default:
			b.kind = banOther
			return b
		}
		param = arg
	}
	if prefix != "" && strings.HasPrefix(param, prefix) && !strings.ContainsAny(param, "!@") {
		b.kind = banOther
		return b
	}
	return b.ofHosts(t, param)
}

// ofHosts makes b one of nick!user@host. Solanum may have a channel behind it
// where who is banned is sent to; what is left out is *.
func (b banMask) ofHosts(t *isupport.Table, param string) banMask {
	mask, _, _ := strings.Cut(param, "$#")
	nick, userhost, whole := strings.Cut(mask, "!")
	if !whole {
		if strings.ContainsRune(mask, '@') {
			nick, userhost = "*", mask
		} else {
			userhost = "*@*"
		}
	}
	b.mask = t.Fold(nick + "!" + userhost)
	return b
}

// isAccountBan reports whether an extended ban is of an account: where
// ACCOUNTEXTBAN (IRCv3) doesn't say how they are called, as Solanum ($a),
// UnrealIRCd (~a, ~account) and InspIRCd (R) have it.
func isAccountBan(t *isupport.Table, prefix, name string) bool {
	if names := t.AccountExtBans(); len(names) > 0 {
		for _, n := range names {
			if n == name {
				return true
			}
		}
	}
	switch prefix {
	case "$":
		return name == "a"
	case "~":
		return name == "a" || name == "account"
	}
	return name == "R" || name == "account"
}

// isMute reports whether an extended ban only keeps from speaking: InspIRCd's
// and Ergo's m, UnrealIRCd's ~q.
func isMute(prefix, name string) bool {
	switch prefix {
	case "":
		return name == "m" || name == "mute"
	case "~":
		return name == "q" || name == "quiet"
	}
	return false
}

// accountBan is a ban of an account, "" where the server has none.
func accountBan(t *isupport.Table, account string) string {
	prefix, letters := t.ExtBan()
	names := t.AccountExtBans()
	switch {
	case account == "" || strings.ContainsAny(account, "*? ,"):
		return ""
	case len(names) > 0:
		return prefix + names[0] + ":" + account
	case (prefix == "$" || prefix == "~") && strings.Contains(letters, "a"):
		return prefix + "a:" + account
	case prefix == "" && strings.Contains(letters, "R"):
		return "R:" + account
	}
	return ""
}

// fits reports whether the ban is one of who.
func (b banMask) fits(t *isupport.Table, who identity) bool {
	if b.kind == banOther {
		return false
	}
	if b.account {
		return who.account != "" && matchMask(b.mask, t.Fold(who.account))
	}
	user, host, _ := strings.Cut(who.userhost, "@")
	nickMask, userhost, _ := strings.Cut(b.mask, "!")
	userMask, hostMask, _ := strings.Cut(userhost, "@")
	return fitsPart(t, nickMask, who.nick) && fitsPart(t, userMask, user) && (fitsPart(t, hostMask, host) || fitsNet(hostMask, host))
}

// fitsPart is matchMask of something that may not be known.
func fitsPart(t *isupport.Table, mask, s string) bool {
	if s == "" {
		return mask == "*"
	}
	return matchMask(mask, t.Fold(s))
}

// fitsNet reports whether host is an address in the net that mask names.
func fitsNet(mask, host string) bool {
	if strings.IndexByte(mask, '/') < 0 {
		return false
	}
	network, err := netip.ParsePrefix(mask)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err == nil && network.Contains(address.Unmap())
}

// bansSilence reports whether whom a ban fits may not speak either, which is
// so on every server but Ergo: that has a mute of its own, and no other
// extended ban.
func bansSilence(t *isupport.Table) bool {
	prefix, letters := t.ExtBan()
	return prefix != "" || letters != "m"
}
