package ircside

import (
	"slices"
	"strings"

	"isthmus/bridge"
)

// lodger is somebody of the gateway's users in a channel without a session of
// their own, as GatewayRelay has it: the keeper is there for them, hears what
// they are to see, and says what they say.
type lodger struct {
	who   bridge.Person
	name  string
	asked string // ID of the Join that waits for an answer
	known bool   // the core has been told that they are in
	lost  bool   // the core has been told that they can't hear
}

// maxLodgers is how many may be in one channel.
const maxLodgers = 1000

// lodges reports whether what somebody wants is done for them by the keeper.
func (n *network) lodges(who bridge.Person, e bridge.Event) bool {
	if who == bridge.Keeper || origin(who) != "" || e.Via != (bridge.Person{}) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.set.Load().Gateway == GatewayRelay && n.clients[who] == nil {
		return true
	}
	ch := n.channels[n.mapping.Fold(e.Room.ID)]
	return ch != nil && ch.hasLodger(who)
}

// deliverLodger carries out what is meant for somebody without a session.
func (n *network) deliverLodger(who bridge.Person, e bridge.Event) {
	s := n.side
	if e.Room.Private() {
		s.fail(e, bridge.Failure{Kind: bridge.ErrPolicy, Text: "People of this gateway speak through a relay on " + n.name +
			": there is nothing private, and no console."})
		return
	}
	_, join := e.Body.(bridge.Join)
	c := n.lockClient(bridge.Keeper, join)
	if c == nil && n.isDead() { // its last user went this moment
		s.Deliver(e)
		return
	}
	if c == nil {
		s.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "You are not in this room."})
		return
	}
	defer c.unlock()
	if j, ok := e.Body.(bridge.Join); ok {
		c.lodge(e, j)
		return
	}
	m := c.room([]byte(e.Room.ID))
	if m == nil || !m.ch.hasLodger(who) {
		c.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "You are not in this room."})
		return
	}
	switch b := e.Body.(type) {
	case bridge.Message:
		e.Via, e.Name = bridge.Keeper, m.ch.lodgerName(who)
		c.relay(e, b)
	case bridge.Rename:
		c.events = append(c.events, m.ch.renameLodger(e, b.To)...)
	case bridge.Leave:
		if m.ch.unlodge(who) && !m.wanted {
			c.exit(m, lastGone)
		}
	default:
		c.fail(e, bridge.Failure{Kind: bridge.ErrNoPrivileges, Text: "You speak through a relay here, which does no more for you than that."})
	}
}

// forLodgers is the ID of a Join of the keeper's that the core has not asked
// for. What comes of it means nothing to the core.
const forLodgers = "lodgers"

// lastGone is why the keeper leaves a channel.
const lastGone = "Nobody is here any more"

// lodge lets somebody in with the keeper, which comes into the channel first if
// it is not there.
func (c *client) lodge(e bridge.Event, j bridge.Join) {
	m := c.room([]byte(e.Room.ID))
	if m == nil || m.asked == "" && !m.known { // or it is on its way out
		c.join(bridge.Event{ID: forLodgers, Room: e.Room, By: bridge.Keeper, Body: j}, j)
		if i := slices.IndexFunc(c.events, func(f bridge.Event) bool { return f.Ref == forLodgers }); i >= 0 {
			why, _ := c.events[i].Body.(bridge.Failure)
			c.events = slices.Delete(c.events, i, i+1)
			c.fail(e, why)
			return
		}
		m = c.room([]byte(e.Room.ID))
	}
	switch {
	case m.ch.room != e.Room:
		c.fail(e, bridge.Failure{Kind: bridge.ErrMoved, Text: m.ch.room.ID})
	case m.key != j.Password && m.key != "":
		c.fail(e, bridge.Failure{Kind: bridge.ErrPassword, Text: "This channel has another key."})
	default:
		c.events = append(c.events, m.ch.lodge(e)...)
	}
}

// left tells that m is out of its channel, and with the keeper its lodgers.
func (c *client) left(m *membership, how bridge.Leave) {
	c.emit(bridge.Event{Room: m.ch.room, By: c.who(), Name: m.name, Body: how})
	c.evictLodgers(m, how)
}

func (c *client) evictLodgers(m *membership, how bridge.Leave) {
	if c.keeper() {
		c.events = append(c.events, m.ch.evictLodgers(how)...)
	}
}

func (ch *channel) hasLodger(who bridge.Person) bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.lodger(who) != nil
}

func (ch *channel) hasLodgers() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return len(ch.lodgers) > 0
}

// lodgerName is what somebody is called, "" for no lodger.
func (ch *channel) lodgerName(who bridge.Person) string {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if l := ch.lodger(who); l != nil {
		return l.name
	}
	return ""
}

// lodger finds somebody. It is called under the lock.
func (ch *channel) lodger(who bridge.Person) *lodger {
	for _, l := range ch.lodgers {
		if l.who == who {
			return l
		}
	}
	return nil
}

// taken reports whether somebody other than l is called name. It is called
// under the lock.
func (ch *channel) taken(name string, l *lodger) bool {
	if ch.obs != nil && ch.obs.member([]byte(name)) != nil {
		return true
	}
	return slices.ContainsFunc(ch.lodgers, func(other *lodger) bool { return other != l && strings.EqualFold(other.name, name) })
}

