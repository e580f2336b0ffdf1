package matrixside

import (
	"context"
	"encoding/base64"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/names"
)

// move tells where the room is now: its successor is one of ours, too.
func (p *portal) move(a actMoved) {
	ctx, cancel := context.WithTimeout(p.side.ctx, actPatience)
	defer cancel()
	var next id.RoomID
	if to := names.PortalID(a.to, p.network); a.to != "" && to != p.room.ID {
		if successor, err := p.all.open(ctx, to); err == nil {
			next = successor.id
		}
	}
	text := "This room is no more."
	if a.to != "" {
		text = "This room is at " + a.to + " now."
	}
	if a.reason != "" {
		text += " " + a.reason
	}
	p.report(a, p.notice(ctx, actNotice{text: text}))
	if next == "" {
		return
	}
	p.report(a, p.side.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.SendStateEvent(ctx, p.id, event.StateTombstone, "", &event.TombstoneEventContent{Body: text, ReplacementRoom: next})
		return err
	}))
}

// follow goes with a room that was upgraded on Matrix (client-server API, "Room
// Upgrades"): nobody moves by themselves, and the new room is the portal's from now on.
func (all *portals) follow(old *portal, to id.RoomID) {
	if all.side.places.at(to) != nil {
		return // it is another portal: move has led there
	}
	if !all.begin(func() {
		ctx, cancel := context.WithTimeout(all.side.ctx, actPatience)
		defer cancel()
		if err := all.replace(ctx, old, to); err != nil && all.side.ctx.Err() == nil {
			all.side.Counters.GivenUp.Add(1)
			all.side.log.Warn("matrix: an upgraded room could not be followed", "room", old.room, "to", to, "error", err)
		}
	}) {
		all.side.log.Debug("an upgrade that comes too late", "room", old.room)
	}
}

func (all *portals) replace(ctx context.Context, old *portal, to id.RoomID) error {
	s := all.side
	err := s.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.JoinRoomByID(ctx, to)
		return err
	})
	if err != nil {
		return err
	}
	p := newPortal(all, to, old.room.ID)
	if err := s.options().Rooms.SetMatrixRoom(ctx, store.MatrixRoom{ID: string(to), Kind: kindPortal, Room: p.room}); err != nil {
		return err
	}
	old.run(func(s *portalState) { s.retire() })
	all.forget(ctx, old)
	all.mu.Lock()
	all.byRoom[p.room.ID] = p
	all.mu.Unlock()
	s.places.add(to, p, p.room)
	return all.arrive(s.ctx, p, true)
}

// retire ends what goes on in a room that another one takes the place of. Those
// who come over ask to be let in from there; for the others they leave here.
func (s *portalState) retire() {
	for _, user := range sortedKeys(s.users) {
		u := s.users[user]
		s.forsake(user, u, "This room was replaced. It is not known whether this arrived.")
		if u.phase != userOut {
			s.do(actPublish{bridge.Event{ID: s.newID(), Room: s.room, By: matrixPerson(user), Name: u.nick, Body: bridge.Leave{}}})
		}
		s.drop(user)
	}
	for _, g := range s.crowd.all() {
		s.crowd.gone(g, "")
	}
	s.do(actSettle{})
}

// wantPicture asks the network for the room's picture, and shows it.
func (p *portal) wantPicture(hash string) {
	if hash == "" {
		p.run(func(s *portalState) { s.do(actPicture{}) })
		return
	}
	bot := matrixPerson(p.side.options().Names.BotID())
	room := bridge.Room{Network: bridge.NetworkMatrix, ID: p.room.ID, Owner: bot}
	p.side.directs.ask(bridge.Event{Room: room, By: bot, Body: bridge.Query{What: bridge.QueryAvatar}}, func(b bridge.Body) {
		a, ok := b.(bridge.Answer)
		if !ok || len(a.Rows) == 0 || len(a.Rows[0]) < 2 {
			return
		}
		data, err := base64.StdEncoding.DecodeString(a.Rows[0][1])
		if err != nil || len(data) > 4*maxPicture {
			return
		}
		p.upload(a.Rows[0][0], data)
	})
}

// upload puts a picture of the room onto the homeserver, in passing.
func (p *portal) upload(kind string, data []byte) {
	if !p.side.pictures.box.Offer(func(ctx context.Context) {
		var uri id.ContentURIString
		err := p.side.options().Client.Stream(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
			answer, err := m.UploadBytes(ctx, data, kind)
			if err == nil {
				uri = answer.ContentURI.CUString()
			}
			return err
		})
		if err != nil {
			p.side.log.Info("a room's picture can't be put onto the homeserver", "room", p.room, "error", err)
			return
		}
		p.run(func(s *portalState) { s.do(actPicture{uri}) })
	}) {
		p.side.Counters.Pictures.Add(1)
	}
}

func (p *portal) setPicture(ctx context.Context, uri id.ContentURIString) error {
	return p.side.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.SendStateEvent(ctx, p.id, event.StateRoomAvatar, "", map[string]string{"url": string(uri)})
		return err
	})
}
