package format

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"isthmus/bridge"
)

// fromHTML is what a browser would show of source, as text with spans. It is
// false where there is nothing to see, or what can't be read: above 512 tags
// in each other, and beyond maxHTML.
func fromHTML(source string, in In) (text string, spans []bridge.Span, ok bool) {
	if len(source) > maxHTML {
		return "", nil, false
	}
	around := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragmentWithOptions(strings.NewReader(source), around, html.ParseOptionEnableScripting(false))
	if err != nil {
		return "", nil, false
	}
	w := walker{in: in, fresh: -1}
	for _, n := range nodes {
		w.node(n)
	}
	text, spans = trimmed(string(w.text), w.spans)
	return text, outsidePre(spans), strings.TrimSpace(text) != ""
}

// outsidePre leaves out the spans within a StylePre: it looks as it looks.
func outsidePre(spans []bridge.Span) []bridge.Span {
	var pre []bridge.Span
	for _, s := range spans {
		if s.Style == bridge.StylePre {
			pre = append(pre, s)
		}
	}
	if pre == nil {
		return spans
	}
	return slices.DeleteFunc(spans, func(s bridge.Span) bool {
		return s.Style != bridge.StylePre && s.Style != bridge.StyleQuote && slices.ContainsFunc(pre, func(p bridge.Span) bool {
			return p.Start <= s.Start && s.End <= p.End
		})
	})
}

// walker collects the text of a tree. White space is as in a browser: spaces
// and line ends within text are one space or nothing, blocks begin and end on
// lines of their own, and what separates is only written when more follows.
type walker struct {
	in     In
	text   []byte
	spans  []bridge.Span // in the order in which they begin
	breaks int           // line ends owed before what comes next
	space  bool          // a space owed
	fresh  int           // where a list item's text begins, as long as it has none
	lists  []list        // those that we are in
	linked bool          // in a link, which can't have another in it
}

// list is a list that is being walked.
type list struct {
	ordered bool
	next    int
}

// styles are the elements that mean a span and nothing else.
var styles = map[atom.Atom]bridge.SpanStyle{
	atom.B: bridge.StyleBold, atom.Strong: bridge.StyleBold,
	atom.I: bridge.StyleItalic, atom.Em: bridge.StyleItalic, atom.Cite: bridge.StyleItalic,
	atom.U: bridge.StyleUnderline, atom.Ins: bridge.StyleUnderline,
	atom.S: bridge.StyleStrike, atom.Strike: bridge.StyleStrike, atom.Del: bridge.StyleStrike,
	atom.Code: bridge.StyleCode, atom.Tt: bridge.StyleCode, atom.Kbd: bridge.StyleCode, atom.Samp: bridge.StyleCode,
}

// blocks are the elements with lines of their own: how many line ends they
// keep from what is around them.
var blocks = map[atom.Atom]int{
	atom.P: 2, atom.Div: 1, atom.Section: 1, atom.Article: 1, atom.Header: 1, atom.Footer: 1, atom.Center: 1, atom.Address: 1,
	atom.Dl: 1, atom.Dt: 1, atom.Dd: 1, atom.Table: 1, atom.Caption: 1, atom.Thead: 1, atom.Tbody: 1, atom.Tfoot: 1,
	atom.Details: 1, atom.Summary: 1, atom.Figure: 1, atom.Figcaption: 1,
}

