package matrixside

import (
	"context"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/client"
	"isthmus/matrixside/format"
)

const (
	// wordsBurst notices of the bridge itself are shown in a room at once, then
	// one per wordsInterval.
	wordsBurst    = 20
	wordsInterval = time.Second
)

// relayed is what the bot says for somebody who has no ghost in the room. Their
// name is in the text, where every client shows it; those that know profiles
// of single messages (MSC4144) leave it out there, and show it as the sender's.
func (n *native) relayed(ctx context.Context, bot id.UserID, e bridge.Event, m bridge.Message) []*event.MessageEventContent {
	name := cleanName(e.Name)
	if name == "" {
		name = e.By.ID
	}
	emote := m.Emote
	if emote {
		m = acted(m, name)
	}
	contents := n.side.contents(ctx, n.room.ID, bot, m, n.called)
	avatar := n.side.natives.pictureOf(e.By)
	for _, c := range contents {
		c.BeeperPerMessageProfile = &event.BeeperPerMessageProfile{ID: string(n.side.ghosts.of(e.By)), Displayname: name}
		if avatar != "" {
			c.BeeperPerMessageProfile.AvatarURL = &avatar
		}
		if !emote {
			c.AddPerMessageProfileFallback()
		}
	}
	return contents
}

// pictureOf is what somebody looks like who is in a mapped room of Matrix, "" if
// that isn't known.
func (n *natives) pictureOf(who bridge.Person) id.ContentURIString {
	if who.Network != bridge.NetworkMatrix {
		return ""
	}
	n.mu.Lock()
	rooms := make([]*native, 0, len(n.kept))
	for room := range n.kept {
		if at := n.rooms[room]; at != nil {
			rooms = append(rooms, at)
		}
	}
	n.mu.Unlock()
	for _, at := range rooms {
		at.mu.Lock()
		m := at.members.get(id.UserID(who.ID))
		at.mu.Unlock()
		if m != nil && m.avatar != "" {
			return id.ContentURIString(m.avatar)
		}
	}
	return ""
}

// acted is an emote as what the bot says: "* alice waves".
func acted(m bridge.Message, name string) bridge.Message {
	prefix := "* " + name + " "
	spans := []bridge.Span{{Start: 2, End: 2 + len(name), Style: bridge.StyleBold}}
	for _, s := range m.Spans {
		s.Start, s.End = s.Start+len(prefix), s.End+len(prefix)
		spans = append(spans, s)
	}
	m.Emote, m.Text, m.Spans = false, strings.TrimRight(prefix+m.Text, " "), spans
	return m
}

// inform says the bridge's own word: to all, or to a Matrix user, in answer to
// what they said where that is known. It is for nobody else's eyes on other
// networks; here everybody sees it, whom it mentions is told.
func (n *native) inform(e bridge.Event, text string) {
	s := n.stayOf(e.Via)
	n.mu.Lock()
	encrypted, at := n.state.encrypted, n.id
	n.mu.Unlock()
	if s == nil || encrypted || strings.TrimSpace(text) == "" {
		return
	}
	if !n.words.Allow() {
		n.side.Counters.Signals.Add(1)
		n.side.log.Info("a word of the bridge is left out, there are too many", "room", n.room)
		return
	}
	m := bridge.Message{Text: text, Notice: true}
	var reply id.EventID
	if e.By != (bridge.Person{}) {
		reply = n.eventOf(e.Ref)
		if reply == "" {
			m = n.addressed(m, e)
		}
	}
	for part, c := range format.Render(m, format.Out{User: n.called}) {
		if c.Mentions == nil {
			c.Mentions = &event.Mentions{}
		}
		if reply != "" {
			c.Mentions.Add(n.side.ghosts.of(e.By))
			c.RelatesTo = (&event.RelatesTo{}).SetReplyTo(reply)
		}
		if _, err := send(n.side.ctx, n.side.do, at, s.ghost, c, client.TransactionID(e.ID, s.ghost, part)); err != nil {
			n.side.log.Info("a word of the bridge could not be said", "room", n.room, "error", err)
			return
		}
	}
}

// addressed is m said to e.By by name.
func (n *native) addressed(m bridge.Message, e bridge.Event) bridge.Message {
	_, name := n.person(n.side.ghosts.of(e.By))
	m.Text = name + ": " + m.Text
	m.Spans = []bridge.Span{{End: len(name), Style: bridge.StyleMention, Person: e.By}}
	return m
}

// eventOf is the event of a message of the room by our id, "" where there is none.
func (n *native) eventOf(message string) id.EventID {
	if message == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(n.side.ctx, rememberPatience)
	defer cancel()
	events, err := n.side.options().Messages.NativeIDs(ctx, message, n.room)
	if err != nil || len(events) == 0 {
		return ""
	}
	return id.EventID(events[0])
}

// pardon lifts somebody's ban. Whoever is not banned needs none.
func (n *native) pardon(e bridge.Event, s *stay, b bridge.Pardon) {
	user, at := n.side.ghosts.of(b.Person), n.roomID()
	n.respond(e, s, needBan, "", n.as(s.ghost, func(ctx context.Context, m *mautrix.Client) error {
		var c event.MemberEventContent
		if err := ignoreMissing(m.StateEvent(ctx, at, event.StateMember, string(user), &c)); err != nil || c.Membership != event.MembershipBan {
			return err
		}
		_, err := m.UnbanUser(ctx, at, &mautrix.ReqUnbanUser{UserID: user})
		return err
	}))
}

// respond answers a request that takes power. What the bot was refused is said
// in terms of what it lacks.
func (n *native) respond(e bridge.Event, s *stay, for_ need, sent id.EventID, err error) {
	if err != nil && s.who == bridge.Keeper {
		if f := failed(err); f.Kind == bridge.ErrNoPrivileges {
			f.Text = n.lacks(for_)
			n.side.fail(e, *f)
			return
		}
	}
	n.answer(e, sent, err)
}
