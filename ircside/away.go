package ircside

import (
	"isthmus/bridge"
	"isthmus/ircside/line"
)

// rplAway is what a server answers to a message for somebody who is away
// (RFC 2812 5.1): us, the nick, the away message.
const rplAway = "301"

// maxAways is how many away messages are remembered of those whom one person
// writes to.
const maxAways = 64

// toldAway takes in what the server answered to a message for a nick. That
// they are away is their presence to who watches them; others are told once
// for each away message.
func (c *client) toldAway(nick string, replies []*line.Message) {
	var now bridge.Presence
	name := nick
	for _, m := range replies {
		if len(m.Params) > 2 && c.table.CaseMapping.Equal(m.Params[1], nick) {
			name = c.net.decode(m.Params[1])
			now = bridge.Presence{Show: bridge.ShowAway, Status: bounded(plain(m, 2, c.net.decode))}
		}
	}
	if w := c.watchOf(nick); w != nil {
		c.see(w, now)
		return
	}
	p := c.extra()
	if now.Show == bridge.ShowOnline {
		delete(p.aways, nick)
		return
	}
	if known, ok := p.aways[nick]; ok && known == now.Status {
		return
	}
	if p.aways == nil || len(p.aways) >= maxAways {
		p.aways = map[string]string{}
	}
	p.aways[nick] = now.Status
	text := name + " is away."
	if now.Status != "" {
		text = name + " is away: " + now.Status
	}
	c.emit(bridge.Event{Room: c.direct(nick), Body: bridge.Info{Text: text}})
}

// awayChanged is AWAY with a message, or without one for somebody who is back
// (away-notify): of who is in a room with us or, where the server has
// extended-monitor, whom we watch. The observers of rooms see it too.
func (c *client) awayChanged(m *line.Message) bool {
	if c.watches.Load() == 0 {
		return false
	}
	var now bridge.Presence
	if status := plain(m, 0, c.net.decode); status != "" {
		now = bridge.Presence{Show: bridge.ShowAway, Status: bounded(status)}
	}
	c.lock()
	defer c.unlock()
	if c.private == nil { // evicted
		return false
	}
	if w := c.private.watches[lower(c.net.decode(m.Nick()))]; w != nil {
		c.see(w, now)
	}
	return false
}
