// Package line reads and writes lines of the IRC protocol: RFC 1459 2.3.1,
// RFC 2812 2.3.1 and the IRCv3 message-tags specification.
//
// A parsed Message points into the line it was read from and copies nothing,
// so that a line nobody cares about costs no allocation. Whoever wants to keep
// a part takes a string with Param, Tag, or string(...).
//
//	var m line.Message // one per reader, used again for each line
//	if err := line.Parse(buf, &m); err != nil { ... }
//	if m.Command == "PRIVMSG" { handle(m.Nick(), m.Param(0), m.Params[1]) }
//
//	out, err = line.Append(out, nil, "PRIVMSG", "#go", "hello there")
package line

import (
	"bytes"
	"errors"
	"strings"
)

const (
	// MaxTags is how many bytes the tags of a line may take, with the '@' and
	// the space behind them (message-tags, "Size limit").
	MaxTags = 8191
	// MaxClientTags is the same for the tags that a client sends.
	MaxClientTags = 4096
	// MaxBody is how many bytes the rest of a line may take, CR LF included
	// (RFC 2812 2.3). Append keeps it; Parse lets a server go over it, because
	// some announce a longer LINELEN.
	MaxBody = 512
	// MaxLine bounds what Parse takes at all.
	MaxLine = MaxTags + 8*MaxBody
	// MaxParams is how many parameters a line has at most; the last holds
	// whatever follows (RFC 2812 2.3.1).
	MaxParams = 15
)

// The ways in which a line is not one.
var (
	ErrEmpty   = errors.New("line: empty")
	ErrTooLong = errors.New("line: too long")
	ErrControl = errors.New("line: NUL, CR or LF inside")
	ErrCommand = errors.New("line: bad command")
	ErrParam   = errors.New("line: a parameter before the last is empty, has a space or begins with a colon")
	ErrTag     = errors.New("line: bad tag")
	ErrParams  = errors.New("line: too many parameters")
)

// Message is one line, taken apart. Its slices share the memory of the line
// and are valid as long as that is.
type Message struct {
	// Tags is the raw tag section, without '@'. See Tag.
	Tags []byte
	// Source is who sent it: a server name or nick!user@host, without ':'.
	// Empty when the line has none. See Nick, User, Host.
	Source []byte
	// Command is in upper case, or three digits.
	Command string
	// Params are the parameters; the last may hold spaces.
	Params [][]byte

	params [MaxParams][]byte // what Params is cut from
}

// Parse takes line apart into m, whose earlier content is lost. A CR LF or LF
// at the end is ignored, so are superfluous spaces between parts. The error is
// one of this package's, and m is then of no use.
func Parse(line []byte, m *Message) error {
	m.Tags, m.Source, m.Command, m.Params = nil, nil, "", m.params[:0]
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) > MaxLine {
		return ErrTooLong
	}
	if bytes.IndexByte(line, 0) >= 0 || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, '\n') >= 0 {
		return ErrControl
	}
	if len(line) > 0 && line[0] == '@' {
		m.Tags, line = word(line[1:])
		if len(m.Tags)+2 > MaxTags {
			return ErrTooLong
		}
	}
	line = bytes.TrimLeft(line, " ")
	if len(line) > 0 && line[0] == ':' {
		m.Source, line = word(line[1:])
	}
	command, rest := word(line)
	if len(command) == 0 {
		return ErrEmpty
	}
	if m.Command = commandName(command); m.Command == "" {
		return ErrCommand
	}
	for len(rest) > 0 {
		if rest[0] == ':' {
			m.Params = append(m.Params, rest[1:])
			break
		}
		if len(m.Params) == MaxParams-1 {
			m.Params = append(m.Params, rest)
			break
		}
		var p []byte
		p, rest = word(rest)
		m.Params = append(m.Params, p)
	}
	return nil
}

// word cuts what stands before the first space, and drops the spaces after it.
func word(b []byte) (first, rest []byte) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return b, nil
	}
	return b[:i], bytes.TrimLeft(b[i:], " ")
}

// Param is a copy of parameter i, "" where there is none.
func (m *Message) Param(i int) string {
	if i < 0 || i >= len(m.Params) {
		return ""
	}
	return string(m.Params[i])
}

// Last is a copy of the last parameter, "" where there is none: the text for
// people in almost every reply.
func (m *Message) Last() string { return m.Param(len(m.Params) - 1) }

