package matrixside

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/actor"
)

const (
	// signalsPerSecond and signalsBurst bound typing, receipts and presence of
	// one room, in each direction.
	signalsPerSecond = 5
	signalsBurst     = 40
	// signalsBound is how many signals to the homeserver wait. What comes when
	// there are so many is left out, and counted.
	signalsBound = 512
	// hintPatience is how long one of them may take: it is worth nothing later.
	hintPatience = 5 * time.Second
	// nativeTypingLasts is for how long the homeserver takes somebody to be typing
	// of whom it hears nothing more.
	nativeTypingLasts = 45 * time.Second
	// refreshEvery is how often Synapse is told that ghosts are still there,
	// which takes whoever is silent for a minute for offline, and refreshMost
	// how many of them.
	refreshEvery = 25 * time.Second
	refreshMost  = 250
)

// signals is what is told the homeserver in passing: one after the other, so
// that it is never busy with it.
type signals struct {
	side *Side
	box  *actor.Mailbox[func(context.Context)]
}

var signalTasks actor.Pool[func(context.Context)]

func newSignals(s *Side) *signals {
	out := &signals{side: s}
	out.box = actor.New(signalsBound, &signalTasks, func(batch []func(context.Context)) {
		for _, do := range batch {
			ctx, cancel := context.WithTimeout(s.ctx, hintPatience)
			do(ctx)
			cancel()
		}
	})
	return out
}

// send makes a request in the name of a ghost when those before it are done.
func (o *signals) send(ghost id.UserID, f func(context.Context, *mautrix.Client) error) {
	if !o.box.Offer(func(ctx context.Context) {
		if err := o.side.options().Client.Once(ctx, ghost, f); err != nil {
			o.side.log.Debug("a signal did not arrive", "ghost", ghost, "error", err)
		}
	}) {
		o.side.Counters.Signals.Add(1)
	}
}

// tellTyping tells that a ghost is, or is no longer, writing.
func (s *Side) tellTyping(room id.RoomID, ghost id.UserID, on bool, budget *rate.Limiter) {
	if !budget.Allow() {
		s.Counters.Signals.Add(1)
		return
	}
	s.signals.send(ghost, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.UserTyping(ctx, room, on, nativeTypingLasts)
		return err
	})
}

// tellRead tells how far a ghost has read: message is our id of it, name what
// the core calls the room.
func (s *Side) tellRead(name bridge.Room, room id.RoomID, ghost id.UserID, message string, budget *rate.Limiter) {
	if !budget.Allow() {
		s.Counters.Signals.Add(1)
		return
	}
	s.signals.send(ghost, func(ctx context.Context, m *mautrix.Client) error {
		events, err := s.options().Messages.NativeIDs(ctx, message, name)
		if err != nil || len(events) == 0 {
			return err
		}
		return m.SendReceipt(ctx, room, id.EventID(events[len(events)-1]), event.ReceiptTypeRead, struct{}{})
	})
}

// setPresence tells the availability of one of ours, once however many rooms
// they are in.
func (g *ghosts) setPresence(who bridge.Person, p bridge.Presence) {
	known := g.get(who)
	g.mu.Lock()
	same := known.told && known.presence() == p
	known.told, known.show = p.Show != bridge.ShowOffline, p.Show
	known.setMore(func(e *extra) { e.status = p.Status })
	g.mu.Unlock()
	if !same {
		g.tellPresence(known)
	}
}

// follow tells the availability of one of ours as their own network tells it to
// whom they talk to, whether they are in a room or not.
func (g *ghosts) follow(who bridge.Person, p bridge.Presence) {
	known := g.get(who)
	g.mu.Lock()
	known.followed = p.Show != bridge.ShowOffline
	g.mu.Unlock()
	g.setPresence(who, p)
}

// arrived has somebody be there who comes into their first room, until they say
// how they are.
func (g *ghosts) arrived(who bridge.Person) {
	known := g.get(who)
	g.mu.Lock()
	told := known.told
	g.mu.Unlock()
	if !told {
		g.setPresence(who, bridge.Presence{})
	}
}

