package format

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// town is who is where in the tests.
type town struct{}

var (
	bob   = bridge.Person{Network: "matrix", ID: "@bob:server.org"}
	carl  = bridge.Person{Network: "libera", ID: "carl"}
	juli  = bridge.Person{Network: "xmpp", ID: "juliet@example.org"}
	ghost = bridge.Person{Network: "libera", ID: "ghost"}
)

func (town) Person(at jid.JID) (bridge.Person, bool) {
	who, ok := map[string]bridge.Person{
		"#go%net@gw.example/Bob B":         bob,
		"bob%server.org@matrix.gw.example": bob,
		"juliet@example.org":               juli,
	}[at.String()]
	return who, ok
}

func (town) Call(p bridge.Person) (string, jid.JID) {
	switch p {
	case bob:
		return "Bob B", jid.MustParse("#go%net@gw.example/Bob B")
	case carl:
		return "carl_", jid.JID{}
	case juli:
		return "", jid.MustParse("juliet@example.org")
	}
	return "", jid.JID{}
}

func read(t testing.TB, content string) bridge.Message {
	t.Helper()
	st, err := wire.Parse([]byte("<message>" + content + "</message>"))
	if err != nil {
		t.Fatalf("%v: %s", err, content)
	}
	return Parse(st.Element, town{})
}

func span(from, to int, style bridge.SpanStyle) bridge.Span {
	return bridge.Span{Start: from, End: to, Style: style}
}

func spans(list ...bridge.Span) []bridge.Span { return list }

func valued(from, to int, style bridge.SpanStyle, value string) bridge.Span {
	return bridge.Span{Start: from, End: to, Style: style, Value: value}
}

func mention(from, to int, who bridge.Person) bridge.Span {
	return bridge.Span{Start: from, End: to, Style: bridge.StyleMention, Person: who}
}

const (
	bold, italic, underline = bridge.StyleBold, bridge.StyleItalic, bridge.StyleUnderline
	strike, code, pre       = bridge.StyleStrike, bridge.StyleCode, bridge.StylePre
	quote, spoiler, link    = bridge.StyleQuote, bridge.StyleSpoiler, bridge.StyleLink
)

// The examples of XEP-0393, and what people write.
func TestStyling(t *testing.T) {
	for _, c := range []struct {
		body, text string
		spans      []bridge.Span
	}{
		{"hello", "hello", nil},
		{"*strong*", "strong", spans(span(0, 6, bold))},
		{"plain *strong* plain", "plain strong plain", spans(span(6, 12, bold))},
		{"*strong* plain *strong*", "strong plain strong", spans(span(0, 6, bold), span(13, 19, bold))},
		{"*strong*plain*", "strongplain*", spans(span(0, 6, bold))},
		{"* plain *strong*", "* plain strong", spans(span(8, 14, bold))},
		{"not strong*", "not strong*", nil},
		{"*not strong", "*not strong", nil},
		{"*not \n strong*", "*not \n strong*", nil},
		{"*not *strong", "*not *strong", nil},
		{"**", "**", nil},
		{"****", "****", nil},
		{"__init__ 2*3*4 https://x/_a_b", "__init__ 2*3*4 https://x/_a_b", nil},
		{"_emphasized *strong*_", "emphasized strong", spans(span(0, 17, italic), span(11, 17, bold))},
		{"*`mono`* `*mono*` ~gone~", "mono *mono* gone", spans(span(0, 4, bold), span(0, 4, code), span(5, 11, code), span(12, 16, strike))},
		{"~dis~likes", "dislikes", spans(span(0, 3, strike))},
		{"\u00a0*x*\u2003*y*", "\u00a0x\u2003y", spans(span(2, 3, bold), span(6, 7, bold))},
		{"> That that is, is.\n\nSaid the old hermit.", "That that is, is.\n\nSaid the old hermit.", spans(span(0, 17, quote))},
		{">> That is.\n> Said he.\n\nWho?", "That is.\nSaid he.\n\nWho?", spans(span(0, 17, quote), span(0, 8, quote))},
		{"> ```\n> code *x*\n\nplain", "code *x*\n\nplain", spans(span(0, 8, quote), span(0, 8, pre))},
		{"a\n```go\nfunc()\n\n  x\n```\nb *c*", "a\nfunc()\n\n  x\nb c", spans(valued(2, 13, pre, "go"), span(16, 17, bold))},
		{"```what is this\nx\n```", "what is this\nx", spans(span(0, 14, pre))},
		{"```\n\n```\ntext", "```\n\n```\ntext", nil},
		{"```one line```", "```one line```", nil},
		{"```\nopen", "open", spans(span(0, 4, pre))},
		{">", ">", nil},
		{"> \n>", "> \n>", nil},
		{">_<", ">_<", nil},
		{">= 5\n>so\n> 5", ">= 5\nso\n5", spans(span(5, 9, quote))},
		{strings.Repeat(">", 9) + "x", ">x", append(slicesRepeat(span(0, 2, quote), 7), span(0, 2, quote))},
	} {
		m := read(t, string(wire.AppendElement(nil, "body", c.body)))
		if m.Text != c.text || !reflect.DeepEqual(m.Spans, c.spans) {
			t.Errorf("%q\n got %q %v\nwant %q %v", c.body, m.Text, m.Spans, c.text, c.spans)
		}
		if looked := looksStyled(c.body, false); looked != (c.spans != nil) && !strings.HasPrefix(c.body, "```") && !strings.HasPrefix(c.body, ">") {
			t.Errorf("%q: looks styled: %v", c.body, looked)
		}
	}
}

