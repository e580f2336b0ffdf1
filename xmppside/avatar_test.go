package xmppside

import (
	"encoding/base64"
	"strings"
	"testing"

	"isthmus/bridge"
)

const dot = "\x89PNG\r\n\x1a\n" + "a dot"

var dotBase64 = base64.StdEncoding.EncodeToString([]byte(dot))

// Another network asks for the picture of somebody on XMPP: it is in their vCard.
func TestAskAvatar(t *testing.T) {
	s := newService(t, withMatrix)
	bob := bridge.Person{Network: "matrix", ID: "@bob:server.org"}
	room := bridge.Room{Network: "xmpp", ID: "juliet@example.org", Owner: bob}
	ask := func() string {
		s.askAvatar(bridge.Event{ID: "q", Room: room, By: bob, Body: bridge.Query{What: bridge.QueryAvatar}})
		got := s.hear("<iq to='juliet@example.org' from='matrix.example.org'", "type='get'><vCard xmlns='vcard-temp'/></iq>")
		_, id, _ := strings.Cut(got, "id='")
		id, _, _ = strings.Cut(id, "'")
		return "<iq to='matrix.example.org' from='juliet@example.org' id='" + id + "' type="
	}
	expect := func(want bridge.Body) {
		t.Helper()
		e := s.asked()
		if f, ok := e.Body.(bridge.Failure); ok && f.Text != "" {
			f.Text = ""
			e.Body = f
		}
		a, isAnswer := e.Body.(bridge.Answer)
		if w, ok := want.(bridge.Answer); ok != isAnswer || e.Ref != "q" || e.Room != room || isAnswer && strings.Join(a.Rows[0], " ") != strings.Join(w.Rows[0], " ") || !isAnswer && e.Body != want {
			t.Errorf("got %+v", e)
		}
	}
	s.say(ask() + "'result'><vCard xmlns='vcard-temp'><FN>J</FN><PHOTO><TYPE>image/svg+xml</TYPE><BINVAL>\n " + dotBase64[:8] + "\r\n" + dotBase64[8:] + "</BINVAL></PHOTO></vCard></iq>")
	expect(bridge.Answer{Rows: [][]string{{"image/png", dotBase64}}})
	s.say(ask() + "'result'><vCard xmlns='vcard-temp'><FN>J</FN></vCard></iq>")
	expect(bridge.Failure{Kind: bridge.ErrNotFound})
	s.say(ask() + "'result'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>" + base64.StdEncoding.EncodeToString([]byte("<svg/>")) + "</BINVAL></PHOTO></vCard></iq>")
	expect(bridge.Failure{Kind: bridge.ErrUnsupported})
	s.say(ask() + "'error'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
	expect(bridge.Failure{Kind: bridge.ErrNotFound})
	room.ID = "@"
	s.askAvatar(bridge.Event{ID: "q", Room: room, Body: bridge.Query{What: bridge.QueryAvatar}})
	expect(bridge.Failure{Kind: bridge.ErrNotFound})
	room = bridge.Room{Network: "xmpp", ID: "juliet@example.org", Owner: bob}
	if err := s.Reload(Options{Domains: []Domain{{Name: "libera.example.org", Network: "libera", Server: s.Side.set.Load().Domains[0].Server, Secret: "s"}}, Log: s.log, Logins: s.logins, Subscriptions: s.subs}); err != nil {
		t.Fatal(err)
	}
	s.askAvatar(bridge.Event{ID: "q", Room: room, Body: bridge.Query{What: bridge.QueryAvatar}})
	expect(bridge.Failure{Kind: bridge.ErrOffline})
}

func TestReadPicture(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	for _, c := range []struct {
		data, typ string
		err       error
	}{
		{dot, "image/png", nil},
		{"\xff\xd8\xff\xe0", "image/jpeg", nil},
		{"GIF89a.", "image/gif", nil},
		{"RIFF....WEBPVP8 ", "image/webp", nil},
		{"", "", errNoPicture},
		{"<svg/>", "", errPicture},
		{"GIF89a" + strings.Repeat("x", maxPicture-6), "image/gif", nil},
		{"GIF89a" + strings.Repeat("x", maxPicture-5), "", errPicture},
	} {
		p, data, err := readPicture(encode([]byte(c.data)))
		if p.typ != c.typ || err != c.err || err == nil && string(data) != c.data {
			t.Errorf("%.20q: %q, %v", c.data, p.typ, err)
		}
	}
	if _, _, err := readPicture("no base64"); err != errPicture {
		t.Error(err)
	}
	if _, _, err := pictureIn(bridge.Answer{Rows: [][]string{{"image/gif", encode([]byte("GIF89a" + strings.Repeat("x", maxPhoto)))}}}); err != errPicture {
		t.Error(err) // no stanza holds it
	}
	if _, _, err := pictureIn(bridge.Answer{Rows: [][]string{{"image/gif"}}}); err != errNoPicture {
		t.Error(err)
	}
}

func FuzzReadPicture(f *testing.F) {
	f.Add(dotBase64)
	f.Add(" R0l\nGODlh")
	f.Fuzz(func(t *testing.T, text string) {
		p, data, err := readPicture(text)
		if err != nil {
			return
		}
		if again, more, err := readPicture(p.base64); err != nil || again != p || string(more) != string(data) || !strings.HasPrefix(p.typ, "image/") {
			t.Fatalf("%q: %+v, then %+v, %v", text, p, again, err)
		}
	})
}

// The picture of somebody in a room on another server is asked for by who is
// there, and can't be by anybody else.
func TestAskAvatarOfOccupant(t *testing.T) {
	s := newForeignService(t)
	room := bridge.Room{Network: "xmpp", ID: "go@muc.example/Juliet", Owner: bob}
	ask := func() {
		s.Deliver(bridge.Event{ID: "q", Room: room, By: bob, Body: bridge.Query{What: bridge.QueryAvatar}})
	}
	ask()
	s.failed("q", bridge.ErrNotInRoom)
	s.joinMUC()
	ask()
	got := s.hear("<iq to='go@muc.example/Juliet' from='"+bobFull+"'", "<vCard xmlns='vcard-temp'/>")
	_, id, _ := strings.Cut(got, "id='")
	id, _, _ = strings.Cut(id, "'")
	s.say("<iq to='" + bobFull + "' from='go@muc.example/Juliet' id='" + id + "' type='result'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>" + dotBase64 + "</BINVAL></PHOTO></vCard></iq>")
	if a, ok := s.asked().Body.(bridge.Answer); !ok || a.Rows[0][1] != dotBase64 {
		t.Errorf("%+v", a)
	}
}
