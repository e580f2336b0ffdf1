package ircside

import (
	"bytes"
	"cmp"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
	"isthmus/ircside/text"
)

const (
	// maxWaiting is how many private messages wait for a session to come up.
	maxWaiting = 16
	// ctcpBurst and ctcpInterval bound our answers to CTCP queries.
	ctcpBurst    = 3
	ctcpInterval = 10 * time.Second
	// heardBurst and heardInterval bound the private messages that somebody
	// gets, and floodSilence how often they are told that they miss some.
	heardBurst    = 200
	heardInterval = 20 * time.Millisecond
	floodSilence  = time.Minute
)

// tell sends a message to a nick.
func (c *client) tell(e bridge.Event, b bridge.Message) {
	if !c.upFor(e) {
		return
	}
	if !isNick(e.Room.ID, c.sess.ISupport()) {
		c.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "IRC has no nick like this."})
		return
	}
	if why, is := c.stranger(e.Room.ID); is {
		c.fail(e, why)
		return
	}
	c.send(e, b, e.Room.ID)
}

// upFor keeps the session for a private conversation. Without one that is up,
// it lets e wait until there is, and reports false.
func (c *client) upFor(e bridge.Event) bool {
	c.extra().linger = time.Now().Add(privateLinger)
	if c.phase == phaseUp {
		c.lingerIfIdle()
		return true
	}
	if len(c.waiting) >= maxWaiting {
		c.net.side.Counters.Dropped.Add(1)
		c.fail(e, bridge.Failure{Kind: bridge.ErrTooMany, Text: "Too much is waiting for the connection to " + c.net.name + "."})
		return false
	}
	if why, ok := c.connect(); !ok {
		c.fail(e, why)
		return false
	}
	c.waiting = append(c.waiting, e)
	return false
}

// addressed handles a PRIVMSG or NOTICE that is meant for this session, and
// leaves those to a channel to its observer.
func (c *client) addressed(m *line.Message) bool {
	table := c.table
	if table == nil {
		table = isupport.Default()
	}
	target := m.Params[0]
	if len(target) == 0 || c.mine(m) {
		return true
	}
	if strings.IndexByte(table.ChanTypes, target[0]) >= 0 {
		return false
	}
	said, ok := messageOf(m, c.net.decode)
	switch rest := bytes.TrimLeft(target, table.StatusMsg); {
	case !ok:
		c.ctcp(m)
	case m.FromServer():
		c.serverSays(m, said)
	case len(rest) < len(target) && len(rest) > 0 && strings.IndexByte(table.ChanTypes, rest[0]) >= 0:
		// Meant for those with power only (STATUSMSG): each of them gets it
		// by themselves, so that nobody else does.
		said.Text = "[" + c.net.decode(target) + "] " + said.Text
		fallthrough
	default:
		nick := c.net.decode(m.Nick())
		if c.who() == bridge.Keeper {
			if m.Command == "PRIVMSG" {
				c.commanded(nick, said.Text)
			}
			return true
		}
		if !c.hears(nick) {
			return true
		}
		c.net.side.core.Publish(bridge.Event{Room: c.direct(nick), By: c.native(nick), Name: nick, At: sentAt(m, time.Now()), Body: said})
	}
	return true
}

// hears reports whether one more private message can be taken in, of nick. Each nick is
// a conversation of its own: a server, or a herd of bots, could begin any
// number of them.
func (c *client) hears(nick string) bool {
	c.lock()
	defer c.unlock()
	p := c.extra()
	if p.heard == nil {
		p.heard = rate.NewLimiter(rate.Every(heardInterval), heardBurst)
	}
	now := time.Now()
	if p.heard.AllowN(now, 1) {
		if c.net.set.Load().NoStrangers && nick != "" {
			c.wrote(nick, now)
		}
		return true
	}
	c.net.side.Counters.Flooded.Add(1)
	if now.Sub(p.toldFlood) > floodSilence {
		p.toldFlood = now
		c.emit(bridge.Event{Room: c.console(), Body: bridge.Info{Text: "So much is said to you at once on " + c.net.name + " that some of it is left out."}})
	}
	return false
}

func (c *client) native(nick string) bridge.Person {
	return bridge.Person{Network: c.net.name, ID: nick}
}

