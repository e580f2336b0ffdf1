package ircside

import (
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
)

const (
	// maxWatches is how many nicks one person may watch on a network.
	maxWatches = 200
	// pollInterval is between two ISON where there is no MONITOR.
	pollInterval = 30 * time.Second
	// nicksPerLine is how many bytes of nicks go into one line.
	nicksPerLine = 400
)

// watch is one nick whose coming and going somebody wants to know of. What is
// known of it lasts as long as the session.
type watch struct {
	nick string
	now  bridge.Presence // offline, while nobody knows better
	poll bool            // the server's MONITOR list has no place for it
}

// watchNick tells somebody from now on, or no more, whether a nick is there.
// It opens no session: nobody is seen from outside.
func (c *client) watchNick(e bridge.Event, b bridge.Watch) {
	p, nick := c.extra(), e.Room.ID
	switch w := p.watches[nick]; {
	case b.On && w == nil && len(p.watches) >= maxWatches:
		c.fail(e, bridge.Failure{Kind: bridge.ErrTooMany, Text: "You watch as many people as you may."})
		return
	case b.On && w == nil:
		w = &watch{nick: nick, now: bridge.Presence{Show: bridge.ShowOffline}}
		if p.watches == nil {
			p.watches = map[string]*watch{}
		}
		p.watches[nick] = w
		c.watches.Store(int32(len(p.watches)))
		c.confirm(e, "")
		c.tellWatch(w)
		if c.phase == phaseUp {
			c.sendWatches(w)
		}
	case b.On:
		c.confirm(e, "")
		c.tellWatch(w)
	default:
		delete(p.watches, nick)
		c.watches.Store(int32(len(p.watches)))
		if w != nil && !w.poll && c.phase == phaseUp {
			c.sendOrLog("MONITOR", "-", nick)
		}
		c.confirm(e, "")
	}
}

// tellWatch publishes what is known of a watched nick.
func (c *client) tellWatch(w *watch) {
	c.emit(bridge.Event{Room: c.direct(w.nick), By: c.native(w.nick), Name: w.nick, Body: w.now})
}

// allWatches is every watch there is.
func (c *client) allWatches() (all []*watch) {
	if c.private != nil {
		for _, w := range c.private.watches {
			all = append(all, w)
		}
	}
	return all
}

// sendWatches asks the server about nicks, as a standing order where it takes
// one (IRCv3 monitor).
func (c *client) sendWatches(watches ...*watch) {
	monitor := c.sess.ISupport().Monitor >= 0
	var nicks []string
	for _, w := range watches {
		if w.poll = !monitor || !isNick(w.nick, c.sess.ISupport()); !w.poll {
			nicks = append(nicks, w.nick)
		}
	}
	for _, list := range packed(nicks, ",") {
		c.sendOrLog("MONITOR", "+", list)
	}
	c.pollSoon(0)
}

func (c *client) sendOrLog(command string, params ...string) {
	if err := c.sess.Send(command, params...); err != nil {
		c.net.log.Warn("could not send", "command", command, "session", c.who(), "error", err)
	}
}

// packed joins nicks to as few texts as fit one line each.
func packed(nicks []string, by string) (lists []string) {
	var list strings.Builder
	for _, nick := range nicks {
		if list.Len() > 0 && list.Len()+len(nick) > nicksPerLine {
			lists = append(lists, list.String())
			list.Reset()
		}
		if list.Len() > 0 {
			list.WriteString(by)
		}
		list.WriteString(nick)
	}
	if list.Len() > 0 {
		lists = append(lists, list.String())
	}
	return lists
}

// monitorOnline is RPL_MONONLINE: nick!user@host, several with commas.
func (c *client) monitorOnline(m *line.Message) bool { return c.monitored(m, true) }

// monitorOffline is RPL_MONOFFLINE: nicks with commas.
func (c *client) monitorOffline(m *line.Message) bool { return c.monitored(m, false) }

func (c *client) monitored(m *line.Message, online bool) bool {
	c.lock()
	defer c.unlock()
	var came []string
	for entry := range strings.SplitSeq(c.net.decode(m.Params[1]), ",") {
		nick, _, _ := strings.Cut(entry, "!")
		if w := c.watchOf(nick); w != nil && c.setOnline(w, online) {
			came = append(came, w.nick)
		}
	}
	c.askAvailable(came)
	return true
}

// monitorFull is ERR_MONLISTFULL: limit and the nicks that have no place.
// They are polled.
func (c *client) monitorFull(m *line.Message) bool {
	c.lock()
	defer c.unlock()
	for nick := range strings.SplitSeq(c.net.decode(m.Params[2]), ",") {
		if w := c.watchOf(nick); w != nil {
			w.poll = true
		}
	}
	c.pollSoon(0)
	return true
}

