package fakeirc

import (
	"slices"
	"strings"
)

// commands are what a client can do, with how many parameters it takes at
// least. Each runs with the server's mutex held.
var commands = map[string]struct {
	params int
	run    func(*client, []string)
}{
	"CAP":     {1, (*client).cap},
	"NICK":    {1, (*client).setNick},
	"USER":    {4, (*client).setUser},
	"PING":    {1, func(c *client, p []string) { c.reply(":" + serverName + " PONG " + serverName + " :" + p[len(p)-1]) }},
	"PONG":    {0, func(*client, []string) {}},
	"JOIN":    {1, (*client).join},
	"PART":    {1, (*client).part},
	"NAMES":   {1, (*client).names},
	"PRIVMSG": {2, func(c *client, p []string) { c.say("PRIVMSG", p) }},
	"NOTICE":  {2, func(c *client, p []string) { c.say("NOTICE", p) }},
	"TAGMSG":  {1, func(*client, []string) {}},
	"TOPIC":   {1, (*client).setTopic},
	"MODE":    {1, (*client).mode},
	"WHO":     {1, (*client).who},
	"AWAY":    {0, (*client).away},
	"ISON":    {1, func(c *client, _ []string) { c.numeric("303", ":") }},
	"QUIT":    {0, func(c *client, p []string) { c.leave("Quit") }},
}

func (c *client) run(command string, params []string) {
	cmd, known := commands[command]
	switch {
	case command == "" || c.gone:
	case !known:
		c.numeric("421", command+" :Unknown command")
	case len(params) < cmd.params:
		c.numeric("461", command+" :Not enough parameters")
	default:
		cmd.run(c, params)
	}
}

func (c *client) cap(p []string) {
	if !c.server.caps {
		c.numeric("421", "CAP :Unknown command")
		return
	}
	nick := c.nick
	if nick == "" {
		nick = "*"
	}
	switch strings.ToUpper(p[0]) {
	case "LS":
		c.negotiating = !c.registered
		c.reply(":" + serverName + " CAP " + nick + " LS :" + offeredList())
	case "REQ":
		c.negotiating = !c.registered
		answer := "NAK"
		if flags, ok := requested(strings.Fields(p[len(p)-1])); ok {
			c.caps |= flags
			answer = "ACK"
		}
		c.reply(":" + serverName + " CAP " + nick + " " + answer + " :" + p[len(p)-1])
	case "END":
		c.negotiating = false
		c.register()
	}
}

func (c *client) setNick(p []string) {
	nick := p[0]
	if other := c.server.clients[fold(nick)]; other != nil && other != c {
		c.numeric("433", nick+" :Nickname is already in use")
		return
	}
	old := c.mask()
	if !c.registered {
		c.nick = nick
		c.register()
		return
	}
	delete(c.server.clients, fold(c.nick))
	c.reply(":" + old + " NICK :" + nick)
	for _, ch := range c.joined {
		m := ch.members[fold(c.nick)]
		delete(ch.members, fold(c.nick))
		m.nick = nick
		m.mask = mask(nick, "bridge.bench")
		ch.members[fold(nick)] = m
		c.server.broadcast(ch, c, c.server.newEvent(":"+old+" NICK :"+nick))
	}
	c.nick = nick
	c.server.clients[fold(nick)] = c
}

func (c *client) setUser(p []string) {
	c.user = p[0]
	c.register()
}

// register welcomes the client once it has said all it must.
func (c *client) register() {
	if c.registered || c.negotiating || c.nick == "" || c.user == "" {
		return
	}
	c.registered = true
	c.server.clients[fold(c.nick)] = c
	c.numeric("001", ":Welcome to the bench "+c.mask())
	c.numeric("002", ":Your host is "+serverName)
	c.numeric("003", ":This server was created for the moment")
	c.numeric("004", serverName+" fakeirc i beIklmnostov")
	c.numeric("005", "CASEMAPPING=ascii CHANTYPES=# PREFIX=(qaohv)~&@%+ CHANMODES=beI,k,l,imnst MODES=20 "+
		"NICKLEN=30 CHANNELLEN=64 TOPICLEN=390 NETWORK=bench WHOX :are supported by this server")
	c.numeric("422", ":There is no message of the day")
}

func (c *client) join(p []string) {
	for name := range strings.SplitSeq(p[0], ",") {
		ch := c.server.channel(name)
		if ch.members[fold(c.nick)] != nil {
			continue
		}
		ch.add(&member{nick: c.nick, mask: c.mask(), op: len(ch.order) == 0, client: c})
		c.joined = append(c.joined, ch)
		plain := c.server.newEvent(":" + c.mask() + " JOIN " + ch.name)
		extended := plain
		extended.body += " * :" + c.user
		for _, other := range c.server.clientsOf(ch, c) {
			if other.caps&capExtendedJoin != 0 {
				other.queue(extended)
			} else {
				other.queue(plain)
			}
		}
		if c.caps&capExtendedJoin != 0 {
			plain = extended
		}
		c.answers = append(c.answers, plain)
		if ch.topic != "" {
			c.numeric("332", ch.name+" :"+ch.topic)
		}
		c.names([]string{ch.name})
	}
}

