package matrixside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

const (
	// maxMembers is how many members of a room are read at all.
	maxMembers = 200_000
	// mostHistory is how many earlier messages somebody can see, and
	// lookBack how many are looked at in any case, to find who is active.
	mostHistory = 100
	lookBack    = 20
	// historyPatience is how long a join waits for them.
	historyPatience = 15 * time.Second
	// namedInRoom is how many members name a room that has no name.
	namedInRoom = 3
)

// nativeListed is somebody in the list of a room's members.
type nativeListed struct {
	user            id.UserID
	display, avatar string
}

// load asks for the state and the members of a room, in the name of a ghost
// who is in it, and takes both in. history is what was said last: whoever
// spoke there is active. A room that is open already is taken in anew.
func (n *native) load(ghost id.UserID, history []*event.Event) error {
	var state []*event.Event
	at := n.roomID()
	err := n.as(ghost, func(ctx context.Context, m *mautrix.Client) (err error) {
		state, err = nativeStateOf(ctx, m, at)
		return err
	})
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.state = nativeState{joinRule: event.JoinRuleInvite, avatarHash: n.state.avatarHash}
	for _, e := range state {
		n.state.take(e)
	}
	if n.state.power.levels == nil {
		n.state.power.set(nil)
	}
	keep := n.state.power.mighty()
	n.mu.Unlock()

	o := n.side.options()
	for _, e := range history {
		keep[e.Sender] = true
	}
	if o.MembersBeyond == MembersNone {
		clear(keep)
	}
	most := o.MembersMost
	if o.MembersBeyond == MembersAll {
		most = maxMembers
	}
	var list nativeList
	err = n.as(ghost, func(ctx context.Context, m *mautrix.Client) error {
		list = nativeList{most: most, keep: keep, ours: o.Names.IsOurs}
		return list.load(ctx, m, at)
	})
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.members, n.partial, n.joined, n.open = newMembers(), list.partial, list.count, true
	for _, m := range list.found {
		n.members.set(m.user, m.display, m.avatar)
	}
	return nil
}

// nativeStateOf asks for what the bridge needs of a room's state, piece by
// piece: the whole of it would have an event for each member. A homeserver that
// has just let a ghost in may not know it everywhere yet (Dendrite), so that
// what every room has is asked for again.
func nativeStateOf(ctx context.Context, m *mautrix.Client, room id.RoomID) ([]*event.Event, error) {
	create, err := stateEvent(ctx, m, room, event.StateCreate)
	for wait := 50 * time.Millisecond; create == nil && wait < time.Second; wait *= 2 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		create, err = stateEvent(ctx, m, room, event.StateCreate)
	}
	if err != nil {
		return nil, err
	}
	var state []*event.Event
	if create != nil {
		state = append(state, create)
	}
	for _, t := range nativeStateTypes {
		e, err := stateEvent(ctx, m, room, t)
		if err != nil {
			return nil, err
		}
		if e != nil {
			state = append(state, e)
		}
	}
	return state, nil
}

// nativeStateTypes are what the bridge needs of a room's state, beside the
// event that created it.
var nativeStateTypes = []event.Type{
	event.StatePowerLevels, event.StateJoinRules, event.StateRoomName, event.StateCanonicalAlias,
	event.StateTopic, event.StateRoomAvatar, event.StateEncryption, event.StateTombstone,
}

// stateEvent is one of a room's state events, nil if it has none. Its sender is
// known for the event that created the room alone, where the homeserver gives
// whole events (format=event).
func stateEvent(ctx context.Context, m *mautrix.Client, room id.RoomID, t event.Type) (*event.Event, error) {
	if t == event.StateCreate {
		if e, err := m.FullStateEvent(ctx, room, t, ""); err != nil || e != nil && e.Sender != "" {
			return e, ignoreMissing(err)
		}
	}
	var raw json.RawMessage
	if err := m.StateEvent(ctx, room, t, "", &raw); err != nil || len(raw) == 0 {
		return nil, ignoreMissing(err)
	}
	e := &event.Event{Type: t, StateKey: new(string), RoomID: room, Content: event.Content{VeryRaw: raw}}
	_ = e.Content.ParseRaw(t) // what can't be parsed says nothing
	if c, ok := e.Content.Parsed.(*event.CreateEventContent); ok {
		//lint:ignore SA1019 the sender is not told with the content alone; before room version 11 this is who it was
		e.Sender = c.Creator
	}
	return e, nil
}

