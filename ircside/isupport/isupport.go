// Package isupport knows what an IRC server supports: RPL_ISUPPORT (numeric
// 005) as draft-hardy-irc-isupport-00 and modern.ircdocs.horse have it.
//
// A Table never changes. Each 005 line makes a new one, through a Cache that
// all sessions of one network share: since a network tells everybody the same,
// they end up with the very same Table, and only the first one pays for it.
//
//	t := isupport.Default()
//	t = cache.Next(t, m.Params) // for each 005
//	if t.Fold(a) == t.Fold(b) && t.IsChannel(target) { ... }
package isupport

import (
	"slices"
	"strconv"
	"strings"
)

const (
	maxTokens = 256 // a hostile server says no more than this; the rest is ignored
	maxNumber = 1e6 // every length and count is cut to this
	maxToken  = 510 // bytes of one token; a line holds no more
	maxModes  = 52  // letters in one list of modes
	unlimited = 0   // what a parameter without a value means where it says how many
	absent    = -1  // what isn't offered
	assumed   = 3   // MODES of a server that does not say
)

// Table is what one server supports. It is read-only and may be shared.
// A length or count of 0 means that the server names no limit.
type Table struct {
	CaseMapping CaseMapping // CASEMAPPING
	Network     string      // NETWORK: the name for people
	ChanTypes   string      // CHANTYPES: what channel names begin with
	StatusMsg   string      // STATUSMSG: prefixes that may stand before a channel as target

	// PREFIX: modes that give members power, strongest first, and the sign
	// of each at the same place.
	PrefixModes, PrefixSigns string

	// CHANMODES: A lists (always with a parameter to change), B always with
	// a parameter, C with one when set, D never.
	ListModes, ParamModes, SetParamModes, FlagModes string

	Modes      int // MODES: changes with a parameter in one MODE
	NickLen    int // NICKLEN, or MAXNICKLEN
	ChannelLen int // CHANNELLEN
	TopicLen   int // TOPICLEN
	KickLen    int // KICKLEN
	AwayLen    int // AWAYLEN
	UserLen    int // USERLEN
	HostLen    int // HOSTLEN
	LineLen    int // LINELEN: bytes of a line with CR LF, 512 when not said
	Monitor    int // MONITOR: entries; -1 where it isn't offered, 0 without limit

	WHOX     bool // WHOX: WHO takes a list of fields
	UTF8Only bool // UTF8ONLY: the server refuses anything else
	NoTyping bool // CLIENTTAGDENY: the server drops +typing
	SafeList bool // SAFELIST: LIST does not end the connection
	Excepts  byte // EXCEPTS: the mode of ban exceptions, 0 for none
	Invex    byte // INVEX: the mode of invite exceptions, 0 for none
	Bot      byte // BOT: the user mode of bots, 0 for none

	tokens map[string]string // every token, as the rest is read from it
}

var defaults = derive(map[string]string{})

// Default is what is taken for granted before a server says more. It stands
// for RFC 2812, with the prefixes that every server has.
func Default() *Table { return defaults }

// Fold is name in the server's lower case.
func (t *Table) Fold(name string) string { return t.CaseMapping.Fold(name) }

// IsChannel reports whether name is a channel's, by its first letter.
func (t *Table) IsChannel(name string) bool {
	return name != "" && strings.IndexByte(t.ChanTypes, name[0]) >= 0
}

// ExtBan is the sign that stands before extended bans, "" for none, and the
// letters of those that there are (EXTBAN).
func (t *Table) ExtBan() (prefix, letters string) {
	prefix, letters, ok := strings.Cut(t.tokens["EXTBAN"], ",")
	if !ok || len(prefix) > 1 {
		return "", ""
	}
	return prefix, letters
}

// AccountExtBans is how extended bans of accounts are called, the shortest
// first, or none where the server does not say (ACCOUNTEXTBAN).
func (t *Table) AccountExtBans() []string {
	names := strings.FieldsFunc(t.tokens["ACCOUNTEXTBAN"], func(r rune) bool { return r == ',' })
	slices.SortStableFunc(names, func(a, b string) int { return len(a) - len(b) })
	return names
}

// Targets is how many targets the command may have at once (TARGMAX, or
// MAXTARGETS): 1 where the server says nothing, 0 where it has no limit.
func (t *Table) Targets(command string) int {
	if list, ok := t.tokens["TARGMAX"]; ok {
		for entry := range strings.SplitSeq(list, ",") {
			if name, count, ok := strings.Cut(entry, ":"); ok && strings.EqualFold(name, command) {
				return number(count, unlimited)
			}
		}
		return 1
	}
	if n, ok := t.tokens["MAXTARGETS"]; ok && (command == "PRIVMSG" || command == "NOTICE") {
		return number(n, unlimited)
	}
	return 1
}

// ModeKind is how a channel mode takes its parameter.
type ModeKind uint8

// The kinds of channel modes. A mode that the server never announced is taken
// for a flag.
const (
	ModeFlag     ModeKind = iota // D: no parameter
	ModeSetParam                 // C: a parameter when set
	ModeParam                    // B: always a parameter
	ModeList                     // A: an entry of a list
	ModePrefix                   // a member's power: a nick
)

