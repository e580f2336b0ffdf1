package main

import (
	"fmt"

	"isthmus/e2e/harness"
)

// lounge is the room on the homeserver where everybody meets.
const lounge = "lounge"

// homeserver starts a Dendrite for the gateway of a site.
func (s *site) homeserver(stage *harness.Stage) {
	fmt.Println("starting dendrite")
	s.matrix = harness.StartHomeserver(stage, "dendrite")
	s.gateway.UseMatrix(s.matrix)
}

// lounge is the JID of the room on the homeserver.
func (s *site) lounge() string {
	return "#" + lounge + "%" + s.matrix.Name + "@" + s.gateway.MatrixDomain
}

// portal is the alias of the channel on a network.
func (s *site) portal(network string) string {
	return s.matrix.Alias("irc_" + network + "_" + channel)
}

// threeNetworks has somebody of Matrix, XMPP and IRC meet in one channel, and
// somebody of XMPP visit a room on Matrix.
func (w *world) threeNetworks(stage *harness.Stage) {
	s, network := w.sites[0], w.order[0]
	s.matrix.Register(stage, "bob")
	carol := harness.StartMatrixNode(stage).ConnectMatrix(stage, s.matrix, "carol")
	alice := harness.StartNode(stage).Connect(stage, s.server, s.host, "alice", "matrix")
	alice.Send("<presence/>")
	mallory := w.irc[network].Dial(stage, "mallory")
	mallory.Join(channel)

	alice.Join(s.room(network), "alice")
	mallory.ExpectFrom("alice", "JOIN")
	room := carol.Join(s.portal(network))
	mallory.ExpectFrom("carol", "JOIN")
	fmt.Printf("  %-8s -> %-8s  carol joined %s\n", "matrix", network, s.portal(network))

	carol.SayHTML(room, "hello from *Matrix*", "hello from <b>Matrix</b>")
	mallory.ExpectFrom("carol", "PRIVMSG "+channel+" :hello from \x02Matrix\x02$")
	alice.Expect(harness.From(s.room(network)+"/carol"), harness.BodyLike(`^hello from \*Matrix\*$`))
	fmt.Println("  matrix   -> both      <carol> hello from Matrix, which is bold everywhere")

	mallory.Say(channel, "hello from IRC")
	carol.Expect(harness.InRoom(room), harness.Said("m.text", "hello from IRC"))
	alice.Say(s.room(network), "hello from XMPP")
	carol.Expect(harness.InRoom(room), harness.Said("m.text", "hello from XMPP"))
	fmt.Println("  both     -> matrix    <mallory> hello from IRC, <alice> hello from XMPP")

	native := carol.PublicRoom(lounge)
	alice.Join(s.lounge(), "alice")
	alice.Say(s.lounge(), "a nice place")
	carol.Expect(harness.InRoom(native), harness.Said("m.text", "a nice place"))
	carol.Say(native, "welcome to Matrix")
	alice.Expect(harness.From(s.lounge()+"/carol"), harness.Body("welcome to Matrix"))
	fmt.Printf("  %-8s <> %-8s  alice and carol talk in %s\n", s.kind, "matrix", s.lounge())
	alice.Close()
	carol.Close()
	mallory.Close()
}
