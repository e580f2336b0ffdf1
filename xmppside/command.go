package xmppside

import (
	"context"
	"crypto/tls"
	"strings"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/xmppside/address"
	"isthmus/xmppside/format"
	"isthmus/xmppside/wire"
)

// loginNode is the one ad-hoc command (XEP-0050): how somebody logs in to a
// network, on that network's address.
const loginNode = "login"

func loginTitle(a address.Address) string { return "Your nick and account on " + a.Network }

// storeTime bounds a look into the store.
const storeTime = 10 * time.Second

// maxField bounds what may be typed into a field, in bytes: an IRC line
// holds no more. A certificate with its key, in PEM, may be maxCertificate.
const (
	maxField       = 400
	maxCertificate = 16 << 10
)

// forgetIt is what is typed to have a certificate forgotten: an empty field
// keeps it, since a form never shows what is secret.
const forgetIt = "none"

// answerCommand runs the command. Its form is all the state that there is, so
// a session is only a name.
func (s *Side) answerCommand(r request) {
	if !hasLogin(r.to) || r.payload.Attr("node") != loginNode {
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionItemNotFound, Text: "There is no such command here."})
		return
	}
	session := strings.Clone(r.payload.Attr("sessionid"))
	if session == "" || len(session) > maxField {
		session = bridge.NewID()
	}
	form, submitted := r.payload.Child(nsData, "x")
	fields := readForm(form)
	var run func(context.Context) (func([]byte) []byte, error)
	switch action := r.payload.Attr("action"); {
	case action == "cancel":
		s.result(r, func(b []byte) []byte { return append(appendCommand(b, session, "canceled"), "</command>"...) })
		return
	case action != "" && action != "execute" && action != "complete" && action != "next":
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionBadRequest, Text: "There is no such action."})
		return
	case submitted && form.Attr("type") == "submit":
		if field := badField(fields); field != "" {
			s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionNotAcceptable, Text: "The " + field + " is too long, or is not what it has to be."})
			return
		}
		run = func(ctx context.Context) (func([]byte) []byte, error) { return s.saveLogin(ctx, r, session, fields) }
	default:
		run = func(ctx context.Context) (func([]byte) []byte, error) { return s.loginForm(ctx, r, session) }
	}
	started := s.tasks.start(func() {
		ctx, cancel := context.WithTimeout(context.Background(), storeTime)
		defer cancel()
		answer, err := run(ctx)
		if err != nil {
			s.log.Error("login not read or kept", "network", r.to.Network, "error", err)
			s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionInternalServerError, Text: "That did not work, by no fault of yours."})
			return
		}
		s.result(r, answer)
	})
	if !started {
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionResourceConstraint, Text: "Too busy. Try again in a moment."})
	}
}

// loginFields are the form's, in order.
var loginFields = []struct{ name, typ, label string }{
	{"nick", "text-single", "Nick, whatever you are called in rooms (empty: as in the room)"},
	{"account", "text-single", "Account to log in with (empty: none)"},
	{"password", "text-private", "Password of the account (empty: the one that is kept already)"},
	{"certificate", "text-multi", "Client certificate and its key, PEM, to log in without a password (empty: as it is; none: forget it)"},
}

// loginForm shows what is kept, but for the password.
func (s *Side) loginForm(ctx context.Context, r request, session string) (func([]byte) []byte, error) {
	login, err := s.set.Load().Logins.Login(ctx, person(r.From), r.to.Network)
	if err != nil {
		return nil, err
	}
	values := map[string]string{"nick": login.Nick, "account": login.Account}
	return func(b []byte) []byte {
		b = appendCommand(b, session, "executing")
		b = append(b, "<actions execute='complete'><complete/></actions><x xmlns='"+nsData+"' type='form'>"...)
		b = wire.AppendElement(b, "title", loginTitle(r.to))
		b = wire.AppendElement(b, "instructions", "This holds from your next connection on. Password and certificate are kept encrypted.")
		for _, f := range loginFields {
			b = append(b, "<field var='"+f.name+"' type='"+f.typ+"' label='"+f.label+"'>"...)
			if v := values[f.name]; v != "" {
				b = wire.AppendElement(b, "value", v)
			}
			b = append(b, "</field>"...)
		}
		return append(b, "</x></command>"...)
	}, nil
}

// saveLogin keeps what was submitted. Fields that weren't are left as they
// are; without an account there is no password either.
func (s *Side) saveLogin(ctx context.Context, r request, session string, fields map[string]string) (func([]byte) []byte, error) {
	set, who := s.set.Load(), person(r.From)
	login, err := set.Logins.Login(ctx, who, r.to.Network)
	if err != nil {
		return nil, err
	}
	if nick, given := fields["nick"]; given {
		login.Nick = nick
	}
	if account, given := fields["account"]; given && account != login.Account {
		// Another account's password is another one.
		login.Account, login.Password = account, ""
	}
	if fields["password"] != "" {
		login.Password = fields["password"]
	}
	if login.Account == "" {
		login.Password = ""
	}
	switch pem := strings.TrimSpace(fields["certificate"]); pem {
	case "":
	case forgetIt:
		login.Certificate = ""
	default:
		login.Certificate = pem
	}
	if err := set.Logins.SetLogin(ctx, who, r.to.Network, login); err != nil {
		return nil, err
	}
	if set.LoginChanged != nil {
		set.LoginChanged(who, r.to.Network)
	}
	return func(b []byte) []byte {
		b = appendCommand(b, session, "completed")
		b = append(b, "<note type='info'>"...)
		b = wire.AppendText(b, savedNote(login))
		return append(b, "</note></command>"...)
	}, nil
}

func savedNote(l store.Login) string {
	switch {
	case l == store.Login{}:
		return "Forgotten."
	case l.Account != "" && l.Password == "" && l.Certificate == "":
		return "Kept, but without a password for the account."
	}
	return "Kept."
}

func appendCommand(b []byte, session, status string) []byte {
	b = append(b, "<command xmlns='"+nsCommands+"' node='"+loginNode+"' sessionid='"...)
	b = wire.AppendAttr(b, session)
	return append(b, "' status='"+status+"'>"...)
}

// readForm returns what was filled in, the lines of a field of several joined
// (XEP-0004 §3.2, §3.3). Of a field that comes twice, the first counts.
func readForm(form wire.Element) map[string]string {
	fields := map[string]string{}
	for f := range form.Children() {
		name := f.Attr("var")
		if _, twice := fields[name]; twice || !f.Is(nsData, "field") {
			continue
		}
		var lines []string
		for v := range f.Children() {
			if v.Is(nsData, "value") {
				lines = append(lines, v.Text())
			}
		}
		fields[strings.Clone(name)] = strings.Join(lines, "\n")
	}
	return fields
}

// badField returns the name of a field that no network could take, or "".
func badField(fields map[string]string) string {
	for _, f := range loginFields {
		v := fields[f.name]
		if f.typ == "text-multi" {
			if !isCertificate(strings.TrimSpace(v)) {
				return f.name
			}
			continue
		}
		blanks := f.typ == "text-single" && strings.ContainsAny(v, " \t")
		if len(v) > maxField || format.Plain(v) != v || strings.ContainsAny(v, "\n") || blanks {
			return f.name
		}
	}
	return ""
}

// isCertificate reports whether v says something of a certificate: nothing,
// to forget it, or one with its key.
func isCertificate(v string) bool {
	if v == "" || v == forgetIt {
		return true
	}
	if len(v) > maxCertificate {
		return false
	}
	_, err := tls.X509KeyPair([]byte(v), []byte(v))
	return err == nil
}
