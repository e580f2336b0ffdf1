package ircside

import (
	"unicode/utf8"

	"isthmus/ircside/line"
)

// noteNick notes what the nick that a new session has got tells: how nicks are
// here, and whether somebody else has the one that was wished for.
func (c *client) noteNick() {
	c.net.nickLen.Store(int32(c.table.NickLen))
	name := nickFrom(c.nickWished())
	if !ascii(name) && c.nick == shortened(plainNick(name), c.table.NickLen) {
		c.net.plain.Store(true)
	}
	wished := c.nickFor(name)
	if c.nick == wished {
		c.regain.Store(nil)
	} else {
		c.regain.Store(&wished)
	}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// freed takes the nick that was wished for when whoever had it is seen to give
// it up: most often a dead session of the same person.
func (c *client) freed(m *line.Message) bool {
	wished := c.regain.Load()
	if wished == nil || !c.table.CaseMapping.Equal(m.Nick(), *wished) {
		return false
	}
	c.lock()
	defer c.unlock()
	if c.phase == phaseUp {
		c.sendOrLog("NICK", *wished)
	}
	return false
}
