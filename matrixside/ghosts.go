package matrixside

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
)

// ghosts are the users on the homeserver who stand for people of other
// networks: who is registered, and what their profiles say. Whoever is in
// none of our rooms any more is registered once more when they come again.
type ghosts struct {
	side *Side

	mu    sync.Mutex
	known map[id.UserID]*ghost
	asked map[string]*ghost // pictures that the core was asked for, by the question's id
}

// maxGhosts bounds the ghosts that are known at once. Beyond it those who are
// in no room of Matrix are forgotten, which costs a request when they come again.
const maxGhosts = 65536

// ghost is what is known of one of them. There are many: it is small, and what
// few have is elsewhere.
type ghost struct {
	user       id.UserID
	who        bridge.Person
	name       string // in the profile; of whoever has the turn
	registered atomic.Bool

	// Under ghosts.mu.
	stays    int32 // rooms of Matrix that they are in
	show     bridge.Show
	told     bool          // presence was told at all
	followed bool          // their own network says that they are there
	turn     bool          // somebody has it, to change the account
	freed    chan struct{} // closed when nobody has it any more; nil while nobody waits for it
	extra    *extra        // nil: the zero extra
}

// extra is what few ghosts have.
type extra struct {
	status string // of their presence
	avatar string // SHA-1 of the picture in the profile, as the core told us
	uri    id.ContentURIString
	wanted string // SHA-1 of the picture that the core was asked for
	later  string // and of the one that it is asked for as soon as they are registered
}

// more is a ghost's extra. The caller has ghosts.mu.
func (k *ghost) more() extra {
	if k.extra == nil {
		return extra{}
	}
	return *k.extra
}

// setMore changes it. The caller has ghosts.mu.
func (k *ghost) setMore(change func(*extra)) {
	e := k.more()
	if change(&e); e == (extra{}) {
		k.extra = nil
		return
	}
	if k.extra == nil {
		k.extra = new(extra)
	}
	*k.extra = e
}

func newGhosts(s *Side) *ghosts {
	return &ghosts{side: s, known: map[id.UserID]*ghost{}, asked: map[string]*ghost{}}
}

// unnamed is who somebody is on Matrix, where nobody is called anything of their own.
func (g *ghosts) unnamed(p bridge.Person) (id.UserID, string) { return g.of(p), "" }

// person is who user stands for, the bot for the Keeper; false also for a ghost of ours
// whose user id had to be cut, as long as nobody has told us whose it is.
func (g *ghosts) person(user id.UserID) (bridge.Person, bool) {
	if user == g.side.options().Names.BotID() {
		return bridge.Keeper, true
	}
	g.mu.Lock()
	known := g.known[user]
	g.mu.Unlock()
	if known != nil {
		return known.who, true
	}
	return g.side.options().Names.Person(user)
}

// behind is who a user is to the core: the person that a ghost stands for, or
// the Matrix user themselves.
func (g *ghosts) behind(user id.UserID) bridge.Person {
	if g.side.isOurs(user) {
		if p, ok := g.person(user); ok {
			return p
		}
	}
	return bridge.Person{Network: bridge.NetworkMatrix, ID: string(user)}
}

// of is who somebody is on Matrix: their ghost, registered or not, or a Matrix
// user themselves.
func (g *ghosts) of(who bridge.Person) id.UserID { return g.side.options().Names.User(who) }

// get is what is known of who's ghost, from now on.
func (g *ghosts) get(who bridge.Person) *ghost { return g.named(g.of(who), who) }

// named is get for somebody whose ghost's id is at hand: it is kept once.
func (g *ghosts) named(user id.UserID, who bridge.Person) *ghost {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.known[user]
	if known == nil {
		if len(g.known) >= maxGhosts {
			g.forgetLocked()
		}
		known = &ghost{user: user, who: who}
		g.known[user] = known
	}
	return known
}

// forgetLocked makes room. Whoever has a ghost that is forgotten goes on with it.
func (g *ghosts) forgetLocked() {
	for user, known := range g.known {
		if known.stays == 0 {
			delete(g.known, user)
		}
	}
}

// recall takes up what was known of a ghost before the restart.
func (g *ghosts) recall(r store.MatrixGhost) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := &ghost{user: id.UserID(r.UserID), who: r.Person, name: r.DisplayName}
	k.setMore(func(e *extra) {
		e.avatar, e.uri, e.wanted = r.AvatarSHA1, id.ContentURIString(r.AvatarMXC), r.AvatarSHA1
	})
	k.registered.Store(r.Registered)
	g.known[k.user] = k
}

