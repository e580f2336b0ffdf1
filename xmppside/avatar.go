package xmppside

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/component"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

const (
	// maxPicture bounds the pictures that go from one network to another, in
	// bytes.
	maxPicture = 1 << 20
	// maxPhoto bounds a picture in a stanza, in bytes of base64: servers end
	// the stream of a component whose stanzas are larger than 512 KiB.
	maxPhoto = 448 << 10
)

// avatarHash returns the SHA-1 of a picture as XEP-0153 writes it, or "" for
// what is none.
func avatarHash(s string) string {
	if len(s) != 40 || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return strings.ToLower(s)
}

// picture is somebody's, or a room's.
type picture struct {
	typ    string // media type
	base64 string
}

var (
	errNoPicture = errors.New("there is no picture")
	errPicture   = errors.New("this is no picture, or too large a one")
)

// pictureTypes are those that are passed on, by their first bytes. What sends
// a picture may call it what it likes.
var pictureTypes = []struct{ start, typ string }{
	{"\x89PNG\r\n\x1a\n", "image/png"},
	{"\xff\xd8\xff", "image/jpeg"},
	{"GIF87a", "image/gif"},
	{"GIF89a", "image/gif"},
}

// readPicture takes a picture as it stands in base64, with or without spaces
// and line ends.
func readPicture(text string) (picture, []byte, error) {
	text = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return picture{}, nil, errNoPicture
	}
	if base64.StdEncoding.DecodedLen(len(text)) > maxPicture+2 {
		return picture{}, nil, errPicture
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(data) > maxPicture {
		return picture{}, nil, errPicture
	}
	for _, t := range pictureTypes {
		if bytes.HasPrefix(data, []byte(t.start)) {
			return picture{t.typ, text}, data, nil
		}
	}
	if len(data) > 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		return picture{"image/webp", text}, data, nil
	}
	return picture{}, nil, errPicture
}

// pictureIn is the one in an Answer to a QueryAvatar, if a stanza can hold it.
func pictureIn(a bridge.Answer) (picture, []byte, error) {
	if len(a.Rows) == 0 || len(a.Rows[0]) < 2 {
		return picture{}, nil, errNoPicture
	}
	p, data, err := readPicture(a.Rows[0][1])
	if err == nil && len(p.base64) > maxPhoto {
		err = errPicture
	}
	return p, data, err
}

// hash is how presences and items call a picture.
func hash(data []byte) string {
	sum := sha1.Sum(data)
	return hex.EncodeToString(sum[:])
}

// askAvatar answers e, a QueryAvatar that another network put to an XMPP user,
// or a room or somebody in it, in a private conversation (e.Room.ID is their
// JID).
func (s *Side) askAvatar(e bridge.Event) {
	answer := func(b bridge.Body) {
		s.core.Publish(bridge.Event{Room: e.Room, Ref: e.ID, Body: b})
	}
	to, err := jid.Parse(e.Room.ID)
	if err != nil {
		answer(bridge.Failure{Kind: bridge.ErrNotFound, Text: "This is no address of XMPP."})
		return
	}
	s.fetchAvatar(to, e.Room.Owner.Network, answer)
}

// fetchAvatar asks for the picture in a vCard (XEP-0153 §3.2: the one whose hash
// presences show), in the name of the domain that leads to a network or, for
// somebody in a room elsewhere, of an occupant there. answer is given the Answer
// or a Failure.
func (s *Side) fetchAvatar(to jid.JID, network string, answer func(bridge.Body)) {
	fail := func(kind bridge.ErrorKind, text string) { answer(bridge.Failure{Kind: kind, Text: text}) }
	var from jid.JID
	var err error
	if to.IsBare() {
		from, err = jid.New("", s.set.Load().domainOf(network), "")
	} else if room := s.foreign.room(to); room != nil {
		from = room.Watcher()
	}
	link := s.links.get(from.Domain())
	switch {
	case !to.IsBare() && from.IsZero():
		fail(bridge.ErrNotInRoom, "Nobody of this gateway is in that room.")
		return
	case err != nil || link == nil:
		fail(bridge.ErrOffline, "There is no way to XMPP at the moment.")
		return
	}
	ask := func(b []byte) []byte { return append(b, "<vCard xmlns='"+nsVCard+"'/>"...) }
	link.Query(wire.Header{To: to, From: from}, ask, func(st *wire.Stanza, err error) {
		var refused wire.StanzaError
		switch {
		case errors.As(err, &refused):
			fail(bridge.ErrNotFound, refused.Text)
			return
		case errors.Is(err, component.ErrTimeout):
			fail(bridge.ErrTimeout, "Their server does not answer.")
			return
		case errors.Is(err, component.ErrTooMany):
			fail(bridge.ErrTooMany, "The gateway is too busy.")
			return
		case err != nil:
			fail(bridge.ErrOffline, "There is no way to XMPP at the moment.")
			return
		}
		vCard, _ := st.Child(nsVCard, "vCard")
		photo, _ := vCard.Child(nsVCard, "PHOTO")
		switch p, _, err := readPicture(photo.ChildText(nsVCard, "BINVAL")); {
		case errors.Is(err, errNoPicture):
			fail(bridge.ErrNotFound, "They have no picture.")
		case err != nil:
			fail(bridge.ErrUnsupported, "Their picture is too large, or of no kind that is passed on.")
		default:
			answer(bridge.Answer{Rows: [][]string{{p.typ, p.base64}}})
		}
	})
}
