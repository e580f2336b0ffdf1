package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// preset is what a public network asks of those who bridge to it. What the
// file says itself counts before it.
type preset struct {
	policy   string // cmp.Or open
	gateway  string // cmp.Or sessions
	messages string // cmp.Or all
	sessions int    // of people, beside the bridge's own; 0 where the network names no number
	as       string // in mapped channels; cmp.Or that of every IRC network
	// alone forbids that one channel reach another IRC network through us.
	alone bool
}

// presets are what the networks themselves have written, as read in November
// 2026. All of them want to know whom to turn to, so each needs a contact; what
// is asked of all bots (bot mode, a realname that says what it is) is done on
// every network. A network that isn't here has written nothing that a setting
// could hold.
var presets = map[string]preset{
	// https://libera.chat/policies "Bots" (2026-05-30): labelled and attributable by
	// cloak or realname, into channels only with their operators' permission.
	// https://libera.chat/guides/matrix: one puppet rather than one to one, no
	// roaming, no messages to arbitrary users, no double-bridging of IRC to IRC.
	"libera": {policy: PolicyConsent, messages: MessagesKnown, as: AsRelay, alone: true},
	// Nothing written about bridges: the courtesy that Libera.Chat asks for.
	"oftc": {policy: PolicyConsent, messages: MessagesKnown, as: AsRelay},
	// https://www.hackint.org/transport/matrix: rooms are plumbed when an operator
	// of the channel asks for it.
	"hackint": {policy: PolicyConsent, messages: MessagesKnown, as: AsRelay},
	// https://esper.net/bots.php "Bridge bots": permission beforehand, and no
	// connection per user of the other side.
	"esper": {policy: PolicyConsent, gateway: GatewayRelay, messages: MessagesKnown, sessions: 1, as: AsRelay},
	// https://www.quakenet.org/help/trusts/what-is-a-trust: 5 from one address, or
	// a trust.
	"quakenet": {policy: PolicyMapped, messages: MessagesKnown, sessions: 4, as: AsRelay},
	// https://wiki.rizon.net "Connection/Session Limit Exemptions": the fifth from
	// one address has all of them banned.
	"rizon": {policy: PolicyMapped, messages: MessagesKnown, sessions: 3, as: AsRelay},
	// https://docs.dal.net/docs/general.html "Cloning": one or two, by server.
	"dalnet": {policy: PolicyMapped, gateway: GatewayRelay, messages: MessagesKnown, sessions: 1, as: AsRelay},
}

func presetNames() string { return strings.Join(slices.Sorted(maps.Keys(presets)), ", ") }

// preset fills in what the file leaves to the preset.
func (c *checker) preset(path string, n *Network) {
	if n.Preset == "" {
		return
	}
	p, known := presets[n.Preset]
	if !known {
		c.fail(path+".preset", "is not known: use one of %s, or none", presetNames())
		return
	}
	if n.Contact == "" {
		c.fail(path+".contact", "is missing: %s wants to know whom to turn to; give a URI, as in mailto:admin@example.org", n.Preset)
	}
	fill(c, path+".policy", &n.Policy, p.policy)
	fill(c, path+".gateway", &n.Gateway, p.gateway)
	fill(c, path+".private_messages", &n.PrivateMessages, p.messages)
	fill(c, path+".sessions", &n.Sessions, p.sessions)
	fill(c, path+".mapped.as", &n.Mapped.As, p.as)
	if p.sessions > 0 && c.given(path+".sessions") && n.Sessions > p.sessions {
		c.warn(path+".sessions", "%s has room for %d from one address, beside the bridge itself; more only if it has agreed", n.Preset, p.sessions)
	}
}

// fill sets what the file doesn't say to what is asked, if anything is.
func fill[T comparable](c *checker, path string, value *T, asked T) {
	if !c.given(path) {
		*value = cmp.Or(asked, *value)
	}
}
