package mapping

import (
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"isthmus/bridge"
)

const (
	// echoWindow is how long after a message somebody is taken to repeat it.
	echoWindow = 30 * time.Second
	// A namesake's words are taken for a repetition only if they come at once.
	// Those of less bytes are short.
	namesakeWindow = 5 * time.Second
	namesakeText   = 8
	// echoBound is how many messages are remembered for that.
	echoBound = 64
	// echoesMost is how often somebody may seem to repeat others, within
	// echoSpan, before they are taken for a bridge and not carried on: a person
	// may quote another, but not so often. It counts half what a namesake says
	// that is short: two people may say "yes" to something.
	echoesMost = 5
	echoWeight = 2
	echoSpan   = 2 * time.Minute
	// ignoreFor is for how long a bridge is ignored after it repeated something.
	ignoreFor = time.Hour
)

// echoes recognise another bridge in one of the rooms that brings back what
// this one has carried there: its bot says "<rob> hello" after rob's hello, or
// its puppet "rob|irc" says hello. The first repetitions are carried on, since
// they might be a person's, but no line a second time: so a loop dies.
type echoes struct {
	recent  []echo // a ring
	next    int
	suspect map[bridge.Person]*suspicion
}

// echo is a message that has crossed. Its text and name are folded.
type echo struct {
	text, name string
	from       *leg
	at         time.Time
	// repeated tells that somebody has said it again. Who does so after them is no
	// person either: two bridges would go on making puppets of each other's puppets.
	repeated bool
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
	text, name := fold(visible(strings.TrimSpace(m.Text))), fold(e.Name)
	repeated, again := 0, false
	for i := range c.recent {
		r := &c.recent[i]
		if ago := s.now.Sub(r.at); ago <= echoWindow && repeated == 0 {
			repeated = repeats(text, name, k, r, ago)
			again = r.repeated
			r.repeated = r.repeated || repeated == echoWeight
		}
	}
	x := c.suspect[e.By]
	if repeated == 0 {
		c.remember(echo{text: text, name: name, from: k, at: s.now})
		return x != nil && x.bridgeLike() && s.now.Sub(x.last) < echoSpan && (begins(text, name) || namesSomebody(text, c.recent, k, s.now))
	}
	if x == nil || s.now.Sub(x.last) > ignoreFor || !x.bridgeLike() && s.now.Sub(x.since) > echoSpan {
		x = &suspicion{name: e.Name, since: s.now}
		if c.suspect == nil || len(c.suspect) > echoBound {
			c.suspect = map[bridge.Person]*suspicion{}
		}
		c.suspect[e.By] = x
	}
	was := x.bridgeLike()
	x.times += repeated
	x.last = s.now
	if x.bridgeLike() && !was {
		s.log(slog.LevelWarn, "somebody repeats what this bridge has carried: another bridge is in the room; what they repeat is not carried on", "room", k.set.At, "person", e.By, "name", e.Name)
		s.notice(nil, e.Name+" in "+place(k)+" seems to be another bridge. What it repeats is not carried on.")
	}
	return x.bridgeLike() || again && repeated == echoWeight
}

// repeats tells how much it looks as if text, said by name in k, were r's again: in
// a bot's words, with r's name before it, or in those of a puppet of a like name.
// The bot's may be in the very room where r was said: it has gone round then.
func repeats(text, name string, k *leg, r *echo, ago time.Duration) int {
	before, found := strings.CutSuffix(text, r.text)
	switch {
	case !found || r.text == "" || r.name == "":
	case before != "":
		if hasName(before, r.name) {
			return echoWeight
		}
	case r.from != k && ago <= namesakeWindow && name != r.name && strings.Contains(name, r.name):
		if len(text) < namesakeText {
			return 1
		}
		return echoWeight
	}
	return 0
}

// hasName reports whether text has a name in it that is no part of a word. A
// number may be behind it, as bridges have who found the name taken.
func hasName(text, name string) bool {
	for at := strings.Index(text, name); at >= 0; {
		end := at + len(name)
		last, _ := utf8.DecodeLastRuneInString(text[:at])
		next, _ := utf8.DecodeRuneInString(text[end:])
		if !unicode.IsLetter(last) && !unicode.IsDigit(last) && !unicode.IsLetter(next) {
			return true
		}
		again := strings.Index(text[end:], name)
		if at = end + again; again < 0 {
			return false
		}
	}
	return false
}

// visible is text without what a relay hides in names so that it highlights nobody.
func visible(text string) string { return strings.ReplaceAll(text, "\u200b", "") }

// namesSomebody reports whether text begins with the name of who spoke in
// another room just now, as a bridge's repetition of an edited or cut message does.
func namesSomebody(text string, recent []echo, k *leg, now time.Time) bool {
	for i := range recent {
		r := &recent[i]
		if r.from != k && now.Sub(r.at) <= echoWindow && begins(text, r.name) {
			return true
		}
	}
	return false
}

// foreign reports whether a name looks like that of another bridge's puppet, which
// is called "rob[xmpp]" where rob is taken, as ours are. They get no puppets: those
// would be brought back by the other bridge, and so on.
func (s *state) foreign(name string) bool {
	network, rest, closed := strings.Cut(name[strings.LastIndexByte(name, '[')+1:], "]")
	return closed && strings.Trim(rest, "_0123456789") == "" && s.network(network)
}

// network reports whether something is the name of a network.
func (s *state) network(name string) bool {
	return name == bridge.NetworkXMPP || name == bridge.NetworkMatrix ||
		slices.ContainsFunc(s.legs, func(k *leg) bool { return k.set.At.Network == name })
}

// begins reports whether text begins with somebody's name, in brackets perhaps.
func begins(text, name string) bool {
	at := strings.Index(text, name)
	return len(name) > 1 && at >= 0 && at <= 4
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
