package jid

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in, local, domain, resource, out string
		err                              error
	}{
		{in: "example.org", domain: "example.org"},
		{in: "alice@example.org/phone", local: "alice", domain: "example.org", resource: "phone"},
		{in: "Alice@Example.ORG/Phone", local: "alice", domain: "example.org", resource: "Phone", out: "alice@example.org/Phone"},
		{in: "#go%libera@irc.example.org/nick|away", local: "#go%libera", domain: "irc.example.org", resource: "nick|away"},
		// RFC 7622 §3.5, the resource may hold what the other parts can't.
		{in: "example.org/res@x/y", domain: "example.org", resource: "res@x/y"},
		{in: "example.org./x", domain: "example.org", resource: "x", out: "example.org/x"},
		{in: "ΑΒΓ@example.org", local: "αβγ", domain: "example.org", out: "αβγ@example.org"},
		{in: "a@xn--mnchen-3ya.de", local: "a", domain: "münchen.de", out: "a@münchen.de"},
		{in: "a@MÜNCHEN.de", local: "a", domain: "münchen.de", out: "a@münchen.de"},
		{in: "a@[::1]/x", local: "a", domain: "[::1]", resource: "x"},
		{in: "a@[0:0::1]", local: "a", domain: "[::1]", out: "a@[::1]"},
		{in: "a@b.c/♥ yes", local: "a", domain: "b.c", resource: "♥ yes"},
		{in: "#Café%net@b.c", local: "#café%net", domain: "b.c", out: "#café%net@b.c"},
		{in: "של@b.c", local: "של", domain: "b.c"},
		{in: "#של@b.c", err: ErrInvalid}, // RFC 5893 §2, rule 1
		{in: "", err: ErrEmpty},
		{in: "@example.org", err: ErrEmpty},
		{in: "a@", err: ErrEmpty},
		{in: "a@b/", err: ErrEmpty},
		{in: "/x", err: ErrEmpty},
		{in: "a@b@c", err: ErrInvalid},
		{in: "a b@c", err: ErrInvalid},
		{in: "a\x00@c", err: ErrInvalid},
		{in: "a@c/x\ny", err: ErrInvalid},
		{in: "a@c/\xff", err: ErrInvalid},
		{in: "a\"@c", err: ErrInvalid},
		{in: "henryⅳ@example.com", err: ErrInvalid}, // RFC 7622 §3.5, example 21
		{in: "♚@example.com", err: ErrInvalid},      // example 22
		{in: "a＠b@example.com", err: ErrInvalid},    // would fold to a second @
		{in: "a@b..c", err: ErrInvalid},
		{in: "a@-b.c", err: ErrInvalid},
		{in: "a@b c", err: ErrInvalid},
		{in: "a@[::1", err: ErrInvalid},
		{in: strings.Repeat("a", 1024) + "@b", err: ErrTooLong},
		{in: "b/" + strings.Repeat("a", 1024), err: ErrTooLong},
	} {
		j, err := Parse(c.in)
		if !errors.Is(err, c.err) {
			t.Errorf("%.40q: error %v, want %v", c.in, err, c.err)
		}
		if err != nil {
			continue
		}
		if c.out == "" {
			c.out = c.in
		}
		if j.String() != c.out || j.Local() != c.local || j.Domain() != c.domain || j.Resource() != c.resource {
			t.Errorf("%q: got %q = %q, %q, %q", c.in, j, j.Local(), j.Domain(), j.Resource())
		}
	}
}

func TestParts(t *testing.T) {
	j := MustParse("alice@example.org/phone")
	if b := j.Bare(); b != MustParse("alice@example.org") || !b.IsBare() || j.IsBare() {
		t.Errorf("bare is %q", b)
	}
	other, err := j.WithResource("tablet")
	if err != nil || other != MustParse("alice@example.org/tablet") {
		t.Errorf("with resource: %q, %v", other, err)
	}
	if b, err := j.WithResource(""); err != nil || b != j.Bare() {
		t.Errorf("without: %q, %v", b, err)
	}
	if _, err := j.WithResource("\x01"); !errors.Is(err, ErrInvalid) {
		t.Errorf("bad resource: %v", err)
	}
	made, err := New("alice", "example.org", "phone")
	if err != nil || made != j {
		t.Errorf("made %q, %v", made, err)
	}
	if !(JID{}).IsZero() || j.IsZero() {
		t.Error("zero")
	}
}

