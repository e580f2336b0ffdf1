package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

// onMapped runs a scenario on such a pair, with a change to the link's rooms.
// The bot is invited to a private one by nobody yet.
func onMapped(t *testing.T, preset string, change func(p *mappedPair, rooms []harness.Config) []harness.Config, run func(*mappedPair)) {
	t.Helper()
	var p *mappedPair
	configured(t, once, func(s *scenario) {
		s.useMatrix()
		p = &mappedPair{muc: newMUC(s), bob: s.person("bob"), bot: s.hs.ID("isthmusbot")}
		p.id = p.bob.CreateRoom(map[string]any{"preset": preset, "room_alias_name": "lounge"})
		rooms := []harness.Config{{"xmpp": p.jid}, {"matrix": "#lounge:" + s.hs.Name}}
		if change != nil {
			rooms = change(p, rooms)
		}
		s.gateway.Config.Set("links", []any{harness.Config{"name": "lounge", "rooms": rooms}})
	}, func(*scenario) { run(p) })
}

// ghostOf is the ghost of an occupant of the MUC.
func (p *mappedPair) ghostOf(nick string) string {
	room, domain, _ := strings.Cut(p.jid, "@")
	return p.hs.ID("xmpp_" + room + "_" + domain + "/" + nick)
}

// in is somebody's occupant in the MUC.
func (p *mappedPair) in(nick string) string { return p.jid + "/" + nick }

// talk says something in each room, and has it come to the other as by their own.
func (p *mappedPair) talk(room, nick, text string) {
	p.Helper()
	p.bob.Say(room, text+" muc")
	p.alice.Expect(harness.Kind("message/groupchat"), harness.From(p.in("bob")), harness.Body(text+" muc"))
	p.alice.Say(p.jid, text+" matrix")
	p.alice.Expect(harness.From(p.in(nick)), harness.Body(text+" matrix")) // the MUC's own
	p.bob.Expect(harness.InRoom(room), harness.Sender(p.ghostOf(strings.ReplaceAll(nick, "A", "=41"))), harness.Said("m.text", text+" matrix"))
}

// Everybody in one room is in the other: talk, names, bans and topic cross.
func TestMatrixMapped(t *testing.T) {
	onMapped(t, "public_chat", nil, func(p *mappedPair) {
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.bot, "join"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("bob")))
		p.talk(p.id, "alice", "hello")

		// Another nick is another ghost; the room is told of one change.
		p.alice.Send(`<presence to="%s"/>`, p.in("Alicia"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("=41licia"), "join"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "leave"))
		p.talk(p.id, "Alicia", "it is me")

		p.bob.SetPower(p.id, p.bot, 50)
		carol := p.person("carol")
		carol.Join(p.id)
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("carol")))
		p.bob.Ban(p.id, carol.ID, "enough")
		p.alice.Expect(harness.Kind("presence/unavailable"), harness.From(p.in("carol")))
		p.alice.Send(`<message to="%s" type="groupchat"><subject>about all</subject></message>`, p.jid)
		p.bob.Expect(harness.InRoom(p.id), harness.EventType("m.room.topic"), harness.Sender(p.bot), harness.ContentText("topic", "about all"))
		p.bob.ExpectNone(harness.Said("m.text", "hello muc"))
		p.alice.ExpectNone(harness.Body("hello matrix"))
	})
}

// Who is given power in one room has it in the other, where the bot may give it;
// where it may not, whoever gave it is told.
func TestMatrixMappedRoles(t *testing.T) {
	onMapped(t, "public_chat", nil, func(p *mappedPair) {
		carol := p.user("carol")
		carol.Join(p.jid, "carol")
		carol.Say(p.jid, "here I am") // the gateway knows that her ghost is in when it says so
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.ghostOf("carol")), harness.Said("m.text", "here I am"))
		const role = `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="carol" role="%s"/></query>`
		p.alice.IQ("set", p.jid, fmt.Sprintf(role, "moderator"))
		p.alice.Expect(harness.Kind("message/chat"), harness.BodyLike("needs power level 100 in the room for that, and has 0"))
		p.alice.IQ("set", p.jid, fmt.Sprintf(role, "participant"))
		p.bob.SetPower(p.id, p.bot, 100)
		settle(p.scenario, "carol to have power on Matrix", func() bool {
			p.alice.IQ("set", p.jid, fmt.Sprintf(role, "moderator"))
			levels := p.hs.Request(p.T, "GET", "/_matrix/client/v3/rooms/"+p.id+"/state/m.room.power_levels", p.bob.Token, nil)
			users, _ := levels["users"].(map[string]any)
			p.alice.IQ("set", p.jid, fmt.Sprintf(role, "participant"))
			return users[p.ghostOf("carol")] == 50.0
		})
	})
}

