package xmppside

import (
	"fmt"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/wire"
)

const nsItems = "<query xmlns='http://jabber.org/protocol/disco#items'>"

// withMatrix is a gateway with a domain for Matrix.
func withMatrix(o *Options) {
	o.Domains = append(o.Domains, Domain{Name: "matrix.example.org", Network: "matrix", Server: o.Domains[0].Server, Secret: "s"})
}

func rsm(inside string) string {
	return "<set xmlns='http://jabber.org/protocol/rsm'>" + inside + "</set>"
}

// IRC's lists are read page by page (XEP-0059), though the network gives them whole.
func TestPagesOfChannels(t *testing.T) {
	s := newService(t, nil)
	list := bridge.Answer{Rows: [][]string{{"#d", "", "4"}, {"#b", "", "2"}, {"#a"}, {"#c", "", "3"}, {"#e", "", "5"}}}
	get := func(set string) { s.get("libera@gw.example.org", nsItems+rsm(set)+"</query>") }
	get("<max>2</max>")
	s.reply(s.asked(), list)
	s.hear("jid='#a%libera@gw.example.org' name='#a'/><item jid='#b%libera@gw.example.org' name='#b (2)'/><set xmlns='http://jabber.org/protocol/rsm'><first index='0'>#a</first><last>#b</last><count>5</count></set></query>")
	get("<max>2</max><after>#b</after>") // the network is not asked again
	s.hear("<item jid='#c%", "<first index='2'>#c</first><last>#d</last><count>5</count>")
	get("<max>2</max><after>#d</after>")
	s.hear("<first index='4'>#e</first><last>#e</last><count>5</count>")
	get("<max>2</max><after>#e</after>")
	s.hear(nsItems + rsm("<count>5</count>"))
	get("<max>2</max><before>#c</before>")
	s.hear("<first index='0'>#a</first><last>#b</last>")
	get("<max>2</max><index>3</index>")
	s.hear("<first index='3'>#d</first><last>#e</last>")
	get("<max>2</max><after>#x</after>")
	s.hear("<item-not-found ")
	get("<max>2</max><index>9</index>")
	s.hear("<item-not-found ")
	for _, wrong := range []string{"<max>-1</max>", "<max>x</max>", "<index>-2</index>", "<after>" + strings.Repeat("x", 3000) + "</after>"} {
		get(wrong)
		s.hear("<bad-request ")
	}
	s.fence()
	get("<max>2</max><before/>") // the last page, and a new list
	s.reply(s.asked(), list)
	s.hear("<first index='3'>#d</first><last>#e</last>")
	get("<max>0</max>")
	s.reply(s.asked(), list)
	s.hear(nsItems + rsm("<count>5</count>"))
	get("") // a list that is there as a whole says so
	s.reply(s.asked(), list)
	s.hear("<first index='0'>#a</first><last>#e</last><count>5</count>")
	// Who does not ask for pages gets one, if there is no place for all.
	s.get("libera@gw.example.org", nsItems+"</query>")
	var long bridge.Answer
	for i := range 2000 {
		long.Rows = append(long.Rows, []string{fmt.Sprintf("#%04d", i), strings.Repeat("'", 200)})
	}
	s.reply(s.asked(), long)
	if got := s.hear("<first index='0'>#0000</first>", "<count>2000</count>"); len(got) > 300<<10 || len(got) < 100<<10 {
		t.Errorf("%d bytes", len(got))
	}
}

