package format

import (
	"html"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

const (
	// maxText is the most text in bytes that one event gets.
	maxText = 32 << 10
	// maxContent bounds body and formatted_body together as JSON, in bytes. A
	// whole event is 64 KiB at most ("Size limits"), signatures and all.
	maxContent = 56 << 10
	// minText is below what text isn't parted for its formatting's sake: that
	// goes instead.
	minText = 1 << 10
	// maxDepth is how many elements may be in each other. Clients may ignore
	// what is deeper than 100 ("m.room.message msgtypes").
	maxDepth = 50
)

// Out is what Render can't know of its own.
type Out struct {
	// User is who a mentioned person is on Matrix and how they are called in
	// the room. An empty id leaves the mention as text, an empty name what
	// the text says.
	User func(bridge.Person) (user id.UserID, name string)
}

// Render is the text of m as the contents of m.room.message events, in their
// order: one, or as many as it takes for a text that is longer than an event
// can hold. There is none if m has no text. Its files are not in it: see File
// and Links. m.mentions is there if somebody is mentioned; without it clients
// and servers look for names in the text by themselves.
func Render(m bridge.Message, out Out) []*event.MessageEventContent {
	m.Text = clean(m.Text)
	m.Text, m.Spans = trimmed(m.Text, slices.Clone(m.Spans))
	if m.Text == "" {
		return nil
	}
	most := maxText
	if len(m.Text) <= maxText {
		c := content(m, out)
		if jsonLen(c.Body)+jsonLen(c.FormattedBody) <= maxContent {
			return []*event.MessageEventContent{c}
		}
		if len(m.Text) < minText {
			m.Spans = nil
			return []*event.MessageEventContent{content(m, out)}
		}
		most = len(m.Text) / 2
	}
	first, rest := halve(m, most)
	return append(Render(first, out), Render(rest, out)...)
}

// jsonLen is the length of s as canonical JSON.
func jsonLen(s string) int {
	return len(s) + strings.Count(s, `"`) + strings.Count(s, `\`) + strings.Count(s, "\n") + strings.Count(s, "\t")
}

// halve parts m behind a line of its first most bytes, or behind a word where
// lines are long.
func halve(m bridge.Message, most int) (first, rest bridge.Message) {
	window := m.Text[:most]
	at := strings.LastIndexByte(window, '\n')
	if at < most/2 {
		at = strings.LastIndexByte(window, ' ')
	}
	from := at + 1
	if at < most/2 {
		for at = most; at > most-utf8.UTFMax && !utf8.RuneStart(m.Text[at]); {
			at--
		}
		from = at
	}
	first, rest = m, m
	first.Text, rest.Text = m.Text[:at], m.Text[from:]
	first.Spans, rest.Spans = nil, nil
	for _, s := range m.Spans {
		if s.Start < at {
			cut := s
			cut.End = min(s.End, at)
			first.Spans = append(first.Spans, cut)
		}
		if s.End > from {
			s.Start, s.End = max(s.Start-from, 0), s.End-from
			rest.Spans = append(rest.Spans, s)
		}
	}
	return first, rest
}

// content is the content of one event.
func content(m bridge.Message, out Out) *event.MessageEventContent {
	c := &event.MessageEventContent{MsgType: event.MsgText}
	switch {
	case m.Emote:
		c.MsgType = event.MsgEmote
	case m.Notice:
		c.MsgType = event.MsgNotice
	}
	if len(m.Spans) == 0 {
		c.Body = m.Text
		return c
	}
	w := writer{text: m.Text, out: out, closed: -1}
	w.write(m.Spans, 0, len(m.Text))
	c.Body, c.Mentions = w.body.String(), w.mentions
	if w.tags > 0 {
		c.Format, c.FormattedBody = event.FormatHTML, w.html.String()
	}
	return c
}

// writer writes HTML, and beside it the plain text that says as much as plain
// text can.
type writer struct {
	text     string
	out      Out
	html     strings.Builder
	body     strings.Builder
	tags     int  // those written
	depth    int  // those that we are in
	quotes   int  // those that we are in
	linked   bool // in a link, which can't have another in it
	verbatim bool // in a pre, which has nothing else in it
	closed   int  // where a block ended: the line end behind it is its own
	mentions *event.Mentions
}

// tags are the elements of the styles that need no attributes.
var tags = map[bridge.SpanStyle]string{
	bridge.StyleBold: "strong", bridge.StyleItalic: "em", bridge.StyleUnderline: "u", bridge.StyleStrike: "del",
	bridge.StyleCode: "code", bridge.StyleQuote: "blockquote",
}

// write writes the text from start to end, in which spans lie.
func (w *writer) write(spans []bridge.Span, start, end int) {
	for len(spans) > 0 {
		s := spans[0]
		inside := 1
		for inside < len(spans) && spans[inside].Start < s.End {
			inside++
		}
		w.plain(start, s.Start)
		w.span(s, spans[1:inside])
		start, spans = s.End, spans[inside:]
	}
	w.plain(start, end)
}

func (w *writer) span(s bridge.Span, inside []bridge.Span) {
	opening, closing := w.tag(s)
	if s.Style == bridge.StyleQuote && !w.verbatim {
		w.quotes++
		defer func() { w.quotes-- }()
		if s.Start == 0 || w.text[s.Start-1] == '\n' {
			w.body.WriteString("> ")
		}
	}
	if opening == "" {
		w.write(inside, s.Start, s.End)
		return
	}
	w.tags++
	w.depth++
	w.html.WriteString(opening)
	defer func() {
		w.html.WriteString(closing)
		w.depth--
	}()
	switch s.Style {
	case bridge.StyleMention:
		w.linked = true
		user, name := w.out.User(s.Person)
		if w.mentions == nil {
			w.mentions = &event.Mentions{}
		}
		w.mentions.Add(user)
		if name = oneLine(name); name != "" {
			w.html.WriteString(html.EscapeString(name))
			w.body.WriteString(name)
		} else {
			w.write(inside, s.Start, s.End)
		}
		w.linked = false
	case bridge.StyleLink:
		w.linked = true
		w.write(inside, s.Start, s.End)
		w.linked = false
		if text := w.text[s.Start:s.End]; text != s.Value && "mailto:"+text != s.Value {
			w.body.WriteString(" (" + s.Value + ")")
		}
	case bridge.StylePre:
		w.verbatim = true
		w.write(inside, s.Start, s.End)
		w.verbatim, w.closed = false, s.End
	case bridge.StyleQuote:
		w.write(inside, s.Start, s.End)
		w.closed = s.End
	default:
		w.write(inside, s.Start, s.End)
	}
}

// tag is how HTML shows s, "" where it can't.
func (w *writer) tag(s bridge.Span) (opening, closing string) {
	if w.verbatim || w.depth >= maxDepth {
		return "", ""
	}
	switch s.Style {
	case bridge.StylePre:
		if s.Value != "" && isLanguage(s.Value) {
			return `<pre><code class="` + languagePrefix + s.Value + `">`, "</code></pre>"
		}
		return "<pre><code>", "</code></pre>"
	case bridge.StyleSpoiler:
		return "<span data-mx-spoiler>", "</span>"
	case bridge.StyleLink:
		if w.linked || link(s.Value) == nil {
			return "", ""
		}
		return `<a href="` + html.EscapeString(s.Value) + `">`, "</a>"
	case bridge.StyleMention:
		if w.linked || w.out.User == nil {
			return "", ""
		}
		user, _ := w.out.User(s.Person)
		if user == "" {
			return "", ""
		}
		return `<a href="` + html.EscapeString(pill(user)) + `">`, "</a>"
	}
	name := tags[s.Style]
	if name == "" {
		panic("format: unknown style of a span")
	}
	return "<" + name + ">", "</" + name + ">"
}

// plain writes the text from start to end, where no span begins or ends.
func (w *writer) plain(start, end int) {
	for i := start; i < end; {
		switch c := w.text[i]; c {
		case '\n':
			switch {
			case w.verbatim:
				w.html.WriteByte('\n')
			case w.closed != i:
				w.html.WriteString("<br/>")
			}
			w.body.WriteByte('\n')
			w.line()
			i++
		case ' ':
			if !w.verbatim && (w.white(i-1) || w.white(i+1)) {
				w.html.WriteString("&#160;")
			} else {
				w.html.WriteByte(' ')
			}
			w.body.WriteByte(' ')
			i++
		case '\t':
			if w.verbatim {
				w.html.WriteByte('\t')
			} else {
				w.html.WriteString("&#160;&#160;&#160;&#160;")
			}
			w.body.WriteByte('\t')
			i++
		default:
			next := i + 1
			for next < end && w.text[next] != '\n' && w.text[next] != ' ' && w.text[next] != '\t' {
				next++
			}
			w.html.WriteString(html.EscapeString(w.text[i:next]))
			w.body.WriteString(w.text[i:next])
			i = next
		}
	}
}

// white reports whether a space beside what is at i would be lost in HTML.
func (w *writer) white(i int) bool {
	return i < 0 || i >= len(w.text) || w.text[i] == ' ' || w.text[i] == '\n' || w.text[i] == '\t'
}

// line begins a line of the body within the quotes that it is in.
func (w *writer) line() {
	for range w.quotes {
		w.body.WriteString("> ")
	}
}

// oneLine is a name as it may stand within text.
func oneLine(name string) string { return strings.Join(strings.Fields(clean(name)), " ") }

// File is the content of the event that shows f, whose data is at uri on the
// homeserver.
func File(f bridge.File, uri id.ContentURI) *event.MessageEventContent {
	kind := event.MsgFile
	major, _, _ := strings.Cut(f.Type, "/")
	switch {
	case f.Type == "image/svg+xml": // which is a document, and is not shown
	case major == "image":
		kind = event.MsgImage
	case major == "video":
		kind = event.MsgVideo
	case major == "audio":
		kind = event.MsgAudio
	}
	name := Name(f)
	return &event.MessageEventContent{
		MsgType: kind, Body: name, FileName: name, URL: uri.CUString(),
		Info: &event.FileInfo{MimeType: f.Type, Size: int(f.Size), Width: f.Width, Height: f.Height, Duration: f.Duration},
	}
}

// Name is what f is called: by itself, by its URL, or "file".
func Name(f bridge.File) string {
	name := oneLine(f.Name)
	if u := link(f.URL); name == "" && u != nil {
		name = clean(path.Base(u.Path))
	}
	if name == "." || name == "/" {
		name = ""
	}
	return fileName(name, "file")
}

// Links is what says in words where files are that could not be brought onto
// the homeserver: their links, with their names where those don't end with them.
func Links(files []bridge.File) bridge.Message {
	lines := make([]string, len(files))
	for i, f := range files {
		lines[i] = oneLine(f.URL)
		if name := oneLine(f.Name); name != "" && name != Name(bridge.File{URL: f.URL}) {
			lines[i] = name + ": " + lines[i]
		}
	}
	return bridge.Message{Text: strings.Join(lines, "\n")}
}
