package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"isthmus/e2e/harness"
)

// mapped is a link of a channel, a MUC and a room of Matrix, with somebody on
// each network who made the room there.
type mapped struct {
	*scenario
	native *harness.IRC    // operator of the channel
	alice  *harness.XMPP   // owner of the MUC, in it as "alice7"
	bob    *harness.Matrix // made the room on Matrix, is called "bob7"
	muc    string          // JID of the MUC
	id     string          // of the room on Matrix
	relay  string          // nick of the Keeper on IRC
	rooms  []harness.Config
}

// The places of the rooms in mapped.rooms.
const (
	inMUC = iota
	onIRC
	atHS
)

// onThree runs a scenario of a mapped room on pairs of servers with a homeserver,
// after change has had its way with the configuration. Everybody is in their own
// room before Isthmus starts.
func onThree(t *testing.T, pairs []string, change func(*mapped), run func(*mapped)) {
	t.Helper()
	configured(t, pairs, func(s *scenario) { prepareMapped(s, change) }, func(s *scenario) { run(s.mapped) })
}

// aloneThree is onThree with servers that the scenario may kill.
func aloneThree(t *testing.T, pairs []string, change func(*mapped), run func(*mapped)) {
	t.Helper()
	alone(t, pairs, func(s *scenario) { prepareMapped(s, change) }, func(s *scenario) { run(s.mapped) })
}

func prepareMapped(s *scenario, change func(*mapped)) {
	s.Helper()
	s.useMatrix()
	m := &mapped{scenario: s, relay: s.nick("relay")}
	s.mapped = m
	m.native, m.alice, m.bob = s.native("native"), s.user("alice"), s.person(s.nick("bob"))
	m.muc = m.newMUC("m", m.nick("alice"))
	m.id = m.bob.PublicRoom(s.nick("room"))
	m.rooms = []harness.Config{
		inMUC: {"xmpp": m.muc},
		onIRC: {"irc": network, "channel": s.channel},
		atHS:  {"matrix": s.hs.Alias(s.nick("room"))},
	}
	s.gateway.Config.Set("networks/"+network+"/relay/nick", m.relay)
	if change != nil {
		change(m)
	}
	m.link("lounge", m.rooms...)
}

// newMUC has alice make a room on her server, where she is called nick; name is
// a part of its name.
func (m *mapped) newMUC(name, nick string) (jid string) {
	m.Helper()
	jid = m.nick(name) + "@" + harness.MUCDomain(m.host)
	m.alice.Join(jid, nick)
	m.alice.IQ("set", jid, `<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit">`+
		`<field var="FORM_TYPE"><value>http://jabber.org/protocol/muc#roomconfig</value></field>`+
		`<field var="muc#roomconfig_persistentroom"><value>1</value></field></x></query>`)
	return jid
}

// link adds a link to the configuration.
func (m *mapped) link(name string, rooms ...harness.Config) {
	all, _ := m.gateway.Config["links"].([]any)
	m.gateway.Config.Set("links", append(all, harness.Config{"name": m.nick(name), "rooms": rooms}))
}

// relayed waits until the native of a channel hears a text of name by a relay.
func (m *mapped) relayed(native *harness.IRC, channel, relay, name, text string) {
	m.Helper()
	line := native.ExpectFrom(relay, "PRIVMSG "+regexp.QuoteMeta(channel)+" :(.*)"+regexp.QuoteMeta(text)+`[\x02\x0f]*$`)
	if said := plain(line[1]); said != "<"+name+"> " {
		m.Errorf("%s is attributed by %q", text, said)
	}
}

// hears is relayed of the mapped channel.
func (m *mapped) hears(name, text string) {
	m.Helper()
	m.relayed(m.native, m.channel, m.relay, name, text)
}

// sees waits until alice is shown a text of an occupant of the MUC.
func (m *mapped) sees(nick, text string) *harness.Element {
	m.Helper()
	return m.alice.Expect(harness.Kind("message/groupchat"), harness.From(m.muc+"/"+nick), harness.Body(text))
}

// reads waits until bob is shown a text of somebody who is called name on Matrix.
func (m *mapped) reads(name, text string) *harness.MatrixEvent {
	m.Helper()
	e := m.bob.Expect(harness.InRoom(m.id), harness.Said("m.text", text))
	if called := m.bob.Members(m.id)[e.Sender]; called != name {
		m.Errorf("%q is of %s, who is called %q", text, e.Sender, called)
	}
	return e
}

