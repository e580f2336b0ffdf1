package format

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// appendRich is Append for what has spans or files.
//
// A body with directives is read back: should a client see anything else in it
// than it was to, it is written without those within lines, and marked as
// unstyled. XHTML-IM carries what is lost then, what styling has not, and the
// looks of words, for clients that know nothing else; quotations and blocks of
// code without such are plain enough to do without.
func appendRich(b []byte, m bridge.Message, names Names) []byte {
	if len(m.Files) == 1 && m.Text == "" {
		b = wire.AppendElement(b, "body", m.Files[0].URL)
		return appendFile(b, m.Files[0])
	}
	text, spans := rename(m.Text, notTwice(bridge.Normalize(m.Text, slices.Clone(m.Spans))), names)
	list, rich, spoiler := pieces(text, spans)
	rich = rich || slices.ContainsFunc(list, func(s shown) bool {
		switch s.Style { // Pidgin and Psi know no other way
		case bridge.StyleBold, bridge.StyleItalic, bridge.StyleStrike, bridge.StyleCode:
			return true
		}
		return false
	})
	w := writer{text: text}
	literal := false
	if w.all(prefix(m), list); !w.readsBack(prefix(m)) {
		literal = true
		rich = rich || len(w.spans) > 0
		w = writer{text: text, literal: true}
		w.all(prefix(m), list)
	}
	for _, f := range m.Files {
		if len(w.body) > 0 {
			w.body = append(w.body, '\n')
		}
		w.body = append(w.body, f.URL...)
	}
	body := string(w.body)
	b = wire.AppendElement(b, "body", body)
	for _, p := range w.mentions[:min(len(w.mentions), maxReferences)] {
		b = appendReference(b, body, p.from, p.to, p.at)
	}
	if (rich || w.rich) && len(text) <= maxXHTML && strings.Count(text, "\n") <= maxXHTML/10 {
		b = appendXHTML(b, prefix(m), text, spans)
	}
	if literal {
		b = append(b, unstyled...)
	}
	if spoiler {
		b = append(b, "<spoiler xmlns='"+nsSpoiler+"'/>"...)
	}
	return b
}

// maxXHTML is the longest text, in bytes, that is also written as XHTML-IM, and
// ten times its lines: a server may end the link over a stanza of 512 KiB, and
// refuse one of many elements.
const maxXHTML = 16 << 10

// writer writes styled text (XEP-0393).
type writer struct {
	text    string
	literal bool // only what people read without styling: quotes and fences

	body     []byte
	quoted   string  // what stands before each line
	want     []byte  // what a client reads in body
	spans    []shown // and how it shows it
	active   [len(directives)]bool
	rich     bool // something can't be shown
	mentions []place
}

// place is where in the body somebody is mentioned.
type place struct {
	from, to int
	at       jid.JID
}

