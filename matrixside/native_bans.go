package matrixside

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// maxBans bounds the bans of one room that are known: of one beyond, it is not
// seen that it is lifted.
const maxBans = 50_000

// noteBan notes what a membership means for somebody's ban, and reports whether
// they were banned before. A homeserver may not say how it was before.
func (n *native) noteBan(e *event.Event, user id.UserID, now event.Membership) (was bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was = n.bans[user]
	if before := e.Unsigned.PrevContent; !was && before != nil {
		_ = before.ParseRaw(event.StateMember)
		if c, ok := before.Parsed.(*event.MemberEventContent); ok {
			was = c.Membership == event.MembershipBan
		}
	}
	if now == event.MembershipBan && len(n.bans) < maxBans {
		n.bans[user] = true
	} else {
		delete(n.bans, user)
	}
	return was
}

// takeBan tells that somebody who is not in the room was banned from it, or
// that their ban was lifted.
func (n *native) takeBan(e *event.Event, user id.UserID, c *event.MemberEventContent, was bool) {
	fact := bridge.Event{At: time.UnixMilli(e.Timestamp)}
	switch who, name := n.person(user); {
	case c.Membership == event.MembershipBan && !was:
		fact.By, fact.Name, fact.Body = who, name, n.leaving(e, c)
	case c.Membership == event.MembershipLeave && was:
		by, actor := n.person(e.Sender)
		fact.Body = bridge.Pardon{Person: who, Actor: actor}
		if who == bridge.Keeper { // which may come back
			fact.By, fact.Name, fact.Body = by, actor, bridge.Invite{Person: who}
		}
	default:
		return
	}
	n.publish(fact)
}

// bannedMember is somebody's ban, as the homeserver lists it.
type bannedMember struct {
	User    id.UserID `json:"state_key"`
	Content struct {
		Membership event.Membership `json:"membership"`
		Reason     string           `json:"reason"`
	} `json:"content"`
}

// askBans asks, in the name of somebody who is in the room, who is banned from it.
func (n *native) askBans(as id.UserID) ([]bannedMember, error) {
	at := n.roomID()
	var answer struct {
		Chunk []bannedMember `json:"chunk"`
	}
	err := n.as(as, func(ctx context.Context, m *mautrix.Client) error {
		answer.Chunk = nil
		url := m.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "rooms", at, "members"}, map[string]string{"membership": string(event.MembershipBan)})
		var raw json.RawMessage
		if _, err := m.MakeRequest(ctx, http.MethodGet, url, nil, &raw); err != nil {
			return err
		}
		return json.Unmarshal(raw, &answer)
	})
	return slices.DeleteFunc(answer.Chunk, func(b bannedMember) bool { return b.Content.Membership != event.MembershipBan }), err
}

// loadBans asks who is banned from the room. Where that can't be had, only
// lifting those bans is seen that were made while the bridge was looking.
func (n *native) loadBans() {
	list, err := n.askBans(n.side.options().Names.BotID())
	if err != nil {
		n.side.log.Info("who is banned from a room is not known", "room", n.room, "error", err)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.bans)
	for _, b := range list[:min(len(list), maxBans)] {
		n.bans[b.User] = true
	}
}

// maxBansTold bounds the list of those who are banned.
const maxBansTold = 1000

// answerBans answers who may not come in, for somebody who is in the room.
func (n *native) answerBans(e bridge.Event) {
	s := n.stayOf(e.Room.Owner)
	if s == nil {
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrNotInRoom, Text: "You are not in this room."})
		return
	}
	list, err := n.askBans(s.ghost)
	if err != nil {
		n.side.fail(e, *failed(err))
		return
	}
	a := bridge.Answer{Rows: [][]string{}, Cut: len(list) > maxBansTold}
	for _, b := range list[:min(len(list), maxBansTold)] {
		who := n.side.ghosts.behind(b.User)
		a.Rows = append(a.Rows, []string{who.Network, who.ID, cleanText(b.Content.Reason)})
	}
	n.side.answer(e, a)
}
