package ircside

import (
	"bytes"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/smallmap"
	"isthmus/ircside/isupport"
	"isthmus/ircside/line"
)

const (
	// maxMembers bounds the member list of one channel, and the lists of all
	// channels of a network that isn't a listed one; maxNick bounds a nick, in
	// bytes. A server that names more, or longer ones, is not believed.
	maxMembers = 50_000
	maxNick    = 200
	// maxKept bounds what is kept of an away message or a host, in bytes.
	maxKept = 400
)

// observer is what one channel looks like to the session that observes it:
// lines in, events out, and nothing else. It has no lock, clock or connection;
// channel gives it all three.
//
// It tells of natives everything, and of our own people only their power:
// whatever else happens to them, their own sessions report. To know them it
// marks them when they appear, and the mark moves with their nick, so that what
// it makes of a line depends on the lines before it alone.
type observer struct {
	room   *bridge.Room // the channel's
	table  *isupport.Table
	decode func([]byte) string
	// ours tells whose session in this channel has the nick, if any.
	ours func(nick string) (bridge.Person, bool)

	members memberList
	before  memberList // until synced: what the last observer knew
	// elsewhere is how many places other channels take; crowded counts those
	// for whom there was none.
	elsewhere, crowded int
	topic              topicState
	bans               banlist
	order              *order // what a member has just said to us, if that it was
	unsure             bool   // whether those stay who have just been banned
	silencer           string // who has just banned members of whom nothing is told yet
	synced             bool   // the member list is complete
	secret             bool   // +s or +p
	// moderated is +m. What the observer before knew counts until we are told.
	moderated bool

	typists map[*member]time.Time // natives who type, since they were last said to

	split bool           // whether the line in hand is part of a netsplit
	now   time.Time      // when it was sent
	out   []bridge.Event // what it led to
}

// memberList has members by their folded nicks.
type memberList = smallmap.Map[string, *member]

// member is one nick in the channel.
type member struct {
	nick     string
	ours     bridge.Person // whose session it is; zero for a native
	userhost string        // user@host, "" while not seen
	account  string        // that they are logged in to, as far as we were told
	status   string        // the away message
	modes    modeSet
	away     bool
	silenced bool // by a ban
}

type topicState struct {
	text, by string
	at       time.Time
}

// begin starts anew: the member list is asked for and will follow. Until its
// end nothing is told of members coming and going.
func (o *observer) begin() {
	if o.synced {
		o.before = o.members
	}
	o.members.Clear()
	o.synced, o.topic, o.secret = false, topicState{}, false
	o.typists = nil
}

// observation is a command that an observer understands, and how many
// parameters it has at least.
type observation struct {
	params int
	take   func(*observer, *line.Message)
}

var observations = map[string]observation{
	"PRIVMSG": {2, (*observer).message},
	"NOTICE":  {2, (*observer).message},
	"TAGMSG":  {1, (*observer).tagged},
	"JOIN":    {1, (*observer).join},
	"PART":    {1, (*observer).part},
	"QUIT":    {0, (*observer).quit},
	"KICK":    {2, (*observer).kick},
	"NICK":    {1, (*observer).rename},
	"MODE":    {2, (*observer).mode},
	"TOPIC":   {2, (*observer).topicChanged},
	"AWAY":    {0, (*observer).awayChanged},
	"ACCOUNT": {1, (*observer).accountChanged},
	"CHGHOST": {2, (*observer).hostChanged},
	"324":     {3, (*observer).modesReply}, // RPL_CHANNELMODEIS
	"331":     {2, (*observer).topicReply}, // RPL_NOTOPIC
	"332":     {3, (*observer).topicReply}, // RPL_TOPIC
	"333":     {3, (*observer).topicReply}, // RPL_TOPICWHOTIME
	"353":     {4, (*observer).names},      // RPL_NAMREPLY
	"366":     {2, (*observer).namesEnd},   // RPL_ENDOFNAMES
	"352":     {7, (*observer).who},        // RPL_WHOREPLY
	"354":     {6, (*observer).who},        // RPL_WHOSPCRPL
}

// feed takes in a line about the channel, or of somebody who may be in it.
// split says that it is part of a netsplit, by the server's own word.
func (o *observer) feed(m *line.Message, now time.Time, split bool) []bridge.Event {
	if known := observations[m.Command]; known.take != nil && len(m.Params) >= known.params {
		o.now, o.split, o.out = now, split, nil
		known.take(o, m)
		out := o.out
		o.out = nil // it is the caller's; a quiet channel keeps nothing
		return out
	}
	return nil
}

// emit tells of something that member n did or that happened to them.
func (o *observer) emit(n *member, body bridge.Body) {
	o.out = append(o.out, bridge.Event{Room: *o.room, By: o.person(n), Name: n.nick, At: o.now, Body: body})
}

func (o *observer) person(n *member) bridge.Person {
	if n.ours != (bridge.Person{}) {
		return n.ours
	}
	return bridge.Person{Network: o.room.Network, ID: n.nick}
}

// native reports whether n is to be told of.
func (o *observer) native(n *member) bool { return n != nil && n.ours == (bridge.Person{}) }

func (o *observer) member(nick []byte) *member {
	var buf [64]byte
	n, _ := o.members.Get(string(o.table.CaseMapping.AppendFoldBytes(buf[:0], nick)))
	return n
}

// plain is parameter i as plain text.
func (o *observer) plain(m *line.Message, i int) string { return plain(m, i, o.decode) }

