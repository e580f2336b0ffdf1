package e2e

import (
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

const nsCommands = "http://jabber.org/protocol/commands"

// XEP-0050: a form on the network's JID takes nick, account and password; from
// then on the user is logged in there by SASL.
func TestLogin(t *testing.T) {
	on(t, []string{"prosody+ergo", "ejabberd+ergo"}, func(s *scenario) {
		native := s.native("native")
		account := s.nick("alice")
		registrar := s.irc.Dial(s.T, account)
		registrar.Send("PRIVMSG NickServ :REGISTER sesame-open")
		registrar.Expect(`(?i)account created|registered`)
		registrar.Close()

		alice := s.user("alice")
		list := alice.IQ("get", s.at(""), `<query xmlns="http://jabber.org/protocol/disco#items" node="`+nsCommands+`"/>`)
		node := ""
		if query := list.Find("query"); query != nil && query.Find("item") != nil {
			node = query.Find("item").Attr["node"]
		}
		if node == "" {
			s.Fatalf("no commands: %s", list)
		}
		first := alice.IQ("set", s.at(""), `<command xmlns="`+nsCommands+`" node="`+harness.Escape(node)+`" action="execute"/>`)
		form := first.Find("command/x")
		if form == nil {
			s.Fatalf("no form: %s", first)
		}
		var filled strings.Builder
		for _, field := range form.All("field") {
			value := field.TextOf("value")
			switch name := strings.ToLower(field.Attr["var"]); {
			case strings.Contains(name, "pass"):
				value = "sesame-open"
			case strings.Contains(name, "account"), strings.Contains(name, "nick"):
				value = account
			}
			filled.WriteString(`<field var="` + harness.Escape(field.Attr["var"]) + `"><value>` + harness.Escape(value) + `</value></field>`)
		}
		session := first.Find("command").Attr["sessionid"]
		done := alice.IQ("set", s.at(""), `<command xmlns="`+nsCommands+`" node="`+harness.Escape(node)+`" sessionid="`+harness.Escape(session)+
			`" action="complete"><x xmlns="jabber:x:data" type="submit">`+filled.String()+`</x></command>`)
		if command := done.Find("command"); command == nil || command.Attr["status"] != "completed" {
			s.Fatalf("the form was not taken: %s", done)
		}

		alice.Join(s.room, account)
		whoisUntil(s, native, account, ` 330 \S+ `+account+` `+account, true)
		if strings.Contains(s.gateway.Log(), "sesame-open") {
			s.Errorf("the password is in the log")
		}
	})
}
