package xmppside

import (
	"errors"
	"strings"
	"sync"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// talks are the conversations of people of other networks with people on XMPP.
// What they say is sent from the address that stands for them; what they are
// answered comes to that address as to any other of the gateway's (see direct).
//
// XMPP has no word for a message that has arrived: it is confirmed when it is
// sent, and an error that comes back is told in the conversation.
type talks struct {
	side *Side

	mu    sync.Mutex
	known map[talk]time.Time     // who was written to, and as whom, and when last
	sent  map[string]bridge.Room // by message id
	ids   [maxTalkIDs]string     // the keys of sent, in the order in which they came
	next  int                    // in ids
}

// talk is a conversation by the addresses of both.
type talk struct{ as, with jid.JID }

const (
	// maxTalks bounds talks.known. Of what is forgotten, the other one can only
	// answer who may use the gateway anyway.
	maxTalks = 16384
	// talkTime is how long somebody who may not use the gateway can answer who has
	// written to them.
	talkTime = 24 * time.Hour
	// maxTalkIDs bounds talks.sent. Of what is forgotten, errors are not told.
	maxTalkIDs = 4096
)

func newTalks(s *Side) *talks {
	return &talks{side: s, known: map[talk]time.Time{}, sent: map[string]bridge.Room{}}
}

// deliver takes what somebody at as (a full JID) says to somebody at with.
func (t *talks) deliver(e bridge.Event, as, with jid.JID) {
	set := t.side.set.Load()
	_, ours := set.domains[with.Domain()]
	f := t.side.foreign
	switch b := e.Body.(type) {
	case bridge.Message:
		switch {
		case ours:
			f.fail(e, bridge.ErrPolicy, "This address stands for somebody on another network. Write to them there.")
		case set.access.denies(with):
			f.fail(e, bridge.ErrPolicy, "People of that server can't be written to by this gateway.")
		default:
			t.say(e, as.Bare(), with, b)
		}
	case bridge.Typing:
		if !ours && !set.access.denies(with) && t.knows(as.Bare(), with) {
			t.state(as.Bare(), with, b)
		}
	case bridge.Query:
		t.query(e, as, with, b)
	case bridge.Join, bridge.Rename, bridge.RoleChange, bridge.Expel, bridge.Pardon, bridge.Topic, bridge.Invite, bridge.Watch:
		f.fail(e, bridge.ErrUnsupported, "That can't be asked of somebody on XMPP.")
	case bridge.Leave, bridge.Presence, bridge.Profile, bridge.Read:
		// A conversation has no end, and availability is shown in rooms and to
		// who has asked for it.
	default:
		panic("xmppside: unknown kind of event delivered")
	}
}

func (t *talks) say(e bridge.Event, as, with jid.JID, m bridge.Message) {
	t.side.direct.wrote(e, as, with)
	for i, part := range format.Parts(m) {
		id := partID(e.ID, i)
		t.note(id, e.Room, talk{as, with})
		t.side.send(as.Domain(), func(b []byte) []byte {
			b = wire.AppendOpen(b, wire.Header{Kind: wire.Message, To: with, From: as, ID: id, Type: "chat"})
			b = appendMarkable(format.Append(b, part, talkNames{t.side}), e.By)
			return wire.AppendClose(b, wire.Message)
		})
	}
	t.side.core.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: bridge.Confirm{}})
}

// talkNames are who is who where nobody has another name than everywhere.
type talkNames struct{ side *Side }

var _ format.Names = talkNames{}

// Person implements format.Names.
func (n talkNames) Person(at jid.JID) (bridge.Person, bool) { return n.side.personOf(at) }

// Call implements format.Names.
func (n talkNames) Call(p bridge.Person) (name string, at jid.JID) {
	at, _ = n.side.set.Load().personJID(p)
	return "", at
}

// note remembers what is said, for what may come back.
func (t *talks) note(id string, room bridge.Room, who talk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.known[who]; !known && len(t.known) >= maxTalks {
		for forgotten := range t.known {
			delete(t.known, forgotten)
			break
		}
	}
	t.known[who] = time.Now()
	delete(t.sent, t.ids[t.next])
	t.ids[t.next], t.sent[id] = id, room
	t.next = (t.next + 1) % len(t.ids)
}