func slicesRepeat(s bridge.Span, n int) (list []bridge.Span) {
	for range n {
		list = append(list, s)
	}
	return list
}

func xhtmlOf(s string) string {
	return "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>" + s + "</body></html>"
}

func TestParse(t *testing.T) {
	const (
		oob  = "<x xmlns='jabber:x:oob'><url>https://up.example/a.jpg</url></x>"
		sims = "<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'><media-type>image/jpeg</media-type><name>a.jpg</name><size>3032449</size><width>4096</width><height>-1</height><length>x</length></file><sources><jinglepub xmlns='urn:xmpp:jinglepub:1'/><url-data xmlns='http://jabber.org/protocol/url-data' target='https://up.example/a.jpg'/></sources></file-sharing>"
	)
	shared := []bridge.File{{URL: "https://up.example/a.jpg", Name: "a.jpg", Type: "image/jpeg", Size: 3032449, Width: 4096}}
	plain := []bridge.File{{URL: "https://up.example/a.jpg"}}
	for name, c := range map[string]struct {
		xml  string
		want bridge.Message
	}{
		"nothing":          {"<composing xmlns='http://jabber.org/protocol/chatstates'/>", bridge.Message{}},
		"control":          {"<body>a&#13;&#10;b\u0085&#13;c</body>", bridge.Message{Text: "a\nb\nc"}},
		"emote":            {"<body>/me *waves*</body>", bridge.Message{Text: "waves", Emote: true, Spans: spans(span(0, 5, bold))}},
		"quoting emote":    {"<body>/me > x\n> y</body>", bridge.Message{Text: "> x\ny", Emote: true, Spans: spans(span(4, 5, quote))}},
		"unstyled":         {"<body>*x*</body><unstyled xmlns='urn:xmpp:styling:0'/>", bridge.Message{Text: "*x*"}},
		"first body":       {"<body>a</body><body xml:lang='de'>b</body>", bridge.Message{Text: "a"}},
		"body elsewhere":   {"<forwarded xmlns='urn:xmpp:forward:0'><body xmlns='jabber:component:accept'>a</body></forwarded>", bridge.Message{}},
		"spoiler":          {"<spoiler xmlns='urn:xmpp:spoiler:0'>end</spoiler><body>dies *</body>", bridge.Message{Text: "dies *", Spans: spans(span(0, 6, spoiler))}},
		"oob":              {"<body>https://up.example/a.jpg</body>" + oob, bridge.Message{Files: plain}},
		"oob without body": {oob, bridge.Message{Files: plain}},
		"sfs":              {"<body>https://up.example/a.jpg\n</body>" + oob + sims, bridge.Message{Files: shared}},
		"captioned":        {"<body>look: https://up.example/a.jpg</body>" + sims, bridge.Message{Text: "look: https://up.example/a.jpg", Files: shared}},
		"no such url":      {"<body>aesgcm://up.example/a#1</body><x xmlns='jabber:x:oob'><url>aesgcm://up.example/a#1</url></x>", bridge.Message{Text: "aesgcm://up.example/a#1"}},
		"file fallback": {"<body>Look at *this*: https://up.example/a.jpg</body>" + sims + "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:sfs:0'><body start='14' end='40'/></fallback>",
			bridge.Message{Text: "Look at this", Spans: spans(span(8, 12, bold)), Files: shared}},
		"file fallback, all": {"<body>[picture]</body>" + sims + "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:sfs:0'/>", bridge.Message{Files: shared}},
		"reply's fallback stays": {"<body>> q\na</body><reply xmlns='urn:xmpp:reply:0' to='x' id='y'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='4'/></fallback>",
			bridge.Message{Text: "q\na", Spans: spans(span(0, 1, quote))}},
		"mention": {"<body>ö&#13;&#10; *Bob* hi</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='5' end='8' uri='xmpp:%23go%25net@gw.example/Bob%20B'/>",
			bridge.Message{Text: "ö\n Bob hi", Spans: spans(span(4, 7, bold), mention(4, 7, bob))}},
		"mention by address": {"<body>bob</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='3' uri='XMPP:bob%25server.org@matrix.gw.example?message'/>",
			bridge.Message{Text: "bob", Spans: spans(mention(0, 3, bob))}},
		"mention of nobody, nowhere": {"<body>bob</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='3' uri='xmpp:x@y'/>" +
			"<reference xmlns='urn:xmpp:reference:0' type='mention' begin='7' end='9' uri='xmpp:juliet@example.org'/><reference xmlns='urn:xmpp:reference:0' type='mention' begin='-1' end='9' uri='xmpp:juliet@example.org'/>" +
			"<reference xmlns='urn:xmpp:reference:0' type='data' begin='0' end='3' uri='xmpp:juliet@example.org'/>", bridge.Message{Text: "bob"}},
		"xhtml": {"<body>Hey, *you* (https://x.example)</body>" + xhtmlOf("<p>Hey, <span style='font-weight: bold; color: red'>you</span></p>"),
			bridge.Message{Text: "Hey, you", Spans: spans(span(5, 8, bold))}},
		"xhtml that says something else": {"<body>yes *so*</body>" + xhtmlOf("<p>no</p>"), bridge.Message{Text: "yes so", Spans: spans(span(4, 6, bold))}},
		"xhtml that says nothing":        {"<body>yes</body>" + xhtmlOf("<p> <br/></p>"), bridge.Message{Text: "yes"}},
		"xhtml blocks": {"<body>a b c d e 1. f 2. g</body>" + xhtmlOf("<p>a</p>\n<p>b\n  c</p><blockquote>d<pre>e\n</pre></blockquote><ol><li>f</li><li><u>g</u></li></ol>"),
			bridge.Message{Text: "a\nb c\nd\ne\n1. f\n2. g", Spans: spans(span(6, 9, quote), span(8, 9, pre), span(18, 19, underline))}},
		"xhtml links": {"<body>see this and Bob and evil</body>" + xhtmlOf("see <a href='https://x.example/?a&amp;b'>this</a> and <a href='xmpp:bob%25server.org@matrix.gw.example'>Bob</a> and <a href='javascript:x'>evil</a>"),
			bridge.Message{Text: "see this and Bob and evil", Spans: spans(valued(4, 8, link, "https://x.example/?a&b"), mention(13, 16, bob))}},
		"xhtml emote": {"<body>/me waves</body>" + xhtmlOf("<em>/me waves</em>"), bridge.Message{Text: "waves", Emote: true, Spans: spans(span(0, 5, italic))}},
		"xhtml with a reference": {"<body>hi Bob</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='3' end='6' uri='xmpp:juliet@example.org'/>" + xhtmlOf("hi <u>Bob</u>"),
			bridge.Message{Text: "hi Bob", Spans: spans(span(3, 6, underline), mention(3, 6, juli))}},
	} {
		if got := read(t, c.xml); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %s\n got %+v\nwant %+v", name, c.xml, got, c.want)
		}
	}
}

