package matrixside

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPortalsThatMayBeHad(t *testing.T) {
	o := PortalOptions{Networks: []string{"libera"}, XMPP: true, OwnDomains: []string{"gw.example.org"}}
	unlisted := PortalOptions{Unlisted: true}
	for _, c := range []struct {
		o      PortalOptions
		portal string
		shared bool
		ok     bool
	}{
		{o, "~#go%libera", true, true},
		{o, "~%libera", false, true},
		{o, "~%libera", true, false},
		{o, "~rob%libera", false, true},
		{o, "~#go%oftc", true, false},
		{o, "~#go%irc.example.org", true, false},
		{o, "~#go%matrix", true, false},
		{o, "~#go", true, false},
		{o, "#go%libera", true, false},
		{o, "~room@muc.example.org%xmpp", true, true},
		{o, "~muc.example.org%xmpp", true, false},
		{o, "~muc.example.org%xmpp", false, true},
		{o, "~room@muc.example.org/nick%xmpp", false, true},
		{o, "~room@gw.example.org%xmpp", true, false},
		{o, "~room@GW.example.org%xmpp", true, false},
		{o, "~room@gw.example.org/nick@elsewhere%xmpp", false, false},
		{o, "~gw.example.org%xmpp", false, false},
		{unlisted, "~#go%irc.example.org", true, true},
		{unlisted, "~#go%irc.example.org:6667", true, true},
		{unlisted, "~#go%irc.example.org:nonsense", true, false},
		{unlisted, "~#go%localhost", true, false},
		{unlisted, "~#go%matrix", true, false},
		{unlisted, "~room@muc.example.org%xmpp", true, false},
	} {
		if why := c.o.refuse(c.portal, c.shared); (why == "") != c.ok {
			t.Errorf("%s (shared: %v): %q", c.portal, c.shared, why)
		}
	}
}

// Roles survive the way to power levels and back, as far as they can be told apart.
func TestRoleLevels(t *testing.T) {
	last := -1
	for role, level := range roleLevels {
		if level < last {
			t.Errorf("role %d has less power than the one below it", role)
		}
		last = level
		if back := roleLevels[roleOf(level)]; level != 50 && back != level {
			t.Errorf("role %d at %d comes back at %d", role, level, back)
		}
	}
	for _, level := range []int{-1, 0, 9, 10, 49, 50, 74, 75, 89, 90, 100, 1 << 40} {
		if roleOf(level) > roleOf(level+1) {
			t.Errorf("%d gives more than %d", level, level+1)
		}
	}
}

func FuzzCleanLine(f *testing.F) {
	f.Add("a\nb\x00\u0085c", 3)
	f.Add("\xffé", 2)
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 0 || most > 1000 {
			return
		}
		line := cleanLine(s, most)
		if len(line) > most || !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) || cleanLine(line, most) != line {
			t.Errorf("%q becomes %q", s, line)
		}
	})
}
