package format

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"isthmus/bridge"
)

// unstyled says that a body means what it says (XEP-0393).
const unstyled = "<unstyled xmlns='" + nsStyling + "'/>"

// maxQuoted is how deep quotes are told from each other; deeper ones keep
// their ">".
const maxQuoted = 8

// directives are the characters that begin and end a span (XEP-0393 §5.2).
var directives = [...]struct {
	mark  byte
	style bridge.SpanStyle
}{
	{'*', bridge.StyleBold},
	{'_', bridge.StyleItalic},
	{'~', bridge.StyleStrike},
	{'`', bridge.StyleCode},
}

const fence = "```"

// directive returns the number of a directive, -1 for any other character.
func directive(c byte) int {
	switch c {
	case '*':
		return 0
	case '_':
		return 1
	case '~':
		return 2
	case '`':
		return 3
	}
	return -1
}

// mayBeStyled is a quick no for most messages.
func mayBeStyled(text string) bool { return strings.ContainsAny(text, "*_~`>") }

// looksStyled reports whether a client would show a part of text in another
// style. inline says that something stands before its first line.
func looksStyled(text string, inline bool) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !inline && (line != "" && line[0] == '>' || strings.HasPrefix(line, fence)) {
			return true
		}
		inline = false
		var none [len(directives)]bool
		for i := range len(line) {
			if closing(line, 0, i, len(line), &none) > 0 {
				return true
			}
		}
	}
	return false
}

// styler reads styled text (XEP-0393): what is left without the directives,
// and the spans that they stand for.
//
// Deviating from the letter of it in what would make words vanish: a quote or
// a block of code with nothing in it is text, a fence's tag that is no name of
// a language stays as the first line, and one with a "`" in it is no fence. A
// ">" before what is neither a letter nor white space is no quotation: people
// write ">_<" and ">= 5", and the clients most of them have see it that way.
type styler struct {
	src   string
	exact bool // to the letter, as far as quotations go
	out   []byte
	spans []bridge.Span
	// marks are spans of src that are to become spans of the result.
	marks  []bridge.Span
	copies []copied // where src went; only kept if there are marks
}

// copied is a piece of the source that stands in the result.
type copied struct{ from, to, at int }

// line is one line of the source, without the end and what quotes it.
type line struct{ from, to int }

// parse reads src from a position on. inline says that something stands
// before the first line, so that it begins no block.
func (s *styler) parse(from int, inline bool) {
	var lines []line
	for from <= len(s.src) {
		end := strings.IndexByte(s.src[from:], '\n')
		if end < 0 {
			end = len(s.src) - from
		}
		lines = append(lines, line{from, from + end})
		from += end + 1
	}
	s.out = make([]byte, 0, len(s.src))
	if inline {
		s.inline(lines[0].from, lines[0].to)
		if lines = lines[1:]; len(lines) > 0 {
			s.out = append(s.out, '\n')
		}
	}
	s.blocks(lines, 0)
}

// done returns the result.
func (s *styler) done() (string, []bridge.Span) {
	for _, m := range s.marks {
		for _, c := range s.copies {
			if m.Start >= c.from && m.End <= c.to {
				m.Start, m.End = m.Start-c.from+c.at, m.End-c.from+c.at
				s.spans = append(s.spans, m)
				break
			}
		}
	}
	return string(s.out), s.spans
}

func (s *styler) copy(from, to int) {
	if len(s.marks) > 0 && from < to {
		s.copies = append(s.copies, copied{from, to, len(s.out)})
	}
	s.out = append(s.out, s.src[from:to]...)
}

func (s *styler) text(l line) string { return s.src[l.from:l.to] }

// span begins a span here; the function that it returns ends it.
func (s *styler) span(style bridge.SpanStyle, value string) (end func()) {
	i := len(s.spans)
	s.spans = append(s.spans, bridge.Span{Start: len(s.out), Style: style, Value: value})
	return func() { s.spans[i].End = len(s.out) }
}

// blocks reads whole lines.
func (s *styler) blocks(lines []line, depth int) {
	for first := true; len(lines) > 0; first = false {
		if !first {
			s.out = append(s.out, '\n')
		}
		switch text := s.text(lines[0]); {
		case isFence(text):
			lines = s.pre(lines)
		case s.isQuote(text) && depth < maxQuoted:
			lines = s.quote(lines, depth)
		default:
			s.inline(lines[0].from, lines[0].to)
			lines = lines[1:]
		}
	}
}

// isFence reports whether a line begins a block of code.
func isFence(text string) bool {
	tag, ok := strings.CutPrefix(text, fence)
	return ok && strings.IndexByte(tag, '`') < 0
}

