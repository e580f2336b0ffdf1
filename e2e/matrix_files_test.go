package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"isthmus/e2e/harness"
)

// withMedia is onMatrix with links to files, and with leave to fetch those of
// this machine.
func withMedia(t *testing.T, run func(*crossing)) {
	t.Helper()
	configured(t, once, func(s *scenario) {
		s.useMatrix()
		s.gateway.Config.Set("matrix/media", harness.Config{"public_url": "http://" + s.hs.Bridge})
		s.gateway.Config.Set("access/private_addresses", true)
	}, func(s *scenario) { run(cross(s)) })
}

// A file of Matrix is a link of ours (XEP-0066, XEP-0447) from which anybody
// may fetch it.
func TestMatrixFileToXMPP(t *testing.T) {
	withMedia(t, func(s *crossing) {
		content := bytes.Repeat([]byte("isthmus "), 1000)
		s.bob.SendFile(s.id, "m.file", "text/plain", "notes.txt", content)
		m := s.alice.Expect(harness.From(s.in("bob")), harness.BodyLike("http"))
		link := regexp.MustCompile(`https?://\S+`).FindString(m.TextOf("body"))
		if oob := m.In("jabber:x:oob"); oob == nil || oob.TextOf("url") != link {
			s.Errorf("no link out of band: %s", m)
		}
		answer, err := http.Get(link)
		if err != nil {
			s.Fatalf("%v", err)
		}
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || !bytes.Equal(got, content) {
			s.Errorf("%s, %v, %d bytes", answer.Status, err, len(got))
		}
		forged, err := http.Get(link + "0")
		if err != nil {
			s.Fatalf("%v", err)
		}
		forged.Body.Close()
		if forged.StatusCode == http.StatusOK {
			s.Errorf("a link that nobody signed: %s", forged.Status)
		}
	})
}

// A link that an XMPP client sent as a file becomes a file on the homeserver.
func TestXMPPFileToMatrix(t *testing.T) {
	withMedia(t, func(s *crossing) {
		content := []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/gif")
			w.Write(content) //nolint:errcheck // the gateway is gone
		}))
		s.Cleanup(server.Close)
		link := server.URL + "/dot.gif"
		s.alice.Send(`<message type="groupchat" id="f1" to="%s"><body>%s</body><x xmlns="jabber:x:oob"><url>%s</url></x></message>`, s.jid, link, link)
		file := s.bob.Expect(harness.InRoom(s.id), harness.Sender(s.ghost), harness.EventType("m.room.message"), harness.ContentText("msgtype", "m.image"))
		if got := s.hs.Download(s.T, s.bob.Token, file.Text("url")); !bytes.Equal(got, content) {
			s.Errorf("%d bytes, not %d", len(got), len(content))
		}
		s.alice.Expect(harness.ID("f1"), harness.Kind("message/groupchat"))
	})
}

// Without leave, nothing is fetched from private addresses: the link arrives
// as a text.
func TestXMPPFileOfPrivateAddress(t *testing.T) {
	onCrossing(t, once, func(s *crossing) {
		asked := make(chan string, 10)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
		s.Cleanup(server.Close)
		link := server.URL + "/secret.gif"
		s.alice.Send(`<message type="groupchat" to="%s"><body>%s</body><x xmlns="jabber:x:oob"><url>%s</url></x></message>`, s.jid, link, link)
		s.bob.Expect(harness.InRoom(s.id), harness.Sender(s.ghost), harness.Said("m.text", link))
		select {
		case path := <-asked:
			s.Errorf("it was asked for %s", path)
		default:
		}
	})
}
