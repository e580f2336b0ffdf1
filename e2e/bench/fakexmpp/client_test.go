package fakexmpp

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A client logs in, and whatever it sends then is from ClientJID.
func TestClient(t *testing.T) {
	got := make(chan string, 1)
	s, err := Listen("secret", func(s *Stanza) { got <- string(s.From) + " says " + string(s.Body()) })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // the reads fail then
	in := bufio.NewReader(conn)
	expect := func(text string) {
		t.Helper()
		var seen strings.Builder
		for !strings.Contains(seen.String(), text) {
			c, err := in.ReadByte()
			if err != nil {
				t.Fatalf("%v; %q, not %q", err, seen.String(), text)
			}
			seen.WriteByte(c)
		}
	}
	const open = "<?xml version='1.0'?>\n<stream:stream to='users.test' xmlns='jabber:client'\n xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>\n"
	fmt.Fprint(conn, open)
	expect("<mechanism>PLAIN</mechanism></mechanisms></stream:features>")
	fmt.Fprint(conn, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>\n")
	expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
	fmt.Fprint(conn, open)
	expect("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>")
	fmt.Fprint(conn, "<iq type='set' id='7'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'></bind></iq>\n")
	expect("<iq type='result' id='7'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>" + ClientJID + "</jid></bind></iq>")
	<-s.Ready()
	fmt.Fprint(conn, "<message to='room@muc.test' type='groupchat'><body>hello</body></message>")
	if said := <-got; said != ClientJID+" says hello" {
		t.Errorf("%q", said)
	}
}
