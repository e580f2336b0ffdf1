package xmppside

import (
	"regexp"
	"strings"
	"testing"

	"isthmus/bridge"
)

// People of other networks in a room, as those of mapped rooms are: they are
// told apart, reached by who they are and mentioned as such.
func TestPeopleOfOtherNetworks(t *testing.T) {
	b := newBorder(t)
	b.joined()
	muc := func(nick string) bridge.Person {
		return bridge.Person{Network: bridge.NetworkXMPP, ID: "lounge@muc.example/" + nick}
	}
	ids := map[string]string{}
	for _, c := range []struct {
		who           bridge.Person
		name, address string // the address that everybody is shown
		talk          string // the conversation that is with them; "" for none
	}{
		{muc("romeo"), "romeo", "", ""},
		{muc("juliet"), "juliet", "", ""},
		{bridge.Person{Network: "oftc", ID: "rob"}, "Rob", "rob@bound.example", "rob@bound.example"},
		{bridge.Person{Network: "efnet", ID: "rob"}, "rob_", "rob%efnet@gw.example", "rob%efnet@gw.example"},
		{bridge.Person{Network: bridge.NetworkMatrix, ID: "@bob:hs"}, "Bob", "bob%hs%matrix@gw.example", "bob%hs%matrix@gw.example"},
		{bridge.Person{Network: "libera", ID: "bob"}, "bob", "bob%libera@gw.example", "bob%libera@gw.example"},
	} {
		b.rooms.deliver(bridge.Event{Room: goRoom, By: c.who, Name: c.name, Body: bridge.Join{Role: bridge.RoleParticipant}})
		sent := strings.Join(b.out, "")
		b.out = nil
		_, item, _ := strings.Cut(sent, "<item ")
		item, _, _ = strings.Cut(item, ">")
		if _, at, _ := strings.Cut(item, " jid='"); strings.TrimRight(at, "'/") != c.address {
			t.Errorf("%s: %s", c.who, sent)
		}
		id := regexp.MustCompile("<occupant-id [^>]* id='([^']*)'").FindStringSubmatch(sent)
		if id == nil || ids[id[1]] != "" {
			t.Fatalf("%s has the id of %q: %s", c.who, ids[id[1]], sent)
		}
		ids[id[1]] = c.name
		// A private message (XEP-0045 §7.5).
		b.from("<message from='" + alicePC + "' to='" + roomAt + "/" + c.name + "' type='chat' id='w'><body>psst</body></message>")
		if c.talk == "" {
			b.expect("type='error'", "<item-not-found", "write to them there, lounge@muc.example/"+c.name)
			b.from("<iq from='" + alicePC + "' to='" + roomAt + "/" + c.name + "' type='get' id='v'><vCard xmlns='vcard-temp'/></iq>")
			b.expect("type='result'", "<NICKNAME>"+c.name+"</NICKNAME>", "<BINVAL>R0lGODlh</BINVAL>")
		} else if e := b.asked(); e.Room.ID != c.talk || e.Room.Owner != alice {
			t.Errorf("%s: %+v", c.who, e)
		}
		b.out = nil
		// Mentioned by name, they are meant.
		b.from("<message from='" + alicePC + "' to='" + roomAt + "' type='groupchat' id='m'><body>" + c.name + ": hi</body></message>")
		if m, _ := b.asked().Body.(bridge.Message); len(m.Spans) != 1 || m.Spans[0].Person != c.who {
			t.Errorf("%s: %+v", c.who, m)
		}
		b.rooms.deliver(bridge.Event{Room: goRoom, By: carl, Name: "carl", ID: "n", Body: bridge.Message{Text: "you!", Spans: []bridge.Span{{End: 3, Style: bridge.StyleMention, Person: c.who}}}})
		b.expect(c.name+"!</body>", "uri='xmpp:%23go%25libera@gw.example/"+c.name+"'")
		// Named by that address, they are removed.
		if c.address != "" {
			b.from("<iq from='" + alicePC + "' to='" + roomAt + "' id='i' type='set'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='" + c.address + "' affiliation='outcast'/></query></iq>")
			if e := b.asked(); e.Body != (bridge.Expel{Target: c.name, Ban: true}) {
				t.Errorf("%s: %+v", c.who, e)
			}
		}
	}
	// One is somebody else by now, by the same name or another, and goes.
	b.rooms.deliver(bridge.Event{Room: goRoom, By: muc("romeo"), Name: "romeo", Body: bridge.Rename{To: "romeo", Person: muc("Romeo")}})
	b.rooms.deliver(bridge.Event{Room: goRoom, By: muc("Romeo"), Name: "romeo", Body: bridge.Rename{To: "tom", Person: muc("tom")}})
	b.rooms.deliver(bridge.Event{Room: goRoom, By: muc("tom"), Name: "tom", Body: bridge.Leave{}})
	b.expect("nick='tom'/><status code='303'/>", "from='"+roomAt+"/tom' type='unavailable'")
}