// take takes in an event of the room's state, whose content is parsed.
func (s *nativeState) take(e *event.Event) {
	switch c := e.Content.Parsed.(type) {
	case *event.CreateEventContent:
		s.power.create = e
	case *event.PowerLevelsEventContent:
		s.power.set(c)
	case *event.JoinRulesEventContent:
		s.joinRule = c.JoinRule
	case *event.RoomNameEventContent:
		s.name = cleanName(c.Name)
	case *event.CanonicalAliasEventContent:
		s.alias = c.Alias
	case *event.TopicEventContent:
		s.topic = cleanText(c.Topic)
	case *event.RoomAvatarEventContent:
		if s.avatar != c.URL {
			s.avatar, s.avatarHash = c.URL, ""
		}
	case *event.EncryptionEventContent:
		s.encrypted = true
	case *event.TombstoneEventContent:
		s.replaced = c.ReplacementRoom
	}
}

// cleanText is a text as the core wants it: without control characters but
// line ends and tabs.
func cleanText(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == '\ufffd' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), "")))
}

// nativeList is the members of a room, or those of them whom a huge room shows.
type nativeList struct {
	most  int
	keep  map[id.UserID]bool   // whom also a huge room shows
	ours  func(id.UserID) bool // whom the bridge knows anyway
	found []nativeListed

	count   int
	partial bool
}

// load reads the answer of /joined_members as it comes: of a huge room little
// is ever in memory.
func (l *nativeList) load(ctx context.Context, m *mautrix.Client, room id.RoomID) error {
	_, err := m.MakeFullRequest(ctx, mautrix.FullRequest{
		Method: http.MethodGet, URL: m.BuildClientURL("v3", "rooms", room, "joined_members"),
		Handler: func(_ *http.Request, res *http.Response, _ any, _ int64) ([]byte, error) {
			return nil, l.read(res.Body)
		},
	})
	slices.SortFunc(l.found, func(a, b nativeListed) int { return strings.Compare(string(a.user), string(b.user)) })
	return err
}

// read takes {"joined": {user: {"display_name", "avatar_url"}}}.
func (l *nativeList) read(r io.Reader) error {
	d := json.NewDecoder(r)
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if key != "joined" {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		if err := l.readJoined(d); err != nil {
			return err
		}
	}
	return expect(d, json.Delim('}'))
}

func (l *nativeList) readJoined(d *json.Decoder) error {
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		user, _ := key.(string)
		var looks struct {
			Display *string `json:"display_name"`
			Avatar  *string `json:"avatar_url"`
		}
		if err := d.Decode(&looks); err != nil {
			return err
		}
		l.add(id.UserID(user), deref(looks.Display), deref(looks.Avatar))
	}
	return expect(d, json.Delim('}'))
}

func (l *nativeList) add(user id.UserID, display, avatar string) {
	l.count++
	if l.count > l.most && !l.partial {
		l.partial = true
		l.found = slices.DeleteFunc(l.found, func(m nativeListed) bool { return !l.keeps(m.user) })
		l.found = slices.Clip(slices.Clone(l.found))
	}
	if l.partial && !l.keeps(user) || len(l.found) >= maxMembers {
		return
	}
	if len(display) > 4*maxName {
		display = cleanName(display)
	}
	if len(avatar) > maxURI {
		avatar = ""
	}
	l.found = append(l.found, nativeListed{user, display, avatar})
}

// maxURI bounds a picture's mxc URI, in bytes.
const maxURI = 512

func (l *nativeList) keeps(user id.UserID) bool { return l.keep[user] || l.ours(user) }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// expect takes one token that must be want.
func expect(d *json.Decoder, want json.Delim) error {
	switch t, err := d.Token(); {
	case err != nil:
		return err
	case t != want:
		return fmt.Errorf("unexpected %v in an answer of the homeserver", t)
	}
	return nil
}