func TestAppend(t *testing.T) {
	const hint = "<unstyled xmlns='urn:xmpp:styling:0'/>"
	for name, c := range map[string]struct {
		m    bridge.Message
		want string
	}{
		"plain":         {bridge.Message{Text: "a <b>\x01"}, "<body>a &lt;b&gt;</body>"},
		"emote":         {bridge.Message{Text: "waves", Emote: true}, "<body>/me waves</body>"},
		"notice":        {bridge.Message{Text: "> psst", Notice: true}, "<body>[notice] &gt; psst</body>"},
		"looks styled":  {bridge.Message{Text: "*x*"}, "<body>*x*</body>" + hint},
		"looks quoted":  {bridge.Message{Text: ">x"}, "<body>&gt;x</body>" + hint},
		"looks like it": {bridge.Message{Text: "a_b_c 2*3*4 -> x"}, "<body>a_b_c 2*3*4 -&gt; x</body>"},
		"emote styled":  {bridge.Message{Text: "*x*", Emote: true}, "<body>/me *x*</body>" + hint},
		"spans": {bridge.Message{Text: "bold it code gone", Spans: spans(span(0, 5, bold), span(5, 7, italic), span(8, 12, code), span(13, 17, strike))},
			"<body>*bold* _it_ `code` ~gone~</body>" + xhtmlOf("<strong>bold </strong><em>it</em> <code>code</code> <span style='text-decoration: line-through;'>gone</span>")},
		"nested": {bridge.Message{Text: "bold it", Spans: spans(span(0, 7, bold), span(5, 7, italic))}, "<body>*bold _it_*</body>" + xhtmlOf("<strong>bold <em>it</em></strong>")},
		"lines":  {bridge.Message{Text: "a\nb", Spans: spans(span(0, 3, bold))}, "<body>*a*\n*b*</body>" + xhtmlOf("<strong>a<br/>b</strong>")},
		"blocks": {bridge.Message{Text: "x\n\ny z\ncode\n\n more\nend", Spans: spans(span(0, 6, quote), valued(7, 18, pre, "go"))},
			"<body>&gt; x\n&gt; \n&gt; y z\n```go\ncode\n\n more\n```\nend</body>"},
		"two quotes": {bridge.Message{Text: "a\nb\nc", Spans: spans(span(0, 1, quote), span(2, 3, quote))}, "<body>&gt; a\n&gt; b\nc</body>"},
		"within a word": {bridge.Message{Text: "undoable", Spans: spans(span(2, 4, bold))},
			"<body>undoable</body>" + xhtmlOf("un<strong>do</strong>able")},
		"underline": {bridge.Message{Text: "a b", Spans: spans(span(2, 3, underline))},
			"<body>a b</body>" + xhtmlOf("a <span style='text-decoration: underline;'>b</span>")},
		"misread": {bridge.Message{Text: "*a* b", Spans: spans(span(4, 5, bold))},
			"<body>*a* b</body>" + xhtmlOf("*a* <strong>b</strong>") + hint},
		"fence in code": {bridge.Message{Text: "a\n```\nb", Spans: spans(span(0, 7, pre))},
			"<body>```\na\n```\nb\n```</body>" + xhtmlOf("<pre>a\n```\nb</pre>") + hint},
		"link": {bridge.Message{Text: "see this", Spans: spans(valued(4, 8, link, "https://x.example/?a&b"))},
			"<body>see this (https://x.example/?a&amp;b)</body>" + xhtmlOf("see <a href='https://x.example/?a&amp;b'>this</a>")},
		"link that shows": {bridge.Message{Text: "x.example", Spans: spans(valued(0, 9, link, "https://x.example/"))}, "<body>x.example</body>"},
		"spoiler":         {bridge.Message{Text: "a b", Spans: spans(span(2, 3, spoiler))}, "<body>a b</body><spoiler xmlns='urn:xmpp:spoiler:0'/>"},
		"mention": {bridge.Message{Text: "ö bob: hi @carl, ghost", Spans: spans(span(0, 6, bold), mention(3, 6, bob), mention(11, 16, carl), mention(18, 23, ghost))},
			"<body>*ö Bob B*: hi carl_, ghost</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='3' end='8' uri='xmpp:%23go%25net@gw.example/Bob%20B'/>" +
				xhtmlOf("<strong>ö <a href='xmpp:%23go%25net@gw.example/Bob%20B'>Bob B</a></strong>: hi carl_, ghost")},
		"mention as said": {bridge.Message{Text: "/x @Bob B", Emote: true, Spans: spans(mention(3, 9, bob))},
			"<body>/me /x @Bob B</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='7' end='13' uri='xmpp:%23go%25net@gw.example/Bob%20B'/>"},
		"file": {bridge.Message{Files: []bridge.File{{URL: "https://x.example/a?b&c", Name: "<a>.png", Type: "image/png", Size: 7, Width: 2, Height: 3, Duration: 4}}},
			"<body>https://x.example/a?b&amp;c</body><x xmlns='jabber:x:oob'><url>https://x.example/a?b&amp;c</url></x>" +
				"<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'><media-type>image/png</media-type><name>&lt;a&gt;.png</name>" +
				"<size>7</size><width>2</width><height>3</height><length>4</length></file><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://x.example/a?b&amp;c'/></sources></file-sharing>"},
		"files, not in parts": {bridge.Message{Text: "two", Files: []bridge.File{{URL: "https://a/1"}, {URL: "https://a/2"}}}, "<body>two\nhttps://a/1\nhttps://a/2</body>"},
	} {
		if got := string(Append(nil, c.m, town{})); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestParts(t *testing.T) {
	one, two := bridge.File{URL: "https://a/1"}, bridge.File{URL: "https://a/2"}
	for _, c := range []struct {
		m    bridge.Message
		want []bridge.Message
	}{
		{bridge.Message{Text: "a", Emote: true}, []bridge.Message{{Text: "a", Emote: true}}},
		{bridge.Message{}, []bridge.Message{{}}},
		{bridge.Message{Files: []bridge.File{one}}, []bridge.Message{{Files: []bridge.File{one}}}},
		{bridge.Message{Text: "a", Emote: true, Spans: spans(span(0, 1, bold)), Files: []bridge.File{one, two}},
			[]bridge.Message{{Text: "a", Emote: true, Spans: spans(span(0, 1, bold))}, {Files: []bridge.File{one}}, {Files: []bridge.File{two}}}},
	} {
		if got := Parts(c.m); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v", got)
		}
	}
}

// A plain message costs no memory.
func TestPlainIsFree(t *testing.T) {
	m := bridge.Message{Text: strings.Repeat("what is said, at a_b@x -> y ", 6)}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b = Append(b[:0], m, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	st, err := wire.Parse([]byte("<message><body>" + strings.Repeat("what is said, ", 6) + "</body><origin-id xmlns='urn:xmpp:sid:0' id='x'/></message>"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Parse(st.Element, nil)
	}
}

func BenchmarkAppend(b *testing.B) {
	m := bridge.Message{Text: strings.Repeat("what is said, ", 6)}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], m, nil)
	}
}

