package matrixside

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/names"
)

// makePatience bounds the making of a room.
const makePatience = time.Minute

// RefusedError is why a portal can't be had, for people.
type RefusedError string

func (e RefusedError) Error() string { return string(e) }

// exists makes the portal that an alias of ours names, if it can be had
// (application service API, "Querying"). It may be asked again and again, also
// at the same time.
func (all *portals) exists(ctx context.Context, alias id.RoomAlias) bool {
	s := all.side
	room, ok := s.options().Names.Portal(alias)
	if !ok {
		return false
	}
	p, err := all.open(ctx, room)
	if err != nil {
		s.log.Debug("matrix: no room for an alias", "alias", alias, "error", err)
		return false
	}
	if alias == s.options().Names.Alias(room) {
		return true
	}
	err = s.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.CreateAlias(ctx, alias, p.id)
		return err
	})
	return err == nil || isTaken(err)
}

// open finds or makes the portal that the core calls room. An error that is a
// RefusedError tells why it can't be had.
func (all *portals) open(ctx context.Context, room string) (*portal, error) {
	all.mu.Lock()
	if p := all.byRoom[room]; p != nil {
		all.mu.Unlock()
		return p, nil
	}
	o := all.side.options()
	why := o.Portals.refuse(room, true)
	if why == "" && all.side.options().Names.Alias(room) == "" {
		why = "No alias can be made of that name."
	}
	if why == "" && len(all.byRoom)+len(all.making) >= o.Portals.RoomsMost {
		why = "There are as many rooms as there may be."
	}
	if why != "" {
		all.mu.Unlock()
		return nil, RefusedError(why)
	}
	m := all.making[room]
	if m == nil {
		m = &making{done: make(chan struct{})}
		if all.stopped {
			all.mu.Unlock()
			return nil, RefusedError("The bridge is shutting down.")
		}
		all.making[room] = m
		all.work.Go(func() { all.make(room, m) })
	}
	all.mu.Unlock()
	select {
	case <-m.done:
		return m.portal, m.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// make makes a portal whoever asked for it, even if they wait no longer.
func (all *portals) make(room string, m *making) {
	ctx, cancel := context.WithTimeout(all.side.ctx, makePatience)
	defer cancel()
	id, fresh, err := all.create(ctx, room)
	var p *portal
	if err == nil {
		p = newPortal(all, id, room)
		err = all.side.options().Rooms.SetMatrixRoom(ctx, store.MatrixRoom{ID: string(id), Kind: kindPortal, Room: p.room})
	}
	all.mu.Lock()
	if err == nil {
		all.byRoom[room] = p
		m.portal = p
	}
	m.err = err
	delete(all.making, room)
	all.mu.Unlock()
	if err == nil {
		all.side.places.add(id, p, p.room)
	}
	close(m.done)
	switch {
	case err != nil:
		all.side.log.Warn("matrix: a portal room could not be made", "room", room, "error", err)
	default:
		all.arrive(all.side.ctx, p, !fresh) // somebody may have come in meanwhile
	}
}

// create makes the room on the homeserver, or finds it where it was made before
// a crash; made tells which.
func (all *portals) create(ctx context.Context, room string) (made id.RoomID, fresh bool, err error) {
	s := all.side
	alias := s.options().Names.Alias(room)
	req := s.portalRequest(room, alias)
	err = s.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		made, fresh = "", false
		r, err := m.CreateRoom(ctx, req)
		if err == nil {
			made, fresh = r.RoomID, true
			return nil
		}
		if !isTaken(err) {
			return err
		}
		known, err := m.ResolveAlias(ctx, alias)
		if err != nil {
			return err
		}
		made = known.RoomID
		if _, err = m.JoinRoomByID(ctx, made); err == nil {
			return s.isForeign(ctx, m, made)
		}
		if !isForbidden(err) {
			return err
		}
		// Nobody of ours can enter it: the alias is for one who can be.
		if _, err = m.DeleteAlias(ctx, alias); err != nil {
			return err
		}
		if r, err = m.CreateRoom(ctx, req); err == nil {
			made, fresh = r.RoomID, true
		}
		return err
	})
	return made, fresh, err
}

// isForeign is an error if another bridge has a room.
func (s *Side) isForeign(ctx context.Context, m *mautrix.Client, room id.RoomID) error {
	state, err := m.State(ctx, room)
	if err != nil {
		return err
	}
	for _, e := range state[event.StateBridge] {
		if bot := e.Content.AsBridge().BridgeBot; bot != "" && bot != s.options().Names.BotID() {
			return RefusedError("Another bridge, " + string(bot) + ", has that room.")
		}
	}
	return nil
}