// JSON would find no exported field to show.
func TestLogged(t *testing.T) {
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("", "from", MustParse("alice@example.org/phone"))
	if want := `"from":"alice@example.org/phone"`; !strings.Contains(out.String(), want) {
		t.Errorf("no %s in %s", want, &out)
	}
}

func TestEscape(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		// XEP-0106 §5, table 2
		{`space cadet`, `space\20cadet`},
		{`call me "ishmael"`, `call\20me\20\22ishmael\22`},
		{`at&t guy`, `at\26t\20guy`},
		{`d'artagnan`, `d\27artagnan`},
		{`/.fanboy`, `\2f.fanboy`},
		{`::foo::`, `\3a\3afoo\3a\3a`},
		{`<foo>`, `\3cfoo\3e`},
		{`user@host`, `user\40host`},
		{`c:\net`, `c\3a\net`},
		{`c:\\net`, `c\3a\\net`},
		{`c:\cool stuff`, `c\3a\cool\20stuff`},
		{`c:\5commas`, `c\3a\5c5commas`},
		{`c:\5Commas`, `c\3a\5c5Commas`},
		{`#plain[]`, `#plain[]`},
	} {
		if got := Escape(c.in); got != c.out {
			t.Errorf("escape %q: %q, want %q", c.in, got, c.out)
		}
		if got := Unescape(c.out); got != c.in {
			t.Errorf("unescape %q: %q, want %q", c.out, got, c.in)
		}
	}
	for _, c := range []struct{ in, out string }{
		{`\20ends\20`, `\20ends\20`},
		{`\zz\2`, `\zz\2`},
		{`\2F`, `/`},
		{`\41`, `\41`},
	} {
		if got := Unescape(c.in); got != c.out {
			t.Errorf("unescape %q: %q, want %q", c.in, got, c.out)
		}
	}
	if got := Escape(" a "); got != "a" {
		t.Errorf("spaces at the ends: %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a@b/c", "ΑΒΓ@MÜNCHEN.de/♥", "a@xn--mnchen-3ya.de", "[::1]/x", "ß@ẞ.de", "a@b。c", "ـ@a", "ᾳ@x/Å"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(j.String())
		if err != nil || again != j {
			t.Fatalf("%q gives %q, which gives %q, %v", s, j, again, err)
		}
		made, err := New(j.Local(), j.Domain(), j.Resource())
		if err != nil || made != j {
			t.Fatalf("%q in parts gives %q, %v", j, made, err)
		}
	})
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{`c:\5commas`, `\20`, `\5c20`, ` a `, `\2F`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := Escape(s)
		if strings.ContainsAny(e, " \"&'/:<>@") {
			t.Fatalf("%q escaped to %q", s, e)
		}
		if got, want := Unescape(e), strings.Trim(s, " "); got != want {
			t.Fatalf("%q escaped to %q, back to %q", s, e, got)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("#channel%libera@irc.example.org/nick"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestURI(t *testing.T) {
	for at, want := range map[string]string{
		"juliet@example.org":        "xmpp:juliet@example.org",
		"#go%libera@gw/Bob \\ <b>/": "xmpp:%23go%25libera@gw/Bob%20%5C%20%3Cb%3E/",
	} {
		j := MustParse(at)
		if got := j.URI(); got != want {
			t.Errorf("%s: %s", at, got)
		}
		if back, ok := ParseURI(j.URI()); !ok || back != j {
			t.Errorf("%s: %v", j.URI(), back)
		}
	}
	if j, ok := ParseURI("XMPP:Romeo@example.net?message;body=x"); !ok || j.String() != "romeo@example.net" {
		t.Error(j)
	}
	for _, s := range []string{"", "xmpp:", "http://x", "xmpp://guest@x/y@z", "xmpp:%zz", "xmpp:a@b@c/", "xmpp:?x"} {
		if j, ok := ParseURI(s); ok {
			t.Errorf("%q is %s", s, j)
		}
	}
}