// Nick is the nick or server name of the source.
func (m *Message) Nick() []byte {
	if i := bytes.IndexAny(m.Source, "!@"); i >= 0 {
		return m.Source[:i]
	}
	return m.Source
}

// Host is the host of the source, nil where it has none (a server's name is
// the Nick).
func (m *Message) Host() []byte {
	rest := m.Source
	if i := bytes.IndexByte(rest, '!'); i >= 0 {
		rest = rest[i:]
	}
	if i := bytes.IndexByte(rest, '@'); i >= 0 {
		return rest[i+1:]
	}
	return nil
}

// FromServer reports whether the source is a server, or missing, which means
// the server at the other end. A server name has a dot, a nick has none.
func (m *Message) FromServer() bool {
	return bytes.IndexByte(m.Source, '!') < 0 && bytes.IndexByte(m.Source, '@') < 0 &&
		(len(m.Source) == 0 || bytes.IndexByte(m.Source, '.') >= 0)
}

// Numeric is the number of a reply, 0 for a command of letters.
func (m *Message) Numeric() int {
	if c := m.Command; len(c) == 3 && c[0] <= '9' {
		return int(c[0]-'0')*100 + int(c[1]-'0')*10 + int(c[2]-'0')
	}
	return 0
}

// known are the commands that commandName gives out without allocating.
var known = func() map[string]string {
	m := make(map[string]string)
	for _, c := range strings.Fields(`PRIVMSG NOTICE TAGMSG JOIN PART QUIT NICK KICK MODE TOPIC INVITE KILL
		PING PONG ERROR AWAY ACCOUNT CHGHOST SETNAME CAP AUTHENTICATE BATCH ACK FAIL WARN NOTE WALLOPS
		PASS USER WHO WHOIS NAMES LIST MONITOR ISON USERHOST OPER RENAME REDACT MARKREAD`) {
		m[c] = c
	}
	return m
}()

// numerics holds "000001002...999", which every numeric command is cut from.
var numerics = func() string {
	var b strings.Builder
	for i := range 1000 {
		b.Write([]byte{byte('0' + i/100), byte('0' + i/10%10), byte('0' + i%10)})
	}
	return b.String()
}()

// commandName is the command in upper case, "" when it is none:
// command = 1*letter / 3digit (RFC 2812 2.3.1).
func commandName(b []byte) string {
	if len(b) == 3 && isDigit(b[0]) && isDigit(b[1]) && isDigit(b[2]) {
		i := 3 * (int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0'))
		return numerics[i : i+3]
	}
	if c, ok := known[string(b)]; ok {
		return c
	}
	for _, c := range b {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return ""
		}
	}
	name := strings.ToUpper(string(b))
	if c, ok := known[name]; ok {
		return c
	}
	return name
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Append writes a line with its CR LF behind b. The last parameter may hold
// anything but NUL, CR and LF; the others also no space, and neither be empty
// nor begin with a colon. On an error b comes back as it was.
func Append(b []byte, tags []Tag, command string, params ...string) ([]byte, error) {
	start := len(b)
	out, err := appendTags(b, tags)
	if err != nil {
		return b, err
	}
	if len(out)-start > MaxClientTags {
		return b, ErrTooLong
	}
	body := len(out)
	if !isCommand(command) {
		return b, ErrCommand
	}
	if len(params) > MaxParams {
		return b, ErrParams
	}
	out = append(out, command...)
	for i, p := range params {
		if strings.IndexByte(p, 0) >= 0 || strings.IndexByte(p, '\r') >= 0 || strings.IndexByte(p, '\n') >= 0 {
			return b, ErrControl
		}
		out = append(out, ' ')
		if p == "" || p[0] == ':' || strings.IndexByte(p, ' ') >= 0 {
			if i < len(params)-1 {
				return b, ErrParam
			}
			out = append(out, ':')
		}
		out = append(out, p...)
	}
	out = append(out, '\r', '\n')
	if len(out)-body > MaxBody {
		return b, ErrTooLong
	}
	return out, nil
}

func isCommand(s string) bool {
	if len(s) == 3 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2]) {
		return true
	}
	for i := range len(s) {
		if s[i]|0x20 < 'a' || s[i]|0x20 > 'z' {
			return false
		}
	}
	return s != ""
}
