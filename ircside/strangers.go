package ircside

import (
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/line"
)

// maxWrote bounds the nicks that are known to have written to somebody.
const maxWrote = 200

// services are the nicks of networks' services, whom everybody may write to.
var services = []string{"alis", "authserv", "botserv", "chanserv", "global", "groupserv", "helpserv", "hostserv", "infoserv",
	"memoserv", "nickserv", "operserv", "q", "saslserv", "x"}

// wrote notes that a nick has written to somebody, who may answer from now on.
func (c *client) wrote(nick string, now time.Time) {
	p := c.extra()
	if p.wrote == nil {
		p.wrote = map[string]time.Time{}
	}
	if len(p.wrote) >= maxWrote {
		oldest := ""
		for nick, at := range p.wrote {
			if oldest == "" || at.Before(p.wrote[oldest]) {
				oldest = nick
			}
		}
		delete(p.wrote, oldest)
	}
	p.wrote[lower(nick)] = now
}

// stranger is why somebody may not write to a nick in private, where the network
// asks that nobody be written to whom they don't meet there.
func (c *client) stranger(nick string) (bridge.Failure, bool) {
	if !c.net.set.Load().NoStrangers || slices.Contains(services, lower(nick)) {
		return bridge.Failure{}, false
	}
	if c.private != nil {
		if _, wrote := c.private.wrote[lower(nick)]; wrote {
			return bridge.Failure{}, false
		}
	}
	for _, m := range c.rooms {
		if _, here := m.ch.find(nick); here && m.known {
			return bridge.Failure{}, false
		}
	}
	return bridge.Failure{Kind: bridge.ErrPolicy, Text: "On " + c.net.name + " you can write in private only to people who are in a channel with you, or who wrote to you first."}, true
}

// strangers is stranger of those whom a line of the console would reach.
func (c *client) strangers(m *line.Message) (bridge.Failure, bool) {
	switch m.Command {
	case "PRIVMSG", "NOTICE", "TAGMSG", "CPRIVMSG", "CNOTICE":
	default:
		return bridge.Failure{}, false
	}
	for target := range strings.SplitSeq(m.Param(0), ",") {
		if nick, _, _ := strings.Cut(target, "@"); nick != "" && strings.IndexByte(channelTypes+"@+%~", target[0]) < 0 {
			if why, is := c.stranger(nick); is {
				return why, true
			}
		}
	}
	return bridge.Failure{}, false
}
