package ircside

import (
	"iter"
	"net/url"
	"path"
	"strings"

	"isthmus/bridge"
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

// roomFor is how many bytes of words one line has room for when it reaches
// others: with the nick and user@host, "" where that is not known, before it.
func roomFor(nick, userhost, command, target string) int {
	mask := len(userhost)
	if mask == 0 {
		mask = assumedMask
	}
	return line.MaxBody - len(":! ") - len(nick) - mask - len(command) - len(" ") - len(target) - len(" :\r\n")
}

// pieces is what is said as parameters of PRIVMSG or NOTICE, each of so many
// bytes at most. name is what a mentioned person is called there, "" to leave
// it as it was said.
func pieces(said bridge.Message, name func(bridge.Person) string, room int) []string {
	if said.Emote {
		room -= len(text.CTCP("ACTION", "x")) - 1
	}
	var out []string
	for l := range linesOf(said, name, room) {
		for _, piece := range l {
			if len(out) > maxPieces {
				return out
			}
			if strings.TrimSpace(text.Strip(piece)) == "" {
				continue
			}
			if said.Emote {
				piece = text.CTCP("ACTION", piece)
			}
			out = append(out, piece)
		}
	}
	return out
}

// linesOf are the lines of a message, each in pieces of so many bytes at most:
// those of its text, and one for each of its files, unless the text says where
// that is.
func linesOf(said bridge.Message, name func(bridge.Person) string, room int) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		if len(said.Spans) == 0 {
			for _, l := range text.Lines(said.Text) {
				if !yield(text.Split(text.Sanitize(l), room)) {
					return
				}
			}
		} else {
			for _, l := range text.Render(said.Text, said.Spans, name) {
				if !yield(l.Split(room)) {
					return
				}
			}
		}
		for _, f := range said.Files {
			if f.URL != "" && !strings.Contains(said.Text, f.URL) && !yield(text.Split(text.Sanitize(linkOf(f)), room)) {
				return
			}
		}
	}
}

// linkOf is a file as words: its link, behind its name where the link does not
// end with that.
func linkOf(f bridge.File) string {
	name := strings.TrimSpace(f.Name)
	if u, err := url.Parse(f.URL); err == nil && path.Base(u.Path) == name || name == "" {
		return f.URL
	}
	return name + ": " + f.URL
}

// isNick reports whether name can be a nick to send to: not a channel, a mask,
// a list or a server.
func isNick(name string, t *isupport.Table) bool {
	return name != "" && len(name) <= maxKept && !t.IsChannel(name) && strings.IndexByte(":$#&+!@%~", name[0]) < 0 &&
		!strings.ContainsAny(name, " ,*?!@\x00\r\n\x07")
}
