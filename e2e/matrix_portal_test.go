package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// portalAlias is the alias that leads to the scenario's channel.
func (s *scenario) portalAlias() string { return s.hs.Alias("irc_" + network + "_" + s.channel) }

// Who can't come into a channel is told why, and how it could be done: the key
// is given to the bot.
func TestMatrixChannelKey(t *testing.T) {
	onMatrix(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		native.Send("MODE %s +k sesame", s.channel)
		native.Expect("MODE .*k")
		bob := s.person("bob")
		room := bob.Join(s.portalAlias())
		bob.Expect(harness.InRoom(room), harness.Sender(s.hs.ID("isthmusbot")), harness.ContentLike("body", "join "+network+" "+s.channel+" KEY"))
		bob.Expect(harness.InRoom(room), harness.OwnMembership("leave"))
		chat := bob.CreateDirect(s.hs.ID("isthmusbot"))
		bob.ExpectMembership(chat, s.hs.ID("isthmusbot"), true)
		bob.Say(chat, "join "+network+" "+s.channel+" sesame")
		bob.Expect(harness.InRoom(chat), harness.ContentLike("body", "You are invited to"))
		bob.Join(room)
		bob.ExpectMembership(room, s.ircGhost(native.Nick), true)
		bob.Say(room, "here I am")
		native.Expect("PRIVMSG .* :here I am$")
	})
}

// After a restart of the gateway its users are where they were.
func TestMatrixChannelRestart(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		room := bob.Join(s.portalAlias())
		chat := bob.CreateDirect(s.ircGhost(native.Nick))
		bob.Say(chat, "in private")
		native.Expect("PRIVMSG " + native.Nick + " :in private$")
		bob.Say(room, "before")
		native.Expect("PRIVMSG .* :before$")
		if _, err := s.gateway.Stop(s.T); err != nil {
			s.Fatal(err)
		}
		bob.Say(room, "meanwhile")
		bob.Say(chat, "meanwhile in private")
		s.gateway.Start(s.T)
		for _, said := range []string{"PRIVMSG " + s.channel + " :meanwhile$", "PRIVMSG " + native.Nick + " :meanwhile in private$"} {
			if !native.ExpectWithin(time.Minute, said) {
				s.Errorf("never came: %s", said)
			}
		}
		native.Say(s.channel, "welcome back")
		bob.Expect(harness.InRoom(room), harness.Sender(s.ircGhost(native.Nick)), harness.Said("m.text", "welcome back"))
		native.ExpectNone("PRIVMSG .*before")
	})
}

// levelOf is the power level of somebody in a m.room.power_levels; who isn't in it has 0.
func levelOf(user string, level float64) harness.MatrixMatch {
	return harness.WhereEvent(fmt.Sprintf("%s having %v", user, level), func(e *harness.MatrixEvent) bool {
		users, _ := e.Content["users"].(map[string]any)
		has, _ := users[user].(float64)
		return e.Type == "m.room.power_levels" && has == level
	})
}

// Power crosses both ways, and what Matrix allows and IRC doesn't is undone.
func TestMatrixChannelPower(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		native, other := s.native("native"), s.native("other")
		bob := s.person("bob")
		room := bob.Join(s.portalAlias())
		nick := native.Expect(`^:(bob[^!]*)\S* JOIN :?` + s.channel)[1]
		bob.ExpectMembership(room, s.ircGhost(other.Nick), true)
		bob.State(room, "m.room.topic", "", map[string]any{"topic": "mine"})
		bob.Expect(harness.InRoom(room), harness.ContentLike("body", "The topic stays as it was"))
		native.Send("MODE %s +o %s", s.channel, nick)
		bob.Expect(harness.InRoom(room), levelOf(bob.ID, 60))
		bob.State(room, "m.room.topic", "", map[string]any{"topic": "ours"})
		native.ExpectFrom(nick, "TOPIC "+s.channel+" :ours$")
		bob.Kick(room, s.ircGhost(other.Nick), "enough")
		native.ExpectFrom(nick, "KICK "+s.channel+" "+other.Nick+" :?enough")
		native.Send("MODE %s -o %s", s.channel, nick)
		bob.Expect(harness.InRoom(room), levelOf(bob.ID, 0))
	})
}

// A full channel fills the room, at the homeserver's pace.
func TestMatrixChannelCrowd(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		const crowd = 40
		var nicks []string
		for i := range crowd {
			nicks = append(nicks, s.native("n"+strings.Repeat("x", i/26)+string(rune('a'+i%26))).Nick)
		}
		bob := s.person("bob")
		room := bob.Join(s.portalAlias())
		began := time.Now()
		for _, nick := range nicks { // a busy homeserver takes a second for each
			bob.ExpectMembership(room, s.ircGhost(nick), true)
		}
		settle(s, "everybody to come", func() bool { return len(bob.Members(room)) == crowd+2 })
		s.Logf("%d ghosts came in %v", crowd, time.Since(began))
	})
}

