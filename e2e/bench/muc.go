package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"isthmus/e2e/bench/fakexmpp"
	"isthmus/e2e/fakehs"
)

// mucJID is the one room on the XMPP server that isn't the bridge's.
const mucJID = "bench@muc.test"

// muc is that room (XEP-0045), as far as a bench needs it: semi-anonymous, open,
// with occupants who have no connection and others from the bridge. What its
// own occupants are sent goes nowhere, but is counted.
type muc struct {
	xmpp *fakexmpp.Server

	mu     sync.Mutex
	locals []string                              // nicks
	guests map[string]string                     // JID to nick, of who came from the bridge
	order  []string                              // their JIDs, as they came
	said   func(from, body string, at time.Time) // by guests
}

// see takes what is sent to the room, and reports whether s was.
func (m *muc) see(s *fakexmpp.Stanza) bool {
	bare, _, _ := bytes.Cut(s.To, []byte("/"))
	if string(bare) != mucJID {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []byte
	from := string(s.From)
	switch kind := string(s.Type); {
	case string(s.Name) == "presence" && kind == "" && m.guests[from] == "":
		out = m.enter(from, string(fakexmpp.Resource(s.To)))
	case string(s.Name) == "presence" && kind == "unavailable":
		out = m.leave(from)
	case string(s.Name) == "message" && kind == "groupchat" && m.guests[from] != "":
		if m.said != nil {
			m.said(m.guests[from], string(s.Body()), s.At)
		}
		out = m.spread(nil, m.guests[from], string(s.ID), string(s.Body()))
	case string(s.Name) == "iq" && kind == "get":
		out = m.answer(s)
	}
	if len(out) > 0 && m.xmpp.Reply(out) != nil && m.said != nil {
		m.said("the bridge", "does not read", s.At)
	}
	return true
}

// enter lets somebody in (XEP-0045 §7.2): they are told who is there, themselves
// last, and the subject; the others, that they are. The caller holds mu.
func (m *muc) enter(from, nick string) (out []byte) {
	for _, local := range m.locals {
		out = appendOccupant(out, local, from, "")
	}
	for guest, other := range m.guests {
		if other == nick {
			return fmt.Appendf(nil, "<presence type='error' from='%s/%s' to='%s'><error type='cancel'>"+
				"<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>", mucJID, nick, from)
		}
		out = appendOccupant(out, other, from, "")
		out = appendOccupant(out, nick, guest, "")
	}
	m.guests[from] = nick
	m.order = append(m.order, from)
	out = appendOccupant(out, nick, from, "<status code='110'/>")
	return fmt.Appendf(out, "<message type='groupchat' from='%s' to='%s'><subject/></message>", mucJID, from)
}

func appendOccupant(b []byte, nick, to, status string) []byte {
	return fmt.Appendf(b, "<presence from='%s/%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'>"+
		"<item affiliation='none' role='participant'/>%s</x></presence>", mucJID, nick, to, status)
}

// leave is that somebody leaves (XEP-0045 §7.14). The caller holds mu.
func (m *muc) leave(from string) (out []byte) {
	nick := m.guests[from]
	if nick == "" {
		return nil
	}
	for guest := range m.guests {
		status := ""
		if guest == from {
			status = "<status code='110'/>"
		}
		out = fmt.Appendf(out, "<presence type='unavailable' from='%s/%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'>"+
			"<item affiliation='none' role='none'/>%s</x></presence>", mucJID, nick, guest, status)
	}
	delete(m.guests, from)
	m.order = slices.DeleteFunc(m.order, func(guest string) bool { return guest == from })
	return out
}

// spread appends a message to all who came from the bridge to out. The caller holds mu.
func (m *muc) spread(out []byte, nick, id, body string) []byte {
	start := fmt.Sprintf("<message type='groupchat' from='%s/%s' id='%s' to='", mucJID, nick, id)
	end := "'><body>" + body + "</body></message>"
	for _, guest := range m.order {
		out = append(append(append(out, start...), guest...), end...)
	}
	return out
}

// answer tells what the room is, and who asks whether they are in it, that they
// are (XEP-0410). Other requests the server refuses. The caller holds mu.
func (m *muc) answer(s *fakexmpp.Stanza) []byte {
	payload := ""
	switch {
	case bytes.Contains(s.Raw, []byte("urn:xmpp:ping")) && m.guests[string(s.From)] != "":
	case bytes.Contains(s.Raw, []byte("disco#info")) && fakexmpp.Resource(s.To) == nil:
		payload = "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text' name='bench'/>" +
			"<feature var='http://jabber.org/protocol/muc'/><feature var='muc_open'/><feature var='muc_public'/></query>"
	default:
		return nil
	}
	s.Answered = true
	return fmt.Appendf(nil, "<iq type='result' from='%s' to='%s' id='%s'>%s</iq>", s.To, s.From, s.ID, payload)
}

// say has an occupant of the room's own say lines.
func (m *muc) say(nick string, texts ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []byte
	for i, text := range texts {
		out = m.spread(out, nick, fmt.Sprintf("%s-%s-%d", nick, text, i), text)
	}
	return m.xmpp.Send(out)
}

func (m *muc) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.guests)
}

