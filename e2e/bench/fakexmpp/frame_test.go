package fakexmpp

import (
	"fmt"
	"net"
	"testing"
)

func TestElementEnd(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int
	}{
		{"<a/>", 4},
		{"<a/><b/>", 4},
		{"<a><b/>x</a>tail", 12},
		{"<a><b>", 0},
		{"<a x='>'/>", 10},
		{`<a x="/>"></a>`, 14},
		{"<a x='", 0},
		{"<", 0},
		{"", 0},
		{" <a/>", 5},
	} {
		if got := elementEnd([]byte(tc.in)); got != tc.want {
			t.Errorf("elementEnd(%q) = %d, want %d", tc.in, got, tc.want)
		}
	}
}

func TestParse(t *testing.T) {
	s := parse([]byte(`<message type="groupchat" from='#a%b@gw/nick' to="u@x/r" id='7'><body>hi</body></message>`))
	if string(s.Name) != "message" || string(s.Type) != "groupchat" || string(s.From) != "#a%b@gw/nick" ||
		string(s.To) != "u@x/r" || string(s.ID) != "7" || string(s.Body()) != "hi" || string(Resource(s.From)) != "nick" {
		t.Errorf("parse: %q", s.Raw)
	}
	if s.Self() {
		t.Error("status 110 where there is none")
	}
}

func TestServer(t *testing.T) {
	got := make(chan string, 1)
	s, err := Listen("secret", func(s *Stanza) { got <- string(s.Name) + " " + string(s.Type) })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// sha1("bench" + "secret")
	fmt.Fprint(conn, "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' to='gw.test' xmlns:stream='http://etherx.jabber.org/streams'>",
		"<handshake>6bfb95b1c81e2c1e9e6a2a8b9a7fa9a5f6e2e3c5</handshake>")
	<-done(s)
	if s.Err() == nil {
		t.Error("a wrong handshake was taken")
	}
	select {
	case name := <-got:
		t.Errorf("handler saw %s", name)
	default:
	}
}

// done is closed when the server's goroutines have ended.
func done(s *Server) <-chan struct{} {
	c := make(chan struct{})
	go func() { s.work.Wait(); close(c) }()
	return c
}
