package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

const (
	// syncMark is the store's mark of how far the bot's /sync has been read.
	syncMark = "sync"
	// pollTime is how long a /sync waits for something to come.
	pollTime = 30 * time.Second
	// syncFirst and syncMost bound the wait after a /sync that was refused.
	syncFirst, syncMost = time.Second, 5 * time.Minute
	// syncAway bounds it while the homeserver is away.
	syncAway = 10 * time.Second
)

// senders are the homeservers that send an application service all there is.
// Their /sync is not for its bot: Synapse answers it with 500.
var senders = map[string]bool{"Synapse": true}

// syncFilter asks for what Dendrite sends to no application service
// (client-server API §10.2). A hundred redactions between two polls are many.
const syncFilter = `{"room":{"timeline":{"types":["m.room.redaction"],"limit":100},` +
	`"state":{"not_types":["*"],"lazy_load_members":true},"account_data":{"not_types":["*"]},` +
	`"ephemeral":{"types":["m.typing","m.receipt"]}},` +
	`"presence":{"types":["m.presence"]},"account_data":{"not_types":["*"]}}`

// synced is what of an answer to /sync is ours.
type synced struct {
	Next     string `json:"next_batch"`
	Presence listed `json:"presence"`
	Rooms    struct {
		Join map[id.RoomID]struct {
			Timeline struct {
				listed
				Limited bool `json:"limited"`
			} `json:"timeline"`
			Ephemeral listed `json:"ephemeral"`
		} `json:"join"`
	} `json:"rooms"`
}

type listed struct {
	Events []json.RawMessage `json:"events"`
}

// sync reads the bot's /sync, where there is a need to, until ctx ends.
func (in *Inbox) sync(ctx context.Context) {
	if in.opt.Client == nil {
		return
	}
	name, _, err := in.opt.Client.Software(ctx)
	if err != nil {
		return // ctx has ended
	}
	if senders[name] {
		in.log.Debug("matrix: the homeserver sends all there is", "software", name)
		return
	}
	since, err := backoff.Retry(ctx, func() (string, error) { return in.opt.Store.Mark(ctx, syncMark) }, backoff.WithMaxElapsedTime(0))
	if err != nil {
		return // ctx has ended
	}
	said, refused := false, false
	wait := &backoff.ExponentialBackOff{InitialInterval: syncFirst, MaxInterval: syncMost, RandomizationFactor: 0.5, Multiplier: 2}
	for ctx.Err() == nil {
		next, err := in.poll(ctx, since, said)
		switch {
		case err == nil:
			if !said {
				in.log.Info("matrix: redactions, typing, receipts and presence come through the bot's /sync: from rooms that it is in",
					"software", name)
			}
			said, since = true, next
			wait.Reset()
			continue
		case ctx.Err() != nil:
			return
		case since != "" && badSince(err):
			in.log.Warn("matrix: the homeserver does not know how far we have read; redactions since then are not seen", "error", err)
			in.Counters.SyncGaps.Add(1)
			since = ""
		case !refused && !said && in.opt.Client.Up():
			refused = true
			in.log.Warn("matrix: the bot has no /sync yet; redactions, typing, receipts and presence are seen only if the homeserver sends them",
				"software", name, "error", err)
		}
		pause := wait.NextBackOff()
		if !in.opt.Client.Up() { // it may be back at any time
			pause = min(pause, syncAway)
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// badSince reports whether err is about the place to read from.
func badSince(err error) bool {
	var e mautrix.HTTPError
	return errors.As(err, &e) && (e.IsStatus(http.StatusBadRequest) || e.IsStatus(http.StatusNotFound))
}

// poll asks once for what came after since, and for what comes while it
// waits. Without since it finds out where that is, and who is present.
func (in *Inbox) poll(ctx context.Context, since string, wait bool) (next string, err error) {
	query := map[string]string{"filter": syncFilter, "timeout": "0"}
	if since != "" {
		query["since"] = since
		if wait {
			query["timeout"] = strconv.FormatInt(pollTime.Milliseconds(), 10)
		}
	}
	var got synced
	err = in.opt.Client.Once(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		got = synced{}
		_, err := m.MakeRequest(ctx, http.MethodGet, m.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, query), nil, &got)
		return err
	})
	if err != nil {
		return "", err
	}
	if since != "" {
		if err := in.redactions(ctx, &got); err != nil {
			return "", err
		}
		for room, joined := range got.Rooms.Join {
			for _, raw := range joined.Ephemeral.Events {
				in.signal(raw, room)
			}
		}
	}
	for _, raw := range got.Presence.Events {
		in.signal(raw, "")
	}
	if got.Next == since || got.Next == "" {
		return since, nil
	}
	return got.Next, in.opt.Store.SetMark(ctx, syncMark, got.Next)
}

// redactions accepts those that a /sync brought.
func (in *Inbox) redactions(ctx context.Context, got *synced) error {
	for _, room := range slices.Sorted(maps.Keys(got.Rooms.Join)) {
		timeline := got.Rooms.Join[room].Timeline
		if timeline.Limited && len(timeline.Events) > 0 {
			in.Counters.SyncGaps.Add(1)
			in.log.Warn("matrix: more redactions than the homeserver shows at once; the oldest are not seen", "room", room)
		}
		if err := in.accept(ctx, in.events(placed(timeline.Events, room))); err != nil {
			return err
		}
	}
	return nil
}

// placed gives events the room that a /sync leaves out. One that is no object
// is left as it is: it is malformed anyway.
func placed(raws []json.RawMessage, room id.RoomID) []json.RawMessage {
	all := make([]json.RawMessage, len(raws))
	for i, raw := range raws {
		all[i] = raw
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil || fields == nil {
			continue
		}
		name, err := json.Marshal(room)
		if err != nil {
			continue
		}
		fields["room_id"] = name
		if whole, err := json.Marshal(fields); err == nil {
			all[i] = whole
		}
	}
	return all
}

// sleep reports whether ctx lasted as long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
