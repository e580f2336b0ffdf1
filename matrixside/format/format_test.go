package format

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

var in = In{
	Person: func(u id.UserID) bridge.Person { return bridge.Person{Network: "matrix", ID: string(u)} },
	URL: func(uri id.ContentURI, name string) string {
		return "https://media.example.org/" + uri.FileID + "/" + name
	},
}

var out = Out{User: func(p bridge.Person) (id.UserID, string) {
	if u := id.UserID(p.ID); p.Network == "matrix" && userOf(link(pill(u))) == u {
		return u, ""
	}
	return "", ""
}}

// marked shows spans within the text: [bold: …].
func marked(m bridge.Message) string {
	names := map[bridge.SpanStyle]string{bridge.StyleBold: "b", bridge.StyleItalic: "i", bridge.StyleUnderline: "u", bridge.StyleStrike: "s",
		bridge.StyleCode: "code", bridge.StylePre: "pre", bridge.StyleQuote: "q", bridge.StyleSpoiler: "hide", bridge.StyleLink: "a", bridge.StyleMention: "@"}
	var b strings.Builder
	for i := 0; i <= len(m.Text); i++ {
		for _, s := range slices.Backward(m.Spans) {
			if s.End == i {
				b.WriteByte('}')
			}
		}
		for _, s := range m.Spans {
			if s.Start == i {
				b.WriteString("{" + names[s.Style])
				if v := s.Value + s.Person.ID; v != "" {
					b.WriteString("=" + v)
				}
				b.WriteByte(' ')
			}
		}
		if i < len(m.Text) {
			b.WriteByte(m.Text[i])
		}
	}
	return b.String()
}

