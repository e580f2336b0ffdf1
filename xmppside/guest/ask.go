package guest

import (
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode"

	"isthmus/bridge"
	"isthmus/xmppside/component"
	"isthmus/xmppside/wire"
)

// askWhenQuiet pings unless the room has said something not long ago.
func (r *Room) askWhenQuiet(p *puppet) {
	if quiet := p.heard.Add(quietTime); p.doubts == 0 && quiet.After(time.Now()) {
		r.quietUntil(p, quiet)
		return
	}
	r.ping(p)
}

// ping asks whether a puppet is in the room: it pings itself, by the room
// (XEP-0410).
func (r *Room) ping(p *puppet) {
	at, err := r.jid.WithResource(p.nick)
	if err != nil || p.pinging {
		return // the room has let it in by that nick
	}
	p.pinging = true
	payload := func(b []byte) []byte { return append(b, "<ping xmlns='"+nsPing+"'/>"...) }
	r.query(wire.Header{To: at, From: p.jid}, payload, func(_ *wire.Stanza, err error) func() {
		return func() {
			p.pinging = false
			if r.puppets[p.jid] == p {
				r.pinged(p, err)
			}
		}
	})
}

// pinged is the answer to a ping (XEP-0410 §3).
func (r *Room) pinged(p *puppet, err error) {
	if p.state != inside && p.state != lost {
		return
	}
	var se wire.StanzaError
	switch {
	case err == nil:
		r.isInside(p)
	case errors.Is(err, component.ErrClosed): // the link's end is told by Down
	case !errors.As(err, &se), se.Condition == wire.ConditionRemoteServerNotFound, se.Condition == wire.ConditionRemoteServerTimeout:
		r.doubt(p)
	case se.Condition == wire.ConditionServiceUnavailable, se.Condition == wire.ConditionFeatureNotImplemented,
		se.Condition == wire.ConditionItemNotFound: // it got as far as our own client, or the nick is just changing
		r.isInside(p)
	case p.state == lost:
		p.check = false
		p.due = time.Now()
		r.plan(p.due)
	default:
		r.lose(p, "The room does not know you any more.", time.Now())
	}
}

// isInside is that a puppet is in the room, as the room says.
func (r *Room) isInside(p *puppet) {
	p.doubts = 0
	if p.state == inside {
		r.quietUntil(p, time.Now().Add(quietTime))
		return
	}
	if p.nick == "" { // it never was
		p.check, p.due = false, time.Now()
		r.plan(p.due)
		return
	}
	p.check, p.wish, p.try = false, p.nick, 0
	r.letIn(p, p.nick, nil, false)
	if r.watcher == nil {
		r.succeed(true)
	}
}

// doubt is that nobody can say whether a puppet is in the room.
func (r *Room) doubt(p *puppet) {
	p.doubts++
	switch {
	case p.state == lost:
		p.check, p.due = false, p.nextRetry()
	case p.doubts >= maxDoubts:
		r.lose(p, "The room can't be reached.", p.nextRetry())
		return
	default:
		p.due = time.Now().Add(doubtTime)
	}
	r.plan(p.due)
}

// roomInfo is how the room describes itself (XEP-0045 §6.4).
type roomInfo struct {
	name, avatar string
	secret       bool // it is listed nowhere, or for members only
}

func (i roomInfo) body() bridge.RoomInfo { return bridge.RoomInfo{Name: i.name, Avatar: i.avatar} }

// askInfo asks the room what it is called, and whether others may hear of it.
func (r *Room) askInfo(p *puppet) {
	if r.askingInfo {
		return
	}
	r.askingInfo = true
	payload := func(b []byte) []byte { return append(b, "<query xmlns='"+nsDiscoInfo+"'/>"...) }
	r.query(wire.Header{To: r.jid, From: p.jid}, payload, func(st *wire.Stanza, err error) func() {
		var i roomInfo
		if err == nil {
			i = r.readInfo(st)
		}
		return func() {
			if err != nil {
				i = r.info // what it was, or nothing
			}
			was := r.info
			r.askingInfo = false
			r.informed, r.info = true, i
			if !r.synced {
				r.open()
				return
			}
			if i.secret != was.secret {
				r.synced = false
				r.open()
			} else if i != was {
				r.publish(bridge.Event{Body: i.body()})
			}
		}
	})
}

func (r *Room) readInfo(st *wire.Stanza) (i roomInfo) {
	query, _ := st.Child(nsDiscoInfo, "query")
	for c := range query.Children() {
		switch {
		case c.Is(nsDiscoInfo, "identity") && c.Attr("category") == "conference" && i.name == "":
			i.name = plain(c.Attr("name"), maxText)
		case c.Is(nsDiscoInfo, "feature"):
			f := c.Attr("var")
			i.secret = i.secret || f == "muc_hidden" || f == "muc_membersonly"
		case c.Is(nsData, "x"):
			for field := range c.Children() {
				if field.Attr("var") == "muc#roominfo_avatarhash" { // XEP-0486
					i.avatar = hashOf(field.ChildText(nsData, "value"))
				}
			}
		}
	}
	if i.name == r.jid.Local() {
		i.name = ""
	}
	return i
}

// pictured is a presence of the room itself, which tells of its picture (XEP-0486).
func (r *Room) pictured(p *puppet, st *wire.Stanza) {
	if _, tells := st.Child(nsPhoto, "x"); !tells || p != r.watcher {
		return
	}
	if avatar := photoOf(st); avatar != r.info.avatar {
		r.info.avatar = avatar
		if r.synced {
			r.publish(bridge.Event{Body: r.info.body()})
		}
	}
}

// hashOf reads a SHA-1 in hex; what is none is "".
func hashOf(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if b, err := hex.DecodeString(s); err != nil || len(b) != 20 {
		return ""
	}
	return s
}

// plain is what is kept of somebody's text: no control characters but line
// ends and tabs, and no more than so many bytes.
func plain(s string, most int) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, cut(s, most))
	return strings.Clone(strings.TrimSpace(s))
}

// cut shortens s to so many bytes, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
