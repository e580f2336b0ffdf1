package ircside

import (
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
	"isthmus/ircside/text"
)

// answerLines is how many lines of an answer one message in the console holds.
const answerLines = 40

// maxAnswers bounds how many such messages one command may lead to.
const maxAnswers = 25

const consoleHelp = `You talk to the IRC server itself here. Write a command as IRC has it, for example:
WHOIS nick: who somebody is
LIST >50: channels with more than 50 people
MODE #channel +t: change a channel's modes
PRIVMSG NickServ :help: talk to the services
NICK newnick: change your nick in all rooms
QUIT: disconnect from this network
Join and leave channels with your client.`

// refused are the commands that would cross what the bridge does itself, and
// what to do instead.
var refused = map[string]string{
	"PASS": "You are logged in already.", "USER": "You are logged in already.",
	"CAP": "The gateway does that.", "AUTHENTICATE": "Set your account with the command of your client for this network's address.",
	"PING": "The gateway does that.", "PONG": "The gateway does that.",
	"SERVER": "That is for servers.", "SERVICE": "That is for services.", "BATCH": "The gateway does that.",
	"JOIN": "Join the room with your client.",
}

// endings are the replies with which the answer to a command ends, for those
// that a server may be some time about or ask another server (RFC 2812 5.1).
var endings = map[string][]string{
	"ADMIN": {"259"}, "INFO": {"374"}, "LINKS": {"365"}, "LIST": {"323"}, "MOTD": {"376", "422"}, "NAMES": {"366"},
	"STATS": {"219"}, "TIME": {"391"}, "VERSION": {"351"}, "WHO": {"315"}, "WHOIS": {"318"}, "WHOWAS": {"369"},
}

// command carries out what somebody wrote in the console.
func (c *client) command(e bridge.Event, b bridge.Message) {
	c.extra().talks = true
	var m line.Message
	input := strings.TrimPrefix(strings.TrimSpace(b.Text), "/")
	err := line.Parse([]byte(input), &m)
	switch why := refused[m.Command]; {
	case err != nil || len(m.Source) > 0 || len(m.Tags) > 0, m.Command == "HELP" && len(m.Params) == 0:
		c.confirm(e, "")
		c.consoleText(consoleHelp)
	case why != "":
		c.fail(e, bridge.Failure{Kind: bridge.ErrPolicy, Text: why})
	case m.Command == "QUIT":
		c.quit(e, &m)
	case m.Command == "NICK" && len(m.Params) == 1:
		if c.upFor(e) {
			c.changeNick(e, bridge.Rename{To: m.Param(0)})
		}
	default:
		if why, is := c.strangers(&m); is {
			c.fail(e, why)
		} else if c.upFor(e) {
			c.raw(e, &m)
		}
	}
}

// quit ends the session for good, and with it the stay in all rooms.
func (c *client) quit(e bridge.Event, m *line.Message) {
	c.confirm(e, "")
	c.extra().linger = time.Time{}
	reason := reasonOf(m.Last(), 0)
	c.failAll(bridge.Failure{Kind: bridge.ErrOffline, Text: "You disconnected from " + c.net.name + "."})
	c.abandon(bridge.Leave{Cause: bridge.CauseQuit, Reason: reason}, true)
	c.close(reason)
}

// raw sends a line as it is. What the server answers until it is done with
// it goes to the console.
func (c *client) raw(e bridge.Event, m *line.Message) {
	params := make([]string, len(m.Params))
	for i := range params {
		params[i] = m.Param(i)
	}
	c.extra().answers = 0
	c.asking.Add(1) // before the answer can come
	request := session.Request{Lines: []session.Line{{Command: m.Command, Params: params}}, End: endings[m.Command]}
	err := c.sess.Request(request, func(r session.Result) {
		c.lock()
		defer c.unlock()
		c.asking.Add(-1)
		c.flushAnswer()
		if r.Err == nil {
			c.confirm(e, r.Native)
			c.overheard(m)
			return
		}
		why := c.failure(r.Err)
		if why.Kind == bridge.ErrUnsupported && isUnknownCommand(r.Err) {
			why.Text = strings.TrimSuffix(why.Text, ".") + ". Write help to learn what can be said here."
		}
		c.fail(e, why)
	})
	if err != nil {
		c.asking.Add(-1)
		c.fail(e, c.failure(err))
	}
}

// overheard shows a room what was said in it by a line of the console: as one
// of ours the observer leaves it out.
func (c *client) overheard(m *line.Message) {
	if m.Command != "PRIVMSG" && m.Command != "NOTICE" || len(m.Params) < 2 {
		return
	}
	room := c.room(m.Params[0])
	if said, ok := messageOf(m, c.net.decode); ok && room != nil && room.known {
		c.emit(bridge.Event{Room: room.ch.room, By: c.who(), Name: room.name, Body: said})
	}
}

func isUnknownCommand(err error) bool {
	reply, ok := err.(*session.ReplyError)
	return ok && reply.Numeric == 421 // ERR_UNKNOWNCOMMAND
}

// answer collects a line for the console while a command is under way there.
// The observer of a channel may have its part of it too.
func (c *client) answer(m *line.Message) bool {
	if c.asking.Load() == 0 {
		return false
	}
	params := m.Params
	if m.Numeric() > 0 && len(params) > 0 {
		params = params[1:] // it begins with our own nick
	}
	words := make([]string, len(params))
	for i, p := range params {
		words[i] = text.Strip(c.net.decode(p))
	}
	said := strings.Join(words, " ")
	if m.Numeric() == 0 {
		said = m.Command + " " + said
	}
	c.lock()
	defer c.unlock()
	p := c.extra()
	if p.answer = append(p.answer, said); len(p.answer) >= answerLines {
		c.flushAnswer()
	}
	return false
}

