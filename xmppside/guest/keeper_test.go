package guest

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"isthmus/bridge"
)

func TestAttributed(t *testing.T) {
	p := newPlay(t)
	template := ""
	p.room.opt.RelayTemplate = func() string { return template }
	said := func(text string, spans ...bridge.Span) bridge.Message {
		return bridge.Message{Text: text, Spans: spans}
	}
	span := func(from, to int, style bridge.SpanStyle) bridge.Span {
		return bridge.Span{Start: from, End: to, Style: style}
	}
	for _, c := range []struct {
		name, template string
		m, want        bridge.Message
	}{
		{"bob", "", said("hi"), said("<bob> hi")},
		{"bob", "{name} says: ", said("hi", span(0, 2, bridge.StyleBold)), said("bob says: hi", span(10, 12, bridge.StyleBold))},
		{"bob", "", bridge.Message{Text: "waves", Emote: true}, said("* bob waves")},
		{"a\n<b>\u202e c", "", said("hi"), said("<a <b> c> hi")},
		{"", "", said("hi"), said("<@x:hs> hi")},
		// Nobody is to put words into another's mouth.
		{"bob", "", said("one\n<admin> I agree\n* admin waves\nend", span(0, 3, bridge.StyleItalic), span(34, 37, bridge.StyleBold), span(0, 37, bridge.StyleSpoiler)),
			said("<bob> one\n <admin> I agree\n * admin waves\nend", span(6, 45, bridge.StyleSpoiler), span(6, 9, bridge.StyleItalic), span(42, 45, bridge.StyleBold))},
		{"bob", "[{name}] ", said("one\n[admin] two\n<x>"), said("[bob] one\n [admin] two\n<x>")},
		{"bob", "", said("see\n<html>\n* x", span(4, 14, bridge.StylePre)), said("<bob> see\n<html>\n* x", span(10, 20, bridge.StylePre))},
		{"bob", "", said("he said\nme not", span(0, 7, bridge.StyleQuote)), said("<bob>\nhe said\nme not", span(6, 13, bridge.StyleQuote))},
		{"bob", "", said(""), said("<bob>")},
	} {
		template = c.template
		got := p.room.attributed(bridge.Event{By: testPerson("x"), Name: c.name}, c.m)
		if got.Text != c.want.Text || !slices.Equal(got.Spans, c.want.Spans) || got.Emote {
			t.Errorf("%+v: %+v, not %+v", c.m, got, c.want)
		}
	}
}

// Another bridge in the room is told of, once; our own people are none.
func TestNeighbour(t *testing.T) {
	var log strings.Builder
	p := newPlay(t)
	p.room.log = slog.New(slog.NewTextHandler(&log, nil))
	p.step("=", "join by=keeper name=bridge id=1")
	p.step("a", "1 timeout")
	for _, who := range []string{"bridge' to='isthmus%bridge@irc.gw/isthmus", "rob' to='isthmus%bridge@irc.gw/isthmus", "other' to='isthmus%bridge@irc.gw/isthmus", "another' to='isthmus%bridge@irc.gw/isthmus"} {
		if strings.HasPrefix(who, "rob") {
			p.step("=", "join by=net:rob name=rob id=2")
		}
		p.step(">", "<presence from='go@muc.example/"+who+"'><c xmlns='http://jabber.org/protocol/caps' node='urn:isthmus' ver='x' hash='sha-1'/><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>")
	}
	if got := log.String(); strings.Count(got, "another Isthmus") != 1 || !strings.Contains(got, "nick=other") {
		t.Error(got)
	}
	p.room.Shutdown("the end")
}

// FuzzAttributed: what was said is all there, and what looks different still does.
func FuzzAttributed(f *testing.F) {
	f.Add("bob", "one\n<admin> two\n", 4, 11, uint8(0))
	f.Add("a\nb", "\n\n* x", 0, 3, uint8(5))
	f.Fuzz(func(t *testing.T, name, text string, from, to int, style uint8) {
		p := newPlay(t)
		m := bridge.Message{Text: text, Spans: bridge.Normalize(text, []bridge.Span{{Start: from, End: to, Style: bridge.SpanStyle(style % 8)}})}
		got := p.room.attributed(bridge.Event{By: testPerson("x"), Name: name}, m)
		if strings.Count(got.Text, "\n") > strings.Count(text, "\n")+1 || len(got.Spans) != len(m.Spans) {
			t.Fatalf("%q of %q", got.Text, text)
		}
		without := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if !strings.HasSuffix(without(got.Text), without(text)) {
			t.Fatalf("%q does not end in %q", got.Text, text)
		}
		for i, s := range m.Spans {
			g := got.Spans[i]
			if without(got.Text[g.Start:g.End]) != without(text[s.Start:s.End]) {
				t.Fatalf("%q is marked in place of %q", got.Text[g.Start:g.End], text[s.Start:s.End])
			}
		}
	})
}
