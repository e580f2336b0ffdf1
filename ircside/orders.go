package ircside

import (
	"strings"
	"time"

	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
)

// What operators of a channel can say to us, in it or to the Keeper.
const (
	wordBridge   = "!bridge"
	wordUnbridge = "!unbridge"
)

const (
	// ordersBurst and ordersInterval bound what we do and answer on a network
	// for people who say these words. It is no bound for an operator's
	// "!unbridge" in the channel itself.
	ordersBurst    = 5
	ordersInterval = 10 * time.Second
)

// order is somebody's wish that we be in a channel, or not.
type order struct {
	word    string
	rest    string // what was said behind the word
	channel string
	nick    string
	invited bool // they called the Keeper in with INVITE

	// What is known of them.
	op      bool // that role is what they have there
	role    bridge.Role
	account string // "" for none, or not known
	asked   bool   // the server has been asked who they are
}

// may reports whether their power in the channel is enough: whoever may throw
// people out may throw us out, but only an operator lets us in.
func (o order) may() bool {
	if o.word == wordBridge {
		return o.op && o.role >= bridge.RoleModerator
	}
	return o.op && o.role >= bridge.RoleHalfOp
}

// wordOf is the word, if it is one, that a line of text begins with, and what
// stands behind it.
func wordOf(text string) (word, rest string) {
	word, rest, _ = strings.Cut(strings.TrimSpace(text), " ")
	switch word = strings.ToLower(word); word {
	case wordBridge, wordUnbridge, wordKick, wordBan, wordUnban:
		return word, strings.TrimSpace(rest)
	}
	return "", ""
}

// ordered notes what a member says to us in the channel.
func (o *observer) ordered(n *member, text string, m *line.Message) {
	word, rest := wordOf(text)
	ours := word == wordBridge || word == wordUnbridge // the others are of whoever knows whom they name
	if word == "" || ours != (rest == "") || !o.synced || !ours && !(order{op: true, role: n.modes.role(o.table)}).may() {
		return
	}
	account := n.account
	if tag, ok := m.Tag("account"); ok {
		account = bounded(tag)
	}
	o.order = &order{word: word, rest: rest, nick: n.nick, op: true, role: n.modes.role(o.table), account: account}
}

// obey does what somebody has said in a channel that this session observes.
func (c *client) obey(ch *channel, o order) {
	o.channel = ch.name
	switch {
	case o.may() && o.word == wordUnbridge:
		c.net.unbridge(o)
	case o.rest != "":
		c.judgeVoice(ch, o)
	case !c.net.heard():
	case o.may():
		c.allow(o)
	default:
		c.net.answer(o.nick, "Only an operator of "+ch.name+" can say that.")
	}
}

// obeySelf is that one of ours says it, who may be an operator as well.
func (c *client) obeySelf(m *membership, text string) {
	word, rest := wordOf(text)
	if word != wordUnbridge || rest != "" {
		return
	}
	n, ok := m.ch.find(c.sess.Nick())
	o := order{word: word, channel: m.ch.name, nick: n.nick, op: ok, role: n.modes.role(c.sess.ISupport()), account: c.sess.Account()}
	if o.may() {
		c.after = append(c.after, func() { c.net.unbridge(o) })
	}
}

// heard reports whether one more who is nobody in particular may have us do or
// answer something.
func (n *network) heard() bool {
	if n.orders.Allow() {
		return true
	}
	n.side.Counters.Unanswered.Add(1)
	return false
}

// notice is an answer that waits for the Keeper.
type notice struct{ nick, text string }

// maxNotices is how many may.
const maxNotices = 5

// answer has the Keeper tell somebody how it went; nobody else of ours says what
// they did not write. Where it is on its way to the network it tells them then.
func (n *network) answer(nick, text string) {
	c := n.lockClient(bridge.Keeper, false)
	if c == nil {
		n.side.Counters.Unanswered.Add(1)
		return
	}
	defer c.unlock()
	p := c.extra()
	if len(p.notices) >= maxNotices {
		n.side.Counters.Unanswered.Add(1)
		return
	}
	p.notices = append(p.notices, notice{nick, text})
	c.sendNotices()
}

func (c *client) sendNotices() {
	if c.phase != phaseUp || c.private == nil {
		return
	}
	for _, n := range c.private.notices {
		if err := c.sess.Send("NOTICE", n.nick, reasonOf(n.text, 0)); err != nil {
			c.net.side.Counters.Unanswered.Add(1)
		}
	}
	c.private.notices = nil
}

// consent is the order as a word to remember.
func (n *network) consent(o order, allowed bool) Consent {
	return Consent{Room: bridge.Room{Network: n.name, ID: o.channel}, Allowed: allowed, By: o.nick, Account: o.account, At: time.Now().UTC().Truncate(time.Second)}
}

