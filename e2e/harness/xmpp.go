package harness

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Namespaces that the scenarios speak of.
const (
	nsMUC     = "http://jabber.org/protocol/muc"
	nsMUCUser = "http://jabber.org/protocol/muc#user"
)

// XMPP is a user's client, of a library that we didn't write.
type XMPP struct {
	JID    string // whole
	Bare   string
	t      T
	driver *Driver
	id     string
	online chan string
	inbox  *inbox[*Element]
	ids    atomic.Int64
}

// Connect logs user in on host (one of the server's Hosts) and fails t if the
// server doesn't let them. It sends no presence.
func (d *Driver) Connect(t T, server *XMPPServer, host, user, resource string) *XMPP {
	t.Helper()
	x := &XMPP{t: t, driver: d, Bare: user + "@" + host, online: make(chan string, 1), inbox: newInbox[*Element]()}
	x.id = d.add(x.handle)
	address, port, _ := net.SplitHostPort(server.Client)
	number, _ := strconv.Atoi(port)
	x.tell(driverCommand{Op: "connect", Host: address, Port: number, Domain: host, User: user, Password: Password, Resource: resource})
	t.Cleanup(x.Close)
	select {
	case x.JID = <-x.online:
	case <-time.After(Patience):
	}
	if x.JID == "" {
		t.Fatalf("%s can't log in with %s:%s", x.Bare, d.Library, x.recent())
	}
	return x
}

func (x *XMPP) handle(event driverEvent) {
	switch event.Event {
	case "online":
		select {
		case x.online <- event.JID:
		default: // online again: nobody asked for that
		}
	case "stanza":
		stanza, err := ParseElement(event.XML)
		if err != nil {
			stanza = &Element{Name: "unreadable", Text: err.Error(), raw: event.XML}
		}
		x.inbox.put(stanza)
	case "error":
		x.inbox.put(&Element{Name: "error", Text: event.Text, raw: "(client) " + event.Text})
	case "closed":
		x.inbox.close()
		select {
		case x.online <- "":
		default:
		}
	}
}

func (x *XMPP) tell(c driverCommand) {
	x.t.Helper()
	c.Client = x.id
	if err := x.driver.tell(c); err != nil {
		x.t.Fatalf("harness: %v", err)
	}
}

// Close logs out. Closing twice does nothing.
func (x *XMPP) Close() {
	_ = x.driver.tell(driverCommand{Client: x.id, Op: "close"}) // the driver may be gone
	x.inbox.take(func(*Element) bool { return false }, 2*time.Second)
	x.driver.remove(x.id)
}

// Send sends a stanza as it is written.
func (x *XMPP) Send(format string, args ...any) {
	x.t.Helper()
	x.tell(driverCommand{Op: "send", XML: fmt.Sprintf(format, args...)})
}

// NewID is an id that this client hasn't used.
func (x *XMPP) NewID() string { return fmt.Sprintf("%s-%d", x.id, x.ids.Add(1)) }

// Expect waits for a stanza that fits all matches and takes it out of the
// inbox. What else has come stays there.
func (x *XMPP) Expect(all ...Match) *Element {
	x.t.Helper()
	stanza, ok := x.inbox.take(func(e *Element) bool { return matches(e, all) }, Patience)
	if !ok {
		x.t.Fatalf("%s never got: %s\nlast of what it got:%s", x.JID, Describe(all), x.recent())
	}
	return stanza
}

// ExpectWithin is Expect with another patience; nil when nothing came.
func (x *XMPP) ExpectWithin(patience time.Duration, all ...Match) *Element {
	stanza, _ := x.inbox.take(func(e *Element) bool { return matches(e, all) }, patience)
	return stanza
}

// ExpectNone checks that nothing that fits has come. Send a fence first: what
// comes after it in order has then surely come (see Fence).
func (x *XMPP) ExpectNone(all ...Match) {
	x.t.Helper()
	if stanza := x.ExpectWithin(0, all...); stanza != nil {
		x.t.Fatalf("%s got what it should not, %s: %s", x.JID, Describe(all), stanza)
	}
}

