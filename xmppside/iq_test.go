package xmppside

import (
	"crypto/ed25519"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
)

func (s *service) get(to, payload string) {
	s.t.Helper()
	s.say("<iq from='alice@example.org/phone' to='" + to + "' id='q' type='get'>" + payload + "</iq>")
}

func (s *service) set(to, payload string) {
	s.t.Helper()
	s.say("<iq from='alice@example.org/phone' to='" + to + "' id='q' type='set'>" + payload + "</iq>")
}

func TestServices(t *testing.T) {
	s := newService(t, nil)
	for _, c := range []struct {
		to, payload string
		want        []string
	}{
		{"gw.example.org", "<ping xmlns='urn:xmpp:ping'/>", []string{"<iq to='alice@example.org/phone' from='gw.example.org' id='q' type='result'></iq>"}},
		{rob, "<ping xmlns='urn:xmpp:ping'/>", []string{"type='result'"}},
		{"gw.example.org", "<time xmlns='urn:xmpp:time'/>", []string{"<tzo>+00:00</tzo><utc>2"}},
		{"libera.example.org", "<query xmlns='jabber:iq:version'/>", []string{"<name>Isthmus</name><version>1.2</version>"}},
		{rob, "<query xmlns='jabber:iq:version'/>", []string{"<service-unavailable "}},
		{"gw.example.org", "<query xmlns='jabber:iq:last'/>", []string{"seconds='"}},
		{rob, "<query xmlns='jabber:iq:last'/>", []string{"<service-unavailable "}},
		{"gw.example.org", "<vCard xmlns='vcard-temp'/>", []string{"<FN>Isthmus</FN>"}},
		{"gw.example.org", "<query xmlns='jabber:iq:register'/>", []string{"<service-unavailable "}},
		{"gw.example.org", "", []string{"<service-unavailable "}},
		{"#go@gw.example.org", "<ping xmlns='urn:xmpp:ping'/>", []string{"<item-not-found ", "write #go%network@gw.example.org"}},
		{"efnet@gw.example.org", "<ping xmlns='urn:xmpp:ping'/>", []string{"<item-not-found ", "network is not known"}},
		{"xmpp@gw.example.org", "<ping xmlns='urn:xmpp:ping'/>", []string{"<item-not-found "}},
		{"mapped@gw.example.org", "<ping xmlns='urn:xmpp:ping'/>", []string{"<item-not-found "}},
		{"somebody%bridge@gw.example.org", "<ping xmlns='urn:xmpp:ping'/>", []string{"<item-not-found "}},
		{`#caf\u{e9}%libera@gw.example.org`, "<ping xmlns='urn:xmpp:ping'/>", []string{"<jid-malformed ", "write #café%libera@gw.example.org"}},
	} {
		s.get(c.to, c.payload)
		s.hear(append(c.want, "id='q'")...)
	}
	// RFC 6120 §8.2.3: results and errors are not answered.
	s.say("<iq from='alice@example.org/phone' to='gw.example.org' id='q' type='result'/>")
	s.say("<iq from='alice@example.org/phone' to='efnet@gw.example.org' id='q' type='error'/>")
	s.fence()
}

func TestVCard(t *testing.T) {
	s := newService(t, nil)
	s.get(rob, "<vCard xmlns='vcard-temp'/>")
	e := s.asked()
	if e.Room != withRob || e.Body != (bridge.Query{What: bridge.QueryWho}) {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Answer{Rows: [][]string{{"host", "example.com"}}})
	s.hear("type='result'", "<NICKNAME>rob</NICKNAME>", "host: example.com")
	s.get(rob, "<vCard xmlns='vcard-temp'/>")
	s.reply(s.asked(), bridge.Failure{Kind: bridge.ErrTimeout, Text: "too slow"})
	s.hear("type='error'", "<remote-server-timeout ", "too slow")
}

