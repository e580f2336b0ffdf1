package wire

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"isthmus/xmppside/jid"
)

// groupchat is the message that the project's figures are for.
const groupchat = `<message xmlns='jabber:component:accept' from='alice@example.org/phone-4f3a' to='#channel%libera@irc.example.org' type='groupchat' id='b7c1f0a2-93d4-4d5e-8f00-1a2b3c4d5e6f' xml:lang='en'><body>Has anyone of you seen what the new release does with &lt;presence/&gt;?</body><origin-id xmlns='urn:xmpp:sid:0' id='b7c1f0a2-93d4-4d5e-8f00-1a2b3c4d5e6f'/></message>`

func parseString(t *testing.T, s string) Stanza {
	t.Helper()
	st, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return st
}

func TestParseStanza(t *testing.T) {
	st := parseString(t, groupchat)
	want := Header{
		Kind: Message, From: jid.MustParse("alice@example.org/phone-4f3a"), To: jid.MustParse("#channel%libera@irc.example.org"),
		ID: "b7c1f0a2-93d4-4d5e-8f00-1a2b3c4d5e6f", Type: "groupchat", Lang: "en",
	}
	if st.Header != want {
		t.Errorf("header %+v", st.Header)
	}
	if got := st.ChildText(NSComponent, "body"); got != "Has anyone of you seen what the new release does with <presence/>?" {
		t.Errorf("body %q", got)
	}
	var names []string
	for c := range st.Children() {
		names = append(names, c.Space+" "+c.Local)
	}
	if got := strings.Join(names, ","); got != "jabber:component:accept body,urn:xmpp:sid:0 origin-id" {
		t.Errorf("children %s", got)
	}
	origin, ok := st.Child("urn:xmpp:sid:0", "origin-id")
	if !ok || origin.Attr("id") != want.ID || origin.Attr("none") != "" {
		t.Errorf("origin-id %v", origin)
	}
}

// What strangers tried on others: see the reasons beside them.
func TestForgeries(t *testing.T) {
	st := parseString(t, `<message xmlns:e='urn:e' e:from='admin@x' from='eve@x/1' e:to='b@x' to='a@x' e:type='error'>`+
		`<wrap xmlns='urn:w'><body xmlns='jabber:component:accept'>nested</body><message xmlns='jabber:component:accept' from='admin@x'/></wrap>`+
		`<body xmlns='urn:other'>other</body><body>first</body><body>second</body></message>`)
	if st.From.String() != "eve@x/1" || st.To.String() != "a@x" || st.Type != "" {
		t.Errorf("header from an attribute of another namespace: %+v", st.Header)
	}
	if got := st.ChildText(NSComponent, "body"); got != "first" {
		t.Errorf("body %q", got)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{`plain`, `plain`},
		{``, ``},
		{`&lt;&gt;&amp;&apos;&quot;`, `<>&'"`},
		{`&#65;&#x1F600;&#xa;`, "A😀\n"},
		{"a\r\nb\rc\n", "a\nb\nc\n"},
		{`a<![CDATA[<b>&amp;]]]]><![CDATA[>]]>c`, `a<b>&amp;]]>c`},
		{`one<x/>two<x>no</x>three`, `onetwothree`},
		{`>'"`, `>'"`},
	} {
		st := parseString(t, `<message><body>`+c.in+`</body></message>`)
		if got := st.ChildText(NSComponent, "body"); got != c.out {
			t.Errorf("%q: %q, want %q", c.in, got, c.out)
		}
	}
}

