package ircside

import (
	"bytes"
	"slices"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
)

// What stands for the number of a parameter in route.channel.
const (
	everywhere = -1 // every channel that the line's source is in
	nowhere    = -2 // none: it is the session's alone
)

// route says what becomes of a command.
type route struct {
	params  int // at least; fewer are counted as malformed
	channel int // which parameter names the channel, for its observer
	// own handles what concerns this session itself. It reports true when the
	// observer must not see the line.
	own func(*client, *line.Message) bool
}

// routes is every command that means something here. What is in none goes to
// the console if somebody asked there, else nowhere.
var routes map[string]route

func init() { // the handlers refer to it
	routes = map[string]route{
		"PRIVMSG": {2, 0, (*client).addressed},
		"NOTICE":  {2, 0, (*client).addressed},
		"TAGMSG":  {1, 0, (*client).tagged},
		"JOIN":    {1, 0, (*client).ownJoin},
		"PART":    {1, 0, (*client).ownPart},
		"KICK":    {2, 0, (*client).ownKick},
		"NICK":    {1, everywhere, (*client).ownNick},
		"QUIT":    {0, everywhere, (*client).freed},
		"AWAY":    {0, everywhere, (*client).awayChanged},
		"ACCOUNT": {1, everywhere, nil},
		"CHGHOST": {2, everywhere, nil},
		"MODE":    {2, 0, (*client).ownMode},
		"TOPIC":   {2, 0, nil},
		"INVITE":  {2, nowhere, (*client).invited},
		"324":     {3, 1, (*client).answer},               // RPL_CHANNELMODEIS
		"331":     {2, 1, (*client).answer},               // RPL_NOTOPIC
		"332":     {3, 1, (*client).answer},               // RPL_TOPIC
		"333":     {3, 1, (*client).answer},               // RPL_TOPICWHOTIME
		"352":     {7, 1, (*client).answer},               // RPL_WHOREPLY
		"353":     {4, 2, (*client).answer},               // RPL_NAMREPLY
		"354":     {6, 2, (*client).answer},               // RPL_WHOSPCRPL
		"366":     {2, 1, (*client).answer},               // RPL_ENDOFNAMES
		"730":     {2, nowhere, (*client).monitorOnline},  // RPL_MONONLINE
		"731":     {2, nowhere, (*client).monitorOffline}, // RPL_MONOFFLINE
		"734":     {3, nowhere, (*client).monitorFull},    // ERR_MONLISTFULL
	}
}

// Line implements session.Handler. Most lines are what somebody else's
// session observes already: those end here, before anything is looked up,
// locked or copied.
func (c *client) Line(m *line.Message, b *session.Batch) {
	r, ok := routes[m.Command]
	if !ok {
		c.answer(m)
		return
	}
	if c.nick == "" && m.Command != "NOTICE" {
		return // not registered: nothing else can mean anything yet
	}
	if len(m.Params) < r.params {
		c.net.side.Counters.Malformed.Add(1)
		return
	}
	if r.own != nil && r.own(c, m) || r.channel == nowhere {
		return
	}
	watched := c.watched.Load()
	if watched == nil {
		return
	}
	split := b != nil && b.Type == "netsplit"
	if r.channel == everywhere {
		for _, ch := range *watched {
			c.observe(ch, m, split)
		}
		return
	}
	for _, ch := range *watched {
		if c.table.CaseMapping.Equal(m.Params[r.channel], ch.name) {
			c.observe(ch, m, split)
			return
		}
	}
}

// observe hands a line to the observer of a channel and publishes what it led to.
func (c *client) observe(ch *channel, m *line.Message, split bool) {
	events, ask := ch.feed(c, m, sentAt(m, time.Now()), split)
	for _, e := range events {
		c.net.side.core.Publish(e)
	}
	if ask&askNames != 0 {
		c.askNames(ch)
	}
	if ask&askModes != 0 {
		c.askModes(ch)
	}
	if ask&askWho != 0 {
		c.askWho(ch)
	}
	if ask&toObey != 0 {
		if o, ok := ch.takeOrder(); ok {
			c.obey(ch, o)
		}
	}
}

// mine reports whether the session itself is the source of a line.
func (c *client) mine(m *line.Message) bool {
	return c.nick != "" && len(m.Source) >= len(c.nick) && string(m.Nick()) == c.nick
}

// ownJoin: we are in a channel.
func (c *client) ownJoin(m *line.Message) bool {
	if !c.mine(m) {
		return false
	}
	c.lock()
	defer c.unlock()
	room := c.room(m.Params[0])
	if room == nil {
		if c.looking == "" || !c.table.CaseMapping.Equal(m.Params[0], c.looking) {
			c.forcedJoin(m)
		}
		return true
	}
	if room.parts > 0 || room.joined {
		return false
	}
	room.joined = true
	var fact bridge.Event
	switch {
	case !room.known:
		fact = c.joinedFact(room)
	default:
		if room.name != c.nick {
			c.emit(bridge.Event{Room: room.ch.room, By: c.who(), Name: room.name, Body: bridge.Rename{To: c.nick, Person: c.who()}})
		}
		if room.asked != "" { // joined once more while the session was down
			c.confirm(bridge.Event{ID: room.asked, Room: room.ch.room, By: c.who()}, "")
		}
		room.asked, room.lost, room.name = "", false, c.nick
		fact = bridge.Event{Room: room.ch.room, By: c.who(), Name: c.nick, Body: bridge.Attachment{
			Attached: true, Text: "Connected to " + c.net.name + " again."}}
	}
	c.events = append(c.events, room.ch.attach(room, c.table, fact)...)
	return false
}