// watchOf finds a watch by a nick as the server writes it.
func (c *client) watchOf(nick string) *watch {
	if c.private == nil {
		return nil
	}
	if w := c.private.watches[lower(nick)]; w != nil {
		return w
	}
	for _, w := range c.private.watches {
		if c.table.Fold(w.nick) == c.table.Fold(nick) {
			return w
		}
	}
	return nil
}

// setOnline notes whether somebody is there, however available, and reports
// whether they have just come.
func (c *client) setOnline(w *watch, online bool) (came bool) {
	var now bridge.Presence
	if !online {
		now.Show = bridge.ShowOffline
	}
	if online == (w.now.Show != bridge.ShowOffline) {
		return false
	}
	c.see(w, now)
	return online
}

// userhostNicks is how many nicks one USERHOST takes (RFC 2812 4.8).
const userhostNicks = 5

// askAvailable asks which of those who are there now are away: neither MONITOR
// nor ISON tells. The message that they left, they themselves or a 301 will.
func (c *client) askAvailable(nicks []string) {
	if len(nicks) == 0 || c.phase != phaseUp {
		return
	}
	var lines []session.Line
	for five := range slices.Chunk(nicks, userhostNicks) {
		lines = append(lines, session.Line{Command: "USERHOST", Params: five})
	}
	err := c.sess.Request(session.Request{Lines: lines, Collect: []string{"302"}}, func(r session.Result) {
		c.lock()
		defer c.unlock()
		for _, m := range r.Lines {
			c.available(m)
		}
	})
	if err != nil {
		c.net.log.Debug("could not ask who is away", "session", c.who(), "error", err)
	}
}

// available takes in RPL_USERHOST: "nick=-host" for who is away, "nick*=" for
// an operator.
func (c *client) available(m *line.Message) {
	for reply := range strings.FieldsSeq(c.net.decode([]byte(m.Last()))) {
		nick, rest, _ := strings.Cut(reply, "=")
		w := c.watchOf(strings.TrimSuffix(nick, "*"))
		if w != nil && strings.HasPrefix(rest, "-") && w.now == (bridge.Presence{}) {
			c.see(w, bridge.Presence{Show: bridge.ShowAway})
		}
	}
}

// see notes how available somebody is.
func (c *client) see(w *watch, now bridge.Presence) {
	if w.now != now {
		w.now = now
		c.tellWatch(w)
	}
}

// watchedOffline: without a session nobody is seen.
func (c *client) watchedOffline() {
	for _, w := range c.allWatches() {
		c.setOnline(w, false)
	}
	if c.private != nil && c.private.poll != nil {
		c.stopPoll()
	}
}

// pollSoon sets the timer for the next ISON, if there is anybody to ask for
// and none is set for sooner.
func (c *client) pollSoon(wait time.Duration) {
	p := c.private
	if p == nil || c.phase != phaseUp || p.poll != nil && wait > 0 {
		return
	}
	if p.poll != nil {
		c.stopPoll()
	}
	for _, w := range p.watches {
		if side := c.net.side; w.poll && side.begin() {
			p.poll = time.AfterFunc(wait, func() {
				defer side.work.Done()
				c.lock()
				defer c.unlock()
				c.pollNow()
			})
			return
		}
	}
}

func (c *client) stopPoll() {
	if c.private.poll.Stop() {
		c.net.side.work.Done()
	}
	c.private.poll = nil
}

// pollNow asks which of the watched are online (RFC 2812 4.9).
func (c *client) pollNow() {
	p := c.private
	if p == nil || c.phase != phaseUp {
		return
	}
	var asked []*watch
	var nicks []string
	for _, w := range p.watches {
		if w.poll && isNick(w.nick, c.sess.ISupport()) {
			asked, nicks = append(asked, w), append(nicks, w.nick)
		}
	}
	var lines []session.Line
	for _, list := range packed(nicks, " ") {
		lines = append(lines, session.Line{Command: "ISON", Params: []string{list}})
	}
	p.poll = nil
	if len(lines) == 0 {
		return
	}
	err := c.sess.Request(session.Request{Lines: lines, Collect: []string{"303"}}, func(r session.Result) {
		c.lock()
		defer c.unlock()
		if r.Err == nil {
			c.polled(asked, r.Lines)
		}
		c.pollSoon(pollInterval)
	})
	if err != nil {
		c.pollSoon(pollInterval)
	}
}

// polled takes in the answer to an ISON: those who are online (RPL_ISON).
func (c *client) polled(asked []*watch, lines []*line.Message) {
	online := map[*watch]bool{}
	for _, m := range lines {
		for nick := range strings.FieldsSeq(c.net.decode([]byte(m.Last()))) {
			online[c.watchOf(nick)] = true
		}
	}
	var came []string
	for _, w := range asked {
		if c.setOnline(w, online[w]) {
			came = append(came, w.nick)
		}
	}
	c.askAvailable(came)
}