// absent tells that somebody is not there who was before a restart, and has not
// come back.
func (g *ghosts) absent(user id.UserID) {
	g.mu.Lock()
	known := g.known[user]
	gone := known != nil && known.stays == 0 && !known.told
	g.mu.Unlock()
	if gone {
		g.setPresence(known.who, bridge.Presence{Show: bridge.ShowOffline})
	}
}

// presence is a ghost's. The caller has ghosts.mu.
func (k *ghost) presence() bridge.Presence {
	return bridge.Presence{Show: k.show, Status: k.more().status}
}

// tellPresence tells what a ghost's presence is by the time it is told.
func (g *ghosts) tellPresence(k *ghost) {
	if !k.registered.Load() {
		return // nobody on Matrix has heard of them
	}
	g.side.signals.send(k.user, func(ctx context.Context, m *mautrix.Client) error {
		g.mu.Lock()
		req := nativePresence(k.presence())
		g.mu.Unlock()
		_, err := m.MakeRequest(ctx, http.MethodPut, m.BuildClientURL("v3", "presence", k.user, "status"), req, nil)
		return err
	})
}

// restless is for one of ours who has left a room: whoever is in none any more
// is offline, unless it is known that they are not.
func (g *ghosts) restless(who bridge.Person) {
	known := g.get(who)
	g.mu.Lock()
	gone := known.stays == 0 && known.told && !known.followed
	g.mu.Unlock()
	if gone {
		g.setPresence(who, bridge.Presence{Show: bridge.ShowOffline})
	}
}

// presenceRequest tells one (client-server API, "Presence"). A Dendrite keeps a
// status that is left out.
type presenceRequest struct {
	Presence  event.Presence `json:"presence"`
	StatusMsg string         `json:"status_msg"`
}

// nativePresence is a presence in Matrix's words. There are three of them; the
// status tells more.
func nativePresence(p bridge.Presence) presenceRequest {
	req := presenceRequest{Presence: event.PresenceOnline, StatusMsg: p.Status}
	switch p.Show {
	case bridge.ShowAway, bridge.ShowXA, bridge.ShowDND:
		req.Presence = event.PresenceUnavailable
		if p.Show == bridge.ShowDND && p.Status == "" {
			req.StatusMsg = "Do not disturb"
		}
	case bridge.ShowOffline:
		req.Presence = event.PresenceOffline
	}
	return req
}

// refresh tells Synapse, until ctx ends, that ghosts are still there.
func (g *ghosts) refresh(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(ctx, hintPatience)
		forgets := g.side.tellsAll(asking)
		cancel()
		if !forgets {
			continue
		}
		g.mu.Lock()
		var present []*ghost
		for _, k := range g.known {
			if k.told {
				present = append(present, k)
			}
		}
		g.mu.Unlock()
		if more := len(present) - refreshMost; more > 0 {
			g.side.Counters.Signals.Add(int64(more))
			present = present[:refreshMost]
		}
		for _, k := range present {
			g.tellPresence(k)
		}
	}
}

// tellsAll reports whether the homeserver tells application services all that
// happens, and takes for offline who is silent: a Synapse.
func (s *Side) tellsAll(ctx context.Context) bool {
	name, _, err := s.options().Client.Software(ctx)
	return err == nil && name == "Synapse"
}

// ephemeral implements place.
func (n *native) ephemeral(e *event.Event) {
	if !n.box.Offer(func() { n.takeSignal(e) }) {
		n.side.Counters.Signals.Add(1)
	}
}

// takeSignal carries on who is typing and who has read what. It is the mailbox's.
func (n *native) takeSignal(e *event.Event) {
	n.mu.Lock()
	open := n.open
	n.mu.Unlock()
	if !open {
		return
	}
	switch c := e.Content.Parsed.(type) {
	case *event.TypingEventContent:
		n.takeTyping(c.UserIDs)
	case *event.ReceiptEventContent:
		n.takeReceipts(*c)
	}
}

// allowed takes one signal from the room's budget.
func (n *native) allowed() bool {
	if n.signals.Allow() {
		return true
	}
	n.side.Counters.Signals.Add(1)
	return false
}