func (w *walker) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		w.words(n.Data)
		return
	case html.ElementNode:
	default:
		return
	}
	if style, ok := styles[n.DataAtom]; ok {
		w.span(n, bridge.Span{Style: style})
		return
	}
	if lines, ok := blocks[n.DataAtom]; ok {
		w.block(lines)
		w.children(n)
		w.block(lines)
		return
	}
	switch n.DataAtom {
	case atom.Br:
		w.br()
	case atom.Hr:
		w.block(1)
		w.raw("---")
		w.block(1)
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.block(2)
		w.span(n, bridge.Span{Style: bridge.StyleBold})
		w.block(2)
	case atom.Blockquote:
		w.block(1)
		w.span(n, bridge.Span{Style: bridge.StyleQuote})
		w.block(1)
	case atom.Pre:
		w.pre(n)
	case atom.Ul, atom.Ol:
		w.list(n)
	case atom.Li:
		w.item(n)
	case atom.Tr:
		w.row(n)
	case atom.A:
		w.anchor(n)
	case atom.Img:
		w.image(n)
	case atom.Span:
		w.spoiler(n)
	case atom.Script, atom.Style, atom.Template, atom.Title, atom.Head, atom.Iframe, atom.Noembed, atom.Noframes, atom.Object:
		// Nothing of these is for people.
	default:
		if n.Data != "mx-reply" { // what a reply answers, in its words
			w.children(n)
		}
	}
}

func (w *walker) children(n *html.Node) {
	for c := range n.ChildNodes() {
		w.node(c)
	}
}

// words writes text that is laid out.
func (w *walker) words(s string) {
	for _, r := range s {
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f':
			w.space = true
		case isControl(r):
		default:
			w.owed()
			if r == nbsp {
				r = ' '
			}
			w.text = utf8.AppendRune(w.text, r)
		}
	}
}

// nbsp is a space that HTML keeps.
const nbsp = '\u00a0'

// raw writes text of ours.
func (w *walker) raw(s string) {
	w.owed()
	w.text = append(w.text, s...)
}

// owed writes the white space that what comes now is to be separated by.
func (w *walker) owed() {
	w.fresh = -1
	have := w.lineEnds()
	if w.breaks > 0 && len(w.text) > 0 {
		for ; have < w.breaks; have++ {
			w.text = append(w.text, '\n')
		}
	}
	if w.space && have == 0 && !bytes.HasSuffix(w.text, []byte(" ")) && len(w.text) > 0 {
		w.text = append(w.text, ' ')
	}
	w.breaks, w.space = 0, false
}

// lineEnds is how many line ends the text has at its end, two at most.
func (w *walker) lineEnds() int {
	return min(len(w.text)-len(bytes.TrimRight(w.text, "\n")), 2)
}

// block makes what comes next begin behind so many line ends.
func (w *walker) block(lines int) {
	w.space = false
	if w.fresh != len(w.text) {
		w.breaks = max(w.breaks, lines)
	}
}

func (w *walker) br() {
	w.space = false
	if len(w.text) > 0 {
		w.owed()
		w.text = append(w.text, '\n')
	}
}

// span walks n, and makes a span of what that writes.
func (w *walker) span(n *html.Node, s bridge.Span) { w.within(s, func() { w.children(n) }) }

// within makes a span of what write writes. A span that would have nothing to
// show is none.
func (w *walker) within(s bridge.Span, write func()) {
	at, from := len(w.spans), len(w.text)
	w.spans = append(w.spans, s)
	write()
	inside := w.text[from:]
	end := from + len(bytes.TrimRight(inside, " \t\n"))
	white := " \n"
	if s.Style == bridge.StylePre || s.Style == bridge.StyleQuote { // whole lines
		white = "\n"
		w.text = w.text[:max(from, end)]
	}
	w.spans[at].Start, w.spans[at].End = from+len(inside)-len(bytes.TrimLeft(inside, white)), end
}

// pre is text that is laid out already.
func (w *walker) pre(n *html.Node) {
	w.block(1)
	var b strings.Builder
	language := verbatim(&b, n)
	if text := strings.Trim(clean(b.String()), "\n"); strings.TrimSpace(text) != "" {
		w.within(bridge.Span{Style: bridge.StylePre, Value: language}, func() { w.raw(text) })
	}
	w.block(1)
}

