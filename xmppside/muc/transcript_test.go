package muc

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/golden"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// TestTranscripts plays testdata/*.txt: a line that begins with ">" is a
// stanza from a client, "=" a fact from the owner; ref=^1 is the last request.
// What follows them is what the room makes of it: "<" a stanza sent, "?" a
// request to the owner. Everything else is left as it stands: the
// specification's sentence, mostly.
func TestTranscripts(t *testing.T) {
	golden.Test(t, "testdata/*.txt", func(t *testing.T, script string) string { return newPlay(t).all(script) })
}

var testRoom = jid.MustParse("#go%net@gw.example")

// play is a room with an owner and a server that only take notes.
type play struct {
	t    *testing.T
	room *Room
	ids  int
	log  []string // since the last step
	asks []string // the IDs of all requests
}

func newPlay(t *testing.T) *play {
	p := &play{t: t}
	p.open(Options{})
	return p
}

func (p *play) open(o Options) {
	o.Owner, o.Sender, o.Key, o.Name = p, p, []byte("0123456789abcdef"), "#go on net"
	if o.Addresses == nil {
		o.Addresses = people("net")
	}
	o.Invites = func(j jid.JID) bool { return j.Domain() == testRoom.Domain() }
	o.NewID = func() string { p.ids++; return "id" + strconv.Itoa(p.ids) }
	p.room = New(testRoom, o)
}

func people(network string) Addresses {
	return address.Domains{testRoom.Domain(): ""}.People(testRoom.Domain(), network)
}

// Ask notes a request.
func (p *play) Ask(_ *Room, q Request) {
	p.asks = append(p.asks, q.ID)
	p.log = append(p.log, fmt.Sprintf("? %s %s %s %s", q.ID, q.By, q.Nick, wish(q.What)))
}

// wish writes a wish; of a stanza in it, the body, and what is as usual not.
func wish(w Wish) string {
	switch w := w.(type) {
	case Join:
		if w.Wanted == usualHistory {
			return fmt.Sprintf("muc.Join{Nick:%q, Password:%q}", w.Nick, w.Password)
		}
	case Query:
		return fmt.Sprintf("muc.Query{Target:%q, %s}", w.Target, w.Payload.Raw())
	case Say:
		return fmt.Sprintf("muc.Say{Body:%q}", w.Message.ChildText(wire.NSComponent, "body"))
	case Whisper:
		return fmt.Sprintf("muc.Whisper{To:%q, Body:%q}", w.To, w.Message.ChildText(wire.NSComponent, "body"))
	}
	return fmt.Sprintf("%#v", w)
}

// Send notes the stanzas that were sent. The order in which a room lists its
// people is not specified, so they are sorted.
func (p *play) Send(f func(b []byte) []byte) {
	list := stanzas(p.t, f(nil))
	isOther := func(s string) bool {
		return strings.HasPrefix(s, "<presence") && !strings.Contains(s, "code='") && !strings.Contains(s, "type='")
	}
	for i := 0; i < len(list); i++ {
		j := i
		for j < len(list) && isOther(list[j]) {
			j++
		}
		if j > i {
			slices.Sort(list[i:j])
			i = j
		}
	}
	for _, s := range list {
		p.log = append(p.log, "< "+s)
	}
}

// stanzas cuts what was sent into stanzas, and checks that each can be read.
func stanzas(t testing.TB, b []byte) (list []string) {
	d := wire.NewDecoder(strings.NewReader(string(b)), wire.DefaultLimits)
	for {
		st, err := d.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("the room sent what can't be read: %v\n%s", err, b)
		}
		if st.To.IsZero() || st.From.Bare() != testRoom {
			t.Fatalf("to %q from %q: %s", st.To, st.From, st.Raw())
		}
		list = append(list, st.Raw())
	}
}

func parse(t testing.TB, s string) *wire.Stanza {
	st, err := wire.NewDecoder(strings.NewReader(s), wire.DefaultLimits).Next()
	if err != nil {
		t.Fatalf("%v: %s", err, s)
	}
	return &st
}

// all plays a whole transcript and returns it with the room's answers.
func (p *play) all(script string) string {
	var out strings.Builder
	for line := range strings.Lines(script) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "< "), strings.HasPrefix(line, "? "):
			continue
		case strings.HasPrefix(line, "> "):
			if !p.room.Handle(parse(p.t, line[2:])) {
				p.log = append(p.log, "? closed")
			}
		case strings.HasPrefix(line, "= "):
			p.fact(line[2:])
		}
		out.WriteString(line + "\n")
		for _, l := range p.log {
			out.WriteString(l + "\n")
		}
		p.log = nil
	}
	return out.String()
}