// check checks what holds of every message that Parse returns.
func check(t *testing.T, m bridge.Message) {
	t.Helper()
	if strings.IndexFunc(m.Text, func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }) >= 0 {
		t.Errorf("control characters: %q", m.Text)
	}
	normal := bridge.Normalize(m.Text, append([]bridge.Span(nil), m.Spans...))
	if !reflect.DeepEqual(normal, m.Spans) && len(normal)+len(m.Spans) > 0 {
		t.Errorf("not normal: %q\n got %v\nwant %v", m.Text, m.Spans, normal)
	}
	for _, f := range m.Files {
		if !fetchable(f.URL) {
			t.Errorf("file at %q", f.URL)
		}
	}
}

// settles checks that the words stay after one round, and the spans after two:
// the first may leave XHTML-IM for styling, which cuts them into lines.
func settles(t *testing.T, m bridge.Message) (once bridge.Message) {
	t.Helper()
	once = again(t, m)
	twice := again(t, once)
	if thrice := again(t, twice); once.Text != twice.Text || !reflect.DeepEqual(twice, thrice) {
		t.Errorf("not stable\nonce   %q %+v\n as    %s\ntwice  %q %+v\nthrice %+v", once.Text, once.Spans, Append(nil, once, town{}), twice.Text, twice.Spans, thrice)
	}
	return once
}

