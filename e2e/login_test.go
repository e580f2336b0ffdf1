package e2e

import (
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

const (
	nsCommands = "http://jabber.org/protocol/commands"
	nsData     = "jabber:x:data"
)

// accountPassword is that of every account on IRC.
const accountPassword = "sesame-open"

// account registers a nick made of name on an Ergo, and gives it the
// fingerprint of a certificate unless that is "".
func (s *scenario) account(name, fingerprint string) string {
	s.Helper()
	registrar := s.irc.Dial(s.T, s.nick(name))
	registrar.Say("NickServ", "REGISTER "+accountPassword)
	registrar.Expect(`(?i)account created|registered`)
	if fingerprint != "" {
		registrar.Say("NickServ", "CERT ADD "+fingerprint)
		registrar.Expect(`(?i)certificate fingerprint successfully added`)
	}
	registrar.Send("QUIT")
	registrar.Expect("^ERROR ")
	return registrar.Nick
}

// loginForm asks for the form of the one command on the network's JID
// (XEP-0050 §2.2, §2.4).
func loginForm(s *scenario, x *harness.XMPP) (command, form *harness.Element) {
	s.Helper()
	list := x.IQ("get", s.at(""), `<query xmlns="http://jabber.org/protocol/disco#items" node="`+nsCommands+`"/>`)
	item := list.Find("query/item")
	if item == nil {
		s.Fatalf("no commands: %s", list)
	}
	first := x.IQ("set", s.at(""), `<command xmlns="`+nsCommands+`" node="`+harness.Escape(item.Attr["node"])+`" action="execute"/>`)
	if first.Find("command/x") == nil {
		s.Fatalf("no form: %s", first)
	}
	return first.Find("command"), first.Find("command/x")
}

// fillIn submits the form with these fields, and the others as they were.
func fillIn(s *scenario, x *harness.XMPP, values map[string]string) {
	s.Helper()
	command, form := loginForm(s, x)
	var filled strings.Builder
	for _, field := range form.All("field") {
		name := field.Attr["var"]
		value, given := values[name]
		if !given {
			value = field.TextOf("value")
		}
		filled.WriteString(`<field var="` + harness.Escape(name) + `">`)
		for line := range strings.SplitSeq(strings.TrimSpace(value), "\n") { // XEP-0004 §3.3: a value for each line
			filled.WriteString(`<value>` + harness.Escape(line) + `</value>`)
		}
		filled.WriteString(`</field>`)
	}
	done := x.IQ("set", s.at(""), `<command xmlns="`+nsCommands+`" node="`+harness.Escape(command.Attr["node"])+
		`" sessionid="`+harness.Escape(command.Attr["sessionid"])+`" action="complete"><x xmlns="`+nsData+`" type="submit">`+filled.String()+`</x></command>`)
	if command := done.Find("command"); command == nil || command.Attr["status"] != "completed" {
		s.Fatalf("the form was not taken: %s", done)
	}
}

// expectLoggedIn has alice enter the room by her account's name, and asks IRC
// whether she is logged in.
func expectLoggedIn(s *scenario, alice *harness.XMPP, account string) {
	s.Helper()
	native := s.native("native")
	alice.Join(s.room, account)
	whoisUntil(s, native, account, ` 330 \S+ `+account+` `+account, true)
	if strings.Contains(s.gateway.Log(), accountPassword) || strings.Contains(s.gateway.Log(), "PRIVATE KEY") {
		s.Errorf("a secret is in the log")
	}
}

// XEP-0050: a form on the network's JID takes nick, account and password. From
// then on the user is logged in there, by SCRAM-SHA-256 (RFC 7677), the only
// way that we have without TLS.
func TestLoginSCRAM(t *testing.T) {
	on(t, []string{"prosody+ergo", "ejabberd+ergo"}, func(s *scenario) {
		account := s.account("alice", "")
		alice := s.user("alice")
		fillIn(s, alice, map[string]string{"nick": account, "account": account, "password": accountPassword})
		_, form := loginForm(s, alice)
		if shown := form.String(); strings.Contains(shown, accountPassword) {
			s.Errorf("the password is shown: %s", shown)
		}
		expectLoggedIn(s, alice, account)
	})
}

// byTLS has the gateway reach the network by TLS.
func byTLS(s *scenario) {
	s.gateway.Config.Set("networks/"+network+"/addresses", []string{"ircs://" + s.irc.TLSAddr})
	s.gateway.Config.Set("networks/"+network+"/ca_file", s.irc.CA)
}

// PLAIN (RFC 4616) where the server has nothing better, by TLS.
func TestLoginPlain(t *testing.T) {
	configured(t, []string{"prosody+ergo"}, func(s *scenario) {
		s.irc = harness.StartErgoWithoutSCRAM(s.T)
		byTLS(s)
	}, func(s *scenario) {
		account := s.account("alice", "")
		alice := s.user("alice")
		fillIn(s, alice, map[string]string{"nick": account, "account": account, "password": accountPassword})
		expectLoggedIn(s, alice, account)
	})
}

// A password never goes over the wire in the clear (RFC 4616 §4): without TLS,
// and without SCRAM, the user is told that there is no way.
func TestLoginNotInTheClear(t *testing.T) {
	configured(t, []string{"prosody+ergo"}, func(s *scenario) {
		s.irc = harness.StartErgoWithoutSCRAM(s.T)
		s.gateway.Config.Set("networks/"+network+"/addresses", []string{"irc://" + s.irc.Addr})
	}, func(s *scenario) {
		account := s.account("alice", "")
		alice := s.user("alice")
		fillIn(s, alice, map[string]string{"nick": account, "account": account, "password": accountPassword})
		alice.SendJoin(s.room, account, "")
		alice.Expect(harness.Kind("presence/error"), harness.Condition("not-authorized"), harness.TextLike("error/text", "(?i)no way to log in"))
	})
}

// EXTERNAL (RFC 4422 appendix A): the certificate that the user gave in the
// form says who they are, without a password.
func TestLoginExternal(t *testing.T) {
	configured(t, []string{"prosody+ergo", "ejabberd+ergo"}, byTLS, func(s *scenario) {
		certificate, fingerprint := harness.ClientCertificate(s.T)
		account := s.account("alice", fingerprint)
		alice := s.user("alice")
		fillIn(s, alice, map[string]string{"nick": account, "certificate": certificate})
		expectLoggedIn(s, alice, account)
	})
}

// A wrong password, or a certificate that nobody knows, is told in the words
// of the server, to who enters a room; with the right one they get in.
func TestLoginRefused(t *testing.T) {
	for _, way := range []string{"SCRAM", "PLAIN", "EXTERNAL"} {
		t.Run(way, func(t *testing.T) {
			configured(t, []string{"prosody+ergo"}, func(s *scenario) {
				if way == "PLAIN" {
					s.irc = harness.StartErgoWithoutSCRAM(s.T)
				}
				byTLS(s)
			}, func(s *scenario) {
				account := s.account("alice", "")
				wrong := map[string]string{"nick": account, "account": account, "password": "sesame-shut"}
				if way == "EXTERNAL" {
					certificate, _ := harness.ClientCertificate(s.T)
					wrong = map[string]string{"nick": account, "certificate": certificate}
				}
				alice := s.user("alice")
				fillIn(s, alice, wrong)
				alice.SendJoin(s.room, account, "")
				alice.Expect(harness.Kind("presence/error"), harness.From(s.occupant(account)),
					harness.Condition("not-authorized"), harness.TextLike("error/text", `\w+ \w+`))

				fillIn(s, alice, map[string]string{"account": account, "password": accountPassword, "certificate": "none"})
				expectLoggedIn(s, alice, account)
			})
		})
	}
}