// The bot waits to be invited into a private room, and invites the others.
func TestMatrixMappedPrivate(t *testing.T) {
	onMapped(t, "private_chat", nil, func(p *mappedPair) {
		p.gateway.ExpectLog(p.T, `a mapped room is not joined.*invite the bridge's bot`)
		p.bob.SetPower(p.id, p.bot, 50)
		p.bob.Invite(p.id, p.bot)
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.bot, "join"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		p.talk(p.id, "alice", "hello")
	})
}

// Where people have no ghosts, the bot says what they say, and whose word it is.
func TestMatrixMappedRelayed(t *testing.T) {
	onMapped(t, "public_chat", func(_ *mappedPair, rooms []harness.Config) []harness.Config {
		rooms[1]["as"] = "relay"
		return rooms
	}, func(p *mappedPair) {
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("bob")))
		p.alice.Say(p.jid, "hello")
		e := p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.bot), harness.Said("m.text", "alice: hello"))
		if html := e.Text("formatted_body"); html != "<strong data-mx-profile-fallback>alice: </strong>hello" {
			p.Errorf("%q", html)
		}
		p.alice.Say(p.jid, "/me waves")
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.bot), harness.Said("m.text", "* alice waves"))
		p.bob.ExpectNone(harness.Membership(p.ghostOf("alice"), "join"))
	})
}

// A room that is upgraded stays mapped: the bot and the ghosts go along.
func TestMatrixMappedUpgraded(t *testing.T) {
	onMapped(t, "public_chat", nil, func(p *mappedPair) {
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		var upgraded struct {
			Room string `json:"replacement_room"`
		}
		p.bob.Call(&upgraded, "upgradeRoom", p.id, "10")
		p.bob.ExpectMembership(upgraded.Room, p.bot, true)
		p.bob.ExpectMembership(upgraded.Room, p.ghostOf("alice"), true)
		p.talk(upgraded.Room, "alice", "new carpets")
	})
}

// Two rooms of Matrix and a MUC are one conversation. Who is in one of the two
// is relayed into the other; who is in both is themselves in both.
func TestMatrixMappedTwice(t *testing.T) {
	var second string
	onMapped(t, "public_chat", func(p *mappedPair, rooms []harness.Config) []harness.Config {
		second = p.bob.PublicRoom("second")
		return append(rooms, harness.Config{"matrix": "#second:" + p.hs.Name})
	}, func(p *mappedPair) {
		carol := p.person("carol")
		carol.Join(second)
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("carol")))
		carol.Say(second, "from the second")
		p.alice.Expect(harness.From(p.in("carol")), harness.Body("from the second"))
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.bot), harness.Said("m.text", "carol: from the second"))
		p.bob.Expect(harness.InRoom(second), harness.Sender(carol.ID), harness.Said("m.text", "from the second"))
		p.bob.Say(p.id, "from both")
		p.alice.Expect(harness.From(p.in("bob")), harness.Body("from both"))
		p.bob.Expect(harness.InRoom(second), harness.Sender(p.bot), harness.Said("m.text", "bob: from both"))
		p.alice.Say(p.jid, "hello both")
		for _, room := range []string{p.id, second} {
			p.bob.Expect(harness.InRoom(room), harness.Sender(p.ghostOf("alice")), harness.Said("m.text", "hello both"))
		}
		p.bob.ExpectNone(harness.ContentLike("body", "from the second|from both|hello both"), harness.WhereEvent("of others", func(e *harness.MatrixEvent) bool {
			return e.Sender != p.bob.ID
		}))
	})
}

// Somebody may be in the mapped room and in the bridge's own room for what it
// is mapped to: each word of theirs is in each room once.
func TestMatrixMappedBesidePortal(t *testing.T) {
	onMapped(t, "public_chat", nil, func(p *mappedPair) {
		carol := p.person("carol")
		portal := carol.Join(p.alias)
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("carol")))
		carol.Say(portal, "by the portal")
		p.alice.Expect(harness.From(p.in("carol")), harness.Body("by the portal"))
		p.bob.Expect(harness.InRoom(p.id), harness.ContentLike("body", `^(carol: )?by the portal$`))
		carol.Join(p.id)
		carol.Say(p.id, "by the room")
		p.alice.Expect(harness.BodyLike(`by the room$`))
		carol.Expect(harness.InRoom(portal), harness.ContentLike("body", `by the room$`))
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(carol.ID), harness.Said("m.text", "by the room"))
		carol.Say(portal, "once more")
		p.alice.Expect(harness.From(p.in("carol")), harness.Body("once more"))
		p.bob.Expect(harness.InRoom(p.id), harness.ContentLike("body", `once more$`))
		p.bob.Say(p.id, "fence")
		p.alice.Expect(harness.Body("fence"))
		p.alice.ExpectNone(harness.BodyLike(`by the|once more`))
		p.bob.ExpectNone(harness.ContentLike("body", `by the|once more`))
	})
}