// lodge takes somebody in, and tells it as soon as the keeper is there and
// knows who else is.
func (ch *channel) lodge(e bridge.Event) []bridge.Event {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	refuse := func(id string, kind bridge.ErrorKind, text string) []bridge.Event {
		return []bridge.Event{{Room: ch.room, By: e.By, Ref: id, Body: bridge.Failure{Kind: kind, Text: text}}}
	}
	l := ch.lodger(e.By)
	var out []bridge.Event
	switch {
	case l == nil && slices.ContainsFunc(ch.voices, func(v voice) bool { return v.who == e.By && v.banned }):
		return refuse(e.ID, bridge.ErrBanned, "An operator of this channel has banned you.")
	case l == nil && ch.taken(e.Name, nil):
		return refuse(e.ID, bridge.ErrConflict, "Somebody here is called "+e.Name+".")
	case l == nil && len(ch.lodgers) >= maxLodgers:
		return refuse(e.ID, bridge.ErrFull, "As many people are here as the relay speaks for.")
	case l == nil:
		l = &lodger{who: e.By, name: e.Name}
		ch.lodgers = append(ch.lodgers, l)
	case l.asked != "":
		out = refuse(l.asked, bridge.ErrConflict, "Another attempt to join came after this one.")
	}
	l.asked = e.ID
	return append(out, ch.letIn()...)
}

// letIn tells of the lodgers that they are in, or hear again, if the keeper
// does and the member list is complete. It is called under the lock.
func (ch *channel) letIn() (out []bridge.Event) {
	if len(ch.lodgers) == 0 || ch.obs == nil || !ch.obs.synced ||
		!slices.ContainsFunc(ch.ours, func(m *membership) bool { return m.present && m.client.keeper() }) {
		return nil
	}
	for _, l := range ch.lodgers {
		switch {
		case l.asked != "":
			out = append(out, ch.of(l, bridge.Join{Role: bridge.RoleParticipant}))
			out[len(out)-1].Ref = l.asked
			l.asked, l.known, l.lost = "", true, false
		case l.lost:
			out = append(out, ch.of(l, bridge.Attachment{Attached: true, Text: "Connected to " + ch.net.name + " again."}))
			l.lost = false
		}
	}
	return out
}

// of is something that happened to a lodger.
func (ch *channel) of(l *lodger, body bridge.Body) bridge.Event {
	return bridge.Event{Room: ch.room, By: l.who, Name: l.name, Body: body}
}

// giveWay has the lodger whose name somebody on the network has now take
// another. It is called under the lock.
func (ch *channel) giveWay(out []bridge.Event) []bridge.Event {
	for _, l := range ch.lodgers {
		if ch.obs.member([]byte(l.name)) == nil {
			continue
		}
		to := l.name + "_"
		for ch.taken(to, l) {
			to += "_"
		}
		if l.known {
			out = append(out, ch.of(l, bridge.Rename{To: to, Person: l.who}))
		}
		l.name = to
	}
	return out
}

// crossed reports whether one of events may give somebody the name of a lodger.
func (ch *channel) crossed(events []bridge.Event) bool {
	return len(ch.lodgers) > 0 && slices.ContainsFunc(events, func(e bridge.Event) bool {
		switch e.Body.(type) {
		case bridge.Join, bridge.Rename, bridge.Members:
			return true
		}
		return false
	})
}

// renameLodger gives a lodger the name that they wish for.
func (ch *channel) renameLodger(e bridge.Event, to string) []bridge.Event {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	l := ch.lodger(e.By)
	answer := bridge.Event{Room: ch.room, By: e.By, Ref: e.ID, Body: bridge.Confirm{}}
	if l == nil || ch.taken(to, l) {
		answer.Body = bridge.Failure{Kind: bridge.ErrConflict, Text: "Somebody here is called " + to + "."}
		return []bridge.Event{answer}
	}
	if l.name == to || !l.known {
		l.name = to
		return []bridge.Event{answer}
	}
	fact := ch.of(l, bridge.Rename{To: to, Person: l.who})
	l.name = to
	return []bridge.Event{fact, answer}
}

// unlodge forgets somebody, and reports whether they were the last.
func (ch *channel) unlodge(who bridge.Person) (last bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.lodgers = slices.DeleteFunc(ch.lodgers, func(l *lodger) bool { return l.who == who })
	return len(ch.lodgers) == 0
}

// cutOff tells the lodgers that they hear nothing for now.
func (ch *channel) cutOff(text string) (out []bridge.Event) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for _, l := range ch.lodgers {
		if l.known && !l.lost {
			l.lost = true
			out = append(out, ch.of(l, bridge.Attachment{Text: text}))
		}
	}
	return out
}

// turnAway answers the lodgers who are not in yet why they won't be.
func (ch *channel) turnAway(why bridge.Failure) (out []bridge.Event) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.lodgers = slices.DeleteFunc(ch.lodgers, func(l *lodger) bool {
		if l.asked != "" {
			out = append(out, bridge.Event{Room: ch.room, By: l.who, Ref: l.asked, Body: why})
			l.asked = ""
		}
		return !l.known
	})
	return out
}

// evictLodgers tells all lodgers that they are out, as the keeper is.
func (ch *channel) evictLodgers(how bridge.Leave) []bridge.Event {
	out := ch.turnAway(thrownOut(how))
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for _, l := range ch.lodgers {
		out = append(out, ch.of(l, how))
	}
	ch.lodgers = nil
	return out
}

// lodgersOf counts in how many channels somebody is a lodger.
func (n *network) lodgersOf(who bridge.Person) (rooms int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, ch := range n.channels {
		if ch.hasLodger(who) {
			rooms++
		}
	}
	return rooms
}
