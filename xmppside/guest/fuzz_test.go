package guest

import (
	"slices"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/xmppside/wire"
)

// FuzzHandle has a room's server say what it likes, also stanza after stanza:
// whatever that is, the room stays as it should be.
func FuzzHandle(f *testing.F) {
	for _, s := range []string{
		"<presence from='go@muc.example/Bob' to='bob%hs@matrix.gw/isthmus'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>",
		"<presence from='go@muc.example/Bob' to='bob%hs@matrix.gw/isthmus' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><item nick='x' affiliation='none' role='none'/><status code='110'/><status code='303'/></x></presence>",
		"<presence from='go@muc.example/Carol' to='bob%hs@matrix.gw/isthmus' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><destroy jid='a@b'/><status code='332'/></x></presence>",
		"<presence from='go@muc.example/Bob' to='carol%hs@matrix.gw/isthmus' type='error'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
		"<message from='go@muc.example/x' to='bob%hs@matrix.gw/isthmus' type='groupchat' id='m'><subject>s</subject></message>",
		"<message from='go@muc.example/Bob' to='bob%hs@matrix.gw/isthmus' type='groupchat' id='m'><body>hi</body><delay xmlns='urn:xmpp:delay' stamp='x'/></message>",
		"<message from='go@muc.example' to='bob%hs@matrix.gw/isthmus' type='error' id='m'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
		"<message from='go@muc.example/x' to='carol%hs@matrix.gw/isthmus'><body>hi</body></message>",
		"<presence from='go@muc.example/bridge' to='isthmus%bridge@irc.gw/isthmus'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='admin' role='moderator' jid='isthmus%bridge@irc.gw/isthmus'/><status code='110'/></x></presence>",
		"<presence from='go@muc.example/tom' to='isthmus%bridge@irc.gw/isthmus' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><item jid='a@b/c' affiliation='outcast' role='none'/><status code='301'/></x></presence>",
		"<message from='go@muc.example' to='isthmus%bridge@irc.gw/isthmus'><x xmlns='http://jabber.org/protocol/muc#user'><item jid='a@b/c' affiliation='outcast' role='none'/></x></message>",
		"<presence from='go@muc.example/rob' to='rob%net@irc.gw/isthmus'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>",
		"<presence from='go@muc.example/bob' to='rob%net@irc.gw/isthmus' type='error'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
	} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		p := newPlay(t)
		deliver := func(line string) {
			e := parseEvent(t, line)
			who := e.By
			if e.Via != (bridge.Person{}) {
				who = e.Via
			}
			p.room.Deliver(e, puppetJID(who))
		}
		deliver("join by=keeper name=bridge id=0")
		p.answer("1 timeout")
		deliver("join by=bob name=Bob id=1")
		deliver("join by=carol name=Carol id=2")
		deliver("join by=net:rob name=rob id=3")
		for i, s := range []string{one, two, one} {
			deliver("message by=bob id=m {\"text\":\"hi\"}")
			deliver("expel by=bob via=keeper id=x {\"target\":\"tom\",\"ban\":true,\"person\":{\"network\":\"xmpp\",\"id\":\"go@muc.example/tom\"}}")
			if i == 1 {
				deliver("rename by=net:rob id=n {\"to\":\"bob\",\"person\":{\"network\":\"net\",\"id\":\"bob\"}}")
			}
			if st, err := wire.Parse([]byte(s)); err == nil && (st.Kind == wire.Message || st.Kind == wire.Presence) {
				p.room.Handle(&st)
			}
			checkRoom(t, p.room)
		}
		p.room.Shutdown("the end")
		answered := strings.Join(p.log, "\n")
		if strings.Count(answered, "ref=\"1\"") > 1 || strings.Count(answered, "ref=\"2\"") > 1 {
			t.Errorf("answered twice:\n%s", answered)
		}
	})
}

// checkRoom checks what holds for a room between two events.
func checkRoom(t *testing.T, r *Room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.puppets) != len(r.order) || len(r.puppets) != len(r.byPerson) || r.closed != (len(r.puppets) == 0) {
		t.Fatalf("%d puppets, %d in order, %d persons, closed %v", len(r.puppets), len(r.order), len(r.byPerson), r.closed)
	}
	if r.watcher != nil && r.puppets[r.watcher.jid] != r.watcher {
		t.Fatal("somebody observes who is not there")
	}
	passing := 0
	for _, p := range r.order {
		if p.state == inside && r.watcher == nil {
			t.Fatal("nobody observes")
		}
		queued := p.state == waiting && (slices.Contains(r.coming, p) || p.keeps()) || p.state == leaving && slices.Contains(r.going, p)
		if p.due.IsZero() && !p.pinging && !queued {
			t.Fatalf("%s waits for nothing", p.jid)
		}
		if p.passing {
			passing++
		}
		if r.byPerson[p.person] != p {
			t.Fatalf("%s is not known as %s", p.jid, p.person.ID)
		}
	}
	if passing != r.passing || passing > maxPassing || passing < r.places() && len(r.coming)+len(r.going) > 0 {
		t.Fatalf("%d pass, not %d, and %d+%d wait", passing, r.passing, len(r.coming), len(r.going))
	}
	if len(r.condemned) > 0 && (r.judgement.IsZero() || r.closed) {
		t.Fatal("a ban is told to nobody")
	}
	for who, p := range r.formerly {
		if r.puppets[p.jid] != p || p.was != who {
			t.Fatal("somebody is known by what they were, and is not there")
		}
	}
	for nick, o := range r.people {
		if o.nick != nick {
			t.Fatalf("%q is listed as %q", o.nick, nick)
		}
		if o.maybe && o.ours != (bridge.Person{}) {
			t.Fatal("certainly and perhaps one of ours")
		}
	}
	if len(r.held) > 0 && r.synced {
		t.Fatal("something is held back for nothing")
	}
}
