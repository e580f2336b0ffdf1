package ircside

import (
	"slices"
	"strings"

	"isthmus/bridge"
	"isthmus/ircside/line"
)

// maxVisitors is up to how many members a channel may have for its natives to
// be told of as visitors. In a larger one each change of the mode would be
// thousands of changes to everybody who sees it; only our own people, who must
// know whether they may speak, are told of there.
const maxVisitors = 200

// role is what n may do.
func (o *observer) role(n *member) bridge.Role {
	if n.silenced && n.modes == 0 || o.moderated && o.voiceless(n) {
		return bridge.RoleVisitor
	}
	return n.modes.role(o.table)
}

// voiceless reports whether n may only listen while the channel is moderated
// (RFC 2811 4.2.3), and is to be told of.
func (o *observer) voiceless(n *member) bool {
	return n.modes == 0 && (!o.native(n) || o.members.Len() <= maxVisitors)
}

// moderate notes whether the channel is moderated, and tells of whom that
// changes what they may do.
func (o *observer) moderate(is bool, actor string) {
	if o.moderated == is {
		return
	}
	o.moderated = is
	if !o.synced {
		return // tellMembers will
	}
	var affected []*member
	for n := range o.members.Values() {
		if o.voiceless(n) {
			affected = append(affected, n)
		}
	}
	slices.SortFunc(affected, func(a, b *member) int { return strings.Compare(a.nick, b.nick) })
	for _, n := range affected {
		o.emit(n, bridge.RoleChange{Role: o.role(n), Actor: actor})
	}
}

// modesReply is the answer to our question which modes the channel has
// (RPL_CHANNELMODEIS): us, the channel, the modes that are set.
func (o *observer) modesReply(m *line.Message) {
	o.moderate(strings.IndexByte(string(m.Params[2]), 'm') >= 0, "")
	o.stayed()
}

// askModes asks which modes a channel has.
func (c *client) askModes(ch *channel) {
	c.lock()
	defer c.unlock()
	if c.phase != phaseUp {
		return
	}
	if err := c.sess.SendLater("MODE", ch.name); err != nil {
		c.net.log.Debug("could not ask for the modes", "room", ch.room.ID, "session", c.who(), "error", err)
	}
}