// Fence returns when whoever answers IQs of jid has answered one that was sent
// now: what they sent us before has then come.
func (x *XMPP) Fence(jid string) {
	x.t.Helper()
	x.IQ("get", jid, `<ping xmlns="urn:xmpp:ping"/>`)
}

// Drain forgets what has come so far and returns it.
func (x *XMPP) Drain() []*Element { return x.inbox.drain() }

// IQ sends a request and waits for its answer, a result or an error.
func (x *XMPP) IQ(typ, to, payload string) *Element {
	x.t.Helper()
	id := x.NewID()
	x.Send(`<iq type="%s" id="%s" to="%s">%s</iq>`, typ, id, Escape(to), payload)
	return x.Expect(ID(id), Where("an answer", func(e *Element) bool {
		return e.Name == "iq" && (e.Attr["type"] == "result" || e.Attr["type"] == "error")
	}))
}

// Room is what a client was shown of a room when it joined it.
type Room struct {
	Occupants map[string]*Element // presence by nick, without our own
	Self      *Element            // our own presence (110)
	Subject   *Element
	Order     []*Element // everything of the room, as it came
}

// SendJoin asks to enter a room (XEP-0045 §7.2.1) with more inside <x/>, such
// as a password.
func (x *XMPP) SendJoin(room, nick, more string) {
	x.t.Helper()
	x.Send(`<presence to="%s/%s"><x xmlns="%s">%s</x></presence>`, Escape(room), Escape(nick), nsMUC, more)
}

// Join enters a room and waits until that is complete: the subject comes last
// (XEP-0045 §7.2).
func (x *XMPP) Join(room, nick string) *Room {
	x.t.Helper()
	x.SendJoin(room, nick, "")
	return x.ExpectJoined(room)
}

// ExpectJoined waits for the whole answer to a join.
func (x *XMPP) ExpectJoined(room string) *Room {
	x.t.Helper()
	joined := &Room{Occupants: map[string]*Element{}}
	ofRoom := Where("of "+room, func(e *Element) bool {
		from := e.Attr["from"]
		return e.Name != "iq" && (from == room || strings.HasPrefix(from, room+"/"))
	})
	for joined.Subject == nil {
		e := x.Expect(ofRoom)
		joined.Order = append(joined.Order, e)
		_, nick, _ := strings.Cut(e.Attr["from"], "/")
		switch {
		case e.Attr["type"] == "error":
			x.t.Fatalf("%s was refused: %s", x.JID, e)
		case e.Name == "presence" && hasCode(e, "110"):
			joined.Self = e
		case e.Name == "presence":
			joined.Occupants[nick] = e
		case e.Find("subject") != nil && e.Find("body") == nil:
			joined.Subject = e
		}
	}
	if joined.Self == nil {
		x.t.Fatalf("%s joined %s without a presence of its own:%s", x.JID, room, x.recent())
	}
	return joined
}

// JoinByPlugin has the library join by its own code (slixmpp's XEP-0045).
func (x *XMPP) JoinByPlugin(room, nick string) {
	x.t.Helper()
	x.tell(driverCommand{Op: "muc", To: room, User: nick})
}

// Say sends a message to a room and returns its id.
func (x *XMPP) Say(room, text string) (id string) {
	x.t.Helper()
	id = x.NewID()
	x.Send(`<message type="groupchat" id="%s" to="%s"><body>%s</body></message>`, id, Escape(room), Escape(text))
	return id
}

// Chat sends a private message and returns its id.
func (x *XMPP) Chat(to, text string) (id string) {
	x.t.Helper()
	id = x.NewID()
	x.Send(`<message type="chat" id="%s" to="%s"><body>%s</body></message>`, id, Escape(to), Escape(text))
	return id
}

// Leave leaves a room with a reason.
func (x *XMPP) Leave(room, nick, reason string) {
	x.t.Helper()
	x.Send(`<presence type="unavailable" to="%s/%s"><status>%s</status></presence>`, Escape(room), Escape(nick), Escape(reason))
}

func (x *XMPP) recent() string {
	var b strings.Builder
	for _, e := range x.inbox.recent() {
		b.WriteString("\n  " + e.raw)
	}
	return b.String()
}