func TestBadStanzas(t *testing.T) {
	head := `<message from='a@b/c' id='1'>`
	for _, c := range []struct {
		in        string
		condition Condition
	}{
		{head + `<!--x--></message>`, ConditionBadRequest},
		{head + `<?x?></message>`, ConditionBadRequest},
		{head + `<!DOCTYPE x></message>`, ConditionBadRequest},
		{head + `&nbsp;</message>`, ConditionBadRequest},
		{head + `&#0;</message>`, ConditionBadRequest},
		{head + `&#xD800;</message>`, ConditionBadRequest},
		{head + `&amp</message>`, ConditionBadRequest},
		{head + "\x01</message>", ConditionBadRequest},
		{head + "\xff</message>", ConditionBadRequest},
		{head + "\uFFFE</message>", ConditionBadRequest},
		{head + `]]></message>`, ConditionBadRequest},
		{head + `<a></b></message>`, ConditionBadRequest},
		{head + `<a x='1' x='2'/></message>`, ConditionBadRequest},
		{head + `<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/></message>`, ConditionBadRequest},
		{head + `<a x='1'y='2'/></message>`, ConditionBadRequest},
		{head + `<a x/></message>`, ConditionBadRequest},
		{head + `<a x=1/></message>`, ConditionBadRequest},
		{head + `<a x='<'/></message>`, ConditionBadRequest},
		{head + `<p:a/></message>`, ConditionBadRequest},
		{head + `<a p:x='1'/></message>`, ConditionBadRequest},
		{head + `<a:b:c xmlns:a='u'/></message>`, ConditionBadRequest},
		{head + `<a xmlns:p=''/></message>`, ConditionBadRequest},
		{head + `<a xmlns:xml='u'/></message>`, ConditionBadRequest},
		{head + `<1/></message>`, ConditionBadRequest},
		{head + strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64) + `</message>`, ConditionPolicyViolation},
		{head + strings.Repeat("<a/>", 8192) + `</message>`, ConditionPolicyViolation},
		{head + strings.Repeat("<a "+declarations(32)+">", 8) + strings.Repeat("</a>", 8) + `</message>`, ConditionPolicyViolation},
		{`<message from='a@b/c' id='1' xml:lang='` + strings.Repeat("x", 1025) + `'/>`, ConditionPolicyViolation},
		{`<message from='a@b/c' id='1' type='` + strings.Repeat("x", 1025) + `'/>`, ConditionPolicyViolation},
		{`<message from='a@b/c' id='1' to='a b@c'/>`, ConditionJIDMalformed},
	} {
		_, err := Parse([]byte(c.in))
		var b *BadStanza
		if !errors.As(err, &b) {
			t.Errorf("%.60q: %v", c.in, err)
			continue
		}
		if b.Condition != c.condition || b.Header.From.String() != "a@b/c" || b.Header.ID != "1" || b.Header.Kind != Message {
			t.Errorf("%.60q: %+v", c.in, b)
		}
	}
	var long *BadStanza
	if _, err := Parse([]byte("<message from='a@b/c' id='" + strings.Repeat("x", 1025) + "'/>")); !errors.As(err, &long) || long.Condition != ConditionPolicyViolation || long.Header.ID != "" {
		t.Errorf("an id of 1,025 bytes: %v", err)
	}
	for _, s := range []string{"", " <message/>", "<message/>x", "<message/><message/>", "</message>", "<message", "x", "<![CDATA[]]>"} {
		if _, err := Parse([]byte(s)); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

// declarations are n of namespaces.
func declarations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "xmlns:p%d='u' ", i)
	}
	return b.String()
}

func TestRaw(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{`<message><x xmlns='urn:x' a="1">t</x></message>`, `<x xmlns='urn:x' a="1">t</x>`},
		{`<message xmlns:p='urn:&amp;p'><p:x/></message>`, `<p:x xmlns:p='urn:&amp;p'/>`},
		{`<message xmlns:p='urn:p' xmlns='jabber:component:accept'><x xmlns='urn:x' xmlns:p='urn:q'/></message>`, `<x xmlns='urn:x' xmlns:p='urn:q'/>`},
		{`<message><body>b</body></message>`, `<body>b</body>`},
	} {
		st := parseString(t, c.in)
		for e := range st.Children() {
			if e.Raw() != c.out {
				t.Errorf("%s: %s, want %s", c.in, e.Raw(), c.out)
			}
			again := parseString(t, `<message>`+e.Raw()+`</message>`)
			if _, ok := again.Child(e.Space, e.Local); !ok {
				t.Errorf("%s changed its meaning", e.Raw())
			}
		}
	}
	st := parseString(t, `<message xmlns:p='urn:p'><a xmlns='urn:a'><b p:c='1'/></a></message>`)
	a, _ := st.Child("urn:a", "a")
	b, _ := a.Child("urn:a", "b")
	if got := b.Raw(); got != `<b xmlns='urn:a' xmlns:p='urn:p' p:c='1'/>` {
		t.Error(got)
	}
	var none Element
	if none.Raw() != "" || none.Text() != "" || none.Attr("a") != "" {
		t.Error("the zero Element is something")
	}
}

const opening = `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' id='3BF96D32' from='irc.example.org'>`

func TestStream(t *testing.T) {
	in := opening + " \n<handshake/><message id='1'><a b='>'>&gt;></a></message>\n" +
		`<message id='2' from='a@b'><a></b></message><message id='3' from='a@b'>` + strings.Repeat("x", 2000) + `</message>` +
		`<iq id='4'><q><![CDATA[</iq>]]]></q></iq><stream:error/></stream:stream>`
	limits := DefaultLimits
	limits.Size = 1000
	for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
		d := NewDecoder(r, limits)
		id, err := d.Open()
		if err != nil || id != "3BF96D32" {
			t.Fatalf("%q, %v", id, err)
		}
		var got []string
		for {
			st, err := d.Next()
			var b *BadStanza
			if errors.As(err, &b) {
				got = append(got, b.Header.ID+" "+string(b.Condition))
				continue
			}
			if err != nil {
				got = append(got, err.Error())
				break
			}
			got = append(got, st.Local+st.ID)
		}
		want := "handshake,message1,2 bad-request,3 policy-violation,iq4,error,stream closed by peer"
		if strings.Join(got, ",") != want {
			t.Errorf("got %q", got)
		}
	}
}

