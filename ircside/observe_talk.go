package ircside

import (
	"iter"
	"regexp"
	"strings"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
	"isthmus/ircside/text"
)

// message is somebody speaking in the channel. One of ours is shown by the
// core when the server has taken it. Whoever is not in the channel may speak
// too, where it is -n, and so may a server.
func (o *observer) message(m *line.Message) {
	if by, ok := o.ours(relayed(m)); ok && by == bridge.Keeper {
		return
	}
	n := o.member(m.Nick())
	if n == nil { // or the member list is still to come
		n = &member{nick: o.decode(m.Nick())}
		n.ours, _ = o.ours(n.nick)
	}
	if !o.native(n) {
		return
	}
	if said, ok := messageOf(m, o.decode); ok {
		o.stopped(n)
		o.addressees(&said)
		o.emit(n, said)
		if !said.Notice && !said.Emote {
			o.ordered(n, said.Text, m)
		}
	}
}

// maxAddressees is how many people one message is taken to speak to.
const maxAddressees = 5

// addressees marks whom a message speaks to in the way that people do it here:
// "rob: hi", "rob, bob: hi".
func (o *observer) addressees(said *bridge.Message) {
	if said.Emote {
		return
	}
	at := 0
	for range maxAddressees {
		rest := said.Text[at:]
		end := strings.IndexAny(rest[:min(len(rest), maxNick)], ":, ")
		if end <= 0 || rest[end] == ' ' {
			break
		}
		n := o.member([]byte(rest[:end]))
		if n == nil {
			break
		}
		said.Spans = append(said.Spans, bridge.Span{Start: at, End: at + end, Style: bridge.StyleMention, Person: o.person(n)})
		if rest[end] == ':' {
			break
		}
		at = len(said.Text) - len(strings.TrimLeft(rest[end+1:], " "))
	}
	said.Spans = bridge.Normalize(said.Text, said.Spans)
}

// messageOf is what a PRIVMSG or NOTICE says, false where it says nothing for
// people: an empty text, or a CTCP other than ACTION.
func messageOf(m *line.Message, decode func([]byte) string) (bridge.Message, bool) {
	raw := decode(m.Params[1])
	said := bridge.Message{Text: raw, Notice: m.Command == "NOTICE"}
	if command, args, ctcp := text.ParseCTCP(raw); ctcp {
		if command != "ACTION" {
			return bridge.Message{}, false
		}
		said.Text, said.Emote = args, true
	}
	said.Text, said.Spans = text.Styled(said.Text)
	said.Native, _ = m.Tag("msgid")
	return said, strings.TrimSpace(said.Text) != ""
}

// mode is a change of the channel's modes: power of members, bans, and whether
// it is moderated or listed.
func (o *observer) mode(m *line.Message) {
	actor := o.decode(m.Nick())
	wasSecret := o.secret
	for c := range modeChanges(m, o.table) {
		switch {
		case strings.IndexByte(o.table.PrefixModes, c.mode) >= 0:
			o.power(c.param, c.mode, c.set, actor)
		case isBanMode(o.table, c.mode):
			o.banChanged(c, actor)
		case c.mode == 'm':
			o.moderate(c.set, actor)
		case c.mode == 's' || c.mode == 'p':
			o.secret = c.set
		}
	}
	if o.synced && o.secret != wasSecret {
		o.tellMembers()
	}
}

// modeChange is one of the changes of a MODE line.
type modeChange struct {
	mode  byte
	set   bool
	param []byte
}

// modeChanges yields those of m that have the parameter they need.
func modeChanges(m *line.Message, t *isupport.Table) iter.Seq[modeChange] {
	return func(yield func(modeChange) bool) {
		params := m.Params[2:]
		set := true
		for _, c := range m.Params[1] {
			if c == '+' || c == '-' {
				set = c == '+'
				continue
			}
			var param []byte
			if t.HasParam(c, set) {
				if len(params) == 0 {
					continue // a list is asked for, or the server can't count
				}
				param, params = params[0], params[1:]
			}
			if !yield(modeChange{c, set, param}) {
				return
			}
		}
	}
}

// power gives the mode c to a member or takes it, and tells when that changes
// what they may do.
func (o *observer) power(nick []byte, c byte, set bool, actor string) {
	n := o.member(nick)
	if n == nil {
		return
	}
	before := o.role(n)
	n.modes = n.modes.with(o.table, c, set)
	if now := o.role(n); o.synced && now != before {
		o.emit(n, bridge.RoleChange{Role: now, Actor: actor})
	}
}

// quitOf tells from a quit's reason whether it was one's own will. Servers
// that have batches mark a netsplit; the others give the names of the two
// servers that lost each other as the reason, and nothing else (RFC 2812 3.1.7).
func quitOf(reason string, split bool) bridge.Leave {
	how := bridge.Leave{Cause: bridge.CauseQuit, Reason: reason}
	switch {
	case split || isSplit(reason):
		how.Cause = bridge.CauseSplit
	default:
		if actor, killed := killOf(reason); killed {
			how.Cause, how.Actor = bridge.CauseKill, actor
		}
	}
	return how
}

// killOf tells from a quit's reason whether an operator of the network made
// it: by KILL, and who that was, or by a ban from it. What users say has
// "Quit: " or quotes around it.
func killOf(reason string) (actor string, killed bool) {
	switch lower := strings.ToLower(reason); {
	case strings.HasPrefix(lower, "killed ("): // InspIRCd, Solanum: Killed (oper (spam))
		actor, _, _ = strings.Cut(reason[len("killed ("):], " ")
	case strings.HasPrefix(lower, "killed by "): // ngIRCd, Ergo: KILLed by oper: spam
		actor, _, _ = strings.Cut(reason[len("killed by "):], " ")
		actor = strings.TrimSuffix(actor, ":")
	case strings.HasPrefix(lower, "[") && strings.Contains(lower, "killed by"): // UnrealIRCd
	case (strings.Contains(lower, "lined") || strings.Contains(lower, "banned") || strings.Contains(lower, "killed")) && bannedWords.MatchString(reason):
	default:
		return "", false
	}
	return actor, true
}

// bannedWords begin the quit of who is banned from the network: K-lined,
// G-Lined, Z:Lined, Autokilled, User has been banned.
var bannedWords = regexp.MustCompile(`(?i)^\[?(?:[a-z*]{1,3}[-:]?lined|auto-?killed|user (?:has been|is) (?:permanently )?banned)\b`)

// isSplit reports whether reason is "a.b c.d". Servers see to it that no user
// can quit with such a text: they put "Quit: " before what users say.
func isSplit(reason string) bool {
	a, b, ok := strings.Cut(reason, " ")
	return ok && isServerName(a) && isServerName(b)
}

func isServerName(s string) bool {
	last := strings.LastIndexByte(s, '.')
	if last <= 0 || last == len(s)-1 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if (c < '0' || c > '9') && c != '-' && c != '.' && c != '*' && c != '_' {
				return false
			}
		}
	}
	return true
}
