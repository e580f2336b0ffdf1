package format

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"isthmus/bridge"
	"isthmus/xmppside/wire"
)

// parseXHTML reads the <body/> of XHTML-IM (XEP-0071). It reports false for one
// that says nothing, or words that the plain body has not, in that order: what
// people read must not depend on the client they have.
func parseXHTML(body wire.Element, plain string, names Names) (bridge.Message, bool) {
	p := xhtml{names: names}
	p.inside(body)
	text := strings.TrimRight(string(p.out), "\n")
	if strings.TrimSpace(text) == "" || !says(plain, text) {
		return bridge.Message{}, false
	}
	for i := range p.spans {
		p.spans[i].End = min(p.spans[i].End, len(text))
	}
	return bridge.Message{Text: text, Spans: p.spans}, true
}

// says reports whether the letters and digits of rich are all in plain, in
// this order.
func says(plain, rich string) bool {
	for _, r := range rich {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			continue
		}
		i := strings.IndexRune(plain, r)
		if i < 0 {
			return false
		}
		plain = plain[i+len(string(r)):]
	}
	return true
}

// xhtml is a reader of XHTML-IM: lines, as a browser would show them.
type xhtml struct {
	names   Names
	out     []byte
	spans   []bridge.Span
	ended   bool // a block ended: what follows begins a line
	space   bool // white space that counts if something follows on the line
	literal int  // within so many <pre/>
	items   []int
}

// maxSpans bounds what is read of one message; the core takes no more.
const maxSpans = 1000

// inlines are the elements that change how text looks.
var inlines = map[string]bridge.SpanStyle{
	"b": bridge.StyleBold, "strong": bridge.StyleBold,
	"i": bridge.StyleItalic, "em": bridge.StyleItalic, "cite": bridge.StyleItalic,
	"u": bridge.StyleUnderline, "ins": bridge.StyleUnderline,
	"s": bridge.StyleStrike, "del": bridge.StyleStrike, "strike": bridge.StyleStrike,
	"code": bridge.StyleCode, "tt": bridge.StyleCode, "kbd": bridge.StyleCode, "samp": bridge.StyleCode,
}

// styles are the properties, as most clients write them (XEP-0071 §7.4.7).
var styles = map[string]bridge.SpanStyle{
	"font-weight:bold": bridge.StyleBold, "font-weight:600": bridge.StyleBold, "font-weight:700": bridge.StyleBold,
	"font-style:italic": bridge.StyleItalic, "font-style:oblique": bridge.StyleItalic,
	"text-decoration:underline": bridge.StyleUnderline, "text-decoration:line-through": bridge.StyleStrike,
	"font-family:monospace": bridge.StyleCode,
}

func (p *xhtml) inside(e wire.Element) {
	for text, c := range e.Mixed() {
		if text != "" {
			p.text(Plain(text))
		} else if c.Space == nsXHTML {
			p.element(c)
		}
	}
}

// element reads an element. What is unknown is read for what is in it.
func (p *xhtml) element(e wire.Element) {
	switch e.Local {
	case "head", "script", "style", "title", "object":
		return
	case "br":
		p.line()
		p.out = append(p.out, '\n')
		return
	case "img":
		p.image(e)
		return
	case "blockquote":
		p.block(bridge.StyleQuote, e)
		return
	case "pre":
		p.literal++
		p.block(bridge.StylePre, e)
		p.literal--
		return
	case "ul", "ol":
		p.list(e)
		return
	case "p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "table", "tr", "dl", "dt", "dd", "address":
		p.endBlock()
		if e.Local == "li" {
			p.item()
		}
		p.inside(e)
		p.endBlock()
		return
	}
	before := len(p.spans)
	if style, ok := inlines[e.Local]; ok {
		p.begin(bridge.Span{Style: style})
	} else if e.Local == "a" {
		p.link(e.Attr("href"))
	}
	if css := e.Attr("style"); css != "" {
		for property := range strings.SplitSeq(strings.ToLower(css), ";") {
			if style, ok := styles[strings.ReplaceAll(strings.TrimSpace(property), " ", "")]; ok {
				p.begin(bridge.Span{Style: style})
			}
		}
	}
	after := len(p.spans)
	p.inside(e)
	p.end(before, after)
}

// begin begins a span at what is said next; until then its End is -1.
func (p *xhtml) begin(s bridge.Span) {
	if p.space && !p.atStart() { // it is before the span
		p.out = append(p.out, ' ')
		p.space = false
	}
	if len(p.spans) < maxSpans {
		s.Start, s.End = len(p.out), -1
		p.spans = append(p.spans, s)
	}
}

// end ends the spans that were begun between before and after.
func (p *xhtml) end(before, after int) {
	for i := before; i < after; i++ {
		s := &p.spans[i]
		s.End = len(p.out)
		for s.Start < s.End && p.out[s.Start] == '\n' { // that of the block before it
			s.Start++
		}
	}
}

func (p *xhtml) link(to string) {
	to = Plain(strings.TrimSpace(to))
	if who, ok := mentioned(to, p.names); ok {
		p.begin(bridge.Span{Style: bridge.StyleMention, Person: who})
	} else if isLink(to) {
		p.begin(bridge.Span{Style: bridge.StyleLink, Value: strings.Clone(to)})
	}
}

// isLink reports whether the core takes a link to there.
func isLink(to string) bool {
	scheme, rest, ok := strings.Cut(to, ":")
	if !ok || rest == "" || len(to) > maxURL || strings.ContainsAny(to, " \n\t<>\"") {
		return false
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "mailto", "xmpp", "irc", "ircs", "matrix":
		return true
	}
	return false
}