// isTaken reports whether there is an alias already: Dendrite answers 400,
// Synapse 409.
func isTaken(err error) bool {
	if errors.Is(err, mautrix.MRoomInUse) {
		return true
	}
	var e mautrix.HTTPError
	if !errors.As(err, &e) || e.RespError == nil {
		return false
	}
	return e.RespError.ErrCode == "M_ROOM_IN_USE" || e.RespError.StatusCode == 409
}

// bridgeName is what m.bridge calls us.
const bridgeName = "isthmus"

// portalRequest is the room as it begins (client-server API, POST /createRoom;
// MSC2346 for m.bridge). Anybody may come in and try, and is put out again if
// the other network doesn't let them in; nobody sees what was said before. It is
// in no directory until it is known not to be secret.
func (s *Side) portalRequest(room string, alias id.RoomAlias) *mautrix.ReqCreateRoom {
	name, network, _ := names.SplitPortal(room)
	o := s.options()
	bot := o.Names.BotID()
	req := &mautrix.ReqCreateRoom{
		Visibility: "private", Preset: "public_chat", Name: name,
		RoomAliasName:      localAlias(alias),
		PowerLevelOverride: portalPowers(bot),
	}
	state := func(kind event.Type, key string, content any) {
		req.InitialState = append(req.InitialState, &event.Event{Type: kind, StateKey: &key, Content: event.Content{Parsed: content}})
	}
	state(event.StateHistoryVisibility, "", &event.HistoryVisibilityEventContent{HistoryVisibility: event.HistoryVisibilityJoined})
	state(event.StateGuestAccess, "", &event.GuestAccessEventContent{GuestAccess: event.GuestAccessForbidden})
	protocol := event.BridgeInfoSection{ID: "irc", DisplayName: "IRC"}
	if network == bridge.NetworkXMPP {
		protocol = event.BridgeInfoSection{ID: "xmpp", DisplayName: "XMPP", ExternalURL: "https://xmpp.org/"}
	}
	info := &event.BridgeEventContent{
		BridgeBot: bot, Creator: bot, Protocol: protocol,
		Channel: event.BridgeInfoSection{ID: name, DisplayName: name, ExternalURL: portalURL(name, network)},
	}
	if network != bridge.NetworkXMPP {
		info.Network = &event.BridgeInfoSection{ID: network, DisplayName: network}
	}
	key := fmt.Sprintf("org.%s.%s://%s/%s", bridgeName, protocol.ID, url.PathEscape(network), url.PathEscape(name))
	state(event.StateBridge, key, info)
	state(event.StateHalfShotBridge, key, info)
	return req
}

// localAlias is an alias of ours as who makes a room is asked for it.
func localAlias(alias id.RoomAlias) string {
	local, _, _ := strings.Cut(strings.TrimPrefix(string(alias), "#"), ":")
	return local
}

// portalURL is the room for clients of its own network.
func portalURL(name, network string) string {
	switch {
	case network == bridge.NetworkXMPP:
		return "xmpp:" + url.PathEscape(name) + "?join"
	case strings.Contains(network, "."):
		return "ircs://" + network + "/" + url.PathEscape(name)
	}
	return ""
}

// portalPowers are the power levels of a portal: everybody may speak, and try
// to set the topic; what makes the room what it is, is the bot's alone.
func portalPowers(bot id.UserID) *event.PowerLevelsEventContent {
	level := func(n int) *int { return &n }
	powers := &event.PowerLevelsEventContent{
		Users: map[id.UserID]int{bot: 100}, StateDefaultPtr: level(50),
		InvitePtr: level(0), KickPtr: level(50), BanPtr: level(50), RedactPtr: level(50),
		Events: map[string]int{event.StateTopic.Type: 0, event.StatePowerLevels.Type: 50},
	}
	for _, only := range []event.Type{event.StateRoomName, event.StateRoomAvatar, event.StateCanonicalAlias, event.StateHistoryVisibility,
		event.StateJoinRules, event.StateGuestAccess, event.StateEncryption, event.StateTombstone, event.StateServerACL,
		event.StateBridge, event.StateHalfShotBridge} {
		powers.Events[only.Type] = 100
	}
	return powers
}