// isQuote reports whether a line is quoted.
func (s *styler) isQuote(text string) bool {
	if !strings.HasPrefix(text, ">") {
		return false
	}
	next, n := utf8.DecodeRuneInString(text[1:])
	return s.exact || n == 0 || next == '>' || isSpace(next) || unicode.IsLetter(next) || strings.HasPrefix(text[1:], fence)
}

// literal copies lines as they are.
func (s *styler) literal(lines []line) {
	for i, l := range lines {
		if i > 0 {
			s.out = append(s.out, '\n')
		}
		s.copy(l.from, l.to)
	}
}

func (s *styler) blank(lines []line) bool {
	return !slices.ContainsFunc(lines, func(l line) bool { return strings.TrimSpace(s.text(l)) != "" })
}

// pre reads a block of code, and returns the lines after it.
//
// XEP-0393 §5.1.2: "A preformatted text block is started by a line beginning
// with "```" (U+0060 GRAVE ACCENT), and ended by a line containing only three
// grave accents or the end of the parent block (whichever comes first)."
func (s *styler) pre(lines []line) []line {
	end := 1
	for end < len(lines) && s.text(lines[end]) != fence {
		end++
	}
	inside, rest := lines[1:end], lines[min(end+1, len(lines)):]
	tag := strings.TrimSpace(s.text(lines[0])[len(fence):])
	if !isLanguage(tag) {
		inside, tag = append([]line{{lines[0].from + len(fence), lines[0].to}}, inside...), ""
	}
	if s.blank(inside) {
		s.literal(lines[:min(end+1, len(lines))])
		return rest
	}
	endSpan := s.span(bridge.StylePre, strings.Clone(tag))
	s.literal(inside)
	endSpan()
	return rest
}

// isLanguage reports whether a fence's tag names a language, or nothing.
func isLanguage(tag string) bool {
	return len(tag) <= 32 && strings.IndexFunc(tag, func(r rune) bool {
		return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+-#._", r)
	}) < 0
}

// quote reads what is quoted, and returns the lines after it.
//
// XEP-0393 §5.1.3: "Lines inside the block quote MUST have the first leading
// whitespace character trimmed before parsing the child block."
func (s *styler) quote(lines []line, depth int) []line {
	var inside []line
	for _, l := range lines {
		if !s.isQuote(s.text(l)) {
			break
		}
		l.from++
		if r, n := utf8.DecodeRuneInString(s.text(l)); isSpace(r) {
			l.from += n
		}
		inside = append(inside, l)
	}
	n := len(inside)
	if s.blank(inside) {
		s.literal(lines[:n])
		return lines[n:]
	}
	end := s.span(bridge.StyleQuote, "")
	s.blocks(inside, depth+1)
	end()
	return lines[n:]
}

// inline reads a line, or what is in a span of it.
func (s *styler) inline(from, to int) {
	var none [len(directives)]bool
	done := from
	for i := from; i < to; i++ {
		end := closing(s.src, from, i, to, &none)
		if end < 0 {
			continue
		}
		s.copy(done, i)
		style := directives[directive(s.src[i])].style
		endSpan := s.span(style, "")
		if style == bridge.StyleCode {
			s.copy(i+1, end)
		} else {
			s.inline(i+1, end)
		}
		endSpan()
		i, done = end, end+1
	}
	s.copy(done, to)
}

// closing returns the directive that ends the span which begins at s[i],
// within s[from:to], or -1 if none begins there. none is what is known of the
// rest of that part: which directives end nothing any more.
//
// By XEP-0393 §5.2 there must be text between the two; the first stands at the
// beginning of the block, after white space, or after a different directive
// that opens a span, and before no white space; the second not after white
// space. Spans are matched from the beginning, and each ends as soon as it can.
func closing(s string, from, i, to int, none *[len(directives)]bool) int {
	d := directive(s[i])
	if d < 0 || none[d] || i+2 >= to || s[i+1] == s[i] {
		return -1
	}
	if before, _ := utf8.DecodeLastRuneInString(s[from:i]); i > from && !isSpace(before) {
		return -1
	}
	if after, _ := utf8.DecodeRuneInString(s[i+1 : to]); isSpace(after) {
		return -1
	}
	for j := i + 2; j < to; j++ {
		if s[j] != s[i] {
			continue
		}
		if before, _ := utf8.DecodeLastRuneInString(s[i+1 : j]); !isSpace(before) {
			return j
		}
	}
	none[d] = true
	return -1
}

// isSpace reports whether r is a whitespace character (XEP-0393 §4).
func isSpace(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Z, r) }