// pieces cuts spans to what styling can hold: within lines, without white
// space at the ends, quotes and code of whole lines. It reports whether spans
// were left out that need to be shown otherwise, and whether any is a spoiler.
func pieces(text string, spans []shown) (list []shown, rich, spoiler bool) {
	for _, s := range spans {
		switch s.Style {
		case bridge.StyleSpoiler:
			spoiler = true
		case bridge.StyleUnderline:
			rich = true
		case bridge.StyleQuote, bridge.StylePre:
			starts := s.Start == 0 || text[s.Start-1] == '\n'
			ends := s.End == len(text) || text[s.End] == '\n'
			if !starts || !ends || strings.TrimSpace(text[s.Start:s.End]) == "" {
				rich = true
			} else if last := len(list) - 1; last >= 0 && s.Style == bridge.StyleQuote &&
				list[last].Style == bridge.StyleQuote && list[last].End+1 == s.Start {
				list[last].End = s.End // one to every client
			} else {
				list = append(list, s)
			}
		default:
			at := s.Start
			for line := range strings.Lines(text[s.Start:s.End]) {
				piece := s
				left := strings.TrimLeftFunc(line, isSpace)
				piece.Start = at + len(line) - len(left)
				piece.End = piece.Start + len(strings.TrimRightFunc(left, isSpace))
				if at += len(line); piece.Start < piece.End {
					list = append(list, piece)
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b shown) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
	var open []int // ends of the spans that the next one may lie in
	nested := slices.DeleteFunc(list, func(s shown) bool {
		for len(open) > 0 && open[len(open)-1] <= s.Start {
			open = open[:len(open)-1]
		}
		if n := len(open); n > 0 && open[n-1] < s.End {
			return true // two quotes became one around it
		}
		open = append(open, s.End)
		return false
	})
	return nested, rich || len(nested) < len(list), spoiler
}

func (w *writer) all(prefix string, spans []shown) {
	w.body = append(make([]byte, 0, len(prefix)+len(w.text)+8*len(spans)), prefix...)
	w.write(0, len(w.text), spans)
}

// write writes a part of the text with the spans in it.
func (w *writer) write(from, to int, spans []shown) {
	for len(spans) > 0 {
		s := spans[0]
		n := 1
		for n < len(spans) && spans[n].Start < s.End {
			n++
		}
		w.copy(w.text[from:s.Start])
		w.span(s, spans[1:n])
		from, spans = s.End, spans[n:]
	}
	w.copy(w.text[from:to])
}

func (w *writer) copy(s string) {
	w.want = append(w.want, s...)
	if w.quoted == "" {
		w.body = append(w.body, s...)
		return
	}
	for i := range len(s) {
		if w.body = append(w.body, s[i]); s[i] == '\n' {
			w.body = append(w.body, w.quoted...)
		}
	}
}

// span writes one span with those in it.
func (w *writer) span(s shown, inside []shown) {
	at := len(w.spans)
	begin, from := len(w.want), len(w.body)
	w.spans = append(w.spans, s)
	shows := true
	switch s.Style {
	case bridge.StyleQuote:
		outer := w.quoted
		w.quoted += "> "
		w.body = append(w.body, "> "...)
		w.write(s.Start, s.End, inside)
		w.quoted = outer
	case bridge.StylePre:
		if !isLanguage(s.Value) {
			w.spans[at].Value = ""
		}
		w.body = append(append(w.body, fence...), w.spans[at].Value...)
		w.body = append(append(w.body, '\n'), w.quoted...)
		w.copy(w.text[s.Start:s.End])
		w.body = append(append(w.body, '\n'), w.quoted...)
		w.body = append(w.body, fence...)
		w.rich = w.rich || len(inside) > 0
	case bridge.StyleLink:
		shows = false
		w.write(s.Start, s.End, inside)
		if said := w.text[s.Start:s.End]; !sameLink(said, s.Value) {
			w.copy(" (" + s.Value + ")")
			w.rich = true
		}
	case bridge.StyleMention:
		shows = false
		w.write(s.Start, s.End, inside)
		if !s.at.IsZero() {
			w.mentions = append(w.mentions, place{from, len(w.body), s.at})
		}
	default:
		shows = w.inline(s, inside)
	}
	if w.spans[at].Start, w.spans[at].End = begin, len(w.want); !shows {
		w.spans = slices.Delete(w.spans, at, at+1)
	}
}

// inline writes a span between two directives, or without them, if they could
// not be such here.
func (w *writer) inline(s shown, inside []shown) bool {
	d := slices.IndexFunc(directives[:], func(d struct {
		mark  byte
		style bridge.SpanStyle
	}) bool {
		return d.style == s.Style
	})
	said := w.text[s.Start:s.End]
	switch {
	case d < 0:
		w.rich = true
	case w.active[d]:
		// It is inside of one like it.
	case w.literal, !w.mayOpen(), strings.IndexByte(said, directives[d].mark) >= 0:
		w.rich = true
	default:
		mark := directives[d].mark
		w.active[d] = true
		w.body = append(w.body, mark)
		if s.Style == bridge.StyleCode {
			w.copy(said)
			w.rich = w.rich || len(inside) > 0
		} else {
			w.write(s.Start, s.End, inside)
		}
		w.body = append(w.body, mark)
		w.active[d] = false
		return true
	}
	w.write(s.Start, s.End, inside)
	return false
}

// mayOpen reports whether a directive may stand at the end of what is written.
func (w *writer) mayOpen() bool {
	last, _ := utf8.DecodeLastRune(w.body)
	if len(w.body) == 0 || isSpace(last) {
		return true
	}
	d := directive(byte(last))
	return last < utf8.RuneSelf && d >= 0 && w.active[d] // one that has just been opened, or what looks like it
}

// sameLink reports whether people see in a link's text where it leads.
func sameLink(said, to string) bool {
	if said == to {
		return true
	}
	for _, scheme := range []string{"https://", "http://", "mailto:", "xmpp:"} {
		if rest, ok := strings.CutPrefix(to, scheme); ok && said == strings.TrimSuffix(rest, "/") {
			return true
		}
	}
	return false
}

// readsBack reports whether a client sees in the body what it is meant to.
func (w *writer) readsBack(prefix string) bool {
	body := string(w.body)
	if !mayBeStyled(body) {
		return len(w.spans) == 0
	}
	s := styler{src: body, exact: true}
	s.parse(len(prefix), prefix != "")
	for line := range strings.Lines(body) {
		if line = strings.TrimLeft(line, "> "); strings.HasPrefix(line, fence) && !isFence(line) {
			return false // to some it is one
		}
	}
	if string(s.out) != string(w.want) || len(s.spans) != len(w.spans) {
		return false
	}
	order := func(a, b bridge.Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(a.Style, b.Style))
	}
	wanted := make([]bridge.Span, len(w.spans))
	for i, s := range w.spans {
		wanted[i] = bridge.Span{Start: s.Start, End: s.End, Style: s.Style, Value: s.Value}
	}
	slices.SortFunc(wanted, order)
	slices.SortFunc(s.spans, order)
	return slices.Equal(wanted, s.spans)
}
