package session

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"

	"isthmus/ircside/line"
)

const (
	// saslChunk is how much base64 one AUTHENTICATE holds (IRCv3 sasl 3.1).
	saslChunk = 400
	// maxChallenge bounds what a server may ask in base64.
	maxChallenge = 8 << 10
	// maxIterations bounds the work that a server may make us do for SCRAM:
	// about 0.1 s. Services of today ask for 4,096 to 64,000.
	maxIterations = 250_000
)

// mechanism is one SASL mechanism at work.
type mechanism interface {
	// step answers a challenge.
	step(challenge []byte) ([]byte, error)
	// verify has the last word when the server says that all is well.
	verify() error
}

// login is the attempt to log in, with one mechanism after the other.
type login struct {
	names     []string // to be tried after the current one
	current   mechanism
	challenge []byte // base64, while more of it is to come
	broken    error  // why we gave up; no other mechanism is tried then
}

// startLogin begins with the best mechanism both sides know.
func (s *Session) startLogin() error {
	var names []string
	c := s.cfg.SASL
	if c.External && s.cfg.TLS.Certificate != nil {
		names = append(names, "EXTERNAL")
	}
	if c.Account != "" {
		names = append(names, "SCRAM-SHA-256")
		if c.AllowPlain || isTLS(s.conn) {
			names = append(names, "PLAIN")
		}
	}
	s.reg.login = &login{names: offeredOf(names, s.reg.mechs)}
	return s.nextMechanism("no way to log in that both sides have")
}

// offeredOf is what of names is in the server's list, all when it has none.
func offeredOf(names []string, list string) []string {
	if list == "" {
		return names
	}
	offered := strings.Split(list, ",")
	return slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(offered, n) })
}

// nextMechanism goes on with the next mechanism, or fails with the reason.
func (s *Session) nextMechanism(reason string) error {
	l := s.reg.login
	if len(l.names) == 0 {
		return loginFailed(reason)
	}
	name := l.names[0]
	l.names, l.challenge = l.names[1:], nil
	switch name {
	case "EXTERNAL":
		l.current = external{}
	case "PLAIN":
		l.current = plain{s.cfg.SASL}
	default:
		m, err := newSCRAM(s.cfg.SASL)
		if err != nil { // a password that SASLprep does not allow
			return s.nextMechanism(err.Error())
		}
		l.current = m
	}
	s.reply("AUTHENTICATE", name)
	return nil
}

// loginFailed ends the session: who has an account is nobody without it.
func loginFailed(reason string) error { return &Error{Kind: BadLogin, Text: reason} }

// authenticate collects a challenge, which comes in chunks, and answers it.
func (s *Session) authenticate(m *line.Message) error {
	if s.reg == nil || s.reg.login == nil || s.reg.loggedIn || s.reg.login.broken != nil {
		return nil
	}
	l := s.reg.login
	chunk := m.Param(0)
	if chunk != "+" {
		l.challenge = append(l.challenge, chunk...)
	}
	if len(l.challenge) > maxChallenge {
		return &Error{Kind: Hostile, Text: "the server's SASL challenge has no end"}
	}
	if len(chunk) == saslChunk {
		return nil
	}
	challenge, err := base64.StdEncoding.DecodeString(string(l.challenge))
	l.challenge = nil
	var answer []byte
	if err == nil {
		answer, err = l.current.step(challenge)
	}
	if err != nil {
		l.broken = err
		s.reply("AUTHENTICATE", "*")
		return nil
	}
	s.respond(answer)
	return nil
}

// respond sends an answer in chunks; one that ends with a full chunk, and the
// empty one, is followed by "+" (IRCv3 sasl 3.1).
func (s *Session) respond(answer []byte) {
	text := base64.StdEncoding.EncodeToString(answer)
	for len(text) >= saslChunk {
		s.reply("AUTHENTICATE", text[:saslChunk])
		text = text[saslChunk:]
	}
	if text == "" {
		text = "+"
	}
	s.reply("AUTHENTICATE", text)
}

// loginReply handles how it went: RPL_SASLSUCCESS, ERR_NICKLOCKED,
// ERR_SASLFAIL, ERR_SASLTOOLONG, ERR_SASLABORTED, ERR_SASLALREADY, RPL_SASLMECHS.
func (s *Session) loginReply(m *line.Message) error {
	l := s.reg.login
	if l == nil || s.reg.loggedIn {
		return nil
	}
	switch m.Command {
	case "908":
		l.names = offeredOf(l.names, strings.ToUpper(m.Param(1)))
		return nil
	case "903", "907":
		if err := l.current.verify(); err != nil {
			return loginFailed(err.Error())
		}
		s.reg.loggedIn = true
		s.endCaps()
		return nil
	}
	if l.broken != nil {
		return loginFailed(l.broken.Error())
	}
	return s.nextMechanism(m.Last())
}

// external is RFC 4422 appendix A: the certificate says it all.
type external struct{}

func (external) step([]byte) ([]byte, error) { return nil, nil }
func (external) verify() error               { return nil }

// plain is RFC 4616.
type plain struct{ c SASL }

func (p plain) step([]byte) ([]byte, error) {
	return []byte("\x00" + p.c.Account + "\x00" + p.c.Password), nil
}
func (plain) verify() error { return nil }

// scramSHA256 is RFC 7677, without channel binding, which no IRC server has.
type scramSHA256 struct{ *scram.ClientConversation }

func newSCRAM(c SASL) (mechanism, error) {
	client, err := scram.SHA256.NewClient(c.Account, c.Password, "")
	if err != nil {
		return nil, err
	}
	return scramSHA256{client.NewConversation()}, nil
}

func (m scramSHA256) step(challenge []byte) ([]byte, error) {
	if m.Valid() {
		return nil, nil
	}
	for field := range strings.SplitSeq(string(challenge), ",") {
		if count, ok := strings.CutPrefix(field, "i="); ok {
			if n, err := strconv.Atoi(count); err != nil || n > maxIterations {
				return nil, errors.New("the server asks for too many SCRAM iterations")
			}
		}
	}
	answer, err := m.Step(string(challenge))
	return []byte(answer), err
}

// verify sees that the server knew the password too (RFC 5802 3).
func (m scramSHA256) verify() error {
	if !m.Valid() {
		return errors.New("the server did not prove that it knows the password")
	}
	return nil
}
