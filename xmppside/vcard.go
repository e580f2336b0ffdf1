package xmppside

import (
	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/wire"
)

const (
	nsVCard  = "vcard-temp"
	nsUpdate = "vcard-temp:x:update" // XEP-0153
)

// vCard is what is told of somebody, or of a room (XEP-0054).
type vCard struct {
	name     string // FN
	nickname string
	about    [][]string // what their network tells: fields and values
	photo    picture
}

// append appends it as an element.
func (c vCard) append(b []byte) []byte {
	b = append(b, "<vCard xmlns='"+nsVCard+"'>"...)
	if c.name != "" {
		b = wire.AppendElement(b, "FN", c.name)
	}
	if c.nickname != "" {
		b = wire.AppendElement(b, "NICKNAME", c.nickname)
	}
	var about []byte
	for _, row := range c.about {
		for i, field := range row {
			if i > 0 {
				about = append(about, ": "...)
			}
			about = append(about, field...)
		}
		about = append(about, '\n')
	}
	if len(about) > 0 {
		b = wire.AppendElement(b, "DESC", string(about[:len(about)-1]))
	}
	if c.photo != (picture{}) {
		b = wire.AppendElement(append(b, "<PHOTO>"...), "TYPE", c.photo.typ)
		b = append(wire.AppendElement(b, "BINVAL", c.photo.base64), "</PHOTO>"...)
	}
	return append(b, "</vCard>"...)
}

// askVCard asks a network who the other party of a conversation is and, where
// people have pictures, for theirs. done is given the one, or why nothing is
// known at all.
func askVCard(ask func(bridge.Event, func(bridge.Body)), room bridge.Room, network string, done func(vCard, *bridge.Failure)) {
	ask(bridge.Event{Room: room, By: room.Owner, Body: bridge.Query{What: bridge.QueryWho}}, func(answer bridge.Body) {
		var c vCard
		failure := &bridge.Failure{Kind: bridge.ErrUnsupported}
		switch a := answer.(type) {
		case bridge.Answer:
			c.about, failure = a.Rows, nil
			if network == bridge.NetworkMatrix {
				c.about = c.takeName(a.Rows)
			}
		case bridge.Failure:
			failure = &a
		}
		if network != bridge.NetworkMatrix {
			done(c, failure)
			return
		}
		ask(bridge.Event{Room: room, By: room.Owner, Body: bridge.Query{What: bridge.QueryAvatar}}, func(answer bridge.Body) {
			if a, ok := answer.(bridge.Answer); ok {
				c.photo, _, _ = pictureIn(a) // one that can't be sent is none
				failure = nil
			}
			done(c, failure)
		})
	})
}

// takeName takes what has a place of its own out of what Matrix tells.
func (c *vCard) takeName(rows [][]string) (rest [][]string) {
	for _, row := range rows {
		switch {
		case len(row) == 2 && row[0] == "name":
			c.name = row[1]
		case len(row) == 2 && row[0] == "avatar":
		default:
			rest = append(rest, row)
		}
	}
	return rest
}

// answerVCard shows what a network tells about somebody, or who a service is.
func (s *Side) answerVCard(r request) {
	if r.to.Kind != address.User || r.to.Network == bridge.NetworkBridge {
		s.result(r, func(b []byte) []byte { return vCard{name: title(r.to)}.append(b) })
		return
	}
	room, err := conversation(r.To, r.From)
	if err != nil {
		s.refuse(r.Header, addressError(err))
		return
	}
	askVCard(s.ask, room, r.to.Network, func(c vCard, f *bridge.Failure) {
		if f != nil {
			s.refuse(r.Header, stanzaError(*f))
			return
		}
		c.nickname = nickname(r.to)
		s.result(r, c.append)
	})
}

// nickname is what somebody is called as far as their address tells.
func nickname(a address.Address) string {
	if a.Network == bridge.NetworkMatrix {
		if id, ok := address.MatrixID(a.Name); ok {
			return id
		}
	}
	return a.Name
}