// bounded keeps no more of a remote text than is worth keeping.
func bounded(s string) string {
	for i := range s {
		if i > maxKept {
			return s[:i]
		}
	}
	return s
}

// add puts a nick on the list, with our mark if it is one of ours.
func (o *observer) add(nick string) *member {
	key := o.table.Fold(nick)
	if n, ok := o.members.Get(key); ok {
		return n
	}
	if nick == "" || len(nick) > maxNick || o.members.Len()+o.elsewhere >= maxMembers {
		o.crowded++
		return nil
	}
	n := &member{nick: nick}
	if who, ok := o.ours(nick); ok {
		n.ours = who
	}
	o.members.Set(key, n)
	return n
}

func (o *observer) join(m *line.Message) {
	if o.member(m.Nick()) != nil {
		return
	}
	n := o.add(o.decode(m.Nick()))
	if n == nil {
		return
	}
	n.userhost = userhostOf(m)
	if len(m.Params) > 1 { // extended-join
		n.account = accountOf(o.decode(m.Params[1]))
	}
	switch {
	case !o.synced:
	case o.native(n):
		o.emit(n, bridge.Join{Role: o.role(n)})
	case o.moderated: // their own session may not know
		o.emit(n, bridge.RoleChange{Role: o.role(n)})
	}
}

func (o *observer) part(m *line.Message) {
	o.gone(o.member(m.Nick()), bridge.Leave{Cause: bridge.CausePart, Reason: o.plain(m, 1)})
}

func (o *observer) quit(m *line.Message) {
	if n := o.member(m.Nick()); n != nil {
		o.gone(n, quitOf(o.plain(m, 0), o.split))
	}
}

// gone takes n, if any, off the list.
func (o *observer) gone(n *member, how bridge.Leave) {
	if n == nil {
		return
	}
	if how.Cause != bridge.CauseSplit {
		how = o.banned(n, how)
		o.bans.gone(leaver{n.identity(), o.person(n), o.now, how.Cause == bridge.CauseBan})
	}
	o.members.Delete(o.table.Fold(n.nick))
	o.forgetTypist(n)
	if o.synced && o.native(n) {
		o.emit(n, how)
	}
}

func (o *observer) kick(m *line.Message) {
	n := o.member(m.Params[1])
	if n == nil {
		return
	}
	o.gone(n, bridge.Leave{Cause: bridge.CauseKick, Reason: o.plain(m, 2), Actor: o.decode(m.Nick())})
}

func (o *observer) rename(m *line.Message) {
	n := o.member(m.Nick())
	if n == nil || len(m.Params[0]) == 0 {
		return
	}
	from, to := *n, o.decode(m.Params[0])
	o.members.Delete(o.table.Fold(n.nick))
	o.gone(o.member(m.Params[0]), bridge.Leave{}) // a nick that we had missed the end of
	n.nick = to
	o.members.Set(o.table.Fold(to), n)
	if o.native(n) {
		o.bans.renamed(o.person(&from), o.person(n))
	}
	if o.synced && o.native(n) {
		o.emit(&from, bridge.Rename{To: to, Person: o.person(n)})
	}
	if n.silenced {
		o.weigh([]*member{n}, "")
	}
}

// awayChanged is AWAY with a message, or without one for somebody who is back
// (away-notify).
func (o *observer) awayChanged(m *line.Message) {
	if n := o.member(m.Nick()); n != nil {
		status := o.plain(m, 0)
		o.setAway(n, status != "", status)
	}
}

func (o *observer) setAway(n *member, is bool, status string) {
	if n.away == is && n.status == status {
		return
	}
	n.away, n.status = is, ""
	if is {
		n.status = bounded(status)
	}
	if o.synced && o.native(n) {
		o.emit(n, n.presence())
	}
}

func (n *member) presence() bridge.Presence {
	if n.away {
		return bridge.Presence{Show: bridge.ShowAway, Status: n.status}
	}
	return bridge.Presence{}
}

// hostChanged is a user and host of somebody (chghost).
func (o *observer) hostChanged(m *line.Message) {
	if n := o.member(m.Nick()); n != nil {
		n.userhost = bounded(m.Param(0) + "@" + m.Param(1))
	}
}

// accountChanged is that somebody has logged in, or out: * (account-notify).
func (o *observer) accountChanged(m *line.Message) {
	if n := o.member(m.Nick()); n != nil {
		n.account = accountOf(o.decode(m.Params[0]))
	}
}

// accountOf is an account as lines have it: "*" (extended-join) and "0" (WHOX)
// stand for none.
func accountOf(s string) string {
	if s == "*" || s == "0" {
		return ""
	}
	return bounded(s)
}

// userhostOf is user@host of who a line is from, "" where it doesn't say.
func userhostOf(m *line.Message) string {
	if _, mask, ok := bytes.Cut(m.Source, []byte{'!'}); ok {
		return bounded(string(mask))
	}
	return ""
}

// claim corrects the list when it turns out that a nick on it is one of ours
// who changed their nick while they were out of sight: the native that they
// were taken for goes.
func (o *observer) claim(nick string, who bridge.Person, now time.Time) []bridge.Event {
	o.now, o.out = now, nil
	if n := o.member([]byte(nick)); o.native(n) {
		if o.synced {
			o.emit(n, bridge.Leave{})
		}
		n.ours = who
	}
	return o.out
}