func TestDiscoItems(t *testing.T) {
	s := newService(t, nil)
	items := "<query xmlns='http://jabber.org/protocol/disco#items'/>"
	s.get("gw.example.org", items)
	s.hear("<item jid='libera@gw.example.org' name='libera'/><item jid='oftc@gw.example.org' name='oftc'/></query>")
	s.get("libera@gw.example.org", items)
	e := s.asked()
	if e.Room != console || e.Body != (bridge.Query{What: bridge.QueryRooms}) {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Answer{Rows: [][]string{{"#go", "Go", "42"}, {}, {"notachannel"}, {"#a&b"}}})
	s.hear("<item jid='#a\\26b%libera@gw.example.org' name='#a&amp;b'/><item jid='#go%libera@gw.example.org' name='#go (42): Go'/></query>")
	s.get("libera.example.org", items)
	s.reply(s.asked(), bridge.Answer{Rows: [][]string{{"#go"}}})
	s.hear("<item jid='#go@libera.example.org' name='#go'/>")
	s.get(rob, items)
	s.hear("<query xmlns='http://jabber.org/protocol/disco#items'></query>")
	s.get("gw.example.org", "<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>")
	s.hear("<item-not-found ")
	// Prosody ends the stream at 512 KiB.
	s.get("libera@gw.example.org", items)
	rows := make([][]string, 20000)
	for i := range rows {
		rows[i] = []string{"#go", strings.Repeat("<", 50)}
	}
	s.reply(s.asked(), bridge.Answer{Rows: rows})
	if got := len(s.hear("</query></iq>")); got > 300<<10 {
		t.Errorf("%d bytes", got)
	}
}