func TestHTML(t *testing.T) {
	for source, want := range map[string]string{
		"a\nb":                 "a b",
		"  a \n <b> b </b> c ": "a {b b} c",
		"<p>a</p>\n<p>b</p>":   "a\n\nb",
		"a<br>b<br/>\n<br/>c":  "a\nb\n\nc",
		"<strong>a<em>b</em></strong><u>c</u><del>d</del><s>e</s>": "{b a{i b}}{u c}{s d}{s e}",
		"<code>a &lt; b</code>":  "{code a < b}",
		"a&nbsp;&nbsp;b&nbsp; c": "a  b c",
		"<h1>Title</h1>text":     "{b Title}\n\ntext",
		"<ul><li>a</li><li><p>b</p><ul><li>c</li></ul></li></ul>d":                    "• a\n• b\n\n  • c\nd",
		`<ol start="3"><li>a</li><li>b</li></ol>`:                                     "3. a\n4. b",
		"<ol start=-5><li>a</ol>":                                                     "1. a",
		"<blockquote>\n<p>a<br>b</p>\n</blockquote>\nc":                               "{q a\nb}\n\nc",
		"x<blockquote>a<blockquote>b</blockquote></blockquote>y":                      "x\n{q a\n{q b}}\ny",
		"x<pre><code class=\"language-go\">\nfunc a() {\n\treturn\n}\n</code></pre>y": "x\n{pre=go func a() {\n\treturn\n}}\ny",
		"<pre>a<br>b <b>c</b></pre>":                                                  "{pre a\nb c}",
		`<pre><code class="hljs language-a&quot;b">x</code></pre>`:                    "{pre x}",
		"a<hr>b": "a\n---\nb",
		"<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td> <td><b>2</b></td></tr></table>":  "a | b\n1 | {b 2}",
		`<a href="https://example.org/?a&amp;b">here</a>`:                                                          "{a=https://example.org/?a&b here}",
		`<a href="javascript:alert(1)">x</a><a href="data:text/html,x">y</a><a href="//example.org">z</a><a>w</a>`: "xyzw",
		`<a href=" MAILTO:a@example.org ">x</a>`:                                                                   "{a=MAILTO:a@example.org x}",
		`<a href="https://matrix.to/#/@bob:server.org">Bob</a>: hi`:                                                "{@=@bob:server.org Bob}: hi",
		`<a href="https://matrix.to/#/%40bob%3Aserver.org?via=a">Bob</a>`:                                          "{@=@bob:server.org Bob}",
		`<a href="https://matrix.to/#/@xmpp_a_b%2F=4eick:server.org">Nick</a>`:                                     "{@=@xmpp_a_b/=4eick:server.org Nick}",
		`<a href="https://matrix.to/#/@xmpp_a_b/=4eick:server.org">Nick</a>`:                                       "{@=@xmpp_a_b/=4eick:server.org Nick}",
		`<a href="matrix:u/bob:server.org">Bob</a>`:                                                                "{@=@bob:server.org Bob}",
		`<a href="https://matrix.to/#/#room:server.org">room</a>`:                                                  "{a=https://matrix.to/#/#room:server.org room}",
		`<a href="https://evilmatrix.to/#/@bob:server.org">Bob</a>`:                                                "{a=https://evilmatrix.to/#/@bob:server.org Bob}",
		`<a href="https://matrix.to/#/@bob">Bob</a>`:                                                               "{a=https://matrix.to/#/@bob Bob}",
		`<img data-mx-emoticon src="mxc://a/b" alt=":wave:"> <img src="mxc://a/b" title="cat"><img>`:               ":wave: cat[image]",
		`<span data-mx-spoiler>x</span> <span data-mx-spoiler="film">y</span>`:                                     "{hide x} (film) {hide y}",
		`<span data-mx-color="#ff0000">x</span><font color="red">y</font>`:                                         "xy",
		`<span data-mx-maths="x^2"></span>`:                                                                        "x^2",
		`<details><summary>s</summary>t</details>`:                                                                 "s\nt",
		`<mx-reply><blockquote>old</blockquote></mx-reply>new`:                                                     "new",
		`<script>x</script><style>y</style><iframe>z</iframe><!-- c -->t`:                                          "t",
		"<b>a<blockquote>b</blockquote>c</b>":                                                                      "{b a\n{q b}\nc}",
		"a\x01\u0085b":                                                                                             "ab",
		"<b> </b>x<i></i>":                                                                                         "x",
		"<unknown>x</unknown>":                                                                                     "x",
		"5 &lt; 6 &amp;amp; 7":                                                                                     "5 < 6 &amp; 7",
	} {
		text, spans, ok := fromHTML(source, in)
		if got := marked(bridge.Message{Text: text, Spans: spans}); got != want || !ok {
			t.Errorf("%q:\n got %q, %v\nwant %q", source, got, ok, want)
		}
	}
	for _, source := range []string{"", " ", "<br>", "<b></b>", strings.Repeat("<i>", 600) + "x", strings.Repeat("x", maxHTML+1)} {
		if text, _, ok := fromHTML(source, in); ok {
			t.Errorf("%.20q: got %.20q", source, text)
		}
	}
}

func eventOf(t testing.TB, kind, content string) *event.Event {
	var e event.Event
	quoted, _ := json.Marshal(kind)
	if err := json.Unmarshal([]byte(fmt.Sprintf(`{"type":%s,"event_id":"$1","sender":"@bob:server.org","content":%s}`, quoted, content)), &e); err != nil {
		t.Fatal(err)
	}
	return &e
}

