package matrixside

import (
	"context"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/names"
)

// kindSpace is the kind of a store.MatrixRoom that is a network's space. Its
// Room is that of the network's console, without an owner.
const kindSpace = "space"

// spaces are the spaces that the portals of each network are in, where
// PortalOptions.Spaces asks for them.
type spaces struct {
	side *Side

	mu  sync.Mutex // also while a space is made
	ids map[string]id.RoomID
}

// recall takes up what was remembered.
func (a *spaces) recall(r store.MatrixRoom) {
	_, network, _ := names.SplitPortal(r.Room.ID)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[network] = id.RoomID(r.ID)
}

// show puts a portal into its network's space (client-server API,
// m.space.child), or takes it out. Mostly it is there, or isn't, already.
func (a *spaces) show(ctx context.Context, p *portal, in bool) error {
	_, network, _ := names.SplitPortal(p.room.ID)
	a.mu.Lock()
	none := a.ids[network] == ""
	a.mu.Unlock()
	if none && !in {
		return nil
	}
	space, err := a.of(ctx, network)
	if err != nil {
		return err
	}
	o := a.side.options()
	return o.Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		var is event.SpaceChildEventContent
		err := m.StateEvent(ctx, space, event.StateSpaceChild, string(p.id), &is)
		if ignoreMissing(err) != nil || (len(is.Via) > 0) == in {
			return ignoreMissing(err)
		}
		child, parent := event.SpaceChildEventContent{}, event.SpaceParentEventContent{}
		if in {
			child.Via = []string{o.Names.Server}
			parent = event.SpaceParentEventContent{Via: child.Via, Canonical: true}
		}
		if _, err := m.SendStateEvent(ctx, p.id, event.StateSpaceParent, string(space), &parent); err != nil {
			return err
		}
		_, err = m.SendStateEvent(ctx, space, event.StateSpaceChild, string(p.id), &child)
		return err
	})
}

// of finds or makes the space of a network.
func (a *spaces) of(ctx context.Context, network string) (id.RoomID, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if space := a.ids[network]; space != "" {
		return space, nil
	}
	s := a.side
	name := network
	if network == bridge.NetworkXMPP {
		name = "XMPP"
	}
	alias := s.options().Names.SpaceAlias(network)
	var space id.RoomID
	err := s.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		r, err := m.CreateRoom(ctx, &mautrix.ReqCreateRoom{
			Visibility: "private", Preset: "public_chat", Name: name, RoomAliasName: localAlias(alias),
			Topic:              "Rooms on " + name + " that somebody has come to from here.",
			CreationContent:    map[string]any{"type": event.RoomTypeSpace},
			PowerLevelOverride: spacePowers(m.UserID),
		})
		if err == nil {
			space = r.RoomID
		} else if isTaken(err) { // it was made before a crash
			var known *mautrix.RespAliasResolve
			if known, err = m.ResolveAlias(ctx, alias); err == nil {
				space = known.RoomID
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	a.ids[network] = space
	return space, s.options().Rooms.SetMatrixRoom(ctx, store.MatrixRoom{ID: string(space), Kind: kindSpace,
		Room: bridge.Room{Network: bridge.NetworkMatrix, ID: names.PortalID("", network)}})
}

// spacePowers leave a space to the bot.
func spacePowers(bot id.UserID) *event.PowerLevelsEventContent {
	most := 100
	return &event.PowerLevelsEventContent{
		Users: map[id.UserID]int{bot: most}, StateDefaultPtr: &most, EventsDefault: most,
		InvitePtr: new(int), KickPtr: &most, BanPtr: &most, RedactPtr: &most,
	}
}
