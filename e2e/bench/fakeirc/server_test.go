package fakeirc

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// dial connects a raw client; say writes lines, expect reads until a line
// holds the text.
type raw struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, s *Server) *raw {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &raw{t, conn, bufio.NewReader(conn)}
}

func (r *raw) say(lines ...string) { fmt.Fprint(r.conn, strings.Join(lines, "\r\n")+"\r\n") }

func (r *raw) expect(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		for {
			line, err := r.in.ReadString('\n')
			if err != nil {
				r.t.Fatalf("waiting for %q: %v", text, err)
			}
			if strings.Contains(line, text) {
				break
			}
		}
	}
}

func TestConversation(t *testing.T) {
	heard := make(chan Message, 8)
	s, err := Listen(true, func(m Message) { heard <- m })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.AddNatives("#c", []string{"n1", "n2"})

	old := dial(t, s)
	old.say("NICK a", "USER a 0 * :A", "JOIN #c")
	old.expect(" 001 a ", ":a!a@bridge.bench JOIN #c\r\n", " 353 a = #c :n1 n2 a\r\n", " 366 ")

	modern := dial(t, s)
	modern.say("CAP LS 302", "NICK b", "USER b 0 * :B",
		"CAP REQ :batch labeled-response message-tags echo-message extended-join userhost-in-names", "CAP END",
		"@label=1 JOIN #c", "@label=2 PRIVMSG #c :hello there", "@label=3 PONG x", "WHO #c %tnf,7")
	modern.expect(" CAP * LS :account-notify", " CAP b ACK :batch", " 001 b ",
		" BATCH +", "JOIN #c * :b", ":n1!n1@native.bench n2!", " BATCH -",
		"label=2 :b!b@bridge.bench PRIVMSG #c :hello there", "@label=3 :irc.bench ACK", " 354 b 7 n1 H", " 315 ")
	old.expect(":b!b@bridge.bench JOIN #c\r\n", ":b!b@bridge.bench PRIVMSG #c :hello there\r\n")
	if m := <-heard; m.Nick != "b" || m.Target != "#c" || m.Text != "hello there" || m.At.IsZero() {
		t.Errorf("heard %+v", m)
	}

	s.Say("n1", "#c", "one", "two")
	old.expect(":n1!n1@native.bench PRIVMSG #c :one\r\n", ":two")
	s.Split("#c", []string{"n1", "n2"})
	old.expect(":n1!n1@native.bench QUIT :hub.bench leaf.bench\r\n", ":n2!")
	modern.expect(":one", ":two", " netsplit hub.bench leaf.bench", "batch=", "batch=", "BATCH -")
	old.say("PING :x", "NAMES #c", "QUIT")
	old.expect("PONG irc.bench :x", " :a b\r\n")
	modern.expect(":a!a@bridge.bench QUIT")
}