// fact is one line "verb key=value ...".
func (p *play) fact(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	list := members(p.t, rest)
	v := map[string]string{}
	if len(list) > 0 {
		v = list[len(list)-1]
	}
	if back, err := strconv.Atoi(strings.TrimPrefix(v["ref"], "^")); err == nil { // the last request, the one before
		v["ref"] = p.asks[len(p.asks)-back]
	}
	r, who := p.room, whoOf(v)
	switch verb {
	case "open":
		p.open(Options{Nonanonymous: v["nonanonymous"] != "", Logged: v["logged"] != "", Addresses: people(cmp.Or(v["network"], "net"))})
	case "members":
		var all []Member
		for _, m := range list {
			all = append(all, memberOf(p.t, m))
		}
		r.SetMembers(all, false)
	case "enter":
		r.Enter(memberOf(p.t, v), v["created"] != "", p.history(v["history"])...)
	case "leave":
		causes := map[string]Cause{"": Left, "kick": Kicked, "ban": Banned, "removed": Removed}
		r.Leave(who, Departure{Cause: causes[v["cause"]], Reason: v["reason"], Actor: v["actor"]})
	case "rename":
		r.Rename(who, Who{Nick: v["to"], User: who.User, Account: who.Account})
	case "role":
		m := memberOf(p.t, v)
		r.SetRole(who, m.Affiliation, m.Role, v["actor"])
	case "available":
		r.SetAvailability(who, parseShow(v["show"]), v["status"])
	case "info":
		r.SetInfo(Info{Name: v["name"], Avatar: v["hash"]})
	case "destroy":
		to, _ := jid.Parse(v["to"])
		r.Destroy(to, "xmpp:there?join", v["reason"])
	case "invite":
		r.Invite(jid.MustParse(v["to"]), jid.MustParse(v["from"]), v["reason"])
	case "avatar":
		r.SetAvatar(who, v["hash"])
	case "say":
		r.Say(Said{By: who, Content: content(v), ID: v["id"], Ref: v["ref"]})
	case "whisper":
		if !r.Whisper(jid.MustParse(v["user"]), v["nick"], v["id"], content(v)) {
			p.log = append(p.log, "? not here")
		}
	case "typing":
		r.SetTyping(who, v["on"] == "true")
	case "read":
		r.SetRead(who, v["id"])
	case "subject":
		r.SetSubject(Subject{Text: v["text"], By: who, ID: v["id"], Ref: v["ref"], At: time.Unix(1000000000, 0)})
	case "notice":
		r.Notice(v["body"])
	case "attach":
		r.Attach(who, v["attached"] == "true", v["text"])
	case "confirm":
		r.Confirm(v["ref"])
	case "answer":
		r.Answer(v["ref"], v["element"])
	case "refuse":
		r.Refuse(v["ref"], wire.StanzaError{Condition: wire.Condition(v["condition"]), Text: v["text"]})
	case "probe":
		r.Probe()
	case "remove":
		r.Remove(func(user jid.JID) bool { return user == who.User }, v["reason"])
	case "shutdown":
		r.Shutdown(v["reason"])
	case "close":
		p.log = append(p.log, fmt.Sprintf("? closed: %v", r.CloseIfEmpty()))
	default:
		p.t.Fatalf("no such fact: %s", line)
	}
}

// content is what a message holds, as XML or as plain text.
func content(v map[string]string) string {
	if xml := v["content"]; xml != "" {
		return xml
	}
	return text(v["body"])
}

// history makes up so many earlier messages, a day apart.
func (p *play) history(count string) (list []Said) {
	n, _ := strconv.Atoi(count)
	for i := range n {
		list = append(list, Said{
			By: Who{Nick: "carl"}, Content: text("said " + strconv.Itoa(i)), ID: "h" + strconv.Itoa(i),
			At: time.Date(2020, 1, 1+i, 12, 0, 0, 0, time.UTC),
		})
	}
	return list
}

// members reads "nick=a role=b; nick=c".
func members(t *testing.T, s string) (list []map[string]string) {
	for s != "" {
		m := map[string]string{}
		list = append(list, m)
		for s != "" {
			var key, value string
			key, s, _ = strings.Cut(strings.TrimLeft(s, " "), "=")
			if q, err := strconv.QuotedPrefix(s); err == nil {
				value, _ = strconv.Unquote(q)
				s = s[len(q):]
			} else {
				i := strings.IndexAny(s+" ", " ;")
				value, s = s[:i], s[i:]
			}
			m[key] = value
			if strings.HasPrefix(s, ";") {
				s = s[1:]
				break
			}
		}
	}
	return list
}

func whoOf(v map[string]string) Who {
	w := Who{Nick: v["nick"], Account: v["account"]}
	if u := v["user"]; u != "" {
		w.User = jid.MustParse(u)
	}
	return w
}

func memberOf(t *testing.T, v map[string]string) Member {
	w := whoOf(v)
	m := Member{Nick: w.Nick, User: w.User, Account: w.Account, Avatar: v["avatar"], Role: RoleParticipant, Show: parseShow(v["show"]), Status: v["status"]}
	var ok bool
	if s := v["role"]; s != "" {
		if m.Role, ok = parseRole(s); !ok {
			t.Fatal(s)
		}
	}
	if s := v["affiliation"]; s != "" {
		if m.Affiliation, ok = parseAffiliation(s); !ok {
			t.Fatal(s)
		}
	}
	return m
}