// Matrix makes its pages itself.
func TestPagesOfMatrix(t *testing.T) {
	s := newService(t, withMatrix)
	get := func(set string) { s.get("matrix.example.org", nsItems+set+"</query>") }
	get(rsm("<max>2</max>"))
	e := s.asked()
	if e.Room != (bridge.Room{Network: "xmpp", ID: "matrix.example.org", Owner: aliceHome}) || e.Body != (bridge.Query{What: bridge.QueryRooms, Limit: 2}) {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Answer{Rows: [][]string{{"#Go%server.org", "Gophers", "42", "Go"}, {"!AbC%server.org", "", "7"}}, Next: "tok", Total: 3})
	s.hear(`<item jid='#\u{47}o%server.org@matrix.example.org' name='Go (42): Gophers'/><item jid='!\u{41}b\u{43}%server.org@matrix.example.org' name='!AbC:server.org (7)'/>`,
		"<first>#Go%server.org</first><last>next:tok</last><count>3</count>")
	get(rsm("<max>1000</max><after>next:tok</after>"))
	e = s.asked()
	if e.Body != (bridge.Query{What: bridge.QueryRooms, After: "tok", Limit: maxPage}) {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Answer{Rows: [][]string{{"#c%server.org"}}, Total: 3})
	s.hear("<last>end</last>")
	get(rsm("<after>end</after>"))
	s.hear(nsItems + rsm("") + "</query>")
	get(rsm("<after>#Go%server.org</after>"))
	s.hear("<item-not-found ")
	get(rsm("<before/>"))
	s.hear("<feature-not-implemented ")
	get(rsm("<max>0</max>"))
	s.reply(s.asked(), bridge.Answer{Rows: [][]string{{"#c%server.org"}}, Next: "x", Total: 99})
	s.hear(nsItems + rsm("<count>99</count>"))
	get("")
	s.reply(s.asked(), bridge.Answer{Rows: [][]string{{"#c%server.org"}}})
	s.hear("name='#c:server.org'/></query>")
	get("")
	s.reply(s.asked(), bridge.Failure{Kind: bridge.ErrOffline, Text: "The homeserver is away."})
	s.hear("<recipient-unavailable ", "The homeserver is away.")
	// Empty pages in between are passed over: they would end the list.
	get(rsm("<max>2</max>"))
	s.reply(s.asked(), bridge.Answer{Next: "a"})
	s.reply(s.asked(), bridge.Answer{Rows: [][]string{{"no name"}}, Next: "b"})
	e = s.asked()
	if e.Body != (bridge.Query{What: bridge.QueryRooms, After: "b", Limit: 2}) {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Answer{Rows: [][]string{{"#c%server.org"}}, Next: "c"})
	s.hear("<item jid='#c%server.org@matrix.example.org'", "<last>next:c</last>")
	get("")
	for i := range maxEmpty {
		s.reply(s.asked(), bridge.Answer{Next: fmt.Sprint(i)})
	}
	s.hear("</query></iq>")
	// On a domain of all networks it is one of them.
	s.get("gw.example.org", nsItems+"</query>")
	s.hear("<item jid='matrix@gw.example.org' name='matrix'/></query>")
	s.get("matrix@gw.example.org", nsItems+"</query>")
	s.reply(s.asked(), bridge.Answer{Rows: [][]string{{"#c%server.org"}}})
	s.hear("<item jid='#c%server.org%matrix@gw.example.org' name='#c:server.org'/></query>")
}

func TestInfoOfMatrix(t *testing.T) {
	s := newService(t, withMatrix)
	info := "<query xmlns='http://jabber.org/protocol/disco#info'/>"
	s.get("matrix.example.org", info)
	got := s.hear("<identity category='conference' type='text' name='matrix'/><identity category='gateway' type='matrix' name='matrix'/>",
		"<feature var='http://jabber.org/protocol/rsm'/>", "<feature var='jabber:iq:search'/>", "<feature var='urn:xmpp:channel-search:0:search'/>")
	if strings.Contains(got, nsCommands) {
		t.Error("there is nothing to log in to: " + got)
	}
	s.get("matrix.example.org", "<query xmlns='http://jabber.org/protocol/disco#info' node='"+loginNode+"'/>")
	s.hear("<item-not-found ")
	s.get("gw.example.org", info)
	s.hear("<identity category='conference' type='text' name='Isthmus'/><identity category='gateway' type='irc' name='Isthmus'/><identity category='gateway' type='matrix' name='Isthmus'/>")
}

