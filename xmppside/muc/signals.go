package muc

import (
	"strings"
	"time"

	"golang.org/x/time/rate"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// Bounds of what is told about typing and reading. It is the first to go when
// there is much of it: nobody misses a word. What goes is counted.
const (
	maxSignalsOf = 30   // in a minute, of one user, to the owner
	maxSignals   = 6000 // stanzas in a minute, to the users of one room together
	maxReaders   = 64   // users of a room that is told how far others have read
	maxMarker    = 64   // bytes of the id that a marker names
)

// signals are a room's. Most rooms have none, and most people are quiet.
type signals struct {
	limit *rate.Limiter // of stanzas
	own   ownIDs        // of what users said
}

func (r *Room) signalled() *signals {
	if r.signals == nil {
		r.signals = &signals{limit: perMinute(maxSignals)}
	}
	return r.signals
}

// told is what the owner was told of a user.
type told struct {
	limit  *rate.Limiter
	typing bool
	read   string // how far
}

func (u *user) told() *told {
	if u.signals == nil {
		u.signals = &told{limit: perMinute(maxSignalsOf)}
	}
	return u.signals
}

func perMinute(n int) *rate.Limiter { return rate.NewLimiter(rate.Limit(n)/60, n) }

// ownIDs tell which id of ours a recent message of a user has, whose stanza
// has one of the user's making. XEP-0333 has clients name ours in a marker;
// some name the one that they see first.
type ownIDs struct {
	list []ownID
	next int
}

type ownID struct{ theirs, ours string }

// maxOwnIDs bounds those of one room. Of an older message, only the room's own
// id is understood.
const maxOwnIDs = 32

func (l *ownIDs) add(theirs, ours string) {
	switch {
	case theirs == "" || theirs == ours || len(theirs) > maxMarker:
	case len(l.list) < maxOwnIDs:
		l.list = append(l.list, ownID{theirs, ours})
	default:
		l.list[l.next] = ownID{theirs, ours}
		l.next = (l.next + 1) % maxOwnIDs
	}
}

// find returns our id for what a marker names: the newest of that id.
func (l *ownIDs) find(named string) string {
	n := len(l.list)
	for i := range n {
		if id := l.list[(l.next+n-1-i)%n]; id.theirs == named {
			return id.ours
		}
	}
	return named
}

// typingIn tells what a message says of its sender's typing (XEP-0085 §4):
// that they are (composing), or not.
func typingIn(st *wire.Stanza) (on, said bool) {
	for c := range st.Children() {
		if c.Space == nsChatStates {
			return c.Local == "composing", true
		}
	}
	return false, false
}

// readIn returns the message that a marker names as read (XEP-0333 §5).
func readIn(st *wire.Stanza) string {
	for c := range st.Children() {
		if c.Space == nsMarkers && (c.Local == "displayed" || c.Local == "acknowledged") {
			if id := c.Attr("id"); len(id) <= maxMarker {
				return strings.Clone(id)
			}
		}
	}
	return ""
}

// tellSignals tells the owner what a message to the room tells of its sender's
// typing and reading, if that is news. Who has said something types no more,
// also if their client takes that for granted.
func (r *Room) tellSignals(st *wire.Stanza, u *user, says bool) {
	on, state := typingIn(st)
	id := readIn(st)
	if u.detached || u.signals == nil && !on && id == "" {
		return
	}
	t := u.told()
	if on = on && !says; (state || says) && on != t.typing {
		// That they have stopped is always told: nobody may type for ever.
		if t.limit.Allow() || !on {
			t.typing = on
			r.tell(st.From, u.nick, Typing{On: on})
		} else {
			r.opt.LeftOut.Add(1)
		}
	}
	if id = r.signalled().own.find(id); id != "" && id != t.read {
		if t.limit.Allow() {
			t.read = id
			r.tell(st.From, u.nick, Read{ID: id})
		} else {
			r.opt.LeftOut.Add(1)
		}
	}
}

// stopTyping tells the owner, if it thinks that a user is typing, that they are
// not: the client by which they were has gone, or nobody hears of them any more.
func (r *Room) stopTyping(u *user, by jid.JID) {
	if t := u.signals; t != nil && t.typing {
		t.typing = false
		r.tell(by, u.nick, Typing{})
	}
}

// tellPrivateSignals does so for a message to an occupant. What is news, the
// owner knows: the conversation has other addresses, too.
func (r *Room) tellPrivateSignals(st *wire.Stanza, u *user, to string) {
	on, said := typingIn(st)
	id := readIn(st)
	switch {
	case !said && id == "":
	case !u.told().limit.Allow():
		r.opt.LeftOut.Add(1)
	default:
		if said {
			r.tell(st.From, u.nick, Typing{To: to, On: on})
		}
		if id != "" {
			r.tell(st.From, u.nick, Read{To: to, ID: id})
		}
	}
}

// SetTyping tells that somebody is writing something, or no longer. Who has
// said something has stopped without this.
func (r *Room) SetTyping(w Who, on bool) {
	r.locked(func() {
		o := r.find(w)
		if o == nil || o.typing == on {
			return
		}
		if on && !r.maySignal() {
			r.opt.LeftOut.Add(1)
			return
		}
		o.typing = on
		state := "<paused xmlns='" + nsChatStates + "'/>"
		if on {
			state = "<composing xmlns='" + nsChatStates + "'/>"
		}
		r.signal(o, state+nothing) // XEP-0085 §5.5, XEP-0334 §4.2
	})
}

// SetRead tells that somebody has seen what was said, up to the Said of that
// ID. Only in small rooms is that shown: clients take no notice elsewhere.
func (r *Room) SetRead(w Who, id string) {
	r.locked(func() {
		o := r.find(w)
		if o == nil {
			return
		}
		if len(r.users) > maxReaders || !r.maySignal() {
			r.opt.LeftOut.Add(1)
			return
		}
		b := append([]byte("<displayed xmlns='"+nsMarkers+"'"), " id='"...)
		r.signal(o, string(append(wire.AppendAttr(b, id), "'/>"...)))
	})
}

// maySignal reports whether every client may be sent one more stanza.
func (r *Room) maySignal() bool {
	n := 0
	for _, u := range r.users {
		n += len(u.resources)
	}
	return r.signalled().limit.AllowN(time.Now(), n)
}

// signal sends everybody what an occupant shows without a word. It has no
// stanza id of the room's: nothing can refer to it.
func (r *Room) signal(o *occupant, content string) {
	m := message{nick: o.nick, id: r.opt.NewID(), typ: "groupchat", content: content, by: &o.id}
	r.toAll(wire.Message, o.user, func(b []byte) []byte { return r.appendMessage(b, m) })
}
