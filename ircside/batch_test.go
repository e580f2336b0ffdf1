package ircside

import (
	"testing"

	"isthmus/bridge"
)

// What comes together goes out together, for each person in order.
func TestDeliverAll(t *testing.T) {
	w := newWorld(t, nil)
	p := aliceJoins(w)
	said := func(id, who, text string) bridge.Event {
		return bridge.Event{ID: id, Room: room, By: jid(who), Name: who, Body: bridge.Message{Text: text}}
	}
	w.side.DeliverAll([]bridge.Event{
		said("m1", "alice", "one"), said("m2", "alice", "two"), said("m3", "carol", "from outside"),
		said("m4", "carol", "again"), said("m5", "alice", "three"),
	})
	p.expect("PRIVMSG #go one")
	if n := p.in.Buffered(); n < len("PING :b2\r\nPRIVMSG #go two\r\nPING :b4\r\n") {
		t.Errorf("only %d bytes came with the first line", n)
	}
	p.pong()
	p.expect("PRIVMSG #go two")
	p.pong()
	p.expect("PRIVMSG #go three")
	p.pong()
	w.want(`#go | failure "m3" kind 8: You are not in this room.`,
		`#go | failure "m4" kind 8: You are not in this room.`,
		`#go | confirm "m1" native ""`, `#go | confirm "m2" native ""`, `#go | confirm "m5" native ""`)
}