// said asks for what was said last in the room, as far as a ghost may see it:
// newest first, messages alone. A homeserver that does not say is no reason to
// keep anybody out.
func (n *native) said(ghost id.UserID, limit int) []*event.Event {
	ctx, cancel := context.WithTimeout(n.side.ctx, historyPatience)
	defer cancel()
	var found []*event.Event
	at := n.roomID()
	if !n.side.tellsAll(ctx) {
		n.awaitSight(ctx, ghost, at)
	}
	err := n.side.do(ctx, ghost, func(ctx context.Context, m *mautrix.Client) error {
		answer, err := m.Messages(ctx, at, "", "", mautrix.DirectionBackward,
			&mautrix.FilterPart{Types: historyTypes, Limit: limit}, limit)
		if err == nil {
			found = answer.Chunk
		}
		return err
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		n.side.log.Info("what was said earlier can't be had", "room", n.room, "error", err)
	}
	kept := found[:0]
	for _, e := range found {
		if e == nil || e.StateKey != nil || e.Sender == "" {
			continue
		}
		_ = e.Content.ParseRaw(e.Type) // what can't be parsed has a fallback
		kept = append(kept, e)
	}
	return kept
}

// awaitSight returns when a ghost who has just come in sees anything of the
// room, if it be their own coming. A Dendrite may let them see nothing for a
// moment, which is no different from a room where nothing was said.
func (n *native) awaitSight(ctx context.Context, ghost id.UserID, at id.RoomID) {
	for wait := 50 * time.Millisecond; wait < 2*time.Second; wait *= 2 {
		seen := true
		err := n.side.do(ctx, ghost, func(ctx context.Context, m *mautrix.Client) error {
			answer, err := m.Messages(ctx, at, "", "", mautrix.DirectionBackward, nil, 1)
			seen = err == nil && len(answer.Chunk) > 0
			return ignoreMissing(err)
		})
		if seen || err != nil {
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// historyTypes are the events that say something.
var historyTypes = []event.Type{
	event.EventMessage, event.EventSticker, event.EventEncrypted,
	event.NewEventType("m.poll.start"), event.NewEventType("org.matrix.msc3381.poll.start"),
}

// snapshot is what the core is told of a room that has just been loaded.
func (n *native) snapshot() []bridge.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]bridge.Member, 0, n.members.size())
	for user, m := range n.members.table {
		if n.side.isOurs(user) {
			continue // those who are in through us come by themselves, the others aren't there
		}
		p, _ := n.side.natives.presenceOf(user)
		p = inRoom(p)
		list = append(list, bridge.Member{
			Person: bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)}, Name: m.name,
			Role: n.state.power.role(user), Show: p.Show, Status: p.Status, Avatar: n.side.pictures.known(m.avatar),
		})
	}
	slices.SortFunc(list, func(a, b bridge.Member) int { return strings.Compare(a.Name, b.Name) })
	secret := n.state.joinRule != event.JoinRulePublic
	return []bridge.Event{
		{Room: n.room, Body: bridge.Members{Members: list, Secret: secret}},
		{Room: n.room, Body: n.infoLocked()},
		{Room: n.room, Body: bridge.Topic{Text: n.state.topic}},
	}
}

// infoLocked is how the room presents itself. One that has neither a name nor
// an address is called by who is in it.
func (n *native) infoLocked() bridge.RoomInfo {
	info := bridge.RoomInfo{Name: n.state.name, Avatar: n.state.avatarHash}
	if info.Name != "" || n.state.alias != "" {
		return info
	}
	var names []string
	for user, m := range n.members.table {
		if !n.side.isOurs(user) {
			names = append(names, m.name)
		}
	}
	slices.Sort(names)
	switch more := max(n.joined, len(names)) - namedInRoom; {
	case len(names) == 0:
	case len(names) <= namedInRoom:
		info.Name = strings.Join(names, ", ")
	default:
		info.Name = fmt.Sprintf("%s and %d more", strings.Join(names[:namedInRoom], ", "), more)
	}
	return info
}

// history is what somebody who comes in is shown of what was said earlier:
// wanted messages at most, oldest first. found is newest first. What has not
// been carried on yet isn't in it: that is still to come.
func (n *native) history(found []*event.Event, wanted int) []bridge.Said {
	n.mu.Lock()
	from := slices.IndexFunc(found, func(e *event.Event) bool { return n.recent.has(e.ID) })
	n.mu.Unlock()
	if from < 0 {
		return nil
	}
	var all []bridge.Said
	for _, e := range found[from:] {
		if len(all) == wanted {
			break
		}
		m, ok := n.side.said(e)
		if !ok {
			continue
		}
		by, name := n.person(e.Sender)
		ours, err := n.side.options().Messages.MessageID(n.side.ctx, n.room, string(e.ID))
		if err != nil {
			n.side.log.Warn("what a message is called is not known", "room", n.room, "error", err)
		}
		all = append(all, bridge.Said{ID: ours, At: time.UnixMilli(e.Timestamp), By: by, Name: name, Message: m})
	}
	slices.Reverse(all)
	return all
}