// matrixMUC has Matrix users come into a MUC on another server, by the alias
// that stands for it, and everybody there say something.
func matrixMUC(ctx context.Context, s *stage, r results) error {
	people := upTo(0, smallCrowd)
	room := &muc{xmpp: s.xmpp, guests: make(map[string]string)}
	for _, p := range people {
		room.locals = append(room.locals, fmt.Sprintf("u%d", p))
	}
	s.mu.Lock()
	s.muc = room
	s.mu.Unlock()
	var id string
	for _, p := range people {
		id = s.hs.User(fmt.Sprintf("n%d", p)).Join(s.hs.Alias("xmpp_bench_muc.test"))
	}
	everybodyIn := func() bool {
		return room.count() == len(people) && len(s.hs.Members(id, "join")) >= 2*len(people)
	}
	if err := s.until(ctx, "everybody in the room", everybodyIn); err != nil {
		return fmt.Errorf("%w: %d in the MUC, %d on Matrix", err, room.count(), len(s.hs.Members(id, "join")))
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	heard, shown := newSpoken(people), newSpoken(people)
	s.watchMatrix(func(e *fakehs.Event) {
		if e.Type == "m.room.message" && strings.HasPrefix(e.Sender, "@xmpp_") {
			heard.say(e.Sender, e.Text("body"), e.At)
		}
	}, nil)
	room.mu.Lock()
	room.said = shown.say
	room.mu.Unlock()
	for n := range linesEach {
		for _, p := range people {
			if err := room.say(fmt.Sprintf("u%d", p), fmt.Sprintf("u%d says %d", p, n)); err != nil {
				return err
			}
			s.hs.User(fmt.Sprintf("n%d", p)).Say(id, fmt.Sprintf("n%d says %d", p, n))
		}
	}
	if err := s.all(ctx, &heard.tally, &shown.tally); err != nil {
		return err
	}
	full, err := s.memory(ctx)
	r["matrix-rss"] = measured(full / 1024)
	return err
}

// spoken expects numbered lines that name who says them, and that each person
// has one name of the other side's.
type spoken struct {
	*lines
	names map[string]int // person by name
}

func newSpoken(people []int) *spoken {
	return &spoken{lines: newLines("", people, linesEach), names: make(map[string]int)}
}

// say takes a line of whom the other side calls name.
func (p *spoken) say(name, body string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	who, digits, ok := strings.Cut(body, " says ")
	person := max(number([]byte(who), 'u'), number([]byte(who), 'n'))
	if before, known := p.names[name]; !ok || known && before != person {
		p.fail("%s said %q", name, body)
		return
	}
	p.names[name] = person
	p.take(person, []byte(digits), at)
}
