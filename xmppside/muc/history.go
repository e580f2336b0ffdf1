package muc

import (
	"errors"
	"strconv"
	"time"

	"isthmus/xmppside/wire"
)

// How many earlier messages a client is shown.
const (
	usualHistory = 20  // if it does not say
	maxHistory   = 100 // whatever it says
)

// wanted is how much of what was said before a client wants to see.
type wanted struct {
	stanzas int
	chars   int       // of XML, -1 for as many as it takes
	since   time.Time // zero for any time
}

// newWanted reads the <history/> of a join (XEP-0045 §7.2.13). What is
// malformed counts as not said: that is no reason to keep somebody out.
func newWanted(x wire.Element) wanted {
	w := wanted{stanzas: usualHistory, chars: -1}
	h, asks := x.Child(nsMUC, "history")
	if !asks {
		return w
	}
	stanzas, counted := count(h.Attr("maxstanzas"))
	if chars, ok := count(h.Attr("maxchars")); ok {
		w.chars, w.stanzas = chars, maxHistory
	}
	if seconds, ok := count(h.Attr("seconds")); ok {
		w.since, w.stanzas = time.Now().Add(-time.Duration(seconds)*time.Second), maxHistory
	}
	if at, err := time.Parse(time.RFC3339, h.Attr("since")); err == nil && at.After(w.since) { // XEP-0082
		w.since, w.stanzas = at, maxHistory
	}
	if w.since.After(time.Now().Add(-time.Second)) {
		counted, stanzas = true, 0
	}
	if counted {
		w.stanzas = min(stanzas, maxHistory)
	}
	return w
}

// count reads a number that is not negative.
func count(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	if errors.Is(err, strconv.ErrRange) {
		return 1<<31 - 1, true
	}
	return int(n), err == nil
}

// most is how many messages may be of use.
func (w wanted) most() int {
	if w.chars == 0 {
		return 0
	}
	return w.stanzas
}

// showHistory sends a client what was said before it came, as much as it wants
// of the latest, oldest first.
//
// XEP-0045 §7.2.13: "If the room sends history, it MUST mark the stanzas as
// delayed (XEP-0203). [...] The service MUST send the smallest amount of traffic
// that meets any combination of the above criteria, taking into account
// service-level and room-level defaults. [...] (where the character count is
// the characters of the complete XML stanzas, not only their XML character data)".
func (r *Room) showHistory(a arrival, history []Said) {
	history = history[max(0, len(history)-a.wants.stanzas):]
	list := make([][]byte, 0, len(history))
	for chars := 0; len(history) > 0; history = history[:len(history)-1] {
		s := history[len(history)-1]
		if s.At.Before(a.wants.since) {
			break
		}
		stanza := r.past(s, a)
		if chars += len(stanza); a.wants.chars >= 0 && chars > a.wants.chars {
			break
		}
		list = append(list, stanza)
	}
	for len(list) > 0 {
		r.send(func(b []byte) []byte {
			for start := len(b); len(list) > 0 && len(b)-start < chunk; list = list[:len(list)-1] {
				b = append(b, list[len(list)-1]...)
			}
			return b
		})
	}
}

// past is an earlier message, addressed to a client.
func (r *Room) past(s Said, a arrival) []byte {
	m := message{id: s.ID, archive: s.ID, typ: "groupchat", content: s.Content, stamp: s.At}
	r.sign(&m, s.By)
	return wire.NewTemplate(wire.Message, r.appendMessage(nil, m)).AppendTo(nil, a.jid)
}