// unbridge takes all of ours out of a channel, and keeps them out. It is called
// without any lock.
func (n *network) unbridge(o order) {
	said := n.consent(o, false)
	_ = n.side.ledger.note(said) // there is always place for this
	n.log.Info("a channel's operator wants no bridge", "room", o.channel, "nick", o.nick, "account", o.account)
	why, _ := n.letsIn(o.channel)
	how := bridge.Leave{Cause: bridge.CausePart, Reason: o.nick + " said !unbridge: the bridge leaves this channel."}
	n.mu.Lock()
	ch := n.channels[n.mapping.Fold(o.channel)]
	n.mu.Unlock()
	if ch != nil {
		for _, m := range ch.everybody() {
			m.client.lock()
			m.client.dismiss(m, how, why)
			m.client.unlock()
		}
	}
	n.stand()
	n.keep(said, o.nick, o.channel+" is not bridged any more, and will not be again unless an operator says so: "+n.howToAllow(o.channel))
}

// keep has a word kept, and then tells who said it.
func (n *network) keep(said Consent, nick, text string) {
	write := func() {
		if err := n.side.ledger.keep(channelKey(said.Room.Network, said.Room.ID)); err != nil {
			text += " (It can't be written down at the moment, though, and is forgotten if I am restarted before it can.)"
		}
		n.answer(nick, text)
	}
	if !n.side.begin() {
		write() // Run waits for the session that has brought it
		return
	}
	go func() {
		defer n.side.work.Done()
		write()
	}()
}

// everybody is all of ours who are in the channel or on their way.
func (ch *channel) everybody() []*membership {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return append([]*membership(nil), ch.ours...)
}

// dismiss takes somebody out of a channel that we may not be in any more.
func (c *client) dismiss(m *membership, how bridge.Leave, why bridge.Failure) {
	if !c.has(m) {
		return
	}
	c.answerJoin(m, why)
	if m.known {
		c.left(m, how)
	}
	c.exit(m, how.Reason)
}

// allow lets us into a channel if who says so is logged in to an account,
// which is asked for if it isn't known.
func (c *client) allow(o order) {
	switch {
	case o.account != "" || !c.needsAccount():
		c.allowed(o)
	case o.asked:
		c.net.answer(o.nick, "Log in to your account first, please: who lets a bridge into a channel should be known.")
	default:
		c.askAbout(o, c.allow)
	}
}

func (c *client) allowed(o order) {
	said := c.net.consent(o, true)
	if err := c.net.side.ledger.note(said); err != nil {
		c.net.answer(o.nick, "That can't be remembered: "+err.Error()+".")
		return
	}
	c.net.log.Info("a channel's operator lets us in", "room", o.channel, "nick", o.nick, "account", o.account)
	c.net.callKeeper(o.channel, o.nick)
	c.net.keep(said, o.nick, "Thank you. "+o.channel+" may be bridged. To end that at once, say !unbridge in it.")
}

// callKeeper tells the core that the Keeper, if it waits for that, may come
// into a channel now that is mapped.
func (n *network) callKeeper(channel, nick string) {
	for _, mapped := range n.set.Load().Mapped {
		if channelKey("", mapped) == channelKey("", channel) {
			n.side.core.Publish(bridge.Event{Room: bridge.Room{Network: n.name, ID: mapped}, By: bridge.Person{Network: n.name, ID: nick}, Name: nick,
				Body: bridge.Invite{Person: bridge.Keeper}})
		}
	}
}

// needsAccount reports whether the network has accounts, as far as one can tell.
func (c *client) needsAccount() bool {
	c.lock()
	defer c.unlock()
	return c.sess != nil && (c.sess.HasAccounts() || c.sess.ISupport().WHOX)
}

// askAbout asks the server who somebody is: their account and, unless we see it
// ourselves, what power they have in the channel. then is called without locks.
func (c *client) askAbout(o order, then func(order)) {
	c.lock()
	defer c.unlock()
	if c.phase != phaseUp || !isNick(o.nick, c.sess.ISupport()) {
		return
	}
	whois := session.Request{Lines: []session.Line{{Command: "WHOIS", Params: []string{o.nick}}}, Collect: []string{"307", "319", "330", "318"}, End: endings["WHOIS"]}
	err := c.sess.Request(whois, func(r session.Result) {
		for _, m := range r.Lines {
			c.learnOf(&o, m)
		}
		o.asked = true
		then(o)
	})
	if err != nil {
		c.net.side.Counters.Unanswered.Add(1)
	}
}

