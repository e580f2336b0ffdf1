package session

import (
	"strings"

	"isthmus/ircside/line"
)

// capSet is a set of IRCv3 capabilities.
type capSet uint32

// The capabilities that are asked for where the server offers them. None is
// required.
const (
	capSASL capSet = 1 << iota
	capMultiPrefix
	capUserhostInNames
	capServerTime
	capMessageTags
	capAccountTag
	capAccountNotify
	capAwayNotify
	capExtendedJoin
	capChgHost
	capSetName
	capInviteNotify
	capEchoMessage
	capLabeledResponse
	capBatch
	capStandardReplies
	capExtendedMonitor // away-notify for whom MONITOR watches
	capRelaymsg        // RELAYMSG
	allCaps            = 1<<iota - 1
)

// capNames are the names of the bits, in their order.
var capNames = [...]string{"sasl", "multi-prefix", "userhost-in-names", "server-time", "message-tags", "account-tag",
	"account-notify", "away-notify", "extended-join", "chghost", "setname", "invite-notify", "echo-message",
	"labeled-response", "batch", "standard-replies", "extended-monitor", "draft/relaymsg"}

func capByName(name string) capSet {
	for i, n := range capNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// String is the names, with spaces between, as CAP REQ has them.
func (c capSet) String() string {
	names := make([]string, 0, len(capNames))
	for i, n := range capNames {
		if c&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}

// has reports whether all of c is enabled now. Servers may take
// capabilities away, or offer new ones, at any time.
func (s *Session) has(c capSet) bool { return capSet(s.caps.Load())&c == c }

// capability handles a CAP line: our name, subcommand, an asterisk where more
// lines follow, the list (IRCv3 capability negotiation).
func (s *Session) capability(m *line.Message) error {
	list := m.Last()
	switch strings.ToUpper(m.Param(1)) {
	case "LS":
		if s.reg != nil {
			s.offer(list)
			if len(m.Params) < 4 {
				return s.requestCaps()
			}
		}
	case "ACK":
		return s.acknowledged(list)
	case "NAK":
		return s.refused(list)
	case "NEW":
		s.learnCaps(list)
		if want := known(list) &^ capSet(s.caps.Load()) &^ capSASL; want != 0 {
			s.reply("CAP", "REQ", want.String())
		}
	case "DEL":
		s.caps.Store(uint32(capSet(s.caps.Load()) &^ known(list)))
	}
	return nil
}

// known is what of a list of capabilities, with or without values, we know.
func known(list string) (c capSet) {
	for entry := range strings.FieldsSeq(list) {
		name, _, _ := strings.Cut(entry, "=")
		c |= capByName(name)
	}
	return c
}

// offer notes what one line of CAP LS offers.
func (s *Session) offer(list string) {
	s.reg.offered |= known(list)
	s.learnCaps(list)
	for entry := range strings.FieldsSeq(list) {
		if mechs, ok := strings.CutPrefix(entry, "sasl="); ok {
			s.reg.mechs = strings.ToUpper(mechs)
		}
	}
}

// learnCaps notes the value of relaymsg: the signs of which one must be in a
// nick that is made up.
func (s *Session) learnCaps(list string) {
	for entry := range strings.FieldsSeq(list) {
		if signs, ok := strings.CutPrefix(entry, "draft/relaymsg="); ok && signs != "" {
			s.mu.Lock()
			s.sign = signs[0]
			s.mu.Unlock()
		}
	}
}

// Relaymsg reports whether the server has RELAYMSG, and the sign that a nick
// which is made up must have in it; any will do where it names none.
func (s *Session) Relaymsg() (sign byte, ok bool) {
	if !s.has(capRelaymsg) {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sign == 0 {
		return '/', true
	}
	return s.sign, true
}

// requestCaps asks for what is offered, all at once. Without SASL to wait for,
// CAP END follows in the same write.
func (s *Session) requestCaps() error {
	want := s.reg.offered & allCaps
	if !s.cfg.SASL.wanted() {
		want &^= capSASL
	} else if want&capSASL == 0 {
		return loginFailed("the server has no SASL to log in with")
	}
	if want != 0 {
		s.reg.requests++
		s.reply("CAP", "REQ", want.String())
	}
	if want&capSASL == 0 {
		s.endCaps()
	}
	return nil
}

// endCaps lets the server go on with the registration.
func (s *Session) endCaps() {
	if !s.reg.ended {
		s.reg.ended = true
		s.reply("CAP", "END")
	}
}

// acknowledged notes what is enabled now, or, with a minus, disabled.
func (s *Session) acknowledged(list string) error {
	caps := capSet(s.caps.Load())
	for entry := range strings.FieldsSeq(list) {
		if off, ok := strings.CutPrefix(entry, "-"); ok {
			caps &^= capByName(off)
		} else {
			caps |= capByName(entry)
		}
	}
	s.caps.Store(uint32(caps))
	if s.reg == nil {
		return nil
	}
	if caps&capSASL != 0 && s.cfg.SASL.wanted() && s.reg.login == nil && !s.reg.ended {
		if err := s.startLogin(); err != nil {
			return err
		}
	}
	s.capsAnswered()
	return nil
}

// refused asks again for each capability of a refused list by itself, since a
// CAP REQ is taken as a whole or not at all.
func (s *Session) refused(list string) error {
	again := known(list)
	if len(strings.Fields(list)) < 2 {
		again = 0
	}
	for i := range capNames {
		if c := capSet(1 << i); again&c != 0 {
			s.reply("CAP", "REQ", c.String())
			if s.reg != nil {
				s.reg.requests++
			}
		}
	}
	if s.reg == nil {
		return nil
	}
	if again == 0 && known(list)&capSASL != 0 {
		return loginFailed("the server refused SASL")
	}
	s.capsAnswered()
	return nil
}

// capsAnswered ends the negotiation when nothing is open any more.
func (s *Session) capsAnswered() {
	if s.reg.requests--; s.reg.requests <= 0 && (s.reg.login == nil || s.reg.loggedIn) {
		s.endCaps()
	}
}