// image puts its description in a picture's place, or where it is.
func (p *xhtml) image(e wire.Element) {
	text := Plain(e.Attr("alt"))
	if text == "" && isLink(e.Attr("src")) {
		text = e.Attr("src")
	}
	p.text(text)
}

// block reads a quotation, or whole lines in fixed width.
func (p *xhtml) block(style bridge.SpanStyle, e wire.Element) {
	p.endBlock()
	if p.ended {
		p.line()
	}
	before := len(p.spans)
	p.begin(bridge.Span{Style: style})
	after, from := len(p.spans), len(p.out)
	p.inside(e)
	p.endBlock()
	if before == after {
		return
	}
	s := &p.spans[before]
	s.Start, s.End = from, len(p.out)
	for s.End > s.Start && p.out[s.End-1] == '\n' {
		s.End--
	}
}

// list reads items, each on a line of its own.
func (p *xhtml) list(e wire.Element) {
	first := 0
	if e.Local == "ol" {
		first = 1
	}
	p.items = append(p.items, first)
	p.endBlock()
	p.inside(e)
	p.endBlock()
	p.items = p.items[:len(p.items)-1]
}

func (p *xhtml) item() {
	if len(p.items) == 0 {
		return
	}
	n := &p.items[len(p.items)-1]
	if *n == 0 {
		p.text("- ")
		return
	}
	p.text(strconv.Itoa(*n) + ". ")
	*n++
}

// endBlock makes what follows begin a line.
func (p *xhtml) endBlock() {
	p.space = false
	if n := len(p.out); n > 0 && p.out[n-1] != '\n' {
		p.ended = true
	}
}

// line begins a line if a block ended before.
func (p *xhtml) line() {
	if p.ended {
		p.out = append(p.out, '\n')
	}
	p.ended, p.space = false, false
}

// text reads characters. White space with a line end in it is that of the
// source, not of what is said, and counts as one space between words; clients
// write other spaces as they are meant.
func (p *xhtml) text(s string) {
	if p.literal > 0 {
		if s != "" {
			p.line()
			p.out = append(p.out, s...)
		}
		return
	}
	for s != "" {
		word := strings.IndexFunc(s, func(r rune) bool { return r != ' ' && r != '\n' && r != '\t' })
		if word < 0 {
			word = len(s)
		}
		if white := s[:word]; strings.Contains(white, "\n") {
			p.space = p.space || !p.atStart()
		} else if white != "" {
			p.put(white)
		}
		s = s[word:]
		end := strings.IndexAny(s, " \n\t")
		if end < 0 {
			end = len(s)
		}
		if end > 0 {
			p.put(s[:end])
		}
		s = s[end:]
	}
}

// atStart reports whether nothing is on the line yet.
func (p *xhtml) atStart() bool {
	return p.ended || len(p.out) == 0 || p.out[len(p.out)-1] == '\n'
}

func (p *xhtml) put(s string) {
	space := p.space && !p.atStart()
	p.line()
	if space {
		p.out = append(p.out, ' ')
	}
	p.out = append(p.out, s...)
}

// appendXHTML appends the same text as XHTML-IM.
func appendXHTML(b []byte, prefix, text string, spans []shown) []byte {
	b = append(b, "<html xmlns='"+nsXHTMLIM+"'><body xmlns='"+nsXHTML+"'>"...)
	w := xhtmlWriter{b: append(b, prefix...), text: text}
	w.write(0, len(text), spans)
	return append(w.b, "</body></html>"...)
}

type xhtmlWriter struct {
	b     []byte
	text  string
	block bool // a block was just closed, which ends the line
}

func (w *xhtmlWriter) write(from, to int, spans []shown) {
	for len(spans) > 0 {
		s := spans[0]
		n := 1
		for n < len(spans) && spans[n].Start < s.End {
			n++
		}
		w.copy(from, s.Start)
		w.span(s, spans[1:n])
		from, spans = s.End, spans[n:]
	}
	w.copy(from, to)
}

func (w *xhtmlWriter) copy(from, to int) {
	if from == to {
		return
	}
	s := w.text[from:to]
	if w.block {
		s = strings.TrimPrefix(s, "\n")
	}
	w.block = false
	for i, line := range slices.Collect(strings.SplitSeq(s, "\n")) {
		if i > 0 {
			w.b = append(w.b, "<br/>"...)
		}
		w.b = wire.AppendText(w.b, line)
	}
}

func (w *xhtmlWriter) span(s shown, inside []shown) {
	open, name := "", ""
	switch s.Style {
	case bridge.StyleBold:
		name = "strong"
	case bridge.StyleItalic:
		name = "em"
	case bridge.StyleUnderline:
		open, name = "<span style='text-decoration: underline;'>", "span"
	case bridge.StyleStrike:
		open, name = "<span style='text-decoration: line-through;'>", "span"
	case bridge.StyleCode:
		name = "code"
	case bridge.StyleQuote:
		name = "blockquote"
	case bridge.StylePre:
		w.b = wire.AppendElement(w.b, "pre", w.text[s.Start:s.End])
		w.block = true
		return
	case bridge.StyleLink:
		open, name = "<a href='"+string(wire.AppendAttr(nil, s.Value))+"'>", "a"
	case bridge.StyleMention:
		if !s.at.IsZero() {
			open, name = "<a href='"+string(wire.AppendAttr(nil, s.at.URI()))+"'>", "a"
		}
	}
	switch {
	case name == "":
	case open == "":
		w.b = append(append(append(w.b, '<'), name...), '>')
	default:
		w.b = append(w.b, open...)
	}
	if s.Style == bridge.StyleQuote {
		w.block = false
	}
	w.write(s.Start, s.End, inside)
	if name != "" {
		w.b = append(append(append(w.b, "</"...), name...), '>')
	}
	if s.Style == bridge.StyleQuote {
		w.block = true
	}
}
