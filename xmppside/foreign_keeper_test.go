package xmppside

import (
	"strings"
	"testing"

	"isthmus/bridge"
)

const keeperAt = "isthmus%bridge@gw.example.org"

// The bridge itself has an address of its own, and answers there who it is.
func TestKeeperAddress(t *testing.T) {
	s := newForeignService(t)
	set := s.Side.set.Load()
	at, err := set.personJID(bridge.Keeper)
	if err != nil || at.String() != keeperAt {
		t.Fatal(at, err)
	}
	if who, ok := set.personAt(at); !ok || who != bridge.Keeper {
		t.Error(who, ok)
	}
	for payload, want := range map[string]string{
		"<query xmlns='http://jabber.org/protocol/disco#info'/>": "<identity category='client' type='bot' name='Isthmus'/>",
		"<query xmlns='jabber:iq:version'/>":                     "<name>Isthmus</name>",
		"<vCard xmlns='vcard-temp'/>":                            "<FN>Isthmus</FN>",
		"<ping xmlns='urn:xmpp:ping'/>":                          "type='result'",
	} {
		s.get(keeperAt+"/isthmus", payload)
		s.hear(want)
	}
	for _, stanza := range []string{"<message type='chat'><body>hi</body>", "<presence type='subscribe'>"} {
		name := strings.Fields(stanza)[0][1:]
		s.say(strings.Replace(stanza, "<"+name, "<"+name+" from='alice@example.org/phone' to='"+keeperAt+"' id='q'", 1) + "</" + name + ">")
		s.hear("<service-unavailable", "the bridge itself")
	}
	s.say("<presence from='alice@example.org/phone' to='" + keeperAt + "' type='unavailable'/>")
	s.fence()
	// It is asked into a room, also by whom it does not serve.
	for _, stanza := range []string{
		"<message from='closed@muc.example' to='" + keeperAt + "'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='romeo@example.net/x'><reason>come</reason></invite></x></message>",
		"<message from='romeo@example.net/x' to='" + keeperAt + "'><x xmlns='jabber:x:conference' jid='closed@muc.example' reason='come'/></message>",
	} {
		s.say(stanza)
		e := s.asked()
		if e.Room.ID != "closed@muc.example" || e.By.ID != "romeo@example.net" || e.Body != (bridge.Invite{Person: bridge.Keeper, Reason: "come"}) {
			t.Errorf("%+v", e)
		}
	}
	s.say("<message from='closed@muc.example' to='" + keeperAt + "'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='@'/></x></message>")
	s.fence()
	// Without a domain for all networks it is at the first.
	o := set.Options
	o.Unlisted = true
	if free, err := newSettings(o); err != nil || free.serves(bridge.NetworkMapped) || free.serves(bridge.NetworkBridge) || !free.serves("irc.example") {
		t.Error("reserved networks are served", err)
	}
	o.Domains = o.Domains[1:]
	alone, err := newSettings(o)
	if err != nil || alone.keeper.String() != "isthmus%bridge@libera.example.org" {
		t.Fatal(alone.keeper, err)
	}
	if who, ok := alone.personAt(alone.keeper); !ok || who != bridge.Keeper {
		t.Error(who, ok)
	}
}

// Who is who on XMPP, there and back.
func TestPersonJIDs(t *testing.T) {
	s := newForeignService(t)
	set := s.Side.set.Load()
	for _, p := range []bridge.Person{
		{Network: "oftc", ID: "[]\\`^{}|"}, {Network: "libera", ID: "[]\\`^{}|"}, {Network: "oftc", ID: "a%b"}, {Network: "oftc", ID: "\\20a"}, {Network: "oftc", ID: "é☃"},
		{Network: "oftc", ID: " a"}, {Network: "oftc", ID: "@/'\"<>&:"}, {Network: bridge.NetworkMatrix, ID: "@Bob/x=:hs.example:8448"}, bridge.Keeper,
	} {
		at, err := set.personJID(p)
		if err != nil {
			t.Errorf("%v: %v", p, err)
			continue
		}
		if got, ok := set.personAt(at); !ok || got != p {
			t.Errorf("%v is %s, which is %v", p, at, got)
		}
	}
}