func TestParse(t *testing.T) {
	const msg = "m.room.message"
	for _, c := range []struct {
		kind, content string
		want          string // "" for nothing
	}{
		{msg, `{"msgtype":"m.text","body":"hi\r\nyou \u0007"}`, "hi\nyou"},
		{msg, `{"msgtype":"m.text","body":"*hi*","format":"org.matrix.custom.html","formatted_body":"<b>hi</b>"}`, "{b hi}"},
		{msg, `{"msgtype":"m.text","body":"*hi*","format":"org.example","formatted_body":"<b>hi</b>"}`, "*hi*"},
		{msg, `{"msgtype":"m.text","body":"*hi*","format":"org.matrix.custom.html","formatted_body":"<img"}`, "*hi*"},
		{msg, `{"msgtype":"m.emote","body":"waves"}`, "EMOTE waves"},
		{msg, `{"msgtype":"m.notice","body":"bot"}`, "NOTICE bot"},
		{msg, `{"msgtype":"m.text","body":"  "}`, ""},
		{msg, `{}`, ""},
		{msg, `{"msgtype":"m.text","body":"> <@a:b> old\n> more\n\nnew","m.relates_to":{"m.in_reply_to":{"event_id":"$0"}}}`, "new"},
		{msg, `{"msgtype":"m.text","body":"> <@a:b> old\n\nnew"}`, "> <@a:b> old\n\nnew"},
		{msg, `{"msgtype":"m.text","body":"* new","m.new_content":{"msgtype":"m.text","body":"x","format":"org.matrix.custom.html","formatted_body":"<b>new</b>"},"m.relates_to":{"rel_type":"m.replace","event_id":"$0"}}`, "* {b new}"},
		{msg, `{"msgtype":"org.example.odd","body":"odd"}`, "odd"},
		{msg, `{"msgtype":"org.example.odd","body":""}`, "[org.example.odd]"},
		{msg, `{"msgtype":"m.key.verification.request","body":"bob wants to verify"}`, "bob wants to verify"},
		{msg, `{"msgtype":"m.location","body":"Here","geo_uri":"geo:1,2"}`, "Here\ngeo:1,2"},
		{msg, `{"msgtype":"m.location","body":"at geo:1,2","geo_uri":"geo:1,2"}`, "at geo:1,2"},
		{msg, `{"msgtype":"m.text","body":"hi","info":{"w":"x"}}`, "hi"},
		{msg, `{"msgtype":"m.text","body":["hi"]}`, ""},
		{msg, `{"msgtype":"m.image","body":"cat.jpg","url":"mxc://s/1","info":{"mimetype":"IMAGE/jpeg; x","size":12,"w":3,"h":4.0}}`,
			"FILE https://media.example.org/1/cat.jpg cat.jpg image/jpeg 12 3x4 0"},
		{msg, `{"msgtype":"m.image","body":"look","filename":"cat.jpg","url":"mxc://s/1","format":"org.matrix.custom.html","formatted_body":"<i>look</i>"}`,
			"{i look}FILE https://media.example.org/1/cat.jpg cat.jpg  0 0x0 0"},
		{msg, `{"msgtype":"m.video","body":"a/b\\c.mp4","filename":"a/b\\c.mp4","url":"mxc://s/1","info":{"mimetype":"video","duration":1500,"size":-1}}`,
			"FILE https://media.example.org/1/a b c.mp4 a b c.mp4  0 0x0 1500"},
		{msg, `{"msgtype":"m.file","body":"","url":"mxc://s/1"}`, "FILE https://media.example.org/1/file file  0 0x0 0"},
		{msg, `{"msgtype":"m.image","body":"cat.jpg","url":"https://example.org/cat.jpg"}`, "[image] cat.jpg"},
		{msg, `{"msgtype":"m.image","body":"look","filename":"cat.jpg","file":{"url":"mxc://s/1"},"format":"org.matrix.custom.html","formatted_body":"<i>look</i>"}`, "[encrypted image] cat.jpg\n{i look}"},
		{"m.sticker", `{"body":"Landing","url":"mxc://s/1","info":{"mimetype":"image/png"}}`, "FILE https://media.example.org/1/Landing.png Landing.png image/png 0 0x0 0"},
		{"org.matrix.msc3381.poll.start", `{"org.matrix.msc3381.poll.start":{"question":{"org.matrix.msc1767.text":"Tea?"},"answers":[{"id":"1","org.matrix.msc1767.text":"yes"},{"id":"2","org.matrix.msc1767.text":"no"}]}}`, "Poll: Tea?\n1. yes\n2. no"},
		{"m.poll.start", `{"m.poll.start":{"question":{"m.text":[{"body":"Tea?"}]},"answers":[{"m.text":[{"mimetype":"text/html","body":"<b>y</b>"},{"body":"yes"}]}]}}`, "Poll: Tea?\n1. yes"},
		{"m.poll.start", `{"m.poll.start":7,"m.text":[{"body":"fallback"}]}`, "fallback"},
		{"m.poll.response", `{"m.relates_to":{"rel_type":"m.reference"},"m.text":"x"}`, ""},
		{"org.matrix.msc3381.poll.end", `{"m.relates_to":{"rel_type":"m.reference"},"org.matrix.msc1767.text":"Ended the poll"}`, "Ended the poll"},
		{"org.example.odd", `{"body":"odd"}`, "odd"},
		{"org.example.odd", `{"x":1}`, "[org.example.odd]"},
		{"org.example.odd", `{"m.relates_to":{"rel_type":"m.reference"}}`, ""},
		{"m.call.invite", `{}`, "[m.call.invite]"},
		{"m.call.candidates", `{}`, ""},
		{"m.reaction", `{"m.relates_to":{"rel_type":"m.annotation","key":"x"}}`, ""},
		{"m.room.redaction", `{"body":"x"}`, ""},
		{"m.room.encrypted", `{"body":"x"}`, ""},
	} {
		e := eventOf(t, c.kind, c.content)
		before, _ := json.Marshal(e)
		m, ok := Parse(e, in)
		got := marked(m)
		if m.Emote {
			got = "EMOTE " + got
		}
		if m.Notice {
			got = "NOTICE " + got
		}
		for _, f := range m.Files {
			got += fmt.Sprintf("FILE %s %s %s %d %dx%d %d", f.URL, f.Name, f.Type, f.Size, f.Width, f.Height, f.Duration)
		}
		if !ok {
			got = ""
		}
		if got != c.want || ok != (c.want != "") || m.Native != "$1" && ok {
			t.Errorf("%s %s:\n got %q, %v\nwant %q", c.kind, c.content, got, ok, c.want)
		}
		if after, _ := json.Marshal(e); string(after) != string(before) {
			t.Errorf("%s %s: the event changed", c.kind, c.content)
		}
	}
	state := ""
	e := eventOf(t, "m.room.name", `{"name":"x","body":"y"}`)
	e.StateKey = &state
	if m, ok := Parse(e, in); ok {
		t.Errorf("state is %v", m)
	}
	e = eventOf(t, "m.room.message", `{"msgtype":"m.text","body":"x"}`)
	if err := e.Content.ParseRaw(event.EventMessage); err != nil {
		t.Fatal(err)
	}
	if m, ok := Parse(e, In{}); !ok || m.Text != "x" {
		t.Errorf("parsed before: %v, %v", m, ok)
	}
}

