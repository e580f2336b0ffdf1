package main

import (
	"fmt"
	"strings"

	"isthmus/e2e/harness"
)

// cafe is the room that is one on three networks: a MUC, a channel, a room of
// Matrix, each with somebody in it.
type cafe struct {
	muc     string
	channel string
	room    string // on Matrix
	alice   *harness.XMPP
	mallory *harness.IRC
	dora    *harness.Matrix
}

// cafeLink is what the administrator writes beside what "isthmus init" has.
const cafeLink = `links:
  - name: cafe
    rooms:
      - { xmpp: cafe@%s }
      - { irc: %s, channel: "#cafe" }
      - { matrix: "%s" }
`

// openCafe makes the three rooms as their people would, and maps them.
func (s *site) openCafe(stage *harness.Stage, network string, irc *harness.IRCServer) *cafe {
	c := &cafe{muc: "cafe@" + harness.MUCDomain(s.host), channel: "#cafe"}
	c.mallory = irc.Dial(stage, "mallory")
	c.mallory.Join(c.channel)
	c.alice = harness.StartNode(stage).Connect(stage, s.server, s.host, "alice", "cafe")
	c.alice.Send("<presence/>")
	c.alice.Join(c.muc, "alice")
	c.alice.IQ("set", c.muc, `<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit"/></query>`)
	c.dora = harness.StartMatrixNode(stage).ConnectMatrix(stage, s.matrix, "dora")
	c.room = c.dora.PublicRoom("cafe")
	s.gateway.Config.Set("links", []any{harness.Config{"name": "cafe", "rooms": []harness.Config{
		{"xmpp": c.muc}, {"irc": network, "channel": c.channel}, {"matrix": s.matrix.Alias("cafe")},
	}}})
	return c
}

// talk has everybody say something, which the others hear.
func (c *cafe) talk(s *site, network string) {
	fmt.Printf("\nOne room on three networks, by these lines:\n\n    %s\n",
		strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf(cafeLink, harness.MUCDomain(s.host), network, s.matrix.Alias("cafe"))), "\n", "\n    "))
	c.mallory.ExpectFrom("isthmus", "JOIN")
	c.alice.Expect(harness.Kind("presence/"), harness.From(c.muc+"/mallory"))
	c.alice.Expect(harness.Kind("presence/"), harness.From(c.muc+"/dora"))

	c.mallory.Say(c.channel, "hello from IRC")
	c.alice.Expect(harness.From(c.muc+"/mallory"), harness.Body("hello from IRC"))
	c.dora.Expect(harness.InRoom(c.room), harness.Said("m.text", "hello from IRC"))
	fmt.Println("\n  irc      -> both      <mallory> hello from IRC")
	c.alice.Say(c.muc, "hello from XMPP")
	c.mallory.ExpectFrom("isthmus", "PRIVMSG "+c.channel+" :.*hello from XMPP$")
	c.dora.Expect(harness.InRoom(c.room), harness.Said("m.text", "hello from XMPP"))
	fmt.Println("  xmpp     -> both      <alice> hello from XMPP")
	c.dora.Say(c.room, "hello from Matrix")
	c.mallory.ExpectFrom("isthmus", "PRIVMSG "+c.channel+" :.*hello from Matrix$")
	c.alice.Expect(harness.From(c.muc+"/dora"), harness.Body("hello from Matrix"))
	fmt.Println("  matrix   -> both      <dora> hello from Matrix")
	c.alice.Close()
	c.mallory.Close()
	c.dora.Close()
}
