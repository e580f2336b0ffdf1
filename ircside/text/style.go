package text

import (
	"math/bits"
	"strings"
	"unicode/utf8"

	"isthmus/bridge"
)

// look is a set of the styles that IRC has codes for.
type look uint8

const (
	lookBold look = 1 << iota
	lookItalic
	lookUnderline
	lookStrike
	lookMono
)

// codes are the format codes of the bits of a look, and what they mean.
var codes = [...]struct {
	code  byte
	style bridge.SpanStyle
}{
	{codeBold, bridge.StyleBold}, {codeItalic, bridge.StyleItalic}, {codeUnderline, bridge.StyleUnderline},
	{codeStrike, bridge.StyleStrike}, {codeMono, bridge.StyleCode},
}

// lookOf is how IRC shows a style, 0 where it can't.
func lookOf(style bridge.SpanStyle) look {
	for i, c := range codes {
		if c.style == style {
			return 1 << i
		}
	}
	if style == bridge.StylePre {
		return lookMono
	}
	return 0
}

// Styled is what Strip makes of s, and what the format codes in it mean for
// parts of that. Colours mean nothing.
func Styled(s string) (plain string, spans []bridge.Span) {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return r == codeBold || r == codeItalic || r == codeUnderline || r == codeStrike || r == codeMono
	}) {
		return Strip(s), nil
	}
	var out strings.Builder
	out.Grow(len(s))
	var on look
	var since [len(codes)]int
	toggle := func(change look) {
		for i := range codes {
			bit := look(1) << i
			switch {
			case change&bit == 0:
			case on&bit == 0:
				since[i] = out.Len()
			case since[i] < out.Len():
				spans = append(spans, bridge.Span{Start: since[i], End: out.Len(), Style: codes[i].style})
			}
		}
		on ^= change
	}
	for len(s) > 0 {
		at := strings.IndexFunc(s, func(r rune) bool { return r < ' ' })
		if at < 0 {
			at = len(s)
		}
		out.WriteString(Strip(s[:at]))
		if s = s[at:]; s == "" {
			break
		}
		next := 1
		switch s[0] {
		case codeReset:
			toggle(on)
		case codeColour, codeHexColour:
			next = colourCode(s)
		case '\t':
			out.WriteByte(' ')
		default:
			for i, c := range codes {
				if c.code == s[0] {
					toggle(1 << i)
				}
			}
		}
		s = s[next:]
	}
	toggle(on)
	return out.String(), bridge.Normalize(out.String(), spans)
}

// Line is one line of a message, to be split into what fits lines of IRC.
type Line struct{ runs []run }

// run is a piece of text of one look.
type run struct {
	text string
	look look
}

// Render makes lines of a text with spans. What IRC has codes for gets them;
// quotes get "> " before each line; links get their URL behind what they
// are called; somebody who is mentioned is called what name, which may be nil,
// says, unless that is "". Empty lines are left out, control characters too.
func Render(text string, spans []bridge.Span, name func(bridge.Person) string) []Line {
	w := writer{text: text, name: name}
	w.write(spans, 0, len(text), 0)
	w.end()
	return w.lines
}

// writer writes lines.
type writer struct {
	text   string
	name   func(bridge.Person) string
	lines  []Line
	line   []run
	quotes int
	begun  bool // something is on the line
	quoted bool // which begins with the signs of quotes
}

// write writes the text from start to end, in which spans lie.
func (w *writer) write(spans []bridge.Span, start, end int, as look) {
	for len(spans) > 0 {
		s := spans[0]
		inside := 1
		for inside < len(spans) && spans[inside].Start < s.End {
			inside++
		}
		w.words(w.text[start:s.Start], as)
		w.span(s, spans[1:inside], as)
		start, spans = s.End, spans[inside:]
	}
	w.words(w.text[start:end], as)
}

