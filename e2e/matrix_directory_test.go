package e2e

import (
	"fmt"
	"testing"

	"isthmus/e2e/harness"
)

// XEP-0030 with XEP-0059: the directory of the homeserver, page by page.
func TestMatrixDirectory(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		bob, alice := s.person("bob"), s.user("alice")
		const rooms = 5
		for i := range rooms {
			bob.PublicRoom(word("r", i))
		}
		bob.CreateRoom(map[string]any{"preset": "private_chat", "room_alias_name": "closed"})
		found, after := map[string]bool{}, ""
		for page := 0; page < rooms; page++ {
			set := `<max>2</max>`
			if after != "" {
				set += fmt.Sprintf("<after>%s</after>", harness.Escape(after))
			}
			answer := alice.IQ("get", s.gateway.MatrixDomain, `<query xmlns="http://jabber.org/protocol/disco#items"><set xmlns="http://jabber.org/protocol/rsm">`+set+`</set></query>`)
			items := answer.Find("query").All("item")
			if len(items) > 2 {
				s.Errorf("more than asked for: %s", answer)
			}
			for _, item := range items {
				found[item.Attr["jid"]] = true
			}
			after = answer.TextOf("query/set/last")
			if len(items) == 0 || after == "" {
				break
			}
		}
		for i := range rooms {
			if !found[s.matrixJID("#"+word("r", i))] {
				s.Errorf("no %s among %v", word("r", i), found)
			}
		}
		if len(found) != rooms {
			s.Errorf("found %v", found)
		}
	})
}