func (c *client) part(p []string) {
	for name := range strings.SplitSeq(p[0], ",") {
		ch := c.server.channel(name)
		m := ch.members[fold(c.nick)]
		if m == nil {
			c.numeric("442", name+" :You're not on that channel")
			continue
		}
		e := c.server.newEvent(":" + c.mask() + " PART " + ch.name)
		c.answers = append(c.answers, e)
		c.server.broadcast(ch, c, e)
		ch.remove(m)
		c.joined = slices.DeleteFunc(c.joined, func(x *channel) bool { return x == ch })
	}
}

// nameLine is how long the names in one 353 may be, so that the line stays
// within 512 bytes.
const nameLine = 400

func (c *client) names(p []string) {
	ch := c.server.channel(p[0])
	start := "= " + ch.name + " :"
	var line strings.Builder
	for _, m := range ch.order {
		if line.Len() > nameLine {
			c.numeric("353", start+line.String())
			line.Reset()
		}
		if line.Len() > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(m.prefix())
		if c.caps&capUserhostInNames != 0 {
			line.WriteString(m.mask)
		} else {
			line.WriteString(m.nick)
		}
	}
	if line.Len() > 0 {
		c.numeric("353", start+line.String())
	}
	c.numeric("366", ch.name+" :End of /NAMES list.")
}

func (c *client) say(command string, p []string) {
	e := c.server.newEvent(":" + c.mask() + " " + command + " " + p[0] + " :" + p[1])
	if c.caps&capEcho != 0 {
		c.answers = append(c.answers, e)
	}
	if strings.HasPrefix(p[0], "#") {
		c.server.broadcast(c.server.channel(p[0]), c, e)
	} else if to := c.server.clients[fold(p[0])]; to != nil {
		to.queue(e)
	} else {
		c.answers = nil
		c.numeric("401", p[0]+" :No such nick/channel")
	}
}

func (c *client) setTopic(p []string) {
	ch := c.server.channel(p[0])
	if len(p) == 1 {
		c.numeric("331", ch.name+" :No topic is set")
		return
	}
	ch.topic = p[1]
	e := c.server.newEvent(":" + c.mask() + " TOPIC " + ch.name + " :" + ch.topic)
	c.answers = append(c.answers, e)
	c.server.broadcast(ch, c, e)
}

func (c *client) mode(p []string) {
	switch {
	case !strings.HasPrefix(p[0], "#"):
		c.numeric("221", "+i")
	case len(p) == 1:
		c.numeric("324", p[0]+" +nt")
	}
}

// who answers WHO and WHOX (https://ircv3.net/specs/extensions/whox).
func (c *client) who(p []string) {
	fields, token := "", ""
	if len(p) > 1 && strings.HasPrefix(p[1], "%") {
		fields, token, _ = strings.Cut(p[1][1:], ",")
	}
	for _, m := range c.server.channel(p[0]).order {
		user := strings.TrimPrefix(m.mask, m.nick+"!")
		user, host, _ := strings.Cut(user, "@")
		if fields == "" {
			c.numeric("352", p[0]+" "+user+" "+host+" "+serverName+" "+m.nick+" H"+m.prefix()+" :0 "+m.nick)
			continue
		}
		values := map[rune]string{
			't': token, 'c': p[0], 'u': user, 'i': "255.255.255.255", 'h': host, 's': serverName, 'n': m.nick,
			'f': "H" + m.prefix(), 'd': "0", 'l': "0", 'a': "0", 'o': "n/a", 'r': ":" + m.nick,
		}
		var row []string
		for _, field := range "tcuihsnfdlaor" {
			if strings.ContainsRune(fields, field) {
				row = append(row, values[field])
			}
		}
		c.numeric("354", strings.Join(row, " "))
	}
	c.numeric("315", p[0]+" :End of /WHO list.")
}

func (c *client) away(p []string) {
	if len(p) == 0 {
		c.numeric("305", ":You are no longer marked as being away")
		return
	}
	c.numeric("306", ":You have been marked as being away")
}

// leave takes the client off the server.
func (c *client) leave(reason string) {
	if c.gone {
		return
	}
	c.gone = true
	delete(c.server.conns, c)
	if c.registered {
		delete(c.server.clients, fold(c.nick))
	}
	for _, ch := range c.joined {
		if m := ch.members[fold(c.nick)]; m != nil {
			ch.remove(m)
			c.server.broadcast(ch, c, c.server.newEvent(":"+c.mask()+" QUIT :"+reason))
		}
	}
}