// member waits until somebody who is called name is in the room on Matrix.
func (m *mapped) member(name string) (id string) {
	m.Helper()
	settle(m.scenario, name+" on Matrix", func() bool {
		id = m.called(name)
		return id != ""
	})
	return id
}

// noMember waits until nobody who is called name is in the room on Matrix.
func (m *mapped) noMember(name string) {
	m.Helper()
	settle(m.scenario, name+" gone from Matrix", func() bool { return m.called(name) == "" })
}

func (m *mapped) called(name string) string {
	for id, called := range m.bob.Members(m.id) {
		if called == name {
			return id
		}
	}
	return ""
}

// enters waits until alice is shown an occupant of the MUC.
func (m *mapped) enters(nick string) *harness.Element {
	m.Helper()
	return m.alice.Expect(harness.Kind("presence/"), harness.From(m.muc+"/"+nick))
}

// goes waits until alice is shown that an occupant of the MUC is gone.
func (m *mapped) goes(nick string, all ...harness.Match) *harness.Element {
	m.Helper()
	return m.alice.Expect(append(all, harness.Kind("presence/unavailable"), harness.From(m.muc+"/"+nick))...)
}

// together waits until the bridge is in all three rooms, and everybody is where
// puppets come with their person.
func (m *mapped) together() {
	m.Helper()
	m.native.ExpectFrom(m.relay, "JOIN")
	m.enters(m.native.Nick)
	m.enters(m.nick("bob"))
	m.member(m.native.Nick)
	m.member(m.nick("alice"))
}

// once checks that a text came to nobody a second time: an end that everybody
// hears is behind it.
func (m *mapped) once(texts ...string) {
	m.Helper()
	m.native.Say(m.channel, "the end of IRC")
	m.sees(m.native.Nick, "the end of IRC")
	m.reads(m.native.Nick, "the end of IRC")
	m.alice.Say(m.muc, "the end of XMPP")
	m.hears(m.nick("alice"), "the end of XMPP")
	m.reads(m.nick("alice"), "the end of XMPP")
	m.bob.Say(m.id, "the end of Matrix")
	// A Dendrite whose gateway was away calls again after up to 64 s.
	m.alice.ExpectWithin(5*harness.Patience, harness.Kind("message/groupchat"), harness.From(m.muc+"/"+m.nick("bob")), harness.Body("the end of Matrix"))
	m.hears(m.nick("bob"), "the end of Matrix")
	for _, text := range texts {
		m.native.ExpectNone("PRIVMSG .*" + regexp.QuoteMeta(text))
		m.alice.ExpectNone(harness.Kind("message/groupchat"), harness.From(m.muc+"/"+m.nick("bob")), harness.Body(text))
		m.alice.ExpectNone(harness.Kind("message/groupchat"), harness.From(m.muc+"/"+m.native.Nick), harness.Body(text))
		m.bob.ExpectNone(harness.Said("m.text", text))
	}
}

// plain is text without what doesn't show on IRC: colours, and what keeps people
// from being highlighted by their own name.
func plain(text string) string {
	text = regexp.MustCompile(`\x03\d{0,2}(,\d\d?)?`).ReplaceAllString(text, "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
}

// asked is what a command of isthmus answers about the running one.
func (m *mapped) asked(args ...string) string {
	m.Helper()
	out, err := isthmus(m.T, append(args, "-c", m.gateway.ConfigFile())...)
	if err != nil && args[0] != "status" { // which tells by that whether all is well
		m.Fatalf("isthmus %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// answers waits until a command of isthmus answers with a text in which the
// pattern is found.
func (m *mapped) answers(pattern string, args ...string) string {
	m.Helper()
	re, out := regexp.MustCompile(pattern), ""
	for deadline := time.Now().Add(harness.Patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if out = m.asked(args...); re.MatchString(out) {
			return out
		}
	}
	m.Fatalf("isthmus %s never tells %s:\n%s", strings.Join(args, " "), pattern, out)
	return ""
}

// admin is a request of a MUC's moderator, admin or owner (XEP-0045 §8, §9).
func admin(item string) string {
	return fmt.Sprintf(`<query xmlns="%s"><item %s</query>`, nsAdmin, item)
}
