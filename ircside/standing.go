package ircside

import (
	"cmp"
	"time"

	"isthmus/bridge"
)

// unwelcomeWait is how long the Keeper stays away from a network that has
// thrown it out, if it is there for nothing but to be called.
const unwelcomeWait = time.Hour

// stand has the Keeper be on a network without being in any channel, for
// operators to let us in, or to take back that they don't: where that is how
// one gets into channels, and where somebody wants us not.
func (n *network) stand() {
	if n.unlisted.Load() {
		return
	}
	wanted := n.set.Load().Policy == PolicyConsent || len(n.side.ledger.refusing(n.name)) > 0
	c := n.lockClient(bridge.Keeper, wanted)
	if c == nil {
		return
	}
	defer c.unlock()
	c.standing = wanted
	if wanted {
		if why, ok := c.connect(); !ok {
			n.log.Warn("the keeper can't connect", "error", why.Text)
		}
	} else {
		c.lingerIfIdle()
	}
}

// standAll is stand on every network that is listed.
func (s *Side) standAll() {
	if err := s.ledger.load(); err != nil {
		s.log.Error("what operators of channels said can't be read", "error", err)
	}
	opts := s.opts.Load()
	for name := range opts.Networks {
		if opts.Networks[name].Policy != PolicyConsent && len(s.ledger.refusing(name)) == 0 {
			continue
		}
		if n, ok := s.network(name, true); ok && n != nil {
			n.stand()
		}
	}
}

// keeperNick is what the Keeper is called, or would be.
func (n *network) keeperNick() string {
	return cmp.Or(n.nickOf(bridge.Keeper), n.set.Load().Relay.Nick, DefaultRelay.Nick)
}
