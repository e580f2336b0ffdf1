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
// XEP-0421 §4.1: the id must stay the same for the same user over leaving,
// coming back and changing the nickname, must be another one in another room,
// and must not tell the user's JID. A keyed hash does that without storing
// anything. Somebody who is no XMPP user is their nickname: there is nothing
// more lasting to go by.
//
// It is the room's own key, of a fixed length, that is hashed before the name.
// As the hash is cut short, nobody can go on from one to a longer name's.
type idMaker [sha256.Size]byte

func newIDMaker(key []byte, room jid.JID) (m idMaker) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(room.String()))
	mac.Sum(m[:0])
	return m
}

// of returns the id of a user, or of a nickname if user is zero.
func (m idMaker) of(user jid.JID, nick string) occupantID {
	// No name can hold a NUL, so no two people hash the same text.
	kind, who := "nick\x00", nick
	if !user.IsZero() {
		kind, who = "user\x00", user.String()
	}
	var in [512]byte
	sum := sha256.Sum256(append(append(append(in[:0], m[:]...), kind...), who...))
	return occupantID(sum[:])
}

func (id occupantID) append(b []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(b, id[:])
}
