package guest

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// RelayTemplate is what stands before words that the Keeper says in somebody's place.
const RelayTemplate = "<{name}> "

// keeps reports whether p is the bridge itself.
func (p *puppet) keeps() bool { return p.person == bridge.Keeper }

// keeper is the bridge itself, if it is in the room; nil if it isn't.
func (r *Room) keeper() *puppet {
	if p := r.byPerson[bridge.Keeper]; p != nil && p.state == inside {
		return p
	}
	return nil
}

// orVia is what to tell of a request of somebody's own, or of one that the
// bridge was to carry out for them.
func orVia(e bridge.Event, own, via string) string {
	if e.Via != (bridge.Person{}) {
		return via
	}
	return own
}

// attributed is what the Keeper says for somebody: "<bob> hi", "* bob waves".
func (r *Room) attributed(e bridge.Event, m bridge.Message) bridge.Message {
	name := r.nickFor(e.Name)
	if name == "" {
		name = r.nickFor(e.By.ID)
	}
	template := ""
	if r.opt.RelayTemplate != nil {
		template = r.opt.RelayTemplate()
	}
	before := strings.ReplaceAll(orText(template, RelayTemplate), "{name}", name)
	switch {
	case m.Emote:
		m.Emote, before = false, "* "+name+" "
	case m.Text == "":
		before = strings.TrimRightFunc(before, unicode.IsSpace)
	case inBlock(m.Spans, 0):
		before = strings.TrimRightFunc(before, unicode.IsSpace) + "\n"
	}
	return insert(m, before, margin(orText(template, RelayTemplate)))
}

// inBlock reports whether a line that begins at an offset is one of a quotation
// or the like.
func inBlock(spans []bridge.Span, at int) bool {
	return slices.ContainsFunc(spans, func(s bridge.Span) bool {
		return s.Start <= at && at < s.End && (s.Style == bridge.StyleQuote || s.Style == bridge.StylePre)
	})
}

// margin reports whether a line looks as if somebody said it, or did it.
func margin(template string) func(line string) bool {
	begin, _, _ := strings.Cut(template, "{name}")
	return func(line string) bool {
		return strings.HasPrefix(line, "* ") || begin != "" && strings.HasPrefix(line, begin)
	}
}

// insert puts before in front of a message, and a space in front of its
// further lines that look as if before stood there: nobody is to put words
// into another's mouth.
func insert(m bridge.Message, before string, looksSaid func(line string) bool) bridge.Message {
	var b strings.Builder
	b.Grow(len(before) + len(m.Text))
	b.WriteString(before)
	spans := make([]bridge.Span, len(m.Spans))
	copy(spans, m.Spans)
	rest, at, moved := m.Text, 0, len(before)
	move := func(upTo int) { // what begins or ends in [at, upTo) moves by moved
		for i, s := range m.Spans {
			if s.Start >= at && s.Start < upTo {
				spans[i].Start += moved
			}
			if s.End > at && s.End <= upTo {
				spans[i].End += moved
			}
		}
	}
	for rest != "" {
		line, after, more := strings.Cut(rest, "\n")
		size := len(line)
		if more {
			size++
		}
		if at > 0 && looksSaid(line) && !inBlock(m.Spans, at) {
			b.WriteByte(' ')
			moved++
		}
		b.WriteString(rest[:size])
		move(at + size)
		rest, at = after, at+size
	}
	m.Text, m.Spans = b.String(), bridge.Normalize(b.String(), spans)
	return m
}

// announce is the bridge's own word: to all, or to one occupant alone (XEP-0045 §7.5).
func (r *Room) announce(p *puppet, e bridge.Event, b bridge.Info) {
	h := wire.Header{To: r.jid, ID: e.ID, Type: "groupchat"}
	var more func([]byte) []byte = func(b []byte) []byte { return b }
	if e.By != (bridge.Person{}) {
		at, err := jid.Parse(e.By.ID)
		if e.By.Network != bridge.NetworkXMPP || err != nil || at.Bare() != r.jid || r.find(at.Resource()) == nil {
			r.opt.Counters.Ignored.Add(1) // they have gone, or are not here by themselves
			return
		}
		h.To, h.Type = at, "chat"
		more = func(b []byte) []byte { return append(b, "<x xmlns='"+nsUser+"'/>"...) }
	}
	r.sendMessage(p, h, bridge.Message{Text: b.Text}, more)
}

// converses reports whether p's person can have private conversations: only
// those of Matrix have a place for them. Others are here because their room is
// mapped to this one, and that is all that leads to them.
func (p *puppet) converses() bool { return p.person.Network == bridge.NetworkMatrix }

// decline answers who writes to one of ours whom that does not reach, once: two
// bridges might go on answering each other for ever.
func (r *Room) decline(p *puppet, st *wire.Stanza, nick string) {
	o := r.find(nick)
	if o == nil || o.declined[p.person] {
		r.opt.Counters.Ignored.Add(1)
		return
	}
	if o.declined == nil {
		o.declined = map[bridge.Person]bool{}
	}
	o.declined[p.person] = true
	text := "This is a bridge: nobody reads what is written to it alone. Say it in the room, or write to one of its people."
	if !p.keeps() {
		text = p.nick + " is not on XMPP, and does not get what is written to them alone in this room."
		if at, err := r.opt.Address(p.person); err == nil {
			text += " Who may use the gateway can write to " + at.Bare().String() + "."
		}
	}
	r.sendMessage(p, wire.Header{To: st.From, Type: "chat"}, bridge.Message{Text: text},
		func(b []byte) []byte { return append(b, "<x xmlns='"+nsUser+"'/>"...) })
}

// neighbour tells the administrator, once, that somebody here is by another
// Isthmus. That is no harm unless both join the same rooms.
func (r *Room) neighbour(o *occupant) {
	if !r.warned {
		r.warned = true
		r.log.Warn("another Isthmus is in this room: if it connects it to the same rooms as this one, everything comes twice", "nick", o.nick)
	}
}

// askService asks what the room's service is before the bridge itself joins: a
// room of a gateway (XEP-0100) is a room of another network, which is to be
// reached there. By both ways at once, all that is said would go round and round.
func (r *Room) askService(p *puppet) {
	p.state, p.due = waiting, time.Time{}
	ask := p.ask.ID
	service, err := jid.New("", r.jid.Domain(), "")
	if err != nil {
		r.approach(p)
		return
	}
	payload := func(b []byte) []byte { return append(b, "<query xmlns='"+nsDiscoInfo+"'/>"...) }
	r.query(wire.Header{To: service, From: p.jid}, payload, func(st *wire.Stanza, err error) func() {
		foreign := ""
		if err == nil {
			foreign = networkBehind(st)
		}
		return func() {
			switch {
			case r.puppets[p.jid] != p || p.state != waiting || p.ask.ID != ask:
			case foreign != "":
				r.refuse(p, bridge.ErrPolicy, r.jid.Domain()+" is itself a gateway, to "+foreign+". Rooms of that network are to be entered there, or else what is said would go round in circles.")
			default:
				r.approach(p)
			}
		}
	})
}

// networkBehind is what a service says that it leads to; "" for XMPP.
func networkBehind(info *wire.Stanza) string {
	query, _ := info.Child(nsDiscoInfo, "query")
	for c := range query.Children() {
		if !c.Is(nsDiscoInfo, "identity") {
			continue
		}
		category, typ := c.Attr("category"), c.Attr("type")
		if category == "gateway" && typ != "xmpp" || category == "conference" && typ == "irc" {
			return plain(orText(typ, "another network"), maxNick)
		}
	}
	return ""
}
