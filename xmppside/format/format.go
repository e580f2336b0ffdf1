// Package format translates what is said between a message stanza and the
// core's rich text. It is pure: whoever calls it knows who is who.
//
//	said := format.Parse(stanza.Element, names)    // text, spans, files
//	for _, part := range format.Parts(said) {      // one stanza each
//		content = format.Append(content, part, names)
//	}
//
// What it reads and writes:
//
//	/me                  XEP-0245
//	*bold* _italic_ ...  XEP-0393, and <unstyled/> where text only looks so
//	XHTML-IM             XEP-0071: read where it says what the body says, written
//	                     beside styling, for links and for the looks of words
//	mentions             XEP-0372
//	files                XEP-0066, and XEP-0447 with the metadata of XEP-0446
//	spoilers             XEP-0382, of the whole message
//	fallback             XEP-0428: left out where it stands for something of the above
//
// A message without spans and files, which is nearly all of them, costs one
// look at its characters more than its escaping.
package format

import (
	"slices"
	"strings"
	"unicode"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// The namespaces of what stands beside a body.
const (
	nsXHTMLIM   = "http://jabber.org/protocol/xhtml-im"
	nsXHTML     = "http://www.w3.org/1999/xhtml"
	nsStyling   = "urn:xmpp:styling:0"
	nsReference = "urn:xmpp:reference:0"
	nsOOB       = "jabber:x:oob"
	nsSharing   = "urn:xmpp:sfs:0"
	nsMetadata  = "urn:xmpp:file:metadata:0"
	nsURLData   = "http://jabber.org/protocol/url-data"
	nsFallback  = "urn:xmpp:fallback:0"
	nsSpoiler   = "urn:xmpp:spoiler:0"
)

// Names know who is who where something is said.
type Names interface {
	// Person returns who has the address at: that of an occupant, of somebody
	// of another network, or of somebody on XMPP.
	Person(at jid.JID) (bridge.Person, bool)
	// Call returns what p is called here, "" if nobody knows, and the address
	// by which to mention p, the zero JID if there is none.
	Call(p bridge.Person) (name string, at jid.JID)
}

// prefixes of a body.
const (
	emotePrefix  = "/me " // XEP-0245 §3: at the very beginning
	noticePrefix = "[notice] "
)

func prefix(m bridge.Message) string {
	switch {
	case m.Emote:
		return emotePrefix
	case m.Notice:
		return noticePrefix
	}
	return ""
}

// Parse reads what a message stanza says. The message has neither text nor
// files if it says nothing. names may be nil: then nobody is mentioned. The
// strings of the result have memory of their own.
func Parse(m wire.Element, names Names) bridge.Message {
	var p parts
	p.find(m)
	said := bridge.Message{Files: p.files(m)}
	body := p.body.Text()
	text := Plain(body)
	fallbacks := p.fallbacks(m, body, len(said.Files) > 0)
	var refs []bridge.Span
	if p.references && names != nil {
		refs = references(m, body, names)
	}
	if len(fallbacks) > 0 {
		text, refs = cutOut(text, refs, fallbacks)
	}
	if onlyNames(text, said.Files) {
		return said
	}
	if p.html.Local != "" && len(fallbacks) == 0 {
		if rich, ok := parseXHTML(p.html, text, names); ok {
			rich.Files = said.Files
			if !slices.ContainsFunc(rich.Spans, func(s bridge.Span) bool { return s.Style == bridge.StyleMention }) {
				rich.Spans = append(rich.Spans, moved(refs, text, rich.Text)...)
			}
			return p.finish(cutEmote(rich))
		}
	}
	from := 0
	if strings.HasPrefix(text, emotePrefix) {
		said.Emote, from = true, len(emotePrefix)
	}
	s := styler{src: text, marks: refs}
	switch plain := p.unstyled || !mayBeStyled(text); {
	case plain && len(refs) == 0:
		said.Text = strings.Clone(text[from:])
		return p.finish(said)
	case plain:
		s.copy(from, len(text))
	default:
		s.parse(from, said.Emote)
	}
	said.Text, said.Spans = s.done()
	return p.finish(said)
}

// parts are the elements of a stanza that matter here.
type parts struct {
	body, html wire.Element
	unstyled   bool
	spoiler    bool
	references bool
	fallback   bool
	shared     bool
}

func (p *parts) find(m wire.Element) {
	for c := range m.Children() {
		switch c.Space {
		case wire.NSComponent:
			if c.Local == "body" && p.body.Local == "" {
				p.body = c
			}
		case nsXHTMLIM:
			if html, ok := c.Child(nsXHTML, "body"); ok && c.Local == "html" && p.html.Local == "" {
				p.html = html
			}
		case nsStyling:
			p.unstyled = p.unstyled || c.Local == "unstyled"
		case nsReference:
			p.references = p.references || c.Local == "reference"
		case nsOOB, nsSharing:
			p.shared = true
		case nsFallback:
			p.fallback = p.fallback || c.Local == "fallback"
		case nsSpoiler:
			p.spoiler = p.spoiler || c.Local == "spoiler"
		}
	}
}

// finish puts a message into the form that the core promises.
func (p *parts) finish(m bridge.Message) bridge.Message {
	if p.spoiler && m.Text != "" {
		m.Spans = append(m.Spans, bridge.Span{End: len(m.Text), Style: bridge.StyleSpoiler})
	}
	if len(m.Spans) > 0 {
		spans := bridge.Normalize(m.Text, m.Spans)
		trim(m.Text, spans)
		m.Spans = codeIsPlain(notTwice(bridge.Normalize(m.Text, spans)))
	}
	return m
}

// trim leaves line ends at the ends of spans out of them.
func trim(text string, spans []bridge.Span) {
	for i := range spans {
		s := &spans[i]
		for s.Start < s.End && text[s.Start] == '\n' && s.Style != bridge.StylePre && s.Style != bridge.StyleQuote {
			s.Start++
		}
		for s.Start < s.End && text[s.End-1] == '\n' {
			s.End--
		}
	}
}

// codeIsPlain leaves out the spans within code: styling has none there.
func codeIsPlain(spans []bridge.Span) []bridge.Span {
	var all []bridge.Span // of code, in order, not within each other
	for _, s := range spans {
		isCode := s.Style == bridge.StyleCode || s.Style == bridge.StylePre
		if n := len(all); isCode && (n == 0 || all[n-1].End <= s.Start) {
			all = append(all, s)
		}
	}
	spans = slices.DeleteFunc(spans, func(s bridge.Span) bool {
		for len(all) > 0 && all[0].End <= s.Start {
			all = all[1:]
		}
		if len(all) == 0 || s.Start < all[0].Start || s.End > all[0].End {
			return false
		}
		same := s.Start == all[0].Start && s.End == all[0].End
		return s.Style == bridge.StyleMention || !same && s.Style != bridge.StyleSpoiler
	})
	if len(spans) == 0 {
		return nil
	}
	return spans
}

// notTwice leaves out links within links, and mentions within mentions.
func notTwice(spans []bridge.Span) []bridge.Span {
	link, mention := 0, 0 // their ends
	return slices.DeleteFunc(spans, func(s bridge.Span) bool {
		end := &link
		switch s.Style {
		case bridge.StyleLink:
		case bridge.StyleMention:
			end = &mention
		default:
			return false
		}
		if s.Start < *end {
			return true
		}
		*end = s.End
		return false
	})
}

// cutEmote takes the prefix of an emote off.
func cutEmote(m bridge.Message) bridge.Message {
	text, emote := strings.CutPrefix(m.Text, emotePrefix)
	if !emote {
		return m
	}
	m.Text, m.Emote = text, true
	for i := range m.Spans {
		m.Spans[i].Start = max(0, m.Spans[i].Start-len(emotePrefix))
		m.Spans[i].End -= len(emotePrefix)
	}
	return m
}

// Parts returns the messages that m is shown as, one after another: what was
// said, then each file. Conversations shows a picture as such only if the body
// is nothing but its URL, and Gajim and Dino only the one that the message is
// about; so a file never shares a message with text or with another file.
func Parts(m bridge.Message) []bridge.Message {
	if len(m.Files) == 0 {
		return []bridge.Message{m}
	}
	var list []bridge.Message
	files := m.Files
	if m.Files = nil; m.Text != "" {
		list = append(list, m)
	}
	for i := range files {
		list = append(list, bridge.Message{Files: files[i : i+1 : i+1], Notice: m.Notice})
	}
	return list
}

// Append appends the content of a message stanza that says m: a body and what
// explains it. Of several files, or of one beside text, it writes only the
// URLs (see Parts). names may be nil: then people keep the names that they
// have in the text, and nobody is mentioned.
func Append(b []byte, m bridge.Message, names Names) []byte {
	if len(m.Spans)+len(m.Files) > 0 {
		return appendRich(b, m, names)
	}
	b = append(b, "<body>"...)
	b = append(b, prefix(m)...)
	b = wire.AppendText(b, m.Text)
	b = append(b, "</body>"...)
	if mayBeStyled(m.Text) && looksStyled(m.Text, m.Emote || m.Notice) {
		b = append(b, unstyled...)
	}
	return b
}

// Size is about how many bytes Append needs for m.
func Size(m bridge.Message) int {
	n := len(m.Text) + 64
	if len(m.Spans) > 0 {
		n += n + 64*len(m.Spans)
	}
	return n + 1024*len(m.Files)
}

// Plain takes out control characters but for line ends and tabs. What it
// leaves of s may share its memory.
func Plain(s string) string {
	if strings.IndexFunc(s, outOfPlace) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if r, keep := plainRune(s, i, r); keep {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func outOfPlace(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }

// plainRune tells what becomes of the character r, which stands in s at i.
func plainRune(s string, i int, r rune) (rune, bool) {
	if r == '\r' {
		return '\n', !strings.HasPrefix(s[i:], "\r\n")
	}
	return r, !outOfPlace(r)
}

// onlyNames reports whether a body says nothing but where the files are.
func onlyNames(text string, files []bridge.File) bool {
	if len(files) == 0 {
		return false
	}
	words := strings.Fields(text)
	return len(words) <= len(files) && !slices.ContainsFunc(words, func(w string) bool {
		return !slices.ContainsFunc(files, func(f bridge.File) bool { return f.URL == w })
	})
}
