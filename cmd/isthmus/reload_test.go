package main

import (
	"testing"

	"isthmus/bridge/config"
	"isthmus/matrixside"
)

// A homeserver that a reload adds or removes changes nothing before a restart:
// nobody waits for it, and no rule leads to it.
func TestReloadWithoutMatrix(t *testing.T) {
	with := &config.Config{Matrix: config.Matrix{Homeserver: "http://127.0.0.1:1"}}
	without := &config.Config{}
	g := &gateway{cfg: without}
	if g.withMatrix(with).Matrix.On() || g.withMatrix(without) != without || !with.Matrix.On() {
		t.Error("a homeserver comes without a restart")
	}
	g = &gateway{cfg: without, matrix: new(matrixside.Side), matrixAs: with.Matrix}
	if !g.withMatrix(without).Matrix.On() || g.withMatrix(with) != with {
		t.Error("a homeserver goes without a restart")
	}

	muc, channel, room := config.LinkRoom{XMPP: "m@muc"}, config.LinkRoom{IRC: "libera", Channel: "#c"}, config.LinkRoom{Matrix: "#r:hs"}
	with.Links = []config.Link{{Name: "two", Rooms: []config.LinkRoom{muc, room}}, {Name: "three", Rooms: []config.LinkRoom{muc, room, channel}}}
	g = &gateway{cfg: without}
	if l := g.withMatrix(with).Links; len(l) != 1 || l[0].Name != "three" || len(l[0].Rooms) != 2 || len(with.Links[1].Rooms) != 3 {
		t.Errorf("%+v", l)
	}
}
