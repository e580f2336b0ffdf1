package muc

import (
	"strings"
	"time"

	"golang.org/x/time/rate"

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

// allows takes n of what there may be in a minute, or nothing if that is too
// much. The bucket is made when it is first needed: most people are quiet.
func allows(bucket **rate.Limiter, n, minute int) bool {
	if *bucket == nil {
		*bucket = rate.NewLimiter(rate.Limit(minute)/60, minute)
	}
	return (*bucket).AllowN(time.Now(), n)
}

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
	if u.detached {
		return
	}
	if on, told := typingIn(st); (told || says) && (on && !says) != u.typing {
		on = on && !says
		// That they have stopped is always told: nobody may type for ever.
		if allows(&u.signals, 1, maxSignalsOf) || !on {
			u.typing = on
			r.tell(st.From, u.nick, Typing{On: on})
		} else {
			r.opt.LeftOut.Add(1)
		}
	}
	if id := r.own.find(readIn(st)); id != "" && id != u.read {
		if allows(&u.signals, 1, maxSignalsOf) {
			u.read = id
			r.tell(st.From, u.nick, Read{ID: u.read})
		} else {
			r.opt.LeftOut.Add(1)
		}
	}
}

// tellPrivateSignals does so for a message to an occupant. What is news, the
// owner knows: the conversation has other addresses, too.
func (r *Room) tellPrivateSignals(st *wire.Stanza, u *user, to string) {
	on, said := typingIn(st)
	id := readIn(st)
	switch {
	case !said && id == "":
	case !allows(&u.signals, 1, maxSignalsOf):
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
		if on && !allows(&r.signals, r.listeners(), maxSignals) {
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
		if len(r.users) > maxReaders || !allows(&r.signals, r.listeners(), maxSignals) {
			r.opt.LeftOut.Add(1)
			return
		}
		b := append([]byte("<displayed xmlns='"+nsMarkers+"'"), " id='"...)
		r.signal(o, string(append(wire.AppendAttr(b, id), "'/>"...)))
	})
}

// listeners counts the clients.
func (r *Room) listeners() (n int) {
	for _, u := range r.users {
		n += len(u.resources)
	}
	return n
}

// signal sends everybody what an occupant shows without a word. It has no
// stanza id of the room's: nothing can refer to it.
func (r *Room) signal(o *occupant, content string) {
	m := message{nick: o.nick, id: r.opt.NewID(), typ: "groupchat", content: content, by: &o.id}
	r.toAll(wire.Message, o.user, func(b []byte) []byte { return r.appendMessage(b, m) })
}