// remember keeps what is known of a ghost over a restart. Who has their turn calls it.
func (g *ghosts) remember(ctx context.Context, k *ghost) {
	g.mu.Lock()
	more := k.more()
	g.mu.Unlock()
	err := g.side.options().Ghosts.SetMatrixGhost(ctx, store.MatrixGhost{
		UserID: string(k.user), Person: k.who, DisplayName: k.name,
		AvatarSHA1: more.avatar, AvatarMXC: string(more.uri), Registered: k.registered.Load(),
	})
	if err != nil {
		g.side.log.Warn("what is known of a ghost will be asked for again after a restart", "ghost", k.user, "error", err)
	}
}

// hold waits for the turn to change a ghost's account. release gives it back.
func (g *ghosts) hold(ctx context.Context, k *ghost) error {
	for {
		g.mu.Lock()
		if !k.turn {
			k.turn = true
			g.mu.Unlock()
			return nil
		}
		if k.freed == nil {
			k.freed = make(chan struct{})
		}
		freed := k.freed
		g.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (g *ghosts) release(k *ghost) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k.turn = false
	if k.freed != nil {
		close(k.freed)
		k.freed = nil
	}
}

// ensure returns the ghost of who, registered, with name in the profile unless
// they are in a room of Matrix already: homeservers carry a changed profile
// into all rooms, over the name that somebody has there. It waits for the
// homeserver until ctx ends. An empty name leaves the profile as it is.
func (g *ghosts) ensure(ctx context.Context, who bridge.Person, name string) (id.UserID, error) {
	return g.ensureKnown(ctx, g.get(who), name)
}

// ensureKnown is ensure for a ghost that was looked up.
func (g *ghosts) ensureKnown(ctx context.Context, known *ghost, name string) (id.UserID, error) {
	if err := g.hold(ctx, known); err != nil {
		return "", err
	}
	defer g.release(known)
	err := g.registerHeld(ctx, known)
	if err != nil {
		return "", err
	}
	if known.who == bridge.Keeper {
		if name, err = g.botName(ctx, known, name); err != nil {
			return "", err
		}
	}
	if name == "" || name == known.name {
		return known.user, nil
	}
	g.mu.Lock()
	busy := known.stays > 0
	g.mu.Unlock()
	if busy && known.name != "" {
		return known.user, nil
	}
	err = g.side.options().Client.Do(ctx, known.user, func(ctx context.Context, m *mautrix.Client) error {
		return m.SetDisplayName(ctx, name)
	})
	if err == nil {
		known.name = name
		g.remember(ctx, known)
	}
	return known.user, err
}

// registerHeld makes the account, once in our life.
func (g *ghosts) registerHeld(ctx context.Context, known *ghost) error {
	if known.registered.Load() {
		return nil
	}
	if err := g.side.options().Client.Register(ctx, known.user); err != nil {
		return err
	}
	g.mu.Lock()
	known.registered.Store(true)
	told, picture := known.told, known.more().later
	known.setMore(func(e *extra) { e.later = "" })
	g.mu.Unlock()
	g.remember(ctx, known)
	if told { // before anybody on Matrix could hear of it
		g.tellPresence(known)
	}
	if picture != "" {
		g.setPicture(known.who, picture)
	}
	return nil
}

// ignoreMissing lets pass that there is no such thing yet.
func ignoreMissing(err error) error {
	if errors.Is(err, mautrix.MNotFound) {
		return nil
	}
	return err
}

// exists answers the homeserver's question whether there is such a ghost: it
// is registered then. There is one for everybody who could be there.
func (g *ghosts) exists(ctx context.Context, user id.UserID) bool {
	who, ok := g.side.options().Names.Person(user)
	if !ok {
		return false
	}
	_, err := g.ensure(ctx, who, "")
	if err != nil {
		g.side.log.Warn("a ghost that the homeserver asked for can't be registered", "ghost", user, "error", err)
	}
	return err == nil
}

// entered notes that a ghost is in one more room of Matrix, or with -1 one less.
func (g *ghosts) entered(who bridge.Person, n int) {
	known := g.get(who)
	g.mu.Lock()
	known.stays = max(0, known.stays+int32(n))
	g.mu.Unlock()
}

// call gives a ghost who is in a room a name of their own there.
func (g *ghosts) call(ctx context.Context, user id.UserID, room id.RoomID, name string) error {
	var avatar id.ContentURIString
	g.mu.Lock()
	known := g.known[user]
	g.mu.Unlock()
	if known != nil {
		if err := g.hold(ctx, known); err != nil {
			return err
		}
		g.mu.Lock()
		avatar = known.more().uri
		g.mu.Unlock()
		g.release(known)
	}
	return g.side.do(ctx, user, func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.SendStateEvent(ctx, room, event.StateMember, string(user), &event.MemberEventContent{
			Membership: event.MembershipJoin, Displayname: name, AvatarURL: avatar,
		})
		return err
	})
}

// profileName is the name that a ghost has where none was given to them.
func (g *ghosts) profileName(ctx context.Context, who bridge.Person) string {
	known := g.get(who)
	if g.hold(ctx, known) != nil {
		return ""
	}
	defer g.release(known)
	return known.name
}