func TestRender(t *testing.T) {
	bob := bridge.Person{Network: "matrix", ID: "@bob:server.org"}
	for _, c := range []struct {
		m          bridge.Message
		body, html string
	}{
		{bridge.Message{Text: "plain <b>\n  x"}, "plain <b>\n  x", ""},
		{bridge.Message{Text: "a b", Spans: []bridge.Span{{Start: 2, End: 3}}}, "a b", "a <strong>b</strong>"},
		{bridge.Message{Text: "a  <\n b", Spans: []bridge.Span{{Start: 3, End: 4}}}, "a  <\n b", "a&#160;&#160;<strong>&lt;</strong><br/>&#160;b"},
		{bridge.Message{Text: "x\na\nb\n\ny", Spans: []bridge.Span{{Start: 2, End: 5, Style: bridge.StyleQuote}}}, "x\n> a\n> b\n\ny", "x<br/><blockquote>a<br/>b</blockquote><br/>y"},
		{bridge.Message{Text: "a\nb", Spans: []bridge.Span{{End: 3, Style: bridge.StyleQuote}, {Start: 2, End: 3, Style: bridge.StyleQuote}}}, "> a\n> > b", "<blockquote>a<br/><blockquote>b</blockquote></blockquote>"},
		{bridge.Message{Text: "a\n\tb", Spans: []bridge.Span{{End: 4, Style: bridge.StylePre, Value: "go"}, {End: 1}}}, "a\n\tb", "<pre><code class=\"language-go\">a\n\tb</code></pre>"},
		{bridge.Message{Text: "here", Spans: []bridge.Span{{End: 4, Style: bridge.StyleLink, Value: `https://a/?"&b`}}}, `here (https://a/?"&b)`, `<a href="https://a/?&#34;&amp;b">here</a>`},
		{bridge.Message{Text: "https://a/", Spans: []bridge.Span{{End: 10, Style: bridge.StyleLink, Value: "https://a/"}}}, "https://a/", `<a href="https://a/">https://a/</a>`},
		{bridge.Message{Text: "x", Spans: []bridge.Span{{End: 1, Style: bridge.StyleLink, Value: "javascript:x"}}}, "x", ""},
		{bridge.Message{Text: "bob: hi", Spans: []bridge.Span{{End: 3, Style: bridge.StyleMention, Person: bob}}}, "Bob: hi", `<a href="https://matrix.to/#/@bob:server.org">Bob</a>: hi`},
		{bridge.Message{Text: "x", Spans: []bridge.Span{{End: 1, Style: bridge.StyleMention, Person: bridge.Person{Network: "libera", ID: "x"}}}}, "x", ""},
		{bridge.Message{Text: "s", Spans: []bridge.Span{{End: 1, Style: bridge.StyleSpoiler}}}, "s", "<span data-mx-spoiler>s</span>"},
	} {
		got := Render(c.m, Out{User: func(p bridge.Person) (id.UserID, string) {
			if p == bob {
				return "@bob:server.org", "Bob"
			}
			return "", ""
		}})
		if len(got) != 1 || got[0].Body != c.body || got[0].FormattedBody != c.html || got[0].MsgType != event.MsgText {
			t.Errorf("%+v:\n got %+v\nwant %q %q", c.m, got[0], c.body, c.html)
		}
		if mentioned := strings.Contains(c.html, "matrix.to"); mentioned != got[0].Mentions.Has("@bob:server.org") || mentioned != (got[0].Mentions != nil) {
			t.Errorf("%+v: mentions %+v", c.m, got[0].Mentions)
		}
	}
	if got := Render(bridge.Message{Text: "\n"}, out); got != nil {
		t.Errorf("%+v", got)
	}
	if got := Render(bridge.Message{Text: "x", Emote: true}, out); got[0].MsgType != event.MsgEmote {
		t.Errorf("%+v", got[0])
	}
	if got := Render(bridge.Message{Text: "x", Notice: true}, out); got[0].MsgType != event.MsgNotice {
		t.Errorf("%+v", got[0])
	}
}

