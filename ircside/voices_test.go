package ircside

import (
	"strings"
	"testing"

	"isthmus/bridge"
)

// Whoever the Keeper speaks for can be named to it by those who could kick and
// ban them if they were there themselves.
func TestVoices(t *testing.T) {
	w, p := keeperWorld(t, "", nil)
	for _, name := range []string{"juliet", "John", "John Doe", "bob"} {
		w.via("m", name, bridge.Message{Text: "hi"})
		p.expect("PRIVMSG #go ")
		p.pong()
		w.want(`#go | confirm "m" native ""`)
	}
	say := func(text string) {
		p.send(":bob!b@h PRIVMSG #go :%s", text)
		w.want("#go | bob says: " + text)
	}
	say("!kick John Doe not now")
	w.want(`#go | <muc@x/John Doe> leaves (kick): not now by "bob"`)
	p.expect("NOTICE bob :John Doe was removed.")
	say("!BAN JULIET/xmpp")
	w.want(`#go | <muc@x/juliet> leaves (ban):  by "bob"`)
	p.expect("NOTICE bob :juliet is banned.")
	// Who is a native, not known, banned or not banned already is of no interest
	// to us, and so is what people say who have no power.
	for _, text := range []string{"!ban bob", "!kick somebody", "!ban juliet", "!unban John", "!kick", "!ban Johnny", "!kickass John"} {
		say(text)
	}
	p.send(":eve!e@h JOIN #go")
	w.want(`#go | eve joins as eve role 1 created false ref ""`)
	p.send(":eve!e@h PRIVMSG #go :!ban John")
	w.want("#go | eve says: !ban John")
	say("!unban j" + guard + "uliet")
	w.want("#go | muc@x/juliet is pardoned by bob")
	p.expect("NOTICE bob :juliet is not banned any more.")
	p.fence()
	w.nothing()
}

// Who is relayed by the gateway is out as well, and kept out.
func TestVoicesOfLodgers(t *testing.T) {
	w := relayWorld(t)
	p := aliceLodges(w)
	w.deliver("m1", "alice", bridge.Message{Text: "hi"})
	p.expect("PRIVMSG #go :<alice> hi")
	p.pong()
	w.want(`#go | confirm "m1" native ""`)
	p.send(":bob!b@h PRIVMSG #go :!ban alice spam")
	w.want("#go | bob says: !ban alice spam", `#go | <alice@x> leaves (ban): spam by "bob"`)
	p.expect("PART #go :Nobody is here any more")
}

func TestCutName(t *testing.T) {
	for _, c := range []struct {
		text, name, rest string
		ok               bool
	}{
		{"Rob out", "rob", "out", true}, {"rob", "rob", "", true}, {"robert", "rob", "", false}, {"rob/xmpp out", "rob", "out", true}, {"rob/xmpp", "rob", "", true},
		{"Zoë Ä  you", "zoË ä", "you", true}, {"z", "zoë", "", false}, {"", "", "", false}, {"\xff", "é", "", false},
	} {
		if rest, ok := cutName(c.text, c.name); rest != c.rest || ok != c.ok {
			t.Errorf("%q %q: %q %v", c.text, c.name, rest, ok)
		}
	}
}

// What stands behind a name is the end of the text.
func FuzzCutName(f *testing.F) {
	f.Add("rob/xmpp out", "ROB")
	f.Add("Zoë", "zoË")
	f.Fuzz(func(t *testing.T, text, name string) {
		if rest, ok := cutName(text, name); ok && !strings.Contains(text, rest) || !ok && rest != "" {
			t.Errorf("%q %q: %q", text, name, rest)
		}
	})
}
