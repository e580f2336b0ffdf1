package text

import "strings"

// CTCP's delimiter (draft-oakley-irc-ctcp-02, 2.1).
const delimiter = '\x01'

// ParseCTCP takes the text of a PRIVMSG or NOTICE apart that is a CTCP
// message: "\x01COMMAND args\x01". The last delimiter may be missing, since
// lines get cut. The command is in upper case.
func ParseCTCP(s string) (command, args string, ok bool) {
	if len(s) < 2 || s[0] != delimiter {
		return "", "", false
	}
	s, _, _ = strings.Cut(s[1:], string(delimiter))
	command, args, _ = strings.Cut(s, " ")
	return strings.ToUpper(command), args, command != ""
}

// CTCP is the text of a PRIVMSG (a query) or NOTICE (an answer) with a CTCP
// message. Neither part may have a delimiter, which Sanitize sees to.
func CTCP(command, args string) string {
	if args == "" {
		return string(delimiter) + command + string(delimiter)
	}
	return string(delimiter) + command + " " + args + string(delimiter)
}
