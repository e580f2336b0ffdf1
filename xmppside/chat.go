package xmppside

import (
	"time"

	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
)

// chat is what is known of a conversation one to one in which something was
// said lately.
type chat struct {
	// at is the occupant of a room as whom the other party was last written
	// to; zero if it was by its own address.
	at jid.JID
	// begun is the same conversation as the other party has begun it; see talks.
	begun  bridge.Room
	lines  []line // a ring
	next   int
	typing bool   // of the owner, as the other side was told
	shown  bool   // of the other party, as the owner was shown
	read   string // how far the owner has read, as the other side was told
	marked string // how far the other party has, as the owner was shown
	signal *rate.Limiter
}

// line is one message of a conversation: our id, and that of the owner's
// stanza, "" if the other party said it.
type line struct {
	ours, theirs string
	begun        bool // it was said in chat.begun
}

const (
	// maxChats bounds the conversations that are known. Of what is forgotten
	// beyond it, answers come from the other party's own address, and nobody
	// learns who types or reads until something is said again.
	maxChats = 16384
	// maxLines bounds the messages of one conversation that markers can name,
	// and maxLineID the bytes of an id of the owner's: nobody learns that
	// one with a longer id was read.
	maxLines  = 16
	maxLineID = 128
	// maxSignals is how often in a minute typing and reading is told in one
	// conversation, in both directions together.
	maxSignals = 60
)

// chatIn runs f on what is known of a conversation; nil if that is nothing,
// and it is not to be begun.
func (d *direct) chatIn(room bridge.Room, begin bool, f func(t *chat)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.chats[room]
	if t == nil && begin {
		if len(d.chats) >= maxChats {
			for forgotten := range d.chats {
				delete(d.chats, forgotten)
				break
			}
		}
		t = &chat{}
		d.chats[room] = t
	}
	f(t)
}

// said notes a message of the owner's, that they said to an occupant of a room
// (or at a zero address, to the other party's own), with the id of the stanza.
// Who says something types no more.
func (d *direct) said(room bridge.Room, at jid.JID, ours, theirs string) {
	d.types(room, false)
	if len(theirs) > maxLineID {
		theirs = ""
	}
	d.chatIn(room, true, func(t *chat) {
		t.at = at
		t.add(line{ours: ours, theirs: theirs})
	})
}

func (t *chat) add(l line) {
	if len(t.lines) < maxLines {
		t.lines = append(t.lines, l)
		return
	}
	t.lines[t.next] = l
	t.next = (t.next + 1) % maxLines
}

// line returns the message that was said n before the last, n < len(t.lines).
func (t *chat) line(n int) line {
	return t.lines[(t.next+2*len(t.lines)-1-n)%len(t.lines)]
}

// named returns what a marker of the owner's names; the zero line if that is
// not known.
func (t *chat) named(id string) line {
	for n := range t.lines {
		if l := t.line(n); l.ours == wholeID(id) || l.theirs == id && id != "" {
			return l
		}
	}
	return line{}
}

// where is the conversation in which a line was said: to it belongs what is
// told of the line.
func (t *chat) where(room bridge.Room, l line) bridge.Room {
	if l.begun {
		return t.begun
	}
	return room
}

// wrote notes a message of the other party's that comes by a conversation of
// their own, which they have begun.
func (d *direct) wrote(e bridge.Event, as, to jid.JID) {
	room, err := conversation(as, to)
	if err != nil {
		return
	}
	d.chatIn(room, true, func(t *chat) {
		t.begun, t.at, t.shown = e.Room, jid.JID{}, false
		t.add(line{ours: e.ID, begun: true})
	})
}

// theirs returns the id of the last stanza of the owner's up to our message
// read, "" if none is known.
func (t *chat) theirs(read string) string {
	found := false
	for n := range t.lines {
		l := t.line(n)
		if found = found || l.ours == read; found && l.theirs != "" {
			return l.theirs
		}
	}
	return ""
}

// allows reports whether one more signal may be told.
func (t *chat) allows() bool {
	if t.signal == nil {
		t.signal = rate.NewLimiter(rate.Limit(maxSignals)/60, maxSignals)
	}
	return t.signal.AllowN(time.Now(), 1)
}

// types tells the other side whether the owner of a conversation is typing, if
// that is news. In one in which nothing was said, nothing is told: somebody
// who only opens a window should not be noticed, nor a connection be made.
func (d *direct) types(room bridge.Room, on bool) {
	told, at := false, room
	d.chatIn(room, false, func(t *chat) {
		switch {
		case t == nil || t.typing == on:
		case !t.allows() && on:
			d.side.Counters.Signals.Add(1)
		default:
			t.typing, told, at = on, true, t.where(room, t.line(0))
		}
	})
	if told {
		d.side.core.Publish(bridge.Event{ID: bridge.NewID(), Room: at, By: room.Owner, Body: bridge.Typing{On: on}})
	}
}

// reads tells the other side how far the owner of a conversation has read: up
// to the message that a marker names.
func (d *direct) reads(room bridge.Room, named string) {
	id, at := "", room
	d.chatIn(room, false, func(t *chat) {
		if t == nil {
			return
		}
		switch l := t.named(named); {
		case l.ours == "" || l.ours == t.read:
		case !t.allows():
			d.side.Counters.Signals.Add(1)
		default:
			t.read, id, at = l.ours, l.ours, t.where(room, l)
		}
	})
	if id != "" {
		d.side.core.Publish(bridge.Event{ID: bridge.NewID(), Room: at, By: room.Owner, Body: bridge.Read{Message: id}})
	}
}

// showTyping returns what the owner is to be shown of the other party's
// typing, "" for nothing.
func (d *direct) showTyping(room bridge.Room, on bool) (content string) {
	d.chatIn(room, false, func(t *chat) {
		switch {
		case t == nil || t.shown == on:
			return
		case !t.allows() && on:
			d.side.Counters.Signals.Add(1)
			return
		}
		t.shown = on
		content = "<paused xmlns='" + nsChatStates + "'/><no-store xmlns='" + nsHints + "'/>"
		if on {
			content = "<composing xmlns='" + nsChatStates + "'/><no-store xmlns='" + nsHints + "'/>"
		}
	})
	return content
}

// showRead returns the stanza of the owner's that the other party has read
// last, "" if that is no news.
func (d *direct) showRead(room bridge.Room, read string) (theirs string) {
	d.chatIn(room, false, func(t *chat) {
		if t == nil {
			return
		}
		switch theirs = t.theirs(read); {
		case theirs == "" || theirs == t.marked:
			theirs = ""
		case !t.allows():
			d.side.Counters.Signals.Add(1)
			theirs = ""
		default:
			t.marked = theirs
		}
	})
	return theirs
}