// again parses what is rendered, and checks that it can be read.
func again(t *testing.T, m bridge.Message) bridge.Message {
	t.Helper()
	content := string(Append(nil, m, town{}))
	st, err := wire.Parse([]byte("<message>" + content + "</message>"))
	if err != nil {
		t.Fatalf("%v: %s", err, content)
	}
	back := Parse(st.Element, town{})
	check(t, back)
	return back
}

// FuzzParse: whatever a stanza holds, the message is sound.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"<body>*a _b_* `c`\n> q\n```go\nx\n```</body>",
		"<body>/me > x\n> ```\n>> y</body><unstyled xmlns='urn:xmpp:styling:0'/>",
		"<body>a b</body>" + xhtmlOf("a<br/><blockquote>b<pre> c\n</pre></blockquote><ul><li>d</li></ul><a href='https://x'>e</a>"),
		"<body>bob</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='3' uri='xmpp:juliet@example.org'/><spoiler xmlns='urn:xmpp:spoiler:0'/>",
		"<body>ab https://x/a</body><x xmlns='jabber:x:oob'><url>https://x/a</url></x><fallback xmlns='urn:xmpp:fallback:0' for='jabber:x:oob'><body start='2' end='99'/></fallback>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		st, err := wire.Parse([]byte("<message>" + content + "</message>"))
		if err != nil {
			return
		}
		m := Parse(st.Element, town{})
		check(t, m)
		for _, part := range Parts(m) {
			settles(t, part)
		}
	})
}