// The hash that presences carry is that of what service discovery says, as a
// client computes it (XEP-0115 §5.1), and its node is answered (§6.2).
func TestCaps(t *testing.T) {
	s := newService(t, nil)
	for _, to := range []string{"gw.example.org", "libera@gw.example.org", "libera.example.org", rob} {
		s.get(to, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
		got := s.hear("type='result'")
		var text string
		for _, m := range regexp.MustCompile(`<identity category='([^']*)' type='([^']*)'(?: name='([^']*)')?`).FindAllStringSubmatch(got, -1) {
			text += m[1] + "/" + m[2] + "//" + m[3] + "<"
		}
		last := ""
		for _, m := range regexp.MustCompile(`<feature var='([^']*)'`).FindAllStringSubmatch(got, -1) {
			if m[1] <= last {
				t.Errorf("%s: %q is not sorted or there twice", to, m[1])
			}
			last = m[1]
			text += last + "<"
		}
		sum := sha1.Sum([]byte(text))
		node := capsNode + "#" + base64.StdEncoding.EncodeToString(sum[:])
		s.get(to, "<query xmlns='http://jabber.org/protocol/disco#info' node='"+node+"'/>")
		s.hear("type='result'", "node='"+node+"'", "<identity")
	}
	s.get(rob, "<query xmlns='http://jabber.org/protocol/disco#info' node='other'/>")
	s.hear("<item-not-found ")
}

// XEP-0115 §5.2.
func TestCapsExample(t *testing.T) {
	i := info{[]identity{{"client", "pc"}}, []string{nsCaps, nsDiscoInfo, nsDiscoItems, nsMUC}}
	if got := i.hash("Exodus 0.9.1"); got != "QgayPKawpkPSDYmwT/WM94uAlu0=" {
		// The example's identity has no language, as ours.
		t.Error(got)
	}
}

func TestLoginCommand(t *testing.T) {
	changed := make(chan string, 10)
	s := newService(t, func(o *Options) {
		o.LoginChanged = func(who bridge.Person, network string) { changed <- who.ID + " " + network }
	})
	const network = "libera@gw.example.org"
	s.get(network, "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>")
	s.hear("<item jid='libera@gw.example.org' node='login' name='Your nick and account on libera'/>")
	for _, node := range []string{nsCommands, loginNode} {
		s.get(network, "<query xmlns='http://jabber.org/protocol/disco#info' node='"+node+"'/>")
		s.hear("category='automation'")
	}
	command := func(action, form string) {
		s.set(network, "<command xmlns='http://jabber.org/protocol/commands' node='login' sessionid='s1' action='"+action+"'>"+form+"</command>")
	}
	field := func(name, value string) string {
		return "<field var='" + name + "'><value>" + value + "</value></field>"
	}
	form := func(fields ...string) string {
		return "<x xmlns='jabber:x:data' type='submit'>" + strings.Join(fields, "") + "</x>"
	}
	command("execute", "")
	s.hear("status='executing'", "<complete/>", "<field var='nick' type='text-single'", "<field var='password' type='text-private'")
	command("complete", form(field("nick", "al"), field("account", "alice"), field("password", "it&apos;s secret")))
	s.hear("sessionid='s1' status='completed'", "Kept.")
	if got := <-changed; got != "alice@example.org libera" {
		t.Error(got)
	}
	want := store.Login{Nick: "al", Account: "alice", Password: "it's secret"}
	if got, _ := s.logins.Login(t.Context(), aliceHome, "libera"); got != want {
		t.Errorf("kept %+v", got)
	}
	command("", "")
	if got := s.hear("<value>al</value>", "<value>alice</value>"); strings.Contains(got, "secret") {
		t.Error("the password is shown")
	}
	command("complete", form(field("nick", "al2"), field("account", "alice"), field("password", "")))
	s.hear("Kept.")
	command("complete", form(field("account", "bob")))
	s.hear("without a password")
	command("complete", form(field("nick", ""), field("account", "")))
	s.hear("Forgotten.")
	cert := certificate(t)
	lines := "<field var='certificate'><value>" + strings.ReplaceAll(cert, "\n", "</value><value>") + "</value></field>"
	command("complete", form(field("account", "alice"), lines))
	s.hear("Kept.")
	if got, _ := s.logins.Login(t.Context(), aliceHome, "libera"); got.Certificate != strings.TrimSpace(cert) {
		t.Errorf("kept %+v", got)
	}
	command("complete", form(field("certificate", "")))
	s.hear("Kept.")
	command("complete", form(field("account", ""), field("certificate", "none")))
	s.hear("Forgotten.")
	command("complete", form(field("certificate", "-----BEGIN CERTIFICATE-----")))
	s.hear("<not-acceptable ", "certificate")
	command("cancel", "")
	s.hear("status='canceled'")
	for _, bad := range []string{"a b", "a\nb", "a&#13;b", strings.Repeat("a", 500)} {
		command("complete", form(field("nick", bad)))
		s.hear("<not-acceptable ")
	}
	command("prev", "")
	s.hear("<bad-request ")
	s.set("libera@gw.example.org", "<command xmlns='http://jabber.org/protocol/commands' node='login' sessionid='"+strings.Repeat(">", 100<<10)+"'/>")
	if got := s.hear("status='executing'"); len(got) > 10<<10 {
		t.Errorf("an answer of %d bytes", len(got))
	}
	s.set("gw.example.org", "<command xmlns='http://jabber.org/protocol/commands' node='login'/>")
	s.hear("<item-not-found ")
}

func TestAccess(t *testing.T) {
	s := newService(t, func(o *Options) {
		o.Allow = []string{"example.org", "bob@other.org"}
		o.Deny = []string{"eve@example.org"}
	})
	ping := "<ping xmlns='urn:xmpp:ping'/></iq>"
	for _, c := range []struct{ from, want string }{
		{"alice@example.org/x", "type='result'"},
		{"eve@example.org/x", "<not-authorized "},
		{"bob@other.org/x", "type='result'"},
		{"carol@other.org/x", "<not-authorized "},
	} {
		s.say("<iq from='" + c.from + "' to='gw.example.org' id='1' type='get'>" + ping)
		s.hear(c.want)
	}
	s.say("<message from='eve@example.org/x' to='" + rob + "' type='error'/>")
	s.say("<message from='gw.example.org' to='" + rob + "'><body>loop</body></message>")
	s.fence()
	if got := s.Counters.Refused.Load(); got != 3 {
		t.Errorf("%d refused", got)
	}
}

func TestRate(t *testing.T) {
	s := newService(t, nil)
	for i := range 5 {
		s.say("<message from='alice@example.org/phone' to='" + rob + "' id='1'><body>x</body></message>")
		if i < 3 {
			s.asked()
		} else {
			s.hear("type='error'", "type='wait'", "<policy-violation ", "Too fast")
		}
	}
	s.guests.sweep(time.Now())
	if len(s.guests.byJID) != 1 {
		t.Error("who is over the rate was forgotten")
	}
	s.guests.sweep(time.Now().Add(24 * time.Hour))
	if len(s.guests.byJID) != 0 {
		t.Error("who is quiet was not forgotten")
	}
}

// However many users a server makes up, they cost no more than so much.
func TestGuestsAreBounded(t *testing.T) {
	g, set, now := newGuests(), &settings{}, time.Now()
	for i := range maxGuests + 10 {
		b := g.bucket(jid.MustParse(fmt.Sprintf("user%d@evil.example/x", i)), other, set, now)
		if i > maxGuests && b != g.byJID[jid.JID{}][other] {
			t.Fatalf("user %d has a place of their own", i)
		}
	}
	if len(g.byJID) != maxGuests+1 {
		t.Errorf("%d places", len(g.byJID))
	}
	if g.bucket(jid.MustParse("user7@evil.example/y"), other, set, now) == g.byJID[jid.JID{}][other] {
		t.Error("who was here first has lost their place")
	}
}

// What says nothing has a rate of its own: it must not keep anybody from speaking.
func TestSignalRate(t *testing.T) {
	s := newService(t, nil)
	signal := "<message from='alice@example.org/phone' to='" + rob + "' id='1'><x xmlns='y'/></message>"
	for range signalBurst {
		s.say(signal)
	}
	s.say("<message from='alice@example.org/phone' to='" + rob + "' id='2'><body>x</body></message>")
	s.asked()
	invite := "<message from='alice@example.org/phone' to='#go%libera@gw.example.org' id='3'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='bob@example.org'/></x></message>"
	s.say(invite)
	s.hear("id='3' type='error'", "<not-acceptable ") // not in the room
	s.say(invite)
	s.hear("id='3' type='error'", "<not-acceptable ")
	s.say(invite)
	s.hear("id='3' type='error'", "<policy-violation ") // after three messages
	for range signalBurst {                             // more than come free meanwhile
		s.say(signal)
	}
	s.hear("id='1' type='error'", "<policy-violation ")
}

func TestEveryErrorKindIsTold(t *testing.T) {
	for k := bridge.ErrInternal; k <= bridge.ErrGone; k++ {
		e, ok := errorKinds[k]
		if !ok || e.Condition == "" || e.Type == "" {
			t.Errorf("kind %d: %+v", k, e)
		}
	}
	if e := stanzaError(bridge.Failure{Kind: 255, Text: "x"}); e.Condition != "internal-server-error" || e.Text != "x" {
		t.Errorf("%+v", e)
	}
}

func TestReload(t *testing.T) {
	s := newService(t, nil)
	s.say("<iq from='alice@example.org/x' to='libera.example.org' id='up' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
	s.hear("id='up'") // both sides know now that this link is up
	o := s.Side.set.Load().Options
	bad := o
	bad.Domains = []Domain{{Name: "Not.Canonical"}}
	if err := s.Reload(bad); err == nil {
		t.Error("taken")
	}
	server := o.Domains[0].Server
	o.Domains = []Domain{o.Domains[0], {Name: "oftc.example.org", Network: "oftc", Server: server, Secret: "s"}}
	if err := s.Reload(o); err != nil {
		t.Fatal(err)
	}
	if got := s.awaitUp(); got != "oftc.example.org" {
		t.Errorf("%s connected", got)
	}
	if a, err := s.Side.set.Load().domains.Parse(jid.MustParse("#go@oftc.example.org")); err != nil || a.Kind != address.Channel {
		t.Errorf("%+v, %v", a, err)
	}
	ping := "<iq from='alice@example.org/x' to='oftc.example.org' id='there' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
	s.say(ping)
	s.hear("id='there'")
	o.Domains[1].Secret = "other"
	if err := s.Reload(o); err != nil {
		t.Fatal(err)
	}
	if got := s.awaitUp(); got != "oftc.example.org" {
		t.Errorf("%s connected", got)
	}
	s.say(ping)
	s.hear("id='there'")
	if got := s.Counters.Link.Connected.Load(); got != 4 {
		t.Errorf("%d connections", got)
	}
	s.fence()
	s.send("libera.example.org", func(b []byte) []byte { t.Error("sent"); return b })
	if s.Counters.Unsent.Load() != 1 {
		t.Error("not counted")
	}
}

// certificate makes a client certificate with its key, in PEM.
func certificate(t *testing.T) string {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(nil, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