// Kind is what sort of mode c is in channels.
func (t *Table) Kind(c byte) ModeKind {
	switch {
	case strings.IndexByte(t.PrefixModes, c) >= 0:
		return ModePrefix
	case strings.IndexByte(t.ListModes, c) >= 0:
		return ModeList
	case strings.IndexByte(t.ParamModes, c) >= 0:
		return ModeParam
	case strings.IndexByte(t.SetParamModes, c) >= 0:
		return ModeSetParam
	}
	return ModeFlag
}

// HasParam reports whether the mode c comes with a parameter.
func (t *Table) HasParam(c byte, set bool) bool {
	k := t.Kind(c)
	return k == ModeSetParam && set || k > ModeSetParam
}

// derive reads the fields from the tokens.
func derive(tokens map[string]string) *Table {
	t := &Table{tokens: tokens}
	get := func(name, missing string) string {
		if v, ok := tokens[name]; ok {
			return v
		}
		return missing
	}
	t.CaseMapping = caseMappingOf(strings.ToLower(tokens["CASEMAPPING"]))
	t.Network = tokens["NETWORK"]
	t.ChanTypes = signs(get("CHANTYPES", "#&"))
	t.StatusMsg = signs(tokens["STATUSMSG"])
	t.PrefixModes, t.PrefixSigns = prefixes(get("PREFIX", "(ov)@+"))
	lists := strings.Split(get("CHANMODES", "b,k,l,imnpst"), ",")
	for i, list := range []*string{&t.ListModes, &t.ParamModes, &t.SetParamModes, &t.FlagModes} {
		if i < len(lists) {
			*list = letters(lists[i])
		}
	}
	t.Modes = number(get("MODES", strconv.Itoa(assumed)), unlimited)
	t.NickLen = number(get("NICKLEN", tokens["MAXNICKLEN"]), 0)
	t.ChannelLen = number(get("CHANNELLEN", tokens["MAXCHANNELLEN"]), 0)
	t.TopicLen = number(tokens["TOPICLEN"], 0)
	t.KickLen = number(tokens["KICKLEN"], 0)
	t.AwayLen = number(tokens["AWAYLEN"], 0)
	t.UserLen = number(tokens["USERLEN"], 0)
	t.HostLen = number(tokens["HOSTLEN"], 0)
	t.LineLen = max(number(tokens["LINELEN"], 0), 512)
	t.Monitor = absent
	if v, ok := tokens["MONITOR"]; ok {
		t.Monitor = number(v, unlimited)
	}
	_, t.WHOX = tokens["WHOX"]
	_, t.UTF8Only = tokens["UTF8ONLY"]
	t.NoTyping = denies(tokens["CLIENTTAGDENY"], "typing")
	_, t.SafeList = tokens["SAFELIST"]
	t.Excepts = modeOf(tokens, "EXCEPTS", 'e')
	t.Invex = modeOf(tokens, "INVEX", 'I')
	t.Bot = modeOf(tokens, "BOT", 0)
	return t
}

// denies reports whether a list of client-only tags that are dropped has tag
// (message-tags, "RPL_ISUPPORT tokens"): "*" is all, but for those with a minus.
func denies(list, tag string) bool {
	denied := false
	for entry := range strings.SplitSeq(list, ",") {
		switch entry {
		case "-" + tag:
			return false
		case tag, "*":
			denied = true
		}
	}
	return denied
}

// number is the value of a length or count, missing where it has none or a
// wrong one.
func number(value string, missing int) int {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return missing
	}
	return int(min(n, maxNumber))
}

// modeOf is the letter that a token names, or the one that it stands for.
func modeOf(tokens map[string]string, name string, implied byte) byte {
	v, ok := tokens[name]
	if !ok {
		return 0
	}
	if len(v) == 1 && isLetter(v[0]) {
		return v[0]
	}
	return implied
}

// prefixes takes "(ohv)@%+" apart. Whatever isn't a pair of a letter and a
// sign of its own is left out; a value without parentheses means no prefixes.
func prefixes(value string) (modes, signs string) {
	inner, ok := strings.CutPrefix(value, "(")
	if !ok {
		return "", ""
	}
	letters, marks, _ := strings.Cut(inner, ")")
	var m, s []byte
	for i := range min(len(letters), len(marks), maxPrefixes) {
		l, c := letters[i], marks[i]
		if isLetter(l) && isSign(c) && strings.IndexByte(string(m), l) < 0 && strings.IndexByte(string(s), c) < 0 {
			m, s = append(m, l), append(s, c)
		}
	}
	return string(m), string(s)
}

// maxPrefixes is how many sorts of power there can be, so that a member's fit
// into the bits of one small number.
const maxPrefixes = 16

func letters(s string) string { return keep(s, isLetter) }

func signs(s string) string { return keep(s, isSign) }

func keep(s string, ok func(byte) bool) string {
	s = s[:min(len(s), maxModes)]
	for i := range len(s) {
		if !ok(s[i]) {
			var out []byte
			for j := range len(s) {
				if ok(s[j]) {
					out = append(out, s[j])
				}
			}
			return string(out)
		}
	}
	return s
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

// isSign reports whether c can stand before a nick or begin a channel name.
func isSign(c byte) bool { return c > ' ' && c < 0x7f && c != ',' && c != ':' && !isLetter(c) }
