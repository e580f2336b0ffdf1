package harness

import (
	"fmt"
	"testing"
)

// Every IRC server registers clients and carries a line between two of them.
func TestIRCServers(t *testing.T) {
	for _, kind := range IRCKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			if kind == "ergo" && !HaveErgo() {
				t.Skip("Ergo could not be had")
			}
			s := StartIRC(t, kind)
			ann, ben := s.Dial(t, "ann"), s.Dial(t, "ben")
			ann.Join("#c")
			ben.Join("#c")
			ann.ExpectFrom("ben", "JOIN :?#c")
			ben.Say("#c", "hello")
			ann.ExpectFrom("ben", "PRIVMSG #c :hello$")
			ann.Oper()
			s.Kill()
			s.Start(t)
			s.Dial(t, "ann")
		})
	}
}

// A homeserver carries a line between two clients, also after it was killed.
func TestHomeservers(t *testing.T) {
	node := StartMatrixNode(t)
	for _, kind := range HomeserverKinds {
		t.Run(kind, func(t *testing.T) {
			if kind == "synapse" && !HaveSynapse() {
				t.Skip("Synapse is there after make test-synapse")
			}
			hs := StartHomeserver(t, kind)
			ann, ben := node.ConnectMatrix(t, hs, "ann"), node.ConnectMatrix(t, hs, "ben")
			room := ann.PublicRoom("c")
			ben.Join(hs.Alias("c"))
			ann.Expect(InRoom(room), Membership(ben.ID, "join"))
			event := ben.SayHTML(room, "hello", "<b>hello</b>")
			ann.Expect(InRoom(room), Sender(ben.ID), Said("m.text", "hello"), ContentText("formatted_body", "<b>hello</b>"))
			ann.Read(room, event)
			ben.Expect(EventType("m.receipt"), InRoom(room), Sender(ann.ID), ContentText("event", event))
			ben.Typing(room, true)
			ann.Expect(EventType("m.typing"), InRoom(room), Sender(ben.ID))
			sent := ben.SendFile(room, "m.file", "text/plain", "a.txt", []byte("file"))
			file := ann.Expect(WhereEvent("the file", func(e *MatrixEvent) bool { return e.ID == sent }))
			if got := hs.Download(t, ann.Token, file.Text("url")); string(got) != "file" {
				t.Errorf("downloaded %q", got)
			}
			hs.Kill()
			hs.Start(t)
			ben.Say(room, "again")
			ann.Expect(Sender(ben.ID), Said("m.text", "again"))
			if members := ann.Members(room); members[ben.ID] != "ben" {
				t.Errorf("members: %v", members)
			}
		})
	}
}

// Two linked InspIRCd show each other's clients, and one killed takes its own along.
func TestInspIRCdLink(t *testing.T) {
	hub := StartIRC(t, "inspircd")
	leaf := StartInspIRCdLeaf(t, hub)
	ann := hub.Dial(t, "ann")
	ann.Join("#c")
	ben := leaf.Dial(t, "ben")
	ben.Join("#c")
	ann.ExpectFrom("ben", "JOIN :?#c")
	leaf.Kill()
	ann.ExpectFrom("ben", `QUIT :irc\.inspircd\.test leaf\.inspircd\.test`)
}

// Clients of both libraries log in to both servers and write to each other.
func TestXMPPServers(t *testing.T) {
	node, slix := StartNode(t), StartSlixmpp(t)
	for _, kind := range XMPPKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := StartXMPP(t, kind, nil)
			host := s.Hosts[0]
			talk := func(resource string) {
				alice := node.Connect(t, s, host, "alice", resource)
				bob := slix.Connect(t, s, host, "bob", resource)
				alice.Send("<presence/>")
				bob.Send("<presence/>")
				alice.Expect(Kind("presence/"), From(alice.JID))
				bob.Expect(Kind("presence/"), From(bob.JID))
				alice.Chat(bob.JID, "hello <&>")
				bob.Expect(Kind("message/chat"), From(alice.JID), Body("hello <&>"))
				bob.Chat(alice.JID, "and you")
				alice.Expect(Kind("message/chat"), From(bob.JID), Body("and you"))
				alice.Close()
				bob.Close()
			}
			talk("before")
			s.Kill()
			s.Start(t)
			talk("after")
		})
	}
}

// The names of Prosody's folders are as Prosody writes them.
func TestProsodyName(t *testing.T) {
	if got := fmt.Sprint(prosodyName("irc-a.localhost")); got != "irc%2da%2elocalhost" {
		t.Error(got)
	}
}
