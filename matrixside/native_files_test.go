package matrixside

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
	"isthmus/matrixside/media"
)

func TestFilesAndMentions(t *testing.T) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 6))); err != nil {
		t.Fatal(err)
	}
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cat.png" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(picture.Bytes())
	}))
	defer files.Close()
	b := startBridged(t, fakehs.Options{}, func(o *Options) {
		var err error
		o.Media, err = media.New(media.Options{Client: o.Client, PublicURL: "http://files.example.org", Key: make([]byte, 32), AllowPrivate: true})
		if err != nil {
			t.Fatal(err)
		}
	})
	bob := b.hs.User("bob")
	bob.SetName("Bobby")
	at := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
	room, ghost := matrixRoom("#go%example.org"), ghostOf(b, alice)
	b.enter(room, alice, "Alice", 0)

	uri := bob.Upload("image/png", "cat.png", picture.Bytes())
	bob.Send(at, "m.room.message", map[string]any{"msgtype": "m.image", "body": "cat.png", "url": uri, "info": map[string]any{"mimetype": "image/png"}})
	_, m := expectEvent(b.core, "the picture", anyOf[bridge.Message])
	if len(m.Files) != 1 || m.Files[0].Name != "cat.png" || !strings.HasPrefix(m.Files[0].URL, "http://files.example.org/_isthmus/media/") {
		t.Fatalf("%+v", m)
	}
	// The link is served where the homeserver reaches us.
	link := strings.Replace(m.Files[0].URL, "http://files.example.org", "http://"+b.side.inbox.Addr().String(), 1)
	res, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if data, _ := io.ReadAll(res.Body); !bytes.Equal(data, picture.Bytes()) {
		t.Errorf("%s: %d bytes", res.Status, len(data))
	}

	asked := b.ask(room, alice, "Alice", bridge.Message{
		Text: "Bob, look", Spans: []bridge.Span{{Start: 0, End: 3, Style: bridge.StyleMention, Person: onMatrix(bob.ID)}},
		Files: []bridge.File{{URL: files.URL + "/cat.png"}, {URL: files.URL + "/gone.png", Name: "gone"}},
	})
	c := b.confirmed(asked)
	text := b.hs.Expect("the text", func(e *fakehs.Event) bool { return e.ID == c.Native })
	if body := text.Text("body"); body != "Bobby, look" || !strings.Contains(text.Text("formatted_body"), "https://matrix.to/#/") {
		t.Errorf("%q, %q", body, text.Text("formatted_body"))
	}
	sent := b.hs.Expect("the file", func(e *fakehs.Event) bool { return e.Sender == ghost && e.Text("msgtype") == "m.image" })
	if _, _, data := b.hs.Media(sent.Text("url")); !bytes.Equal(data, picture.Bytes()) {
		t.Errorf("%d bytes were uploaded", len(data))
	}
	b.hs.Expect("the link", func(e *fakehs.Event) bool {
		return e.Sender == ghost && strings.Contains(e.Text("body"), files.URL+"/gone.png")
	})

	// Of who has no ghost, the bot shows it, and whose it is.
	b.keep(room)
	b.confirmed(b.via(room, rob, "rob", bridge.Message{Files: []bridge.File{{URL: files.URL + "/cat.png"}}}))
	sent = b.hs.Expect("the file", func(e *fakehs.Event) bool { return e.Sender == b.hs.Bot() && e.Text("msgtype") == "m.image" })
	if sent.Text("body") != "rob: " || sent.Text("filename") != "cat.png" || sent.Text("url") == "" {
		t.Errorf("%v", sent.Content)
	}

	// Formatting comes across, and what mentions one of ours names them.
	bob.SayHTML(at, "Alice: *really*", `<a href="https://matrix.to/#/`+ghost+`">Alice</a>: <em>really</em>`)
	_, m = expectEvent(b.core, "the answer", anyOf[bridge.Message])
	if m.Text != "Alice: really" || len(m.Spans) != 2 || m.Spans[0].Person != alice || m.Spans[1].Style != bridge.StyleItalic {
		t.Errorf("%+v", m)
	}
}