// knows reports whether with was written to by as of late, both bare.
func (t *talks) knows(as, with jid.JID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, known := t.known[talk{as, with}]
	return known && time.Since(at) < talkTime
}

// bounced tells somebody that what they said has not arrived, and reports
// false if nobody said that.
func (t *talks) bounced(st *wire.Stanza) bool {
	t.mu.Lock()
	room, ok := t.sent[st.ID]
	if ok = ok && room.ID == st.From.Bare().String(); ok {
		delete(t.sent, st.ID)
	}
	t.mu.Unlock()
	if !ok {
		return false
	}
	t.side.core.Publish(bridge.Event{Room: room, Body: bridge.Info{Text: "This was not delivered: " + undelivered(st.Err())}})
	return true
}

// undelivered tells why a message did not arrive (RFC 6121 §8.5).
func undelivered(e wire.StanzaError) string {
	said := strings.TrimSpace(format.Plain(e.Text))
	switch e.Condition {
	case wire.ConditionServiceUnavailable, wire.ConditionItemNotFound:
		return "there is no such account, or it takes no messages from you. " + said
	case wire.ConditionRecipientUnavailable:
		return "they are not there. " + said
	case wire.ConditionRemoteServerNotFound, wire.ConditionRemoteServerTimeout:
		return "their server can't be reached. " + said
	case wire.ConditionNotAcceptable, wire.ConditionForbidden, wire.ConditionNotAllowed, wire.ConditionNotAuthorized, wire.ConditionPolicyViolation:
		return "their server does not let you write to them. " + said
	}
	return string(e.Condition) + ". " + said
}

// state sends a chat state (XEP-0085).
func (t *talks) state(as, with jid.JID, typing bridge.Typing) {
	what := "active"
	if typing.On {
		what = "composing"
	}
	t.side.send(as.Domain(), func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Message, To: with, From: as, Type: "chat"})
		b = append(b, "<"+what+" xmlns='http://jabber.org/protocol/chatstates'/>"...)
		return wire.AppendClose(b, wire.Message)
	})
}

// query asks somebody's server about them, as a vCard tells it (XEP-0054), or a
// service for its rooms.
func (t *talks) query(e bridge.Event, as, with jid.JID, q bridge.Query) {
	if q.What == bridge.QueryRooms {
		t.list(e, as, with, q)
		return
	}
	if q.What != bridge.QueryWho {
		t.side.foreign.fail(e, bridge.ErrUnsupported, "That can't be asked of somebody on XMPP.")
		return
	}
	payload := func(b []byte) []byte { return append(b, "<vCard xmlns='"+nsVCard+"'/>"...) }
	guestSender{t.side}.Query(wire.Header{To: with, From: as}, payload, func(st *wire.Stanza, err error) {
		answer := bridge.Event{Room: e.Room, By: e.By, Ref: e.ID}
		var se wire.StanzaError
		switch {
		case err == nil:
			card, _ := st.Child(nsVCard, "vCard")
			answer.Body = bridge.Answer{Rows: cardRows(card)}
		case errors.As(err, &se):
			answer.Body = bridge.Failure{Kind: bridge.ErrNotFound, Text: "Nothing is known of them."}
		default:
			answer.Body = bridge.Failure{Kind: bridge.ErrTimeout, Text: "Their server does not answer."}
		}
		t.side.core.Publish(answer)
	})
}

// cardFields are what is shown of a vCard, and where it stands.
var cardFields = []struct{ name, field, within string }{
	{"Name", "FN", ""}, {"Nickname", "NICKNAME", ""}, {"About", "DESC", ""}, {"Address", "URL", ""},
	{"Organisation", "ORGNAME", "ORG"}, {"Town", "LOCALITY", "ADR"}, {"Country", "CTRY", "ADR"},
}

// maxCardField bounds what is shown of one field, in bytes.
const maxCardField = 1024

func cardRows(card wire.Element) (rows [][]string) {
	for _, f := range cardFields {
		in := card
		if f.within != "" {
			in, _ = card.Child(nsVCard, f.within)
		}
		if text := strings.TrimSpace(format.Plain(in.ChildText(nsVCard, f.field))); text != "" {
			if len(text) > maxCardField {
				text = strings.ToValidUTF8(text[:maxCardField], "")
			}
			rows = append(rows, []string{f.name, strings.Clone(text)})
		}
	}
	return rows
}
