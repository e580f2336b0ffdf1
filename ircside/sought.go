package ircside

import (
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
)

// sought is somebody whom a moderator means, as far as the channel knows them.
type sought struct {
	identity
	person bridge.Person
	here   bool // they are in the channel
	known  bool // they are, or were until lately
}

// seek finds who is meant by a name in the channel, or by who they are, which
// counts for more: a nick may be somebody else's by now.
func (ch *channel) seek(name string, who bridge.Person) sought {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	nick := name
	if who.Network == ch.net.name {
		nick = who.ID
	}
	s := sought{identity: identity{nick: nick}, person: who}
	if who == (bridge.Person{}) {
		s.person = bridge.Person{Network: ch.net.name, ID: nick}
	}
	if ch.obs == nil {
		return s
	}
	n := ch.obs.member([]byte(nick))
	if who != (bridge.Person{}) && who.Network != ch.net.name && (n == nil || n.ours != who) {
		n = ch.obs.memberOf(who)
	}
	if n != nil {
		return sought{n.identity(), ch.obs.person(n), true, true}
	}
	if who != (bridge.Person{}) && who.Network != ch.net.name {
		nick = ""
	}
	if l, ok := ch.obs.bans.lastOf(ch.obs.table, nick, who); ok {
		return sought{l.identity, l.person, false, true}
	}
	return s
}

// memberOf is one of ours who is in the channel, nil if they are not.
func (o *observer) memberOf(who bridge.Person) *member {
	for n := range o.members.Values() {
		if n.ours == who {
			return n
		}
	}
	return nil
}

// maskOf is what to ban somebody by: the host, since a nick is changed in no
// time. All of ours have one host, and perhaps natives share it: then it is
// user and host, and the nick where that would be one of ours. Without a host
// it is the account, if the network can ban that, or the nick.
func (ch *channel) maskOf(t *isupport.Table, s sought) string {
	byNick := s.nick + "!*@*"
	user, host, ok := strings.Cut(s.userhost, "@")
	if !ok || host == "" {
		if mask := accountBan(t, s.account); mask != "" {
			return mask
		}
		return byNick
	}
	masks := []string{"*!*@" + host, "*!" + user + "@" + host}
	if s.person.Network != ch.net.name {
		masks = masks[1:]
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for _, mask := range masks {
		b := parseBan(t, mask)
		if !ch.obs.anyOfOurs(func(n *member) bool { return n.ours != s.person && b.fits(t, n.identity()) }) {
			return mask
		}
	}
	return byNick
}

func (o *observer) anyOfOurs(is func(*member) bool) bool {
	if o == nil {
		return false
	}
	for n := range o.members.Values() {
		if !o.native(n) && is(n) {
			return true
		}
	}
	return false
}

// banned notes for whom a ban is that we have set, which the observer can't
// tell of who is not in the channel.
func (ch *channel) banned(mask, actor string, who bridge.Person) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.obs == nil || ch.watcher == nil {
		return
	}
	b, _ := ch.obs.bans.note(ch.obs.table, 'b', mask, actor, time.Now(), true)
	b.names(who)
}

// bansOf are the masks of the bans that were noted for somebody.
func (ch *channel) bansOf(who bridge.Person) (masks []string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.obs == nil {
		return nil
	}
	for _, b := range ch.obs.bans.of(who) {
		if b.mode == 'b' && !b.ahead {
			masks = append(masks, b.raw)
		}
	}
	slices.Sort(masks)
	return masks
}
