package inbox

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// catchUpMost is how many events of a room are looked at, at most.
const catchUpMost = 100

// CatchUp accepts what happened in a room since a time and the homeserver has
// not sent: a Synapse that is killed forgets what it was about to send. It asks
// in the name of as, who is there, and takes nothing from before they came. What
// was here already is not given on again.
func (in *Inbox) CatchUp(ctx context.Context, room id.RoomID, as id.UserID, since time.Time) error {
	var page struct {
		Chunk []json.RawMessage `json:"chunk"`
	}
	err := in.opt.Client.Do(ctx, as, func(ctx context.Context, m *mautrix.Client) error {
		page.Chunk = nil
		_, err := m.MakeRequest(ctx, http.MethodGet, m.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "rooms", room, "messages"},
			map[string]string{"dir": "b", "limit": strconv.Itoa(catchUpMost)}), nil, &page)
		return err
	})
	if err != nil {
		return err
	}
	var missed []received
	for _, e := range in.events(placed(page.Chunk, room)) { // the newest first
		came := e.event.Type == event.StateMember && e.event.GetStateKey() == string(as) && e.event.Content.AsMember().Membership == event.MembershipJoin
		if came || time.UnixMilli(e.event.Timestamp).Before(since) {
			break
		}
		if !e.echo {
			missed = append(missed, e)
		}
	}
	slices.Reverse(missed)
	return in.accept(ctx, missed)
}