func TestLong(t *testing.T) {
	line := strings.Repeat("é", 30) + "\n"
	for _, c := range []struct {
		m    bridge.Message
		most int // events
	}{
		{bridge.Message{Text: strings.Repeat(line, 2000)}, 4},
		{bridge.Message{Text: strings.Repeat("é", 50000)}, 4},
		{bridge.Message{Text: strings.Repeat(`"`, 32<<10)}, 2},
		{bridge.Message{Text: strings.Repeat("a b ", 8000), Spans: []bridge.Span{{End: 32000}, {End: 31000, Style: bridge.StyleItalic}}}, 2},
	} {
		parts := Render(c.m, out)
		if len(parts) < 2 || len(parts) > c.most {
			t.Errorf("%.10q: %d parts", c.m.Text, len(parts))
		}
		var all []string
		for _, p := range parts {
			if b, _ := json.Marshal(p); len(p.Body) > maxText || jsonLen(p.Body)+jsonLen(p.FormattedBody) > maxContent || len(b) < len(p.Body) {
				t.Errorf("%.10q: part of %d bytes", c.m.Text, len(p.Body))
			}
			if (p.FormattedBody != "") != (c.m.Spans != nil) {
				t.Errorf("%.10q: formatting lost", c.m.Text)
			}
			all = append(all, p.Body)
		}
		squash := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if squash(strings.Join(all, "")) != squash(c.m.Text) {
			t.Errorf("%.10q: not all is there", c.m.Text)
		}
	}
	// Links that are longer than all text.
	m := bridge.Message{Text: strings.Repeat("x", 900)}
	for i := range 900 {
		m.Spans = append(m.Spans, bridge.Span{Start: i, End: i + 1, Style: bridge.StyleLink, Value: "https://a/" + strings.Repeat("y", 1900)})
	}
	if parts := Render(m, out); len(parts) != 1 || parts[0].Body != m.Text || parts[0].FormattedBody != "" {
		t.Errorf("%d parts", len(parts))
	}
}