// takeTyping tells what has changed in who is typing.
func (n *native) takeTyping(now []id.UserID) {
	on := map[id.UserID]bool{}
	for _, user := range now {
		on[user] = true
	}
	n.mu.Lock()
	changed := map[id.UserID]bool{}
	for user := range n.typing {
		if !on[user] {
			changed[user] = false
		}
	}
	for user := range on {
		if !n.typing[user] && n.members.get(user) != nil && !n.side.isOurs(user) {
			changed[user] = true
		}
	}
	n.mu.Unlock()
	for _, user := range slices.Sorted(maps.Keys(changed)) {
		if n.allowed() {
			n.setTyping(user, changed[user])
		}
	}
}

func (n *native) setTyping(user id.UserID, on bool) {
	n.mu.Lock()
	if on {
		n.typing[user] = true
	} else {
		delete(n.typing, user)
	}
	n.mu.Unlock()
	who, name := n.person(user)
	n.publish(bridge.Event{By: who, Name: name, Body: bridge.Typing{On: on}})
}

// typed notes that somebody has said what they were typing: everybody knows
// that they are not any more.
func (n *native) typed(user id.UserID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.typing, user)
}

// takeReceipts tells how far people have read. Private receipts are nobody's
// business.
func (n *native) takeReceipts(receipts event.ReceiptEventContent) {
	for _, at := range slices.Sorted(maps.Keys(receipts)) {
		users := receipts[at][event.ReceiptTypeRead]
		if len(users) == 0 {
			continue
		}
		message, err := n.side.options().Messages.MessageID(n.side.ctx, n.room, string(at))
		if err != nil || message == "" {
			continue // it was said before any of us came
		}
		for _, user := range slices.Sorted(maps.Keys(users)) {
			n.mu.Lock()
			known := n.members.get(user) != nil
			n.mu.Unlock()
			if !known || n.side.isOurs(user) || !n.allowed() {
				continue
			}
			who, name := n.person(user)
			n.publish(bridge.Event{By: who, Name: name, Body: bridge.Read{Message: message}})
		}
	}
}

// presence takes the presence of a Matrix user, for the rooms that they are in
// and for those who watch them.
func (n *natives) presence(e *event.Event) {
	c, ok := e.Content.Parsed.(*event.PresenceEventContent)
	if !ok || e.Sender == "" || n.side.isOurs(e.Sender) {
		return
	}
	p := bridge.Presence{Show: bridge.ShowOnline, Status: cleanText(c.StatusMessage)}
	switch c.Presence {
	case event.PresenceUnavailable:
		p.Show = bridge.ShowAway
	case event.PresenceOffline:
		p.Show = bridge.ShowOffline
	}
	if !n.heard(e.Sender, p) {
		return
	}
	n.chats.presence(e.Sender, p)
	n.mu.Lock()
	rooms := slices.Collect(maps.Values(n.rooms))
	n.mu.Unlock()
	for _, room := range rooms {
		if !room.box.Offer(func() { room.takePresence(e.Sender, p) }) {
			n.side.Counters.Signals.Add(1)
		}
	}
}

// takePresence tells the presence of somebody in the room. Whoever is offline
// is in it all the same.
func (n *native) takePresence(user id.UserID, p bridge.Presence) {
	n.mu.Lock()
	known := n.open && n.members.get(user) != nil
	n.mu.Unlock()
	if !known || !n.allowed() {
		return
	}
	who, name := n.person(user)
	n.publish(bridge.Event{By: who, Name: name, Body: inRoom(p)})
}

// inRoom is a presence as it is shown in a room, where nobody is offline who is
// in it.
func inRoom(p bridge.Presence) bridge.Presence {
	if p.Show == bridge.ShowOffline {
		p.Show = bridge.ShowXA
	}
	return p
}

// maxPresences bounds the Matrix users whose presence is known.
const maxPresences = 65536

// heard notes somebody's presence, and reports whether it is another one.
func (n *natives) heard(user id.UserID, p bridge.Presence) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	last, known := n.presences[user]
	if known && last == p {
		return false
	}
	if !known && len(n.presences) >= maxPresences {
		for forgotten := range n.presences {
			delete(n.presences, forgotten)
			break
		}
	}
	n.presences[user] = p
	return true
}

// presenceOf is how available somebody was when they were heard of last, false
// if they never were.
func (n *natives) presenceOf(user id.UserID) (bridge.Presence, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	last, ok := n.presences[user]
	return last, ok
}
