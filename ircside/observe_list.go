package ircside

import (
	"cmp"
	"slices"
	"strings"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

// names is a line of the member list (RPL_NAMREPLY): us, the sort of channel,
// the channel, and nicks with the signs of their power before them. With
// userhost-in-names their user@host is behind them.
func (o *observer) names(m *line.Message) {
	if o.synced {
		return // somebody asked for it in a console
	}
	kind := m.Param(1)
	o.secret = o.secret || kind == "@" || kind == "*"
	for entry := range strings.FieldsSeq(o.decode(m.Params[len(m.Params)-1])) {
		modes, entry := signsOf(o.table, entry)
		nick, mask, _ := strings.Cut(entry, "!")
		n := o.add(nick)
		if n == nil {
			continue
		}
		n.modes = modes
		if mask != "" {
			n.userhost = bounded(mask)
		}
	}
}

// signsOf takes the signs of somebody's power from before their nick.
func signsOf(t *isupport.Table, entry string) (modes modeSet, rest string) {
	for entry != "" {
		i := strings.IndexByte(t.PrefixSigns, entry[0])
		if i < 0 {
			break
		}
		modes |= 1 << i
		entry = entry[1:]
	}
	return modes, entry
}

// namesEnd completes the member list (RPL_ENDOFNAMES) and tells all of it.
func (o *observer) namesEnd(*line.Message) {
	if o.synced {
		return
	}
	o.synced = true
	for key, old := range o.before.All() {
		if n, ok := o.members.Get(key); ok { // NAMES tells none of these
			n.away, n.status, n.userhost, n.account = old.away, old.status, cmp.Or(n.userhost, old.userhost), old.account
			n.silenced = old.silenced
		}
	}
	o.before.Clear()
	o.out = slices.Grow(o.out, 4) // members, topic, and most often one who waits for them
	o.tellMembers()
	o.tellTopic()
}

// tellMembers publishes the whole member list. Of somebody's several sessions,
// a dead one whose nick still lingers beside the new one, it lists one.
func (o *observer) tellMembers() {
	list := make([]bridge.Member, 0, o.members.Len())
	listed := map[bridge.Person]int{}
	for n := range o.members.Values() {
		now := n.presence()
		entry := bridge.Member{Person: o.person(n), Name: n.nick, Role: o.role(n), Show: now.Show, Status: now.Status}
		if n.ours != (bridge.Person{}) {
			if i, twice := listed[n.ours]; twice {
				if who, ok := o.ours(n.nick); ok && who == n.ours {
					list[i] = entry
				}
				continue
			}
			listed[n.ours] = len(list)
		}
		list = append(list, entry)
	}
	slices.SortFunc(list, func(a, b bridge.Member) int { return strings.Compare(a.Name, b.Name) })
	o.out = append(o.out, bridge.Event{Room: *o.room, At: o.now, Body: bridge.Members{Members: list, Secret: o.secret}})
}

// who is a line of the answer to our question who is away: RPL_WHOREPLY, or
// RPL_WHOSPCRPL with the fields of whoxFields. The first letter of the flags is G (gone) or H (here).
func (o *observer) who(m *line.Message) {
	user, host, nick, flags := 2, 3, 5, 6
	if m.Command == "354" {
		if string(m.Params[1]) != whoxToken || len(m.Params) < 8 {
			return
		}
		user, host, nick, flags = 3, 4, 5, 6
	}
	if len(m.Params[flags]) == 0 {
		return
	}
	n := o.member(m.Params[nick])
	if n == nil {
		return
	}
	n.userhost = bounded(m.Param(user) + "@" + m.Param(host))
	if m.Command == "354" {
		n.account = accountOf(o.decode(m.Params[7]))
	}
	gone := m.Params[flags][0] == 'G'
	if gone != n.away { // the away message isn't told; the one we know stays
		o.setAway(n, gone, "")
	}
}

const (
	whoxToken = "736" // marks our answers
	// whoxFields asks for token, channel, user, host, nick, flags and account,
	// which come in this order.
	whoxFields = "%tcuhnfa," + whoxToken
)

// topicReply is what a server tells of the topic to who joins or asks:
// RPL_NOTOPIC, RPL_TOPIC, RPL_TOPICWHOTIME. They come before the member list.
func (o *observer) topicReply(m *line.Message) {
	if o.synced {
		return
	}
	switch m.Command {
	case "331":
		o.topic = topicState{}
	case "332":
		o.topic = topicState{text: o.plain(m, 2)}
	case "333":
		setter, _, _ := strings.Cut(o.decode(m.Params[2]), "!")
		o.topic.by = setter
		o.topic.at = unixTime(m.Param(3))
	}
}

// tellTopic publishes the topic as it was found, with who set it and when. A
// server says nothing at all of an empty one.
func (o *observer) tellTopic() {
	at := o.topic.at
	if at.IsZero() {
		at = o.now
	}
	o.out = append(o.out, bridge.Event{Room: *o.room, Name: o.topic.by, At: at, Body: bridge.Topic{Text: o.topic.text}})
}

func (o *observer) topicChanged(m *line.Message) {
	by := &member{nick: o.decode(m.Nick())}
	if n := o.member(m.Nick()); n != nil {
		by = n
	}
	o.topic = topicState{text: o.plain(m, 1), by: by.nick, at: o.now}
	if o.synced {
		o.emit(by, bridge.Topic{Text: o.topic.text})
	}
}
