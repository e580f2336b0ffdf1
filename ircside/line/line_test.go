package line

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func show(m *Message) string {
	return fmt.Sprintf("%s|%s|%s|%s", m.Tags, m.Source, m.Command, func() string {
		var p []string
		for i := range m.Params {
			p = append(p, "<"+m.Param(i)+">")
		}
		return strings.Join(p, "")
	}())
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{":irc.example.net 001 me :Welcome, me!u@h\r\n", "|irc.example.net|001|<me><Welcome, me!u@h>"},
		{"PING :irc.example.net", "||PING|<irc.example.net>"},
		{"ping a", "||PING|<a>"},
		{":n!u@h PRIVMSG #a ::-) x", "|n!u@h|PRIVMSG|<#a><:-) x>"},
		{"@time=2026-01-01T00:00:00.000Z;a/b :n!u@h JOIN #a acc :Real Name", "time=2026-01-01T00:00:00.000Z;a/b|n!u@h|JOIN|<#a><acc><Real Name>"},
		{":s 366 me #a :", "|s|366|<me><#a><>"},
		{":s  MODE   #a  +o   x ", "|s|MODE|<#a><+o><x>"},
		{"A 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "||A|<1><2><3><4><5><6><7><8><9><10><11><12><13><14><15 16>"},
		{"JOIN #a\n", "||JOIN|<#a>"},
		{":s frobnicate", "|s|FROBNICATE|"},
	} {
		var m Message
		if err := Parse([]byte(c.line), &m); err != nil {
			t.Errorf("%q: %v", c.line, err)
		} else if got := show(&m); got != c.want {
			t.Errorf("%q: got %s, want %s", c.line, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		line string
		want error
	}{
		{"", ErrEmpty},
		{"\r\n", ErrEmpty},
		{":only.source", ErrEmpty},
		{"@only=tags", ErrEmpty},
		{"PRIVMSG a\x00b", ErrControl},
		{"PRIVMSG a\rQUIT", ErrControl},
		{"12 x", ErrCommand},
		{"1234 x", ErrCommand},
		{"PRIV-MSG x", ErrCommand},
		{"@" + strings.Repeat("a", MaxTags) + " PING", ErrTooLong},
		{"PING " + strings.Repeat("a", MaxLine), ErrTooLong},
	} {
		var m Message
		if err := Parse([]byte(c.line), &m); !errors.Is(err, c.want) {
			t.Errorf("%.40q: got %v, want %v", c.line, err, c.want)
		}
	}
}

func TestSource(t *testing.T) {
	for _, c := range []struct {
		source, nick, host string
		server             bool
	}{
		{"", "", "", true},
		{"irc.example.net", "irc.example.net", "", true},
		{"alice", "alice", "", false},
		{"alice!~a@host.example", "alice", "host.example", false},
		{"alice@host.example", "alice", "host.example", false},
		{"alice!a", "alice", "", false},
		{"alice!a@b@c", "alice", "b@c", false},
	} {
		m := Message{Source: []byte(c.source)}
		if string(m.Nick()) != c.nick || string(m.Host()) != c.host || m.FromServer() != c.server {
			t.Errorf("%q: got %s %s %v", c.source, m.Nick(), m.Host(), m.FromServer())
		}
	}
}

func TestTag(t *testing.T) {
	m := Message{Tags: []byte(`label=1;x;+v/y=a\:b\sc\\d\r\n\q\;e=;label=2`)}
	for _, c := range []struct {
		name, value string
		ok          bool
	}{{"label", "2", true}, {"x", "", true}, {"+v/y", "a;b c\\d\r\nq", true}, {"e", "", true}, {"lab", "", false}, {"labels", "", false}} {
		if v, ok := m.Tag(c.name); v != c.value || ok != c.ok {
			t.Errorf("%s: got %q %v", c.name, v, ok)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		tags   []Tag
		params []string
		want   string
		err    error
	}{
		{nil, []string{"PRIVMSG", "#a", "hi"}, "PRIVMSG #a hi\r\n", nil},
		{nil, []string{"PRIVMSG", "#a", "hi you"}, "PRIVMSG #a :hi you\r\n", nil},
		{nil, []string{"PRIVMSG", "#a", ":)"}, "PRIVMSG #a ::)\r\n", nil},
		{nil, []string{"TOPIC", "#a", ""}, "TOPIC #a :\r\n", nil},
		{[]Tag{{"label", "a b;"}, {"x", ""}}, []string{"PING", "1"}, "@label=a\\sb\\:;x PING 1\r\n", nil},
		{nil, []string{"PRIVMSG", "#a", "a\r\nQUIT"}, "", ErrControl},
		{nil, []string{"PRIVMSG", "#a", "a\x00"}, "", ErrControl},
		{nil, []string{"PRIVMSG", "#a b", "c"}, "", ErrParam},
		{nil, []string{"PRIVMSG", "", "c"}, "", ErrParam},
		{nil, []string{"PRIVMSG", ":a", "c"}, "", ErrParam},
		{nil, []string{"PRIVMSG x", "c"}, "", ErrCommand},
		{nil, []string{"", "c"}, "", ErrCommand},
		{nil, []string{"PRIVMSG", "#a", strings.Repeat("a", MaxBody)}, "", ErrTooLong},
		{[]Tag{{"a b", ""}}, []string{"PING"}, "", ErrTag},
		{[]Tag{{"a", strings.Repeat(" ", MaxClientTags)}}, []string{"PING"}, "", ErrTooLong},
		{nil, make([]string, MaxParams+2), "", ErrCommand},
	} {
		got, err := Append([]byte("before"), c.tags, c.params[0], c.params[1:]...)
		if !errors.Is(err, c.err) || string(got) != "before"+c.want {
			t.Errorf("%v %.60q: got %q, %v", c.tags, c.params, got, err)
		}
	}
}

// What Append wrote, Parse reads back, and a line that Parse took survives Append.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"PING", ":s 001 me :Welcome x", "@a=b\\:;c :n!u@h PRIVMSG #a :\x01ACTION x\x01", "A 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "@ : "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again Message
		if Parse(b, &m) != nil {
			return
		}
		m.Nick()
		m.Host()
		m.Numeric()
		m.Tag("a")
		params := make([]string, len(m.Params))
		for i := range m.Params {
			params[i] = m.Param(i)
		}
		out, err := Append(nil, nil, m.Command, params...)
		if errors.Is(err, ErrTooLong) {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if err := Parse(out, &again); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		m.Tags, m.Source = nil, nil
		if show(&m) != show(&again) {
			t.Fatalf("%s became %s", show(&m), show(&again))
		}
	})
}

func FuzzTag(f *testing.F) {
	f.Add("label", `a; b\ c`)
	f.Fuzz(func(t *testing.T, name, value string) {
		out, err := Append(nil, []Tag{{"z", ""}, {name, value}}, "PING")
		if err != nil {
			return
		}
		var m Message
		if err := Parse(out, &m); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if got, ok := m.Tag(name); !ok || got != value {
			t.Fatalf("%q: got %q", out, got)
		}
	})
}

func TestParseAllocatesNothing(t *testing.T) {
	var m Message
	in := []byte("@time=2026-01-01T00:00:00.000Z :nick!user@host.example.org PRIVMSG #channel :hello there")
	if n := testing.AllocsPerRun(100, func() { Parse(in, &m); m.Nick(); m.Numeric() }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	var m Message
	in := []byte(":nick!user@host.example.org PRIVMSG #channel :hello there")
	b.ReportAllocs()
	for b.Loop() {
		Parse(in, &m)
	}
}
