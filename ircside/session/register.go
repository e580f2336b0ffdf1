package session

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode/utf8"

	"isthmus/ircside/line"
)

// maxNicks is how many nicks are tried at registration.
const maxNicks = 8

// rfcNickLen is the length of nick that every server takes (RFC 1459 1.2).
const rfcNickLen = 9

// registration is what is needed until Ready, and dropped then.
type registration struct {
	offered  capSet // so far, over the lines of one CAP LS
	mechs    string // the value of the sasl capability: "PLAIN,EXTERNAL"
	requests int    // CAP REQ without an answer
	ended    bool   // CAP END is out
	login    *login // nil while, or where, there is none
	loggedIn bool
	welcomed bool

	tried   int    // nicks
	base    string // the nick that the others are made from
	limit   int    // the longest nick the server takes, as far as known
	refusal *Error // what a numeric said that an ERROR will follow
}

// register sends all that can be sent before the first answer, in one write:
// CAP LS holds the registration open where the server knows it, and costs
// nothing where it does not (capability negotiation, "CAP LS").
func (s *Session) register() error {
	s.reg = &registration{base: s.cfg.Nick}
	s.reply("CAP", "LS", "302")
	var pass error
	if s.cfg.Password != "" {
		pass = s.reply("PASS", s.cfg.Password)
	}
	nick := s.reply("NICK", s.cfg.Nick)
	user := s.reply("USER", s.cfg.Username, "0", "*", s.cfg.Realname)
	if err := errors.Join(pass, nick, user); err != nil {
		return &Error{Kind: BadNick, Text: "the nick, names or password can't be said on IRC", Err: err}
	}
	return nil
}

// registering handles the replies that matter before Ready.
func (s *Session) registering(m *line.Message) error {
	switch m.Command {
	case "001":
		return s.welcome()
	case "432", "433", "436", "437": // ERR_ERRONEUSNICKNAME, _NICKNAMEINUSE, _NICKCOLLISION, _UNAVAILRESOURCE
		if !s.reg.welcomed {
			return s.otherNick(m)
		}
	case "464": // ERR_PASSWDMISMATCH; some servers let one go on all the same
		s.reg.refusal = &Error{Kind: BadPassword, Text: m.Last()}
	case "463", "465": // ERR_NOPERMFORHOST, ERR_YOUREBANNEDCREEP
		s.reg.refusal = &Error{Kind: Banned, Text: m.Last()}
	case "902", "903", "904", "905", "906", "907", "908":
		return s.loginReply(m)
	}
	return nil
}

func (s *Session) welcome() error {
	s.reg.welcomed = true
	if s.cfg.SASL.wanted() && !s.reg.loggedIn {
		return loginFailed("the server has no SASL to log in with")
	}
	s.reply("PING", readyToken)
	return nil
}

// becomeReady ends registration. The secrets are not needed any more.
func (s *Session) becomeReady() {
	if !s.reg.welcomed {
		return
	}
	s.reg = nil
	s.cfg.Password, s.cfg.SASL, s.cfg.TLS, s.cfg.Plainer = "", SASL{}, TLS{}, nil
	s.mu.Lock()
	if s.phase == registering {
		s.phase = ready
		s.armLocked(s.lastRead.Add(s.cfg.PingInterval))
	}
	s.mu.Unlock()
	s.h.Ready()
}

// otherNick answers a refused nick with another one: plainer, shorter, then
// with underscores, then with a number.
func (s *Session) otherNick(m *line.Message) error {
	r := s.reg
	kind := NickTaken
	if m.Command == "432" {
		kind = BadNick
	}
	if kind == BadNick && len(s.cfg.Plainer) > 0 {
		r.base = s.cfg.Plainer[0]
		s.cfg.Plainer = s.cfg.Plainer[1:]
		s.askNick(r.base)
		return nil
	}
	if r.tried++; s.cfg.ExactNick || r.tried > maxNicks {
		return &Error{Kind: kind, Text: m.Last()}
	}
	// A server that cuts nicks names the one that is left.
	if seen := m.Param(1); seen != "" && len(seen) < len(s.who.nick) && strings.HasPrefix(s.who.nick, seen) {
		r.limit = len(seen)
	}
	next := ""
	switch {
	case kind == BadNick && r.limit == 0 && len(r.base) > rfcNickLen:
		r.limit = rfcNickLen
		next = cut(r.base, r.limit)
	case r.tried <= 3:
		next = r.with(strings.Repeat("_", r.tried))
	default:
		next = r.with(strconv.Itoa(100 + rand.IntN(900)))
	}
	s.askNick(next)
	return nil
}

func (s *Session) askNick(nick string) {
	s.mu.Lock()
	s.who.nick = nick
	s.mu.Unlock()
	s.reply("NICK", nick)
}

// with is the base with a suffix, within the limit.
func (r *registration) with(suffix string) string {
	base := r.base
	if r.limit > 0 {
		base = cut(base, max(r.limit-len(suffix), 1))
	}
	return base + suffix
}

// cut shortens s to n bytes at most, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