func TestBadStreams(t *testing.T) {
	for _, c := range []struct {
		in   string
		want error
	}{
		{"", io.EOF},
		{"  ", io.EOF},
		{"<message>", io.ErrUnexpectedEOF},
		{"<", io.ErrUnexpectedEOF},
		{"x", errFraming},
		{"<?x?>", errFraming},
		{"<!--x-->", errFraming},
		{"<message><!--x--></message>", errFraming},
		{"<message><!DOCTYPE x>", errFraming},
		{"<>", errFraming},
		{"</stream:stream>", ErrStreamClosed},
	} {
		d := NewDecoder(strings.NewReader(c.in), DefaultLimits)
		if _, err := d.Next(); !errors.Is(err, c.want) {
			t.Errorf("%q: %v", c.in, err)
		}
	}
	for _, s := range []string{
		"", "<stream>", "x<y>", "<!DOCTYPE x>", strings.Repeat(" ", 5000),
		"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
	} {
		if id, err := NewDecoder(strings.NewReader(s), DefaultLimits).Open(); err == nil {
			t.Errorf("%q opened %q", s, id)
		}
	}
}

func TestEncode(t *testing.T) {
	h := Header{
		Kind: Message, To: jid.MustParse("a@b/it's"), From: jid.MustParse("#go%libera@gw/<nick>"),
		ID: "a&b", Type: "groupchat", Lang: "de",
	}
	b := AppendOpen(nil, h)
	b = AppendElement(b, "body", "a\x02b\x1f <&>'\" \xff\ttab\nline\r\uFFFE😀")
	b = AppendClose(b, Message)
	want := `<message to='a@b/it&apos;s' from='#go%libera@gw/&lt;nick&gt;' id='a&amp;b' type='groupchat' xml:lang='de'>` +
		"<body>ab &lt;&amp;&gt;'\" \uFFFD\ttab\nline&#13;😀</body></message>"
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	st := parseString(t, string(b))
	if st.Header != h {
		t.Errorf("read back %+v", st.Header)
	}
	if got := string(AppendAttr(nil, "'\"\n\t\r")); got != "&apos;&quot;&#10;&#9;&#13;" {
		t.Error(got)
	}
	if got := string(AppendEmpty(nil, Header{Kind: IQ, ID: "1", Type: "result"})); got != "<iq id='1' type='result'/>" {
		t.Error(got)
	}
}

func TestTemplate(t *testing.T) {
	h := Header{Kind: Presence, From: jid.MustParse("#go%libera@gw/nick")}
	tpl := NewTemplate(Presence, AppendEmpty(nil, h))
	h.To = jid.MustParse("alice@example.org/phone")
	if got, want := tpl.AppendTo(nil, h.To), AppendEmpty(nil, h); string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestErrors(t *testing.T) {
	h := Header{Kind: Message, To: jid.MustParse("gw"), From: jid.MustParse("a@b/c"), ID: "1", Type: "chat"}
	b := AppendErrorReply(nil, h, StanzaError{Condition: ConditionGone, URI: "xmpp:x@y", Text: "it's <gone>", By: "gw"})
	want := `<message to='a@b/c' from='gw' id='1' type='error'><error type='cancel' by='gw'>` +
		`<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:x@y</gone>` +
		`<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>it's &lt;gone&gt;</text></error></message>`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	got := parseString(t, want).Err()
	if got != (StanzaError{Type: "cancel", Condition: ConditionGone, URI: "xmpp:x@y", Text: "it's <gone>", By: "gw"}) {
		t.Errorf("%+v", got)
	}
	strange := "<iq type='error'><error type='x'><" + strings.Repeat("x", 5000) + " xmlns='" + NSStanzas + "'/><text xmlns='" + NSStanzas + "'>" + strings.Repeat("é", 5000) + "</text></error></iq>"
	if got := parseString(t, strange).Err(); got != (StanzaError{Condition: ConditionUndefined, Text: strings.Repeat("é", 512)}) {
		t.Errorf("%.200q", got)
	}
	if got := parseString(t, `<iq type='error'/>`).Err(); got.Condition != ConditionUndefined {
		t.Errorf("%+v", got)
	}
}

// Mixed yields characters and elements in order, references and CDATA undone.
func TestMixed(t *testing.T) {
	st, err := Parse([]byte("<message>a&lt;<b/>c<![CDATA[<d>]]><e>f</e></message>"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for text, e := range st.Mixed() {
		got = append(got, text+"|"+e.Local)
		if e.Local == "e" && e.Text() != "f" {
			t.Error(e.Text())
		}
	}
	if want := []string{"a<|", "|b", "c<d>|", "|e"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for range (Element{}).Mixed() {
		t.Error("nothing has something in it")
	}
}