// FuzzAppend: whatever a message is, what is written can be read, and says the
// same.
func FuzzAppend(f *testing.F) {
	f.Add("a b\nc", []byte{0, 1, 0, 2, 5, 6, 3, 5, 1})
	f.Add("> a\n```\nb*c*", []byte{0, 3, 6, 4, 7, 5, 0, 12, 8})
	f.Add("bob, *x*", []byte{0, 3, 9, 5, 8, 0})
	f.Fuzz(func(t *testing.T, text string, bytes []byte) {
		m := bridge.Message{Text: Plain(strings.ToValidUTF8(text, "?"))}
		for ; len(bytes) >= 3 && len(m.Spans) < 30; bytes = bytes[3:] {
			s := bridge.Span{Start: int(bytes[0]), End: int(bytes[1]), Style: bridge.SpanStyle(bytes[2] % 10)}
			switch s.Style {
			case bridge.StyleLink:
				s.Value = "https://x.example/_a_"
			case bridge.StyleMention:
				s.Person = []bridge.Person{bob, carl, juli, ghost}[bytes[2]/10%4]
			case bridge.StylePre:
				s.Value = []string{"", "go", "no language"}[bytes[2]/10%3]
			}
			m.Spans = append(m.Spans, s)
		}
		m.Spans = bridge.Normalize(m.Text, m.Spans)
		m.Emote = len(bytes) > 0 && bytes[0]&1 > 0
		once := settles(t, m)
		if len(m.Spans) == 0 && !strings.ContainsFunc(m.Text, func(r rune) bool { return r >= 0xfffe }) && once.Text != m.Text && !strings.HasPrefix(m.Text, "/me ") {
			t.Errorf("%q became %q", m.Text, once.Text)
		}
	})
}

// However a message is made, reading it takes no more time than its length
// explains.
func TestHostile(t *testing.T) {
	const size = 64 << 10
	for _, unit := range []string{"*a ", " *a", "*_~`a`~_* ", "> ", ">", "> ```\n", "```\n", "*a*\n", "_a _b", "@", "\n"} {
		body := strings.Repeat(unit, size/len(unit))
		content := "<body>" + string(wire.AppendText(nil, body)) + "</body>"
		for range 200 {
			content += "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='1' end='9999999' uri='xmpp:juliet@example.org'/>" +
				"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:spoiler:0'><body start='7' end='9'/></fallback>"
		}
		content += "<spoiler xmlns='urn:xmpp:spoiler:0'/>" + xhtmlOf(strings.Repeat("<b>a</b><blockquote/>", 1000))
		start := time.Now()
		m := read(t, content)
		check(t, m)
		again(t, m)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%q: %v", unit, took)
		} else {
			t.Logf("%q: %v", unit, took)
		}
	}
}