// forcedJoin leaves a channel that the server put us in: nobody is there to
// hear what is said, and its person shall know that they are named in it.
func (c *client) forcedJoin(m *line.Message) {
	c.net.side.Counters.Forced.Add(1)
	name := c.net.decode(m.Params[0])
	if c.phase != phaseUp {
		return
	}
	if err := c.sess.Send("PART", string(m.Params[0])); err != nil {
		c.net.log.Warn("could not leave", "room", name, "session", c.who(), "error", err)
	}
	c.emit(bridge.Event{Room: c.console(), Body: bridge.Info{
		Text: c.net.name + " moved you into " + name + ". You have left it; join it yourself to stay there."}})
}

// ownPart: we left, or were made to (SAPART, REMOVE).
func (c *client) ownPart(m *line.Message) bool {
	if !c.mine(m) {
		return false
	}
	c.lock()
	defer c.unlock()
	room := c.room(m.Params[0])
	if room == nil {
		return false
	}
	c.out(room, bridge.Leave{Cause: bridge.CausePart, Reason: plain(m, 1, c.net.decode)})
	return true
}

// ownMode: a ban, which a kick of ours may complete before the channel's
// observer has heard of it; or power of the keeper's.
func (c *client) ownMode(m *line.Message) bool {
	c.powerOfKeeper(m)
	if bytes.IndexByte(m.Params[1], 'b') < 0 {
		return false
	}
	c.lock()
	defer c.unlock()
	if room := c.room(m.Params[0]); room != nil {
		room.ch.noteBans(m)
	}
	return false
}

func (ch *channel) noteBans(m *line.Message) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.obs != nil && ch.watcher != nil {
		ch.obs.noteBans(m, time.Now())
	}
}

// ownKick: we were thrown out.
func (c *client) ownKick(m *line.Message) bool {
	if string(m.Params[1]) != c.nick {
		return false
	}
	c.lock()
	defer c.unlock()
	room := c.room(m.Params[0])
	if room == nil {
		return false
	}
	actor := c.net.decode(m.Nick())
	how := bridge.Leave{Cause: bridge.CauseKick, Reason: plain(m, 2, c.net.decode), Actor: actor}
	if room.ch.bannedAlone(room, c.identity()) { // the observer may have taken the nick off its list already
		how.Cause = bridge.CauseBan
	}
	c.out(room, how)
	return true
}

// out is somebody's end in a room by the server's word: as the core wished, or
// against their will.
func (c *client) out(room *membership, how bridge.Leave) {
	c.detach(room)
	switch {
	case room.known:
		c.answerJoin(room, thrownOut(how))
		c.left(room, how)
		c.drop(room)
	case room.asked != "" && room.parts == 0: // before the member list was complete
		c.refuse(room, thrownOut(how))
	default:
		c.dropIfLeft(room)
	}
}

// thrownOut is why a Join fails of somebody who was let in and thrown out.
func thrownOut(how bridge.Leave) bridge.Failure {
	f := bridge.Failure{Kind: bridge.ErrPolicy, Text: "You were thrown out of the room."}
	if how.Cause == bridge.CauseBan {
		f.Kind = bridge.ErrBanned
	}
	if how.Reason != "" {
		f.Text += " " + how.Reason
	}
	return f
}

// ownNick: we have another nick, because we asked for it or by the server's
// will (SANICK, services).
func (c *client) ownNick(m *line.Message) bool {
	if !c.mine(m) {
		return c.freed(m)
	}
	c.regain.Store(nil)
	if len(m.Params[0]) == 0 {
		c.net.side.Counters.Malformed.Add(1)
		return true
	}
	c.lock()
	defer c.unlock()
	from := c.nick
	c.nick = c.net.decode(m.Params[0])
	c.net.setNick(c, from, c.nick)
	if c.becoming != nil {
		c.become(*c.becoming)
	}
	for _, room := range c.rooms {
		if !room.joined || !room.known {
			continue
		}
		from := room.name
		if room.name = c.nick; from == c.nick { // told already, by become
			continue
		}
		mistaken, untold := room.ch.rename(room, c.nick)
		c.events = append(c.events, mistaken...)
		if !untold {
			c.emit(bridge.Event{Room: room.ch.room, By: c.who(), Name: from, Body: bridge.Rename{To: c.nick, Person: c.who()}})
		}
	}
	return false
}

// invited tells somebody, in the console, that they are invited to a channel.
// With invite-notify we also hear of others' invitations; those are ignored.
func (c *client) invited(m *line.Message) bool {
	if string(m.Params[0]) != c.nick {
		return true
	}
	if c.who() == bridge.Keeper {
		channel, nick := c.net.decode(m.Params[1]), c.net.decode(m.Nick())
		if _, ok := c.net.letsIn(channel); ok {
			if c.net.heard() {
				c.net.callKeeper(channel, nick)
			}
		} else {
			c.judge(order{word: wordBridge, channel: channel, nick: nick, invited: true})
		}
		return true
	}
	c.net.side.core.Publish(bridge.Event{Room: c.console(), Body: bridge.Info{
		Text: c.net.decode(m.Nick()) + " invites you to " + c.net.decode(m.Params[1]) + "."}})
	return true
}

// identity is what bans see of the session.
func (c *client) identity() identity {
	if c.sess == nil {
		return identity{nick: c.nick}
	}
	return identity{c.sess.Nick(), c.sess.Userhost(), c.sess.Account()}
}

// has reports whether somebody is on the way into or in the room of m.
func (c *client) has(m *membership) bool { return slices.Contains(c.rooms, m) }
