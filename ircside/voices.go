package ircside

import (
	"slices"
	"strings"
	"unicode/utf8"

	"isthmus/bridge"
)

// What operators can say in a channel of somebody for whom the Keeper speaks,
// and who so has no nick that a KICK or a ban could name.
const (
	wordKick  = "!kick"
	wordBan   = "!ban"
	wordUnban = "!unban"
)

// maxVoices bounds the people who are known in a channel by what the Keeper has
// said for them.
const maxVoices = 64

// voice is somebody for whom the Keeper has spoken.
type voice struct {
	who    bridge.Person
	name   string
	banned bool
}

// speaks notes for whom the Keeper speaks, and by what name.
func (ch *channel) speaks(who bridge.Person, name string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	v := voice{who: who}
	if i := slices.IndexFunc(ch.voices, func(v voice) bool { return v.who == who }); i >= 0 {
		v = ch.voices[i]
		ch.voices = slices.Delete(ch.voices, i, i+1)
	} else if len(ch.voices) >= maxVoices {
		ch.voices = slices.Delete(ch.voices, 0, 1)
	}
	v.name = name
	ch.voices = append(ch.voices, v)
}

// named finds whom the text begins with, which may be a name of several words,
// and gives what stands behind it. A native who is called so is meant by nobody
// who speaks to us.
func (ch *channel) named(text string) (v voice, reason string, ok bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	text = strings.ReplaceAll(text, guard, "")
	for _, other := range slices.Backward(ch.voices) { // of namesakes the one who spoke last
		rest, fits := cutName(text, shownName(other.name))
		if fits && len(other.name) > len(v.name) {
			v, reason, ok = other, rest, true
		}
	}
	if ok && ch.obs != nil && ch.obs.member([]byte(v.name)) != nil {
		return voice{}, "", false
	}
	return v, reason, ok
}

// cutName is what stands behind name, in whatever case, at the beginning of text.
// With RELAYMSG a slash and the network may stand behind the name.
func cutName(text, name string) (rest string, ok bool) {
	n := utf8.RuneCountInString(name)
	end := 0
	for range n {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	rest = text[end:]
	if strings.HasPrefix(rest, "/") {
		_, rest, _ = strings.Cut(rest, " ")
		rest = " " + rest
	}
	if name == "" || !strings.EqualFold(text[:end], name) || rest != "" && rest[0] != ' ' {
		return "", false
	}
	return strings.TrimSpace(rest), true
}

// outcast notes that somebody is banned, or not any more.
func (ch *channel) outcast(who bridge.Person, is bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for i := range ch.voices {
		if ch.voices[i].who == who {
			ch.voices[i].banned = is
		}
	}
}

// judgeVoice does what an operator says of somebody for whom the Keeper speaks:
// to the core it is what a KICK, a ban or its end are of a nick. Whom we don't
// know is none of our business: other bots listen to the same words.
func (c *client) judgeVoice(ch *channel, o order) {
	v, reason, ok := ch.named(o.rest)
	if !ok || o.word == wordUnban != v.banned {
		return
	}
	fact := bridge.Event{Room: ch.room, By: v.who, Name: v.name}
	how := bridge.Leave{Cause: bridge.CauseKick, Reason: reason, Actor: o.nick}
	did := " was removed"
	switch o.word {
	case wordUnban:
		fact.By, fact.Name = bridge.Person{}, ""
		fact.Body = bridge.Pardon{Person: v.who, Actor: o.nick}
		did = " is not banned any more"
	case wordBan:
		how.Cause = bridge.CauseBan
		did = " is banned"
		fallthrough
	default:
		fact.Body = how
	}
	ch.outcast(v.who, o.word == wordBan)
	c.net.log.Info("moderated by name", "room", ch.room.ID, "nick", o.nick, "word", o.word, "person", v.who)
	if o.word != wordUnban {
		c.net.turnOut(ch, v.who)
	}
	c.net.side.core.Publish(fact)
	c.net.answer(o.nick, v.name+did+".")
}

// turnOut takes a lodger out, and with the last one the Keeper.
func (n *network) turnOut(ch *channel, who bridge.Person) {
	if !ch.hasLodger(who) {
		return
	}
	c := n.lockClient(bridge.Keeper, false)
	if c == nil {
		return
	}
	defer c.unlock()
	if m := c.room([]byte(ch.name)); m != nil && ch.unlodge(who) && !m.wanted {
		c.exit(m, lastGone)
	}
}
