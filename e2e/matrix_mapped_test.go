package e2e

import (
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// mappedPair is a MUC of the XMPP server's and a room of Matrix that a link of
// the configuration joins. Both are there before the gateway is.
type mappedPair struct {
	*muc
	bob *harness.Matrix
	id  string // of the room, on Matrix
	bot string
}

// onMapped runs a scenario on such a pair. A private room's people have invited
// nobody yet.
func onMapped(t *testing.T, pairs []string, private bool, run func(*mappedPair)) {
	t.Helper()
	var p *mappedPair
	configured(t, pairs, func(s *scenario) {
		s.useMatrix()
		p = &mappedPair{muc: newMUC(s), bob: s.person("bob"), bot: s.hs.ID("isthmusbot")}
		options := map[string]any{"preset": "public_chat", "room_alias_name": "lounge"}
		if private {
			options["preset"] = "private_chat"
		}
		p.id = p.bob.CreateRoom(options)
		s.gateway.Config.Set("links", []any{harness.Config{"name": "lounge", "rooms": []any{
			harness.Config{"xmpp": p.jid}, harness.Config{"matrix": "#lounge:" + s.hs.Name},
		}}})
	}, func(*scenario) { run(p) })
}

// ghostOf is the ghost of an occupant of the MUC.
func (p *mappedPair) ghostOf(nick string) string {
	room, domain, _ := strings.Cut(p.jid, "@")
	return p.hs.ID("xmpp_" + room + "_" + domain + "/" + nick)
}

// in is somebody's occupant in the MUC.
func (p *mappedPair) in(nick string) string { return p.jid + "/" + nick }

// Everybody in one room is in the other: talk, names, kicks, bans and topic cross.
func TestMatrixMapped(t *testing.T) {
	onMapped(t, once, false, func(p *mappedPair) {
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.bot, "join"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("bob")))
		p.bob.Say(p.id, "hello muc")
		p.alice.Expect(harness.Kind("message/groupchat"), harness.From(p.in("bob")), harness.Body("hello muc"))
		p.alice.Say(p.jid, "hello matrix")
		p.alice.Expect(harness.From(p.in("alice")), harness.Body("hello matrix")) // the MUC's own
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.ghostOf("alice")), harness.Said("m.text", "hello matrix"))

		// Another nick is another ghost; the room is told of one change.
		p.alice.Send(`<presence to="%s"/>`, p.in("Alicia"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("=41licia"), "join"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "leave"))
		p.alice.Say(p.jid, "it is me")
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.ghostOf("=41licia")), harness.Said("m.text", "it is me"))

		// What the bot may not do is told; what it may, is done.
		carol := p.person("carol")
		carol.Join(p.id)
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("carol")))
		p.bob.SetPower(p.id, p.bot, 50)
		p.bob.Ban(p.id, carol.ID, "enough")
		p.alice.Expect(harness.Kind("presence/unavailable"), harness.From(p.in("carol")))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(carol.ID, "ban"))
		p.bob.ExpectNone(harness.Said("m.text", "hello muc"))
		p.alice.ExpectNone(harness.Body("hello matrix"))
	})
}

// The bot waits to be invited into a private room, and invites the others.
func TestMatrixMappedPrivate(t *testing.T) {
	onMapped(t, once, true, func(p *mappedPair) {
		p.gateway.ExpectLog(p.T, `a mapped room is not joined.*invite the bridge's bot`)
		p.bob.SetPower(p.id, p.bot, 50)
		p.bob.Invite(p.id, p.bot)
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.bot, "join"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		p.bob.Say(p.id, "hello muc")
		p.alice.Expect(harness.Kind("message/groupchat"), harness.From(p.in("bob")), harness.Body("hello muc"))
		p.alice.Say(p.jid, "hello matrix")
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.ghostOf("alice")), harness.Said("m.text", "hello matrix"))
	})
}
