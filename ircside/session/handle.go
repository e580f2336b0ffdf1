package session

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

// readyToken is in the PING that follows the welcome, for servers that have
// no MOTD and say nothing about it.
const readyToken = "ready"

// handle does what a line asks of the session itself and passes on the rest.
// An error ends the session.
func (s *Session) handle(m *line.Message) error {
	if m.Command == "NICK" {
		s.repairNick(m)
	}
	s.learn(m)
	switch m.Command {
	case "PING":
		s.reply("PONG", m.Param(0))
		return nil
	case "PONG":
		if s.reg != nil && m.Last() == readyToken {
			s.becomeReady()
		}
		s.pong(m)
		return nil
	case "ERROR":
		return s.closing(m)
	case "CAP":
		return s.capability(m)
	case "BATCH":
		s.batch(m)
		return nil
	case "AUTHENTICATE":
		return s.authenticate(m)
	case "KILL", "463", "465", "466":
		s.foresee(m)
	case "005":
		s.mu.Lock()
		s.sup = s.cfg.Supports.Next(s.sup, m.Params)
		s.mu.Unlock()
	}
	if s.reg != nil {
		if err := s.registering(m); err != nil {
			return err
		}
	}
	b := s.bat.of(m)
	used, done := s.claim(m, b)
	if !used {
		s.h.Line(m, b.visible())
	}
	if done != nil { // after the line, which shows what it led to
		s.complete(done)
	}
	if s.reg != nil && (m.Command == "376" || m.Command == "422") {
		s.becomeReady()
	}
	return nil
}

// closing is an ERROR: the server hangs up and says why (RFC 2812 3.7.4).
func (s *Session) closing(m *line.Message) error {
	s.mu.Lock()
	quit := s.phase == quitting
	s.mu.Unlock()
	if quit {
		return errQuit
	}
	err := closingError(m.Last())
	if s.reg != nil && s.reg.refusal != nil && err.Kind == Refused {
		err.Kind = s.reg.refusal.Kind
	}
	return err
}

// doomMemory is how soon a server hangs up that has thrown us out.
const doomMemory = 30 * time.Second

// foresee notes that the server is about to throw us out: KILL (RFC 2812
// 3.7.1), and what it says to whom a ban hits that is online. The ERROR that
// follows need not say why, and a connection may break before it.
func (s *Session) foresee(m *line.Message) {
	s.doomed = time.Now()
	switch {
	case m.Command != "KILL":
		s.doom = &Error{Kind: Banned, Text: m.Last()}
	case m.Param(0) == s.who.nick:
		s.doom = &Error{Kind: Killed, Text: "killed: " + m.Last(), By: string(m.Nick())}
	}
}

// why is err, or what it hides.
func (s *Session) why(err error) error {
	var ended *Error
	if s.doom == nil || time.Since(s.doomed) > doomMemory || !errors.As(err, &ended) {
		return err
	}
	switch ended.Kind {
	case s.doom.Kind:
		ended.By = s.doom.By
	case Lost:
		return s.doom
	case Refused:
		return &Error{Kind: s.doom.Kind, Text: ended.Text, By: s.doom.By}
	}
	return err
}

// repairNick gives the answer to a NICK of ours its source back. InspIRCd 3
// writes a labelled response only after the change, so that it comes as
// ":new NICK :new"; nobody else's change can look so.
func (s *Session) repairNick(m *line.Message) {
	if len(m.Params) > 0 && bytes.Equal(m.Nick(), m.Params[0]) && string(m.Params[0]) != s.who.nick {
		m.Source = []byte(s.who.nick + "!" + s.who.userhost)
	}
}

// learn keeps track of who we are, from whatever the server lets slip.
func (s *Session) learn(m *line.Message) {
	id := s.who
	own := len(m.Source) >= len(id.nick) && string(m.Nick()) == id.nick
	if own {
		if _, mask, ok := bytes.Cut(m.Source, []byte{'!'}); ok && string(mask) != id.userhost {
			id.userhost = string(mask)
		}
	}
	switch m.Command {
	case "NICK":
		if own && len(m.Params) > 0 && len(m.Params[0]) > 0 {
			id.nick = m.Param(0)
		}
	case "CHGHOST":
		if own && len(m.Params) > 1 {
			id.userhost = m.Param(0) + "@" + m.Param(1)
		}
	case "ACCOUNT":
		if own {
			id.account = strings.TrimPrefix(m.Param(0), "*")
		}
	case "001", "302", "352", "396", "900", "901":
		id.learnNumeric(m)
	}
	if id != s.who {
		s.mu.Lock()
		s.who = id
		s.mu.Unlock()
	}
}

// learnNumeric reads what replies say about us.
func (id *identity) learnNumeric(m *line.Message) {
	switch m.Command {
	case "001": // RPL_WELCOME: "... nick!user@host", on most servers
		if nick := m.Param(0); nick != "" && nick != "*" {
			id.nick = nick
		}
		text := m.Last()
		mask := text[strings.LastIndexByte(text, ' ')+1:]
		if uh, ok := strings.CutPrefix(mask, id.nick+"!"); ok && strings.Contains(uh, "@") {
			id.userhost = uh
		}
	case "302": // RPL_USERHOST: "nick*=+user@host ..."
		for _, entry := range strings.Fields(m.Last()) {
			name, mask, ok := strings.Cut(entry, "=")
			if ok && strings.TrimSuffix(name, "*") == id.nick && len(mask) > 1 {
				id.userhost = mask[1:]
			}
		}
	case "352": // RPL_WHOREPLY: channel user host server nick
		if len(m.Params) > 5 && string(m.Params[5]) == id.nick {
			id.userhost = m.Param(2) + "@" + m.Param(3)
		}
	case "396": // RPL_HOSTHIDDEN: host, or user@host
		mask := m.Param(1)
		if user, _, ok := strings.Cut(id.userhost, "@"); ok && !strings.Contains(mask, "@") {
			mask = user + "@" + mask
		}
		if strings.Contains(mask, "@") {
			id.userhost = mask
		}
	case "900": // RPL_LOGGEDIN: mask account
		id.account = m.Param(2)
	case "901": // RPL_LOGGEDOUT
		id.account = ""
	}
}

// Nick is our nick as the server last confirmed it; before that, the one asked for.
func (s *Session) Nick() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who.nick
}

// Userhost is our user@host as others see it, "" while the server has not
// shown it. What others get of a line is shorter by it.
func (s *Session) Userhost() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who.userhost
}

// Account is the account we are logged in to, "" for none.
func (s *Session) Account() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who.account
}

// ISupport is what the server announced so far.
func (s *Session) ISupport() *isupport.Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sup
}

// HasAccounts reports whether the server has accounts that people log in to, by
// the capabilities that it has: account-tag, account-notify, extended-join.
func (s *Session) HasAccounts() bool {
	return capSet(s.caps.Load())&(capAccountTag|capAccountNotify|capExtendedJoin) != 0
}