// learnOf takes in a reply to WHOIS: RPL_WHOISACCOUNT, RPL_WHOISREGNICK or
// RPL_WHOISCHANNELS, where the signs of somebody's power, and on some servers
// others, stand before each channel.
func (c *client) learnOf(o *order, m *line.Message) {
	if len(m.Params) < 3 || !c.table.CaseMapping.Equal(m.Params[1], o.nick) {
		return
	}
	switch m.Command {
	case "330":
		o.account = bounded(c.net.decode(m.Params[2]))
	case "307":
		if o.account == "" {
			o.account = o.nick
		}
	case "319":
		if o.op {
			return
		}
		for entry := range strings.FieldsSeq(c.net.decode(m.Params[2])) {
			at := strings.IndexAny(entry, c.table.ChanTypes)
			if at < 0 || c.table.Fold(entry[at:]) != c.table.Fold(o.channel) {
				continue
			}
			var modes modeSet
			for i := range at {
				if k := strings.IndexByte(c.table.PrefixSigns, entry[i]); k >= 0 {
					modes |= 1 << k
				}
			}
			o.op, o.role = true, modes.role(c.table)
		}
	}
}

// commanded is what somebody says to the Keeper in private.
func (c *client) commanded(nick, text string) {
	word, channel := wordOf(text)
	if word != wordBridge && word != wordUnbridge || !isChannelName(channel) {
		if c.net.heard() {
			c.net.answer(nick, "I am a bridge to other networks. Operators of a channel can say !unbridge there to be rid of me, or here: !unbridge #channel, !bridge #channel.")
		}
		return
	}
	c.judge(order{word: word, channel: channel, nick: nick})
}

// judge finds out what somebody may order whom we don't hear in the channel.
func (c *client) judge(o order) {
	if !c.net.heard() {
		return
	}
	c.net.mu.Lock()
	ch := c.net.channels[c.net.mapping.Fold(o.channel)]
	c.net.mu.Unlock()
	if ch != nil {
		if n, ok := ch.find(o.nick); ok && ch.observed() {
			o.op, o.role, o.account = true, n.modes.role(c.table), n.account
		}
	}
	c.askAbout(o, func(o order) {
		switch {
		case !o.may() && o.op:
			c.net.answer(o.nick, "Only an operator of "+o.channel+" can say that.")
		case !o.may():
			c.unseen(o)
		case o.word == wordUnbridge:
			c.net.unbridge(o)
		default:
			c.allow(o)
		}
	})
}

// observed reports whether the channel's member list is known now.
func (ch *channel) observed() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.obs != nil && ch.watcher != nil && ch.obs.synced
}

// unseen is about somebody of whom the server doesn't tell that they are in the
// channel: it may be secret. Who has called us in is looked for there.
func (c *client) unseen(o order) {
	if !o.invited {
		c.net.answer(o.nick, "I can't see that you are an operator of "+o.channel+". If it is secret, /invite me from it.")
		return
	}
	c.lock()
	defer c.unlock()
	if c.phase != phaseUp || c.looking != "" || c.room([]byte(o.channel)) != nil || !isChannelName(o.channel) || !c.net.mayLook(o.channel) {
		c.net.side.Counters.Unanswered.Add(1)
		return
	}
	c.looking = o.channel
	look := session.Request{Lines: []session.Line{{Command: "JOIN", Params: []string{o.channel}}}, Collect: []string{"353", "366"}, Spare: true}
	if err := c.sess.Request(look, func(r session.Result) { c.looked(o, r) }); err != nil {
		c.looking = ""
	}
}

const (
	// looksBurst and looksInterval bound how often the Keeper comes into a
	// channel to look, since any member of it can call it there.
	looksBurst    = 3
	looksInterval = 20 * time.Minute
	// maxLooks is how many channels that is kept of.
	maxLooks = 100
)

// mayLook reports whether the Keeper may look into a channel once more.
func (n *network) mayLook(channel string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := n.mapping.Fold(channel)
	if n.looks == nil || len(n.looks) >= maxLooks && n.looks[key] == nil {
		n.looks = map[string]*rate.Limiter{}
	}
	if n.looks[key] == nil {
		n.looks[key] = rate.NewLimiter(rate.Every(looksInterval), looksBurst)
	}
	return n.looks[key].Allow()
}

// looked is what the Keeper has seen in a channel that it was called into.
func (c *client) looked(o order, r session.Result) {
	c.lock()
	c.looking = ""
	if r.Err == nil && c.phase == phaseUp {
		c.sendOrLog("PART", o.channel, "I looked whether it was an operator who called me.")
	}
	c.unlock()
	for _, m := range r.Lines {
		if m.Command != "353" {
			continue
		}
		for entry := range strings.FieldsSeq(c.net.decode([]byte(m.Last()))) {
			modes, name := signsOf(c.table, entry)
			nick, _, _ := strings.Cut(name, "!")
			if c.table.Fold(nick) == c.table.Fold(o.nick) {
				o.op, o.role = true, modes.role(c.table)
			}
		}
	}
	if !o.may() {
		c.net.answer(o.nick, "Only an operator of "+o.channel+" can let me in.")
		return
	}
	c.allow(o)
}
