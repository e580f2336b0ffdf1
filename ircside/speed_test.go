package ircside

import (
	"log/slog"
	"testing"

	"isthmus/ircside/line"
)

// bystander is carol's client in #go, which somebody else's session observes.
func bystander() *client {
	side := New(nil, noLogins{}, Options{}, slog.New(slog.DiscardHandler))
	c := newClient(newNetwork(side, "net", Network{}), jid("carol"))
	c.nick, c.table = "carol", watcher(inspircd).table
	return c
}

// What a session that does not observe hears of others costs next to nothing.
func TestForeignLinesAllocateNothing(t *testing.T) {
	c := bystander()
	for _, l := range foreignLines {
		var m line.Message
		if err := line.Parse([]byte(l), &m); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { c.Line(&m, nil) }); n != 0 {
			t.Errorf("%q: %v allocations", l, n)
		}
	}
}

var foreignLines = []string{
	"@time=2026-01-01T00:00:00.000Z;account=bob :bob!b@host.example.org PRIVMSG #go :hello to all of you",
	":bob!b@host.example.org JOIN #go bob :Bob", ":bob!b@h PART #go", ":bob!b@h QUIT :a.b c.d", ":bob!b@h NICK bobby",
	":op!o@h MODE #go +v bob", ":op!o@h KICK #go bob :out", ":bob!b@h AWAY :lunch", ":irc.test 353 carol = #go :a b c d e f g",
	":irc.test 366 carol #go :End", ":bob!b@h TOPIC #go :new", ":bob!b@h ACCOUNT bob", ":bob!b@h SETNAME :Bob", ":bob!b@h TAGMSG #go",
}

func BenchmarkForeignLine(b *testing.B) {
	c := bystander()
	raw := []byte(foreignLines[0])
	var m line.Message
	b.ReportAllocs()
	for b.Loop() {
		_ = line.Parse(raw, &m)
		c.Line(&m, nil)
	}
}
