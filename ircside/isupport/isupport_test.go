package isupport

import (
	"bytes"
	"strings"
	"testing"
)

// tell applies the tokens of each line, as a server sends them.
func tell(lines ...string) *Table {
	t := Default()
	for _, l := range lines {
		t = t.With(params(l))
	}
	return t
}

func params(tokens string) [][]byte {
	p := [][]byte{[]byte("me")}
	for _, w := range strings.Fields(tokens) {
		p = append(p, []byte(w))
	}
	return append(p, []byte("are supported by this server"))
}

func TestDefault(t *testing.T) {
	d := Default()
	if d.PrefixModes != "ov" || d.PrefixSigns != "@+" || d.ChanTypes != "#&" || d.Monitor != -1 || d.LineLen != 512 || d.CaseMapping != RFC1459 || d.Modes != 3 {
		t.Errorf("%+v", d)
	}
}

// What InspIRCd 3 says.
func TestInspIRCd(t *testing.T) {
	s := tell(
		"AWAYLEN=200 CASEMAPPING=ascii CHANLIMIT=#:20 CHANMODES=b,k,l,imnpst CHANNELLEN=64 CHANTYPES=# ELIST=CMNTU EXTBAN=,abc HOSTLEN=64 KEYLEN=32 KICKLEN=255 LINELEN=512 MAXLIST=b:100",
		"MAXTARGETS=20 MODES=20 MONITOR=30 NETWORK=Test\\x20Net NICKLEN=30 PREFIX=(qaohv)~&@%+ SAFELIST STATUSMSG=~&@%+ TOPICLEN=307 USERLEN=10 WHOX EXCEPTS INVEX=I BOT=B UTF8ONLY")
	if s.CaseMapping != ASCII || s.AwayLen != 200 || s.ChannelLen != 64 || s.ChanTypes != "#" || s.HostLen != 64 || s.KickLen != 255 ||
		s.Modes != 20 || s.Monitor != 30 || s.Network != "Test Net" || s.NickLen != 30 || s.PrefixModes != "qaohv" || s.PrefixSigns != "~&@%+" ||
		!s.SafeList || s.StatusMsg != "~&@%+" || s.TopicLen != 307 || s.UserLen != 10 || !s.WHOX || s.Excepts != 'e' || s.Invex != 'I' || s.Bot != 'B' || !s.UTF8Only {
		t.Errorf("%+v", s)
	}
	if n := s.Targets("PRIVMSG"); n != 20 {
		t.Errorf("targets %d", n)
	}
	if v := s.tokens["KEYLEN"]; v != "32" {
		t.Errorf("KEYLEN %q", v)
	}
}

func TestTargets(t *testing.T) {
	s := tell("TARGMAX=NAMES:1,LIST:1,KICK:1,WHOIS:1,PRIVMSG:4,NOTICE:4,ACCEPT:,MONITOR:")
	for command, want := range map[string]int{"PRIVMSG": 4, "KICK": 1, "MONITOR": 0, "JOIN": 1} {
		if got := s.Targets(command); got != want {
			t.Errorf("%s: %d", command, got)
		}
	}
}

func TestModes(t *testing.T) {
	s := tell("CHANMODES=eIbq,k,flj,CFLMPQScgimnprstuz PREFIX=(ov)@+")
	for _, c := range []struct {
		mode byte
		kind ModeKind
		set  bool
		has  bool
	}{
		{'o', ModePrefix, true, true}, {'v', ModePrefix, false, true}, {'q', ModeList, false, true}, {'k', ModeParam, false, true},
		{'l', ModeSetParam, true, true}, {'l', ModeSetParam, false, false}, {'m', ModeFlag, true, false}, {'Y', ModeFlag, true, false},
	} {
		if s.Kind(c.mode) != c.kind || s.HasParam(c.mode, c.set) != c.has {
			t.Errorf("%c: %v %v", c.mode, s.Kind(c.mode), s.HasParam(c.mode, c.set))
		}
	}
}

