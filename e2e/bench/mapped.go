package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"isthmus/e2e/bench/fakeirc"
	"isthmus/e2e/fakehs"
)

// mapping is what a bridge is to make one conversation of: mappedChannel, the
// room mucJID and, where there is a homeserver, mappedAlias.
type mapping struct {
	people int    // natives in each of the rooms; 0 where nothing is mapped
	links  string // how Isthmus is told
	flood  bool   // its flood control is as it comes
}

// software is what the homeserver says to be, if more ghosts are to stand in a room
// than any homeserver bears.
func (m mapping) software() string {
	if m.people > 0 {
		return "Synapse"
	}
	return ""
}

const (
	mappedChannel = "#bench"
	mappedAlias   = "#bench"
)

// bareJID is jid without its resource.
func bareJID(jid string) string {
	bare, _, _ := strings.Cut(jid, "/")
	return bare
}

// The names of natives of the mapped rooms: on IRC, in the MUC and on Matrix.
func (m mapping) onIRC() []string { return natives(m.people) }
func (m mapping) inMUC() []string { return m.names("u") }
func (m mapping) atHS() []string  { return m.names("m") }

func (m mapping) names(letter string) []string {
	names := make([]string, m.people)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", letter, i)
	}
	return names
}

// furnish makes the rooms on IRC and XMPP, with their natives in them.
func (s *stage) furnish() {
	m := s.kind.mapped
	s.irc.AddNatives(mappedChannel, m.onIRC())
	s.muc = &muc{xmpp: s.xmpp, locals: m.inMUC(), guests: make(map[string]string)}
}

// furnishMatrix makes the room on Matrix, with its natives in it.
func (s *stage) furnishMatrix() {
	names := s.kind.mapped.atHS()
	s.mappedRoom = s.hs.User(names[0]).CreateRoom(fakehs.RoomOptions{Alias: mappedAlias[1:], Public: true})
	for _, name := range names[1:] {
		s.hs.User(name).Join(s.mappedRoom)
	}
}

// mapped reports whether the bridge is in the rooms that are mapped.
func (s *stage) mapped() bool {
	if s.kind.matrix && len(s.hs.Members(s.mappedRoom, "join")) <= s.kind.mapped.people {
		return false
	}
	return len(s.irc.Guests(mappedChannel)) > 0 && s.muc.count() > 0
}

// speakers is one of the mapped rooms, where its natives speak in turn.
type speakers struct {
	names []string
	say   func(name string, lines ...string) error
	said  int
}

func (s *stage) ircSpeakers() *speakers {
	return &speakers{names: s.kind.mapped.onIRC(), say: func(name string, lines ...string) error {
		s.irc.Say(name, mappedChannel, lines...)
		return nil
	}}
}

func (s *stage) mucSpeakers() *speakers {
	return &speakers{names: s.kind.mapped.inMUC(), say: s.muc.say}
}

func (s *stage) hsSpeakers() *speakers {
	return &speakers{names: s.kind.mapped.atHS(), say: func(name string, lines ...string) error {
		for _, line := range lines {
			s.hs.User(name).Say(s.mappedRoom, line)
		}
		return nil
	}}
}

// speak has the next ones say n lines, each one line, which others expect.
func (p *speakers) speak(n int, others ...*crossing) error {
	for range n {
		name := p.names[p.said%len(p.names)]
		for _, c := range others {
			c.sending()
		}
		if err := p.say(name, fmt.Sprintf("%s says %d", name, p.said)); err != nil {
			return err
		}
		p.said++
	}
	return nil
}

// crossing expects in one room what the natives of another one say: each line
// once, in the order that they were said, and as theirs.
type crossing struct {
	tally
	from      string // the first letter of the speakers' names
	first     int    // number of the first line
	seen      []bool
	highest   int
	late      int               // came after a later one
	names     map[string]string // speaker by how they are called here
	sent      []time.Time
	latencies []time.Duration
	loose     bool // lines may be late
}

// expect is a crossing of the next n lines of p.
func (p *speakers) expect(n int) *crossing {
	return &crossing{tally: newTally(n), from: p.names[0][:1], first: p.said, seen: make([]bool, n), highest: -1,
		names: make(map[string]string)}
}

// sending notes when the next line is said.
func (c *crossing) sending() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, time.Now())
}

// refuse is that a line came that has no place here.
func (c *crossing) refuse(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail("nobody expects %q", line)
}

// take takes a line of a speaker whom this room calls name.
func (c *crossing) take(name, speaker, number string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := strconv.Atoi(number)
	n -= c.first
	before := c.names[name]
	switch {
	case err != nil || n < 0 || n >= len(c.seen):
		c.fail("nobody expects line %q of %s", number, speaker)
	case before != "" && before != speaker:
		c.fail("%s is called %s, as %s is", speaker, name, before)
	case c.seen[n]:
		c.fail("twice: line %s of %s", number, speaker)
	case n < c.highest && !c.loose:
		c.fail("line %s came after line %d", number, c.highest+c.first)
	default:
		c.names[name], c.seen[n] = speaker, true
		if n < c.highest {
			c.late++
		}
		c.highest = max(c.highest, n)
		c.latencies = append(c.latencies, at.Sub(c.sent[n]))
		c.count(at)
	}
}

// plain is text without what doesn't show: colours of IRC, and what keeps the
// people named from being highlighted.
func plain(text string) string {
	var b strings.Builder
	skip := 0
	for _, r := range text {
		switch {
		case r == '\x03':
			skip = 2
		case skip > 0 && unicode.IsDigit(r):
			skip--
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			skip = 0
		default:
			skip = 0
			b.WriteRune(r)
		}
	}
	return b.String()
}

// watchMapped sets who expects what in the mapped rooms from now on.
func (s *stage) watchMapped(onIRC, inMUC, atHS []*crossing) {
	s.watch(nil, func(m fakeirc.Message) {
		if m.Target == mappedChannel {
			heard(onIRC, "n", m.Nick, m.Text, m.At)
		}
	})
	s.muc.mu.Lock()
	s.muc.said = func(nick, body string, at time.Time) { heard(inMUC, "u", nick, unescape(body), at) }
	s.muc.mu.Unlock()
	s.watchMatrix(func(e *fakehs.Event) {
		if e.Type == "m.room.message" && !strings.HasPrefix(e.Sender, "@m") {
			heard(atHS, "m", e.Sender, e.Text("body"), e.At)
		}
	}, nil)
}

// heard is that the bridge said a line in a room whose own people have names that
// begin with own: whose name it is to say, and the line.
func heard(expected []*crossing, own, name, line string, at time.Time) {
	relayed, number, ok := strings.Cut(line, " says ")
	words := strings.Fields(plain(relayed))
	if !ok || len(words) == 0 {
		return // a notice
	}
	speaker := words[len(words)-1]
	if len(words) > 1 { // a relay puts it before the line
		name = strings.Trim(words[0], "<>:")
		if name != speaker {
			speaker = own // as if it had said that by itself
		}
	}
	for _, c := range expected {
		if speaker[:1] == own {
			c.refuse(line)
		} else if speaker[:1] == c.from {
			c.take(name, speaker, number, at)
		}
	}
}

// unescape takes back what the bridge did to relayed text for XML.
func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&apos;", "'", "&quot;", `"`, "&amp;", "&").Replace(s)
}