func TestFiles(t *testing.T) {
	uri := id.MustParseContentURI("mxc://s/1")
	for kind, want := range map[string]event.MessageType{"image/png": event.MsgImage, "image/svg+xml": event.MsgFile, "video/mp4": event.MsgVideo,
		"audio/ogg": event.MsgAudio, "text/plain": event.MsgFile, "": event.MsgFile} {
		f := bridge.File{Name: "a", Type: kind, Size: 5, Width: 1, Height: 2, Duration: 3}
		c := File(f, uri)
		if c.MsgType != want || c.URL != "mxc://s/1" || c.Body != "a" || c.Info.MimeType != kind || c.Info.Size != 5 || c.Info.Width != 1 || c.Info.Height != 2 || c.Info.Duration != 3 {
			t.Errorf("%s: %+v", kind, c)
		}
	}
	for want, f := range map[string]bridge.File{"a b": {Name: " a\n b/"}, "c.jpg": {URL: "https://x/a/c.jpg?d"}, "file": {URL: "https://x/"}} {
		if got := Name(f); got != want {
			t.Errorf("%+v: %q", f, got)
		}
	}
	if got := Links([]bridge.File{{URL: "https://x/a.jpg"}, {URL: "https://x/b", Name: "cat"}, {URL: "https://x/a%20b.jpg", Name: "a b.jpg"}}); got.Text != "https://x/a.jpg\ncat: https://x/b\nhttps://x/a%20b.jpg" {
		t.Errorf("%q", got.Text)
	}
}

// wellFormed checks that source has only tags that Render makes, closed in order.
func wellFormed(t *testing.T, source string) {
	allowed := map[string]bool{"strong": true, "em": true, "u": true, "del": true, "code": true, "pre": true, "blockquote": true, "span": true, "a": true, "br": true}
	var open []string
	for z := html.NewTokenizer(strings.NewReader(source)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		token := z.Token()
		switch kind {
		case html.TextToken:
			continue
		case html.StartTagToken:
			open = append(open, token.Data)
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Fatalf("%q: </%s> in %v", source, token.Data, open)
			}
			open = open[:len(open)-1]
		case html.SelfClosingTagToken:
		default:
			t.Fatalf("%q: %v", source, token)
		}
		if !allowed[token.Data] {
			t.Fatalf("%q: <%s>", source, token.Data)
		}
		for _, a := range token.Attr {
			switch {
			case token.Data == "a" && a.Key == "href" && link(a.Val) != nil:
			case token.Data == "code" && a.Key == "class" && isLanguage(strings.TrimPrefix(a.Val, languagePrefix)):
			case token.Data == "span" && a.Key == "data-mx-spoiler" && a.Val == "":
			default:
				t.Fatalf("%q: %s=%q in <%s>", source, a.Key, a.Val, token.Data)
			}
		}
	}
	if len(open) > 0 {
		t.Fatalf("%q: %v open", source, open)
	}
}

