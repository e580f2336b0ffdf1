package ircside

import (
	"strings"

	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
	"isthmus/ircside/text"
)

const (
	// maxPieces is how many lines one message may become.
	maxPieces = 50
	// assumedMask is how many bytes we take our user@host to have while the
	// server has not shown it: what most of them allow.
	assumedMask = 10 + 1 + 63
	// reasonLen bounds a reason where the server names no limit.
	reasonLen = 300
)

// lower is a nick as rooms of private conversations have it. It is not the
// network's own case mapping, which isn't known before there is a session,
// but what an address in small letters says all the same.
func lower(nick string) string { return strings.ToLower(nick) }

// reasonOf is a reason as it fits one line, limit bytes at most if that is
// not 0.
func reasonOf(s string, limit int) string {
	if limit <= 0 || limit > reasonLen {
		limit = reasonLen
	}
	s = strings.TrimSpace(text.Sanitize(s))
	return strings.TrimSpace(text.Split(s, limit)[0])
}

// pieces is what is said as parameters of PRIVMSG or NOTICE, each fit for one
// line when it reaches others: with our nick and user@host before it.
func pieces(said string, emote bool, nick, userhost, command, target string) []string {
	mask := len(userhost)
	if mask == 0 {
		mask = assumedMask
	}
	room := line.MaxBody - len(":! ") - len(nick) - mask - len(command) - len(" ") - len(target) - len(" :\r\n")
	if emote {
		room -= len(text.CTCP("ACTION", "x")) - 1
	}
	var out []string
	for _, l := range text.Lines(said) {
		for _, piece := range text.Split(text.Sanitize(l), room) {
			if len(out) > maxPieces {
				return out
			}
			if strings.TrimSpace(piece) == "" {
				continue
			}
			if emote {
				piece = text.CTCP("ACTION", piece)
			}
			out = append(out, piece)
		}
	}
	return out
}

// isNick reports whether name can be a nick to send to: not a channel, a mask,
// a list or a server.
func isNick(name string, t *isupport.Table) bool {
	return name != "" && len(name) <= maxKept && !t.IsChannel(name) && strings.IndexByte(":$#&+!@%~", name[0]) < 0 &&
		!strings.ContainsAny(name, " ,*?!@\x00\r\n\x07")
}
