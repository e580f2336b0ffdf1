package matrixside

import (
	"context"
	"net/http"
	"strconv"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"isthmus/bridge"
	"isthmus/matrixside/names"
)

// maxDirectory is how many rooms of the directory one answer has at most.
const maxDirectory = 100

// nativeHelp is what somebody is told who writes to Matrix itself.
const nativeHelp = `This is Matrix, by way of a gateway. It takes no commands.
Join #room%server.org in this domain to be in the room #room:server.org, and write to user%server.org to talk to @user:server.org.
The rooms that the homeserver lists are listed by service discovery.`

// console answers what somebody wants of the homeserver.
func (n *natives) console(e bridge.Event) {
	switch b := e.Body.(type) {
	case bridge.Query:
		if b.What == bridge.QueryRooms {
			n.list(e, b)
			return
		}
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "The homeserver has nothing of that kind."})
	case bridge.Message:
		n.side.confirm(e, "")
		n.side.core.Publish(bridge.Event{Room: e.Room, Body: bridge.Info{Text: nativeHelp}})
	case bridge.Watch:
		n.side.confirm(e, "")
		if b.On {
			up := n.side.away.Load() == 0
			text := "The homeserver can be reached."
			if !up {
				text = "The homeserver can't be reached at the moment."
			}
			n.side.core.Publish(bridge.Event{Room: e.Room, Body: bridge.Session{Up: up, Text: text}})
		}
	default:
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "That can't be asked of the homeserver."})
	}
}

// list brings a part of the public directory (client-server API, "Listing
// rooms"). Rows: what the core calls the room, its name and topic, members.
// Rooms of our own aren't in it: their channels are found where they are.
func (n *natives) list(e bridge.Event, q bridge.Query) {
	o := n.side.options()
	limit := maxDirectory
	if q.Limit > 0 {
		limit = min(q.Limit, maxDirectory)
	}
	req := map[string]any{"limit": limit}
	if q.After != "" {
		req["since"] = q.After
	}
	if q.Search != "" {
		req["filter"] = map[string]any{"generic_search_term": q.Search}
	}
	var found mautrix.RespPublicRooms
	err := n.side.do(n.side.ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		found = mautrix.RespPublicRooms{}
		_, err := m.MakeRequest(ctx, http.MethodPost, m.BuildClientURL("v3", "publicRooms"), req, &found)
		return err
	})
	if err != nil {
		n.side.fail(e, *failed(err))
		return
	}
	answer := bridge.Answer{Rows: [][]string{}, Next: found.NextBatch, Total: found.TotalRoomCountEstimate,
		Cut: found.NextBatch != ""}
	for _, r := range found.Chunk {
		if r == nil || o.Names.IsOurAlias(r.CanonicalAlias) || r.RoomType == event.RoomTypeSpace {
			continue
		}
		room := names.OfAlias(r.CanonicalAlias)
		n.heardOf(r.RoomID)
		if room == "" {
			room = names.OfRoomID(r.RoomID)
		}
		if _, portal := n.side.places.at(r.RoomID).(*native); room == "" || !portal && n.side.places.at(r.RoomID) != nil {
			continue
		}
		answer.Rows = append(answer.Rows, []string{room, cleanText(r.Topic), strconv.Itoa(r.NumJoinedMembers), cleanName(r.Name)})
	}
	n.side.answer(e, answer)
}

// aboutRoom answers what somebody asks about a room in private, having been in
// it or not.
func (n *natives) aboutRoom(e bridge.Event, at names.Room) {
	q, ok := e.Body.(bridge.Query)
	if !ok {
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "This is a room. Join it to talk there."})
		return
	}
	known := n.find(bridge.Room{Network: bridge.NetworkMatrix, ID: e.Room.ID})
	if q.What == bridge.QueryAvatar && known != nil {
		known.mu.Lock()
		uri := string(known.state.avatar)
		known.mu.Unlock()
		n.side.answerPicture(e, uri)
		return
	}
	if q.What == bridge.QueryBans && known != nil {
		known.answerBans(e)
		return
	}
	if q.What == bridge.QueryBans || q.What == bridge.QueryRooms || at.Kind == names.KindPortal {
		n.side.fail(e, bridge.Failure{Kind: bridge.ErrUnsupported, Text: "That can't be asked of a room."})
		return
	}
	room, via, f := n.resolve(at)
	if f != nil {
		n.side.fail(e, *f)
		return
	}
	var about mautrix.RespRoomSummary
	err := n.side.do(n.side.ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		answer, err := m.GetRoomSummary(ctx, string(room), via...)
		if err == nil {
			about = *answer
		}
		return err
	})
	switch {
	case err != nil:
		n.side.fail(e, *failed(err))
	case q.What == bridge.QueryAvatar:
		n.side.answerPicture(e, string(about.AvatarURL))
	default:
		n.side.answer(e, bridge.Answer{Rows: [][]string{
			{"room", string(room)}, {"name", cleanName(about.Name)}, {"topic", cleanText(about.Topic)},
			{"members", strconv.Itoa(about.NumJoinedMembers)},
		}})
	}
}