// verbatim writes the text of n as it is. What it returns is the language that
// n's code is marked with.
func verbatim(b *strings.Builder, n *html.Node) (language string) {
	for c := range n.ChildNodes() {
		switch {
		case c.Type == html.TextNode:
			b.WriteString(c.Data)
		case c.DataAtom == atom.Br:
			b.WriteByte('\n')
		case c.Type == html.ElementNode:
			if c.DataAtom == atom.Code {
				language = languageOf(attribute(c, "class"))
			}
			if inner := verbatim(b, c); language == "" {
				language = inner
			}
		}
	}
	return language
}

// languagePrefix is what the class of a code block begins with that names its
// language ("m.room.message msgtypes").
const languagePrefix = "language-"

func languageOf(classes string) string {
	for class := range strings.FieldsSeq(classes) {
		if name, ok := strings.CutPrefix(class, languagePrefix); ok && isLanguage(name) {
			return name
		}
	}
	return ""
}

func isLanguage(s string) bool {
	return len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') && !strings.ContainsRune("_+#.-", r)
	})
}

func (w *walker) list(n *html.Node) {
	l := list{ordered: n.DataAtom == atom.Ol, next: 1}
	if start, err := strconv.Atoi(attribute(n, "start")); err == nil && start >= 0 && start < 1e6 {
		l.next = start
	}
	w.block(1)
	w.lists = append(w.lists, l)
	w.children(n)
	w.lists = w.lists[:len(w.lists)-1]
	w.block(1)
}

func (w *walker) item(n *html.Node) {
	w.block(1)
	mark := "• "
	if depth := len(w.lists); depth > 0 {
		if l := &w.lists[depth-1]; l.ordered {
			mark = strconv.Itoa(l.next) + ". "
			l.next++
		}
		mark = strings.Repeat("  ", min(depth, 10)-1) + mark
	}
	if w.fresh == len(w.text) { // the first item of a list that an item begins with
		mark = strings.TrimLeft(mark, " ")
	}
	w.raw(mark)
	w.fresh = len(w.text)
	w.children(n)
	w.fresh = -1
	w.block(1)
}

func (w *walker) row(n *html.Node) {
	w.block(1)
	first := true
	for c := range n.ChildNodes() {
		if c.DataAtom != atom.Td && c.DataAtom != atom.Th {
			continue
		}
		if !first {
			w.space = false
			w.raw(" | ")
		}
		first = false
		w.children(c)
	}
	w.block(1)
}

func (w *walker) anchor(n *html.Node) {
	href := strings.TrimSpace(attribute(n, "href"))
	u := link(href)
	if u == nil || w.linked {
		w.children(n)
		return
	}
	w.linked = true
	if user := userOf(u); user != "" && w.in.Person != nil {
		w.span(n, bridge.Span{Style: bridge.StyleMention, Person: w.in.Person(user)})
	} else {
		w.span(n, bridge.Span{Style: bridge.StyleLink, Value: href})
	}
	w.linked = false
}

// image is what stands for a picture within text, an emoji most times.
func (w *walker) image(n *html.Node) {
	for _, name := range []string{"alt", "title"} {
		if s := strings.TrimSpace(attribute(n, name)); s != "" {
			w.words(s)
			return
		}
	}
	w.words("[image]")
}

// spoiler is a span, which may be one ("Spoiler messages"), or have TeX in it.
func (w *walker) spoiler(n *html.Node) {
	reason, hidden := lookup(n, "data-mx-spoiler")
	if !hidden {
		before := len(w.text)
		if w.children(n); len(w.text) == before {
			w.words(attribute(n, "data-mx-maths"))
		}
		return
	}
	if strings.TrimSpace(reason) != "" {
		w.words("(" + strings.TrimSpace(reason) + ") ")
	}
	w.span(n, bridge.Span{Style: bridge.StyleSpoiler})
}

func attribute(n *html.Node, name string) string {
	value, _ := lookup(n, name)
	return value
}

func lookup(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name && a.Namespace == "" {
			return a.Val, true
		}
	}
	return "", false
}
