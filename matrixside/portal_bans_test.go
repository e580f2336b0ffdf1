package matrixside

import (
	"testing"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/e2e/fakehs"
)

// A ban on Matrix is one on the other network, and is lifted there, too; also
// that of somebody who is not in the room.
func TestPortalBans(t *testing.T) {
	onEach(t, func(t *testing.T, kind fakehs.Kind) {
		w := newWorld(t, kind, nil)
		w.libera.set(func(o *otherSide) { o.members["#go"] = []bridge.Member{o.member("rob")} })
		bob := w.hs.User("bob")
		room := bob.Join(w.hs.Alias(goAlias))
		rob, ken := w.hs.ID("irc_libera_rob"), w.hs.ID("irc_libera_ken")
		w.hs.ExpectMember(room, rob, "join")
		w.libera.hub.Publish(bridge.Event{Room: bridge.Room{Network: "libera", ID: "#go"}, By: matrixPerson(id.UserID(bob.ID)), Name: "bob", Body: bridge.RoleChange{Role: bridge.RoleModerator}})
		w.hs.Until("power", func() bool {
			users, _ := w.hs.Content(room, "m.room.power_levels", "")["users"].(map[string]any)
			return users[bob.ID] == float64(60)
		})
		comes := func(word string) { // and the bridge knows that they are there
			t.Helper()
			w.libera.native("#go", "rob", bridge.Join{})
			w.libera.native("#go", "rob", bridge.Message{Text: word})
			w.hs.ExpectMember(room, rob, "join")
			w.hs.ExpectMessage(room, rob, word)
		}
		expels := func(want bridge.Expel) {
			t.Helper()
			w.libera.expect(t, "a ban", func(e bridge.Event) bool { return e.Body == want })
		}
		pardons := func(nick string) {
			t.Helper()
			w.libera.expect(t, "a pardon", func(e bridge.Event) bool { return e.Body == bridge.Pardon{Person: w.libera.person(nick)} })
		}
		bob.Ban(room, rob, "rude")
		expels(bridge.Expel{Target: "rob", Ban: true, Reason: "rude"})
		w.libera.native("#go", "rob", bridge.Leave{Cause: bridge.CauseBan})
		bob.Unban(room, rob)
		pardons("rob")
		comes("here")
		bob.Kick(room, rob, "out")
		expels(bridge.Expel{Target: "rob", Reason: "out"})
		w.libera.native("#go", "rob", bridge.Leave{Cause: bridge.CauseKick})
		bob.Ban(room, ken, "")
		expels(bridge.Expel{Person: w.libera.person("ken"), Ban: true})
		w.libera.set(func(o *otherSide) {
			o.refuse = func(bridge.Event) *bridge.Failure {
				return &bridge.Failure{Kind: bridge.ErrNoPrivileges, Text: "You are no operator."}
			}
		})
		bob.Unban(room, ken)
		pardons("ken")
		w.expectNotice(room, w.hs.Bot(), "The ban of ken is lifted on Matrix alone. You are no operator.")

		// Who is let in again there is let in here.
		w.libera.set(func(o *otherSide) { o.refuse = func(bridge.Event) *bridge.Failure { return nil } })
		comes("again")
		bob.Ban(room, rob, "")
		expels(bridge.Expel{Target: "rob", Ban: true})
		w.libera.native("#go", "rob", bridge.Leave{Cause: bridge.CauseBan})
		comes("at last")
	})
}
