package muc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"isthmus/xmppside/jid"
)

// occupantID is a person's id in a room (XEP-0421), before it is written out.
type occupantID [15]byte

// idMaker makes the ids of one room.
//
// XEP-0421 §3.1: the id must stay the same for the same user over leaving,
// coming back and changing the nickname, must be another one in another room,
// and must not tell the user's JID. A keyed hash does that without storing
// anything. Somebody who is no XMPP user is their nickname: there is nothing
// more lasting to go by.
type idMaker struct {
	key  []byte
	room string
}

func newIDMaker(key []byte, room jid.JID) idMaker { return idMaker{key, room.String()} }

// of returns the id of a user, or of a nickname if user is zero.
func (m idMaker) of(user jid.JID, nick string) (id occupantID) {
	// No part can hold a NUL, so no two people hash the same text.
	kind, who := "\x00nick\x00", nick
	if !user.IsZero() {
		kind, who = "\x00user\x00", user.String()
	}
	var in [512]byte
	text := append(append(append(in[:0], m.room...), kind...), who...)
	// One made for each id costs a microsecond; one kept in each room, half a
	// kilobyte.
	mac := hmac.New(sha256.New, m.key)
	mac.Write(text)
	var sum [sha256.Size]byte
	copy(id[:], mac.Sum(sum[:0]))
	return id
}

func (id occupantID) append(b []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(b, id[:])
}