// What people on XMPP and on Matrix do in a channel that both are in crosses
// too, as far as IRC doesn't stand between.
func TestMatrixChannelSignals(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		native := s.native("native")
		alice, _ := s.joined("alice")
		bob := s.person("bob")
		room := bob.Join(s.portalAlias())
		nick := native.Expect(`^:(bob[^!]*)\S* JOIN :?` + s.channel)[1]
		bob.ExpectMembership(room, s.ghost("alice"), true)
		// Before anything that they do, and not for long: Synapse takes whoever acts, or syncs, for present.
		bob.SetPresence("unavailable", "at lunch")
		alice.Expect(harness.Kind("presence/"), harness.From(s.occupant(nick)), shownAway(), harness.TextAt("status", "at lunch"))
		alice.Send(`<message type="groupchat" to="%s"><composing xmlns="%s"/></message>`, s.room, nsChatStates)
		bob.Expect(harness.EventType("m.typing"), harness.InRoom(room), harness.Sender(s.ghost("alice")))
		bob.Typing(room, true)
		alice.Expect(harness.Kind("message/groupchat"), harness.From(s.occupant(nick)), harness.Child("composing", nsChatStates))
		id := alice.Say(s.room, "read me")
		alice.Expect(harness.ID(id))
		event := bob.Expect(harness.Sender(s.ghost("alice")), harness.Said("m.text", "read me"))
		bob.Read(room, event.ID)
		alice.Expect(harness.From(s.occupant(nick)), harness.Child("displayed", "urn:xmpp:chat-markers:0"))
		native.Send("AWAY :having tea")
		bob.Expect(harness.EventType("m.presence"), harness.Sender(s.ircGhost(native.Nick)), harness.ContentText("presence", "unavailable"), harness.ContentText("status_msg", "having tea"))
	})
}

// Who is written to from IRC is invited to a direct chat, and answers there.
func TestMatrixDirectFromIRC(t *testing.T) {
	onMatrix(t, eachIRC, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		room := bob.Join(s.portalAlias())
		nick := native.Expect(`^:(bob[^!]*)\S* JOIN :?` + s.channel)[1]
		native.Say(nick, "psst")
		chat := bob.Expect(harness.OwnMembership("invite")).Room
		bob.Join(chat)
		bob.ExpectMembership(chat, s.ircGhost(native.Nick), true)
		bob.Say(chat, "yes?")
		native.ExpectFrom(nick, "PRIVMSG "+native.Nick+" :yes\\?$")
		native.Say(nick, "nothing")
		bob.Expect(harness.InRoom(chat), harness.Sender(s.ircGhost(native.Nick)), harness.Said("m.text", "nothing"))
		if chat == room {
			s.Errorf("it is not private")
		}
	})
}

// A direct chat that is encrypted, as clients make them, is refused in words,
// and another is offered.
func TestMatrixDirectEncrypted(t *testing.T) {
	onMatrix(t, once, func(s *scenario) {
		native := s.native("native")
		bob := s.person("bob")
		ghost := s.ircGhost(native.Nick)
		room := bob.CreateRoom(map[string]any{"preset": "trusted_private_chat", "is_direct": true, "invite": []string{ghost},
			"initial_state": []any{map[string]any{"type": "m.room.encryption", "state_key": "", "content": map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}}}})
		bob.Expect(harness.InRoom(room), harness.Sender(ghost), harness.ContentLike("body", "encrypted, which the bridge can't read"))
		other := bob.Expect(harness.OwnMembership("invite")).Room
		bob.Join(other)
		bob.Say(other, "in the open")
		native.Expect("PRIVMSG " + native.Nick + " :in the open$")
	})
}

// In a MUC, too, its users are where they were after a restart.
func TestMatrixMUCRestart(t *testing.T) {
	onMatrix(t, eachXMPP, func(s *scenario) {
		m := newMUC(s)
		alice := m.alice
		bob := s.person("bob")
		room := bob.Join(m.alias)
		bob.Say(room, "before")
		alice.Expect(harness.Kind("message/groupchat"), harness.Body("before"))
		if _, err := s.gateway.Stop(s.T); err != nil {
			s.Fatal(err)
		}
		bob.Say(room, "meanwhile")
		s.gateway.Start(s.T)
		if alice.ExpectWithin(time.Minute, harness.Kind("message/groupchat"), harness.Body("meanwhile")) == nil {
			s.Fatalf("never came")
		}
		alice.Say(m.jid, "welcome back")
		bob.Expect(harness.InRoom(room), harness.Said("m.text", "welcome back"))
		bob.ExpectNone(harness.OwnMembership("leave"))
	})
}
