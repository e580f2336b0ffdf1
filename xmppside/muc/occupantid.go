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
// anything. Somebody who is no XMPP user is their account or, where there is
// nothing more lasting to go by, their nickname.
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

// of returns the id of a user, of an account, or of a nickname.
func (m idMaker) of(w Who) occupantID {
	// No name can hold a NUL, so no two people hash the same text.
	kind, who := "nick\x00", w.Nick
	switch {
	case !w.User.IsZero():
		kind, who = "user\x00", w.User.Bare().String()
	case w.Account != "":
		kind, who = "account\x00", w.Account
	}
	var in [512]byte
	sum := sha256.Sum256(append(append(append(in[:0], m[:]...), kind...), who...))
	return occupantID(sum[:])
}

// identify gives an occupant the account and id of w.
func (o *occupant) identify(r *Room, w Who) {
	o.id = r.ids.of(w)
	if w.Account != "" {
		a := o.more()
		a.account = w.Account
		o.tellMore(a)
	}
}

func (id occupantID) append(b []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(b, id[:])
}
