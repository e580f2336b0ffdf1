package matrixside

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/time/rate"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/client"
)

// actPatience is for how long one thing is tried while the homeserver is away, or
// answers that it can't; what takes longer is given up, counted and logged.
const actPatience = 10 * time.Minute

// act does one thing. It may wait for the homeserver, and then holds up what
// comes in the same room after it, from the same direction.
func (p *portal) act(a act) {
	switch a := a.(type) {
	case actPublish:
		p.side.core.Publish(a.event)
	case actDone:
		a.done()
	case actFlush:
		p.flush(a.user)
	case actSettle:
		p.settle()
	case actSay:
		p.say(a)
	case actTyping:
		p.side.tellTyping(p.id, a.ghost, a.on, p.signals)
	case actRead:
		p.side.tellReceipt(p.id, a.ghost, a.event, p.signals)
	case actPresence:
		p.side.ghosts.setPresence(a.who, a.presence)
	case actProfile:
		p.side.ghosts.setPicture(a.who, a.avatar)
	case actMoved:
		p.move(a)
	case actLooks:
		p.side.pictures.want(a.avatar, func(hash string) {
			p.run(func(s *portalState) { s.looks(a.user, a.avatar, hash) })
		})
	case actRetry:
		p.all.retry(p)
	case actAvatar:
		p.wantPicture(a.hash)
	case actFollow:
		p.all.follow(p, a.to)
	default:
		p.report(a, p.side.persist(func(ctx context.Context) error { return p.request(ctx, a) }))
	}
}

// persist does something on Matrix: until it is done or refused, for
// actPatience while the homeserver says that it can't, and for as long as it
// takes while there is no homeserver. f must be safe to repeat.
func (s *Side) persist(f func(context.Context) error) error {
	for {
		ctx, cancel := context.WithTimeout(s.ctx, actPatience)
		err := f(ctx)
		cancel()
		var gaveUp *client.GaveUpError
		if !errors.As(err, &gaveUp) || s.ctx.Err() != nil || s.options().Client.Up() {
			return err
		}
	}
}

// report counts what could not be done on Matrix.
func (p *portal) report(a act, err error) {
	if err == nil || p.side.ctx.Err() != nil {
		return
	}
	p.side.Counters.GivenUp.Add(1)
	p.side.log.Warn("matrix: not done in a portal room", "room", p.room, "what", fmt.Sprintf("%T", a), "error", err)
}

// request does what is one request in the name of the bot, or of a ghost.
func (p *portal) request(ctx context.Context, a act) error {
	c := p.side.options().Client
	switch a := a.(type) {
	case actNotice:
		return p.notice(ctx, a)
	case actKick:
		p.side.log.Info("matrix: a user is put out of a portal room", "room", p.room, "user", a.user, "reason", a.reason)
		return ignoreGone(c.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.KickUser(ctx, p.id, &mautrix.ReqKickUser{UserID: a.user, Reason: cleanLine(a.reason, 500)})
			return err
		}))
	case actReadmit:
		if a.ban {
			if err := c.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
				_, err := m.UnbanUser(ctx, p.id, &mautrix.ReqUnbanUser{UserID: a.ghost})
				return err
			}); err != nil {
				return err
			}
		}
		return p.enter(ctx, a.ghost)
	case actDecline:
		return ignoreGone(p.leave(ctx, a.ghost, a.reason))
	case actState:
		content := map[string]string{"topic": a.text}
		if a.kind == event.StateRoomName {
			content = map[string]string{"name": a.text}
		}
		return c.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.SendStateEvent(ctx, p.id, a.kind, "", content)
			return err
		})
	case actPowers:
		return p.setPowers(ctx, a.levels)
	case actList:
		o := p.side.options().Portals
		var listed, shown error
		if o.Published {
			listed = p.side.list(ctx, p.id, a.public)
		}
		if o.Spaces {
			shown = p.all.spaces.show(ctx, p, a.public)
		}
		return errors.Join(listed, shown)
	case actPicture:
		return p.setPicture(ctx, a.uri)
	}
	panic(fmt.Sprintf("matrixside: unknown act %T", a))
}

// ignoreGone is for what makes somebody go: that they have gone is fine.
func ignoreGone(err error) error {
	if f := client.Failure(err); err != nil && (f.Kind == bridge.ErrNotInRoom || f.Kind == bridge.ErrNoPrivileges || f.Kind == bridge.ErrNotFound) {
		return nil
	}
	return err
}