// XEP-0433.
func TestChannelSearch(t *testing.T) {
	s := newService(t, withMatrix)
	ask := func(to, fields, set string) {
		s.get(to, "<search xmlns='urn:xmpp:channel-search:0:search'>"+set+"<x xmlns='jabber:x:data' type='submit'>"+fields+"</x></search>")
	}
	field := func(name, value string) string {
		return "<field var='" + name + "'><value>" + value + "</value></field>"
	}
	const libera, matrix = "libera.example.org", "matrix.example.org"
	s.get(libera, "<search xmlns='urn:xmpp:channel-search:0:search'/>")
	s.hear("urn:xmpp:channel-search:0:search-params", "var='q'", "var='all'", "var='sinname'", "var='sindescription'", "var='sinaddress'", "order}nusers</value>", "order}address</value>")
	s.get(matrix, "<search xmlns='urn:xmpp:channel-search:0:search'/>")
	if got := s.hear("var='q'", "order}nusers</value>"); strings.Contains(got, "sinname") || strings.Contains(got, "order}address") {
		t.Error(got)
	}
	list := bridge.Answer{Rows: [][]string{{"#go", "The GO language", "2"}, {"#rust", "not go", "9"}, {"#c", "", "5"}, {"#gopher"}}}
	ask(libera, field("q", "Go"), "")
	s.reply(s.asked(), list)
	s.hear("<result xmlns='urn:xmpp:channel-search:0:search'><item address='#rust@libera.example.org'><name>#rust</name><description>not go</description><nusers>9</nusers><service-type>xep-0045</service-type></item>"+
		"<item address='#go@libera.example.org'>", "</item><item address='#gopher@libera.example.org'><name>#gopher</name><service-type>xep-0045</service-type></item>",
		"<first index='0'>#rust</first><last>#gopher</last><count>3</count></set></result>")
	ask(libera, field("q", "go")+field("sindescription", "0")+field("key", orderByAddress), rsm("<max>1</max>"))
	s.reply(s.asked(), list)
	s.hear("<item address='#go@libera.example.org'>", "<last>#go</last><count>2</count>")
	ask(libera, field("all", "1"), rsm("<max>2</max>"))
	s.reply(s.asked(), list)
	s.hear("#rust@", "#c@", "<count>4</count>")
	ask(libera, field("q", "nothing of that kind"), "")
	s.reply(s.asked(), list)
	s.hear("type='result'", "<count>0</count>") // §5: "it MUST NOT reply with an <item-not-found/> error"
	for _, c := range []struct{ to, fields, condition, app string }{
		{libera, "", "<bad-request ", "<no-search-conditions "},
		{libera, field("q", " "), "<bad-request ", "<invalid-search-terms "},
		{libera, field("q", strings.Repeat("x", 300)), "<bad-request ", "<invalid-search-terms "},
		{libera, field("q", "x") + field("all", "true"), "<bad-request ", "<conflicting-fields "},
		{libera, field("q", "x") + field("key", "{x}y"), "<feature-not-implemented ", "<invalid-sort-key "},
		{matrix, field("q", "x") + field("key", orderByAddress), "<feature-not-implemented ", "<invalid-sort-key "},
		{"gw.example.org", field("q", "x"), "<service-unavailable ", ""},
		{rob, field("q", "x"), "<service-unavailable ", ""},
	} {
		ask(c.to, c.fields, "")
		s.hear("type='error'", c.condition, c.app)
	}
	s.fence()
	ask(matrix, field("q", "go"), "")
	e := s.asked()
	if e.Body != (bridge.Query{What: bridge.QueryRooms, Search: "go", Limit: maxPage}) {
		t.Errorf("%+v", e)
	}
	s.reply(e, bridge.Answer{Rows: [][]string{{"#z%server.org", "found by what we are not told"}}, Next: "n"})
	s.hear("<item address='#z%server.org@matrix.example.org'>", "<last>next:n</last>")
}

// XEP-0055, with pages as in XEP-0059 §2.1.
func TestSearch(t *testing.T) {
	s := newService(t, withMatrix)
	s.get("libera.example.org", "<query xmlns='jabber:iq:search'/>")
	s.hear("<instructions>", "<nick/>", "<value>jabber:iq:search</value>", "var='q'")
	list := bridge.Answer{Rows: [][]string{{"#go", "Go & more", "2"}, {"#c"}}}
	s.set("libera.example.org", "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'><field var='q'><value>GO</value></field></x></query>")
	s.reply(s.asked(), list)
	s.hear("<reported><field var='jid' type='jid-single' label='Address'/>", "</reported><item><field var='jid'><value>#go@libera.example.org</value></field><field var='name'><value>#go</value></field>"+
		"<field var='topic'><value>Go &amp; more</value></field><field var='members'><value>2</value></field></item></x></query>")
	s.set("libera.example.org", "<query xmlns='jabber:iq:search'><nick/>"+rsm("<max>1</max>")+"</query>")
	s.reply(s.asked(), list)
	s.hear("<item jid='#c@libera.example.org'><nick>#c</nick></item><set ", "<count>2</count></set></query>")
	s.set("libera.example.org", "<query xmlns='jabber:iq:search'><nick>"+strings.Repeat("x", 300)+"</nick></query>")
	s.hear("<not-acceptable ")
	s.set(rob, "<query xmlns='jabber:iq:search'/>")
	s.hear("<service-unavailable ")
	s.get(rob, "<query xmlns='jabber:iq:search'/>")
	s.hear("<service-unavailable ")
	s.set("matrix@gw.example.org", "<query xmlns='jabber:iq:search'><nick>go</nick></query>")
	if e := s.asked(); e.Body != (bridge.Query{What: bridge.QueryRooms, Search: "go", Limit: maxPage}) {
		t.Errorf("%+v", e)
	}
}

