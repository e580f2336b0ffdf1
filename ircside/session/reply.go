package session

import (
	"strings"

	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

// isError reports whether m says that a command did not do what it should.
// RFC 2812 5.2 gives 400 to 599 to errors; the others are younger.
func isError(m *line.Message) bool {
	switch n := m.Numeric(); n {
	case 0:
		return m.Command == "FAIL" // standard-replies
	case errNoMOTD:
		return false
	case 263, // RPL_TRYAGAIN
		716,           // ERR_TARGUMODEG: the target has +g
		742,           // ERR_MLOCKRESTRICTED
		743,           // ERR_INVALIDBAN
		926,           // ERR_BADCHANNAME
		734,           // ERR_MONLISTFULL
		696, 697, 698, // ERR_INVALIDMODEPARAM, ERR_LISTMODEALREADYSET, ERR_LISTMODENOTSET
		972, // ERR_CANNOTDOCOMMAND
		974, // ERR_CANNOTCHANGECHANMODE
		979: // ERR_SERVICESDOWN
		return true
	default:
		return n >= 400 && n <= 599
	}
}

const errNoMOTD = 422

// replyError makes an error of m: a numeric has our name before its
// parameters, FAIL the command and a code (standard-replies).
func replyError(m *line.Message) *ReplyError {
	e := &ReplyError{Numeric: m.Numeric(), Code: m.Command, Text: m.Last()}
	middle := m.Params[:max(len(m.Params)-1, 0)]
	skip := 1
	if m.Command == "FAIL" {
		e.Code, skip = m.Param(1), 2
	}
	for i := skip; i < len(middle); i++ {
		e.Params = append(e.Params, string(middle[i]))
	}
	return e
}

// refusedBy reports whether an error without a label can be the request's: it
// names its command or one of its parameters, or nothing at all.
func (p *pending) refusedBy(m *line.Message, sup *isupport.Table) bool {
	if len(m.Params) < 2 {
		return true
	}
	named := m.Params[1 : len(m.Params)-1]
	if m.Command == "FAIL" { // FAIL command code [context...] :text
		return p.hasCommand(string(m.Params[0])) || string(m.Params[0]) == "*"
	}
	if len(named) == 0 {
		return true
	}
	for _, name := range named {
		if p.hasCommand(string(name)) || p.hasParam(name, sup) {
			return true
		}
	}
	return false
}

func (p *pending) hasCommand(name string) bool {
	for i := range p.Lines {
		if strings.EqualFold(p.Lines[i].Command, name) {
			return true
		}
	}
	return false
}

// hasParam reports whether name is a parameter of the request, or one entry
// of a list of them ("#a,#b").
func (p *pending) hasParam(name []byte, sup *isupport.Table) bool {
	for i := range p.Lines {
		for _, param := range p.Lines[i].Params {
			for entry := range strings.SplitSeq(param, ",") {
				if sup.CaseMapping.Equal(name, entry) {
					return true
				}
			}
		}
	}
	return false
}
