package matrixside

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
)

func TestDirect(t *testing.T) {
	onEach(t, func(t *testing.T, kind fakehs.Kind) {
		w := newWorld(t, kind, nil)
		bob := w.hs.User("bob")
		ghost := w.hs.ID("irc_libera_rob")
		room := bob.CreateDirect(ghost)
		w.hs.ExpectMember(room, ghost, "join")
		bob.Say(room, "hello rob")
		said := w.libera.expectSaid(t, "rob", "hello rob")
		if said.Room.Owner.ID != bob.ID {
			t.Errorf("%+v", said)
		}
		private := func(nick string) bridge.Room {
			return bridge.Room{Network: "libera", ID: nick, Owner: matrixPerson(id.UserID(bob.ID))}
		}
		w.hub.Publish(bridge.Event{Room: private("rob"), By: w.libera.person("rob"), Name: "rob", Body: bridge.Message{Text: "hello bob"}})
		w.hs.ExpectMessage(room, ghost, "hello bob")

		w.libera.set(func(o *otherSide) {
			o.refuse = func(bridge.Event) *bridge.Failure {
				return &bridge.Failure{Kind: bridge.ErrNotFound, Text: "No such nick."}
			}
		})
		bob.Say(room, "still there?")
		w.expectNotice(room, ghost, "This was not sent. No such nick.")

		// Somebody else begins: a room is made, and bob is invited.
		w.hub.Publish(bridge.Event{Room: private("ken"), By: w.libera.person("ken"), Name: "Ken", Body: bridge.Message{Text: "psst"}})
		ken := w.hs.ID("irc_libera_ken")
		psst := w.hs.Expect("what ken says", func(e *fakehs.Event) bool { return e.Sender == ken && e.Text("body") == "psst" })
		w.hs.ExpectMember(psst.Room, bob.ID, "invite")
		if name, _ := w.hs.Profile(ken); name != "Ken" {
			t.Errorf("ken is called %q", name)
		}
		w.hub.Publish(bridge.Event{Room: private("ken"), By: w.libera.person("ken"), Name: "Ken", Body: bridge.Message{Text: "more"}})
		w.hs.ExpectMessage(psst.Room, ken, "more")
	})
}

func TestDirectEncrypted(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	bob := w.hs.User("bob")
	ghost := w.hs.ID("xmpp_juliet_example.net")
	room := bob.CreateRoom(fakehs.RoomOptions{Direct: true, Encrypted: true, Invite: []string{ghost}})
	w.expectNotice(room, ghost, "encrypted, which the bridge can't read")
	other := w.hs.Expect("another room", func(e *fakehs.Event) bool {
		return e.Type == "m.room.member" && e.StateKey != nil && *e.StateKey == bob.ID && e.Text("membership") == "invite" && e.Room != room
	}).Room
	bob.Join(other)
	bob.Say(other, "in the open")
	w.xmpp.expectSaid(t, "juliet@example.net", "in the open")
}

func TestBot(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	w.libera.set(func(o *otherSide) { o.rows = [][]string{{"#go", "Go!", "12"}, {"#c", "C", "3"}} })
	bob := w.hs.User("bob")
	chat := bob.CreateDirect(w.hs.Bot())
	w.expectNotice(chat, w.hs.Bot(), "Say help")
	for _, c := range [][2]string{
		{"help", "join NETWORK #CHANNEL"},
		{"what?", "no such command"},
		{"networks", "libera (channels are #irc_libera_#CHANNEL:example.org)"},
		{"status", "You are in no room"},
		{"join libera", "Say which network"},
		{"join oftc #go", "no network called oftc"},
		{"join room@gw.example.org", "is the bridge itself"},
		{"list libera go", "#go (#irc_libera_#go:example.org), 12 people: Go!"},
		{"libera whois rob", "libera: answer to whois rob"},
		{"nick libera robert", "you are called robert now"},
		{"login libera nick=bobby account=b", "nick bobby, account b, without a password"},
		{"login libera", "On libera: nick bobby"},
		{"msg libera rob", "You are invited to a chat with rob, @irc_libera_rob:example.org"},
	} {
		w.side.directs.mu.Lock()
		delete(w.side.directs.rates, id.UserID(bob.ID)) // no haste here
		w.side.directs.mu.Unlock()
		bob.Say(chat, c[0])
		w.expectNotice(chat, w.hs.Bot(), c[1])
	}
	for range 2 * commandBurst {
		bob.Say(chat, "help")
	}
	w.expectNotice(chat, w.hs.Bot(), "Not so fast")
}

