package fakehs

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Registration is the application service as the homeserver was told of it.
type Registration struct {
	ID              string
	URL             string
	ASToken         string
	HSToken         string
	SenderLocalpart string
	Users           []string // anchored patterns of user ids
	Aliases         []string // and of aliases
	Ephemeral       bool     // receive_ephemeral

	users, aliases []*regexp.Regexp
}

// DefaultRegistration is what "isthmus registration" would write for a server:
// ghosts @xmpp_… and @irc_…, aliases #xmpp_… and #irc_…, the bot @isthmusbot.
func DefaultRegistration(serverName string) Registration {
	server := regexp.QuoteMeta(serverName)
	return Registration{
		ID:              "isthmus",
		ASToken:         "as-token-0123456789",
		HSToken:         "hs-token-0123456789",
		SenderLocalpart: "isthmusbot",
		Users:           []string{`^@isthmusbot:` + server + `$`, `^@(xmpp|irc)_.*:` + server + `$`},
		Aliases:         []string{`^#(xmpp|irc)_.*:` + server + `$`},
		Ephemeral:       true,
	}
}

// Write writes the registration as a homeserver's file.
func (r *Registration) Write(path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "id: %q\nurl: %q\nas_token: %q\nhs_token: %q\nsender_localpart: %q\nrate_limited: false\n",
		r.ID, r.URL, r.ASToken, r.HSToken, r.SenderLocalpart)
	fmt.Fprintf(&b, "receive_ephemeral: %v\nnamespaces:\n", r.Ephemeral)
	for _, part := range []struct {
		name     string
		patterns []string
	}{{"users", r.Users}, {"aliases", r.Aliases}} {
		fmt.Fprintf(&b, "  %s:\n", part.name)
		for _, pattern := range part.patterns {
			fmt.Fprintf(&b, "  - { exclusive: true, regex: '%s' }\n", pattern)
		}
	}
	b.WriteString("  rooms: []\n")
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

func (r *Registration) compile() error {
	for _, part := range []struct {
		from []string
		to   *[]*regexp.Regexp
	}{{r.Users, &r.users}, {r.Aliases, &r.aliases}} {
		for _, pattern := range part.from {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return err
			}
			*part.to = append(*part.to, re)
		}
	}
	return nil
}

// ours reports whether a user is in the bridge's namespace, or its bot.
func (s *Server) ours(user string) bool {
	return user == s.Bot() || anyMatches(s.Registration.users, user)
}

func anyMatches(patterns []*regexp.Regexp, text string) bool {
	for _, re := range patterns {
		if re.MatchString(text) {
			return true
		}
	}
	return false
}
