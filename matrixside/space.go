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

// add puts a portal into its network's space (client-server API, m.space.child).
func (a *spaces) add(p *portal) {
	s := a.side
	if !s.options().Portals.Spaces {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, makePatience)
	defer cancel()
	_, network, _ := names.SplitPortal(p.room.ID)
	space, err := a.of(ctx, network)
	if err == nil {
		via := []string{s.options().Names.Server}
		err = s.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
			if _, err := m.SendStateEvent(ctx, space, event.StateSpaceChild, string(p.id), &event.SpaceChildEventContent{Via: via}); err != nil {
				return err
			}
			_, err := m.SendStateEvent(ctx, p.id, event.StateSpaceParent, string(space), &event.SpaceParentEventContent{Via: via, Canonical: true})
			return err
		})
	}
	if err != nil {
		s.Counters.GivenUp.Add(1)
		s.log.Warn("matrix: a room is not in its network's space", "room", p.room, "error", err)
	}
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
	var space id.RoomID
	err := s.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		r, err := m.CreateRoom(ctx, &mautrix.ReqCreateRoom{
			Visibility: "private", Preset: "public_chat", Name: name,
			Topic:              "Rooms on " + name + " that somebody has come to from here.",
			CreationContent:    map[string]any{"type": event.RoomTypeSpace},
			PowerLevelOverride: spacePowers(m.UserID),
		})
		if err == nil {
			space = r.RoomID
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