// enters plays the MUC's answers to a join by an address.
func (s *service) enters(nick, full string, first bool) {
	s.t.Helper()
	if first {
		s.answerInfo("go@muc.example", full)
	}
	s.hear("<presence to='go@muc.example/" + nick + "' from='" + full + "'")
	s.say("<presence from='go@muc.example/" + nick + "' to='" + full + "'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>")
	if first {
		s.say("<message from='go@muc.example' to='" + full + "' type='groupchat'><subject/></message>")
	}
}

func (s *service) answerInfo(at, full string) {
	s.t.Helper()
	asked := s.hear("<iq to='"+at+"' from='"+full+"'", "disco#info")
	_, id, _ := strings.Cut(asked, " id='")
	id, _, _ = strings.Cut(id, "'")
	s.say("<iq from='" + at + "' to='" + full + "' type='result' id='" + id + "'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
}

// The bridge itself comes first; limits are not for who comes into its rooms,
// and requests are carried out in its name.
func TestKeeperInRoom(t *testing.T) {
	s := newForeignService(t) // one room per person
	s.Deliver(bridge.Event{ID: "k", Room: goMUC, By: bridge.Keeper, Name: "bridge", Body: bridge.Join{}})
	s.answerInfo("muc.example", keeperAt+"/isthmus")
	s.enters("bridge", keeperAt+"/isthmus", true)
	for range 3 {
		s.asked() // members, topic, join
	}
	other := bridge.Room{Network: bridge.NetworkXMPP, ID: "other@muc.example"}
	s.Deliver(bridge.Event{ID: "o", Room: other, By: bob, Name: "Bob", Body: bridge.Join{}})
	s.hear("<iq to='other@muc.example'")
	s.hear("<presence to='other@muc.example/Bob'")
	s.Deliver(bridge.Event{ID: "j", Room: goMUC, By: bob, Name: "Bob", Body: bridge.Join{}})
	s.enters("Bob", bobFull, false)
	if e := s.asked(); e.Ref != "j" {
		t.Errorf("%+v", e)
	}
	rob := bridge.Person{Network: "libera", ID: "rob"}
	s.Deliver(bridge.Event{ID: "m", Room: goMUC, By: rob, Via: bridge.Keeper, Name: "rob", Body: bridge.Message{Text: "hi"}})
	s.hear("<message to='go@muc.example' from='"+keeperAt+"/isthmus' id='m'", "<body>&lt;rob&gt; hi</body>")
	s.Deliver(bridge.Event{ID: "i", Room: goMUC, Via: bridge.Keeper, Body: bridge.Info{Text: "hear"}})
	s.hear("<body>hear</body>")
	s.Deliver(bridge.Event{ID: "n", Room: goMUC, Body: bridge.Info{Text: "for somebody else"}})
	// Of an occupant of another room it is known who they are.
	s.say("<presence from='other@muc.example/mallory' to='" + bobFull + "'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant' jid='mallory@evil.example/x'/></x></presence>")
	s.say("<presence from='other@muc.example/Bob' to='" + bobFull + "'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>")
	s.say("<message from='other@muc.example' to='" + bobFull + "' type='groupchat'><subject/></message>")
	s.fenced("matrix.example.org")
	mallory := bridge.Person{Network: bridge.NetworkXMPP, ID: "other@muc.example/mallory"}
	s.Deliver(bridge.Event{ID: "x", Room: goMUC, By: rob, Via: bridge.Keeper, Name: "rob", Body: bridge.Expel{Target: "", Person: mallory, Ban: true}})
	s.hear("<item affiliation='outcast' jid='mallory@evil.example'>")
	// One whose network has no address here.
	s.Deliver(bridge.Event{ID: "u", Room: goMUC, By: bridge.Person{Network: "efnet", ID: "rob"}, Name: "rob", Body: bridge.Join{}})
	e := s.asked()
	if f, ok := e.Body.(bridge.Failure); !ok || f.Kind != bridge.ErrUnsupported || !strings.Contains(f.Text, "domains is for efnet") {
		t.Errorf("%+v", e)
	}
	// A reload that takes nothing away leaves everybody where they are.
	if err := s.Reload(s.Side.set.Load().Options); err != nil {
		t.Fatal(err)
	}
	s.fence()
}

// fenced makes sure that whatever was said to a domain before was taken.
func (s *service) fenced(domain string) {
	s.t.Helper()
	s.say("<iq from='fence@example.org/x' to='" + domain + "' id='fence' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
	s.hear("id='fence'", "type='result'")
}