func TestNegationAndEscapes(t *testing.T) {
	s := tell("WHOX MONITOR=5 NETWORK=caf\\xC3\\xa9\\x2 NICKLEN=9", "-WHOX -MONITOR -NEVER NICKLEN=12")
	if s.WHOX || s.Monitor != -1 || s.Network != "café\\x2" || s.NickLen != 12 {
		t.Errorf("%+v", s)
	}
}

func TestHostile(t *testing.T) {
	s := tell("NICKLEN=-5 TOPICLEN=99999999999999999999999 KICKLEN=99999999999 CHANTYPES=a,:# PREFIX=(oov@)@@+ CHANMODES=, MONITOR=x CASEMAPPING=klingon EXCEPTS=== BOT=long =x - -= LINELEN=1")
	if s.NickLen != 0 || s.TopicLen != 0 || s.KickLen != maxNumber || s.ChanTypes != "#" || s.Monitor != 0 || s.LineLen != 512 || s.Excepts != 'e' || s.Bot != 0 {
		t.Errorf("%+v", s)
	}
	if s := tell("PREFIX="); s.PrefixModes != "" {
		t.Errorf("prefixes %q", s.PrefixModes)
	}
	many := Default()
	for i := range 2 * maxTokens {
		many = many.With(params("T" + strings.Repeat("A", i%400) + string(rune('A'+i%26))))
	}
	if len(many.tokens) > maxTokens {
		t.Errorf("%d tokens", len(many.tokens))
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		m        CaseMapping
		in, want string
	}{
		{RFC1459, `#Go[]\^`, "#go{}|~"}, {RFC1459Strict, `A[]\^`, "a{}|^"}, {ASCII, `A[]\^É`, `a[]\^É`},
	} {
		if got := c.m.Fold(c.in); got != c.want || !c.m.Equal([]byte(c.in), c.want) || string(c.m.AppendFoldBytes(nil, []byte(c.in))) != c.want {
			t.Errorf("%s: got %s", c.in, got)
		}
	}
	if ASCII.Equal([]byte("a"), "b") || ASCII.Equal([]byte("a"), "ab") {
		t.Error("different names are equal")
	}
}

func TestCacheShares(t *testing.T) {
	var c Cache
	a := c.Next(c.Next(Default(), params("NICKLEN=9")), params("WHOX"))
	b := c.Next(c.Next(Default(), params("NICKLEN=9")), params("WHOX"))
	if a != b || !a.WHOX || a.NickLen != 9 {
		t.Errorf("%p %p", a, b)
	}
	if c.Next(a, params("WHOX")) != a {
		t.Error("a line that changes nothing made a new table")
	}
	for i := range 3 * cacheSteps {
		c.Next(a, params("T="+strings.Repeat("x", i)))
	}
	if len(c.steps) > cacheSteps {
		t.Errorf("%d steps", len(c.steps))
	}
}

func FuzzWith(f *testing.F) {
	f.Add("PREFIX=(ov)@+ CHANMODES=b,k,l,imnpst -WHOX NETWORK=a\\x20b")
	f.Fuzz(func(t *testing.T, tokens string) {
		s := Default().With(append(bytes.Split([]byte("me "+tokens), []byte{' '}), nil))
		if len(s.PrefixModes) != len(s.PrefixSigns) || len(s.PrefixModes) > maxPrefixes || s.NickLen < 0 || s.Modes < 0 || s.Monitor < -1 {
			t.Fatalf("%+v", s)
		}
		s.Targets("PRIVMSG")
		s.Kind('o')
	})
}

func TestClientTagDeny(t *testing.T) {
	for list, want := range map[string]bool{"": false, "*": true, "typing": true, "reply,typing": true, "*,-typing": false, "-typing,*": false, "*,-reply": true, "reply": false} {
		if got := Default().With([][]byte{[]byte("a"), []byte("CLIENTTAGDENY=" + list), nil}).NoTyping; got != want {
			t.Errorf("%s: %v", list, got)
		}
	}
}
