package ircside

import (
	"errors"
	"slices"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
)

// disguise is how far the keeper has come with RELAYMSG in one channel. It is
// under the client's lock.
type disguise struct {
	works   bool // the server has taken one here, and refused none since
	open    int  // how many are not answered
	refused time.Time
	// waiting is what must not overtake those that are open, as long as nobody
	// knows whether they have to be said in another way.
	waiting []bridge.Event
}

// refusedFor is how long RELAYMSG is not tried again where it was refused.
const refusedFor = 10 * time.Minute

// relay says for somebody what they said elsewhere.
func (c *client) relay(e bridge.Event, b bridge.Message) {
	m, ok := c.inRoom(e)
	if !ok {
		return
	}
	m.ch.speaks(e.By, e.Name)
	if m.disguise == nil {
		m.disguise = &disguise{}
	}
	d := m.disguise
	if d.open > 0 && !d.works {
		if len(d.waiting) >= keeperQueue {
			c.fail(e, c.failure(session.ErrQueueFull))
			return
		}
		d.waiting = append(d.waiting, e)
		return
	}
	sign, has := c.sess.Relaymsg()
	if has && c.net.set.Load().Relay.Relaymsg && !b.Notice && time.Since(d.refused) > refusedFor {
		c.sayDisguised(m, e, b, madeUp(e.Name, e.By.Network, sign))
		return
	}
	c.sayAttributed(m, e, b)
}

// sayAttributed says it as the keeper, with who said it before each line.
func (c *client) sayAttributed(m *membership, e bridge.Event, b bridge.Message) {
	relay := c.net.set.Load().Relay
	before := relay.attribution(e.Name, e.By.Network, b.Emote, func(word string) bool {
		if _, here := m.ch.find(word); here {
			return true
		}
		own := c.net.byNick(word)
		return own != nil && own.who() == e.By
	})
	b.Emote = false
	command := commandOf(b)
	words := pieces(b, c.nicksOf(e.Room), c.roomFor(c.sess.Nick(), command, m.ch.name)-len(before))
	for i := range words {
		words[i] = before + words[i]
	}
	if r, ok := c.speech(e, words, command, m.ch.name); ok {
		r.Flow = m.ch.name
		c.requestFor(e, r, nil)
	}
}

// sayDisguised says it by RELAYMSG. Where that is refused, it is attributed.
func (c *client) sayDisguised(m *membership, e bridge.Event, b bridge.Message, nick string) {
	words := pieces(b, c.nicksOf(e.Room), c.roomFor(nick, "PRIVMSG", m.ch.name))
	r, ok := c.speech(e, words, "RELAYMSG", m.ch.name, nick)
	if !ok {
		return
	}
	r.Flow = m.ch.name
	err := c.sess.Request(r, func(r session.Result) {
		c.lock()
		defer c.unlock()
		c.disguised(m, e, b, r)
	})
	if err != nil {
		c.fail(e, c.failure(err))
		return
	}
	m.disguise.open++
}

// disguised is how a RELAYMSG went.
func (c *client) disguised(m *membership, e bridge.Event, b bridge.Message, r session.Result) {
	d := m.disguise
	d.open--
	may, fit := refusalOf(r.Err)
	switch {
	case r.Err == nil:
		d.works = true
		c.confirm(e, r.Native)
	case may && fit:
		c.fail(e, c.failure(r.Err))
	default:
		if !may {
			d.works, d.refused = false, time.Now()
		}
		if _, in := c.inRoom(e); in {
			c.sayAttributed(m, e, b)
		}
	}
	for len(d.waiting) > 0 && (d.open == 0 || d.works) {
		next := d.waiting[0]
		d.waiting = d.waiting[1:]
		c.relay(next, next.Body.(bridge.Message))
	}
}

// refusalOf tells what is wrong if the server has not taken a RELAYMSG: that
// we may not use it (here), or that the nick does not fit. With both as they
// should be, it is the message. What is no refusal is the message's, too.
func refusalOf(err error) (may, fit bool) {
	var refused *session.ReplyError
	if !errors.As(err, &refused) {
		return true, true
	}
	switch refused.Code {
	case "PRIVS_NEEDED", "NOT_ENABLED", "UNKNOWN_COMMAND", "421", "481", "482", "972":
		return false, true
	case "INVALID_NICK", "432", "433", "573":
		return true, false
	}
	return true, true
}

// powerOfKeeper notes a change of what the keeper may do in a channel: perhaps
// it may use RELAYMSG now.
func (c *client) powerOfKeeper(m *line.Message) {
	if !c.keeper() || !slices.ContainsFunc(m.Params[2:], func(p []byte) bool { return string(p) == c.nick }) {
		return
	}
	c.lock()
	defer c.unlock()
	if room := c.room(m.Params[0]); room != nil && room.disguise != nil {
		room.disguise.refused = time.Time{}
	}
}

// relayTags are the tags by which a server says whose RELAYMSG it was (IRCv3
// relaymsg, work in progress).
var relayTags = [...]string{"draft/relaymsg", "relaymsg"}

// relayed is the nick of whose RELAYMSG it was, "" for what is none.
func relayed(m *line.Message) string {
	for _, tag := range relayTags {
		if nick, ok := m.Tag(tag); ok {
			return nick
		}
	}
	return ""
}