func TestListsAreBounded(t *testing.T) {
	d := newDirectory()
	room := func(i int) bridge.Room { return bridge.Room{Network: "xmpp", ID: fmt.Sprint(i)} }
	for i := range maxLists + 10 {
		d.keep(room(i), nil)
	}
	if _, ok := d.get(room(maxLists + 9)); !ok || len(d.lists) != maxLists {
		t.Errorf("%d kept", len(d.lists))
	}
}

// A page is a part of the list, within its bounds, and pages follow each other.
func FuzzPaging(f *testing.F) {
	f.Add("<max>2</max><after>#1</after>", 5)
	f.Add("<before/>", 3)
	f.Add("<index>4</index><max>0</max>", 9)
	f.Fuzz(func(t *testing.T, set string, n int) {
		st, err := wire.Parse([]byte("<iq xmlns='" + wire.NSComponent + "' type='get'><q xmlns='x'>" + rsm(set) + "</q></iq>"))
		if err != nil || n < 0 || n > 50 {
			return
		}
		q, _ := st.Child("x", "q")
		p := readPaging(q)
		if p.incoherent {
			return
		}
		all := make([]roomRow, n)
		for i := range all {
			all[i].id = fmt.Sprintf("#%d", i)
		}
		found, ok := p.cut(all, 10, maxItems)
		if !ok {
			return
		}
		if len(found.rows) > 10 || p.max >= 0 && len(found.rows) > p.max || found.total != n || found.whole != (len(found.rows) == n) {
			t.Fatalf("%+v of %d: %+v", p, n, found)
		}
		for i, row := range found.rows {
			if row.id != all[found.index+i].id {
				t.Fatalf("%+v of %d: %+v", p, n, found)
			}
		}
		if len(found.rows) > 0 {
			next, ok := paging{max: p.max, index: -1, after: found.last}.cut(all, 10, maxItems)
			if !ok || next.index != found.index+len(found.rows) {
				t.Fatalf("after %+v: %+v", found, next)
			}
		}
	})
}

// What is submitted is a search, or what is wrong is said.
func FuzzChannelSearch(f *testing.F) {
	f.Add("go", "1", orderBySize, true)
	f.Fuzz(func(t *testing.T, text, all, key string, ordersItself bool) {
		q, refusal := readChannelSearch(map[string]string{"q": text, "all": all, "key": key}, ordersItself)
		if refusal.Condition == "" && (len(q.text) > maxSearch || (q.text == "") != isTrue(all) || ordersItself && !q.bySize) {
			t.Fatalf("%+v", q)
		}
	})
}

// No row is heavier than it is taken for, by more than servers bear.
func TestWeight(t *testing.T) {
	set := testSettings(t, Options{Networks: []string{"libera"}, Domains: []Domain{{Name: "gw.example.org"}}})
	for _, text := range []string{"", strings.Repeat("'", 300), strings.Repeat("é<&", 100)} {
		rows := set.rowsOf(address.Address{Domain: "gw.example.org", Network: "libera"}, bridge.Answer{Rows: [][]string{{"#go", text, "7"}}})
		if got := len(appendFoundForm(nil, rows)) - len(appendFoundForm(nil, nil)); got > 2*rows[0].weight() {
			t.Errorf("%q: %d bytes, weighs %d", text, got, rows[0].weight())
		}
	}
}
