package ircside

import (
	"context"

	"isthmus/bridge"
)

// keeperQueue is how many lines may wait to be said by the keeper, who speaks
// for many.
const keeperQueue = 1000

// DefaultRelay is how the keeper is where nobody says otherwise.
var DefaultRelay = Relay{
	Nick: "isthmus", Realname: "Isthmus, the bridge of this channel", Template: "<{name}> ",
	Colour: true, Relaymsg: true, Guard: true,
}

// Relay is how the keeper (bridge.Keeper) is on a network: the bridge itself,
// by one session, in all channels that are mapped. It speaks there for those
// who have no session of their own.
type Relay struct {
	Nick, Realname    string // "" means that of DefaultRelay
	Account, Password string // of services; "" for none
	// Template is what stands before each line that it says for somebody, with
	// {name} and {network} for who that is; "" means that of DefaultRelay.
	Template string
	Colour   bool // of names, each always the same
	Guard    bool // names in it highlight nobody in the channel
	// Relaymsg says it under a name like theirs where the server has RELAYMSG
	// and lets the keeper.
	Relaymsg bool
}

// keeper reports whether c is the keeper's: no limits hold for it.
func (c *client) keeper() bool { return c.who() == bridge.Keeper }

// inform is the bridge's own word to a channel, or to one of its natives. It
// is not answered; that it could not be sent is counted.
func (c *client) inform(e bridge.Event, b bridge.Info) {
	m := c.room([]byte(e.Room.ID))
	if m == nil || !m.joined || c.phase != phaseUp {
		c.net.side.unsaid(e, "not in the channel")
		return
	}
	target := m.ch.name
	if e.By.Network == c.net.name && isNick(e.By.ID, c.sess.ISupport()) {
		target = e.By.ID
	}
	said := bridge.Message{Text: b.Text, Notice: true}
	for _, words := range pieces(said, nil, c.roomFor(c.sess.Nick(), "NOTICE", target)) {
		if err := c.sess.Send("NOTICE", target, words); err != nil {
			c.net.side.unsaid(e, err.Error())
			return
		}
	}
}

func (s *Side) unsaid(e bridge.Event, why string) {
	s.Counters.Unsaid.Add(1)
	s.log.Warn("a notice was not sent", "room", e.Room, "why", why)
}

// loginOf is how somebody wants to be known here.
func (n *network) loginOf(ctx context.Context, who bridge.Person) (Login, error) {
	if who == bridge.Keeper {
		relay := n.set.Load().Relay
		return Login{Account: relay.Account, Password: relay.Password}, nil
	}
	return n.side.logins.Login(ctx, who, n.name)
}
