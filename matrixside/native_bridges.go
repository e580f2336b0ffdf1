package matrixside

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// bridgesMost is up to how many members of a mapped room it is looked whether
// another bridge has it: homeservers give that with an event for each member.
const bridgesMost = 5000

// isBridgeInfo reports whether a state event says what bridge has a room (MSC2346).
func isBridgeInfo(kind string) bool {
	return kind == event.StateBridge.Type || kind == event.StateHalfShotBridge.Type
}

// seeBridges looks for other bridges in a room that the Keeper has come into.
// It is no harm if there is one for other rooms; who mapped a room to one that
// another bridge brings there as well finds out why what is said comes twice.
func (n *native) seeBridges() {
	n.mu.Lock()
	at, many := n.id, n.joined > bridgesMost
	n.mu.Unlock()
	if many {
		return
	}
	err := n.as(n.side.options().Names.BotID(), func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.MakeFullRequest(ctx, mautrix.FullRequest{
			Method: http.MethodGet, URL: m.BuildClientURL("v3", "rooms", at, "state"),
			Handler: func(_ *http.Request, res *http.Response, _ any, _ int64) ([]byte, error) {
				return nil, n.readBridges(res.Body)
			},
		})
		return err
	})
	if err != nil {
		n.side.log.Debug("whether another bridge has a room is not known", "room", n.room, "error", err)
	}
}

// readBridges takes the room's state as it comes: little of it is ever in memory.
func (n *native) readBridges(r io.Reader) error {
	d := json.NewDecoder(r)
	if err := expect(d, json.Delim('[')); err != nil {
		return err
	}
	for d.More() {
		var e struct {
			Type    string          `json:"type"`
			Content json.RawMessage `json:"content"`
		}
		if err := d.Decode(&e); err != nil {
			return err
		}
		if isBridgeInfo(e.Type) {
			n.seeBridge(e.Content)
		}
	}
	return expect(d, json.Delim(']'))
}

// seeBridge warns of another bridge, once.
func (n *native) seeBridge(content json.RawMessage) {
	var c event.BridgeEventContent
	if json.Unmarshal(content, &c) != nil || c.BridgeBot == "" || c.BridgeBot == n.side.options().Names.BotID() {
		return // it says nothing, or is gone
	}
	n.mu.Lock()
	known := n.bridges[c.BridgeBot]
	if n.bridges == nil {
		n.bridges = map[id.UserID]bool{}
	}
	if len(n.bridges) < maxBridges {
		n.bridges[c.BridgeBot] = true
	}
	n.mu.Unlock()
	if known {
		return
	}
	network := ""
	if c.Network != nil {
		network = cleanName(c.Network.ID)
	}
	n.side.log.Warn("another bridge has a mapped room: if both bring the same room there, what is said comes twice",
		"room", n.room, "bridge", c.BridgeBot, "protocol", cleanName(c.Protocol.ID), "network", network, "channel", cleanName(c.Channel.ID))
}

// maxBridges bounds the bridges of one room that are known.
const maxBridges = 16
