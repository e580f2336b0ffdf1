package e2e

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// somePNG is a picture of one colour.
func somePNG(c color.Color) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 * 64 {
		m.Set(i%64, i/64, c)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func sha1Hex(b []byte) string {
	sum := sha1.Sum(b)
	return hex.EncodeToString(sum[:])
}

// photoOf is the hash in a presence (XEP-0153 §4.1), "" for none.
func photoOf(e *harness.Element) string {
	if x := e.In("vcard-temp:x:update"); x != nil {
		return x.TextOf("photo")
	}
	return ""
}

// pictureOf is the hash of the picture in a vCard.
func pictureOf(s *scenario, x *harness.XMPP, to string) string {
	s.Helper()
	card := x.IQ("get", to, `<vCard xmlns="vcard-temp"/>`)
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(card.TextOf("vCard/PHOTO/BINVAL")), ""))
	if err != nil || len(data) == 0 {
		s.Fatalf("no picture in %s: %v", card, err)
	}
	return sha1Hex(data)
}

// A Matrix user's picture is shown as XMPP shows them (XEP-0153, vcard-temp,
// XEP-0084), and a room's, with its name (XEP-0045 §10.2.1).
func TestMatrixAvatars(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		s.bob.Call(nil, "setAvatarUrl", s.bob.Upload("image/png", "bob.png", somePNG(color.Black)))
		shown := photoOf(s.alice.Expect(harness.Kind("presence/"), harness.From(s.in("bob")), harness.Where("a picture", func(e *harness.Element) bool { return photoOf(e) != "" })))
		for _, at := range []string{s.in("bob"), s.matrixJID("bob")} {
			if got := pictureOf(s.scenario, s.alice, at); got != shown {
				s.Errorf("%s has the picture %s, and shows %s", at, got, shown)
			}
		}
		about := s.alice.IQ("get", s.matrixJID("bob"), `<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="urn:xmpp:avatar:metadata"/></pubsub>`)
		if got := about.Find("pubsub/items/item"); got == nil || got.Attr["id"] != shown {
			s.Errorf("XEP-0084 says %s, not %s", about, shown)
		}

		s.alice.Drain()
		s.bob.State(s.id, "m.room.name", "", map[string]any{"name": "The Salon"})
		s.alice.Expect(harness.Kind("message/groupchat"), harness.From(s.jid), harness.Code("104"))
		info := s.alice.IQ("get", s.jid, `<query xmlns="http://jabber.org/protocol/disco#info"/>`)
		if got := info.Find("query/identity"); got == nil || got.Attr["name"] != "The Salon" {
			s.Errorf("the room is called %s", info)
		}
		s.bob.State(s.id, "m.room.avatar", "", map[string]any{"url": s.bob.Upload("image/png", "room.png", somePNG(color.White))})
		shown = photoOf(s.alice.Expect(harness.Kind("presence/"), harness.From(s.jid), harness.Where("a picture", func(e *harness.Element) bool { return photoOf(e) != "" })))
		if got := pictureOf(s.scenario, s.alice, s.jid); got != shown {
			s.Errorf("the room has the picture %s, and shows %s", got, shown)
		}
	})
}

// XEP-0153: the picture in an XMPP user's vCard becomes their ghost's, when a
// presence in the room tells of it.
func TestXMPPAvatarOnMatrix(t *testing.T) {
	onCrossing(t, eachXMPP, func(s *crossing) {
		picture := somePNG(color.RGBA{R: 200, A: 255})
		kept := s.alice.IQ("set", "alice@"+s.host, fmt.Sprintf(`<vCard xmlns="vcard-temp"><FN>Alice</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>%s</BINVAL></PHOTO></vCard>`,
			base64.StdEncoding.EncodeToString(picture)))
		if kept.Attr["type"] != "result" {
			s.Fatalf("her server does not take a vCard: %s", kept)
		}
		s.alice.Send(`<presence to="%s"><x xmlns="vcard-temp:x:update"><photo>%s</photo></x></presence>`, s.in("alice"), sha1Hex(picture))
		settle(s.scenario, "the ghost wears the picture", func() bool {
			var profile struct {
				Avatar string `json:"avatar_url"`
			}
			return s.bob.Try(&profile, "getProfileInfo", s.ghost) == nil && profile.Avatar != ""
		})
	})
}

// XEP-0433 and XEP-0055: rooms are found by their names.
func TestMatrixSearch(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		for _, name := range []string{"salon", "kitchen"} {
			bob.CreateRoom(map[string]any{"preset": "public_chat", "visibility": "public", "room_alias_name": name, "name": "The " + name})
		}
		const form = `<x xmlns="jabber:x:data" type="submit"><field var="q"><value>salon</value></field></x>`
		found := alice.IQ("get", s.gateway.MatrixDomain, `<search xmlns="urn:xmpp:channel-search:0:search">`+form+`</search>`)
		if items := found.Find("result").All("item"); len(items) != 1 || items[0].Attr["address"] != s.matrixJID("#salon") {
			s.Errorf("found %s", found)
		}
		found = alice.IQ("set", s.gateway.MatrixDomain, `<query xmlns="jabber:iq:search">`+form+`</query>`)
		if items := found.Find("query/x").All("item"); len(items) != 1 || !strings.Contains(found.String(), ">"+s.matrixJID("#salon")+"<") {
			s.Errorf("found %s", found)
		}
	})
}