func checkSpans(t *testing.T, m bridge.Message) {
	if got := bridge.Normalize(m.Text, slices.Clone(m.Spans)); !reflect.DeepEqual(got, m.Spans) {
		t.Fatalf("%q: %v is not normal: %v", m.Text, m.Spans, got)
	}
	if clean(m.Text) != m.Text {
		t.Fatalf("%q is not clean", m.Text)
	}
}

// again renders m and parses what it gets.
func again(t *testing.T, m bridge.Message) (bridge.Message, bool) {
	parts := Render(m, out)
	if len(parts) != 1 {
		return m, false
	}
	wellFormed(t, parts[0].FormattedBody)
	raw, err := json.Marshal(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	back, ok := Parse(eventOf(t, "m.room.message", string(raw)), in)
	checkSpans(t, back)
	back.Native = ""
	return back, ok
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{"<p>a</p><ul><li>b<ol><li>c", `<a href="https://matrix.to/#/@a:b">x</a><pre><code class="language-go">y`,
		"a<blockquote><b>b<br><br></blockquote>c", "<table><td>a<td>b", "<span data-mx-spoiler=x>y</span>&nbsp; <b> <i>x </b></i>", "<mx-reply>x</mx-reply><h1>y<hr>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, spans, ok := fromHTML(source, in)
		if !ok {
			return
		}
		m := bridge.Message{Text: text, Spans: spans}
		checkSpans(t, m)
		first, ok := again(t, m)
		if !ok {
			return
		}
		if second, ok := again(t, first); ok && !reflect.DeepEqual(first, second) {
			t.Fatalf("%q\n became %q\n then %q\n and %q", source, marked(m), marked(first), marked(second))
		}
	})
}

func FuzzRender(f *testing.F) {
	f.Add("hello big\n\nworld", []byte{0, 5, 0, 6, 9, 6, 2, 9, 8})
	f.Add("  a\tb  \n", []byte{0, 3, 5, 1, 4, 6})
	f.Add("a\nb\nc\n", []byte{2, 3, 5, 4, 5, 6, 0, 6, 0})
	f.Fuzz(func(t *testing.T, text string, layout []byte) {
		m := bridge.Message{Text: clean(text)}
		for ; len(layout) >= 3; layout = layout[3:] {
			s := bridge.Span{Start: int(layout[0]), End: int(layout[1]), Style: bridge.SpanStyle(layout[2] % 10)}
			switch s.Style {
			case bridge.StyleLink:
				s.Value = "https://example.org/?a=\"&b"
			case bridge.StyleMention:
				s.Person = bridge.Person{Network: "matrix", ID: "@a/b:c"}
			case bridge.StylePre:
				s.Value = "go"
			}
			m.Spans = append(m.Spans, s)
		}
		m.Spans = bridge.Normalize(m.Text, m.Spans)
		first, ok := again(t, m)
		if !ok {
			return
		}
		if second, ok := again(t, first); ok && !reflect.DeepEqual(first, second) {
			t.Fatalf("%q\n became %q\n then %q", marked(m), marked(first), marked(second))
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add("m.room.message", `{"msgtype":"m.image","body":"a","url":"mxc://a/b","info":{"w":1}}`)
	f.Add("m.poll.start", `{"m.poll.start":{"question":{"m.text":[{"body":"x"}]},"answers":[1,{}]}}`)
	f.Add("x", `{"m.text":[null,{"body":1}]}`)
	f.Fuzz(func(t *testing.T, kind, content string) {
		if !json.Valid([]byte(content)) || !strings.HasPrefix(content, "{") {
			return
		}
		m, ok := Parse(eventOf(t, kind, content), in)
		checkSpans(t, m)
		if ok && strings.TrimSpace(m.Text) == "" && len(m.Files) == 0 {
			t.Fatalf("%s %s says nothing", kind, content)
		}
	})
}