// serverSays shows what the server says in the console. What it says to
// everybody who connects ("*** Looking up your hostname") only those get who
// have asked for the console.
func (c *client) serverSays(m *line.Message, said bridge.Message) {
	c.lock()
	defer c.unlock()
	if c.phase == phaseOpening && strings.HasPrefix(said.Text, "***") && !c.hasConsole() {
		return
	}
	c.emit(bridge.Event{Room: c.console(), Name: c.net.decode(m.Nick()), At: sentAt(m, time.Now()), Body: said})
}

// ctcp answers the queries that a client is expected to, not too often. The
// answers to ours that nobody asked, and all else, are ignored.
func (c *client) ctcp(m *line.Message) {
	command, args, ok := text.ParseCTCP(c.net.decode(m.Params[1]))
	counters := &c.net.side.Counters
	if !ok {
		counters.Empty.Add(1)
		return
	}
	var answer string
	switch {
	case m.Command != "PRIVMSG":
	case command == "VERSION":
		answer = c.version()
	case command == "SOURCE":
		answer = cmp.Or(c.net.set.Load().Contact, c.version())
	case command == "CLIENTINFO":
		answer = "ACTION CLIENTINFO PING SOURCE TIME VERSION"
	case command == "PING":
		answer = args
	case command == "TIME":
		answer = time.Now().UTC().Format(time.RFC1123Z)
	}
	if answer == "" {
		counters.CTCP.Add(1)
		return
	}
	c.lock()
	defer c.unlock()
	p := c.extra()
	if p.ctcp == nil {
		p.ctcp = rate.NewLimiter(rate.Every(ctcpInterval), ctcpBurst)
	}
	if c.phase != phaseUp || !p.ctcp.Allow() {
		counters.CTCP.Add(1)
		return
	}
	if err := c.sess.Send("NOTICE", string(m.Nick()), text.CTCP(command, reasonOf(answer, 0))); err != nil {
		counters.CTCP.Add(1)
	}
}

// version is what runs here, and whom to talk to of it.
func (c *client) version() string {
	version := c.net.side.opts.Load().Version
	if contact := c.net.set.Load().Contact; contact != "" {
		version += ", contact " + contact
	}
	return version
}

// sayBot tells the server that the session is a bot's, where it has a mode for
// that: the Keeper always is one.
func (c *client) sayBot() {
	if mode := c.table.Bot; mode != 0 && (c.who() == bridge.Keeper || c.net.set.Load().Bots) {
		c.sendOrLog("MODE", c.nick, "+"+string(mode))
	}
}

// setPresence takes how available somebody is by what they say in one room.
func (c *client) setPresence(e bridge.Event, p bridge.Presence) {
	if m := c.room([]byte(e.Room.ID)); m != nil {
		m.presence = p
		c.sendAway()
	}
}

// sendAway brings the server up to date, to which a new session is not away.
func (c *client) sendAway() {
	if c.phase != phaseUp {
		return
	}
	text, ok := c.awayText()
	if !ok || text == c.awaySent {
		return
	}
	var params []string
	if text != "" {
		params = []string{text}
	}
	if err := c.sess.Send("AWAY", params...); err != nil {
		c.net.log.Warn("could not set away", "session", c.who(), "error", err)
		return
	}
	c.awaySent = text
}

// awayTexts is what AWAY says where nobody gave a status.
var awayTexts = map[bridge.Show]string{
	bridge.ShowAway: "Away", bridge.ShowXA: "Not available", bridge.ShowDND: "Do not disturb",
}

// awayText is what AWAY says: the first status there is, "" for somebody who
// is there in any of their rooms, since a different client may be in each. It
// is false for who is in none.
func (c *client) awayText() (text string, ok bool) {
	status := ""
	for _, m := range c.rooms {
		if m.asked == "" && !m.known { // left
			continue
		}
		shown := awayTexts[m.presence.Show]
		if shown == "" {
			return "", true
		}
		text = cmp.Or(text, shown)
		status = cmp.Or(status, reasonOf(m.presence.Status, c.sess.ISupport().AwayLen))
	}
	return cmp.Or(status, text), text != ""
}