// list shows a room in the homeserver's directory, or hides it there
// (client-server API, PUT /directory/list/room).
func (s *Side) list(ctx context.Context, room id.RoomID, public bool) error {
	visibility := "private"
	if public {
		visibility = "public"
	}
	return s.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.MakeRequest(ctx, http.MethodPut, m.BuildClientURL("v3", "directory", "list", "room", room),
			map[string]string{"visibility": visibility}, nil)
		return err
	})
}

// flush publishes what a user has said while their Join was under way.
func (p *portal) flush(user id.UserID) {
	for {
		p.mu.Lock()
		held := p.state.flushed(user)
		p.mu.Unlock()
		if len(held) == 0 {
			return
		}
		for _, h := range held {
			p.run(func(s *portalState) {
				if u := s.users[user]; u != nil {
					s.speak(h.event, u, h.done)
				} else {
					s.finish(h.done)
				}
			})
		}
	}
}

// notice says something in the bot's name.
func (p *portal) notice(ctx context.Context, a actNotice) error {
	content := &event.MessageEventContent{MsgType: event.MsgNotice, Body: a.text, Mentions: &event.Mentions{}}
	if a.to != "" {
		content.Mentions.UserIDs = []id.UserID{a.to}
		p.mu.Lock()
		u := p.state.users[a.to]
		if u != nil && a.reply == "" {
			content.Body = u.name + ": " + a.text
		}
		p.mu.Unlock()
	}
	if a.reply != "" {
		content.RelatesTo = (&event.RelatesTo{}).SetReplyTo(a.reply)
	}
	_, err := send(ctx, p.side.options().Client.Do, p.id, "", content, client.TransactionID(bridge.NewID(), "", 0))
	return err
}

// say shows a message in the name of a ghost, which comes in first if it isn't
// there. For who can't have one, the bot speaks and says for whom.
func (p *portal) say(a actSay) {
	p.report(a, p.side.persist(func(ctx context.Context) error { return p.trySay(ctx, a) }))
}

func (p *portal) trySay(ctx context.Context, a actSay) error {
	as := a.ghost
	if as != "" {
		p.mu.Lock()
		_, in, may := p.state.crowd.entry(as)
		p.mu.Unlock()
		if !in && (!may || p.enter(ctx, as) != nil) {
			as = ""
		}
	}
	first, err := p.sayAs(ctx, as, a.event)
	if as != "" && isForbidden(err) { // put out, and we have not been told yet
		if p.enter(ctx, as) == nil {
			first, err = p.sayAs(ctx, as, a.event)
		} else {
			first, err = p.sayAs(ctx, "", a.event)
		}
	}
	if first != "" {
		p.mu.Lock()
		p.state.shown.add(a.event.ID, first)
		p.mu.Unlock()
	}
	return err
}

func isForbidden(err error) bool {
	var e mautrix.HTTPError
	return errors.As(err, &e) && e.Response != nil && e.Response.StatusCode == http.StatusForbidden
}

// sayAs says a message as a ghost or, where as is "", as the bot, whose text
// then says for whom.
func (p *portal) sayAs(ctx context.Context, as id.UserID, e bridge.Event) (first id.EventID, err error) {
	m := e.Body.(bridge.Message)
	if as == "" {
		m = attributed(m, e)
	}
	return p.side.say(ctx, p.side.options().Client.Do, p.id, as, e.ID, m, p.called)
}

// called is who somebody is on Matrix, and what they are called in the room, "" for who isn't there.
func (p *portal) called(who bridge.Person) (id.UserID, string) {
	user := p.side.ghosts.of(who)
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.state.users[user]; u != nil {
		return user, u.name
	}
	return user, p.state.crowd.name(user)
}

// tellReceipt tells that a ghost has read as far as an event.
func (s *Side) tellReceipt(room id.RoomID, ghost id.UserID, ev id.EventID, budget *rate.Limiter) {
	if !budget.Allow() {
		s.Counters.Signals.Add(1)
		return
	}
	s.signals.send(ghost, func(ctx context.Context, m *mautrix.Client) error {
		return m.SendReceipt(ctx, room, ev, event.ReceiptTypeRead, struct{}{})
	})
}

