package mapping

import (
	"log/slog"
	"strings"
	"time"

	"isthmus/bridge"
)

const (
	// echoWindow is how long after a message somebody is taken to repeat it.
	echoWindow = 30 * time.Second
	// echoBound is how many messages are remembered for that.
	echoBound = 64
	// echoesMost is how often somebody may seem to repeat others, within
	// echoSpan, before they are taken for a bridge and not carried on: a person
	// may quote another, but not so often.
	echoesMost = 2
	echoSpan   = 2 * time.Minute
	// ignoreFor is for how long a bridge is ignored after it repeated something.
	ignoreFor = time.Hour
)

// echoes recognise another bridge in one of the rooms that brings back what
// this one has carried there: its bot says "<rob> hello" after rob's hello, or
// its puppet "rob|irc" says hello. The first repetitions are carried on, since
// they might be a person's, so that a loop dies after as many rounds.
type echoes struct {
	recent  []echo // a ring
	next    int
	suspect map[bridge.Person]*suspicion
}

// echo is a message that has crossed.
type echo struct {
	text, name string
	from       *leg
	at         time.Time
}

// suspicion is how often somebody has repeated others.
type suspicion struct {
	name  string
	times int
	since time.Time
	last  time.Time
}

// bridgeLike reports whether it is no person any more.
func (x *suspicion) bridgeLike() bool { return x.times > echoesMost }

// repeats reports whether a message is not to be carried on, since it comes
// from another bridge and is one that this bridge has carried already. It
// remembers the message.
func (c *echoes) repeats(s *state, k *leg, e bridge.Event, m bridge.Message) bool {
	text := strings.TrimSpace(m.Text)
	repeated := false
	for i := range c.recent {
		r := &c.recent[i]
		if s.now.Sub(r.at) <= echoWindow && r.from != k && repeatsText(text, e.Name, r) {
			repeated = true
			break
		}
	}
	x := c.suspect[e.By]
	if !repeated {
		c.remember(echo{text, e.Name, k, s.now})
		return x != nil && x.bridgeLike() && s.now.Sub(x.last) < echoSpan && namesSomebody(text, c.recent, k, s.now)
	}
	if x == nil || s.now.Sub(x.last) > ignoreFor || !x.bridgeLike() && s.now.Sub(x.since) > echoSpan {
		x = &suspicion{name: e.Name, since: s.now}
		if c.suspect == nil || len(c.suspect) > echoBound {
			c.suspect = map[bridge.Person]*suspicion{}
		}
		c.suspect[e.By] = x
	}
	x.times++
	x.last = s.now
	if x.times == echoesMost+1 {
		s.log(slog.LevelWarn, "somebody repeats what this bridge has carried: another bridge is in the room; what they repeat is not carried on", "room", k.set.At, "person", e.By, "name", e.Name)
		s.notice(nil, e.Name+" in "+place(k)+" seems to be another bridge. What it repeats is not carried on.")
	}
	return x.bridgeLike()
}

// repeatsText reports whether text, said by name, is r's again: in a bot's
// words, with r's name before it, or in those of a puppet of a like name.
func repeatsText(text, name string, r *echo) bool {
	before, found := strings.CutSuffix(text, r.text)
	if !found || r.text == "" {
		return false
	}
	if before == "" {
		return fold(name) != fold(r.name) && strings.Contains(fold(name), fold(r.name))
	}
	return strings.Contains(fold(before), fold(r.name)) || strings.Contains(fold(before), fold(visible(r.name)))
}

// visible is a name without what a relay hides in it so that it highlights nobody.
func visible(name string) string { return strings.ReplaceAll(name, "\u200b", "") }

// namesSomebody reports whether text begins with the name of who spoke in
// another room just now, as a bridge's repetition of an edited or cut message does.
func namesSomebody(text string, recent []echo, k *leg, now time.Time) bool {
	for i := range recent {
		r := &recent[i]
		if r.from != k && now.Sub(r.at) <= echoWindow && len(r.name) > 1 {
			if at := strings.Index(fold(text), fold(r.name)); at >= 0 && at <= 4 {
				return true
			}
		}
	}
	return false
}

func (c *echoes) remember(r echo) {
	if len(c.recent) < echoBound {
		c.recent = append(c.recent, r)
		return
	}
	c.recent[c.next] = r
	c.next = (c.next + 1) % echoBound
}

// ignored are those in a room who are taken for bridges.
func (c *echoes) ignored(k *leg, now time.Time) []Ignored {
	var all []Ignored
	for _, p := range sorted(c.suspect) {
		if x := c.suspect[p]; x.bridgeLike() && k.natives[p] != nil && now.Sub(x.last) < ignoreFor {
			all = append(all, Ignored{Name: x.name, Why: "repeats what this bridge carries", At: x.last})
		}
	}
	return all
}