// flushAnswer publishes what was collected of an answer.
func (c *client) flushAnswer() {
	p := c.extra()
	if len(p.answer) == 0 {
		return
	}
	said := strings.Join(p.answer, "\n")
	p.answer = nil
	switch p.answers++; {
	case p.answers < maxAnswers:
		c.consoleText(said)
	case p.answers == maxAnswers:
		c.consoleText(said + "\n(There is more, which is left out.)")
	}
}

// consoleText is the network speaking in the console.
func (c *client) consoleText(s string) {
	c.emit(bridge.Event{Room: c.console(), Body: bridge.Message{Text: s}})
}

// dropRaw forgets commands that went down with their session.
func (c *client) dropRaw() {
	c.asking.Store(0)
	if c.private != nil {
		c.private.answer = nil
	}
}

// hasConsole reports whether somebody cares for the console.
func (c *client) hasConsole() bool {
	p := c.private
	return p != nil && (p.console || p.talks)
}

// tellSession tells in the console that the session went up or down.
func (c *client) tellSession(up bool, how string) {
	if c.hasConsole() {
		c.emit(bridge.Event{Room: c.console(), Body: bridge.Session{Up: up, Text: how}})
	}
	if p := c.private; p != nil && !up {
		p.talks = false
	}
}

// watchSession tells somebody from now on, or no more, how their session is.
func (c *client) watchSession(e bridge.Event, b bridge.Watch) {
	c.extra().console = b.On
	c.confirm(e, "")
	if b.On {
		up := c.phase == phaseUp
		how := "Not connected to " + c.net.name + "."
		if up {
			how = "Connected to " + c.net.name + " as " + c.sess.Nick() + "."
		}
		c.tellSession(up, how)
	}
}

const (
	// maxRooms is how many channels an Answer lists.
	maxRooms = 1000
	// listTimeout is how long a list may take.
	listTimeout = time.Minute
)

// whoisFields are the replies of WHOIS that an Answer brings, and how their
// parameters, without our and their nick, are called.
var whoisFields = map[string]string{
	"301": "away", "307": "registered", "311": "user", "312": "server", "313": "operator", "317": "idle",
	"319": "channels", "320": "note", "330": "account", "335": "bot", "338": "address", "378": "address", "671": "secure",
}

// query asks the server for its channels, or who somebody is. One question at
// a time is enough for anybody.
func (c *client) query(e bridge.Event, b bridge.Query) {
	p := c.extra()
	switch {
	case b.What == bridge.QueryAvatar:
		c.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "IRC has no pictures."})
	case c.phase != phaseUp:
		c.fail(e, bridge.Failure{Kind: bridge.ErrOffline, Text: "You are not connected to " + c.net.name + "."})
	case p.querying:
		c.fail(e, bridge.Failure{Kind: bridge.ErrTooFast, Text: "The question before is not answered yet."})
	case b.What == bridge.QueryRooms && e.Room.ID == "":
		c.ask(e, session.Request{Lines: []session.Line{{Command: "LIST"}}, Collect: []string{"321", "322", "323"}, End: endings["LIST"], Timeout: listTimeout}, roomsLike(b.Search))
	case b.What == bridge.QueryWho && isNick(e.Room.ID, c.sess.ISupport()):
		collect := []string{"318"}
		for numeric := range whoisFields {
			collect = append(collect, numeric)
		}
		c.ask(e, session.Request{Lines: []session.Line{{Command: "WHOIS", Params: []string{e.Room.ID}}}, Collect: collect, End: endings["WHOIS"]}, whoRows)
	default:
		c.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "That can't be asked here."})
	}
}

// ask sends a question and publishes the rows of its answer.
func (c *client) ask(e bridge.Event, r session.Request, rows func([]*line.Message, func([]byte) string) [][]string) {
	err := c.sess.Request(r, func(r session.Result) {
		c.lock()
		defer c.unlock()
		c.extra().querying = false
		if r.Err != nil {
			c.fail(e, c.failure(r.Err))
			return
		}
		found := rows(r.Lines, c.net.decode)
		most := maxRooms
		if q, ok := e.Body.(bridge.Query); ok && q.Limit > 0 {
			most = min(q.Limit, maxRooms)
		}
		cut := r.Cut || len(found) > most
		c.emit(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Answer{Rows: found[:min(len(found), most)], Cut: cut}})
	})
	if err != nil {
		c.fail(e, c.failure(err))
		return
	}
	c.extra().querying = true
}

// roomsLike makes rows of RPL_LIST: channel, topic, members. Those channels
// count that have the words of search in their names or topics; servers have
// no common way to search.
func roomsLike(search string) func([]*line.Message, func([]byte) string) [][]string {
	words := strings.Fields(strings.ToLower(search))
	return func(lines []*line.Message, decode func([]byte) string) (rows [][]string) {
		for _, m := range lines {
			if m.Command != "322" || len(m.Params) < 3 || m.Param(1) == "*" {
				continue
			}
			name, topic := decode(m.Params[1]), plain(m, 3, decode)
			all := strings.ToLower(name + " " + topic)
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(all, w) }) {
				rows = append(rows, []string{name, topic, m.Param(2)})
			}
		}
		return rows
	}
}

// whoRows makes rows of the replies of WHOIS.
func whoRows(lines []*line.Message, decode func([]byte) string) (rows [][]string) {
	for _, m := range lines {
		name, ok := whoisFields[m.Command]
		if !ok || len(m.Params) < 3 {
			continue
		}
		var words []string
		for i := 2; i < len(m.Params); i++ {
			words = append(words, plain(m, i, decode))
		}
		rows = append(rows, []string{name, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" || w == "*" }), " ")})
	}
	return rows
}