// setPowers changes some of the room's power levels.
func (p *portal) setPowers(ctx context.Context, levels map[id.UserID]int) error {
	p.powers.Lock()
	defer p.powers.Unlock()
	return p.side.options().Client.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		all, err := p.readPowers(ctx, m)
		if err != nil {
			return err
		}
		if all.Users == nil {
			all.Users = map[id.UserID]int{}
		}
		changed := false
		for user, level := range levels {
			if user == m.UserID || all.Users[user] == level {
				continue
			}
			if all.Users[user] = level; level == all.UsersDefault {
				delete(all.Users, user)
			}
			changed = true
		}
		if !changed {
			return nil
		}
		_, err = m.SendStateEvent(ctx, p.id, event.StatePowerLevels, "", all)
		return err
	})
}

// readPowers reads the room's power levels. A Dendrite may not find for a
// moment what was written just now.
func (p *portal) readPowers(ctx context.Context, m *mautrix.Client) (*event.PowerLevelsEventContent, error) {
	for try := 1; ; try++ {
		var all event.PowerLevelsEventContent
		err := m.StateEvent(ctx, p.id, event.StatePowerLevels, "", &all)
		if try == 5 || !errors.Is(err, mautrix.MNotFound) {
			return &all, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(try) * 100 * time.Millisecond):
		}
	}
}

// settle brings ghosts in and out, on a goroutine that is there while any is due.
func (p *portal) settle() {
	p.mu.Lock()
	idle := !p.settling
	p.settling = true
	p.mu.Unlock()
	if idle && !p.all.begin(p.settleAll) {
		p.mu.Lock()
		p.settling = false
		p.mu.Unlock()
	}
}

func (p *portal) settleAll() {
	for {
		p.mu.Lock()
		g, due, ok := p.state.crowd.next()
		p.settling = ok
		p.mu.Unlock()
		if !ok || p.all.pace.Wait(p.side.ctx) != nil {
			return
		}
		ctx, cancel := context.WithTimeout(p.side.ctx, actPatience)
		var err error
		switch {
		case !due.wanted:
			if err = p.leave(ctx, g, due.reason); err == nil || ignoreGone(err) == nil {
				err = nil
				p.run(func(s *portalState) { s.crowd.did(g, false) })
			}
		case due.in:
			err = p.call(ctx, g, due.name)
		default:
			err = p.enter(ctx, g)
		}
		cancel()
		p.run(func(s *portalState) { s.crowd.over(g) })
		if err != nil && p.side.ctx.Err() == nil {
			p.side.Counters.GivenUp.Add(1)
			p.side.log.Warn("matrix: a ghost could not come or go", "room", p.room, "ghost", g, "error", err)
		}
	}
}

// enter brings a ghost into the room.
func (p *portal) enter(ctx context.Context, g id.UserID) error {
	p.mu.Lock()
	who, _, _ := p.state.crowd.entry(g)
	p.mu.Unlock()
	if who.person == (bridge.Person{}) {
		return errors.New("there is no such person in the room")
	}
	if _, err := p.side.ghosts.ensureKnown(ctx, p.side.ghosts.named(g, who.person), who.name); err != nil {
		return err
	}
	c := p.side.options().Client
	join := func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.JoinRoomByID(ctx, p.id)
		return err
	}
	err := c.Do(ctx, g, join)
	if err != nil && client.Failure(err).Kind == bridge.ErrBanned { // but not there, where they are in
		// Whether that worked, or somebody else was faster, is seen by whether they can join.
		_ = c.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.UnbanUser(ctx, p.id, &mautrix.ReqUnbanUser{UserID: g})
			return err
		})
		err = c.Do(ctx, g, join)
	}
	if err != nil {
		return err
	}
	p.run(func(s *portalState) { s.crowd.did(g, true) })
	return p.call(ctx, g, who.name)
}

// call gives a ghost who is in the room their name there, if it isn't that of
// their profile.
func (p *portal) call(ctx context.Context, g id.UserID, name string) error {
	p.mu.Lock()
	who, _, _ := p.state.crowd.entry(g)
	p.mu.Unlock()
	called := cmp.Or(who.called, p.side.ghosts.profileName(ctx, who.person))
	if called != name {
		if err := p.side.ghosts.call(ctx, g, p.id, name); err != nil {
			return err
		}
	}
	p.run(func(s *portalState) { s.crowd.named(g, name) })
	return nil
}

func (p *portal) leave(ctx context.Context, g id.UserID, reason string) error {
	return p.side.options().Client.Do(ctx, g, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.LeaveRoom(ctx, p.id, &mautrix.ReqLeave{Reason: cleanLine(reason, 500)})
		return err
	})
}