// A restart shows in neither room but by what is said during it: the ghosts
// stay, and are there again when it is over.
func TestMatrixMappedRestarted(t *testing.T) {
	onMapped(t, "public_chat", nil, func(p *mappedPair) {
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		p.talk(p.id, "alice", "before")
		p.bob.Drain()
		p.gateway.Stop(p.T)
		p.bob.Say(p.id, "during")
		p.gateway.Start(p.T)
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("bob")))
		// A Dendrite that was refused, in this scenario or one before it, calls again after up to 64 s.
		p.alice.ExpectWithin(5*harness.Patience, harness.From(p.in("bob")), harness.Body("during"))
		p.talk(p.id, "alice", "after")
		p.bob.ExpectNone(harness.InRoom(p.id), harness.EventType("m.room.member"))
	})
}

// A homeserver that is killed keeps waiting what is said on XMPP, and loses
// nothing of what it took: each message arrives once, in order.
func TestMatrixMappedHomeserverKilled(t *testing.T) {
	onMapped(t, "public_chat", nil, func(p *mappedPair) {
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in("bob")))
		for i := range traffic {
			p.bob.Say(p.id, word("m", i))
			p.alice.Say(p.jid, word("x", i))
		}
		p.alice.Expect(harness.From(p.in("alice")), harness.Body(word("x", traffic-1)))
		p.hs.Kill()
		for i := range traffic {
			p.alice.Say(p.jid, word("x", traffic+i))
		}
		time.Sleep(7 * time.Second) // a while in which nobody is there, until the bridge says so
		revive(p.scenario, p.bob, p.id)
		p.alice.Say(p.jid, "the end of alice")
		p.bob.ExpectWithin(4*harness.Patience, harness.InRoom(p.id), harness.Sender(p.ghostOf("alice")), harness.Said("m.text", "the end of alice"))
		p.bob.Say(p.id, "the end of bob")
		p.alice.ExpectWithin(4*harness.Patience, harness.From(p.in("bob")), harness.Body("the end of bob"))
		eachOnce(p.scenario, "XMPP", numbers(bodies(p.alice.Drain()), "m"), upTo(traffic))
		eachOnce(p.scenario, "Matrix", numbers(roomTexts(p.scenario, p.bob, p.id, p.ghostOf("alice")), "x"), upTo(2*traffic))
	})
}

// A channel beside: its people are ghosts, others as others when they are
// called otherwise, and Matrix users are relayed into it. Kicks and bans on IRC
// take effect on Matrix where the bot may, and the other way round.
func TestMatrixMappedToIRC(t *testing.T) {
	onMapped(t, "public_chat", func(p *mappedPair, rooms []harness.Config) []harness.Config {
		return append(rooms, harness.Config{"irc": network, "channel": p.channel})
	}, func(p *mappedPair) {
		rob := p.native("rob")
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ircGhost(p.nick("rob")), "join"))
		rob.Say(p.channel, "hello all")
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.ircGhost(p.nick("rob"))), harness.Said("m.text", "hello all"))
		p.alice.Expect(harness.From(p.in(p.nick("rob"))), harness.Body("hello all"))
		p.bob.Say(p.id, "hello both")
		rob.Expect(`PRIVMSG ` + p.channel + ` :.*bob.*hello both`)
		p.alice.Expect(harness.From(p.in("bob")), harness.Body("hello both"))

		rob.Send("NICK %s", p.nick("bert"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ircGhost(p.nick("bert")), "join"))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ircGhost(p.nick("rob")), "leave"))
		rob.Say(p.channel, "it is me")
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.ircGhost(p.nick("bert"))), harness.Said("m.text", "it is me"))

		// Who is banned on Matrix is in the channel too, where the bridge may do
		// that: it was the first there. So with that it is lifted.
		p.bob.Ban(p.id, p.ircGhost(p.nick("bert")), "enough")
		rob.Expect(`KICK ` + p.channel + ` ` + p.nick("bert") + ` :.*enough`)
		p.alice.Expect(harness.Kind("presence/unavailable"), harness.From(p.in(p.nick("bert"))))
		p.bob.Drain()
		p.bob.Call(nil, "unban", p.id, p.ircGhost(p.nick("bert")))
		settle(p.scenario, "the ban to be lifted", func() bool {
			rob.Send("JOIN %s", p.channel)
			return rob.ExpectWithin(time.Second, ` 366 .*`+p.channel)
		})
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ircGhost(p.nick("bert")), "join"))
		rob.Say(p.channel, "back")
		p.bob.Expect(harness.InRoom(p.id), harness.Sender(p.ircGhost(p.nick("bert"))), harness.Said("m.text", "back"))
	})
}