func (w *writer) span(s bridge.Span, inside []bridge.Span, as look) {
	switch s.Style {
	case bridge.StyleQuote:
		w.quotes++
		w.write(inside, s.Start, s.End, as)
		w.quotes--
	case bridge.StyleMention:
		if w.name != nil {
			if nick := w.name(s.Person); nick != "" {
				w.words(nick, as)
				return
			}
		}
		w.write(inside, s.Start, s.End, as)
	case bridge.StyleLink:
		w.write(inside, s.Start, s.End, as)
		if shown := strings.TrimSpace(w.text[s.Start:s.End]); shown != s.Value && "mailto:"+shown != s.Value && !strings.Contains(s.Value, " ") {
			w.words(" <"+s.Value+">", as)
		}
	default:
		w.write(inside, s.Start, s.End, as|lookOf(s.Style))
	}
}

// words writes text of one look, which may have line ends in it.
func (w *writer) words(s string, as look) {
	for {
		at := strings.IndexAny(s, lineEnds)
		if at < 0 {
			w.put(s, as)
			return
		}
		w.put(s[:at], as)
		w.end()
		_, size := utf8.DecodeRuneInString(s[at:])
		s = s[at+size:]
	}
}

func (w *writer) put(s string, as look) {
	if s = Sanitize(s); s == "" {
		return
	}
	if !w.begun {
		if w.begun, w.quoted = true, w.quotes > 0; w.quoted {
			w.line = append(w.line, run{strings.Repeat("> ", min(w.quotes, 5)), 0})
		}
	}
	if n := len(w.line); n > w.signs() && w.line[n-1].look == as {
		w.line[n-1].text += s
		return
	}
	w.line = append(w.line, run{s, as})
}

// signs is how many runs of the line are signs of quotes.
func (w *writer) signs() int {
	if w.quoted {
		return 1
	}
	return 0
}

// end ends the line, which is one if it says anything.
func (w *writer) end() {
	for _, r := range w.line[w.signs():] {
		if strings.TrimSpace(r.text) != "" {
			w.lines = append(w.lines, Line{w.line})
			break
		}
	}
	w.line, w.begun, w.quoted = nil, false, false
}

// minCoded is the least limit of Line.Split: any codes, a reset, and the
// longest UTF-8 sequence.
const minCoded = len(codes) + 1 + utf8.UTFMax

// Split cuts the line into pieces of at most limit bytes (10 at least), as the
// function Split does. The codes count, and each piece has its own: what goes
// on in the next one is ended here and begins again there.
func (l Line) Split(limit int) []string {
	limit = max(limit, minCoded)
	var plain strings.Builder
	for _, r := range l.runs {
		plain.WriteString(r.text)
	}
	rest, runs := plain.String(), l.runs
	var pieces []string
	for rest != "" {
		n, whole := fits(runs, limit)
		if n < len(rest) {
			if at := cut(rest, n); at > 0 {
				n = at
			} else if whole > 0 {
				n = whole
			}
		}
		var piece string
		piece, runs = take(runs, n)
		pieces, rest = append(pieces, piece), rest[n:]
	}
	return pieces
}

// fits is how much text of runs has place in limit bytes, with its codes, and
// how much of that is of whole runs.
func fits(runs []run, limit int) (n, whole int) {
	var on look
	used := 0
	for _, r := range runs {
		used += len(change(nil, on, r.look))
		room := limit - used
		if r.look != 0 {
			room-- // for the reset at the end
		}
		if room < len(r.text) {
			return n + max(room, 0), n
		}
		n += len(r.text)
		used += len(r.text)
		on = r.look
	}
	return n, n
}

// take is the first n bytes of runs with codes, and the runs behind.
func take(runs []run, n int) (string, []run) {
	var b []byte
	var on look
	for n > 0 {
		r := runs[0]
		size := min(n, len(r.text))
		b = append(change(b, on, r.look), r.text[:size]...)
		n, on = n-size, r.look
		if size < len(r.text) {
			return string(change(b, on, 0)), append([]run{{r.text[size:], r.look}}, runs[1:]...)
		}
		runs = runs[1:]
	}
	return string(change(b, on, 0)), runs
}

// change appends the codes that lead from one look to another.
func change(b []byte, from, to look) []byte {
	switch {
	case from == to:
		return b
	case to == 0 && bits.OnesCount8(uint8(from)) > 1:
		return append(b, codeReset)
	}
	for i, c := range codes {
		if (from^to)&(1<<i) != 0 {
			b = append(b, c.code)
		}
	}
	return b
}