func TestLookups(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	get := func(token, path string) (int, string) {
		r, err := http.NewRequest("GET", "http://"+w.side.inbox.Addr().String()+"/_matrix/app/v1/thirdparty/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || !json.Valid(body) {
			t.Fatalf("%s: %q, %v", path, body, err)
		}
		return res.StatusCode, strings.TrimSpace(string(body))
	}
	if status, _ := get("wrong", "protocol/irc"); status != http.StatusForbidden {
		t.Errorf("a stranger gets %d", status)
	}
	for path, want := range map[string]string{
		"location/irc?channel=go":                                 `[{"alias":"#irc_libera_#go:example.org","protocol":"irc","fields":{"channel":"#go","network":"libera"}}]`,
		"location/irc?network=oftc&channel=%23go":                 `[]`,
		"location/irc":                                            `[]`,
		"location/xmpp?room=r@muc.example.net":                    `[{"alias":"#xmpp_r_muc.example.net:example.org","protocol":"xmpp","fields":{"room":"r@muc.example.net"}}]`,
		"location?alias=" + url.QueryEscape(w.hs.Alias(goAlias)):  `[{"alias":"#irc_libera_#go:example.org","protocol":"irc","fields":{"channel":"#go","network":"libera"}}]`,
		"location?alias=%23other:example.org":                     `[]`,
		"user/irc?network=libera&nickname=Rob":                    `[{"userid":"@irc_libera_rob:example.org","protocol":"irc","fields":{"network":"libera","nickname":"rob"}}]`,
		"user?userid=" + url.QueryEscape("@xmpp_a_b:example.org"): `[{"userid":"@xmpp_a_b:example.org","protocol":"xmpp","fields":{"jid":"a@b"}}]`,
		"user?userid=" + url.QueryEscape("@somebody:example.org"): `[]`,
		"user/xmpp?jid=" + url.QueryEscape("spy@gw.example.org"):  `[]`,
	} {
		if status, got := get(w.hs.Registration.HSToken, path); status != http.StatusOK || got != want {
			t.Errorf("%s: %d %s", path, status, got)
		}
	}
	if status, got := get(w.hs.Registration.HSToken, "protocol/irc"); status != http.StatusOK || !strings.Contains(got, `"network_id":"libera"`) {
		t.Errorf("%d %s", status, got)
	}
	if status, _ := get(w.hs.Registration.HSToken, "protocol/gopher"); status != http.StatusNotFound {
		t.Errorf("gopher: %d", status)
	}
}

// A ghost who is invited once more carries on what was said since, not what they
// have carried on already.
func TestDirectAgain(t *testing.T) {
	w := newWorld(t, fakehs.Synapse, nil)
	bob := w.hs.User("bob")
	ghost := w.hs.ID("irc_libera_rob")
	room := bob.CreateRoom(fakehs.RoomOptions{Invite: []string{ghost}}) // where bob may kick
	bob.Say(room, "first")
	w.libera.expectSaid(t, "rob", "first")
	w.hs.ExpectMember(room, ghost, "join")
	bob.Kick(room, ghost, "")
	w.hs.Settle()
	bob.Say(room, "to nobody")
	bob.Invite(room, ghost)
	bob.Say(room, "second")
	w.libera.expectSaid(t, "rob", "second")
	bob.Say(room, "third")
	w.libera.expectSaid(t, "rob", "third")
	w.libera.set(func(o *otherSide) {
		for _, e := range o.got {
			if m, ok := e.Body.(bridge.Message); ok {
				t.Errorf("again: %q", m.Text)
			}
		}
	})

	// In a group there is nobody to talk to.
	group := bob.CreateRoom(fakehs.RoomOptions{Public: true, Alias: "group"})
	w.hs.User("ken").Join(group)
	bob.Invite(group, w.hs.ID("irc_libera_sue"))
	w.hs.ExpectMember(group, w.hs.ID("irc_libera_sue"), "leave")
	bob.Invite(group, w.hs.Bot())
	w.hs.ExpectMember(group, w.hs.Bot(), "leave")
}
